"""Words that mean many stamps or few: the names of their folders and what their captions name."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SHORTEST = 3
_EVERY = 8
_CUT = re.compile(r"[.,!?(\u2014;:]| (?:of|in|on|from|with|to|for|that|at|is|are|you|and) ")
_ENDINGS = (("ies", "y"), ("ches", "ch"), ("xes", "x"), ("ss", "ss"), ("s", ""))


def head_noun(caption: str) -> str:
    """What an English caption names: the last word before its first preposition or stop.

    Example:
        >>> head_noun("A string of garlic."), head_noun("An Adelaide Rosella.")
        ('string', 'rosella')
    """
    start = _CUT.split(caption.strip('\u201c\u201d" '))[0] or caption
    words = re.findall(r"[\w\u2019'-]+", start.lower())
    return singular(words[-1]) if words else ""


def singular(word: str) -> str:
    """An English noun without its plural ending; underscores become blanks."""
    word = word.replace("_", " ")
    for ending, other in _ENDINGS:
        if word.endswith(ending):
            return word[: -len(ending)] + other
    return word


def wordings(word: str) -> list[str]:
    """How people ask for it: bare, with an article, and as many."""
    article = "an" if word[0] in "aeiou" else "a"
    many = word if word.endswith("s") else f"{word}s"
    return list(dict.fromkeys([word, f"{article} {word}", many]))


def meanings(captions: Mapping[str, str]) -> dict[str, set[str]]:
    """The stamps that each word means: in folders of that name, or with it in their caption.

    Args:
        captions: English, by stamp; the name of a stamp is its path.
    """
    folders = {name: {singular(part.lower()) for part in name.split("/")[:-1]} for name in captions}
    words = {word for own in folders.values() for word in own}
    words |= {head_noun(caption) for caption in captions.values()}
    found: dict[str, set[str]] = {}
    for word in sorted(word for word in words if len(word) >= SHORTEST):
        whole = re.compile(rf"\b{re.escape(word)}(s|es)?\b")
        found[word] = {
            name
            for name, caption in captions.items()
            if word in folders[name] or whole.search(caption.lower())
        }
    return found


def narrowed(captions: Mapping[str, str]) -> dict[str, set[str]]:
    """Some of the stamps of a folder: those whose caption holds a word, asked for by both.

    Without them every query that holds the name of a folder would pass for a broad one.

    Args:
        captions: English, by stamp.

    Returns:
        Stamps by query, such as "animals with a spider"; one in ``_EVERY`` of all there are.
    """
    found: dict[str, set[str]] = {}
    for name, caption in captions.items():
        folders = {singular(part.lower()) for part in name.split("/")[:-1]}
        for word in set(re.findall(r"[a-z]{4,}", caption.lower())):
            for folder in folders - {singular(word)}:
                many = wordings(folder)[-1]
                for text in (f"{many} with {word}", f"a {word} {folder}"):
                    if zlib.crc32(text.encode()) % _EVERY == 0:
                        found.setdefault(text, set()).add(name)
    return dict(sorted(found.items()))


def same_kind(captions: Sequence[str]) -> NDArray[np.bool_]:
    """``(n, n)``, whether two captions name the same."""
    nouns = np.array([head_noun(caption) for caption in captions])
    same = (nouns[:, None] == nouns[None, :]) & (nouns != "")
    np.fill_diagonal(same, True)
    return np.asarray(same, dtype=bool)
