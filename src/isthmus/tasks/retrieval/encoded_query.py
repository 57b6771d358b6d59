"""A query as vectors of a space, and what items score for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import Direction
from isthmus.space import Space
from isthmus.space.calibration import Background, Calibration
from isthmus.store import Entry, FoundRows, HubnessCorrection, NearestRows, Reader
from isthmus.tasks.retrieval.hits import CLEAR, Hit, Standing
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.query import Query, Term
from isthmus.tasks.retrieval.views import view_meant

CANDIDATES = 200
"""Rows that are scored by every term of a query where it has several."""
FUSED = 10
"""Hits of each view by meaning, and half of the hits by words, that are fused, whatever number is
wanted: so the best five are the first five of the best ten. It is the default number of hits."""
_LIKELY = 0.5
"""Least probability of a hit for a query that is out of the distribution of the space."""
_ALIKE = 0.7
"""Least cosine of such a hit where nothing is known of probabilities. Of 300 clip art pictures of
other things, the nearest to a picture in the starter space reaches it once in twenty times."""


@dataclass(frozen=True, eq=False)
class EncodedQuery:
    """A query as vectors of the space.

    Attributes:
        space: Of the vectors.
        rows: Where to look: a store as it is at one moment.
        terms: Those of the query.
        vectors: ``(t, dim)``, one unit vector a term.
        views: Of the terms.
        natives: What the encoder gave for each term, ``(1, dim)``; None for items of the store.
        options: How to search.
        sizes: Among how many items of each view is sought.
    """

    space: Space
    rows: Reader
    terms: Sequence[Term]
    vectors: F32
    views: Sequence[str]
    natives: Sequence[F32 | None]
    options: SearchOptions
    sizes: Mapping[str, int]
    _known: dict[int, dict[str, Background]] = field(default_factory=dict)
    _typical: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Space, rows: Reader, query: Query, options: SearchOptions) -> EncodedQuery:
        """Encode every term.

        Args:
            space: Of the vectors.
            rows: Where to look: a store as it is at one moment.
            query: What is looked for.
            options: How to search.

        Raises:
            InputError: If an item is not in the store, cannot be encoded, or may belong to
                several views.
        """
        encoded = [_encoded(space, rows, term, options.asked_as) for term in query.terms]
        vectors = np.stack([vector for vector, _, _ in encoded])
        views, natives = [view for _, view, _ in encoded], [native for *_, native in encoded]
        return cls(space, rows, query.terms, vectors, views, natives, options, dict(rows.count()))

    @cached_property
    def weights(self) -> F32:
        """Of the terms, scaled so that the positive ones sum to 1."""
        weights = np.array([term.weight for term in self.terms], dtype=np.float32)
        return np.asarray(weights / weights[weights > 0].sum(), dtype=np.float32)

    @property
    def own(self) -> set[str]:
        """Items of the store that the query names; the user already has them."""
        return {term.stored for term in self.terms if term.stored}

    def nearest(self, view: str) -> list[Hit]:
        """The best items of one view, best first: as many as are wanted, and those to be fused."""
        options, own = self.options, self.own
        k = max(options.k, FUSED)
        direction: F32 = np.asarray(l2_normalize(self.weights @ self.vectors), dtype=np.float32)
        rows = self.rows.search(
            direction,
            k + 1 + len(own) if self._single else max(k + 1, CANDIDATES),
            view=view,
            where=options.filter,
            correction=self._correction(),
            exact=options.exact,
        )
        if own:
            rows = rows.take([i for i, name in enumerate(rows.ids) if name not in own])
        hits = self.hits(rows, view)
        among = self._among.get(view, 0)
        lead = hits[0].prominence - hits[1].prominence if len(hits) > 1 else 0.0
        return [
            replace(hit, standing=Standing(rank, among, rank == 1 and lead >= CLEAR))
            for rank, hit in enumerate(hits[:k], 1)
        ]

    @cached_property
    def _among(self) -> Mapping[str, int]:
        """Items of each view that the filter lets through."""
        known = self.options.filter
        return self.sizes if known is None else self.rows.count(known)

    def judged(self, entry: Entry, vector: F32) -> Hit:
        """One item as :meth:`nearest` would show it, wherever it stands.

        Args:
            entry: What is known of it.
            vector: ``(dim,)``, its own.
        """
        hubness = self.space.hubness(vector[None], entry.view)
        hit = self.hits(FoundRows([entry], vector[None], hubness), entry.view)[0]
        if not self.sizes.get(entry.view):
            return hit
        shown = {each.id: each.standing for each in self.nearest(entry.view)}
        return replace(hit, standing=shown.get(entry.id))

    def hits(self, rows: FoundRows, view: str) -> list[Hit]:
        """Rows of one view, scored by every term; best first."""
        if not len(rows):
            return []
        known = rows.cosine[:, None] if self._single and isinstance(rows, NearestRows) else None
        cosine: F32 = rows.vectors @ self.vectors.T if known is None else known
        hubness, score = self._scores(cosine, rows.hubness, view)
        judged = self._judged(cosine, hubness, view)
        typical, spread = self._reference(view)
        return [
            Hit(
                rows.entries[i].id,
                view,
                rows.entries[i].modality,
                rows.entries[i].source,
                float(cosine[i] @ self.weights),
                float(score[i]),
                None if judged.probability is None else float(judged.probability[i]),
                float((score[i] - typical) / spread),
                passes=bool(judged.passes[i]),
                avoided=bool(judged.avoided[i]),
                gone=rows.entries[i].gone,
                span=rows.entries[i].span,
                text=rows.entries[i].text,
            )
            for i in np.argsort(-score, kind="stable").tolist()
        ]

    def uncalibrated(self, view: str) -> list[Direction]:
        """Directions of this search whose scores have no calibrated probability."""
        directions = dict.fromkeys(Direction(m, view) for m in self.views)
        return [each for each in directions if each not in self.space.calibration]

    @cached_property
    def out_of_distribution(self) -> bool:
        """Whether something that is sought is unlike all that the space was made from.

        How familiar a query is does not depend on what it is compared with, so one direction from
        its view that takes it for familiar is enough: others were learned from less.
        """
        return any(self._unlike(i) for i in self._sought)

    def _unlike(self, term: int) -> bool:
        told = [
            calibration.is_out_of_distribution(self._background(term, direction.gallery))
            for direction, calibration in self.space.calibration.items()
            if direction.query == self.views[term]
        ]
        return bool(told) and all(told)

    def weak(self, view: str) -> list[Direction]:
        """Directions of this search in which even held-out partners are seldom found."""
        directions = dict.fromkeys(Direction(self.views[i], view) for i in self._sought)
        known = self.space.calibration
        return [each for each in directions if each in known and known[each].is_weak]

    def _passing(self, cosine: F32, probability: F32 | None, view: str) -> NDArray[np.bool_]:
        """Which hits pass for a match, by what the space was calibrated on.

        A query that is out of the distribution of the space can still be like an item of its own
        view: such a hit passes if it is likely, or nearly the same. Where a direction is
        uncalibrated nothing more can be said, and hits are shown.
        """
        own, outside = all(self.views[i] == view for i in self._sought), self.out_of_distribution
        if outside and not own:
            return np.zeros(len(cosine), dtype=bool)
        if probability is None:
            return (cosine @ self.weights >= _ALIKE) | (not outside)
        size = self._size(view)
        thresholds = [
            self._calibration(i, view).threshold_among(size, self._background(i, view))
            for i in self._sought
        ]
        least = float(np.mean(thresholds))
        return probability >= (max(least, _LIKELY) if outside else least)

    def _size(self, view: str) -> int | None:
        return self.sizes.get(view) or None

    @property
    def _sought(self) -> list[int]:
        return [i for i, term in enumerate(self.terms) if term.weight > 0]

    @property
    def _single(self) -> bool:
        return len(self.terms) == 1

    @property
    def _strength(self) -> float:
        return self.space.csls_strength if self.options.readout == "instance" else 0.0

    def _correction(self) -> HubnessCorrection | None:
        if not self._single or not self._strength:
            return None
        return HubnessCorrection(self.views[0], self._strength)

    def _scores(self, cosine: F32, near_banks: F32, view: str) -> tuple[F32, F32]:
        """Hubness ``(n, t)`` of items for each term, and the score ``(n,)`` by all of them.

        Args:
            cosine: ``(n, t)`` of items to each term.
            near_banks: Their hubness to the bank of every view.
            view: Theirs.
        """
        hubness = near_banks[:, [self.space.views.index(m) for m in self.views]]
        near = np.array(
            [self._background(i, view).nearest[0] for i in range(len(self.terms))],
            dtype=np.float32,
        )
        score = (2 * cosine - np.float32(self._strength) * (hubness + near)) @ self.weights
        return hubness, score

    def _reference(self, view: str) -> tuple[float, float]:
        """Mean and deviation of the scores of the space's own items of a view."""
        if view not in self._typical:
            bank, near_banks = self.space.banks[view], self.space.bank_hubness(view)
            _, score = self._scores(bank @ self.vectors.T, near_banks, view)
            self._typical[view] = float(score.mean()), max(float(score.std()), 1e-6)
        return self._typical[view]

    def _background(self, term: int, view: str) -> Background:
        if term not in self._known:
            query, native = self.vectors[term][None], self.natives[term]
            self._known[term] = self.space.backgrounds(query, self.views[term], native)
        return self._known[term][view]

    def _calibration(self, term: int, view: str) -> Calibration:
        return self.space.calibration[Direction(self.views[term], view)]

    def _judged(self, cosine: F32, hubness: F32, view: str) -> _Judged:
        """What calibrations say of items, by their cosine ``(n, t)`` and hubness ``(n, t)``.

        Of several sought terms the probability is the mean: how many of them an item is expected
        to match. It is also what none of the avoided terms matches.
        """
        known = not self.uncalibrated(view)
        found, kept = np.zeros(len(cosine), dtype=np.float32), np.ones(len(cosine))
        avoided = np.zeros(len(cosine), dtype=bool)
        sought = np.maximum(self.weights, 0)
        for i, weight in enumerate(self.weights):
            if known:
                each, background = self._calibration(i, view), self._background(i, view)
                size = self._size(view)
                p = each.probability(cosine[:, i], hubness[:, i], background, size)
                if weight > 0:
                    found += weight * p
                else:
                    kept *= 1 - p
                    avoided |= p >= _LIKELY
            elif weight <= 0:
                avoided |= cosine[:, i] > cosine @ sought
        probability = np.asarray(found * kept, dtype=np.float32) if known else None
        passes = self._passing(cosine, probability, view) & ~avoided
        return _Judged(probability, passes, avoided)


