"""All retrieval metrics of one direction, next to what chance would get."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F64, Array
from isthmus.metrics._scores import check_scores
from isthmus.metrics.retrieval import (
    mean_average_precision,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at_k,
    ranks,
    recall_at_k,
)


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """How well queries of one view find rows of another.

    Attributes:
        r1: Recall at 1, by true row; so are ``r5`` and ``r10``.
        r5: Recall at 5.
        r10: Recall at 10.
        medr: Median rank of the true row.
        mrr: Mean reciprocal rank of the true row.
        map: Mean average precision, by group where groups were given, else by true row.
        ndcg10: nDCG at 10, with the relevance of ``map``.
        n_queries: Rows of the scores.
        n_gallery: Columns of the scores.
        chance_r1: What a random order gets for ``r1`` on average.
        chance_r10: The same for ``r10``: ``min(1, 10 / n_gallery)`` with one true row each.
        chance_map: The same for ``map``.
    """

    r1: float
    r5: float
    r10: float
    medr: float
    mrr: float
    map: float
    ndcg10: float
    n_queries: int
    n_gallery: int
    chance_r1: float
    chance_r10: float
    chance_map: float

    def to_json(self) -> dict[str, float]:
        """The fields as plain numbers, ready for :func:`json.dumps`."""
        return asdict(self)


def retrieval_report(
    scores: Array,
    targets: Array | None = None,
    groups_query: Array | None = None,
    groups_gallery: Array | None = None,
) -> RetrievalReport:
    """Measure one direction of retrieval.

    Args:
        scores: ``(q, g)``, larger is better.
        targets: What :func:`isthmus.metrics.ranks` takes; by default query ``i`` belongs to
            column ``i`` and the matrix must be square.
        groups_query: ``(q,)`` labels; with ``groups_gallery`` a column is relevant for
            ``map`` and ``ndcg10`` if its label is that of the query.
        groups_gallery: ``(g,)`` labels.

    Raises:
        VectorError: For shapes that do not fit, NaN, or only one kind of groups.
    """
    scores = check_scores(scores)
    q, g = scores.shape
    if targets is None:
        if q != g:
            raise VectorError(
                f"scores: {q} by {g} is not square, so `targets` must say what belongs together"
            )
        targets = np.arange(q)
    place = ranks(scores, targets)
    found = _as_relevance(np.asarray(targets), g)
    relevance = _by_group(groups_query, groups_gallery, q, g)
    if relevance is None:
        relevance = found
    return RetrievalReport(
        r1=recall_at_k(place, 1),
        r5=recall_at_k(place, 5),
        r10=recall_at_k(place, 10),
        medr=median_rank(place),
        mrr=mean_reciprocal_rank(place),
        map=mean_average_precision(scores, relevance),
        ndcg10=ndcg_at_k(scores, relevance, 10),
        n_queries=q,
        n_gallery=g,
        chance_r1=_chance_recall(found, 1),
        chance_r10=_chance_recall(found, 10),
        chance_map=_chance_map(relevance),
    )


def _as_relevance(targets: Array, gallery: int) -> NDArray[np.bool_]:
    if targets.dtype == np.bool_:
        return targets.astype(np.bool_, copy=False)
    relevance = np.zeros((len(targets), gallery), dtype=bool)
    relevance[np.arange(len(targets)), targets] = True
    return relevance


def _by_group(
    query: Array | None, gallery: Array | None, q: int, g: int
) -> NDArray[np.bool_] | None:
    if query is None and gallery is None:
        return None
    if query is None or gallery is None:
        raise VectorError("groups: need those of the queries and those of the gallery, got one")
    if len(query) != q or len(gallery) != g:
        raise VectorError(
            f"groups: need {q} labels of queries and {g} of the gallery, "
            f"got {len(query)} and {len(gallery)}"
        )
    # Labels become integers first: comparing strings q × g times is slow.
    _, codes = np.unique(np.concatenate([query, gallery]), return_inverse=True)
    same: NDArray[np.bool_] = codes[:q, None] == codes[None, q:]
    return same


def _chance_recall(relevance: NDArray[np.bool_], k: int) -> float:
    """Mean probability that ``k`` random columns hold a relevant one (hypergeometric)."""
    gallery = relevance.shape[1]
    drawn = min(k, gallery)
    relevant = relevance.sum(axis=1)
    missed: F64 = np.ones(len(relevant))
    for before in range(drawn):
        missed *= np.maximum(gallery - relevant - before, 0) / (gallery - before)
    # The product is drawn / gallery for one relevant row, but for rounding.
    return float(np.where(relevant == 1, drawn / gallery, 1.0 - missed).mean())


def _chance_map(relevance: NDArray[np.bool_]) -> float:
    """Mean over queries of the average precision that a random order has in expectation.

    With ``r`` relevant of ``g`` it is ``(H + (r−1)/(g−1)·(g−H)) / g``, where ``H`` is the
    sum of ``1/i`` up to ``g``.
    """
    gallery = relevance.shape[1]
    relevant = relevance.sum(axis=1)
    relevant = relevant[relevant > 0]
    harmonic = float((1.0 / np.arange(1, gallery + 1)).sum())
    slope = (relevant - 1) / max(gallery - 1, 1)
    return float(np.mean(harmonic + slope * (gallery - harmonic)) / gallery)
