"""Recommend items of a store: more like what is liked, and what others took with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from isthmus.core.artifact import DOCUMENT
from isthmus.core.linalg import F64
from isthmus.space import Space
from isthmus.store import FoundRows, Reader, is_whole
from isthmus.tasks.recommend.asked import Taste, Things
from isthmus.tasks.recommend.blend import Standardized
from isthmus.tasks.recommend.diversity import diversified
from isthmus.tasks.recommend.options import RecommendOptions
from isthmus.tasks.recommend.recommender import Recommender
from isthmus.tasks.recommend.results import Because, Recommendation, Recommendations
from isthmus.tasks.recommend.words import with_words
from isthmus.tasks.retrieval.alike import least_alike
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.folded import one_each
from isthmus.tasks.retrieval.hits import Hit
from isthmus.tasks.retrieval.nearest import nearest
from isthmus.tasks.retrieval.reasons import nothing_there
from isthmus.tasks.retrieval.store import Store

FOLDER = "recommender"
"""Of a store, where what others took is kept."""
_POOL = 10
"""Candidates for each item that is wanted, where results shall differ or others took something."""


def recommend(
    store: Store,
    liked: Things,
    disliked: Things = (),
    options: RecommendOptions | None = None,
    **changes: object,
) -> Recommendations:
    """Recommend items of the store: more like these, and what others took with them.

    What is liked and disliked is a prompt of several parts: each liked thing weighs 1, each
    disliked one −½, and an item scores by the sum, corrected for hubness as in a search. Where the
    store keeps a history, see :func:`isthmus.tasks.recommend.history.learn_history`, the items that
    others took together count as well, with the share that held-out interactions chose; what nobody
    took is scored by content alone.

    Args:
        store: Whose items are recommended.
        liked: Ids of items, paths of files, words, or items; one or several.
        disliked: Likewise.
        options: How to recommend.
        **changes: Fields of :class:`RecommendOptions`, which count instead of those of
            ``options``: ``k=5, diversity=0.3, where="size>1MB"``.

    Returns:
        Items, best first, each with the reasons that sum to its score.

    Raises:
        InputError: If nothing is liked, something is liked and disliked, or an id, a path, an
            option or a view cannot be used.

    Examples:
        >>> store.recommend(["cat.png", "a red kangaroo"], ["dog.png"], k=5)  # doctest: +SKIP
    """
    chosen = RecommendOptions.of(options, **changes)
    rows = store.backend.snapshot()
    taste = Taste.of(store.space, rows, liked, disliked)
    pool = max(chosen.k * _POOL, 50)
    query = chosen.search(pool)
    query.check_views(store.space.views)
    encoded = EncodedQuery.of(store.space, rows, taste.prompt, query)
    others = Others.of(store, taste)
    scored = _Scored(encoded, taste, others)
    hits = scored.candidates()
    hits = scored.without_copies(hits) if chosen.exclude_seen else [*scored.own(), *hits]
    made = [scored.recommendation(hit) for hit in hits]
    made.sort(key=lambda each: -each.score)
    made = made[: pool if chosen.diversity else chosen.k]
    scores = np.array([each.score for each in made])
    found = rows.vectors([each.hit.id for each in made])
    if made:
        vectors = np.stack([found[each.hit.id] for each in made])
        made = [made[i] for i in diversified(scores, vectors, chosen.k, chosen.diversity)]
    if chosen.words:
        made = [with_words(store, taste, each, scored.scale(each)) for each in made]
    reason = "" if made else nothing_there(rows, query.views, query.filter)
    if not made and not reason:
        reason = "the store holds nothing else than what is liked or disliked"
    return Recommendations(taste.prompt, made, others.share, reason)


@dataclass(frozen=True, eq=False)
class Others:
    """What others took, as scores of the items that they know.

    Attributes:
        model: None without a history, or where it knows nothing that is liked.
        adds: ``(t, n)`` what each liked or disliked thing adds to an item of the model.
        share: Of content.
    """

    model: Recommender | None = None
    adds: F64 | None = None
    share: float = 1.0

    @classmethod
    def of(cls, store: Store, taste: Taste) -> Others:
        """Read the history of a store, where it has one that knows what is liked."""
        model = history_of(store)
        if model is None:
            return cls()
        place = {name: number for number, name in enumerate(model.items)}
        terms = taste.prompt.terms
        known = [(t, place[term.stored]) for t, term in enumerate(terms) if term.stored in place]
        total = sum(term.weight for term in terms if term.weight > 0)
        if not any(terms[t].weight > 0 and not model.new[j] for t, j in known):
            return cls()
        adds = np.zeros((len(terms), len(model.items)))
        for t, j in known:
            adds[t] = terms[t].weight / total * model.cooccurrence.weights[j]
        return cls(model, adds, model.settings.share)

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Of the items that somebody took."""
        model = self.model
        if model is None:
            return {}
        return {name: j for j, name in enumerate(model.items) if not model.new[j]}

    @cached_property
    def scores(self) -> Standardized:
        """``(1, n)``."""
        assert self.model is not None and self.adds is not None
        return Standardized.of(self.adds.sum(axis=0)[None], ~self.model.new)

    @cached_property
    def usual(self) -> F64:
        """``(t,)`` what each liked or disliked thing adds to the average item."""
        assert self.model is not None and self.adds is not None
        return np.asarray(self.adds[:, ~self.model.new].mean(axis=1))

    def best(self, k: int) -> list[str]:
        """The items that others took most with what is liked."""
        if self.model is None:
            return []
        order = np.argsort(-self.scores.scores[0], kind="stable")[:k]
        return [self.model.items[j] for j in order.tolist() if not self.model.new[j]]


