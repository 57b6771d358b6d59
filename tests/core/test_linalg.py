import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.core.linalg import (
    fix_signs,
    l2_normalize,
    singular_vectors,
    symmetric_eigen,
    top_k_mean,
)


def test_rows_of_unit_length() -> None:
    out = l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]]))
    assert out.tolist() == [[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]]
    assert l2_normalize(np.array([0.0, 5.0])).tolist() == [0.0, 1.0]
    assert l2_normalize(np.ones((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept_and_the_input_left_alone(dtype: type) -> None:
    x = np.array([[3, 4], [0, 0]], dtype=dtype)
    assert l2_normalize(x).dtype == dtype
    assert x.tolist() == [[3, 4], [0, 0]]


@given(
    hnp.arrays(np.float32, (3, 4), elements=st.floats(-1, 1, width=32)),
    st.integers(-34, 36),
)
def test_length_does_not_matter(x: np.ndarray, exponent: int) -> None:
    x[np.abs(x) < 1e-2] = 0
    unit = l2_normalize((x * np.float32(10.0**exponent)).astype(np.float32))
    norms = np.linalg.norm(unit.astype(np.float64), axis=1)
    assert np.allclose(norms, x.any(axis=1), atol=1e-6)
    assert np.allclose(unit, l2_normalize(x), atol=1e-5)


@given(hnp.arrays(np.float64, (4, 7), elements=st.floats(-9, 9)), st.integers(1, 12))
def test_mean_of_the_largest(scores: np.ndarray, k: int) -> None:
    expected = [np.mean(sorted(row, reverse=True)[:k]) for row in scores]
    assert np.allclose(top_k_mean(scores, k), expected)


def test_eigenvalues_ascend_and_are_never_negative() -> None:
    values, vectors = symmetric_eigen(np.array([[2.0, 1.0], [1.0, 2.0]]))
    assert np.allclose(values, [1, 3])
    assert np.allclose(vectors.T @ np.array([[2.0, 1.0], [1.0, 2.0]]) @ vectors, np.diag([1, 3]))
    assert symmetric_eigen(np.diag([-1e-17, 4.0]))[0].tolist() == [0.0, 4.0]


def test_eigenvectors_have_one_sign() -> None:
    x = np.random.default_rng(0).normal(size=(30, 6))
    vectors = symmetric_eigen(x.T @ x)[1]
    assert (np.abs(vectors).max(axis=0) == vectors.max(axis=0)).all()


def test_signs_make_the_largest_entry_positive() -> None:
    vectors = np.array([[1.0, -3.0, 0.0], [-2.0, 2.0, 1.0]])
    assert fix_signs(vectors).tolist() == [-1.0, -1.0, 1.0]
    assert (vectors * fix_signs(vectors)).tolist() == [[-1.0, 3.0, 0.0], [2.0, -2.0, 1.0]]


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (6, 6)])
def test_singular_vectors_are_those_of_lapack(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape)
    u, values, v = singular_vectors(matrix)
    assert np.allclose((u * values) @ v.T, matrix)
    assert np.allclose(values, np.linalg.svd(matrix, compute_uv=False))
    for side in (u, v):
        assert np.allclose(side.T @ side, np.eye(min(shape)))


def test_singular_vectors_of_what_lacks_rank_have_no_longer_side() -> None:
    left, right = np.random.default_rng(0).normal(size=(2, 8, 3))
    u, values, v = singular_vectors(left @ right[:6].T)
    assert np.allclose((u * values) @ v.T, left @ right[:6].T)
    assert values[3:].max() < 1e-6 * values[0] and not u[:, 3:].any()


def test_components_that_do_not_vary_together_need_no_decomposition() -> None:
    values = np.array([3.0, 1.0, 2.0])
    rounding = 1e-8 * (np.ones((3, 3)) - np.eye(3))
    found, vectors = symmetric_eigen(np.diag(values) + rounding)
    assert found.tolist() == [1.0, 2.0, 3.0]
    assert vectors.tolist() == np.eye(3)[:, [1, 2, 0]].tolist()
    assert symmetric_eigen(np.diag(values) + 1e4 * rounding)[1][0, 0] != 0
