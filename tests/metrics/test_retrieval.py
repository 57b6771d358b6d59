import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, ndcg_score

from isthmus.core.errors import VectorError
from isthmus.metrics import (
    foscttm,
    mean_average_precision,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at_k,
    ranks,
    recall_at_k,
)

# Columns:            0    1    2    3
SCORES = np.array(
    [
        [0.9, 0.1, 0.2, 0.3],  # true 0: best, rank 1
        [0.9, 0.1, 0.2, 0.3],  # true 1: worst, rank 4
        [0.5, 0.5, 0.5, 0.1],  # true 2: shares places 1 to 3, rank 2
        [0.7, 0.7, 0.3, 0.3],  # true 3: shares places 3 and 4, rank 3.5
    ]
)
DIAGONAL = np.arange(4)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Scores with many ties, and one true column per query."""
    q, g = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([1, 2, 4, 1000]))
    return rng.integers(0, levels, (q, g)).astype(float), rng.integers(0, g, q), rng


def one_hot(targets: np.ndarray, gallery: int) -> np.ndarray:
    return np.eye(gallery, dtype=bool)[targets]


def test_ranks_worked_by_hand() -> None:
    assert ranks(SCORES, DIAGONAL).tolist() == [1.0, 4.0, 2.0, 3.5]


def test_summaries_worked_by_hand() -> None:
    r = ranks(SCORES, DIAGONAL)
    assert recall_at_k(r, 1) == 0.25
    assert recall_at_k(r, 2) == 0.5
    assert recall_at_k(r, 4) == 1.0
    assert median_rank(r) == 2.75
    assert mean_reciprocal_rank(r) == pytest.approx((1 + 1 / 4 + 1 / 2 + 1 / 3.5) / 4)


def test_ranks_agree_with_scipy() -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 30, (40, 57)).astype(np.float32)
    targets = rng.integers(0, 57, 40)
    expected = rankdata(-scores, axis=1, method="average")[np.arange(40), targets]
    np.testing.assert_array_equal(ranks(scores, targets), expected)


def test_one_relevant_column_and_its_index_are_the_same_question() -> None:
    rng = np.random.default_rng(4)
    scores = rng.integers(0, 5, (30, 12)).astype(float)
    targets = rng.integers(0, 12, 30)
    np.testing.assert_array_equal(ranks(scores, targets), ranks(scores, one_hot(targets, 12)))


def test_rank_of_several_relevant_is_that_of_the_first_in_a_random_order() -> None:
    scores = np.zeros((1, 6))
    relevance = np.array([[True, False, True, False, False, False]])
    rng = np.random.default_rng(0)
    drawn = [rng.permutation(6)[:2].min() + 1 for _ in range(20_000)]
    assert ranks(scores, relevance)[0] == pytest.approx(7 / 3)
    assert np.mean(drawn) == pytest.approx(7 / 3, abs=0.03)


def test_ranks_of_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 9, (23, 17)).astype(float)
    relevance = rng.random((23, 17)) < 0.3
    relevance[:, 0] = True
    measures = (ranks, mean_average_precision, ndcg_at_k)
    whole = [measure(scores, relevance) for measure in measures]
    monkeypatch.setattr("isthmus.metrics._scores._BLOCK_ENTRIES", 40)
    for measure, expected in zip(measures, whole, strict=True):
        np.testing.assert_allclose(measure(scores, relevance), expected, rtol=1e-12)


@given(cases())
@settings(max_examples=60)
def test_order_of_the_gallery_and_a_constant_change_nothing(case) -> None:
    scores, targets, rng = case
    order = rng.permutation(scores.shape[1])
    place = np.argsort(order)  # where each old column went
    relevance = one_hot(targets, scores.shape[1])
    np.testing.assert_array_equal(ranks(scores[:, order], place[targets]), ranks(scores, targets))
    np.testing.assert_array_equal(ranks(scores + 7, targets), ranks(scores, targets))
    for measure in (mean_average_precision, ndcg_at_k):
        expected = pytest.approx(measure(scores, relevance))
        assert measure(scores[:, order], relevance[:, order]) == expected
        assert measure(scores * 2 + 7, relevance) == expected


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=40)
def test_constant_scores_rank_in_the_middle(queries: int, gallery: int) -> None:
    targets = np.arange(queries) % gallery
    r = ranks(np.full((queries, gallery), 0.3), targets)
    assert set(r) == {(gallery + 1) / 2}
    assert recall_at_k(r, gallery) == 1.0
    below = int((gallery + 1) / 2 - 0.5)
    if below >= 1 and below < (gallery + 1) / 2:
        assert recall_at_k(r, below) == 0.0


@given(cases())
@settings(max_examples=10, derandomize=True)
def test_expectation_over_ties_is_the_mean_over_random_orders(case) -> None:
    scores, _, rng = case
    relevance = rng.random(scores.shape) < 0.4
    relevance[:, 0] = True
    maps, gains = [], []
    for _ in range(400):
        jitter = scores + rng.random(scores.shape) * 1e-6
        maps.append(mean_average_precision(jitter, relevance))
        gains.append(ndcg_at_k(jitter, relevance, 3))
    slack = 5 / np.sqrt(400)
    assert mean_average_precision(scores, relevance) == pytest.approx(
        np.mean(maps), abs=1e-9 + slack * np.std(maps)
    )
    assert ndcg_at_k(scores, relevance, 3) == pytest.approx(
        np.mean(gains), abs=1e-9 + slack * np.std(gains)
    )


def test_average_precision_worked_by_hand() -> None:
    scores = np.array([[4.0, 3.0, 2.0, 1.0]])
    relevance = np.array([[True, False, True, False]])
    assert mean_average_precision(scores, relevance) == pytest.approx((1 + 2 / 3) / 2)
    tied = np.array([[1.0, 1.0]])  # first or second, by a coin
    assert mean_average_precision(tied, np.array([[True, False]])) == pytest.approx(0.75)


def test_without_ties_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(6)
    scores = rng.random((20, 50))
    relevance = rng.random((20, 50)) < 0.2
    relevance[:, 3] = True
    expected = [average_precision_score(r, s) for r, s in zip(relevance, scores, strict=True)]
    assert mean_average_precision(scores, relevance) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("levels", [3, 10_000])
@pytest.mark.parametrize("k", [1, 5, 10, 80])
def test_ndcg_agrees_with_scikit_learn_with_ties_and_without(levels: int, k: int) -> None:
    rng = np.random.default_rng(7)
    scores = rng.integers(0, levels, (20, 50)).astype(float)
    relevance = rng.random((20, 50)) < 0.2
    relevance[:, 3] = True
    expected = ndcg_score(relevance, scores, k=k)
    assert ndcg_at_k(scores, relevance, k) == pytest.approx(expected)


def test_queries_without_relevant_rows_are_left_out() -> None:
    scores = np.array([[2.0, 1.0], [2.0, 1.0]])
    relevance = np.array([[False, True], [False, False]])
    assert mean_average_precision(scores, relevance) == 0.5
    assert ndcg_at_k(scores, relevance) == pytest.approx(1 / np.log2(3))


def test_foscttm() -> None:
    assert foscttm(np.eye(5)) == 0.0
    assert foscttm(-np.eye(5)) == 1.0
    assert foscttm(np.zeros((5, 5))) == 0.5
    # How many of the two others are closer, row by row and column by column:
    scores = np.array([[3.0, 1.0, 2.0], [4.0, 3.0, 1.0], [0.0, 5.0, 4.0]])
    by_rows = (0 + 1 + 1) / 2 / 3
    by_columns = (1 + 1 + 0) / 2 / 3
    assert foscttm(scores) == pytest.approx((by_rows + by_columns) / 2)


def test_infinite_scores_have_a_rank() -> None:
    scores = np.array([[-np.inf, 1.0, np.inf]])
    assert [float(ranks(scores, np.array([c]))[0]) for c in range(3)] == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("scores", "targets", "says"),
    [
        (np.array([[1.0, 2.0], [np.nan, 1.0]]), np.array([0, 1]), "row 1 has NaN"),
        (np.zeros(3), np.array([0]), "need a matrix"),
        (np.zeros((2, 0)), np.array([0, 0]), "need a matrix"),
        (np.array([["a"]]), np.array([0]), "need numbers"),
        (np.zeros((2, 3)), np.array([0, 3]), "row 1 has a column outside 0 to 2"),
        (np.zeros((2, 3)), np.array([-1, 0]), "row 0 has a column outside"),
        (np.zeros((2, 3)), np.array([0]), "need 2 integer columns"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "need 2 integer columns"),
        (np.zeros((2, 2)), np.array([[True, False], [False, False]]), "row 1 has no relevant"),
        (np.zeros((2, 2)), np.array([[True]]), "need bool of shape"),
    ],
)
def test_what_has_no_rank_is_refused(scores, targets, says: str) -> None:
    with pytest.raises(VectorError, match=says):
        ranks(scores, targets)


def test_other_refusals() -> None:
    with pytest.raises(VectorError, match="at least 1, got 0"):
        recall_at_k(np.ones(3), 0)
    with pytest.raises(VectorError, match="one or more ranks"):
        median_rank(np.array([]))
    with pytest.raises(VectorError, match="no query has"):
        mean_average_precision(np.zeros((2, 2)), np.zeros((2, 2), dtype=bool))
    with pytest.raises(VectorError, match="square"):
        foscttm(np.zeros((2, 3)))