@dataclass(frozen=True, eq=False)
class _Scored:
    """What scores one item for a taste."""

    encoded: EncodedQuery
    taste: Taste
    others: Others

    @property
    def space(self) -> Space:
        return self.encoded.space

    @property
    def rows(self) -> Reader:
        return self.encoded.rows

    def candidates(self) -> list[Hit]:
        """The nearest of every view, and those that others took; each thing once."""
        options, sizes = self.encoded.options, self.encoded.sizes
        views = [view for view in options.views or self.space.views if sizes.get(view)]
        hits = [hit for view in views for hit in nearest(self.encoded, view)]
        known = {hit.id for hit in hits}
        more = [name for name in self.others.best(options.k) if name not in known]
        entries = self.rows.get(more)
        where = options.filter
        kept = [
            name
            for name, entry in entries.items()
            if entry.view in views
            and not self.encoded.is_own(name)
            and (where is None or where.matches(entry))
        ]
        return one_each([*hits, *self._hits(kept)])

    def own(self) -> list[Hit]:
        """What is liked or disliked itself."""
        views = self.encoded.options.views or self.space.views
        names = sorted(self.encoded.own)
        return [hit for hit in self._hits(names) if hit.view in views]

    def _hits(self, names: Sequence[str]) -> list[Hit]:
        entries, vectors = self.rows.get(names), self.rows.vectors(names)
        found: list[Hit] = []
        for view in dict.fromkeys(entry.view for entry in entries.values()):
            mine = [entry for entry in entries.values() if entry.view == view]
            x = np.stack([vectors[entry.id] for entry in mine])
            found += self.encoded.hits(FoundRows(mine, x, self.space.hubness(x, view)), view)
        return found

    def without_copies(self, hits: Sequence[Hit]) -> list[Hit]:
        """Leave out what is nearly the same as something that is liked or disliked."""
        found = self.rows.vectors([hit.id for hit in hits])
        asked, views = self.encoded.vectors, self.encoded.views
        kept = []
        for hit in hits:
            same = [i for i, view in enumerate(views) if view == hit.view]
            near = float((asked[same] @ found[hit.id]).max()) if same else -1.0
            if near < least_alike(self.space, hit.view) or not is_whole(hit.id):
                kept.append(hit)
        return kept

    def recommendation(self, hit: Hit) -> Recommendation:
        """An item with its score, split over what is liked and disliked."""
        place = self.others.place.get(hit.item)
        share = 1.0 if place is None else self.others.share
        typical, spread = self.encoded.reference(hit.view)
        values = np.array([each.value for each in hit.shares])
        content = (values - typical) * share / spread
        taken, score = np.zeros(len(content)), share * hit.prominence
        if place is not None and self.others.adds is not None:
            scores = self.others.scores
            above = self.others.adds[:, place] - self.others.usual
            taken = above * (1 - share) / float(scores.spread[0, 0])
            score += (1 - share) * float(scores.scores[0, place])
        reasons = [
            Because(self._name(t), term.stored, term.weight > 0, a + b, a, b, t)
            for t, (term, a, b) in enumerate(
                zip(self.encoded.terms, content.tolist(), taken.tolist(), strict=True)
            )
        ]
        rest = score - sum(each.value for each in reasons)
        reasons.sort(key=lambda each: -abs(each.value))
        shown = replace(hit, probability=None)
        return Recommendation(shown, score, reasons, rest, place is None)

    def scale(self, made: Recommendation) -> float:
        """What a cosine of 1 to one thing of weight 1 adds to a score."""
        share = 1.0 if made.new else self.others.share
        return 2 * share / self.encoded.reference(made.hit.view)[1]

    def _name(self, term: int) -> str:
        stored = self.encoded.terms[term].stored
        if not stored:
            return self.taste.names[term]
        entry = self.rows.get([stored])[stored]
        return Path(entry.source).name or entry.source


def history_of(store: Store) -> Recommender | None:
    """What others took, as far as a store keeps it.

    Raises:
        ArtifactError: If it is damaged.
    """
    if store.folder is None or not (store.folder / FOLDER / DOCUMENT).is_file():
        return None
    return Recommender.load(store.folder / FOLDER)
