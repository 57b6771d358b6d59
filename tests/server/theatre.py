"""A store of long things: a film that browsers play, one that they do not, a talk, and a book."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.pipeline import prepare
from isthmus.selection import align
from isthmus.space import Space
from isthmus.store import Entry, is_whole, part_id, whole_id
from isthmus.tasks import Store

RATE, SECONDS = 8, 24
"""Frames a second, and how long film and talk are."""
SOUND_RATE = 48_000
SCENES = ("#b91c1c", "#15803d", "#1d4ed8", "#a16207", "#7e22ce", "#0e7490")
"""One a sixth of the film; a bright square moves through each."""
WORDS = "the stairs are closed"
"""To be read on a sign, and heard in the talk."""


@dataclass(frozen=True)
class Theatre:
    """A folder of media, the store that holds it, and the ids of its items by name."""

    media: Path
    store: Path
    ids: dict[str, str]


def build(root: Path, **settled: float) -> Theatre:
    """Media, a space that knows video, and the store.

    Args:
        root: Where to put them.
        settled: Parameters of CCA.
    """
    av = pytest.importorskip("av", reason="PyAV, which writes the videos, is not installed")
    media = root / "theatre"
    media.mkdir(parents=True)
    film(av, media / "film.webm", "libvpx", "libopus")
    film(av, media / "old film.avi", "mpeg4", None)
    sound(media / "talk.wav")
    sign(media / "sign.png")
    for number, hue in enumerate(SCENES):
        Image.new("RGB", (160 + 20 * number, 120), hue).save(media / f"card {number}.png")
    (media / "book.txt").write_text("\n\n".join(paragraphs()), encoding="utf-8")
    with Store.open(root / "store", space(**settled)) as store:
        report = store.add(media)
        assert not report.failures, report.failures
        entries = {Path(e.source).name: e for e in store.backend.entries() if is_whole(e.id)}
        add_parts(store, entries)
    return Theatre(media, root / "store", {name: entry.id for name, entry in entries.items()})


def space(**settled: float) -> Space:
    """Text, video, picture and sound in one space, of shapes that move."""
    from isthmus.datasets import motions
    from isthmus.media import decode

    records = []
    for record in motions.load(n=24).records:
        clip = decode(record.items["video"])
        still = image_item(Image.fromarray(clip.frames[len(clip.frames) // 2]), record.id)
        records.append(Record(record.id, {**record.items, "image": still}, group=record.group))
    encoders = {"text": "tfidf", "audio": "mfcc", "image": "color-hog"}
    encoders["video"] = "frames?image=color-hog&n=4"
    ready = prepare(Dataset("theatre", records), encoders, by_group=False)
    return align(ready, aligner="cca", params=settled, nested=False)


def image_item(picture: Image.Image, source: str) -> MediaItem:
    from io import BytesIO

    out = BytesIO()
    picture.save(out, "PNG")
    return MediaItem.from_bytes(out.getvalue(), "image", source=source)


def film(av: Any, path: Path, codec: str, heard: str | None) -> None:
    """A square that moves through rooms of one colour each; a tone for each, where it is heard."""
    frames = RATE * SECONDS
    with av.open(str(path), "w") as out:
        seen = out.add_stream(codec, rate=RATE)
        seen.width, seen.height, seen.pix_fmt = 192, 108, "yuv420p"
        if codec == "libvpx":
            seen.options = {"deadline": "realtime", "cpu-used": "8"}
        tone = None if heard is None else out.add_stream(heard, rate=SOUND_RATE, layout="mono")
        for number in range(frames):
            room = SCENES[number * len(SCENES) // frames]
            picture = Image.new("RGB", (192, 108), room)
            left = 8 + number * 7 % 150
            ImageDraw.Draw(picture).rectangle((left, 40, left + 28, 68), "#fef9c3")
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(seen.encode(frame))
        out.mux(seen.encode())
        if tone is not None:
            made = av.AudioFrame.from_ndarray(
                (tones() * 32767).astype(np.int16)[None], format="s16", layout="mono"
            )
            made.rate, made.pts, made.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            out.mux(tone.encode(made))
            out.mux(tone.encode())


def tones() -> np.ndarray[Any, np.dtype[np.float64]]:
    """A tone for each scene, ``(n,)``: it swells and fades."""
    length = SOUND_RATE * SECONDS // len(SCENES)
    time = np.arange(length) / SOUND_RATE
    swell = np.sin(np.pi * np.arange(length) / length) ** 2
    return np.concatenate(
        [
            (0.2 + 0.12 * place) * swell * np.sin(2 * np.pi * (220 + 80 * place) * time)
            for place in range(len(SCENES))
        ]
    )


def sound(path: Path) -> None:
    import soundfile

    soundfile.write(path, tones(), SOUND_RATE)


def sign(path: Path) -> None:
    picture = Image.new("RGB", (320, 200), "#e2e8f0")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((30, 50, 290, 150), "#1e293b")
    pen.text((60, 92), WORDS.upper(), "#fde047", font_size=18)
    picture.save(path)


def paragraphs() -> list[str]:
    """A book of two hundred paragraphs, each with a number of its own."""
    rooms = ("cellar", "kitchen", "attic", "garden", "library")
    made = []
    for number in range(200):
        room = rooms[number % len(rooms)]
        made.append(
            f"Chapter {number} is about the {room}. In the {room} there stood {number} chairs, and "
            f"nobody had ever counted them but the keeper, who wrote {number} into a ledger."
        )
    return made


def add_parts(store: Store, entries: dict[str, Entry]) -> None:
    """Parts as an index run makes them: stretches, a passage, what was read and what was heard."""
    film, talk, book, sign = (
        entries[name] for name in ("film.webm", "talk.wav", "book.txt", "sign.png")
    )
    whole = "\n\n".join(paragraphs())
    start = whole.index("Chapter 120 ")
    passage = paragraphs()[120]
    parts = [
        part_of(film, span=(8.0, 12.0)),
        part_of(film, "audio", view="audio", modality="audio"),
        part_of(talk, span=(4.0, 8.0)),
        part_of(book, span=(start, start + len(passage)), text=f"book\n{passage}"),
        part_of(sign, "ocr", view="text", modality="text", origin="ocr", text=f"sign\n{WORDS}"),
        part_of(talk, "speech", view="text", modality="text", origin="speech", span=(16.0, 20.0),
                text=f"talk\n{WORDS}"),
    ]  # fmt: skip
    wholes = store.backend.snapshot().vectors([film.id, talk.id, book.id, sign.id])
    vectors = np.stack([wholes[whole_id(part.id)] for part in parts])
    for view in dict.fromkeys(part.view for part in parts):
        rows = [i for i, part in enumerate(parts) if part.view == view]
        hubness = store.space.hubness(vectors[rows], view)
        store.backend.add([parts[i] for i in rows], vectors[rows], hubness)


def part_of(
    whole: Entry, what: str = "", *, span: tuple[float, float] | None = None, **more: Any
) -> Entry:
    return replace(whole, id=part_id(whole.id, what, span), span=span, **more)
