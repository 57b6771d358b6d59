"""Settings of a recommender, chosen on interactions that are held out of its training users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.linalg import F64
from isthmus.datasets.interactions import Interactions, Places
from isthmus.moments import Moments
from isthmus.tasks.recommend.blend import Settings, Standardized, profiles
from isthmus.tasks.recommend.content import Content
from isthmus.tasks.recommend.cooccurrence import Cooccurrence, taken_moments
from isthmus.tasks.recommend.holding import gains, precision, without_items, without_last

RIDGES = (10.0, 30.0, 100.0, 300.0, 1000.0)
NEIGHBOURS = (50, 200)
HALF_LIVES = (None, 3.0, 5.0, 10.0, 20.0)
SHARES = tuple(step / 10 for step in range(11))
CONTENT_RIDGES = (None, 0.1, 0.3, 1.0, 3.0, 10.0)
MOST_USERS = 2_000
"""Users that settings are judged by: more tell the same, and take longer."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        part: ``"taken"``, ``"content"`` of hidden items, or ``"blend"``.
        settings: What was tried.
        value: nDCG@10 of the held-out last items; of ``"content"`` precision@10 of hidden items.
        users: By how many users.
    """

    part: str
    settings: Settings
    value: float
    users: int


@dataclass(frozen=True)
class Grid:
    """What is tried.

    Attributes:
        ridges: Of co-occurrence by EASE.
        neighbours: Of co-occurrence by cosines.
        half_lives: Of the interactions of a user; those with one are left out without times.
        shares: Of content.
        content_ridges: Of content.
    """

    ridges: Sequence[float] = RIDGES
    neighbours: Sequence[int] = NEIGHBOURS
    half_lives: Sequence[float | None] = HALF_LIVES
    shares: Sequence[float] = SHARES
    content_ridges: Sequence[float | None] = CONTENT_RIDGES

    def timed(self, interactions: Interactions) -> Sequence[float | None]:
        """The half-lives that interactions can tell apart."""
        return self.half_lives if interactions.times is not None else (None,)


def choose(
    interactions: Interactions,
    rows: F64 | None,
    *,
    grid: Grid | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Settings, list[Trial]]:
    """Choose step by step: content on hidden items, co-occurrence, then the share of each.

    No interaction that settings are judged by is seen by what is judged.

    Args:
        interactions: Of the users to learn from.
        rows: ``(n, d)`` content of the items, see
            :func:`isthmus.tasks.recommend.content.content_rows`; None for none.
        grid: What is tried.
        seed: Of what is held out.
        progress: Told as settings are tried.

    Raises:
        DataError: If no user has two interactions.
    """
    grid = grid or Grid()
    tried: list[Trial] = []
    settings = Settings(share=0.0)
    if rows is not None:
        tried += _content_trials(interactions, rows, grid, seed)
        if tried:
            best = max(tried, key=lambda trial: trial.value).settings
            settings = replace(
                settings,
                content_ridge=best.content_ridge,
                cold_half_life=best.cold_half_life,
            )
    judged = _Judge.of(interactions, seed)
    taken = []
    models: list[tuple[float, int | None]] = [(ridge, None) for ridge in grid.ridges]
    models += [(settings.ridge, number) for number in grid.neighbours]
    for number, (ridge, neighbours) in enumerate(models):
        if progress is not None:
            progress("choose settings", number, len(models))
        model = Cooccurrence.of(judged.moments, ridge, neighbours)
        for half in grid.timed(interactions):
            scores = model.scores(judged.profiles(half))
            value = judged.value(scores)
            named = replace(settings, ridge=ridge, neighbours=neighbours, half_life=half)
            taken.append(Trial("taken", named, value, len(judged.users)))
    tried += taken
    settings = max(taken, key=lambda trial: trial.value).settings
    if rows is not None:
        blends = _blend_trials(judged, settings, rows, grid)
        tried += blends
        settings = max(blends, key=lambda trial: trial.value).settings
    return settings, tried


@dataclass(frozen=True, eq=False)
class _Judge:
    """Interactions without the last of each user, and what these were."""

    rest: Interactions
    users: Places
    targets: Places
    moments: Moments
    seen: NDArray[np.bool_]

    @classmethod
    def of(cls, interactions: Interactions, seed: int) -> _Judge:
        rest, (users, targets) = without_last(interactions, seed)
        known = np.bincount(rest.item, minlength=len(rest.items)) > 0
        some = np.flatnonzero(known[targets])
        if not len(some):
            some = np.arange(len(users))
        if len(some) > MOST_USERS:
            some = np.random.default_rng(seed).choice(some, MOST_USERS, replace=False)
        seen = rest.matrix(users=users[some]) > 0
        return cls(rest, users[some], targets[some], taken_moments(rest), seen)

    def profiles(self, half_life: float | None) -> F64:
        return profiles(self.rest, half_life, self.users)

    def value(self, scores: F64) -> float:
        return float(gains(scores, self.targets, self.seen)[0].mean())


def _content_trials(interactions: Interactions, rows: F64, grid: Grid, seed: int) -> list[Trial]:
    rest, cold = without_items(interactions, seed=seed)
    hidden = interactions.take(cold[interactions.item])
    users = np.intersect1d(np.unique(hidden.user), np.unique(rest.user))
    if not len(users):
        return []
    if len(users) > MOST_USERS:
        users = np.random.default_rng(seed).choice(users, MOST_USERS, replace=False)
    wanted = hidden.matrix(users=users)[:, cold] > 0
    tried = []
    for ridge in grid.content_ridges:
        content = Content.of(rows, ridge, rows[np.unique(rest.item)])
        for half in grid.timed(interactions):
            scores = content.scores(profiles(rest, half, users), cold)
            value = float(precision(scores, wanted).mean())
            named = Settings(content_ridge=ridge, cold_half_life=half)
            tried.append(Trial("content", named, value, len(users)))
    return tried


def _blend_trials(judge: _Judge, settings: Settings, rows: F64, grid: Grid) -> list[Trial]:
    mine = judge.profiles(settings.half_life)
    model = Cooccurrence.of(judge.moments, settings.ridge, settings.neighbours)
    taken = model.scores(mine)
    content = Content.of(rows, settings.content_ridge).scores(mine)
    parts = [Standardized.of(each, ~judge.seen).scores for each in (content, taken)]
    tried = []
    for share in grid.shares:
        value = judge.value(share * parts[0] + (1 - share) * parts[1])
        tried.append(Trial("blend", replace(settings, share=share), value, len(judge.users)))
    return tried
