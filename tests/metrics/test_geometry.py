import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.neighbors import NearestNeighbors

from isthmus.core.errors import VectorError
from isthmus.metrics import (
    alignment,
    hubness_skew,
    linear_cka,
    median_true_cosine,
    modality_gap,
    mutual_knn,
    uniformity,
)

RIGHT, UP, LEFT = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


def normal(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns))


def rotation(dim: int, seed: int) -> np.ndarray:
    return np.linalg.qr(normal(dim, dim, seed))[0]


def test_median_true_cosine_worked_by_hand() -> None:
    x = np.array([RIGHT, RIGHT, RIGHT]) * 5
    y = np.array([RIGHT, UP, LEFT])
    assert median_true_cosine(x, y) == pytest.approx(0.0)
    assert median_true_cosine(x[:2], y[:2]) == pytest.approx(0.5)


def test_modality_gap_worked_by_hand() -> None:
    assert modality_gap(np.array([RIGHT]), np.array([LEFT, LEFT])) == pytest.approx(2.0)
    assert modality_gap(np.array([RIGHT, LEFT]), np.array([[7.0, 0.0], [-1.0, 0.0]])) == 0.0
    # Centroids (1, 0) and (1/2, 1/2).
    gap = modality_gap(np.array([RIGHT]), np.array([RIGHT, UP]))
    assert gap == pytest.approx(np.sqrt(0.5))


def test_alignment_worked_by_hand() -> None:
    x, y = np.array([RIGHT, RIGHT]), np.array([[3.0, 0.0], UP])
    assert alignment(x, y) == pytest.approx(1.0)  # squared distances 0 and 2
    assert alignment(x, y, alpha=1) == pytest.approx(np.sqrt(2) / 2)


def test_uniformity_worked_by_hand() -> None:
    assert uniformity(np.array([RIGHT, RIGHT, RIGHT])) == pytest.approx(0.0)
    assert uniformity(np.array([RIGHT, LEFT])) == pytest.approx(-8.0)  # −2 · 2²
    x = np.array([RIGHT, UP, LEFT])  # squared distances 2, 2, 4
    assert uniformity(x, t=1) == pytest.approx(np.log((2 * np.exp(-2) + np.exp(-4)) / 3))


def test_uniformity_by_blocks_and_by_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    x = normal(600, 8)
    whole = uniformity(x)
    assert uniformity(x, max_rows=300) == pytest.approx(whole, abs=0.05)
    monkeypatch.setattr("isthmus.metrics._scores._BLOCK_ENTRIES", 7_000)
    assert uniformity(x) == pytest.approx(whole, rel=1e-12)


def test_hubness_worked_by_hand() -> None:
    scores = np.array([[3.0, 1.0, 0.0], [3.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    assert hubness_skew(scores, k=1) == pytest.approx(skew([3, 0, 0]))
    assert hubness_skew(scores, k=2) == pytest.approx(skew([3, 2, 1]), abs=1e-12)
    assert hubness_skew(scores, k=10) == 0.0  # everybody is a neighbour of everybody


def test_hubness_agrees_with_scipy_on_counts_of_neighbours() -> None:
    x = normal(300, 40)
    scores = x @ x.T
    best = np.argsort(-scores, axis=1)[:, :10]
    counts = np.bincount(best.ravel(), minlength=300)
    assert hubness_skew(scores) == pytest.approx(skew(counts))
    assert hubness_skew(scores) > 0.5  # inner products of long vectors do have hubs


def test_constant_scores_have_no_hubs() -> None:
    assert hubness_skew(np.full((30, 40), 0.7), k=10) == 0.0


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_hubness_does_not_depend_on_the_order_of_tied_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (12, 9)).astype(float)
    shuffled = scores[:, rng.permutation(9)]
    assert hubness_skew(shuffled, k=4) == pytest.approx(hubness_skew(scores, k=4), abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([(40, 6, 9), (8, 30, 20)]))
@settings(max_examples=30)
def test_cka_does_not_change_under_rotation_scale_and_shift(
    seed: int, shape: tuple[int, int, int]
) -> None:
    n, d, e = shape
    x, y = normal(n, d, seed), normal(n, e, seed + 1)
    turned = 3.7 * x @ rotation(d, seed + 2) + 5.0
    assert linear_cka(turned, y) == pytest.approx(linear_cka(x, y), abs=1e-5)
    assert linear_cka(turned, x) == pytest.approx(1.0, abs=1e-5)
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x))


