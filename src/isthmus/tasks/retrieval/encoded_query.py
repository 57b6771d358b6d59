"""A prompt as vectors of a space, and what the items of a store score for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import Direction
from isthmus.prompts.prompt import Prompt
from isthmus.prompts.term import Term
from isthmus.space import Space
from isthmus.space.calibration import Background, Calibration
from isthmus.store import Entry, FoundRows, HubnessCorrection, NearestRows, Reader
from isthmus.tasks.prompting import EncodedPrompt
from isthmus.tasks.retrieval.hits import CLEAR, Hit, Share, Standing
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.sampled import sample

CANDIDATES = 200
"""Rows that are scored by every term of a query where it has several."""
GUIDED_CANDIDATES = 1000
"""The same where differences are ignored: then the order of the store says less."""
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
    """A prompt as vectors of the space, and where it is looked for.

    Attributes:
        space: Of the vectors.
        rows: Where to look: a store as it is at one moment.
        prompt: What is looked for.
        options: How to search.
        sizes: Among how many items of each view is sought.
    """

    space: Space
    rows: Reader
    prompt: EncodedPrompt
    options: SearchOptions
    sizes: Mapping[str, int]
    _known: dict[int, dict[str, Background]] = field(default_factory=dict)
    _typical: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Space, rows: Reader, prompt: Prompt, options: SearchOptions) -> EncodedQuery:
        """Encode every term.

        Args:
            space: Of the vectors.
            rows: Where to look: a store as it is at one moment.
            prompt: What is looked for.
            options: How to search.

        Raises:
            InputError: As :meth:`isthmus.tasks.prompting.EncodedPrompt.of`.
        """
        encoded = EncodedPrompt.of(space, prompt, rows=rows, asked_as=options.asked_as)
        return cls(space, rows, encoded, options, dict(rows.count()))

    @property
    def terms(self) -> Sequence[Term]:
        """What is looked for and what is avoided."""
        return self.prompt.terms

    @property
    def vectors(self) -> F32:
        """``(t, dim)``, one unit vector a term."""
        return self.prompt.vectors

    @property
    def views(self) -> Sequence[str]:
        """Of the terms."""
        return self.prompt.views

    @property
    def weights(self) -> F32:
        """``(t,)``, of the terms."""
        return self.prompt.weights

    @property
    def own(self) -> set[str]:
        """Items of the store that the query names; the user already has them."""
        return {term.stored for term in self.terms if term.stored}

    def nearest(self, view: str) -> list[Hit]:
        """The best items of one view, best first: as many as are wanted, and those to be fused."""
        options, own = self.options, self.own
        k = max(options.k, FUSED)
        direction: F32 = np.asarray(l2_normalize(self.weights @ self.vectors), dtype=np.float32)
        several = GUIDED_CANDIDATES if self._changes_items else CANDIDATES
        rows = self.rows.search(
            direction,
            k + 1 + len(own) if self._single else max(k + 1, several),
            view=view,
            where=options.filter,
            correction=self._correction(),
            exact=options.exact,
        )
        if own:
            rows = rows.take([i for i, name in enumerate(rows.ids) if name not in own])
        hits = self.hits(rows, view, most=k + 1)
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

    def hits(self, rows: FoundRows, view: str, *, most: int | None = None) -> list[Hit]:
        """Rows of one view, scored by every term; best first, and no more than ``most``."""
        if not len(rows):
            return []
        known = rows.cosine[:, None] if self._single and isinstance(rows, NearestRows) else None
        cosine = self.prompt.cosines(rows.vectors) if known is None else known
        hubness, correction, score = self._scores(cosine, rows.hubness, view)
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
                shares=self._shares(cosine[i], correction[i]),
                labels=rows.entries[i].labels,
                fields=rows.entries[i].fields,
            )
            for i in np.argsort(-score, kind="stable")[:most].tolist()
        ]

    def _shares(self, cosine: F32, correction: F32) -> tuple[Share, ...]:
        """What each term adds to a score, by its cosine ``(t,)`` and its correction ``(t,)``."""
        alike, less = 2 * cosine * self.weights, -correction * self.weights
        return tuple(
            Share(term.said, said, weight, value + hubness, hubness)
            for term, said, weight, value, hubness in zip(
                self.terms,
                self._said,
                self.weights.tolist(),
                alike.tolist(),
                less.tolist(),
                strict=True,
            )
        )

    @cached_property
    def _said(self) -> list[str]:
        return ["avoid" if term.weight < 0 else term.part for term in self.terms]

    def uncalibrated(self, view: str) -> list[Direction]:
        """Directions of this search whose scores have no calibrated probability."""
        directions = dict.fromkeys(Direction(m, view) for m in self.views)
        known = self.space.calibration if self.prompt.is_calibrated else ()
        return [each for each in directions if each not in known]

    @cached_property
    def out_of_distribution(self) -> bool:
        """Whether content that is sought is unlike all that the space was made from.

        How familiar a query is does not depend on what it is compared with, so one direction from
        its view that takes it for familiar is enough: others were learned from less.
        """
        content = [i for i in self._sought if self.terms[i].part == "content"]
        return any(self._unlike(i) for i in content or self._sought)

    def _unlike(self, term: int) -> bool:
        if self.terms[term].saved:
            return False  # it is made of items, and is none
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

    def depth(self, view: str) -> float | None:
        """At which place of a view a held-out partner stood on average; None if not known."""
        if self.uncalibrated(view):
            return None
        known = [self._calibration(i, view).depth for i in self._sought]
        depths = [each for each in known if each is not None]
        return float(np.mean(depths)) if known and len(depths) == len(known) else None

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
        """Whether the store ranks as the query does."""
        return len(self.terms) == 1 and not self._changes_items

    @property
    def _changes_items(self) -> bool:
        return self.prompt.guide is not None and self.prompt.guide.changes_items

    @property
    def _strength(self) -> float:
        """Of the correction for hubness, which was measured in the whole space."""
        if self.prompt.guide is not None:
            return 0.0
        return self.space.csls_strength if self.options.readout == "instance" else 0.0

    def _correction(self) -> HubnessCorrection | None:
        if not self._single or not self._strength:
            return None
        return HubnessCorrection(self.views[0], self._strength)

    def _scores(self, cosine: F32, near_banks: F32, view: str) -> tuple[F32, F32, F32]:
        """Hubness and correction ``(n, t)`` of items for each term, and their scores ``(n,)``.

        A score is ``(2·cosine − correction) @ weights``, and the correction the strength times
        the hubness of the item and that of the term.

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
        correction = (np.float32(self._strength) * (hubness + near)).astype(np.float32)
        score = (2 * cosine - correction) @ self.weights
        return hubness, correction, np.asarray(score, dtype=np.float32)

    def _reference(self, view: str) -> tuple[float, float]:
        """Mean and deviation of the scores of the space's own items of a view.

        A space without any takes those of the store.
        """
        if view not in self._typical:
            bank = self.space.banks[view]
            if len(bank):
                near_banks = self.space.bank_hubness(view)
            else:
                bank = sample(self.rows, view, self.space.dim)
                near_banks = self.space.hubness(bank, view)
            if not len(bank):
                return 0.0, 1.0
            _, _, score = self._scores(self.prompt.cosines(bank), near_banks, view)
            self._typical[view] = float(score.mean()), max(float(score.std()), 1e-6)
        return self._typical[view]

    def _background(self, term: int, view: str) -> Background:
        if term not in self._known:
            query, native = self.prompt.unguided[term][None], self.prompt.natives[term]
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


def judging(
    space: Space, rows: Reader, prompt: Prompt, entry: Entry, asked_as: Sequence[str] = ()
) -> Callable[[F32], Hit]:
    """What judges one item for a prompt as a search does.

    Args:
        space: Of the store.
        rows: Of the store.
        prompt: What is sought.
        entry: The item; where the store holds it, its own vector counts.
        asked_as: Views of the parts that name none.
    """
    encoded = EncodedQuery.of(space, rows, prompt, SearchOptions(asked_as=asked_as))
    held = rows.vectors([entry.id])
    return lambda vector: encoded.judged(entry, held.get(entry.id, vector))
