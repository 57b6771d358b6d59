"""How much of a score each part of an item carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np

from isthmus.aligners.affine import LinearHead, UnitHead
from isthmus.aligners.heads import ConcatHead
from isthmus.core.contracts import Head, Progress
from isthmus.core.linalg import F64, Array
from isthmus.encoders.parts import AdditiveParts, Cell, Mask, Parts, Place, RemovableParts

EXACT = 8
"""Parts up to which all subsets are gone through: 256 of them."""
ORDERS = 24
"""Random orders of more parts, each used forwards and backwards."""
MOST_PARTS = 400
"""Parts that are looked at; their orders take 60 MB."""
PHASE = "weigh parts"
"""What progress is told."""
_BATCH = 4096
"""Masks to look at a time where nothing is encoded."""

Value = Callable[[Mask], F64]
"""Masks ``(s, p)`` to what the item is worth with the parts that are kept, ``(s,)``."""
Counts = Callable[[Array], F64]
"""Native vectors ``(s, dim)`` to what they are worth, ``(s,)``."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Parts of a score; ``baseline + values.sum()`` is the score.

    Attributes:
        baseline: What the score is without any part.
        values: ``(p,)``.
        errors: ``(p,)``, standard errors where orders were sampled, else 0.
        method: How they were found, in a few words.
    """

    baseline: float
    values: F64
    errors: F64
    method: str


def in_focus(parts: Parts, counts: Counts, progress: Progress | None = None) -> Parts:
    """Parts to weigh: of a long item, those of its stretches that count most.

    Args:
        parts: Of an item.
        counts: How much native vectors of stretches ``(s, dim)`` count, ``(s,)``.
        progress: Told between batches of stretches; what it raises ends the work.
    """
    stretches = parts.stretches if isinstance(parts, RemovableParts) else None
    if stretches is None:
        return parts
    found = np.empty(stretches.count)
    for start in range(0, stretches.count, stretches.batch):
        if progress is not None:
            progress(PHASE, start, stretches.count)
        some = range(start, min(start + stretches.batch, stretches.count))
        found[some] = counts(stretches.encode(some))
    return stretches.closer(found)


def with_around(
    found: Attribution, parts: Parts, worth: Counts, progress: Progress | None = None
) -> tuple[Attribution, list[Place]]:
    """Values of all that an item is made of, in reading order, and where it lies.

    Args:
        found: Values of the parts.
        parts: Of an item; of a long one, what lies around them adds to what they are worth.
        worth: What native vectors ``(s, dim)`` of the item are worth, ``(s,)``.
        progress: Told between batches; what it raises ends the work.
    """
    around = parts.around if isinstance(parts, RemovableParts) else None
    if around is None:
        return found, list(parts.places)
    beside = shapley(
        lambda kept: worth(around.encode(kept)),
        len(around.places),
        batch=around.batch,
        progress=progress,
    )
    places = [*parts.places, *around.places]
    order = sorted(range(len(places)), key=lambda place: _start(places[place]))
    return Attribution(
        found.baseline,
        np.concatenate([found.values, beside.values])[order],
        np.concatenate([found.errors, beside.errors])[order],
        f"{found.method} of the stretches that count most; what is around them counts whole",
    ), [places[place] for place in order]


def _start(place: Place) -> float:
    return place.column if isinstance(place, Cell) else place.start


def attribute(
    head: Head,
    parts: Parts,
    other: F64,
    typical: F64,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """Split the cosine of an item and a fixed vector over the parts of the item.

    Where parts add up and the head is linear, ``x ↦ l2((x − mean) W)``, or only scales, which is
    the same without a mean, a part carries
    ``⟨other, (part − share · mean) W⟩ / ‖(x − mean) W‖``: what makes it unlike the average, with
    the length of the item as a constant. The average itself scores 0.

    Elsewhere it carries its Shapley value (Shapley 1953): what it adds when parts are put
    together in a random order, averaged over orders. Along any one order the additions
    telescope, so that they sum exactly even where orders are sampled. What is missing is the
    average, ``head.mean``; with nothing there the score is that of ``typical``.

    Args:
        head: Of the item's view.
        parts: Of the item, ``p`` of them.
        other: ``(k,)``, what the item is compared with.
        typical: ``(k,)``, the mean of training items of the item's view.
        seed: Of the orders.
        progress: Told between batches of subsets; what it raises ends the work.

    Returns:
        Values of the parts, without what lies around those of a long item.
    """
    if isinstance(parts, AdditiveParts):
        if isinstance(head, LinearHead):
            return _linear(head, parts, other, typical)
        if isinstance(head, UnitHead):
            return _summed(parts, other)
        if isinstance(head, ConcatHead):
            return _concatenated(head, parts, other, typical, seed, progress)
    mean = np.asarray(getattr(head, "mean", np.zeros(head.input_dim)), dtype=np.float64)

    def value(kept: Mask) -> F64:
        # a head may give a vector of zeros a direction of its own, which says nothing
        worth = np.full(len(kept), float(typical @ other))
        some = kept.any(axis=1)
        if some.any():
            found = head(parts.native(kept[some], mean))
            worth[some] = found.astype(np.float64) @ other
        return worth

    batch = parts.batch if isinstance(parts, RemovableParts) else _BATCH
    return shapley(value, len(parts.places), seed=seed, batch=batch, progress=progress)


def shapley(
    value: Value,
    count: int,
    *,
    seed: int = 0,
    orders: int = ORDERS,
    batch: int = _BATCH,
    progress: Progress | None = None,
) -> Attribution:
    """Shapley values: exact up to :data:`EXACT` parts, else by random orders.

    Every order is also gone through backwards, which cancels much of the noise (Mitchell et
    al., "Sampling permutations for Shapley value estimation", JMLR 2022).

    Args:
        value: What a set of parts is worth.
        count: How many parts there are.
        seed: Of the orders.
        orders: How many pairs of orders.
        batch: How many sets to ask ``value`` for at a time.
        progress: Told between batches; what it raises ends the work.

    Examples:
        >>> found = shapley(lambda kept: kept.sum(axis=1) ** 2.0, 2)
        >>> found.values.tolist(), found.baseline
        ([2.0, 2.0], 0.0)
    """
    if count <= EXACT:
        return _all_subsets(lambda kept: _worth(value, kept, batch, progress), count)
    rng = np.random.default_rng(seed)
    each = [rng.permutation(count) for _ in range(orders)]
    both = [order for one in each for order in (one, one[::-1])]
    kept = np.zeros((len(both), count + 1, count), dtype=bool)
    for row, order in enumerate(both):
        for step, part in enumerate(order, 1):
            kept[row, step:, part] = True
    worth = _worth(value, kept.reshape(-1, count), batch, progress).reshape(len(both), count + 1)
    added = np.empty((len(both), count))
    for row, order in enumerate(both):
        added[row, order] = np.diff(worth[row])
    mirrored = added.reshape(orders, 2, count).mean(axis=1)
    errors = mirrored.std(axis=0, ddof=1) / np.sqrt(orders) if orders > 1 else np.zeros(count)
    method = f"Shapley values, estimated from {2 * orders} orders"
    return Attribution(float(worth[0, 0]), added.mean(axis=0), errors, method)


def _worth(value: Value, kept: Mask, batch: int, progress: Progress | None) -> F64:
    """What every set is worth, ``(s,)``; each is asked for once, a batch at a time."""
    sets, back = np.unique(kept, axis=0, return_inverse=True)
    worth = np.empty(len(sets))
    for start in range(0, len(sets), batch):
        if progress is not None:
            progress(PHASE, start, len(sets))
        worth[start : start + batch] = value(sets[start : start + batch])
    found: F64 = worth[back.reshape(-1)]
    return found


def _all_subsets(value: Value, count: int) -> Attribution:
    numbers = np.arange(2**count)
    kept = (numbers[:, None] >> np.arange(count) & 1).astype(bool)
    worth = value(kept)
    size = kept.sum(axis=1)
    found = np.zeros(count)
    for part in range(count):
        without = numbers[~kept[:, part]]
        weight = np.array(
            [factorial(s) * factorial(count - s - 1) / factorial(count) for s in size[without]]
        )
        found[part] = weight @ (worth[without | 1 << part] - worth[without])
    method = f"Shapley values over all {2**count} subsets"
    return Attribution(float(worth[0]), found, np.zeros(count), method)


def _linear(head: LinearHead, parts: AdditiveParts, other: F64, typical: F64) -> Attribution:
    weight = head.weight.astype(np.float64)
    length = float(np.linalg.norm((parts.total - head.mean) @ weight))
    none = np.zeros(len(parts.places))
    if length < 1e-12:  # the item is the average: the head gives it a direction that means nothing
        found = head(parts.total[None])[0].astype(np.float64)
        return Attribution(float(found @ other), none, none, "closed form")
    toward = weight @ other / length
    values = (parts.vectors - parts.shares * head.mean) @ toward
    return Attribution(0.0, values, none, "closed form")


def _summed(parts: AdditiveParts, other: F64) -> Attribution:
    """Parts of a sum that is only scaled to unit length."""
    length = max(float(np.linalg.norm(parts.total)), 1e-12)
    none = np.zeros(len(parts.places))
    return Attribution(0.0, parts.vectors @ other / length, none, "closed form")


def _concatenated(
    head: ConcatHead,
    parts: AdditiveParts,
    other: F64,
    typical: F64,
    seed: int,
    progress: Progress | None,
) -> Attribution:
    """Cosines of heads side by side add up, and so do their parts."""
    edges = np.cumsum([0, *(each.output_dim for each in head.parts)])
    scales = np.sqrt(np.asarray(head.weights))
    found = [
        attribute(
            each, parts, other[a:b] * scale, typical[a:b] / scale, seed=seed, progress=progress
        )
        for each, scale, (a, b) in zip(head.parts, scales, pairwise(edges), strict=True)
    ]
    return Attribution(
        sum(each.baseline for each in found),
        np.sum([each.values for each in found], axis=0),
        np.sqrt(np.sum([each.errors**2 for each in found], axis=0)),
        " and ".join(dict.fromkeys(each.method for each in found)),
    )
