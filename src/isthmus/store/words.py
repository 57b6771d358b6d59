"""Full text: which texts hold the words of a query, in any script.

This is own code because LanceDB's default tokenizer finds no Chinese (0 of 200 rows for 猫) and
that of SQLite for trigrams finds nothing shorter than three characters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.store.patterns import INVISIBLE, folded

_LEAST = 0.5
"""Share of a query's information that a text must hold to be found."""
_INSIDE = 0.5
"""How much a word counts that is only part of a longer one, or stands beside the text."""
_SHORTEST_INSIDE = 3
"""Characters that a word needs to be sought within longer ones."""
_COMMON = 0.2
"""A word in more than this share of the texts says nothing, where there are many texts."""
_MANY = 50
_SEPARATOR = "\n"
_BESIDE = "\0"
"""Ends words that stand beside a text; no word of a text has it."""
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_GRAMS = (
    (2, "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"),
    (3, "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"),
)
"""Letters of scripts that put no blanks between words, and how many of them are sought at once:
Chinese, Japanese and Korean, of which there are thousands; Thai, Lao, Burmese and Khmer."""
_UNSPACED = [(size, re.compile(f"[{letters}]+")) for size, letters in _GRAMS]
_ANY_UNSPACED = re.compile("[" + "".join(letters for _, letters in _GRAMS) + "]+")

Rows = NDArray[np.int32]


class WordIndex:
    """An inverted index: the rows of every word, and of runs of letters in unspaced scripts.

    Words of scripts with blanks are found whole or as parts of words, numbers whole, Chinese,
    Japanese and Korean by any two neighbouring characters, Thai and its like by three, or by as
    many as there are.

    Args:
        texts: One a row.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._rows: dict[str, array[int]] = {}
        self._count = 0
        self._vocabulary: str | None = None
        self.extend(texts)

    def extend(self, texts: Sequence[str], beside: Sequence[str] = ()) -> None:
        """Append rows.

        Args:
            texts: One a row.
            beside: What stands beside each, such as the folders of a file; its words count less.
        """
        for row, (text, other) in enumerate(zip_longest(texts, beside, fillvalue=""), self._count):
            tokens = _tokens(folded(text), shorter=True)
            known = set(tokens)
            more = _tokens(folded(other), shorter=True) if other else ()
            for token in (*tokens, *(f"{each}{_BESIDE}" for each in more if each not in known)):
                if token in self._rows:
                    self._rows[token].append(row)
                else:
                    self._rows[token] = array("i", (row,))
        self._count += len(texts)
        self._vocabulary = None

    def find(self, query: str) -> tuple[NDArray[np.intp], F64]:
        """Rows that hold enough of the query's words.

        Returns:
            Rows ``(n,)``, best first, and the share ``(n,)`` of the query's information that each
            holds, 0…1. A word counts by its rarity, ``log(1 + n / df)``.
        """
        total = 0.0
        found: list[tuple[Rows, float]] = []
        for token in _tokens(folded(query)):
            whole, inside = self._holding(token)
            count = len(whole) + len(inside)
            if self._count >= _MANY and count > _COMMON * self._count:
                continue
            rarity = math.log(1 + self._count / max(count, 1))
            total += rarity
            found += [(whole, rarity), (inside, rarity * _INSIDE)]
        if not total:
            return np.zeros(0, dtype=np.intp), np.zeros(0)
        shares = np.zeros(self._count)
        for rows, weight in found:  # no row twice in one of them
            shares[rows] += weight
        shares /= total
        kept = np.flatnonzero(shares >= _LEAST)
        order = kept[np.argsort(-shares[kept], kind="stable")]
        return order, shares[order]

    def _holding(self, token: str) -> tuple[Rows, Rows]:
        """Rows with a word, and rows that have it only inside longer ones or beside their text."""
        whole = self._of(token)
        others = [token + _BESIDE]
        if len(token) >= _SHORTEST_INSIDE and not (token.isdigit() or _ANY_UNSPACED.match(token)):
            others = [word for word in self._with(token) if word != token]
        if not others:
            return whole, np.zeros(0, dtype=np.int32)
        inside = np.unique(np.concatenate([self._of(word) for word in others]))
        return whole, np.setdiff1d(inside, whole, assume_unique=True)

    def _of(self, token: str) -> Rows:
        # A copy: an array that is looked into cannot grow.
        return np.array(self._rows.get(token, ()), dtype=np.int32)

    def _with(self, part: str) -> Iterator[str]:
        """Every word that has a part in it."""
        if self._vocabulary is None:
            words = (word for word in self._rows if not word.isdigit())  # those are found whole
            self._vocabulary = _SEPARATOR + _SEPARATOR.join(words) + _SEPARATOR
        text = self._vocabulary
        place = text.find(part)
        while place >= 0:
            start = text.rfind(_SEPARATOR, 0, place) + 1
            end = text.find(_SEPARATOR, place)
            yield text[start:end]
            place = text.find(part, end)


def words(text: str) -> list[str]:
    """Runs of letters and digits, with the marks that belong to them.

    Examples:
        >>> words("red_kangaroo-2"), words("किताब")
        (['red', 'kangaroo', '2'], ['किताब'])
    """
    return (_ASCII_WORD if text.isascii() else _word()).findall(text)


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    """A word of any script; ``re`` does not count combining marks as letters."""
    signs = (c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c) in ("Mn", "Mc"))
    marks = "".join(sign for sign in signs if not "\ufe00" <= sign <= "\ufe0f")
    return re.compile(f"(?:[^\\W_]|[{marks}{INVISIBLE}])+")


def _tokens(text: str, *, shorter: bool = False) -> list[str]:
    """Words of two characters or more, digits, and runs of letters of unspaced scripts.

    Args:
        text: Folded.
        shorter: Also runs that are one letter shorter, by which short queries are found.
    """
    tokens: dict[str, None] = {}
    for word in words(text):
        if word.isascii():
            if len(word) > 1 or word.isdigit():
                tokens[word] = None
            continue
        for size, letters in _UNSPACED:
            for run in letters.findall(word):
                tokens.update(dict.fromkeys(_grams(run, size, shorter=shorter)))
        for part in _ANY_UNSPACED.split(word):
            if len(part) > 1 or part.isdigit():
                tokens[part] = None
    return list(tokens)


def _grams(run: str, size: int, *, shorter: bool) -> list[str]:
    """Neighbouring letters, ``size`` of them, or as many as there are."""
    sizes = {min(size, len(run)), min(size - 1, len(run))} if shorter else {min(size, len(run))}
    return [run[i : i + n] for n in sizes for i in range(len(run) - n + 1)]
