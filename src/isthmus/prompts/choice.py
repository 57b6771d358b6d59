"""Which few-shot method to use, and how sure to be: found on shots that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64, l2_normalize
from isthmus.prompts.calibration import fit_temperature
from isthmus.prompts.figures import losses_of, mean_and_error
from isthmus.prompts.hierarchy import Level, log_blended
from isthmus.prompts.methods import METHODS, FewShot, Fold, LeavesOut, Params, method
from isthmus.prompts.support import Labels, Scorer, Support, log_softmax
from isthmus.prompts.unseen import offset_for_unseen, with_offset

ROUNDS = 8
"""Most rounds of leaving out one shot a class: each is a fit, and eight of sixteen say enough."""
FAVOURITES = ("proker", "text+mean")
"""What is used, with its prior, unless another is surely better on shots that were left out; the
second where there are too many shots for the first. On 18 folders of Open Clip Art, 5 splits, with
one shot each, .52 are right with the first, .51 with the second and .45 by words alone, and no
method was better with 1 to 8 shots."""
SURE = 2.0
"""Standard errors by which the loss of another must be lower than that of the favourite."""
ENOUGH = 400
"""Shots that are left out in all, from which on there are no further rounds; at least two."""
_MOST_WORK = 5e10
"""Multiply-adds of all fits of one method, about two seconds; a slower one is not tried."""
_MOST_HELD = 2000
"""Shots that are left out in one round; more say little more and fill the memory."""


@dataclass(frozen=True)
class Tried:
    """A method with the hyper-parameters that were best for it.

    Attributes:
        method: Its id.
        params: As in its grid.
        loss: Cross-entropy of shots that were left out, all classes weighing the same.
        accuracy: Their share that is right.
        temperature: Fitted on them.
    """

    method: str
    params: Params
    loss: float
    accuracy: float
    temperature: float


@dataclass(frozen=True, eq=False)
class Choice:
    """What was learned, how it was chosen, and what it says of shots that were left out.

    Attributes:
        method: Id of the method.
        params: Its hyper-parameters.
        reason: Why it and not another.
        temperature: By which its logits are divided.
        scorer: The fitted method.
        tried: Best first; empty where nothing could be left out.
        not_tried: Why a method took no part, by its id.
        left_out: ``(h, K)`` log-probabilities of shots that were left out and that the space has
            not learned from.
        labels: ``(h,)``, their classes.
        rows: ``(h,)``, which shots of the support they are.
        above: What was learned of the nodes of a tree, by level, the top first.
        weight: Of what was learned of nodes.
    """

    method: str
    params: Params
    reason: str
    temperature: float
    scorer: Scorer
    tried: tuple[Tried, ...] = ()
    not_tried: dict[str, str] = field(default_factory=dict)
    left_out: F64 = field(default_factory=lambda: np.zeros((0, 0)))
    labels: Labels = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    rows: Labels = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    above: tuple[tuple[Level, Choice], ...] = ()
    weight: float = 0.0

    def log_probabilities(self, x: F64) -> F64:
        """``(m, K)`` of vectors ``(m, d)``, which are brought to unit length."""
        unit = np.asarray(l2_normalize(x), dtype=np.float64)
        said = log_softmax(self.scorer(unit) / self.temperature)
        if not self.above:
            return said
        higher = [(level, made.log_probabilities(x)) for level, made in self.above]
        return log_blended(said, higher, self.weight)

    def beneath(self, above: Sequence[tuple[Level, Choice]], weight: float) -> Choice:
        """The same classes, corrected by what was learned of the nodes above them.

        Args:
            above: Levels of the tree, the top first, and the choice for the nodes of each, from
                the same shots. What was left out of all of them is what counts as left out.
            weight: Of what was learned of nodes, as :func:`isthmus.prompts.hierarchy.node_weight`
                says.
        """
        rows = self.rows
        for _, made in above:
            rows = np.intersect1d(rows, made.rows)
        own = self._of(rows)
        higher = [(level, made.left_out[made._of(rows)]) for level, made in above]
        return replace(
            self,
            above=tuple(above),
            weight=weight,
            left_out=log_blended(self.left_out[own], higher, weight),
            labels=self.labels[own],
            rows=rows,
        )

    def _of(self, rows: Labels) -> Labels:
        """Places of shots among those that were left out."""
        order = np.argsort(self.rows)
        return np.asarray(order[np.searchsorted(self.rows, rows, sorter=order)], dtype=np.intp)


def folds_of(support: Support, rounds: int = ROUNDS) -> list[Fold]:
    """Rows to leave out together: one shot of each class that has two or more.

    Args:
        support: The shots, in an order that means nothing.
        rounds: At most so many folds.
    """
    order = np.argsort(support.labels, kind="stable")
    counts = support.counts.astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    folds: list[Fold] = []
    for turn in range(min(rounds, int(counts.max(initial=0)))):
        if turn > 1 and sum(len(fold) for fold in folds) >= ENOUGH:
            break
        holding = np.flatnonzero((counts > 1) & (turn < counts))
        if len(holding):
            folds.append(order[starts[holding[:_MOST_HELD]] + turn])
    return folds


def left_out(
    chosen: FewShot, support: Support, grid: Sequence[Params], folds: Sequence[Fold]
) -> list[F64]:
    """What a method says of shots that it has not seen, for each point of a grid: ``(h, K)``."""
    if isinstance(chosen, LeavesOut):
        return chosen.left_out(support, grid, folds)
    said: list[list[F64]] = [[] for _ in grid]
    for fold in folds:
        rest = np.ones(len(support.items), dtype=bool)
        rest[fold] = False
        known = support.take(rest)
        for place, params in enumerate(grid):
            said[place].append(chosen.fit(known, params)(support.items[fold]))
    return [np.vstack(rows) for rows in said]


def choose(support: Support, methods: Sequence[FewShot] = METHODS) -> Choice:
    """The method and hyper-parameters that serve shots best that were left out, fitted on all.

    One shot of each class is left out at a time, as in HOSO (CoOp's rivals tune on the test set:
    Silva-Rodríguez et al., 2024). With one shot a class nothing can be left out: a prior decides,
    and the temperature is that of zero-shot, which has not learned from the shots.

    Args:
        support: Words and shots.
        methods: Those that may be chosen. Of a single one, hyper-parameters are chosen.

    Returns:
        The choice; the items that will be asked about have no part in it.
    """
    folds = folds_of(support)
    if not len(support.items):
        return _settled(
            support, method("zero-shot") if len(methods) > 1 else methods[0], "no shots"
        )
    if not folds:
        prior = method(_favourite(support)) if len(methods) > 1 else methods[0]
        return _settled(support, prior, "one shot a class leaves none to choose by")
    assert support.seen is not None
    held = np.concatenate(folds)
    labels, seen = support.labels[held], support.seen[held]
    points: list[_Point] = []
    not_tried = {}
    for each in methods:
        if why := _refusal(each, support, len(folds), alone=len(methods) == 1):
            not_tried[each.name] = why
            continue
        grid = each.grid if each.prior in each.grid else (*each.grid, each.prior)
        said = left_out(each, support, grid, folds)
        points += [_Point.of(each, p, x, labels, seen) for p, x in zip(grid, said, strict=True)]
    chosen, reason = _chosen(points)
    names = dict.fromkeys(point.method for point in points)
    best = [min((p for p in points if p.method is each), key=_loss) for each in names]
    scorer = chosen.method.fit(support, chosen.params)
    if (unseen := support.counts == 0).any():
        offset = offset_for_unseen(chosen.method, chosen.params, support)
        scorer = with_offset(scorer, unseen, offset)
    return Choice(
        chosen.method.name,
        chosen.params,
        f"{reason} on {len(labels)} shots that were left out",
        chosen.temperature,
        scorer,
        tuple(point.tried() for point in sorted(best, key=_loss)),
        not_tried,
        **_left_out(support, chosen.said, held, chosen.temperature),
    )


@dataclass(frozen=True, eq=False)
class _Point:
    """One point of a grid and how it did on shots that were left out.

    Attributes:
        method: Whose grid.
        params: The point.
        said: ``(h, K)`` logits.
        losses: ``(h,)``, so weighted that all classes count the same in their mean.
        accuracy: Share that is right.
        temperature: Fitted on these shots.
    """

    method: FewShot
    params: Params
    said: F64
    losses: F64
    accuracy: float
    temperature: float

    @classmethod
    def of(
        cls,
        method: FewShot,
        params: Params,
        said: F64,
        labels: Labels,
        seen: NDArray[np.bool_],
    ) -> _Point:
        """Judged at its own best temperature."""
        temperature = fit_temperature(said, labels, seen)
        losses = losses_of(said, labels, temperature)
        right = float((said.argmax(axis=1) == labels).mean())
        return cls(method, params, said, losses, right, temperature)

    def tried(self) -> Tried:
        """What is told of it."""
        loss = float(self.losses.mean())
        return Tried(self.method.name, self.params, loss, self.accuracy, self.temperature)


def _loss(point: _Point) -> float:
    return float(point.losses.mean())


def _chosen(points: Sequence[_Point]) -> tuple[_Point, str]:
    """The favourite, or the best one if that is surely better."""
    best = min(points, key=_loss)
    for name in FAVOURITES:
        for point in points:
            if point.method.name == name and point.params == point.method.prior:
                gain, error = mean_and_error(point.losses - best.losses)
                if gain <= SURE * error:
                    return point, "no method was surely better"
                return best, "surely the lowest loss"
    return best, "lowest loss"


def _settled(support: Support, prior: FewShot, reason: str) -> Choice:
    """A method with its prior, and the temperature of zero-shot."""
    assert support.seen is not None
    judged = support.worded[support.labels]
    said, labels = support.zero_shot(support.items[judged]), support.labels[judged]
    seen = support.seen[judged]
    temperature = fit_temperature(said, labels, seen if len(seen) else None)
    scorer = prior.fit(support, prior.prior)
    if len(labels) and (unseen := support.counts == 0).any():
        scorer = with_offset(scorer, unseen, offset_for_unseen(prior, prior.prior, support))
    return Choice(
        prior.name,
        prior.prior,
        reason,
        temperature,
        scorer,
        **_left_out(support, said, np.flatnonzero(judged), temperature),
    )


def _left_out(support: Support, said: F64, held: Labels, temperature: float) -> dict[str, Any]:
    """What a choice keeps of shots ``held`` with logits ``said``, of those that are new."""
    assert support.seen is not None
    fresh = ~support.seen[held]
    new, logits = held[fresh], said[fresh]
    return {
        "left_out": log_softmax(logits / temperature),
        "labels": support.labels[new],
        "rows": new,
    }


def _favourite(support: Support) -> str:
    """The first one that does not take too long."""
    first, second = FAVOURITES
    return first if not _refusal(method(first), support, 1, alone=False) else second


def _refusal(each: FewShot, support: Support, folds: int, *, alone: bool) -> str:
    """Why a method takes no part; empty if it does."""
    if alone:
        return ""
    if each.transductive:
        return "what it says of an item depends on the others"
    if not each.serves_unseen and (support.counts == 0).any():
        return "does not serve classes without examples"
    some = support.counts[support.counts > 0]
    if np.median(some) < each.least_shots:
        return f"makes sense from {each.least_shots} shots a class"
    if each.work(support) * len(each.grid) * folds > _MOST_WORK:
        return "would take too long for so many shots and classes"
    return ""