@pytest.mark.parametrize("shape", [(50, 6, 9), (12, 40, 30)])
def test_both_forms_of_cka_are_the_formula(shape: tuple[int, int, int]) -> None:
    n, d, e = shape
    x, y = normal(n, d), normal(n, e, 1) + normal(n, d)[:, :1]
    centre = np.eye(n) - 1 / n
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    expected = np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-5)


def test_cka_of_unrelated_vectors_is_small() -> None:
    assert linear_cka(normal(3000, 10), normal(3000, 10, 1)) < 0.01


def test_mutual_knn_worked_by_hand() -> None:
    angles = np.array([0.0, 0.1, 0.3, 1.0])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # neighbours: 1, 0, 1, 2
    y = x[[0, 2, 1, 3]]  # rows 1 and 2 changed places: neighbours 2, 2, 0, 1
    assert mutual_knn(x, x, k=1) == 1.0
    assert mutual_knn(x, y, k=1) == 0.0
    assert mutual_knn(x, y, k=3) == 1.0


def test_mutual_knn_agrees_with_scikit_learn() -> None:
    x = normal(200, 12)
    y = x @ normal(12, 7, 1) + normal(200, 7, 2)
    near = []
    for side in (x, y):
        index = NearestNeighbors(n_neighbors=11, metric="cosine", algorithm="brute").fit(side)
        near.append([set(row[1:]) for row in index.kneighbors(side, return_distance=False)])
    expected = np.mean([len(a & b) / 10 for a, b in zip(*near, strict=True)])
    assert mutual_knn(x, y, k=10) == pytest.approx(expected)
    assert 0.1 < expected < 0.9


def test_mutual_knn_of_noise_and_of_constants_is_chance() -> None:
    chance = 10 / 199
    assert mutual_knn(normal(200, 5), normal(200, 5, 1)) == pytest.approx(chance, abs=0.02)
    ones = np.tile([0.0, 1.0, 0.0], (200, 1))
    assert mutual_knn(ones, ones) == pytest.approx(chance)


def test_mutual_knn_samples_the_same_rows_of_both() -> None:
    x = normal(300, 6)
    assert mutual_knn(x, x @ rotation(6, 1), max_rows=100) == pytest.approx(1.0)


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_one_rotation_of_both_sides_changes_no_geometry(seed: int) -> None:
    x, y, q = normal(30, 5, seed), normal(30, 5, seed + 1), rotation(5, seed + 2)
    for measure in (median_true_cosine, modality_gap, alignment):
        assert measure(x @ q, y @ q) == pytest.approx(measure(x, y), abs=1e-6)
    assert uniformity(x @ q) == pytest.approx(uniformity(x), abs=1e-6)


def test_refusals_say_what_is_wrong() -> None:
    with pytest.raises(VectorError, match="pairs in one space"):
        alignment(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(VectorError, match="share a space"):
        modality_gap(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(VectorError, match="row 1 has only zeros"):
        median_true_cosine(np.array([[1.0], [0.0]]), np.ones((2, 1)))
    with pytest.raises(VectorError, match="x: row 0 has NaN"):
        uniformity(np.array([[np.nan], [1.0]]))
    with pytest.raises(VectorError, match="at least two rows"):
        uniformity(np.ones((1, 3)))
    with pytest.raises(VectorError, match="y: need at least two different rows"):
        linear_cka(normal(5, 3), np.ones((5, 3)))
    with pytest.raises(VectorError, match="got 5 and 6 rows"):
        linear_cka(normal(5, 3), normal(6, 3))
    with pytest.raises(VectorError, match="got 5 and 6 rows"):
        mutual_knn(normal(5, 3), normal(6, 3))
    with pytest.raises(VectorError, match="below the 5 rows, got 5"):
        mutual_knn(normal(5, 3), normal(5, 3), k=5)
    with pytest.raises(VectorError, match="need at least one row"):
        modality_gap(np.ones((0, 3)), np.ones((2, 3)))
