"""How well a space finds things, by direction and read-out, next to chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Head
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.metrics import (
    alignment,
    foscttm,
    hubness_skew,
    median_true_cosine,
    modality_gap,
    retrieval_report,
    uniformity,
)
from isthmus.space.readout import Readout, score

READOUTS: tuple[Readout, ...] = ("instance", "semantic")
LEVEL = 0.01
"""A pair of views whose p-value is above this carries no alignment that can be shown."""
_MIN_ROWS = 2
MAX_GALLERY = 5000


def evaluate(
    heads: Mapping[str, Head],
    banks: Mapping[str, F32],
    pairs: PairedVectors,
    *,
    csls_strength: float = 1.0,
) -> dict[str, Any]:
    """Measure every direction between views that some records have together.

    Args:
        heads: By view.
        banks: By view, vectors of the space that were trained on.
        pairs: Records that the heads have not seen; ``groups`` are the categories of mAP
            and nDCG.
        csls_strength: As for :func:`isthmus.space.readout.score`.

    Returns:
        ``{"directions": {"image→text": {"instance": {...}, "semantic": {...}}},
        "geometry": {"image–text": {...}}}``, JSON-serialisable.

    Raises:
        DataError: If no two views share at least two records.
    """
    directions: dict[str, Any] = {}
    geometry: dict[str, Any] = {}
    for a, b in combinations([m for m in pairs.views if m in heads], 2):
        rows = thin(pairs.rows(a, b), MAX_GALLERY)
        if len(rows) < _MIN_ROWS:
            continue
        x, y = heads[a](pairs.vectors[a][rows]), heads[b](pairs.vectors[b][rows])
        groups = None if pairs.groups is None else np.asarray(pairs.groups)[rows]
        for name in (f"{a}→{b}", f"{b}→{a}"):
            directions[name] = {}
        for readout in READOUTS:
            scores = score(
                x,
                y,
                readout=readout,
                query_bank=banks[a],
                gallery_bank=banks[b],
                csls_strength=csls_strength,
            )
            directions[f"{a}→{b}"][readout] = _measure(scores, groups)
            directions[f"{b}→{a}"][readout] = _measure(scores.T, groups)
        geometry[f"{a}–{b}"] = _geometry(x, y)
    if not directions:
        raise DataError(
            "no two views share at least 2 records that could be encoded, so no direction "
            "can be measured; are the files of a record named alike?"
        )
    return {"directions": directions, "geometry": geometry}


def summarise(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over folds or seeds of :func:`evaluate`'s results.

    Returns:
        The same tree with ``{"mean": …, "sd": …, "n": …}`` in place of numbers.
    """
    names = dict.fromkeys(key for fold in folds for key in fold)
    out: dict[str, Any] = {}
    for name in names:
        values = [fold[name] for fold in folds if name in fold]
        if isinstance(values[0], Mapping):
            out[name] = summarise(values)
        else:
            numbers = np.array([v for v in values if v is not None], dtype=float)
            out[name] = {
                "mean": float(numbers.mean()) if len(numbers) else None,
                "sd": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
                "n": len(numbers),
            }
    return out


def wilson_interval(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share that was counted on ``n`` queries (Wilson 1927).

    Example:
        >>> low, high = wilson_interval(0.3, 130)
        >>> round(low, 3), round(high, 3)
        (0.228, 0.384)
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _measure(scores: F32, groups: NDArray[Any] | None) -> dict[str, Any]:
    known = groups is not None and all(group is not None for group in groups)
    found = retrieval_report(
        scores, groups_query=groups if known else None, groups_gallery=groups if known else None
    ).to_json()
    if not known:  # without categories mAP is that of the single true row, which MRR already says
        found.pop("map")
        found.pop("chance_map")
        found.pop("ndcg10")
    return found


def _geometry(x: F32, y: F32) -> dict[str, float]:
    cosine = x @ y.T
    return {
        "median_true_cosine": median_true_cosine(x, y),
        "modality_gap": modality_gap(x, y),
        "alignment": alignment(x, y),
        "uniformity": float(np.mean([uniformity(x), uniformity(y)])),
        "hubness_skew": hubness_skew(cosine),
        "foscttm": foscttm(cosine),
    }
