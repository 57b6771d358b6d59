"""Which directions of a covariance are variance, which are rounding, and which cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64

Products = Literal["float64", "float32"]
RANK_TOLERANCE: Mapping[Products, float] = {"float64": 1e-10, "float32": 1e-6}
"""Share of the largest eigenvalue below which a direction is rounding, not variance."""

_NEGATIVE: Mapping[Products, float] = {"float64": 1e-6, "float32": 1e-2}
"""Share of the mean squared length of the rows that rounding leaves as a negative eigenvalue at
most, even where all but one of 10,000 rows are taken out."""


def varying(m: str, values: F64, products: Products) -> NDArray[np.bool_]:
    """Which eigenvalues ``(r,)`` of the covariance of a view are more than rounding.

    Raises:
        DataError: If none is.
    """
    keep: NDArray[np.bool_] = values > RANK_TOLERANCE[products] * values.max(initial=0.0)
    if not keep.any():
        raise DataError(f"{m}: all vectors are the same, so nothing can be aligned")
    return keep


def refuse_negative(m: str, least: float, length: float, products: Products) -> None:
    """Refuse a covariance that no rows have, since wrong ones were taken out.

    Args:
        m: The view.
        least: Its smallest eigenvalue.
        length: Mean squared length of the rows.
        products: How they were multiplied.

    Raises:
        DataError: If the eigenvalue is below zero by more than rounding.
    """
    if least < -_NEGATIVE[products] * max(length, 0.0):
        raise DataError(
            f"{m} has a variance below zero ({least:.2g}): rows were forgotten that were never "
            "there, or twice; fit again from the rows that are left"
        )


def column_scales(variances: F64) -> F64:
    """What standardises columns of these variances ``(d,)``.

    A column that hardly moves would be blown up to noise; it is left small.
    """
    deviation = np.sqrt(np.maximum(variances, 0.0))
    scales: F64 = 1.0 / np.maximum(deviation, 1e-3 * deviation.max(initial=1e-30))
    return scales