class _Judged(NamedTuple):
    """What calibrations say of items, ``(n,)`` each; see :class:`Hit`."""

    probability: F32 | None
    passes: NDArray[np.bool_]
    avoided: NDArray[np.bool_]


def _encoded(
    space: Space, rows: Reader, term: Term, asked_as: Sequence[str]
) -> tuple[F32, str, F32 | None]:
    """A term as a vector ``(dim,)``, its view, and what its encoder gave, ``(1, dim)``."""
    if term.item is None:
        entry = rows.get([term.stored]).get(term.stored)
        if entry is None:
            raise InputError(f"the store holds no item {term.stored!r}")
        return rows.vectors([term.stored])[term.stored], entry.view, None
    view = view_meant(space, term.item.modality, asked_as, named=term.view)
    if term.vectors is not None:
        vector, native = term.vectors
        return vector, view, native
    done = space.embed([term.item], view)
    if not done.ok[0]:
        raise InputError(f"{term.item.source} cannot be searched by: {done.failures[0].reason}")
    return done.vectors[0], view, done.native


def judging(space: Space, rows: Reader, term: Term, entry: Entry) -> Callable[[F32], Hit]:
    """What judges one item for one term as a search does.

    Args:
        space: Of the store.
        rows: Of the store.
        term: What is sought.
        entry: The item; where the store holds it, its own vector counts.
    """
    encoded = EncodedQuery.of(space, rows, Query([replace(term, weight=1.0)]), SearchOptions())
    held = rows.vectors([entry.id])
    return lambda vector: encoded.judged(entry, held.get(entry.id, vector))
