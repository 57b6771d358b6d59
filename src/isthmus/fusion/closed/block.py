"""Uncorrelated directions of one view or of several, on which linear learners are one division."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from isthmus.core.linalg import F32, F64, symmetric_eigen
from isthmus.fusion.closed.joined import TARGET, Joined
from isthmus.moments.spectra import RANK_TOLERANCE


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
        scale: Whether columns were standardised, of a block of one view.
    """

    sides: Mapping[str, Side]
    values: F64
    onto: F64
    unit: float
    count: float
    scale: bool = False


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
            {view: side},
            values,
            basis.T @ joined.cross(view),
            unit,
            moments.count(view, TARGET),
            scale,
        )

    return moments.memo(("block", view, scale), made)


def block_of_views(joined: Joined, parts: Mapping[str, Block], penalties: Sequence[float]) -> Block:
    """Several views, each divided by the root of its own penalty; the unit is then 1.

    So a joint ridge has block-wise penalties. Views that no record has together count as if they
    did not vary together.

    Args:
        joined: Moments with the target.
        parts: Two blocks of one view at least, by view.
        penalties: Of each, in units of its variance.
    """
    moments, views = joined.moments, tuple(parts)
    shrink = {v: 1 / np.sqrt(p) for v, p in zip(views, penalties, strict=True)}
    ends = np.cumsum([0, *(len(part.values) for part in parts.values())])
    places = {v: slice(a, b) for v, a, b in zip(views, ends[:-1], ends[1:], strict=True)}
    whole = np.zeros((ends[-1], ends[-1]))
    for view, part in parts.items():
        inside = np.arange(ends[-1])[places[view]]
        whole[inside, inside] = shrink[view] ** 2 * part.values
    pairs = [pair for pair in combinations(views, 2) if moments.count(*pair) > 0]
    for a, b in pairs:
        links = shrink[a] * between(joined, parts[a], parts[b]) * shrink[b]
        whole[places[a], places[b]], whole[places[b], places[a]] = links, links.T
    values, turn = symmetric_eigen(whole, rank=moments.count(TARGET) - 1)
    keep = values > RANK_TOLERANCE[moments.products] * values.max(initial=0.0)
    values, turn = values[keep], turn[:, keep]
    onto = np.zeros((len(values), joined.regressed.shape[1]))
    sides = {}
    for view, part in parts.items():
        own = shrink[view] * turn[places[view]]
        onto += own.T @ part.onto
        side = part.sides[view]
        sides[view] = Side(side.mean, side.basis, own)
    count = min((moments.count(*pair) for pair in pairs), default=0.0)
    return Block(sides, values, onto, 1.0, max(count, 2.0))


def between(joined: Joined, left: Block, right: Block) -> F64:
    """Covariance of the directions of two blocks of one view each, ``(r, r')``."""
    (a,), (b,) = left.sides, right.sides
    moments = joined.moments
    if moments.count(a, b) <= 0:
        return np.zeros((len(left.values), len(right.values)))
    if left.scale == right.scale:
        return moments.between(a, b, scale=left.scale)
    return left.sides[a].basis.T @ moments.cross(a, b) @ right.sides[b].basis
