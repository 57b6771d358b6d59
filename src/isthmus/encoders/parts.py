"""What a native vector is made of: parts of a picture, a sound or a text, and where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, Array

Mask = NDArray[np.bool_]

MIN_SECONDS = 0.25
MOST_SPANS = 60


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a grid over a picture.

    Attributes:
        row: From the top.
        column: From the left.
        grid: How many rows and columns there are.
        box: Left, top, right and bottom as fractions of the original picture, of the part of
            the cell that lies on it; without area for cells of padding.
    """

    row: int
    column: int
    grid: tuple[int, int]
    box: tuple[float, float, float, float]

    @property
    def padding(self) -> bool:
        """Whether the cell lies beside the picture, where it was filled up to a square."""
        return self.box[0] >= self.box[2] or self.box[1] >= self.box[3]

    @property
    def label(self) -> str:
        """``"row 2, column 3"``, counted from 1."""
        where = f"row {self.row + 1}, column {self.column + 1}"
        return f"padding ({where})" if self.padding else where


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a sound.

    Attributes:
        start: In seconds.
        end: In seconds.
        padding: Whether it is the silence that was put behind the sound.
    """

    start: float
    end: float
    padding: bool = False

    @property
    def label(self) -> str:
        """``"0.24–0.48 s"``."""
        return "padding (silence)" if self.padding else f"{self.start:.2f}–{self.end:.2f} s"


@dataclass(frozen=True, slots=True)
class Word:
    """A word, a few words or a whole caption.

    Attributes:
        text: As it was written.
        start: Of its first character in the caption.
        end: Behind its last character, blanks and marks that follow it included.
        caption: Which caption of the item it is in.
        whole: Whether it stands for more words, which were not taken apart.
    """

    text: str
    start: int
    end: int
    caption: int = 0
    whole: bool = False

    @property
    def padding(self) -> bool:
        """Words never are."""
        return False

    @property
    def label(self) -> str:
        """The word."""
        return self.text


Place = Cell | Span | Word


class Parts(Protocol):
    """Parts of one item, any of which may be thought away."""

    @property
    def places(self) -> Sequence[Place]:
        """Where each of the ``p`` parts lies."""
        ...

    def native(self, kept: Mask, absent: Array) -> F64:
        """Native vectors of the item without some of its parts.

        Args:
            kept: ``(s, p)``, which parts are there; one row a vector.
            absent: ``(dim,)``, the vector of which an item without any part is.

        Returns:
            ``(s, dim)``.
        """
        ...


@dataclass(frozen=True, eq=False)
class AdditiveParts:
    """Parts whose contributions sum to the native vector.

    Attributes:
        places: Where they lie, ``p`` of them.
        vectors: ``(p, dim)``, the contributions.
        shares: ``(p, dim)``, which share of each number any item has from this part, by how
            much of the pooling it is; columns sum to 1.
    """

    places: Sequence[Place]
    vectors: F64
    shares: F64

    @property
    def total(self) -> F64:
        """The native vector, ``(dim,)``."""
        whole: F64 = self.vectors.sum(axis=0)
        return whole

    def native(self, kept: Mask, absent: Array) -> F64:
        """What is there, and the share of ``absent`` of what is not."""
        there = kept.astype(np.float64)
        missing = np.asarray(absent, dtype=np.float64)
        found: F64 = there @ self.vectors + (1 - there) @ self.shares * missing
        return found


@dataclass(frozen=True, eq=False)
class RemovableParts:
    """Parts that a model mixes, so that the item has to be encoded without them.

    Attributes:
        places: Where they lie, ``p`` of them.
        encode: Masks ``(s, p)``, each with something kept, to native vectors ``(s, dim)``.
        batch: How many masks to encode at a time, so that others who share the encoder need not
            wait for long.
        around: Of a long item, what lies before, between and behind the parts: parts of their own,
            which are encoded with all of these. Its masks may keep nothing.
        stretches: Of a long item, what may be taken apart in place of its beginning.
    """

    places: Sequence[Place]
    encode: Callable[[Mask], Array]
    batch: int = 256
    around: RemovableParts | None = None
    stretches: Stretches | None = None

    def native(self, kept: Mask, absent: Array) -> F64:
        """Encode anew; without any part it is ``absent``."""
        out = np.tile(np.asarray(absent, dtype=np.float64), (len(kept), 1))
        some = kept.any(axis=1)
        if some.any():
            unique, back = np.unique(kept[some], axis=0, return_inverse=True)
            out[some] = self.encode(unique)[back.reshape(-1)]
        return out


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of a long item, of which those that count most are taken apart.

    Attributes:
        count: How many there are.
        encode: Places of stretches to native vectors ``(s, dim)``, each of one stretch alone.
        closer: How much each counts ``(count,)`` to the parts of those that count most.
        batch: How many to encode at a time.
    """

    count: int
    encode: Callable[[Sequence[int]], Array]
    closer: Callable[[F64], RemovableParts]
    batch: int


