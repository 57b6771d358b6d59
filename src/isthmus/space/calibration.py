"""Scores that mean something: the probability that a hit is what a query asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isthmus.core.document import Json, from_document, to_object
from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.linalg import F32, F64, l2_normalize, top_k_mean
from isthmus.space.readout import NEIGHBOURS

PRIOR_EXPONENT = 0.5
"""Exponent of the gallery size in the prior odds of a match. With 1 it would be the prior
correction of Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a
priori probabilities", 2002, which is right if all items were as alike as held-out records are;
with 0 there is none. Among 5,000 items .5 cuts the calibration error to a third
(``benchmarks/calibration.py``)."""
INPUTS = 4
BROAD_INPUTS = 4
"""More inputs where it is known how broad queries are."""
WEAK = 0.03
"""A direction is weak if half of the held-out partners are less likely than this. In the starter
space the median is .017 between sounds and pictures, which no record joins, and .05 or more in
every other direction (``benchmarks/starter.py``)."""
LEAST_IF_WEAK = 0.2
"""Probability that a hit of a weak direction needs to pass for a match: that of *maybe*."""
_LARGEST = 1e9
"""A weight beyond it says nothing but 0 or 1, and sums of such may overflow."""


@dataclass(frozen=True, slots=True)
class Background:
    """What a query is like before anything is looked at; ``(q,)`` each.

    Attributes:
        nearest: Mean cosine to its nearest in the bank of the items' view.
        familiar: Mean cosine to its nearest in the bank of its own view.
        native: The same of native vectors, where they are known. It tells nonsense from
            questions far better: heads look for what views share, and nonsense is odd in
            what they do not.
        breadth: Logarithm of how many items of a hundred they mean; see :class:`Breadth`.
    """

    nearest: F32
    familiar: F32
    native: F32 | None = None
    breadth: F32 | None = None


@dataclass(frozen=True)
class Learned:
    """A :class:`Calibration` as it is saved."""

    weights: tuple[float, ...]
    intercept: float
    threshold: float
    least_familiar: float
    true_probabilities: tuple[float, ...]
    gallery: int
    pairs: int
    ece: Mapping[str, float]
    least_native: float | None
    class_scale: float | None = None
    depth: float | None = None

    def check(self) -> None:
        """Refuse numbers that no calibration has.

        Raises:
            ArtifactError: Naming the first.
        """
        probabilities = (self.threshold, *self.true_probabilities)
        for name, good in {
            "weights": len(self.weights) in (INPUTS, INPUTS + BROAD_INPUTS),
            "weights or intercept": all(
                abs(each) <= _LARGEST for each in (*self.weights, self.intercept)
            ),
            "threshold or true_probabilities": all(0 <= each <= 1 for each in probabilities),
            "class_scale": self.class_scale is None or 0 < self.class_scale <= _LARGEST,
            "depth": self.depth is None or 1 <= self.depth <= _LARGEST,
            "gallery or pairs": self.gallery >= 1 and self.pairs >= 0,
        }.items():
            if not good:
                raise ArtifactError(f"calibration: {name} cannot be those of a calibration")
        if list(self.true_probabilities) != sorted(self.true_probabilities):
            raise ArtifactError("calibration: true_probabilities do not ascend")


@dataclass(frozen=True, eq=False)
class Calibration:
    """From what a search knows of a query and a hit to the probability that the hit is relevant.

    Relevant are the partner of a query and all that is of the same kind by its caption or its
    group: another duck for "a duck", every bird for "birds". It is a logistic regression on the
    cosine, its margin over the query's background, its margin over the item's background, and how
    familiar the query is; where a space knows how broad queries are, also on that, and on both
    margins times that. It is pointwise: ten pictures that match equally well do not share one
    probability. What it says holds for a choice among ``gallery`` items. Among more, chance finds
    better-looking strangers for a query that means one of them, so where the number is told its
    odds are divided by the square root of how many times more: the whole factor would be right if
    all were as alike as held-out records are. What a broad query means grows with the gallery, so
    the logarithm of that factor is divided by how many items of a hundred the query means.

    Attributes:
        weights: ``(4,)`` of the inputs, or ``(8,)`` with those of broad queries.
        intercept: Of the regression.
        threshold: Probability below which the best hit is no match.
        least_familiar: Queries less familiar than this are out of distribution, if nothing is
            known of their native vectors.
        least_native: Queries whose native vectors are less familiar than this are; None where
            the space has no native bank.
        class_scale: Inverse temperature at which items are classified by words of this direction,
            from groups that were held out as a whole; None where there were too few.
        depth: Mean place, from 1, of held-out partners among the items of a fold by their score;
            None where it was not measured.
        true_probabilities: Of held-out true pairs, ascending; what conformal sets are cut by.
        gallery: Among how many items a partner was looked for.
        pairs: How many held-out pairs it was learned from.
        ece: Calibration error on folds it was not learned from: ``before`` of cosines taken for
            probabilities, ``after`` of the regression.
    """

    weights: F64
    intercept: float
    threshold: float
    least_familiar: float
    true_probabilities: F64
    gallery: int
    pairs: int
    ece: Mapping[str, float] = field(default_factory=dict)
    least_native: float | None = None
    class_scale: float | None = None
    depth: float | None = None

    def probability(
        self, cosine: F32, hubness: F32, background: Background, size: int | None = None
    ) -> F32:
        """P(relevant) of hits.

        Args:
            cosine: ``(n,)`` to the query, or ``(q, n)`` to several.
            hubness: ``(n,)``, mean cosine of each item to its nearest in the bank of the
                query's view.
            background: Of the query or queries.
            size: Among how many items; None for as many as in calibration.

        Returns:
            As ``cosine``, float32 in 0…1.
        """
        single = cosine.ndim == 1
        inputs = calibration_inputs(np.atleast_2d(cosine), hubness, background)
        inputs = inputs[..., : len(self.weights)]
        logits = inputs @ self.weights + self.intercept + self._shift(size, background)[:, None]
        out = np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), dtype=np.float32)
        return out[0] if single else out

    def slope(self, breadth: float = 0.0) -> float:
        """By how much the log-odds of a hit rise with its cosine.

        Args:
            breadth: Of the queries, as in :class:`Background`; 0 for such as mean one item.
        """
        weights = np.zeros(INPUTS + BROAD_INPUTS)
        weights[: len(self.weights)] = self.weights
        return float(weights[:3].sum() + breadth * weights[5:7].sum())

    def is_out_of_distribution(self, background: Background) -> bool:
        """Whether a query is unlike anything the space was made from."""
        return bool(self.out_of_distribution(background)[0])

    def out_of_distribution(self, background: Background) -> NDArray[np.bool_]:
        """The same of several queries, ``(q,)``.

        What is compared is how near the nearest known vectors are, as in Sun, Ming, Zhu & Li,
        "Out-of-distribution detection with deep nearest neighbors", 2022.
        """
        if self.least_native is None or background.native is None:
            return np.asarray(background.familiar < self.least_familiar)
        return np.asarray(background.native < self.least_native)

    @property
    def is_weak(self) -> bool:
        """Whether held-out partners are seldom found, so that only a clear hit says anything."""
        known = self.true_probabilities
        return bool(len(known)) and float(np.median(known)) < WEAK

    def threshold_among(
        self, size: int | None = None, background: Background | None = None
    ) -> float:
        """:attr:`threshold` as it is among ``size`` items; None for as many as in calibration.

        Args:
            size: Among how many items.
            background: Of one query; default: one that means one item.
        """
        least = self._sized(self.threshold, size, background)
        return max(least, LEAST_IF_WEAK) if self.is_weak else least

    def matches(self, probabilities: F32, background: Background, size: int | None = None) -> bool:
        """Whether any hit passes for a match; probabilities ``(n,)``, among ``size`` items."""
        if not len(probabilities) or self.is_out_of_distribution(background):
            return False
        return bool(probabilities.max() >= self.threshold_among(size, background))

    def conformal(self, coverage: float, size: int | None = None) -> float:
        """The probability from which on items form a set that holds the partner.

        Split conformal prediction (Vovk, Gammerman & Shafer 2005): of sets cut here, at least
        ``coverage`` hold the true partner, if queries are like the held-out ones.

        Args:
            coverage: Such as 0.9.
            size: As for :meth:`probability`.

        Returns:
            The cut; 0, which takes in everything, where the pairs are too few for it.

        Raises:
            InputError: If ``coverage`` is no share.
        """
        if not 0 < coverage < 1:
            raise InputError(f"coverage must lie between 0 and 1, got {coverage}")
        n = len(self.true_probabilities)
        place = int(np.floor((n + 1) * (1 - coverage)))
        return self._sized(float(self.true_probabilities[place - 1]), size) if place > 0 else 0.0

    def _shift(self, size: int | None, background: Background | None = None) -> F64:
        """What the number of items adds to the logarithm of the odds, ``(q,)`` or ``(1,)``."""
        if size is None or self.gallery < 2:
            return np.zeros(1)
        whole = PRIOR_EXPONENT * np.log((self.gallery - 1) / (max(size, 2) - 1))
        known = None if background is None else background.breadth
        if known is None or len(self.weights) == INPUTS:
            return np.full(1, whole)
        return np.asarray(whole * np.exp(-np.maximum(known, 0)), dtype=np.float64)

    def _sized(
        self, probability: float, size: int | None, background: Background | None = None
    ) -> float:
        factor = float(np.exp(self._shift(size, background)[0]))
        odds = probability / max(1 - probability, 1e-12) * factor
        return float(odds / (1 + odds))

    def to_json(self) -> dict[str, Json]:
        """For the document of a space."""
        return to_object(
            Learned(
                tuple(self.weights.tolist()),
                self.intercept,
                self.threshold,
                self.least_familiar,
                tuple(np.round(self.true_probabilities, 6).tolist()),
                self.gallery,
                self.pairs,
                dict(self.ece),
                self.least_native,
                self.class_scale,
                self.depth,
            )
        )

    @classmethod
    def of(cls, learned: Learned) -> Calibration:
        """What was saved."""
        arrays = {
            name: np.asarray(getattr(learned, name), dtype=np.float64)
            for name in ("weights", "true_probabilities")
        }
        return cls(**{**vars(learned), **arrays})

    @classmethod
    def from_json(cls, document: Json) -> Calibration:
        """What :meth:`to_json` wrote.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        learned = from_document(Learned, document, "calibration")
        learned.check()
        return cls.of(learned)


