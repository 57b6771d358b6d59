"""Recommender: what was taken together and what items are, as one score that says its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import count, did_you_mean
from isthmus.datasets.interactions import Interactions
from isthmus.prompts.term import usual_weight
from isthmus.tasks.recommend.blend import Settings, Standardized, blended, profiles
from isthmus.tasks.recommend.choosing import Grid, Trial, choose
from isthmus.tasks.recommend.content import Content, content_rows
from isthmus.tasks.recommend.cooccurrence import Cooccurrence, taken_moments
from isthmus.tasks.recommend.diversity import diversified
from isthmus.tasks.recommend.people import People
from isthmus.tasks.recommend.saved import PARTS, Parts, load, save

_POOL = 10
"""Candidates for each result that is wanted, where results shall differ."""
_USERS = 1_024


@dataclass(frozen=True, slots=True)
class Reason:
    """What one liked or disliked item adds to a score.

    Attributes:
        item: Name of the item.
        value: What it adds; less than 0 where it speaks against.
        taken: Of this, what co-occurrence adds; the rest is content.
    """

    item: str
    value: float
    taken: float


@dataclass(frozen=True, slots=True)
class Recommended:
    """One item that is recommended; ``rest`` and the values of the reasons sum to the score.

    Attributes:
        item: Its name.
        score: Above what the user's average item scores, in standard deviations.
        reasons: The strongest first.
        rest: The score without any reason: less what an average item scores.
        new: Whether nobody took it, so that its content alone speaks for it.
    """

    item: str
    score: float
    reasons: Sequence[Reason]
    rest: float
    new: bool


class Recommender:
    """What was taken together, what items are, and how much each counts.

    Use :meth:`fit`. Scores are linear in what the user has: every item that is liked adds its part,
    so that the reasons are exact.

    Args:
        items: Names of the items, ``n`` of them.
        cooccurrence: Of these items.
        settings: How to score.
        rows: ``(n, d)`` content, see :func:`~isthmus.tasks.recommend.content.content_rows`.
        people: Whom it learned from.
        least: Rating from which an interaction counted.
        tried: What the settings were chosen among.

    Examples:
        >>> taken = Interactions.of("aabbcc", ["tea", "milk", "tea", "milk", "tea", "rusk"])
        >>> shop = Recommender.fit(taken, settings=Settings(ridge=1.0, share=0.0))
        >>> [each.item for each in shop.recommend(["milk"], k=1)]
        ['tea']
    """

    def __init__(
        self,
        items: Sequence[str],
        cooccurrence: Cooccurrence,
        settings: Settings,
        rows: F64 | None = None,
        *,
        people: People | None = None,
        least: float | None = None,
        tried: Sequence[Trial] = (),
    ) -> None:
        self.items, self.cooccurrence, self.settings = list(items), cooccurrence, settings
        self.rows, self.tried, self.least = rows, list(tried), least
        self.people = People({}) if people is None else people

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        content: PairedVectors | None = None,
        *,
        settings: Settings | None = None,
        least: float | None = None,
        grid: Grid | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from what users took.

        Args:
            interactions: Every one counts as liked, but for those rated below ``least``.
            content: Vectors of the items, one row an item in the order of ``interactions.items``;
                None: by co-occurrence alone.
            settings: How to score; default: chosen on held-out interactions of these users.
            least: Rating from which an interaction counts; None: whatever was rated.
            grid: What is tried for that.
            seed: Of what is held out.
            progress: Told as settings are tried.

        Raises:
            DataError: If there are too many items, content is not one row an item, no user has
                two interactions to judge settings by, or there are no ratings for ``least``.
        """
        interactions = interactions.some_liked(least)
        n = len(interactions.items)
        if content is not None and len(content) != n:
            raise DataError(
                f"content needs one row for each of {count(n, 'item')}, got {len(content)}; give "
                "Interactions.of(…, known=ids) the ids of the rows"
            )
        rows = None if content is None else content_rows(content)
        tried: list[Trial] = []
        if settings is None:
            settings, tried = choose(interactions, rows, grid=grid, seed=seed, progress=progress)
        sums = taken_moments(interactions)
        model = Cooccurrence.of(sums, settings.ridge, settings.neighbours)
        if rows is None:
            settings = replace(settings, share=0.0)
        people = People.of(interactions)
        return cls(
            interactions.items, model, settings, rows, people=people, least=least, tried=tried
        )

    @property
    def users(self) -> int:
        """How many users it learned from."""
        return len(self.people)

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """``(n,)``, items that nobody took."""
        return np.asarray(self.cooccurrence.counts == 0)

    @cached_property
    def content(self) -> Content | None:
        """How alike items are; None without content. Its mean is that of items that were taken."""
        if self.rows is None:
            return None
        return Content.of(self.rows, self.settings.content_ridge, self.rows[~self.new])

    def scores(self, interactions: Interactions) -> F64:
        """``(u, n)`` of users by all they took, which need not be users it learned from.

        Args:
            interactions: Over the same items.

        Returns:
            Scores, comparable within a user; what the user has has one, too.
        """
        if list(interactions.items) != self.items:
            raise DataError("these interactions are of other items than the recommender's")
        found = []
        for start in range(0, len(interactions.users), _USERS):
            users = np.arange(start, min(start + _USERS, len(interactions.users)))
            mine = profiles(interactions, self.settings.half_life, users)
            fresh = profiles(interactions, self.settings.cold_half_life, users)
            found.append(self._parts(mine, fresh).scores)
        return np.concatenate(found)

    def recommend(
        self,
        liked: Sequence[str] | Mapping[str, float],
        disliked: Sequence[str] = (),
        *,
        k: int = 10,
        diversity: float = 0.0,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
    ) -> list[Recommended]:
        """The best items for somebody.

        Args:
            liked: Names of items, or how much each is liked.
            disliked: Names of items; each takes away half of what a liked one adds.
            k: How many.
            diversity: 0…1, see :func:`~isthmus.tasks.recommend.diversity.diversified`.
            exclude: Further items that are not recommended.
            exclude_seen: Whether items that are liked or disliked are left out.

        Raises:
            InputError: If nothing is liked, an item is not known, or liked and disliked at once.
        """
        profile = self._profile(liked, disliked)
        parts = self._parts(profile, profile)
        hidden = {self._place[name] for name in exclude if name in self._place}
        if exclude_seen:
            hidden |= set(np.flatnonzero(profile[0]).tolist())
        shown = np.array([j for j in range(len(self.items)) if j not in hidden], dtype=np.intp)
        pool = shown[np.argsort(-parts.scores[0, shown], kind="stable")]
        pool = pool[: k * _POOL if diversity else k]
        order = diversified(parts.scores[0, pool], self._alike(pool), k, diversity)
        return [self._recommended(int(j), profile[0], parts) for j in pool[order]]

    def without(self, interactions: Interactions) -> Self:
        """The same as if these users had never been there; settings and items stay as they are.

        Args:
            interactions: All of the users who leave, such as ``taken.of_user("ann")``, rated as
                they were.

        Raises:
            DataError: If it has learned nothing from one of them, or something else than this.
        """
        counted = self._counted(interactions)
        people = self.people.without(interactions, counted)
        model = self.cooccurrence.without(counted)
        return type(self)(
            self.items,
            model,
            self.settings,
            self.rows,
            people=people,
            least=self.least,
            tried=self.tried,
        )

    def _counted(self, interactions: Interactions) -> Interactions:
        """What of interactions it learns from, over its own items."""
        liked = interactions.liked(self.least)
        place = np.array([self._place.get(name, -1) for name in liked.items], dtype=np.intp)
        mine = liked.take(place[liked.item] >= 0)
        return replace(mine, items=self.items, item=place[mine.item])

    def save(self, folder: str | Path) -> None:
        """Write a folder of JSON and safetensors.

        Raises:
            ArtifactError: If the folder holds something else.
        """
        save(Parts(**{name: getattr(self, name) for name in PARTS}), Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: If there is none, or it is damaged.
        """
        return cls(**vars(load(Path(folder))))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.items)}

    def _profile(self, liked: Sequence[str] | Mapping[str, float], disliked: Sequence[str]) -> F64:
        weights = {name: usual_weight(avoided=True) for name in disliked}
        wanted = dict(liked) if isinstance(liked, Mapping) else dict.fromkeys(liked, 1.0)
        if both := [name for name in wanted if name in weights]:
            raise InputError(f"{both[0]!r} is both liked and disliked; leave one out")
        if not wanted or max(wanted.values()) <= 0:
            raise InputError("nothing is liked; name one item at least")
        profile = np.zeros((1, len(self.items)))
        for name, weight in {**weights, **wanted}.items():
            if name not in self._place:
                hint = did_you_mean(name, self.items)
                raise InputError(f"the recommender knows no item {name!r}.{hint}")
            profile[0, self._place[name]] = weight
        out: F64 = profile / profile[profile > 0].sum()
        return out

    def _parts(self, profile: F64, fresh: F64) -> _Parts:
        """Scores of profiles ``(u, n)``, and how they were made."""
        known = ~self.new
        taken = Standardized.of(self.cooccurrence.scores(profile), (profile == 0) & known)
        if self.content is None:
            return _Parts(np.where(known, taken.scores, taken.scores.min()), taken, None, None)
        alike = Standardized.of(self.content.scores(profile), profile == 0)
        new = alike
        if self.settings.cold_half_life != self.settings.half_life:
            new = Standardized.of(self.content.scores(fresh), fresh == 0)
        scores = blended(taken.scores, alike.scores, self.settings.share, self.new, new.scores)
        return _Parts(scores, taken, alike, new)

    def _recommended(self, item: int, profile: F64, parts: _Parts) -> Recommended:
        """Split a score over what the user has."""
        mine = np.flatnonzero(profile)
        share, is_new = (1.0 if self.new[item] else self.settings.share), bool(self.new[item])
        if self.content is None:
            share = 0.0
        by_taken = profile[mine] * self.cooccurrence.weights[mine, item].astype(np.float64)
        by_taken *= (1 - share) / parts.taken.spread[0, 0]
        values = by_taken.copy()
        alike = parts.new if is_new else parts.alike
        if self.content is not None and alike is not None:
            column = self.content.left[mine] @ self.content.right[item]
            values += profile[mine] * column * share / alike.spread[0, 0]
        score = float(parts.scores[0, item])
        reasons = [
            Reason(self.items[i], value, taken)
            for i, value, taken in zip(
                mine.tolist(), values.tolist(), by_taken.tolist(), strict=True
            )
        ]
        reasons.sort(key=lambda reason: -abs(reason.value))
        rest = score - sum(reason.value for reason in reasons)
        return Recommended(self.items[item], score, reasons, rest, is_new)

    def _alike(self, items: NDArray[np.intp]) -> F32:
        """Unit rows by which results are told apart: content, else what is taken with them."""
        if self.rows is not None:
            some = self.rows[items]
        else:
            some = self.cooccurrence.weights.T[items].astype(np.float64)
        return np.asarray(l2_normalize(some), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Parts:
    scores: F64
    taken: Standardized
    alike: Standardized | None
    new: Standardized | None
