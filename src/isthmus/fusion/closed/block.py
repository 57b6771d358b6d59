"""Uncorrelated directions of one view or of several, on which linear learners are one division."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F32, F64, symmetric_eigen
from isthmus.fusion.closed.joined import TARGET, Joined
from isthmus.moments.moments import RANK_TOLERANCE


@dataclass(frozen=True, eq=False)
class Side:
    """What one view has in the directions of a block.

    Attributes:
        mean: ``(d,)``.
        basis: ``(d, q)``, principal directions times what they are scaled by.
        turn: ``(q, r)`` from these to the directions of the block; None where they are the same.
    """

    mean: F64
    basis: F64
    turn: F64 | None = None

    def components(self, x: F32) -> F64:
        """What the vectors ``(n, d)`` of the view add to the components of a block, ``(n, r)``."""
        parts: F64 = (x - self.mean) @ self.basis
        return parts if self.turn is None else parts @ self.turn

    def weight(self, inner: F64) -> F64:
        """Weights of vectors ``(d, k)`` from those of the directions ``(r, k)``."""
        weight: F64 = self.basis @ (inner if self.turn is None else self.turn @ inner)
        return weight


@dataclass(frozen=True, eq=False)
class Block:
    """Views as one: directions that do not vary together.

    Attributes:
        sides: By view.
        values: ``(r,)``, variances of the directions.
        onto: ``(r, m)``, their covariance with what is regressed on.
        unit: The penalty that counts as 1.
        count: Records behind it.
    """

    sides: Mapping[str, Side]
    values: F64
    onto: F64
    unit: float
    count: float


def block_of_view(joined: Joined, view: str, *, scale: bool) -> Block:
    """One view; the unit of its penalty is the mean eigenvalue of its covariance.

    Args:
        joined: Moments with the target.
        view: The view.
        scale: Standardise columns first.
    """
    moments = joined.moments

    def made() -> Block:
        scales, values, vectors = moments.spectrum(view, scale=scale)
        basis = scales[:, None] * vectors
        side = Side(moments.mean(view), basis)
        unit = float(values.sum()) / moments.dims[view]
        return Block(
            {view: side}, values, basis.T @ joined.cross(view), unit, moments.count(view, TARGET)
        )

    return moments.memo(("block", view, scale), made)


def block_of_views(
    joined: Joined, views: Sequence[str], penalties: Mapping[str, float], *, scale: bool
) -> Block:
    """Several views, each divided by the root of its own penalty; the unit is then 1.

    So a joint ridge has block-wise penalties. Views that no record has together count as if they
    did not vary together.

    Args:
        joined: Moments with the target.
        views: Two at least.
        penalties: By view, in units of its variance.
        scale: Standardise columns first.
    """
    moments = joined.moments
    shrink = {view: 1 / np.sqrt(penalties[view]) for view in views}
    parts = {view: block_of_view(joined, view, scale=scale) for view in views}
    ends = np.cumsum([0, *(len(parts[view].values) for view in views)])
    places = {v: slice(a, b) for v, a, b in zip(views, ends[:-1], ends[1:], strict=True)}
    whole = np.zeros((ends[-1], ends[-1]))
    for number, a in enumerate(views):
        inside = np.arange(ends[number], ends[number + 1])
        whole[inside, inside] = shrink[a] ** 2 * parts[a].values
        for b in views[number + 1 :]:
            if moments.count(a, b) > 0:
                between = shrink[a] * moments.between(a, b, scale=scale) * shrink[b]
                whole[places[a], places[b]] = between
                whole[places[b], places[a]] = between.T
    count = min(moments.count(a, b) for a in views for b in views if a != b)
    values, turn = symmetric_eigen(whole, rank=moments.count(TARGET) - 1)
    keep = values > RANK_TOLERANCE[moments.products] * values.max(initial=0.0)
    values, turn = values[keep], turn[:, keep]
    onto = np.zeros((len(values), joined.regressed.shape[1]))
    sides = {}
    for view, part in parts.items():
        own = shrink[view] * turn[places[view]]
        onto += own.T @ part.onto
        sides[view] = Side(part.sides[view].mean, part.sides[view].basis, own)
    return Block(sides, values, onto, 1.0, max(count, 2.0))