def nearness(x: F32, bank_rows: F32) -> F32:
    """``(n,)`` mean cosine of rows to their ten nearest in a bank; 0 where the bank is empty."""
    if not len(bank_rows):
        return np.zeros(len(x), dtype=np.float32)
    cosines = x @ bank_rows.T
    return np.asarray(top_k_mean(cosines, NEIGHBOURS, overwrite=True), dtype=np.float32)


def native_nearness(native: F32, bank_rows: F32) -> F32:
    """``(n,)`` mean cosine of native vectors to their ten nearest in a native bank."""
    return nearness(np.asarray(l2_normalize(native), dtype=np.float32), bank_rows)


def calibration_inputs(cosine: F32, hubness: F32, background: Background) -> F64:
    """``(q, n, 8)``; the last four are 0 where it is not known how broad the queries are."""
    out = np.zeros((*cosine.shape, INPUTS + BROAD_INPUTS))
    out[..., 0] = cosine
    out[..., 1] = cosine - background.nearest[:, None]
    out[..., 2] = cosine - hubness
    out[..., 3] = background.familiar[:, None]
    if background.breadth is not None:
        broad = background.breadth[:, None]
        out[..., 4] = broad
        out[..., 5] = broad * out[..., 1]
        out[..., 6] = broad * out[..., 2]
        out[..., 7] = broad**2
    return out
