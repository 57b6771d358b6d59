"""Scenes drawn and sung here: coloured shapes, tones, captions; exact truth, no download.

One scene has a shape, a colour, a size and a place. The picture shows them; the caption
says them in one of several ways; the tone sings them: pitch is the shape, timbre and beat
are the colour, loudness is the size, and the place is where in time the loudest part lies.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator

from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, F64
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT

RATE = 16_000
SECONDS = 1.0
SIDE = 96
_OVERSAMPLING = 4

# name: (Chinese, pitch in Hz)
_SHAPES: dict[str, tuple[str, float]] = {
    "circle": ("圆形", 220.0),
    "triangle": ("三角形", 294.0),
    "square": ("正方形", 392.0),
    "star": ("星形", 523.0),
    "cross": ("十字形", 698.0),
    "hexagon": ("六边形", 932.0),
}
# name: (Chinese, RGB, weights of the harmonics, beats a second)
_COLOURS: dict[str, tuple[str, tuple[int, int, int], tuple[float, ...], float]] = {
    "red": ("红色", (214, 40, 40), (1.0,), 0.0),
    "orange": ("橙色", (240, 140, 30), (1.0, 0.8), 2.0),
    "yellow": ("黄色", (240, 210, 40), (1.0, 0.0, 0.8), 3.0),
    "green": ("绿色", (40, 150, 70), (1.0, 0.6, 0.5, 0.4), 4.0),
    "blue": ("蓝色", (40, 80, 200), (0.3, 1.0), 6.0),
    "purple": ("紫色", (130, 50, 160), (0.3, 0.0, 1.0), 8.0),
    "black": ("黑色", (30, 30, 30), (1.0, 1.0, 1.0, 1.0, 1.0), 12.0),
}
# name: (Chinese, radius as a part of the side, loudness)
_SIZES = {
    "small": ("小", 0.14, 0.2),
    "medium": ("中等大小的", 0.2, 0.45),
    "large": ("大", 0.27, 0.9),
}
# name: (Chinese, centre across, centre down, loudest moment in seconds)
_PLACES = {
    "on the left": ("左边", 0.3, 0.5, 0.15),
    "in the middle": ("中间", 0.5, 0.5, 0.5),
    "on the right": ("右边", 0.7, 0.5, 0.85),
    "at the top": ("上方", 0.5, 0.3, 0.32),
    "at the bottom": ("下方", 0.5, 0.7, 0.68),
}
_TEMPLATES = {
    "en": (
        "a {size} {colour} {shape} {place}",
        "there is a {size} {colour} {shape} {place} of the picture",
        "{place}, a {shape} that is {size} and {colour}",
        "{colour} {shape}, {size}, {place}",
    ),
    "zh": (
        "{place}有一个{colour}的{size}{shape}",
        "一个{colour}的{size}{shape}，在{place}",
        "图的{place}是一个{colour}的{size}{shape}",
    ),
}
LANGUAGES = tuple(_TEMPLATES)
ATTRIBUTES = {
    "shape": tuple(_SHAPES),
    "colour": tuple(_COLOURS),
    "size": tuple(_SIZES),
    "place": tuple(_PLACES),
}
"""What a scene has of each field, by its English name."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be seen and heard; every field is a name of this module's tables."""

    shape: str
    colour: str
    size: str
    place: str

    def caption(self, language: str, template: int) -> str:
        """The scene in words, in one of several ways.

        Examples:
            >>> Scene("star", "red", "small", "on the left").caption("en", 0)
            'a small red star on the left'
        """
        ways = _TEMPLATES[language]
        words = {
            "shape": _SHAPES[self.shape][0],
            "colour": _COLOURS[self.colour][0],
            "size": _SIZES[self.size][0],
            "place": _PLACES[self.place][0],
        }
        if language == "en":
            words = {name: getattr(self, name) for name in words}
        return ways[template % len(ways)].format(**words)


def load(
    *,
    n: int = 300,
    seed: int = 0,
    languages: Sequence[str] | str = ("en", "zh"),
    missing: float = 0.0,
) -> Dataset:
    """Draw and sing ``n`` scenes; the same arguments give the same bytes.

    Args:
        n: How many.
        seed: Of everything that is random.
        languages: Of the captions, ``"en"`` and ``"zh"``; a text item carries one caption
            in each.
        missing: Probability with which each item is left out; every record keeps one.

    Returns:
        Records of text, image and audio; the group is ``"colour shape"``.

    Raises:
        DataError: If an argument is out of range.
    """
    tags = tuple(languages.split(",")) if isinstance(languages, str) else tuple(languages)
    if not tags or set(tags) - set(LANGUAGES):
        raise DataError(
            f"shapes has captions in {', '.join(LANGUAGES)}, got {', '.join(tags) or 'nothing'}"
        )
    if not isinstance(n, int) or not isinstance(missing, float | int):
        raise DataError(f"shapes needs numbers for n and missing, got {n!r} and {missing!r}")
    if n < 1 or not 0.0 <= missing < 1.0:
        raise DataError(f"shapes needs n ≥ 1 and 0 ≤ missing < 1, got n={n}, missing={missing}")
    rng = np.random.default_rng(seed)
    records = [_record(i, rng, tags, missing) for i in range(n)]
    return Dataset("shapes", records, licence="CC0-1.0")


