"""Words that tell a class, or an item, from what lies around it: log-odds over captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.core.wording import count
from isthmus.prompts.support import Labels
from isthmus.prompts.templates import PLACE, Templates, language_of

NEAR = 8
"""Captions that are read beside each example, as in label propagation here."""
WORDS = 5
"""Words of a class: as many prompts as it has sentences in most languages."""
_HALF = 0.5
"""Added to every count (Haldane–Anscombe), so that a word that one side lacks has odds."""
_SURE = 1.0
"""Standard errors by which log-odds must lie above zero; below it a word is noise."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
"""Scripts that write no spaces, of which pairs of characters are taken as words."""


@dataclass(frozen=True, eq=False)
class Captions:
    """Captions with vectors of what they are about: what is read near an item.

    Attributes:
        texts: ``M`` captions.
        vectors: ``(M, d)`` unit vectors of the items that they are about, or of themselves.

    Raises:
        InputError: If they differ in number, or there are none.
    """

    texts: tuple[str, ...]
    vectors: F64

    def __post_init__(self) -> None:
        if not self.texts or len(self.texts) != len(self.vectors):
            n = len(self.vectors)
            raise InputError(f"{count(len(self.texts), 'caption')} and {count(n, 'vector')}")

    def near(self, x: F64, k: int = NEAR) -> list[str]:
        """The captions nearest to unit vectors ``(n, d)``, ``k`` of each, each caption once."""
        scores = x @ self.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [self.texts[place] for place in dict.fromkeys(order.ravel().tolist())]

    def phrases(self, x: F64, k: int = NEAR, most: int = WORDS) -> tuple[str, ...]:
        """Key words of the captions near one item ``(d,)``, against all captions."""
        return telling_words(self.near(x[None], k), self.texts, most)


def telling_words(own: Sequence[str], others: Sequence[str], most: int = WORDS) -> tuple[str, ...]:
    """Words that are surely more frequent in some captions than in others, the surest first.

    By the z-score of the log-odds ratio; a word counts once a caption.

    Args:
        own: Captions of a class.
        others: Those of its neighbours.
        most: At most so many.

    References:
        Monroe, Colaresi & Quinn, "Fightin' words", Political Analysis, 2008, section 3.3.

    Examples:
        >>> telling_words(["a red bird", "a small bird"], ["a red car", "a small car"])
        ('bird',)
    """
    mine, theirs = _counts(own), _counts(others)
    z = {}
    for word in mine:
        a, b = mine[word] + _HALF, theirs[word] + _HALF
        odds = np.log(a / (mine.total() - mine[word] + _HALF))
        against = np.log(b / (theirs.total() - theirs[word] + _HALF))
        z[word] = float((odds - against) / np.sqrt(1 / a + 1 / b))
    surest = sorted(z, key=lambda word: (-z[word], word))
    return tuple(word for word in surest[:most] if z[word] > _SURE)


def from_captions(
    names: Sequence[str],
    items: F64,
    labels: Labels,
    captions: Captions,
    templates: Templates,
    modality: str,
) -> dict[str, tuple[str, ...]]:
    """Prompts of classes from words that set the captions near their examples apart.

    Args:
        names: Of the ``K`` classes.
        items: ``(N, d)`` unit vectors of the examples.
        labels: ``(N,)``.
        captions: What is read near the examples; not their own.
        templates: Sentences.
        modality: Of the items.

    Returns:
        By class name; nothing for a class without an example or without a telling word.
    """
    near = [
        captions.near(items[labels == number]) if (labels == number).any() else []
        for number in range(len(names))
    ]
    out = {}
    for number, name in enumerate(names):
        others = [text for other, texts in enumerate(near) if other != number for text in texts]
        words = telling_words(near[number], others)
        out[name] = in_sentences(name, words, templates, modality)
    return out


def in_sentences(
    name: str, tails: Iterable[str], templates: Templates, modality: str
) -> tuple[str, ...]:
    """A name with each of some words, in the sentences of its language, one after another."""
    sentences = templates.of(language_of(name), modality)
    return tuple(
        sentences[place % len(sentences)].replace(PLACE, f"{name}, {tail}")
        for place, tail in enumerate(tails)
    )


def _counts(captions: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update(set(_words(caption)))
    return counts


def _words(text: str) -> list[str]:
    unspaced = _UNSPACED.findall(text)
    pairs = [run[i : i + 2] for run in unspaced for i in range(len(run) - 1)]
    return pairs + [word.lower() for word in _WORD.findall(_UNSPACED.sub(" ", text))]
