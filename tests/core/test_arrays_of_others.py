"""Arrays of other libraries, and arrays with holes."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import VectorError
from isthmus.core.validate import as_matrix, check_vectors


def test_masked_values_are_named_by_row() -> None:
    x = np.ma.masked_array(np.ones((4, 2)), mask=[[0, 0], [0, 1], [0, 0], [1, 1]])
    with pytest.raises(VectorError, match="photo: rows 1, 3 have masked values"):
        check_vectors(x, name="photo")


def test_a_mask_that_hides_nothing_is_no_mask() -> None:
    x = np.ma.masked_array(np.ones((2, 2)), mask=False)
    assert type(check_vectors(x)) is np.ndarray


def test_tensors_in_bfloat16_become_float32() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([[1.0, 2.5]], dtype=torch.bfloat16, requires_grad=True)
    assert as_matrix(x).dtype == np.float32
    assert check_vectors(x).tolist() == [[1.0, 2.5]]
