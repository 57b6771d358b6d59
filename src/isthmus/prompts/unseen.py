"""Classes that have words but no shots, beside classes that have shots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.prompts.methods import FewShot, Params
from isthmus.prompts.support import Labels, Scorer, Support, log_softmax

_CLASSES = 8
"""Classes that are left out as a whole, one after the other."""
_EACH = 8
"""Shots of each that are asked about."""
_FURTHEST = 5.0
"""Standard deviations of the logits by which a class may be moved."""


def offset_for_unseen(method: FewShot, params: Params, support: Support) -> float:
    """What has to be added to the logits of classes without shots.

    Learning pushes the classes that have shots, so items of the others get their names. The shots
    of one class at a time are left out as a whole, and the offset is the one with which these
    items, as well as those of the classes that were seen, are classified most surely (calibrated
    stacking: Chao et al., "An empirical study and analysis of generalized zero-shot learning",
    2016).

    Args:
        method: That was chosen.
        params: Of it.
        support: With at least two classes that have shots and words.

    Returns:
        The offset; 0 where no class has two shots, as nothing then says how far is too far.
    """
    from scipy.optimize import minimize_scalar

    rows, labels, unseen = _said(method, params, support)
    if not len(rows):
        return 0.0
    at = np.arange(len(labels))
    novel = unseen[at, labels]
    if novel.all():  # one shot a class: there is nothing to weigh the others against
        return 0.0
    share = np.where(novel, 1 / max(novel.sum(), 1), 1 / max((~novel).sum(), 1))

    def loss(offset: float) -> float:
        return -float(share @ log_softmax(rows + offset * unseen)[at, labels])

    reach = _FURTHEST * float(rows.std()) + 1e-9
    return float(minimize_scalar(loss, bounds=(-reach, reach), method="bounded").x)


def with_offset(scorer: Scorer, unseen: NDArray[np.bool_], offset: float) -> Scorer:
    """A scorer whose classes without shots ``(K,)`` are moved."""

    def score(x: F64) -> F64:
        logits: F64 = scorer(x) + offset * unseen
        return logits

    return score


def _said(
    method: FewShot, params: Params, support: Support
) -> tuple[F64, Labels, NDArray[np.bool_]]:
    """Logits, true classes and which classes were unseen, ``(n, K)``, ``(n,)`` and ``(n, K)``.

    In every round one class is left out as a whole, and as many shots of the others beside it.
    """
    taught = np.flatnonzero((support.counts > 0) & support.worded)
    if len(taught) < 2:
        return np.zeros((0, support.classes)), np.zeros(0, np.intp), np.zeros((0, 0), bool)
    order = np.random.default_rng(0).permutation(len(support.items))
    rows, labels, unseen = [], [], []
    for turn, left in enumerate(taught[:: -(-len(taught) // _CLASSES)]):
        own = np.flatnonzero(support.labels == left)
        others = order[
            (support.labels[order] != left) & (support.counts[support.labels[order]] > 1)
        ]
        asked = np.concatenate([own[:_EACH], np.roll(others, -_EACH * turn)[:_EACH]])
        keep = np.ones(len(order), dtype=bool)
        keep[own] = keep[asked] = False
        if not keep.any():
            continue
        known = support.take(keep)
        rows.append(method.fit(known, params)(support.items[asked]))
        labels.append(support.labels[asked])
        unseen.append(np.tile(known.counts == 0, (len(asked), 1)))
    if not rows:
        return np.zeros((0, support.classes)), np.zeros(0, np.intp), np.zeros((0, 0), bool)
    return np.vstack(rows), np.concatenate(labels), np.vstack(unseen)
