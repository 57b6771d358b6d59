"""What few-shot methods learn from: class words and example items as unit vectors of one space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64, Array, l2_normalize
from isthmus.core.validate import check_vectors
from isthmus.core.wording import count

Labels = NDArray[np.intp]
Scorer = Callable[[F64], F64]
"""From unit vectors ``(m, d)`` to logits ``(m, K)``; differences in a row are log-odds once they
are divided by a temperature."""


@dataclass(frozen=True, eq=False)
class Support:
    """The support set of a few-shot problem with ``K`` classes.

    Attributes:
        words: ``(K, d)`` unit prototypes of what each class is called; zeros for a class that has
            only examples.
        items: ``(N, d)`` unit vectors of the shots; ``N`` may be 0.
        labels: ``(N,)``, the class of each shot, 0 … K − 1.
        scale: What a cosine between an item and words is worth in log-odds: the calibrated
            inverse temperature of the space.
        seen: ``(N,)``, which shots the space has learned from; it is too sure of these, so what it
            says of them when they are left out counts for less. None for none of them.

    Raises:
        DataError: If shots and labels differ in number, a label names no class, or a class has
            neither words nor a shot.
        VectorError: If a vector cannot be used.
    """

    words: F64
    items: F64
    labels: Labels
    scale: float = 1.0
    seen: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        words = check_vectors(self.words, name="words", allow_zero=True).astype(np.float64)
        items = np.zeros((0, words.shape[1]))
        if len(self.items):
            items = check_vectors(self.items, name="shots", dim=words.shape[1]).astype(np.float64)
        labels = np.asarray(self.labels, dtype=np.intp).reshape(-1)
        if len(labels) != len(items):
            raise DataError(f"{count(len(items), 'shot')} and {count(len(labels), 'label')}")
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(words)):
            raise DataError(f"labels must lie in 0 … {len(words) - 1}, got {labels.max()}")
        object.__setattr__(self, "words", l2_normalize(words))
        object.__setattr__(self, "items", l2_normalize(items))
        object.__setattr__(self, "labels", labels)
        seen = np.zeros(len(labels), bool) if self.seen is None else np.asarray(self.seen, bool)
        if seen.shape != labels.shape:
            raise DataError(
                f"{count(len(seen), 'mark')} of seen shots for {count(len(labels), 'shot')}"
            )
        object.__setattr__(self, "seen", seen)
        if (bare := np.flatnonzero((self.counts == 0) & ~self.worded)).size:
            raise DataError(f"class {bare[0]} has neither words nor a shot; give it either")

    @property
    def classes(self) -> int:
        """``K``."""
        return len(self.words)

    @cached_property
    def counts(self) -> F64:
        """``(K,)`` shots of each class."""
        return np.bincount(self.labels, minlength=len(self.words)).astype(np.float64)

    @cached_property
    def worded(self) -> NDArray[np.bool_]:
        """``(K,)`` which classes have words."""
        return np.asarray(self.words.any(axis=1))

    @cached_property
    def onehot(self) -> F64:
        """``(N, K)``."""
        return np.eye(self.classes)[self.labels]

    @cached_property
    def _means(self) -> F64:
        """Unit means of the shots of each class; zeros where there is none."""
        if not len(self.items):
            return np.zeros_like(self.words)
        return np.asarray(l2_normalize(self.onehot.T @ self.items), dtype=np.float64)

    @cached_property
    def _gap(self) -> F64:
        """``(d,)``, how means differ from words, over the classes that have both."""
        both = (self.counts > 0) & self.worded
        if not both.any():
            return np.zeros(self.words.shape[1])
        gap: F64 = (self._means[both] - self.words[both]).mean(axis=0)
        return gap

    @cached_property
    def means(self) -> F64:
        """``(K, d)`` unit means; a class without a shot gets its words, moved by the gap.

        The gap is the mean difference between means and words of the classes that have both
        (Liang et al., "Mind the gap", 2022: it is nearly one vector for all).
        """
        moved = l2_normalize(self.words + self._gap)
        return np.where(self.counts[:, None] > 0, self._means, moved)

    @cached_property
    def prototypes(self) -> F64:
        """``(K, d)`` unit words; a class without words gets its mean, moved by the gap."""
        moved = l2_normalize(self._means - self._gap)
        return np.where(self.worded[:, None], self.words, moved)

    def zero_shot(self, x: F64) -> F64:
        """Logits ``(m, K)`` of unit vectors ``(m, d)`` by words alone."""
        logits: F64 = self.scale * (x @ self.prototypes.T)
        return logits

    def above(self, words: F64, member: Labels) -> Support:
        """The same shots with the nodes of a tree for classes.

        Args:
            words: ``(L, d)`` unit prototypes of the nodes.
            member: ``(K,)``, the node of each class.
        """
        return replace(self, words=words, labels=member[self.labels])

    def take(self, rows: Array) -> Support:
        """The same classes with some of the shots (indices or a mask)."""
        assert self.seen is not None
        return replace(self, items=self.items[rows], labels=self.labels[rows], seen=self.seen[rows])


def prototype(vectors: Array) -> F64:
    """The unit mean ``(d,)`` of unit vectors ``(p, d)`` of the prompts of one class.

    Radford et al., "Learning transferable visual models from natural language supervision", 2021,
    section 3.1.4: prompts are ensembled in the embedding space.

    Examples:
        >>> prototype(np.array([[2.0, 0.0], [0.0, 1.0]])).round(3)
        array([0.707, 0.707])
    """
    rows = l2_normalize(np.asarray(vectors, dtype=np.float64))
    return np.asarray(l2_normalize(rows.mean(axis=0)), dtype=np.float64)


def softmax(logits: F64) -> F64:
    """Rows as probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    out: F64 = shifted / shifted.sum(axis=1, keepdims=True)
    return out


def log_softmax(logits: F64) -> F64:
    """Rows as log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    out: F64 = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out
