"""What a fit finds if groups are not kept whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.heldout import Joint, cutoff, scored_folds


@dataclass(frozen=True)
class Ungrouped:
    """Held-out pairs of two views, found by a fit that has seen others of their groups.

    Attributes:
        a: First view.
        b: Second view.
        groups: How many groups there are.
        recall: R@k, both directions.
        k: First places that count as found.
        gallery: Among how many.
    """

    a: str
    b: str
    groups: int
    recall: float
    k: int
    gallery: float


def ungrouped(
    joint: Joint, links: NDArray[np.intp], own: NDArray[np.intp], *, seed: int
) -> Ungrouped | None:
    """Measure on folds that keep only records together that share an item.

    Args:
        joint: ``n`` rows.
        links: ``(n,)`` labels of what is kept whole elsewhere.
        own: ``(n,)`` labels of rows that share an item.
        seed: Of the folds.

    Returns:
        None where groups keep nothing else together, or all rows share items.
    """
    count = len(np.unique(links))
    if count >= len(np.unique(own)) or len(np.unique(own)) < 2:
        return None
    folds = scored_folds(joint, own, deals=1, seed=seed)
    if not folds:
        return None
    gallery = float(np.mean([len(fold.rows) for fold in folds]))
    k = cutoff(gallery)
    recall = float(np.mean([(fold.ranks() < k + 1).mean() for fold in folds]))
    return Ungrouped(joint.a, joint.b, count, recall, k, gallery)
