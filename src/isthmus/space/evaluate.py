"""How well a space finds things, by direction and read-out, next to chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, Array
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.core.validate import check_kind
from isthmus.core.view import Direction, ViewPair
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
from isthmus.space.report import Evaluation, Geometry, Readouts, RetrievalFigures

READOUTS: tuple[Readout, ...] = ("instance", "semantic")
LEVEL = 0.01
"""A pair of views whose p-value is above this carries no alignment that can be shown."""
_MIN_ROWS = 2
_SAME = 0.9999
"""Cosine from which two vectors of the space are one thing encoded twice: batches of other sizes
change it by less than 1e-5."""
MAX_GALLERY = 5000


def unmatched(p_values: Mapping[ViewPair, float]) -> list[str]:
    """What to say of pairs of views that do no better than shuffled partners.

    Args:
        p_values: Of a permutation test, by pair.
    """
    weak = [pair for pair, p in p_values.items() if p > LEVEL]
    return [f"{pair}: not better than shuffled pairs. Do not use it." for pair in weak]


def evaluate(
    heads: Mapping[str, Callable[[F32], F32]],
    banks: Mapping[str, F32],
    pairs: PairedVectors,
    *,
    csls_strength: float = 1.0,
) -> Evaluation:
    """Measure every direction between views that some records have together.

    Args:
        heads: By view.
        banks: By view, vectors of the space that were trained on.
        pairs: Records that the heads have not seen; ``groups`` are the categories of mAP
            and nDCG.
        csls_strength: As for :func:`isthmus.space.readout.score`.

    Returns:
        Figures by direction and read-out, and geometry by pair of views:
        ``evaluate(…)[Direction("text", "image")].instance.r10``.

    Raises:
        DataError: If no two views share at least two records.
    """
    check_kind(
        heads,
        Mapping,
        "heads",
        need="those of a space",
        example="isthmus.evaluate(space.heads, space.banks, prepared.pairs)",
    )
    directions: dict[Direction, Readouts[float]] = {}
    geometry: dict[ViewPair, Geometry[float]] = {}
    for a, b in combinations([m for m in pairs.views if m in heads], 2):
        rows = thin(pairs.rows(a, b), MAX_GALLERY)
        if len(rows) < _MIN_ROWS:
            continue
        x, y = heads[a](pairs.vectors[a][rows]), heads[b](pairs.vectors[b][rows])
        groups = None if pairs.groups is None else np.asarray(pairs.groups)[rows]
        instance, semantic = (
            score(
                x,
                y,
                readout=readout,
                query_bank=banks[a],
                gallery_bank=banks[b],
                csls_strength=csls_strength,
            )
            for readout in READOUTS
        )
        pair = ViewPair(a, b)
        there, back = pair.directions
        directions[there] = Readouts(_measure(instance, groups), _measure(semantic, groups))
        directions[back] = Readouts(_measure(instance.T, groups), _measure(semantic.T, groups))
        geometry[pair] = _geometry(x, y)
    if not directions:
        raise DataError(
            "no two views share 2 or more records, so no direction can be measured; check that "
            "files that belong together have the same name"
        )
    return Evaluation(directions, geometry)


def share_learned(
    heads: Mapping[str, Callable[[F32], F32]],
    banks: Mapping[str, F32],
    pairs: PairedVectors,
    *,
    least: int = 2,
) -> float:
    """Which share of some records a space learned from, as far as its banks tell.

    A record counts if the vectors of all its views are rows of the banks. Banks keep a part of
    very many training records, so the true share may be larger. Ids would not do: rows of two
    tables are called the same.

    Args:
        heads: By view.
        banks: As for :func:`evaluate`.
        pairs: The records.
        least: Records that have fewer of these views say nothing.

    Returns:
        0…1, of the records that have so many.
    """
    views = [view for view in pairs.views if view in heads]
    several = np.flatnonzero(sum(pairs.present[view].astype(int) for view in views) >= least)
    rows = thin(several, MAX_GALLERY)
    known = np.ones(len(rows), dtype=bool)
    for view in views:
        here = pairs.present[view][rows]
        x = heads[view](pairs.vectors[view][rows[here]])
        known[here] &= (x @ banks[view].T).max(axis=1, initial=-1.0) > _SAME
    return float(known.mean()) if len(rows) else 0.0


def _measure(scores: F32, groups: Array | None) -> RetrievalFigures[float]:
    known = groups is not None and all(group is not None for group in groups)
    found = retrieval_report(
        scores, groups_query=groups if known else None, groups_gallery=groups if known else None
    ).to_json()
    if not known:  # without categories mAP is that of the single true row, which MRR already says
        for name in ("map", "chance_map", "ndcg10"):
            del found[name]
    return RetrievalFigures(**found)


def _geometry(x: F32, y: F32) -> Geometry[float]:
    cosine = x @ y.T
    return Geometry(
        median_true_cosine=median_true_cosine(x, y),
        modality_gap=modality_gap(x, y),
        alignment=alignment(x, y),
        uniformity=float(np.mean([uniformity(x), uniformity(y)])),
        hubness_skew=hubness_skew(cosine),
        foscttm=foscttm(cosine),
    )
