"""qABCs: things with a cut-out photograph, names in many languages and, mostly, a noise.

The data is that of the Debian package ``qabcs-data`` (GPL-3+): fetch it with
``isthmus data get qabcs``. Each language has files of lines
``category:letter=name=…=picture=noise``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from isthmus.core.errors import DataError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import AUDIO, IMAGE
from isthmus.datasets._languages import languages_asked
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["load"]

_PICTURE, _NOISE = 2, 3
"""Places in what stands behind a letter: the name, how it is spelled, then these."""


def load(*, languages: Sequence[str] | str = ("en",), root: Path | None = None) -> Dataset:
    """Load the things.

    A record is a picture. Its views are ``image``; ``noise``, what the thing sounds like, which
    some lack and a few share; and ``name``, which some lack in some languages. Its field
    ``category`` is the folder of the picture: animals, food, instrument, misc or toys.

    Args:
        languages: Of the names, as BCP 47 tags, ``"all"``, or tags joined by commas. A text item
            carries one of each that there is.
        root: The folder with ``abcs`` in it, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If there is no such language, or the folder holds no pictures.
    """
    place = locate("qabcs", root) / "abcs"
    spoken = {_tag(path.name): path for path in sorted(place.glob("*")) if any(_tables(path))}
    tags = languages_asked("qabcs", languages, spoken)
    names: dict[str, dict[str, None]] = defaultdict(dict)
    noises: dict[str, str] = {}
    for tag, folder in spoken.items():
        for picture, name, noise in _lines(folder):
            if noise:
                noises.setdefault(picture, noise)
            if tag in tags:
                names[picture].setdefault(name)
    records: list[Record] = []
    skipped: list[Failure] = []
    for path in sorted(place.glob("all/pics/*/*")):
        noise_at = place / "all" / "noises" / f"{noises.get(path.stem, '')}.ogg"
        try:
            items = _items(path, noise_at, names.get(path.stem, {}))
        except MediaError as error:
            skipped.append(Failure(str(path), str(error)))
            continue
        language = tags[0] if len(tags) == 1 else None
        fields = {"category": path.parent.name}
        records.append(Record(path.stem, items, language=language, fields=fields))
    if not records:
        raise DataError(f"{place.parent} holds no pictures; it must be the folder with abcs in it")
    return Dataset("qabcs", records, skipped, SOURCES["qabcs"].licence)


def _items(picture: Path, noise: Path, names: Mapping[str, None]) -> dict[str, MediaItem]:
    items = {IMAGE: MediaItem.from_path(picture, IMAGE)}
    if noise.is_file():
        items["noise"] = MediaItem.from_path(noise, AUDIO)
    if names:
        items["name"] = MediaItem.from_text(names, source=picture.stem)
    return items


def _lines(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Picture, name and noise (or an empty text) of each line of a language."""
    for path in _tables(folder):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
        for line in text.splitlines():
            key, _, value = line.strip().partition("=")
            parts = value.split("=")
            if line.startswith("#") or ":" not in key or len(parts) <= _PICTURE:
                continue
            name = " ".join(parts[0].replace("_", " ").split()).lower()
            noise = parts[_NOISE] if len(parts) > _NOISE else ""
            if name and parts[_PICTURE]:
                yield Path(parts[_PICTURE]).name, name, Path(noise).name


def _tables(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.properties"))


def _tag(folder: str) -> str:
    """The BCP 47 tag of a folder: ``en_gb`` is ``en-GB``."""
    language, _, region = folder.partition("_")
    return f"{language}-{region.upper()}" if region else language
