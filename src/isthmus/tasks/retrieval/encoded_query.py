"""A prompt as vectors of a space, and what the items of a store score for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.view import Direction
from isthmus.prompts.prompt import Prompt
from isthmus.prompts.term import Term
from isthmus.space import Space
from isthmus.space.calibration import Background, Calibration
from isthmus.store import FoundRows, HubnessCorrection, NearestRows, Reader, whole_id
from isthmus.tasks.prompting import EncodedPrompt
from isthmus.tasks.retrieval.folded import luck
from isthmus.tasks.retrieval.hits import Hit, Share
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.sampled import sample

CANDIDATES = 200
"""Rows that are scored by every term of a query where it has several."""
GUIDED_CANDIDATES = 1000
"""The same where differences are ignored: then the order of the store says less."""
_LIKELY = 0.5
"""Least probability of a hit for a query that is out of the distribution of the space."""
_ALIKE = 0.7
"""Least cosine of such a hit where nothing is known of probabilities, and beside few items. Of 300
clip art pictures of other things, the nearest to a picture in the starter space reaches it once in
twenty times. Of 240 queries of random letters, rows of keys, function words and signs, 105 find
something likely among twenty notes of a word or two without it, and 4 with it; of 80 captions in
seven languages that are taken for nonsense but find their translation, 63 still do."""


@dataclass(frozen=True, eq=False)
class EncodedQuery:
    """A prompt as vectors of the space, and where it is looked for.

    Attributes:
        space: Of the vectors.
        rows: Where to look: a store as it is at one moment.
        prompt: What is looked for.
        options: How to search.
        sizes: Among how many items of each view is sought.
        within: Id of the item whose parts are sought; empty for all items.
    """

    space: Space
    rows: Reader
    prompt: EncodedPrompt
    options: SearchOptions
    sizes: Mapping[str, int]
    within: str = ""
    _known: dict[int, dict[str, Background]] = field(default_factory=dict)
    _typical: dict[str, tuple[F64, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        space: Space,
        rows: Reader,
        prompt: Prompt,
        options: SearchOptions,
        *,
        within: str = "",
    ) -> EncodedQuery:
        """Encode every term.

        Args:
            space: Of the vectors.
            rows: Where to look: a store as it is at one moment.
            prompt: What is looked for.
            options: How to search.
            within: Id of the item whose parts are sought; empty for all items.

        Raises:
            InputError: As :meth:`isthmus.tasks.prompting.EncodedPrompt.of`.
        """
        encoded = EncodedPrompt.of(space, prompt, rows=rows, asked_as=options.asked_as)
        return cls(space, rows, encoded, options, dict(rows.count()), within)

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
        named = {term.stored for term in self.terms if term.stored}
        return named if self.within else set(map(whole_id, named))

    def is_own(self, item: str) -> bool:
        """Whether an item, or what it is a part of, is named by the query."""
        return (item if self.within else whole_id(item)) in self.own

    def search(self, view: str, k: int, within: str | None = None) -> NearestRows:
        """The ``k`` rows of a view that are nearest to all that is looked for, taken together."""
        direction: F32 = np.asarray(l2_normalize(self.weights @ self.vectors), dtype=np.float32)
        return self.rows.search(
            direction,
            k,
            view=view,
            where=self.options.filter,
            correction=self._correction(),
            exact=self.options.exact,
            within=within,
        )

    @property
    def candidates(self) -> int:
        """Rows that are scored by every term, beyond those that are wanted; 0 for one term."""
        if self.is_single:
            return 0
        return GUIDED_CANDIDATES if self._changes_items else CANDIDATES

    def key(self, item: str, view: str) -> str:
        """What hits are told apart by: their things or, in one file, their spans."""
        return item if self.within else f"{whole_id(item)} {view}"

    @cached_property
    def among(self) -> Mapping[str, int]:
        """Items of each view that the filter lets through."""
        known = self.options.filter
        return self.sizes if known is None else self.rows.count(known)

    def hits(self, rows: FoundRows, view: str, *, lucky: bool = True) -> list[Hit]:
        """Rows of one view, scored by every term; best first.

        Args:
            rows: Each the best of its thing.
            view: Theirs.
            lucky: Whether what the best of several gains by chance is taken off.
        """
        if not len(rows):
            return []
        off = self._luck(rows, view) if lucky else np.zeros(len(rows))
        known = rows.cosine[:, None] if self.is_single and isinstance(rows, NearestRows) else None
        cosine = self.prompt.cosines(rows.vectors) if known is None else known
        hubness, correction, score = self._scores(cosine, rows.hubness, view)
        judged = self._judged(cosine, hubness, view)
        typical, spread = self.reference(view)
        prominence = (score - typical.sum()) / spread - off
        return [
            Hit(
                rows.entries[i].id,
                view,
                rows.entries[i].modality,
                rows.entries[i].source,
                float(cosine[i] @ self.weights),
                float(score[i]),
                None if judged.probability is None else float(judged.probability[i]),
                float(prominence[i]),
                passes=bool(judged.passes[i]),
                avoided=bool(judged.avoided[i]),
                gone=rows.entries[i].gone,
                span=rows.entries[i].span,
                text=rows.entries[i].text,
                shares=self._shares(cosine[i], correction[i]),
                labels=rows.entries[i].labels,
                origin=rows.entries[i].origin,
                fields=rows.entries[i].fields,
                copies=rows.entries[i].copies,
            )
            for i in np.argsort(-prominence, kind="stable").tolist()
        ]

    def _luck(self, rows: FoundRows, view: str) -> F64:
        """What each row gains by being the best of its thing, in deviations of scores."""
        wholes = [whole_id(name) for name in rows.ids]
        parts = self.rows.parts(dict.fromkeys(wholes), view)
        return luck([parts.get(each, 1) for each in wholes])

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
        view: such a hit passes if it is likely. Where a direction is uncalibrated it passes if it
        is nearly the same, and other queries show what they find. Among fewer items than a
        direction was calibrated on all are likelier, whatever is asked, so there such a hit has to
        be both.
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
        if not outside:
            return probability >= least
        few = size is not None and size < min(
            self._calibration(i, view).gallery for i in self._sought
        )
        alike = cosine @ self.weights >= _ALIKE
        return (probability >= max(least, _LIKELY)) & (alike | (not few))

    def _size(self, view: str) -> int | None:
        return self.sizes.get(view) or None

    @property
    def _sought(self) -> list[int]:
        return [i for i, term in enumerate(self.terms) if term.weight > 0]

    @property
    def is_single(self) -> bool:
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
        if not self.is_single or not self._strength:
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

    def reference(self, view: str) -> tuple[F64, float]:
        """What the space's own items of a view score: of each term the mean, and the deviation.

        A space without any takes those of the store.

        Returns:
            ``(t,)`` means, which sum to that of the score, and the deviation of the score.
        """
        if view not in self._typical:
            bank = self.space.banks[view]
            if len(bank):
                near_banks = self.space.bank_hubness(view)
            else:
                bank = sample(self.rows, view, self.space.dim)
                near_banks = self.space.hubness(bank, view)
            if not len(bank):
                return np.zeros(len(self.terms)), 1.0
            cosine = self.prompt.cosines(bank)
            _, correction, score = self._scores(cosine, near_banks, view)
            mean = (2 * cosine - correction).mean(axis=0, dtype=np.float64) * self.weights
            self._typical[view] = mean, max(float(score.std()), 1e-6)
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
        to match. It is also what none of the avoided terms matches. What likely matches one of
        these, and rather that than what is sought, is avoided.
        """
        known = not self.uncalibrated(view)
        found, kept = np.zeros(len(cosine), dtype=np.float32), np.ones(len(cosine))
        against, avoided = np.zeros(len(cosine)), np.zeros(len(cosine), dtype=bool)
        sought = np.maximum(self.weights, 0)
        for i, weight in enumerate(self.weights):
            if weight == 0:
                continue
            if known:
                each, background = self._calibration(i, view), self._background(i, view)
                size = self._size(view)
                p = each.probability(cosine[:, i], hubness[:, i], background, size)
                if weight > 0:
                    found += weight * p
                else:
                    kept *= 1 - p
                    against = np.maximum(against, p)
            elif weight < 0:
                avoided |= cosine[:, i] > cosine @ sought
        avoided |= (against >= _LIKELY) & (against > found)
        probability = np.asarray(found * kept, dtype=np.float32) if known else None
        passes = self._passing(cosine, probability, view) & ~avoided
        return _Judged(probability, passes, avoided)


class _Judged(NamedTuple):
    """What calibrations say of items, ``(n,)`` each; see :class:`Hit`."""

    probability: F32 | None
    passes: NDArray[np.bool_]
    avoided: NDArray[np.bool_]
