import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.core.linalg import fix_signs, l2_normalize, symmetric_eigen, top_k_mean


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
