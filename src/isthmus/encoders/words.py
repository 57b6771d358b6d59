"""Texts cut into the words that can be taken out of them, with or without blanks between.

This is own code because PyICU needs a C library that pip does not bring, and jieba knows only
Chinese.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import compress, groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.sentences import SENTENCE, pieces
from isthmus.core.sentences import cut as cut_by
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.encoders.parts import (
    AdditiveParts,
    Mask,
    Parts,
    RemovableParts,
    Stretches,
    Word,
)

MOST = 40
"""Longer texts are cut into this many runs of words, so that explaining stays quick. Of more
captions, those behind count as one part."""
MOST_CHARACTERS = 160
"""Of a longer text, the stretches that count most are split into words, as many as have so many
characters together; what lies around them counts by the stretch. Splitting encodes the words about
a thousand times, and 10,000 characters take .2 s each time."""
_STRETCH = 120
"""Most characters of a stretch: of a sentence, or of clauses of a long one."""
_STRETCHES = 3
"""Stretches that are split: what lies around them is encoded up to 16 times, whole."""
_AS_MUCH = 0.5
"""Share of what the first stretch counts that a further one must count to be split."""
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
        About :data:`MOST` parts at most; of more captions, one more for those behind.
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
        places.append(Word(more, 0, 0, MOST, whole=True))
        vectors, shares = (
            np.concatenate([x[:MOST], x[MOST:].sum(axis=0, keepdims=True)])
            for x in (vectors, shares)
        )
    return AdditiveParts(places, vectors, shares)


def _words_of(
    text: str, encode: Callable[[Sequence[tuple[str, ...]]], F32], cut: Cut | None
) -> RemovableParts:
    """The words of one caption; of a long one, those of some stretches of it."""
    if len(text) > MOST_CHARACTERS:
        return _long(text, encode, cut)
    words = split(text, cut)

    def without(kept: Mask) -> Array:
        return encode([(joined(text, words, row),) for row in kept])

    return RemovableParts(words, without, max(_BATCH_CHARACTERS // len(text), 1))


def _long(
    text: str, encode: Callable[[Sequence[tuple[str, ...]]], F32], cut: Cut | None
) -> RemovableParts:
    """The words at the beginning of a long caption, or of what counts most."""
    bounds = _stretches(text)

    def alone(places: Sequence[int]) -> Array:
        return encode([(text[slice(*bounds[place])].strip(),) for place in places])

    def closer(worth: F64) -> RemovableParts:
        return _focused(text, bounds, _chosen(bounds, worth), encode, cut)

    beginning = closer(np.eye(1, len(bounds))[0])
    batch = max(_BATCH_CHARACTERS // _STRETCH, 1)
    return replace(beginning, stretches=Stretches(len(bounds), alone, closer, batch))


def _stretches(text: str) -> list[tuple[int, int]]:
    """Sentences, which together cover the text; of one that is too long, its clauses or words."""
    starts: list[int] = []
    for first, last in cut_by(text, 0, len(text), SENTENCE):
        begin = None
        for start, stop in pieces(text, first, last, _STRETCH):
            if begin is None or stop - begin > _STRETCH:
                begin = start
                starts.append(start)
    starts[:1] = [0]
    return list(pairwise([*starts, len(text)]))


def _chosen(bounds: Sequence[tuple[int, int]], worth: F64) -> list[int]:
    """The stretches that count most, as many as may be split."""
    chosen: list[int] = []
    left = MOST_CHARACTERS
    for place in np.argsort(-worth, kind="stable").tolist():
        start, stop = bounds[place]
        counts = worth[place] >= _AS_MUCH * worth.max() and stop - start <= left
        if not chosen or (counts and len(chosen) < _STRETCHES):
            chosen.append(place)
            left -= stop - start
    return sorted(chosen)


def _focused(
    text: str,
    bounds: Sequence[tuple[int, int]],
    chosen: Sequence[int],
    encode: Callable[[Sequence[tuple[str, ...]]], F32],
    cut: Cut | None,
) -> RemovableParts:
    """The words of some stretches, and what lies around them by the stretch."""
    length = sum(bounds[place][1] - bounds[place][0] for place in chosen)
    words: list[Word] = []
    gaps: list[Word] = []
    for inside, places in groupby(range(len(bounds)), key=set(chosen).__contains__):
        run = list(places)
        if not inside:
            start, stop = bounds[run[0]][0], bounds[run[-1]][1]
            label = f"… {count(stop - start, 'more character')} …"
            gaps.append(Word(label, start, stop, whole=True))
            continue
        for start, stop in (bounds[place] for place in run):
            most = max(MOST * (stop - start) // length, 1)
            words += [
                replace(word, start=start + word.start, end=start + word.end)
                for word in split(text[start:stop], cut, most=most)
            ]

    def without(kept: Mask) -> Array:
        return encode([(joined(text, words, row),) for row in kept])

    def beside(kept: Mask) -> Array:
        rows = (sorted([*words, *compress(gaps, row)], key=lambda word: word.start) for row in kept)
        return encode([("".join(text[w.start : w.end] for w in row).strip(),) for row in rows])

    around = RemovableParts(gaps, beside, 1) if gaps else None
    return RemovableParts(words, without, max(_BATCH_CHARACTERS // length, 1), around)


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
