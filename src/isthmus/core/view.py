"""Modalities, views, and the ordered and unordered pairs of views.

A modality is how bytes are read. A view is a named column of a data set; it has one modality,
and several views may share one: question and answer are both text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Self

from isthmus.core.errors import InputError
from isthmus.core.wording import did_you_mean, kind_of

TEXT = "text"
IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
VECTOR = "vector"
MEDIA_MODALITIES = (TEXT, IMAGE, AUDIO, VIDEO)
"""The modalities whose items are decoded and encoded."""
MODALITIES = (*MEDIA_MODALITIES, VECTOR)
"""All modalities; the items of ``vector`` are native vectors already."""
_MEANT = {
    TEXT: ("caption", "captions", "words", "string", "title"),
    IMAGE: ("picture", "pictures", "photo", "photos", "img"),
    AUDIO: ("sound", "sounds", "music", "speech", "recording"),
    VECTOR: ("embedding", "embeddings", "array"),
}
"""What else people call them."""


@dataclass(frozen=True, slots=True, order=True)
class View:
    """A named column of a data set, and how its bytes are read.

    Attributes:
        name: Any text that is not blank.
        modality: One of :data:`MODALITIES`.

    Raises:
        InputError: If the name is blank or there is no such modality.

    Examples:
        >>> View.parse("answer:text"), View.parse("image")
        (View(name='answer', modality='text'), View(name='image', modality='image'))
    """

    name: str
    modality: str

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InputError("a view needs a name, got a blank one")
        if self.modality not in MODALITIES:
            raise InputError(
                f"view {self.name!r}: there is no modality {self.modality!r}; choose "
                f"one of {', '.join(MODALITIES)}.{meant(self.modality, MODALITIES)}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """``"answer:text"``, or ``"text"`` for the view that is called like its modality."""
        name, _, modality = text.rpartition(":")
        return cls(name or modality, modality)

    def __str__(self) -> str:
        return self.name if self.name == self.modality else f"{self.name}:{self.modality}"


@dataclass(frozen=True, slots=True, order=True)
class Direction:
    """From what is asked to what is found.

    Attributes:
        query: View of the queries.
        gallery: View of the items among which is sought.

    Examples:
        >>> print(Direction("text", "image"), Direction("text", "image").reverse)
        text→image image→text
    """

    query: str
    gallery: str

    @property
    def reverse(self) -> Direction:
        """The other way round."""
        return Direction(self.gallery, self.query)

    @property
    def pair(self) -> ViewPair:
        """Its two views without their order."""
        return ViewPair(self.query, self.gallery)

    def to_json(self) -> dict[str, str]:
        """Two fields, so that nobody has to take a text apart."""
        return {"query": self.query, "gallery": self.gallery}

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> Self:
        """What :meth:`to_json` wrote."""
        return cls(document["query"], document["gallery"])

    def __str__(self) -> str:
        return f"{self.query}→{self.gallery}"


@dataclass(frozen=True, slots=True, eq=False)
class ViewPair:
    """Two views whose order does not matter; it is kept for printing.

    Examples:
        >>> ViewPair("text", "image") == ViewPair("image", "text"), str(ViewPair("a", "b"))
        (True, 'a–b')
    """

    a: str
    b: str

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Both of them."""
        return Direction(self.a, self.b), Direction(self.b, self.a)

    def to_json(self) -> dict[str, str]:
        """Two fields, so that nobody has to take a text apart."""
        return {"a": self.a, "b": self.b}

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> Self:
        """What :meth:`to_json` wrote."""
        return cls(document["a"], document["b"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ViewPair) and {self.a, self.b} == {other.a, other.b}

    def __hash__(self) -> int:
        return hash(frozenset((self.a, self.b)))

    def __str__(self) -> str:
        return f"{self.a}–{self.b}"


def all_directions(views: Iterable[str]) -> list[Direction]:
    """Every direction between two different views."""
    return [Direction(a, b) for a, b in permutations(views, 2)]


def meant(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'image'?"``; empty if none of the known names is near.

    Examples:
        >>> meant("picture", ["text", "image"]), meant("texts", ["text", "image"])
        (" Did you mean 'image'?", " Did you mean 'text'?")
    """
    names = list(known)
    called = [each for each in names if name.lower() in _MEANT.get(each, ())]
    return f" Did you mean {called[0]!r}?" if called else did_you_mean(name, names)


def no_view(name: object, known: Iterable[str]) -> InputError:
    """What to say where a space has no view of a name.

    Args:
        name: What was given.
        known: Views of the space.
    """
    views = list(known)
    if not isinstance(name, str):
        return InputError(
            f"need the name of a view as text, got {kind_of(name)}; the views of the space are "
            f"{', '.join(views)}"
        )
    return InputError(
        f"the space has no view {name!r}; its views are {', '.join(views)}.{meant(name, views)}"
    )
