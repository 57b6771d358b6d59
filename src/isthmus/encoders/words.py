"""Texts cut into the words that can be taken out of them, with or without blanks between.

This is own code because PyICU needs a C library that pip does not bring, and jieba knows only
Chinese.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.view import TEXT
from isthmus.encoders.parts import AdditiveParts, Mask, Parts, RemovableParts, Word

MOST = 40
"""Longer texts are cut into this many runs of words, so that explaining stays quick. Of more
captions, those behind count as one part."""
MOST_CHARACTERS = 256
"""Of a longer text, the beginning is split into words, and the rest counts as one part: splitting
encodes the text about two thousand times, and 10,000 characters take .2 s each time."""
_BATCH_CHARACTERS = 256
"""Characters to encode at a time: 5 ms of the starter encoder; more are no faster."""

# Scripts that are written without blanks: kana, ideographs, Thai, Lao, Burmese, Khmer.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)
_INNER = "'’-_."  # inside a word: don't, well-known, 3.5

Cut = Callable[[str], Sequence[str]]
"""A run of an unspaced script to its words; what does not join up to the run is not used."""


def text_parts(encoder: Encoder, decoded: Any) -> Parts:
    """Words of a caption, which are taken out one by one; of several captions, each.

    Args:
        encoder: Of unit vectors, if it reads text.
        decoded: An item of its modality.

    Raises:
        InputError: If it reads no text.
    """
    if encoder.modality != TEXT:
        raise InputError(
            f"the encoder {encoder.id!r} cannot say which parts of {encoder.modality} count; use "
            "one that can, such as efficientnet-lite0 or whisper-tiny"
        )
    return caption_parts(encoder.prepare(decoded), encoder.encode)


def caption_parts(
    captions: tuple[str, ...],
    encode: Callable[[Sequence[tuple[str, ...]]], F32],
    cut: Cut | None = None,
) -> Parts:
    """Parts of a text: its words; of one with several captions, the captions.

    An item of several captions is the unit mean of their unit vectors, which is a sum.

    Args:
        captions: One or more, none of them blank.
        encode: Items of captions to unit vectors ``(n, dim)``.
        cut: For scripts without blanks; default: characters.

    Returns:
        At most :data:`MOST` parts, and one more for what is left out.
    """
    if len(captions) == 1:
        return _words_of(captions[0], encode, cut)
    unit = encode([(caption,) for caption in captions]).astype(np.float64)
    length = float(np.linalg.norm(unit.mean(axis=0)))
    vectors = unit / (len(captions) * max(length, 1e-12))
    shares = np.full_like(vectors, 1 / len(captions))
    places = [Word(text, 0, len(text), i) for i, text in enumerate(captions[:MOST])]
    if len(captions) > MOST:
        more = f"… and {len(captions) - MOST:,} more captions"
        places.append(Word(more, 0, 0, MOST))
        vectors, shares = (
            np.concatenate([x[:MOST], x[MOST:].sum(axis=0, keepdims=True)])
            for x in (vectors, shares)
        )
    return AdditiveParts(places, vectors, shares)


def _words_of(
    text: str, encode: Callable[[Sequence[tuple[str, ...]]], F32], cut: Cut | None
) -> RemovableParts:
    """The words of one caption, and what lies behind a long one's beginning."""
    end = _beginning(text)
    words = split(text[:end], cut)

    def without(kept: Mask) -> Array:
        return encode([(joined(text, words, row),) for row in kept])

    left = len(text) - end
    rest = Word(f"… and {left:,} more characters", end, len(text)) if left else None
    return RemovableParts(words, without, rest, max(_BATCH_CHARACTERS // end, 1))


def _beginning(text: str) -> int:
    """Where the beginning of a text ends that is split: at a blank, if there is one near."""
    if len(text) <= MOST_CHARACTERS:
        return len(text)
    blank = max(text.rfind(" ", MOST_CHARACTERS // 2, MOST_CHARACTERS + 1), 0)
    return blank or MOST_CHARACTERS


def joined(text: str, words: Sequence[Word], kept: NDArray[np.bool_]) -> str:
    """The text without the words that are not kept.

    Examples:
        >>> joined("a red kangaroo", split("a red kangaroo"), np.array([True, False, True]))
        'a kangaroo'
    """
    return "".join(
        text[word.start : word.end] for word, keep in zip(words, kept, strict=True) if keep
    ).strip()


def split(text: str, cut: Cut | None = None, *, most: int = MOST) -> list[Word]:
    """The words of a text, which together cover all of it.

    Marks and blanks go with the word before them. Runs of a script without blanks are cut by
    ``cut``, or into characters with the marks that belong to them.

    Args:
        text: Not blank.
        cut: A run to its words.
        most: How many words at most; more are taken together in runs of equal length.

    Returns:
        At least one.

    Examples:
        >>> [word.text for word in split("Don't eat 红苹果, please!")]
        ["Don't", 'eat', '红', '苹', '果', 'please']
    """
    found = [bounds for run in _runs(text) for bounds in _inside(text, run, cut)]
    if not found:
        return [Word(text.strip(), 0, len(text))]
    if len(found) > most:
        edges = np.linspace(0, len(found), most + 1).round().astype(int)
        found = [(found[a][0], found[b - 1][1]) for a, b in pairwise(edges)]
    ends = [start for start, _ in found[1:]] + [len(text)]
    begins = [0, *ends[:-1]]
    return [
        Word(text[first:last], begin, end)
        for (first, last), begin, end in zip(found, begins, ends, strict=True)
    ]


def characters(run: str) -> list[str]:
    """Characters, each with the combining marks behind it."""
    found: list[str] = []
    for c in run:
        if found and unicodedata.category(c)[0] == "M":
            found[-1] += c
        else:
            found.append(c)
    return found


def _runs(text: str) -> list[tuple[int, int, bool]]:
    """Start, end and whether unspaced, of every run of one kind of letters."""
    kinds = [_kind(text, i) for i in range(len(text))]
    runs = []
    for kind, places in groupby(range(len(text)), key=kinds.__getitem__):
        if kind:
            inside = list(places)
            runs.append((inside[0], inside[-1] + 1, kind == "unspaced"))
    return runs


def _kind(text: str, i: int) -> str:
    c = text[i]
    if any(low <= ord(c) <= high for low, high in _UNSPACED):
        return "unspaced"
    if c.isalnum() or unicodedata.category(c)[0] == "M":
        return "word"
    between = 0 < i < len(text) - 1 and text[i - 1].isalnum() and text[i + 1].isalnum()
    return "word" if c in _INNER and between else ""


def _inside(text: str, run: tuple[int, int, bool], cut: Cut | None) -> list[tuple[int, int]]:
    start, end, unspaced = run
    if not unspaced:
        return [(start, end)]
    whole = text[start:end]
    pieces = list(cut(whole)) if cut else []
    if "".join(pieces) != whole:
        pieces = characters(whole)
    edges = np.cumsum([start, *(len(piece) for piece in pieces)])
    return [(int(a), int(b)) for a, b in pairwise(edges)]