def draw(scene: Scene, rng: Generator) -> bytes:
    """The picture of a scene as PNG, :data:`SIDE` pixels square.

    Place, turn and brightness vary a little from ``rng``.
    """
    from PIL import Image, ImageDraw

    side = SIDE * _OVERSAMPLING  # drawn large and reduced, which smooths the edges
    ground = int(rng.integers(225, 256))
    image = Image.new("RGB", (side, side), (ground, ground, ground))
    _, across, down, _ = _PLACES[scene.place]
    centre = (np.array([across, down]) + rng.uniform(-0.03, 0.03, 2)) * side
    radius = _SIZES[scene.size][1] * side * rng.uniform(0.93, 1.07)
    shade = rng.uniform(0.9, 1.1)
    fill = shaded(scene.colour, shade)
    corners = outline(scene.shape, rng.uniform(-0.03, 0.03)) * radius + centre
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], fill=fill)
    out = io.BytesIO()
    image.resize((SIDE, SIDE), Image.Resampling.BOX).save(out, "PNG", compress_level=1)
    return out.getvalue()


def sing(scene: Scene, rng: Generator) -> bytes:
    """The tone of a scene as WAV: mono, 16 bits, :data:`RATE` Hz, :data:`SECONDS` long.

    Pitch, loudness and phase vary a little from ``rng``, over faint noise.
    """
    time = np.arange(int(RATE * SECONDS)) / RATE
    pitch = _SHAPES[scene.shape][1] * rng.uniform(0.99, 1.01)
    _, _, harmonics, beats = _COLOURS[scene.colour]
    phase = rng.uniform(0, 2 * math.pi)
    tone = np.zeros_like(time)
    for k, weight in enumerate(harmonics, start=1):
        tone += weight * np.sin(2 * math.pi * k * pitch * time + k * phase)
    tone /= sum(harmonics)
    if beats:
        tone *= 0.6 + 0.4 * np.cos(2 * math.pi * beats * time)
    moment = _PLACES[scene.place][3]
    tone *= 0.35 + 0.65 * np.exp(-(((time - moment) / 0.18) ** 2))
    tone *= _SIZES[scene.size][2] * rng.uniform(0.95, 1.05)
    tone += rng.normal(0, 0.002, len(time))
    return wav(np.clip(tone, -1, 1).astype(np.float32))


def _record(index: int, rng: Generator, tags: tuple[str, ...], missing: float) -> Record:
    scene = Scene(*(str(rng.choice(list(table))) for table in (_SHAPES, _COLOURS, _SIZES, _PLACES)))
    name = f"scene-{index:04d}"
    captions = [scene.caption(tag, int(rng.integers(12))) for tag in tags]
    image, audio = draw(scene, rng), sing(scene, rng)
    items = {
        TEXT: MediaItem.from_text(captions, source=f"{name}.txt"),
        IMAGE: MediaItem.from_bytes(image, IMAGE, source=f"{name}.png"),
        AUDIO: MediaItem.from_bytes(audio, AUDIO, source=f"{name}.wav"),
    }
    drop = rng.random(len(items)) < missing
    drop[int(rng.integers(len(items)))] = False
    kept = {m: item for (m, item), gone in zip(items.items(), drop, strict=True) if not gone}
    language = tags[0] if len(tags) == 1 else None
    return Record(name, kept, group=f"{scene.colour} {scene.shape}", language=language)


def named(word: str, language: str) -> str:
    """A shape or a colour in a language.

    Examples:
        >>> named("star", "zh"), named("red", "en")
        ('星形', 'red')
    """
    if language == "en":
        return word
    return _SHAPES[word][0] if word in _SHAPES else _COLOURS[word][0]


def shaded(colour: str, shade: float) -> tuple[int, ...]:
    """RGB of a colour, brighter or darker."""
    return tuple(min(255, int(c * shade)) for c in _COLOURS[colour][1])


def voice(shape: str, colour: str) -> tuple[float, tuple[float, ...], float]:
    """How a shape of a colour sounds: pitch in Hz, weights of its harmonics, beats a second."""
    return _SHAPES[shape][1], _COLOURS[colour][2], _COLOURS[colour][3]


@lru_cache(maxsize=16)
def _corners(shape: str) -> tuple[tuple[float, float], ...]:
    """Corners around the origin as (radius, turns clockwise from the top)."""
    if shape == "cross":
        inner, half = math.hypot(0.3, 0.3), math.atan2(0.3, 0.95) / (2 * math.pi)
        arm = math.hypot(0.3, 0.95)
        parts = ((arm, -half), (arm, half), (inner, 0.125))
        return tuple((r, t + quarter / 4) for quarter in range(4) for r, t in parts)
    if shape == "star":
        return tuple((1.0 if k % 2 == 0 else 0.42, k / 10) for k in range(10))
    count, first = {"circle": (72, 0.0), "triangle": (3, 0.0), "square": (4, 0.125)}.get(
        shape, (6, 0.0)
    )
    return tuple((1.0, first + k / count) for k in range(count))


def outline(shape: str, turn: float) -> F64:
    """Corners of a shape of radius 1 around the origin, ``(corners, 2)``: right and down."""
    radius, turns = np.array(_corners(shape)).T
    angle = 2 * math.pi * (turns + turn)
    return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1)


def wav(samples: F32) -> bytes:
    """Samples ``(n,)`` in −1…1 at :data:`RATE` Hz as WAV of 16 bits."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((samples * 32767).astype("<i2").tobytes())
    return out.getvalue()
