"""Checks of arrays at the boundary: what came in, what is needed, the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F32, Array


def as_matrix(x: object, *, name: str = "vectors") -> Array:
    """``x`` as a matrix of numbers ``(n, d)``; one vector ``(d,)`` becomes ``(1, d)``.

    Tensors of PyTorch and arrays of JAX are taken too, also in ``bfloat16``.

    Raises:
        VectorError: For anything that is not numbers in rows of one length, and for arrays of
            which something is masked.
    """
    if isinstance(x, np.ma.MaskedArray):
        mask = np.atleast_2d(np.ma.getmaskarray(x))
        if mask.any():
            bad = np.asarray(mask.reshape(-1, mask.shape[-1]).any(axis=1))
            raise VectorError(
                f"{name}: {rows_at_fault(bad)} masked values; leave these rows out, or fill them "
                "with array.filled(…)"
            )
        x = x.data
    try:
        array = _as_array(x)
    except ValueError as error:
        raise VectorError(f"{name}: need rows of one length, got {error}") from error
    if array.dtype.kind not in "fiub":
        raise VectorError(f"{name}: need numbers, got an array of dtype {array.dtype}")
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2:
        raise VectorError(f"{name}: need a matrix (rows, dimension), got shape {array.shape}")
    return array


def check_vectors(
    x: object,
    *,
    name: str = "vectors",
    dim: int | None = None,
    allow_zero: bool | NDArray[np.bool_] = False,
) -> F32:
    """Make sure ``x`` is a finite float matrix and return it as float32.

    Args:
        x: Anything array-like of shape ``(n, d)``; one vector ``(d,)`` becomes ``(1, d)``.
        name: How to call it in messages.
        dim: The dimension that is needed, if any.
        allow_zero: Whether rows of zeros are fine, for all rows or row by row ``(n,)``.

    Returns:
        ``(n, d)`` float32, C-contiguous; the input itself where it already is.

    Raises:
        VectorError: For object arrays, wrong shapes, NaN, infinity or zero rows; the
            message names the first rows at fault.
    """
    array = as_matrix(x, name=name)
    if dim is not None and array.shape[1] != dim:
        raise VectorError(f"{name}: need dimension {dim}, got {array.shape[1]}")
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(array, dtype=np.float32)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(out).all(axis=1))
    if not finite.all():
        raise VectorError(
            f"{name}: {rows_at_fault(~finite)} NaN or infinite values; drop or repair them"
        )
    zero: NDArray[np.bool_] = np.asarray(~(out.any(axis=1) | allow_zero))
    if zero.any():
        raise VectorError(
            f"{name}: {rows_at_fault(zero)} only zeros; remove them, because a zero vector cannot "
            "be compared"
        )
    return out


def _as_array(x: Any) -> Array:
    """An array that NumPy knows; ``bfloat16``, which it does not, becomes float32."""
    if hasattr(x, "detach") and hasattr(x, "cpu"):  # a tensor
        x = x.detach().cpu()
        if "bfloat16" in str(getattr(x, "dtype", "")):
            x = x.float()
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def rows_at_fault(mask: NDArray[np.bool_], *, show: int = 5) -> str:
    """Name the rows of a mask: ``"rows 3, 7 have"``, ``"row 3 has"``."""
    rows = np.flatnonzero(mask)
    listed = ", ".join(str(row) for row in rows[:show])
    if len(rows) > show:
        listed += f" and {len(rows) - show} more"
    return f"row {listed} has" if len(rows) == 1 else f"rows {listed} have"
