"""Full text: which texts hold the words of a query, in any script."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

_LEAST = 0.5
"""Share of a query's information that a text must hold to be found."""
_INSIDE = 0.5
"""How much a word counts that is only part of a longer one."""
_COMMON = 0.2
"""A word in more than this share of the texts says nothing, where there are many texts."""
_MANY = 50
_SEPARATOR = "\x00"
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


class WordIndex:
    """All texts as one string, which a search scans at the speed of memory.

    Words of scripts with blanks are found whole or as parts of words, Chinese, Japanese and
    Korean by any two neighbouring characters, or by the one there is.

    Args:
        texts: One a row.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        folded = [text.casefold().replace(_SEPARATOR, " ") for text in texts]
        self._count = len(folded)
        self._all = _SEPARATOR.join(folded)
        lengths = np.array([len(text) + 1 for text in folded], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if folded else lengths

    def find(self, query: str) -> list[tuple[int, float]]:
        """Rows that hold enough of the query's words.

        Returns:
            Row and the share of the query's information that it holds, 0…1, best first. A word
            counts by its rarity, ``log(1 + n / df)``.
        """
        total = 0.0
        scores: dict[int, float] = {}
        for token in _tokens(query.casefold()):
            rows = self._rows(token)
            if self._count >= _MANY and len(rows) > _COMMON * self._count:
                continue
            rarity = math.log(1 + self._count / max(len(rows), 1))
            total += rarity
            for row, how in rows.items():
                scores[row] = scores.get(row, 0.0) + rarity * how
        if not total:
            return []
        found = [(row, score / total) for row, score in scores.items()]
        kept = [each for each in found if each[1] >= _LEAST]
        return sorted(kept, key=lambda each: (-each[1], each[0]))

    def _rows(self, token: str) -> dict[int, float]:
        """Rows with a token, and how much it counts there."""
        places = list(_places(self._all, token))
        if not places:
            return {}
        rows = np.searchsorted(self._starts, np.array(places), side="right") - 1
        out: dict[int, float] = {}
        cjk = bool(_CJK.match(token))
        for row, place in zip(rows.tolist(), places, strict=True):
            whole = cjk or self._whole(place, len(token))
            out[row] = max(out.get(row, 0.0), 1.0 if whole else _INSIDE)
        return out

    def _whole(self, place: int, length: int) -> bool:
        before = self._all[place - 1 : place]
        after = self._all[place + length : place + length + 1]
        return not (_joins(before) or _joins(after))


def _places(text: str, token: str) -> Iterator[int]:
    place = text.find(token)
    while place >= 0:
        yield place
        place = text.find(token, place + 1)


def _joins(neighbour: str) -> bool:
    """Whether a character beside a word makes it part of a longer one."""
    return neighbour.isalnum() and not _CJK.match(neighbour)


def _tokens(query: str) -> list[str]:
    """Words of two characters or more, digits, and neighbouring pairs of Chinese characters."""
    tokens: dict[str, None] = {}
    for word in _WORD.findall(query):
        for run in _CJK.findall(word):
            pairs = [run[i : i + 2] for i in range(len(run) - 1)] or [run]
            tokens.update(dict.fromkeys(pairs))
        for part in _CJK.split(word):
            if len(part) > 1 or part.isdigit():
                tokens[part] = None
    return list(tokens)
