"""Ranks, and the retrieval metrics made of them.

Every function here takes scores where larger is better, queries in rows and gallery in
columns, and treats ties as a random order would on average. A model whose scores carry no
information, such as one that maps everything to one vector, therefore never gets more than
chance for the order in which the gallery happens to lie.

This is own code because retrieval libraries sort by score, so that ties fall by place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F64, Array, Floats
from isthmus.core.validate import rows_at_fault
from isthmus.metrics._scores import check_k, check_scores, row_blocks

Bools = NDArray[np.bool_]


def ranks(scores: Array, targets: Array) -> F64:
    """Rank of the true gallery row of each query, 1 for the best.

    A true row that ties with others gets the mean of the places they share; scores that
    are all equal rank at ``(g + 1) / 2``. With several relevant rows the rank is that of
    the best one, and where ``r`` relevant are among ``t`` tied rows the expected place of
    the first of them, ``(t + 1) / (r + 1)``, which for ``r = 1`` is the same rule.

    Args:
        scores: ``(q, g)``, larger is better.
        targets: ``(q,)`` integer column of the true row, or ``(q, g)`` bool relevance.

    Returns:
        ``(q,)`` float64, from 1 to ``g``.

    Raises:
        VectorError: For NaN, targets of another shape or out of range, or a query to
            which nothing is relevant.

    Examples:
        >>> ranks(np.array([[0.9, 0.5, 0.1], [0.5, 0.5, 0.5]]), np.array([1, 0]))
        array([2., 2.])
    """
    scores = check_scores(scores)
    q, g = scores.shape
    targets = np.asarray(targets)
    if targets.dtype == np.bool_:
        relevance = check_relevance(targets, scores)
        bare = np.logical_not(relevance.any(axis=1))
        if bare.any():
            raise VectorError(f"relevance: {rows_at_fault(bare)} no relevant gallery row")
    else:
        columns = _check_columns(targets, q, g)
    out = np.empty(q, dtype=np.float64)
    for rows in row_blocks(q, g):
        block = scores[rows]
        if targets.dtype == np.bool_:
            best = np.where(relevance[rows], block, -np.inf).max(axis=1, keepdims=True)
            tied = block == best
            relevant = (tied & relevance[rows]).sum(axis=1)
        else:
            best = np.take_along_axis(block, columns[rows, None], axis=1)
            tied = block == best
            relevant = np.ones(len(block), dtype=np.intp)
        above = (block > best).sum(axis=1)
        out[rows] = above + (tied.sum(axis=1) + 1) / (relevant + 1)
    return out


def recall_at_k(ranks: F64, k: int) -> float:
    """Share of queries whose rank is at most ``k``.

    With average ranks a query is found or not as a whole: constant scores get 0 while ``k``
    is below ``(g + 1) / 2`` and 1 from there on, where chance is ``k / g``.
    """
    return float(np.mean(_check_ranks(ranks) <= check_k(k)))


def median_rank(ranks: F64) -> float:
    """Median of the ranks; chance is ``(g + 1) / 2``."""
    return float(np.median(_check_ranks(ranks)))


def mean_reciprocal_rank(ranks: F64) -> float:
    """Mean of ``1 / rank``; constant scores get ``2 / (g + 1)``, which is below chance."""
    return float(np.mean(1.0 / _check_ranks(ranks)))


def mean_average_precision(scores: Array, relevance: NDArray[np.bool_]) -> float:
    """Mean over queries of average precision, in expectation over the order of ties.

    At place ``c + j`` of a group of ``t`` tied rows, ``r`` of them relevant, with ``c`` rows
    and ``R`` relevant ones before the group, the expected share is
    ``r/t · (R + 1 + (j−1)(r−1)/(t−1)) / (c + j)``; average precision is the sum of those
    over all places divided by the number of relevant rows. Without ties it is the usual one.

    Args:
        scores: ``(q, g)``, larger is better.
        relevance: ``(q, g)`` bool. Queries to which nothing is relevant are left out.

    Returns:
        From 0 to 1. Constant scores get exactly what a random order gets on average.

    Raises:
        VectorError: For NaN, other shapes, or if no query has a relevant row.

    References:
        McSherry and Najork, "Computing information retrieval performance measures
        efficiently in the presence of tied scores", ECIR 2008.
    """
    total, queries = 0.0, 0
    for ties in _tied_orders(scores, relevance):
        place = np.arange(ties.size.shape[1])
        slope = (ties.relevant - 1) / np.maximum(ties.size - 1, 1)
        hits = ties.before + 1 + (place - ties.start) * slope
        precision = ties.relevant / ties.size * hits / (place + 1)
        total += float((precision.sum(axis=1) / ties.total).sum())
        queries += len(ties.total)
    return total / queries


def ndcg_at_k(scores: Array, relevance: NDArray[np.bool_], k: int = 10) -> float:
    """Normalised discounted cumulative gain at ``k``, in expectation over the order of ties.

    Relevance is binary and the discount is ``1 / log2(place + 1)``; a tied place counts as
    the relevant share of its group. Queries to which nothing is relevant are left out.

    Args:
        scores: ``(q, g)``, larger is better.
        relevance: ``(q, g)`` bool.
        k: Places that count, at least 1; capped at ``g``.

    Returns:
        From 0 to 1.

    Raises:
        VectorError: For NaN, other shapes, or if no query has a relevant row.

    References:
        Järvelin and Kekäläinen, TOIS 2002; ties as in McSherry and Najork, ECIR 2008.
    """
    k = check_k(k)
    total, queries = 0.0, 0
    for ties in _tied_orders(scores, relevance):
        places = min(k, ties.size.shape[1])
        discount = 1.0 / np.log2(np.arange(places) + 2.0)
        gain = (ties.relevant / ties.size)[:, :places] @ discount
        ideal = np.cumsum(discount)[np.minimum(ties.total, places) - 1]
        total += float((gain / ideal).sum())
        queries += len(ties.total)
    return total / queries


def foscttm(scores: Array) -> float:
    """Fraction of samples closer than the true match, averaged over both directions.

    Args:
        scores: ``(n, n)``, larger is closer; row ``i`` belongs to column ``i``; ties count
            half.

    Returns:
        0 when every true match is the closest, 0.5 at chance and for constant scores.

    Raises:
        VectorError: If the matrix is not square with at least two rows, or has NaN.

    References:
        Liu et al., "Jointly embedding multiple single-cell omics measurements", WABI 2019.
    """
    scores = check_scores(scores)
    n, g = scores.shape
    if n != g or n < 2:
        raise VectorError(f"scores: need a square matrix of two or more rows, got {n} by {g}")
    diagonal = np.arange(n)
    both = np.concatenate([ranks(scores, diagonal), ranks(scores.T, diagonal)])
    return float((both - 1).mean() / (n - 1))


def check_relevance(relevance: Array, scores: Floats) -> Bools:
    """Relevance as a bool matrix of the shape of the scores.

    Raises:
        VectorError: For another shape or dtype.
    """
    array = np.asarray(relevance)
    if array.dtype != np.bool_ or array.shape != scores.shape:
        raise VectorError(
            f"relevance: need bool of shape {scores.shape}, got {array.dtype} of {array.shape}"
        )
    return array.astype(np.bool_, copy=False)


class _Ties(NamedTuple):
    """For each place of each query, the group of equal scores that it lies in."""

    start: NDArray[np.intp]  # places before the group
    size: NDArray[np.intp]
    before: NDArray[np.intp]  # relevant rows before the group
    relevant: NDArray[np.intp]  # relevant rows in it
    total: NDArray[np.intp]  # (q,) relevant rows of the query


def _tied_orders(scores: Array, relevance: Array) -> Iterator[_Ties]:
    """Sorted gallery of the queries that have relevant rows, in blocks of queries."""
    scores = check_scores(scores)
    relevance = check_relevance(relevance, scores)
    queries = np.flatnonzero(relevance.any(axis=1))
    if not len(queries):
        raise VectorError("relevance: no query has a relevant gallery row")
    for rows in row_blocks(len(queries), scores.shape[1]):
        yield _tied_order(scores[queries[rows]], relevance[queries[rows]])


def _tied_order(scores: Floats, relevance: Bools) -> _Ties:
    order = np.argsort(-scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    place = np.arange(scores.shape[1])
    first = np.ones(scores.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(scores.shape, dtype=bool)
    last[:, :-1] = first[:, 1:]
    start = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    end = np.where(last, place + 1, len(place))
    end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
    so_far = np.zeros((len(scores), len(place) + 1), dtype=np.intp)
    np.cumsum(np.take_along_axis(relevance, order, axis=1), axis=1, out=so_far[:, 1:])
    before = np.take_along_axis(so_far, start, axis=1)
    relevant = np.take_along_axis(so_far, end, axis=1) - before
    return _Ties(start, end - start, before, relevant, so_far[:, -1])


def _check_columns(targets: Array, queries: int, gallery: int) -> NDArray[np.intp]:
    if targets.shape != (queries,) or targets.dtype.kind not in "iu":
        raise VectorError(
            f"targets: need {queries} integer columns or bool relevance ({queries}, {gallery}), "
            f"got {targets.dtype} of shape {targets.shape}"
        )
    columns = targets.astype(np.intp)
    outside = (columns < 0) | (columns >= gallery)
    if outside.any():
        raise VectorError(f"targets: {rows_at_fault(outside)} a column outside 0 to {gallery - 1}")
    return targets.astype(np.intp)


def _check_ranks(values: Array) -> F64:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not (array >= 1).all():
        raise VectorError("ranks: need one or more ranks, each at least 1")
    return array
