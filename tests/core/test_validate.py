import re

import numpy as np
import pytest

from isthmus.core.errors import VectorError
from isthmus.core.validate import check_vectors, rows_at_fault


def test_what_is_right_already_is_returned_as_it_is() -> None:
    x = np.ones((3, 2), dtype=np.float32)
    assert check_vectors(x) is x


@pytest.mark.parametrize(
    "given",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], dtype=np.int64),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 3], [2, 4]], dtype=np.float64).T,
    ],
)
def test_numbers_of_any_kind_become_float32(given: object) -> None:
    out = check_vectors(given)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    assert out.tolist() == [[1, 2], [3, 4]]


def test_one_vector_becomes_one_row() -> None:
    assert check_vectors([3.0, 4.0]).tolist() == [[3, 4]]
    assert check_vectors(np.ones((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([["a", "b"]], "v: need numbers, got texts"),
        (np.array([[object()]]), "v: need numbers, got an array of dtype object"),
        ([[1j]], "v: need numbers, got an array of dtype complex128"),
        (None, "v: need numbers, got an array of dtype object"),
        ([[1.0, 2.0], [3.0]], "v: need rows of one length"),
        (3.0, "v: need a matrix (rows, dimension), got shape ()"),
        (np.ones((2, 2, 2)), "v: need a matrix (rows, dimension), got shape (2, 2, 2)"),
        (np.ones((2, 3)), "v: need dimension 2, got 3"),
        ([[1, 2], [np.nan, 1]], "v: row 1 has NaN or infinite values; drop or repair them"),
        ([[1, np.inf], [1, 2], [-np.inf, 1]], "v: rows 0, 2 have NaN or infinite values"),
        ([[1, 1e300]], "v: row 0 has NaN or infinite values"),
        ([[0, 0], [1, 2]], "v: row 0 has only zeros; remove them"),
        ([[1e-60, 0]], "v: row 0 has only zeros"),
    ],
)
def test_what_is_refused(given: object, message: str) -> None:
    with pytest.raises(VectorError, match=f"^{re.escape(message)}"):
        check_vectors(given, name="v", dim=2)


def test_zero_rows_where_they_are_allowed() -> None:
    x = np.array([[0.0, 0], [1, 1], [0, 0]])
    assert check_vectors(x, allow_zero=True).tolist() == x.tolist()
    assert check_vectors(x, allow_zero=np.array([True, False, True])).tolist() == x.tolist()
    with pytest.raises(VectorError, match="row 2 has only zeros"):
        check_vectors(x, allow_zero=np.array([True, False, False]))


def test_names_of_rows_at_fault() -> None:
    assert rows_at_fault(np.array([False, True])) == "row 1 has"
    assert rows_at_fault(np.array([True, True])) == "rows 0, 1 have"
    assert rows_at_fault(np.ones(9, dtype=bool)) == "rows 0, 1, 2, 3, 4 and 4 more have"
    assert rows_at_fault(np.ones(3, dtype=bool), show=2) == "rows 0, 1 and 1 more have"
