"""A query as vectors of a space, and what items score for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import Direction
from isthmus.space import Space
from isthmus.space.calibration import Background, Calibration
from isthmus.space.readout import Readout
from isthmus.store import Backend, HubnessCorrection
from isthmus.store.filters import Filter
from isthmus.tasks.retrieval.hits import Hit
from isthmus.tasks.retrieval.query import Query, Term

CANDIDATES = 200
"""Rows that are scored by every term of a query where it has several."""
_LIKELY = 0.5
"""Least probability of a hit for a query that is strange to the space."""
_ALIKE = 0.7
"""Least cosine of such a hit where nothing is known of probabilities. Of 300 clip art pictures of
other things, the nearest to a picture in the starter space reaches it once in twenty times."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A query as vectors of the space.

    Attributes:
        space: Of the vectors.
        backend: Where to look.
        terms: Those of the query.
        vectors: ``(t, dim)``, one unit vector a term.
        views: Of the terms.
        natives: What the encoder gave for each term, ``(1, dim)``; None for items of the store.
        readout: How to score.
        sizes: Among how many items of each view is sought.
    """

    space: Space
    backend: Backend
    terms: Sequence[Term]
    vectors: F32
    views: Sequence[str]
    natives: Sequence[F32 | None]
    readout: Readout
    sizes: Mapping[str, int]
    _known: dict[int, dict[str, Background]] = field(default_factory=dict)
    _typical: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        space: Space,
        backend: Backend,
        query: Query,
        readout: Readout,
        asked_as: Sequence[str] = (),
    ) -> Asked:
        """Encode every term.

        Args:
            space: Of the vectors.
            backend: Where to look.
            query: What is looked for.
            readout: How to score.
            asked_as: Views that the terms may belong to; needed where several views read one
                modality.

        Raises:
            InputError: If an item is not in the store, cannot be encoded, or may belong to
                several views.
        """
        found = [_vector(space, backend, term, asked_as) for term in query.terms]
        vectors = np.stack([vector for vector, _, _ in found])
        views, natives = [m for _, m, _ in found], [native for *_, native in found]
        sizes = dict(backend.count())
        return cls(space, backend, query.terms, vectors, views, natives, readout, sizes)

    @cached_property
    def weights(self) -> F32:
        """Of the terms, scaled so that the positive ones sum to 1."""
        weights = np.array([term.weight for term in self.terms], dtype=np.float32)
        return np.asarray(weights / weights[weights > 0].sum(), dtype=np.float32)

    @property
    def own(self) -> set[str]:
        """Items of the store that the query names; they are no news to who asks."""
        return {term.stored for term in self.terms if term.stored}

    def among(
        self, view: str, k: int, *, where: Filter | None = None, exact: bool = False
    ) -> list[Hit]:
        """The best ``k`` items of one view, best first."""
        single = len(self.terms) == 1
        own = self.own
        direction: F32 = np.asarray(l2_normalize(self.weights @ self.vectors), dtype=np.float32)
        scored = self.backend.search(
            direction,
            k + len(own) if single else max(k, CANDIDATES),
            view=view,
            where=where,
            correction=self._correction(),
            exact=exact,
        )
        return self.hits([each.id for each in scored if each.id not in own], view)[:k]

    def hits(self, ids: Sequence[str], view: str) -> list[Hit]:
        """Score items of one view by every term; best first."""
        entries, found = self.backend.get(ids), self.backend.vectors(ids)
        names = [each for each in ids if each in entries and each in found]
        if not names:
            return []
        x = np.stack([found[each] for each in names])
        known = self.backend.hubness(names)
        near_banks = np.stack([known[each] for each in names])
        cosine, hubness, score = self._scores(x, near_banks, view)
        probability = self._probability(cosine, hubness, view)
        typical, spread = self._reference(view)
        order = np.argsort(-score, kind="stable")
        return [
            Hit(
                names[i],
                view,
                entries[names[i]].modality,
                entries[names[i]].source,
                float(cosine[i] @ self.weights),
                float(score[i]),
                None if probability is None else float(probability[i]),
                float((score[i] - typical) / spread),
                gone=entries[names[i]].gone,
                span=entries[names[i]].span,
                text=entries[names[i]].text,
            )
            for i in order
        ]

    def uncalibrated(self, view: str) -> list[Direction]:
        """Directions of this search whose scores have no calibrated probability."""
        directions = dict.fromkeys(Direction(m, view) for m in self.views)
        return [each for each in directions if each not in self.space.calibration]

    @cached_property
    def strange(self) -> bool:
        """Whether something that is sought is unlike all that the space was made from.

        How familiar a query is does not depend on what it is compared with, so one direction from
        its view that takes it for familiar is enough: others were learned from less.
        """
        return any(self._strange(i) for i in self._sought)

    def _strange(self, term: int) -> bool:
        told = [
            calibration.strange(self._background(term, direction.gallery))
            for direction, calibration in self.space.calibration.items()
            if direction.query == self.views[term]
        ]
        return bool(told) and all(told)

    def answered(self, view: str, hits: Sequence[Hit]) -> bool:
        """Whether some hit of a view passes for a match, by what the space was calibrated on.

        What is strange to the space can still be like an item of its own view: such a hit
        passes if it is likely, or nearly the same. Where a direction is uncalibrated nothing more
        can be said, and hits are shown.
        """
        own = all(self.views[i] == view for i in self._sought)
        if not hits or (self.strange and not own):
            return False
        if self.uncalibrated(view):
            return not self.strange or any(hit.cosine >= _ALIKE for hit in hits)
        size = self.sizes[view]
        least = float(np.mean([self._calibration(i, view).least(size) for i in self._sought]))
        if self.strange:
            least = max(least, _LIKELY)
        return any((hit.probability or 0.0) >= least for hit in hits)

    @property
    def _sought(self) -> list[int]:
        return [i for i, term in enumerate(self.terms) if term.weight > 0]

    @property
    def _strength(self) -> float:
        return self.space.csls_strength if self.readout == "instance" else 0.0

    def _correction(self) -> HubnessCorrection | None:
        if len(self.terms) > 1 or not self._strength:
            return None
        return HubnessCorrection(self.views[0], self._strength)

    def _scores(self, x: F32, near_banks: F32, view: str) -> tuple[F32, F32, F32]:
        """Cosines and hubness ``(n, t)`` of items to each term, and the score ``(n,)`` of all.

        Args:
            x: ``(n, k)`` items.
            near_banks: Their hubness to the bank of every view.
            view: Theirs.
        """
        hubness = near_banks[:, [self.space.views.index(m) for m in self.views]]
        cosine: F32 = x @ self.vectors.T
        near = np.array(
            [self._background(i, view).nearest[0] for i in range(len(self.terms))],
            dtype=np.float32,
        )
        score = (2 * cosine - np.float32(self._strength) * (hubness + near)) @ self.weights
        return cosine, hubness, score

    def _reference(self, view: str) -> tuple[float, float]:
        """Mean and deviation of the scores of the space's own items of a view."""
        if view not in self._typical:
            bank, near_banks = self.space.banks[view], self.space.bank_hubness(view)
            _, _, score = self._scores(bank, near_banks, view)
            self._typical[view] = float(score.mean()), max(float(score.std()), 1e-6)
        return self._typical[view]

    def _background(self, term: int, view: str) -> Background:
        if term not in self._known:
            query, native = self.vectors[term][None], self.natives[term]
            self._known[term] = self.space.backgrounds(query, self.views[term], native)
        return self._known[term][view]

    def _calibration(self, term: int, view: str) -> Calibration:
        return self.space.calibration[Direction(self.views[term], view)]

    def _probability(self, cosine: F32, hubness: F32, view: str) -> F32 | None:
        """Of several sought terms the mean: how many of them an item is expected to match."""
        if self.uncalibrated(view):
            return None
        found = np.zeros(len(cosine), dtype=np.float32)
        for i, weight in enumerate(self.weights):
            if weight > 0:
                each, background = self._calibration(i, view), self._background(i, view)
                p = each.probability(cosine[:, i], hubness[:, i], background, self.sizes[view])
                found += weight * p
        return found


def _vector(
    space: Space, backend: Backend, term: Term, asked_as: Sequence[str]
) -> tuple[F32, str, F32 | None]:
    """A term as a vector ``(dim,)``, its view, and what its encoder gave, ``(1, dim)``."""
    if term.item is None:
        entry = backend.get([term.stored]).get(term.stored)
        if entry is None:
            raise InputError(f"the store holds no item {term.stored!r}")
        return backend.vectors([term.stored])[term.stored], entry.view, None
    item = term.item
    named = [view for view in asked_as if space.modalities.get(view) == item.modality]
    view = space.view_of(item.modality, named)
    if term.vectors is not None:
        vector, native = term.vectors
        return vector, view, native
    done = space.embed([item], view)
    if not done.ok[0]:
        raise InputError(f"{item.source} cannot be searched by: {done.failures[0].reason}")
    return done.vectors[0], view, done.native
