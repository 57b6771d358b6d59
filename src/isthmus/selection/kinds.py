"""What a cosine says of the kind of an item: learned from groups that were held out as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.linalg import F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.selection.measure import Transforms

MIN_ITEMS = 40
"""Held-out items of groups below which nothing is said, as for a calibration."""
_LEAST = 3
"""Different descriptions of a group, so that two are left without an item's own."""
_HIGHEST = 100.0
"""Inverse temperature of CLIP, where its training clips it."""


def class_scale(
    folds: Sequence[tuple[Transforms, PairedVectors, PairedVectors]], a: str, b: str
) -> float | None:
    """The inverse temperature at which items of view ``b`` are classified by words of view ``a``.

    Classes are the groups that a fold holds out. A class is the mean of what its items are called,
    without what the item in question is called; the scale is the one with the least cross-entropy
    (Guo et al., "On calibration of modern neural networks", 2017).

    Args:
        folds: An aligner, the rows it was fitted on, and rows it has not seen.
        a: View of the words.
        b: View of the items.

    Returns:
        The scale; None where rows have no groups, or too few items in groups are held out.
    """
    from scipy.optimize import minimize_scalar

    parts = [part for fold in folds if (part := _cosines(fold[0], fold[2], a, b)) is not None]
    if sum(len(own) for own, _ in parts) < MIN_ITEMS:
        return None

    def loss(log_scale: float) -> float:
        scale, total = np.exp(log_scale), 0.0
        for own, others in parts:
            logits = scale * others
            top = logits.max(axis=1)
            total += float((top + np.log(np.exp(logits - top[:, None]).sum(axis=1))).sum())
            total -= scale * float(own.sum())
        return total

    found = minimize_scalar(loss, bounds=(0.0, np.log(_HIGHEST)), method="bounded")
    return round(float(np.exp(found.x)), 4)


def _cosines(aligner: Transforms, held: PairedVectors, a: str, b: str) -> tuple[F64, F64] | None:
    """``(n,)`` to the own class of items, and ``(n, G)`` to all classes; None without two."""
    rows = held.rows(a, b)
    if held.groups is None or not len(rows):
        return None
    groups = np.array([str(group) for group in np.asarray(held.groups)[rows]])
    known = np.array([group is not None for group in np.asarray(held.groups)[rows]], dtype=bool)
    native = held.vectors[a][rows]
    text = np.unique(native, axis=0, return_inverse=True)[1].ravel()
    labels = np.unique(groups, return_inverse=True)[1].ravel()
    first = np.unique(np.column_stack([labels, text]), axis=0, return_index=True)[1]
    first = first[known[first]]
    different = np.bincount(labels[first], minlength=len(rows))
    good = known & (different[labels] >= _LEAST)
    kept = np.unique(labels[good])
    if len(kept) < 2:
        return None
    words = aligner.transform(native, a).astype(np.float64)
    sums = np.zeros((len(kept), words.shape[1]))
    part = first[good[first]]
    np.add.at(sums, np.searchsorted(kept, labels[part]), words[part])
    items = aligner.transform(held.vectors[b][rows[good]], b).astype(np.float64)
    place = np.searchsorted(kept, labels[good])
    cosines = items @ np.asarray(l2_normalize(sums), dtype=np.float64).T
    without = np.asarray(l2_normalize(sums[place] - words[good]), dtype=np.float64)
    own: F64 = np.einsum("nd,nd->n", items, without)
    cosines[np.arange(len(own)), place] = own
    return own, cosines