@runtime_checkable
class Splitting(Protocol):
    """An encoder that can say which cells, moments or words a vector is made of."""

    def split(self, decoded: Any) -> Parts:
        """The parts of a decoded item.

        Raises:
            InputError: If nothing can be made of the item.
        """
        ...


def parts_of(encoder: Encoder, decoded: Any) -> Parts:
    """What the vector of an item is made of, as its encoder says.

    Args:
        encoder: One with a method ``split(decoded) -> Parts``.
        decoded: What ``isthmus.media.decode`` yields.

    Raises:
        InputError: If the encoder cannot say, or nothing can be made of the item.
    """
    if not isinstance(encoder, Splitting):
        raise InputError(
            f"the encoder {encoder.id!r} cannot explain which parts of "
            f"{_named(encoder.modality)} count; add a method split(decoded), or use an encoder "
            "that has one"
        )
    return encoder.split(decoded)


def deviation_parts(frames: Array, mean: Array, deviation: Array) -> F64:
    """How much each frame adds to the standard deviation.

    By ``σ = Σ_t (x_t − μ)² / (T σ)``, which sums exactly; where σ is 0, nothing is added.

    Args:
        frames: ``(t, d)``.
        mean: ``(d,)``, over the frames.
        deviation: ``(d,)``, over the frames.

    Returns:
        ``(t, d)``, whose rows sum to ``deviation``.

    Examples:
        >>> x = np.array([[1.0], [3.0], [2.0], [6.0]])
        >>> deviation_parts(x, x.mean(axis=0), x.std(axis=0)).sum(axis=0) == x.std(axis=0)
        array([ True])
    """
    squares = (np.asarray(frames, dtype=np.float64) - np.asarray(mean, dtype=np.float64)) ** 2
    sigma = np.asarray(deviation, dtype=np.float64)
    found: F64 = squares / (len(frames) * np.where(sigma > 0, sigma, 1.0))
    return found


def spans(
    frames: int, rate: float, *, first: float = 0.0, seconds: float = MIN_SECONDS
) -> tuple[list[Span], list[int]]:
    """Frames taken together, so that a person can tell them apart.

    Args:
        frames: How many there are, at least 1.
        rate: Frames a second.
        first: When the first one starts, in seconds.
        seconds: How long a span is at least; longer where there would be more than 60.

    Returns:
        The spans, and the first frame of each.

    Examples:
        >>> spans(50, 50.0)[1]
        [0, 12, 25, 38]
    """
    count = max(1, min(MOST_SPANS, int(frames / rate / seconds)))
    edges = np.linspace(0, frames, count + 1).round().astype(int).tolist()
    places = [Span(first + a / rate, first + b / rate) for a, b in pairwise(edges)]
    return places, edges[:-1]


def merged(several: Sequence[AdditiveParts]) -> AdditiveParts:
    """Parts of one item by several encoders whose vectors are concatenated.

    Parts that lie in the same place become one; the columns of the others stay empty.
    """
    row = {place: i for i, place in enumerate(dict.fromkeys(p for s in several for p in s.places))}
    widths = [s.vectors.shape[1] for s in several]
    vectors, shares = (np.zeros((len(row), sum(widths))) for _ in range(2))
    start = 0
    for one, width in zip(several, widths, strict=True):
        rows, columns = [row[p] for p in one.places], slice(start, start + width)
        np.add.at(vectors[:, columns], rows, one.vectors)
        np.add.at(shares[:, columns], rows, one.shares)
        start += width
    return AdditiveParts(tuple(row), vectors, shares)


def _named(modality: str) -> str:
    return {"image": "a picture", "audio": "a sound", "text": "a text"}.get(modality, modality)
