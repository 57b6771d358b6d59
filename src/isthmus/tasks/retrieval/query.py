"""Queries: one thing or several, each with a weight, of any view."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import MediaItem, quoted
from isthmus.core.linalg import F32
from isthmus.media.source import item_from_path
from isthmus.media.text import clean
from isthmus.tasks.retrieval import typed

AVOID = -0.5
"""Weight of what a query should stay away from: full strength would drown what is sought."""
LARGEST_WEIGHT = 1_000.0
"""Weights are ratios: past this, or below its inverse, one part drowns all the others."""
MOST_PARTS = 64
"""Parts of a query, and wordings of one part: each is encoded, so each costs time."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One part of a query.

    Attributes:
        item: What is looked for; None where it is an item of the store.
        stored: Id of an item of the store, or empty.
        weight: How much it counts; negative to stay away from it.
        view: Of the item; None where its modality says it, or the options of the search do.
        vectors: What is known of the item in that view already: its vector in the space
            ``(dim,)`` and what its encoder gave, ``(1, native dim)``. None: it is encoded when
            it is searched by.

    Raises:
        InputError: If the weight is no number or too large.
    """

    item: MediaItem | None
    stored: str = ""
    weight: float = 1.0
    view: str | None = None
    vectors: tuple[F32, F32] | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight) or abs(self.weight) > LARGEST_WEIGHT:
            raise InputError(
                f"a weight lies between −{LARGEST_WEIGHT:g} and {LARGEST_WEIGHT:g}, "
                f"got {self.weight:g}"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        """As :meth:`Query.parse` reads it, without its sign."""
        if self.item is None:
            name = f"{typed.STORED}{typed.quote(self.stored)}"
        elif self.item.captions:
            name = "|".join(map(typed.quote, self.item.captions))
        else:
            name = f"{typed.FILE}{typed.quote(self.item.source)}"
        view = "" if self.view is None else f"{typed.quote_view(self.view)}:"
        weight = float(abs(self.weight))
        plain = weight == (-AVOID if self.weight < 0 else 1)
        return f"{'' if plain else f'{Decimal(repr(weight)).normalize():f}*'}{view}{name}"

    @property
    def _key(self) -> tuple[object, ...]:
        item = self.item
        content = None if item is None else (item.id, item.modality, item.span)
        return content, self.stored, self.weight, self.view


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; it prints in the form in which :meth:`parse` reads it.

    Attributes:
        terms: At least one, of which at least one has a positive weight.

    Raises:
        InputError: If there is nothing to look for.
    """

    terms: Sequence[Term]

    def __post_init__(self) -> None:
        given: object = self.terms
        if isinstance(given, str):
            raise InputError(
                f"a Query has terms; words alone are Query.text({given!r:.60}), or as typed "
                "Query.parse(…)"
            )
        object.__setattr__(self, "terms", tuple(self.terms))
        if len(self.terms) > MOST_PARTS:
            raise InputError(f"a query has {MOST_PARTS} parts at most; leave some out")
        largest = max((term.weight for term in self.terms), default=0.0)
        if largest <= 0:
            raise InputError("a query needs something to look for, not only what to avoid")
        if largest < 1 / LARGEST_WEIGHT:
            raise InputError(
                f"the largest weight is {largest:g}; give one part a weight of "
                f"{1 / LARGEST_WEIGHT:g} or more, 1 is usual"
            )

    @classmethod
    def text(cls, words: str | Sequence[str], *, view: str | None = None) -> Query:
        """Words; several texts of one meaning are averaged.

        Args:
            words: Taken as they are.
            view: That they belong to, where several views read text.
        """
        return cls([Term(_text(words), view=view)])

    @classmethod
    def file(cls, path: str | Path, *, view: str | None = None) -> Query:
        """A picture, a recording or a text in a file.

        Args:
            path: Of the file.
            view: That it belongs to, where several views read its modality.
        """
        return cls([Term(_in_file(path), view=view)])

    @classmethod
    def stored(cls, item: str) -> Query:
        """More like an item of the store, by its id."""
        return cls([Term(None, item)])

    @classmethod
    def parse(cls, text: str, *, files: bool = True, views: Collection[str] = ()) -> Query:
        """A query as it is typed: ``"red kangaroo" + photo.jpg - cartoon``.

        Parts stand between ``+`` and ``-`` that have blanks around them. A part in quotes is
        words, with ``""`` for a quote among them; a part that names a file is that file, and so
        is ``file:"…"``; ``id:…`` is an item of the store; all else is words. ``0.5*`` before a
        part weighs it; after ``-`` it is avoided with half the strength unless a weight says
        otherwise. ``question:"how many"`` belongs to the view ``question``, and ``"a"|"b"`` are
        two wordings of one part.

        Args:
            text: What was typed.
            files: Whether files may be read.
            views: Names that may stand before a part; any other is taken for words.

        Raises:
            InputError: If it holds nothing to look for, or a file that cannot be used.

        Example:
            >>> print(Query.parse('red kangaroo + 2*the sea - night'))
            "red kangaroo" + 2*"the sea" - "night"
        """
        text = _joined(text)
        if not clean(text):
            raise InputError("the query is empty; type words, or the path of a picture or sound")
        some = islice(typed.parts(text, files=files, views=views), MOST_PARTS + 1)
        return cls([_term(part) for part in some])

    def __add__(self, other: Query) -> Query:
        """The parts of both."""
        return Query([*self.terms, *other.terms])

    def __str__(self) -> str:
        """As :meth:`parse` reads it."""
        first, *rest = self.terms
        sign = "- " if first.weight < 0 else ""
        signed = (f" {'-' if term.weight < 0 else '+'} {term}" for term in rest)
        return f"{sign}{first}{''.join(signed)}"


def _term(part: typed.Part) -> Term:
    weight = 1.0 if part.weight is None else part.weight
    if part.avoided:
        weight = AVOID if part.weight is None else -part.weight
    if part.kind == "stored":
        return Term(None, part.content[0], weight)
    if part.kind == "file":
        return Term(_in_file(part.content[0]), weight=weight, view=part.view)
    return Term(_text(part.content), weight=weight, view=part.view)


def _in_file(path: str | Path) -> MediaItem:
    try:
        return item_from_path(Path(path).expanduser())
    except IsthmusError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # a null byte, a home of nobody
        raise InputError(f"{quoted(str(path))} cannot be the name of a file") from error


def _text(words: str | Sequence[str]) -> MediaItem:
    given = (words,) if isinstance(words, str) else tuple(words)
    parts = tuple(part.encode(errors="ignore").decode() for part in given)  # no half characters
    if len(parts) > MOST_PARTS:
        raise InputError(f"a part has {MOST_PARTS} wordings at most; leave some out")
    if not any(clean(part) for part in parts):
        raise InputError(f"{quoted(' '.join(parts))} holds no words")
    return MediaItem.from_text(parts)


def _joined(text: str) -> str:
    """A text whose letters a shell with another locale handed over byte by byte."""
    try:
        return text.encode(errors="surrogateescape").decode()
    except UnicodeError:  # the name of a file that is not UTF-8
        return text
