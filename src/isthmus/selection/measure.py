"""What a fitted aligner is scored by on held-out records; higher is better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from isthmus.aligners import Aligner
from isthmus.core.linalg import F32, F64
from isthmus.core.paired import PairedVectors
from isthmus.metrics import mean_average_precision, mean_reciprocal_rank, ranks
from isthmus.selection.folds import bank
from isthmus.space.readout import Readout, score

_MIN_GALLERY = 2
"""Among one item the partner is always first."""


def direct_pairs(pairs: PairedVectors) -> list[tuple[str, str]]:
    """Pairs of views that some record has together."""
    return [(a, b) for a, b in combinations(pairs.views, 2) if len(pairs.rows(a, b))]


def held_out_scores(
    aligner: Aligner,
    train: PairedVectors,
    held: PairedVectors,
    a: str,
    b: str,
    *,
    readout: Readout = "instance",
    csls_strength: float = 1.0,
) -> F32:
    """Scores of the held-out rows that have both: row i belongs to column i."""
    x, y = held.pair(a, b)
    return score(
        aligner.transform(x, a),
        aligner.transform(y, b),
        readout=readout,
        query_bank=aligner.transform(bank(train, a), a),
        gallery_bank=aligner.transform(bank(train, b), b),
        csls_strength=csls_strength,
    )


def grouped(pairs: PairedVectors) -> bool:
    """Whether every record has a group, so that kinds can be measured."""
    return pairs.groups is not None and all(group is not None for group in pairs.groups)


def reciprocal_rank(
    aligner: Aligner, train: PairedVectors, held: PairedVectors, csls_strength: float = 1.0
) -> float:
    """Mean over both directions of every pair of views; NaN where nothing can be ranked."""
    return _mean(
        mean_reciprocal_rank(found)
        for found in _instance_ranks(aligner, train, held, csls_strength)
    )


def recall_at_one(
    aligner: Aligner, train: PairedVectors, held: PairedVectors, csls_strength: float = 1.0
) -> float:
    """How often the true partner comes first, likewise."""
    return _mean(
        float((found < 2).mean()) for found in _instance_ranks(aligner, train, held, csls_strength)
    )


def average_precision(
    aligner: Aligner, train: PairedVectors, held: PairedVectors, csls_strength: float = 1.0
) -> float:
    """By group, under the semantic read-out, likewise."""
    return _mean(_precisions(aligner, train, held))


def _instance_ranks(
    aligner: Aligner, train: PairedVectors, held: PairedVectors, csls_strength: float
) -> Iterator[F64]:
    for a, b in direct_pairs(train):
        if len(held.rows(a, b)) < _MIN_GALLERY:
            continue
        scores = held_out_scores(aligner, train, held, a, b, csls_strength=csls_strength)
        truth = np.arange(len(scores))
        yield from (ranks(each, truth) for each in (scores, scores.T))


def _precisions(aligner: Aligner, train: PairedVectors, held: PairedVectors) -> Iterator[float]:
    for a, b in direct_pairs(train):
        rows = held.rows(a, b)
        if len(rows) < _MIN_GALLERY:
            continue
        groups = np.asarray(held.groups)[rows]
        relevant = groups[:, None] == groups[None, :]
        scores = held_out_scores(aligner, train, held, a, b, readout="semantic")
        yield from (mean_average_precision(each, relevant) for each in (scores, scores.T))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")
