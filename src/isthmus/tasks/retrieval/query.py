"""Queries: one thing or several, each with a weight, of any modality."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem, quoted
from isthmus.core.linalg import F32
from isthmus.media.source import is_file, item_from_path
from isthmus.media.text import clean

AVOID = -0.5
"""Weight of what a query should stay away from: full strength would drown what is sought."""
STORED = "id:"
"""What an id of the store is written behind."""
_PIECE = re.compile(
    r"""\s*(?P<sign>(?:^|(?<=\s))[+-](?=\s))?\s*
        (?:(?P<weight>\d+(?:\.\d+)?|\.\d+)\s*\*\s*)?
        (?:"(?P<quoted>[^"]*)"|“(?P<curly>[^”]*)”|(?P<bare>\S.*?))
        (?=\s+[+-]\s+|\s*$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One part of a query.

    Attributes:
        item: What is looked for; None where it is an item of the store.
        stored: Id of an item of the store, or empty.
        weight: How much it counts; negative to stay away from it.
        vectors: What is known of the item already: its vector in the space ``(dim,)`` and what
            its encoder gave, ``(1, native dim)``. None: it is encoded when it is searched by.
    """

    item: MediaItem | None
    stored: str = ""
    weight: float = 1.0
    vectors: tuple[F32, F32] | None = None

    def __str__(self) -> str:
        """As a user would write it."""
        name = f"{STORED}{self.stored[:12]}" if self.item is None else self.item.source
        return name if self.weight == 1 else f"{self.weight:g}·{name}"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is looked for.

    Attributes:
        terms: At least one, of which at least one has a positive weight.

    Raises:
        InputError: If there is nothing to look for.
    """

    terms: Sequence[Term]

    def __post_init__(self) -> None:
        if not any(term.weight > 0 for term in self.terms):
            raise InputError("a query needs something to look for, not only what to avoid")

    @classmethod
    def text(cls, words: str | Sequence[str]) -> Query:
        """Words; several texts of one meaning are averaged."""
        return cls([Term(_text(words))])

    @classmethod
    def file(cls, path: str | Path, modality: str | None = None) -> Query:
        """A picture, a recording or a text in a file.

        Args:
            path: Of the file.
            modality: What it must be, where that is known.
        """
        return cls([Term(item_from_path(Path(path).expanduser(), modality))])

    @classmethod
    def stored(cls, item: str) -> Query:
        """More like an item of the store, by its id."""
        return cls([Term(None, item)])

    @classmethod
    def parse(cls, text: str, *, files: bool = True) -> Query:
        """A query as it is typed: ``"red kangaroo" + photo.jpg - cartoon``.

        Parts stand between ``+`` and ``-`` that have blanks around them. A part in quotes is
        words; a part that names a file is that file; ``id:…`` is an item of the store; all
        else is words. ``0.5*`` before a part weighs it; after ``-`` it is avoided with half
        the strength unless a weight says otherwise.

        Raises:
            InputError: If it holds nothing to look for, or a file that cannot be used.

        Example:
            >>> len(Query.parse('"red kangaroo" + 2*sea - night').terms)
            3
        """
        if not clean(text):
            raise InputError("the query is empty; type words, or the path of a picture or sound")
        terms: list[Term] = []
        place = 0
        while place < len(text.rstrip()):
            found = _PIECE.match(text, place)
            if found is None or found.end() == place:
                raise InputError(f"the query {text!r} cannot be read from {text[place:]!r} on")
            terms.append(_term(found, files=files))
            place = found.end()
        return cls(terms)

    def __str__(self) -> str:
        """As a user would write it."""
        return " + ".join(map(str, self.terms)).replace("+ -", "- ")


def _term(found: re.Match[str], *, files: bool) -> Term:
    words = found["quoted"] if found["quoted"] is not None else found["curly"]
    weight = float(found["weight"] or 1)
    if found["sign"] == "-":
        weight = -weight if found["weight"] else AVOID
    if words is not None:
        return Term(_text(words), weight=weight)
    bare = found["bare"].strip()
    if bare.startswith(STORED):
        return Term(None, bare.removeprefix(STORED), weight)
    if files and is_file(bare):
        return Term(item_from_path(Path(bare).expanduser()), weight=weight)
    if files and _looks_like_a_path(bare):
        raise InputError(f"there is no file {bare!r}; put words into quotes")
    return Term(_text(bare), weight=weight)


def _text(words: str | Sequence[str]) -> MediaItem:
    parts = (words,) if isinstance(words, str) else tuple(words)
    if not any(clean(part) for part in parts):
        raise InputError(f"{quoted(' '.join(parts))} holds no words")
    return MediaItem.from_text(parts)


def _looks_like_a_path(text: str) -> bool:
    suffix = Path(text).suffix.lower()
    media = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".wav", ".ogg", ".flac", ".mp3"}
    return " " not in text and (suffix in media or text.startswith(("/", "./", "~/")))
