"""Open Clip Art: pictures with the titles and keywords that their SVG twins carry."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.errors import DataError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.rows import families
from isthmus.core.view import IMAGE, TEXT
from isthmus.datasets.fetch import locate

_RDF = (b"<rdf:RDF", b"</rdf:RDF>")
_PEOPLE = re.compile(r"<dc:(publisher|creator|rights|contributor)\b.*?</dc:\1>", re.DOTALL)
_CREATOR = re.compile(r"<dc:creator\b.*?<dc:title>(.*?)</dc:title>", re.DOTALL)
_TITLE = re.compile(r"<dc:title>([^<]*)</dc:title>")
_KEYWORD = re.compile(r"<rdf:li[^>]*>([^<]*)</rdf:li>")
_NOISE = re.compile(r"hash|unsorted|0x[0-9a-f]+|\d*", re.IGNORECASE)
_LICENCE = "CC0-1.0"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an SVG says about itself.

    Attributes:
        title: Its title, or nothing.
        keywords: Without repetitions and leftovers of the program that wrote them.
        artist: Who drew it, or nothing.
    """

    title: str
    keywords: tuple[str, ...]
    artist: str

    @property
    def caption(self) -> str:
        """Title and keywords, joined by commas."""
        words = [word for word in self.keywords if word.lower() != self.title.lower()]
        return ", ".join([self.title, *words] if self.title else words)


def load(*, root: Path | None = None) -> Dataset:
    """Load the pictures whose SVG twin carries a title or keywords.

    Groups are families: two pictures share a group if they share a title, leaving numbers
    and parentheses aside, or both their folder and their artist, or if a chain of such
    pictures joins them. So an icon theme or a card deck never straddles a split.

    Args:
        root: The folder with ``png`` and ``svg`` in it, where
            :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the pictures are not on this machine.
        DataError: If the folder holds none.
    """
    base = locate("openclipart", root)
    rows: list[tuple[str, Metadata, Path]] = []
    skipped: list[Failure] = []
    for path in sorted((base / "png").rglob("*.png")):
        key = path.relative_to(base / "png").as_posix().removesuffix(".png")
        twin = base / "svg" / f"{key}.svg"  # not with_suffix: names end in "._01"
        try:
            metadata = read_metadata(twin)
        except OSError as error:
            skipped.append(Failure(str(path), f"its SVG twin: {error.strerror or error}"))
            continue
        if metadata.caption:
            rows.append((key, metadata, path))
        else:
            skipped.append(Failure(str(path), "its SVG file has neither a title nor keywords"))
    if not rows:
        raise DataError(f"{base} holds no pictures with captions; it needs the folders png and svg")
    groups = families([_family_keys(key, metadata) for key, metadata, _ in rows])
    records: list[Record] = []
    for (key, metadata, path), group in zip(rows, groups, strict=True):
        try:
            image = MediaItem.from_path(path, IMAGE)
        except MediaError as error:
            skipped.append(Failure(error.source, error.reason))
            continue
        text = MediaItem.from_text(metadata.caption, source=f"{key}.svg")
        records.append(Record(key, {TEXT: text, IMAGE: image}, group=rows[group][0]))
    return Dataset("openclipart", records, skipped, _LICENCE)


def read_metadata(path: Path) -> Metadata:
    """Title, keywords and artist from the RDF block of an SVG, without parsing the drawing.

    Raises:
        OSError: If the file cannot be read.
    """
    data = path.read_bytes()
    start, end = data.find(_RDF[0]), data.find(_RDF[1])
    if not 0 <= start < end:
        return Metadata("", (), "")
    block = data[start:end].decode("utf-8", "replace")
    own = _PEOPLE.sub("", block)  # people and publishers have titles of their own
    words = dict.fromkeys(_plain(word) for word in _KEYWORD.findall(own))
    keywords = tuple(word for word in words if not _NOISE.fullmatch(word))
    return Metadata(_first(_TITLE, own), keywords, _first(_CREATOR, block))


def _family_keys(key: str, metadata: Metadata) -> list[tuple[str, ...]]:
    title = re.sub(r"\(.*?\)|\d+|_", " ", metadata.title.lower())
    title = " ".join(re.findall(r"\w+", title))
    keys: list[tuple[str, ...]] = [("title", title)] if title else []
    if metadata.artist:
        keys.append(("series", key.rpartition("/")[0], metadata.artist.lower()))
    return keys


def _first(pattern: re.Pattern[str], block: str) -> str:
    match = pattern.search(block)
    return _plain(match[1]) if match else ""


def _plain(text: str) -> str:
    return " ".join(html.unescape(text).replace("_", " ").split())
