"""Classes that have words but no shots, beside classes that have shots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.prompts.methods import FewShot, Params
from isthmus.prompts.support import Scorer, Support

_CLASSES = 8
"""Classes that are left out as a whole, one after the other."""
_EACH = 8
"""Shots of each that are asked about."""


def offset_for_unseen(method: FewShot, params: Params, support: Support) -> float:
    """What has to be added to the logits of classes without shots.

    Learning pulls items to the classes that have shots. The shots of one class at a time are left
    out as a whole, and the offset gives back what learning from the others has taken from them on
    average: the lead of their own class over the classes with shots, by words alone, minus the same
    after learning. It needs one shot a class. (Calibrated stacking: Chao et al., "An empirical
    study and analysis of generalized zero-shot learning", 2016, chooses it by what is right
    instead, which says too little where a space has learned from the shots.)

    Args:
        method: That was chosen.
        params: Of it.
        support: With at least two classes that have shots and words.

    Returns:
        The offset; 0 where there are fewer than two such classes.
    """
    taught = np.flatnonzero((support.counts > 0) & support.worded)
    lost = []
    for left in taught[:: -(-len(taught) // _CLASSES)] if len(taught) > 1 else ():
        own = support.labels == left
        known, asked = support.take(~own), support.items[own][:_EACH]
        learned = method.fit(known, params)(asked)
        others = known.counts > 0
        lead, before = (
            said[:, left] - said[:, others].max(axis=1)
            for said in (learned, known.zero_shot(asked))
        )
        lost.append(float((before - lead).mean()))
    return float(np.mean(lost)) if lost else 0.0


def with_offset(scorer: Scorer, unseen: NDArray[np.bool_], offset: float) -> Scorer:
    """A scorer whose classes without shots ``(K,)`` are moved."""

    def score(x: F64) -> F64:
        logits: F64 = scorer(x) + offset * unseen
        return logits

    return score
