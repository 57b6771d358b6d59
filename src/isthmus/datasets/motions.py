"""Scenes that move, filmed and sung here: shapes, colours, six motions; exact truth, no download.

A shape of a colour moves to the left, to the right, up or down, grows, or spins. The video shows
it, the caption says it, and the tone sings it: timbre and beat are the colour, the pitch begins at
that of the shape, and how pitch and loudness change is the motion.

A film of ``left`` is a film of ``right`` shown backwards, and one of ``up`` a film of ``down``.
Every frame is coded by itself with the same quantiser, so the frames of a film, as a set, do not
tell which way it goes: only their order does.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.extras import require
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, TEXT, VIDEO
from isthmus.datasets import shapes

SIDE = 96
FRAMES = 17
"""Of a film; odd, so that frames in the middles of equal parts of it are the same backwards."""
RATE = 8
"""Frames a second, so a film lasts two seconds."""
OPPOSITES = (("left", "right"), ("up", "down"))
"""Motions that are each other, backwards."""
_OVERSAMPLING = 3
_QUANTISER = 16
_MARK = (0.5, 0.16, 0.125)
"""Of the light dot on a shape, which shows how it is turned: how far from the centre, how large, in
radii, and where, in turns."""
_LENGTH = FRAMES / RATE

# name: (English, Chinese)
_MOTIONS = {
    "left": ("moves to the left", "向左移动"),
    "right": ("moves to the right", "向右移动"),
    "up": ("moves up", "向上移动"),
    "down": ("moves down", "向下移动"),
    "grow": ("grows", "变大"),
    "spin": ("spins", "旋转"),
}
_TEMPLATES = {
    "en": (
        "a {colour} {shape} {motion}",
        "there is a {colour} {shape}, and it {motion}",
        "the {shape} is {colour} and {motion}",
        "{colour} {shape}: it {motion}",
    ),
    "zh": (
        "一个{colour}的{shape}{motion}",
        "{colour}的{shape}在{motion}",
        "有一个{shape}，是{colour}的，它{motion}",
    ),
}
LANGUAGES = tuple(_TEMPLATES)
MOTIONS = tuple(_MOTIONS)
ATTRIBUTES = {
    "shape": shapes.ATTRIBUTES["shape"],
    "colour": shapes.ATTRIBUTES["colour"],
    "motion": MOTIONS,
}
"""What a scene has of each field, by its English name."""


@dataclass(frozen=True, slots=True)
class MovingScene:
    """What is to be seen and heard; every field is a name in :data:`ATTRIBUTES`."""

    shape: str
    colour: str
    motion: str

    def caption(self, language: str, template: int) -> str:
        """The scene in words, in one of several ways.

        Examples:
            >>> MovingScene("star", "red", "left").caption("en", 0)
            'a red star moves to the left'
            >>> MovingScene("star", "red", "spin").caption("zh", 0)
            '一个红色的星形旋转'
        """
        ways = _TEMPLATES[language]
        shape, colour = shapes.named(self.shape, language), shapes.named(self.colour, language)
        motion = _MOTIONS[self.motion][LANGUAGES.index(language)]
        return ways[template % len(ways)].format(shape=shape, colour=colour, motion=motion)


def load(
    *,
    n: int = 252,
    seed: int = 0,
    languages: Sequence[str] | str = ("en", "zh"),
    audio: bool = True,
) -> Dataset:
    """Film and sing ``n`` scenes; the same arguments give the same bytes with one release of PyAV.

    The 252 scenes that differ in shape, colour or motion come in random order, each once before
    any comes again.

    Args:
        n: How many.
        seed: Of everything that is random.
        languages: Of the captions, ``"en"`` and ``"zh"``; a text item carries one caption in each.
        audio: Whether there are tones.

    Returns:
        Records of text, video and audio, named ``"0003 red star left"``; the group is
        ``"colour shape"``.

    Raises:
        DataError: If an argument is out of range.
        MissingExtraError: Without PyAV, which writes the videos.
    """
    tags = tuple(languages.split(",")) if isinstance(languages, str) else tuple(languages)
    if not tags or set(tags) - set(LANGUAGES):
        raise DataError(
            f"shapes-motion has captions in {', '.join(LANGUAGES)}, got "
            f"{', '.join(tags) or 'nothing'}"
        )
    if not isinstance(n, int) or n < 1:
        raise DataError(f"shapes-motion needs n ≥ 1, got n={n!r}")
    rng = np.random.default_rng(seed)
    every = [MovingScene(s, c, m) for s in ATTRIBUTES["shape"] for c in ATTRIBUTES["colour"]
             for m in MOTIONS]  # fmt: skip
    order: list[int] = []
    while len(order) < n:
        order.extend(rng.permutation(len(every)).tolist())
    records = [_record(i, every[row], rng, tags, audio) for i, row in enumerate(order[:n])]
    return Dataset("shapes-motion", records, licence="CC0-1.0")


def film(scene: MovingScene, rng: Generator) -> NDArray[np.uint8]:
    """The frames of a scene, ``(FRAMES, SIDE, SIDE, 3)`` uint8 in RGB.

    Place, size, length of the way, turn and brightness vary a little from ``rng``, in the same way
    for a motion and its opposite.
    """
    backwards = scene.motion in ("left", "up")
    across = scene.motion in ("left", "right")
    ground = int(rng.integers(225, 256))
    shade = rng.uniform(0.9, 1.1)
    radius = rng.uniform(0.15, 0.21)
    turn = rng.uniform(-0.03, 0.03)
    way = rng.uniform(0.3, 0.5)
    middle = rng.uniform(0.42, 0.58, 2)
    steps = np.linspace(-0.5, 0.5, FRAMES)
    centres = np.tile(middle, (FRAMES, 1))
    radii, turns = np.full(FRAMES, radius), np.full(FRAMES, turn)
    if scene.motion in ("grow", "spin"):
        radii = radius * np.exp(steps * rng.uniform(0.9, 1.3)) if scene.motion == "grow" else radii
        turns = turn + steps * rng.uniform(0.4, 0.7) if scene.motion == "spin" else turns
    else:
        centres[:, 0 if across else 1] += steps * way
    fill = shapes.shaded(scene.colour, shade)
    frames = [
        _drawn(scene.shape, fill, ground, *each) for each in zip(centres, radii, turns, strict=True)
    ]
    return np.stack(frames[::-1] if backwards else frames)


def sing(scene: MovingScene, rng: Generator) -> bytes:
    """The tone of a scene as WAV: mono, 16 bits, as long as the film.

    Up and down: the pitch rises or falls by an octave. Left and right: beats that slow down or
    quicken. Grow: it swells. Spin: the pitch circles.
    """
    time = np.arange(int(shapes.RATE * _LENGTH)) / shapes.RATE
    place = time / _LENGTH
    pitch, harmonics, beats = shapes.voice(scene.shape, scene.colour)
    octaves = np.zeros_like(time) + rng.uniform(-0.01, 0.01)
    loud = np.full_like(time, 0.7)
    if scene.motion in ("up", "down"):
        octaves += (place - 0.5) * (1 if scene.motion == "up" else -1)
    elif scene.motion in ("left", "right"):
        passed = place if scene.motion == "right" else 1 - place
        loud *= 0.5 + 0.5 * np.cos(2 * math.pi * (1.5 * passed + 4.5 * passed**2))
    elif scene.motion == "grow":
        loud *= 0.1 + 0.9 * place**2
    else:
        octaves += 0.25 * np.sin(2 * math.pi * 2 * place)
    phase = 2 * math.pi * np.cumsum(pitch * 2.0**octaves) / shapes.RATE
    tone = sum(w * np.sin(k * phase) for k, w in enumerate(harmonics, start=1)) / sum(harmonics)
    if beats:
        tone = tone * (0.8 + 0.2 * np.cos(2 * math.pi * beats * time))
    tone = tone * loud * rng.uniform(0.95, 1.05) + rng.normal(0, 0.002, len(time))
    return shapes.wav(np.clip(tone, -1, 1).astype(np.float32))


def mp4(frames: NDArray[np.uint8], rate: int = RATE) -> bytes:
    """An MP4 that browsers play, whose frames are all coded alike and each by itself.

    H.264 (x264) on one thread, every frame a key frame with the same quantiser: what a frame looks
    like does not depend on where in the video it stands, and equal frames give equal bytes.

    Args:
        frames: ``(n, height, width, 3)`` uint8 in RGB, of even height and width.
        rate: Frames a second.

    Raises:
        MissingExtraError: Without PyAV.
    """
    av: Any = require("av", extra="formats", purpose="videos of shapes-motion")
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        stream.time_base = Fraction(1, rate)
        stream.options = {
            "qp": str(_QUANTISER),
            "g": "1",
            "bf": "0",
            "preset": "fast",
            "x264-params": "keyint=1:scenecut=0:threads=1:ipratio=1:aq-mode=0:mbtree=0",
        }
        for at, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()


def _record(
    index: int, scene: MovingScene, rng: Generator, tags: tuple[str, ...], audio: bool
) -> Record:
    name = f"{index:04d} {scene.colour} {scene.shape} {scene.motion}"
    captions = [scene.caption(tag, int(rng.integers(12))) for tag in tags]
    items = {
        TEXT: MediaItem.from_text(captions, source=f"{name}.txt"),
        VIDEO: MediaItem.from_bytes(mp4(film(scene, rng)), VIDEO, source=f"{name}.mp4"),
    }
    sung = sing(scene, rng)
    if audio:
        items[AUDIO] = MediaItem.from_bytes(sung, AUDIO, source=f"{name}.wav")
    language = tags[0] if len(tags) == 1 else None
    return Record(name, items, group=f"{scene.colour} {scene.shape}", language=language)


def _drawn(
    shape: str,
    fill: tuple[int, ...],
    ground: int,
    centre: F64,
    radius: float,
    turn: float,
) -> NDArray[np.uint8]:
    """One frame; drawn large and reduced, which smooths the edges."""
    from PIL import Image, ImageDraw

    side = SIDE * _OVERSAMPLING
    image = Image.new("RGB", (side, side), (ground, ground, ground))
    draw = ImageDraw.Draw(image)
    corners = (shapes.outline(shape, turn) * radius + centre) * side
    draw.polygon([(float(x), float(y)) for x, y in corners], fill=fill)
    far, size, where = _MARK
    angle = 2 * math.pi * (turn + where)
    dot = (centre + np.array([math.sin(angle), -math.cos(angle)]) * radius * far) * side
    half = size * radius * side
    box = [float(v) for v in (dot[0] - half, dot[1] - half, dot[0] + half, dot[1] + half)]
    draw.ellipse(box, fill=(245, 245, 245))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
