"""Which training pairs a score leans on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache, cached

from isthmus.core.artifact import content_hash
from isthmus.core.linalg import F32, F64

RIDGE = 0.01
"""Of the mean singular value: keeps directions that no pair supports from being blown up."""
MOST = 1000
"""Coordinates that take part, so that the decomposition stays below a second."""


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """What one training record adds to a score.

    Attributes:
        id: Of the record.
        value: Its part of the score; negative where it speaks against.
        query_cosine: How like the query its item of the query's view is.
        item_cosine: How like the item its item of the item's view is.
    """

    id: str
    value: float
    query_cosine: float
    item_cosine: float

    def to_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "id": self.id,
            "value": self.value,
            "query_cosine": self.query_cosine,
            "item_cosine": self.item_cosine,
        }


@dataclass(frozen=True, eq=False)
class Support:
    """A score as a sum over training pairs.

    ``values.sum() + residual`` is the score.

    Attributes:
        ids: Record ids, ``n`` of them.
        values: ``(n,)``.
        query_cosines: ``(n,)``, of the query with each record's item of its view.
        item_cosines: ``(n,)``, of the item with each record's item of its view.
        residual: What lies outside of the training pairs.
    """

    ids: Sequence[str]
    values: F64
    query_cosines: F64
    item_cosines: F64
    residual: float

    def strongest(self, count: int) -> list[TrainingPair]:
        """The pairs that count most, for or against, by the size of their part."""
        order = np.argsort(-np.abs(self.values), kind="stable")[:count]
        columns = (self.values, self.query_cosines, self.item_cosines)
        return [TrainingPair(self.ids[i], *(float(c[i]) for c in columns)) for i in order]


def support(query: F64, item: F64, u: F64, v: F64, ids: Sequence[str]) -> Support:
    """Write the score ``q·x`` as a sum over training pairs ``(u_i, v_i)``.

    With ``M = UᵀV = P S Qᵀ``, ``a = P S^-½ W q`` and ``b = Q S^-½ W x``,

        Σ_i (u_i·a)(v_i·b) = aᵀ M b = qᵀWᵀ W x = q·x

    for any orthogonal ``W``; it is taken as the polar factor of ``(P + Q)ᵀ``, with which ``a`` and
    ``b`` are ``M^-½ q`` and ``M^-½ x`` where M is symmetric and positive. A pair counts where its
    one side is like the query *and* its other side like the item. The one-sided
    ``(u_i·q)(v_i·M⁻¹x)`` is exact too, and useless: on real spaces its parts are twenty times the
    score and cancel. ``S`` gets a small ridge, and what that costs is the residual.

    Only coordinates in which the query or the item is not zero take part, and of very many the
    strongest; the others are left to the residual.

    Args:
        query: ``(k,)``, of unit length.
        item: ``(k,)``, of unit length.
        u: ``(n, k)``, training items of the query's view.
        v: ``(n, k)``, their partners of the item's view.
        ids: Of the records.
    """
    score = float(query @ item)
    energy = query**2 + item**2
    used = np.sort(np.argsort(-energy, kind="stable")[:MOST])
    used = used[energy[used] > 0]
    if not len(ids):
        none = np.zeros(0)
        return Support([], none, none, none, score)
    left, right, q, x = u[:, used], v[:, used], query[used], item[used]
    p, s, qt, turn = _decomposed(left.T @ right)
    root = 1 / np.sqrt(s + max(RIDGE * s.mean(), 1e-12))
    values = (left @ (p @ (root * (turn @ q)))) * (right @ (qt.T @ (root * (turn @ x))))
    return Support(ids, values, u @ query, v @ item, score - float(values.sum()))


@cached(LRUCache(4), key=lambda cross: content_hash(cross.tobytes()), lock=Lock())
def _decomposed(cross: F64) -> tuple[F64, F64, F64, F64]:
    """``P``, ``S``, ``Qᵀ`` and ``W`` of ``M``: the same for every explanation of two views."""
    p, s, qt = np.linalg.svd(cross, full_matrices=False)
    outer, _, inner = np.linalg.svd((p + qt.T).T)
    return p, s, qt, outer @ inner


def paired(
    u: F32, u_ids: Sequence[str], v: F32, v_ids: Sequence[str]
) -> tuple[F64, F64, list[str]]:
    """Rows of two banks that belong to one record, in the order of the first."""
    row = {name: i for i, name in enumerate(v_ids)}
    rows = [(i, row[name]) for i, name in enumerate(u_ids) if name in row]
    left = [i for i, _ in rows]
    right = [j for _, j in rows]
    return u[left].astype(np.float64), v[right].astype(np.float64), [u_ids[i] for i in left]
