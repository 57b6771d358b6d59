"""Kaomoji: faces made of signs, with the emotion that they show.

The data is that of the Python package ``kaomoji-dataset`` (CC-BY 4.0): fetch it with
``isthmus data get kaomoji``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.core.errors import DataError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import IMAGE
from isthmus.datasets._written import system_fonts, written
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["EMOTIONS", "load"]

EMOTIONS: dict[str, str | None] = {
    "angry": "negative",
    "confused": "negative",
    "doubt": "negative",
    "happy": "positive",
    "hurt": "negative",
    "love": "positive",
    "sad": "negative",
    "scared": "negative",
    "shy": None,
    "sleepy": None,
    "surprised": None,
}
"""The categories of the package that are emotions, and the valence of each that has one, set by
their names (Russell, "A circumplex model of affect", 1980); shy, sleepy and surprised may be
pleasant or not."""

_FILE = "kaomoji.jsonl.gz"
_FACES = "core"
"""The tier of entries that are a face and nothing else."""


def load(*, pictures: bool = True, root: Path | None = None) -> Dataset:
    """Load the faces that show one of :data:`EMOTIONS`.

    A record is a face. Its views are ``signs``, its text, and ``image``, the signs as a picture.
    Its fields are ``emotion`` and, where that has one, ``valence``. The same face is loaded once.

    Args:
        pictures: Whether to draw the signs, which needs fonts that have them.
        root: The folder with the file in it, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data, or a font to draw it with, is not on this machine.
        DataError: If the file cannot be read.
    """
    fonts = system_fonts() if pictures else ()
    records: list[Record] = []
    skipped: list[Failure] = []
    seen: set[str] = set()
    for entry in _entries(locate("kaomoji", root) / _FILE):
        text, emotion = entry.get("text"), entry.get("category")
        if entry.get("tier") != _FACES or emotion not in EMOTIONS:
            continue
        if not isinstance(text, str) or not text.strip():
            skipped.append(Failure(str(entry.get("id")), "has no signs"))
        elif text not in seen:
            seen.add(text)
            records.append(_record(str(entry.get("id")), text, emotion, fonts))
    if not records:
        raise DataError(f"{_FILE} holds no faces that show {', '.join(EMOTIONS)}")
    return Dataset("kaomoji", records, skipped, SOURCES["kaomoji"].licence)


def _record(key: str, text: str, emotion: str, fonts: Sequence[Path]) -> Record:
    items = {"signs": MediaItem.from_text(text, source=text)}
    if fonts:
        items[IMAGE] = MediaItem.from_bytes(written(text, fonts), IMAGE, source=f"{key}.png")
    fields: dict[str, Value] = {"emotion": emotion}
    if valence := EMOTIONS[emotion]:
        fields["valence"] = valence
    return Record(key, items, fields=fields)


def _entries(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
