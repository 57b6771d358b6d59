"""Checks of arrays at the boundary: what came in, what is needed, the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import ArtifactError, InputError, VectorError
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.wording import kind_of

T = TypeVar("T")


MOST_DIMENSIONS = 2**20


def check_dim(dim: int, name: str) -> int:
    """A dimension that vectors can have.

    Raises:
        InputError: If it is larger than :data:`MOST_DIMENSIONS`.
    """
    if dim > MOST_DIMENSIONS:
        raise InputError(f"{name}: a dimension of {dim} is too large, at most {MOST_DIMENSIONS}")
    return dim


def check_kind(
    thing: object, kinds: type | tuple[type, ...], name: str, *, need: str, example: str
) -> None:
    """Refuse an argument of another kind before it fails deeper down.

    Args:
        thing: What was given.
        kinds: What it may be.
        name: Of the argument, for the message.
        need: What it may be, in words.
        example: A call that works.

    Raises:
        InputError: If it is of none of these kinds.

    Examples:
        >>> check_kind([3], str, "a space", need="its folder", example="load('a')")
        Traceback (most recent call last):
        isthmus.core.errors.InputError: a space: need its folder, got a list. Write: load('a')
    """
    if not isinstance(thing, kinds) or (isinstance(thing, bool) and kinds is not bool):
        raise InputError(f"{name}: need {need}, got {kind_of(thing)}. Write: {example}")


def check_number(value: object, name: str) -> float:
    """Refuse what is no number, such as ``"0.5"``.

    Raises:
        InputError: Names the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{name} must be a number, got {kind_of(value)}")
    return float(value)


def several(given: T | Iterable[T], single: type[T] | tuple[type[T], ...]) -> tuple[T, ...]:
    """One or several of a kind as a tuple; a text is one thing, and not its letters.

    Examples:
        >>> several("*.jpg", str), several(["a", "b"], str)
        (('*.jpg',), ('a', 'b'))
    """
    if isinstance(given, single):
        return (given,)
    return tuple(cast(Iterable[T], given))


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
        what = "texts" if array.dtype.kind in "US" else f"an array of dtype {array.dtype}"
        raise VectorError(f"{name}: need numbers, got {what}")
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


def fitting(tensors: Mapping[str, Array], **shapes: str) -> dict[str, F32]:
    """Arrays of an artefact, checked to fit one another.

    Args:
        tensors: By name.
        **shapes: Of each array that there must be, a letter an axis: ``mean="d", weight="dk"``.
            Axes of one letter are of one length. Names with a dot are given as ``{name: axes}``.

    Returns:
        float32, finite, by name.

    Raises:
        ArtifactError: If one is missing or unknown, is of another shape, or is not finite.

    Examples:
        >>> fitting({"mean": np.zeros(3), "weight": np.zeros((4, 2))}, mean="d", weight="dk")
        Traceback (most recent call last):
        isthmus.core.errors.ArtifactError: weight: need the shape (d=3, k), got (4, 2)
    """
    return {name: x.astype(np.float32, copy=False) for name, x in _fitting(tensors, shapes, {})}


def exact(
    tensors: Mapping[str, Array], sizes: Mapping[str, int] | None = None, /, **shapes: str
) -> dict[str, F64]:
    """The same in float64.

    Args:
        tensors: By name.
        sizes: Lengths of axes that are known.
        **shapes: As for :func:`fitting`. An axis in upper case may be empty.

    Returns:
        float64, by name; what float32 cannot hold is refused, too.

    Raises:
        ArtifactError: As :func:`fitting`.
    """
    found = _fitting(tensors, shapes, dict(sizes or {}))
    return {name: x.astype(np.float64, copy=False) for name, x in found}


def whole_numbers(x: Array, name: str, most: int) -> NDArray[np.intp]:
    """An array of places below ``most``.

    Raises:
        ArtifactError: If it holds something else.
    """
    if x.dtype.kind not in "iu" or (x.size and not 0 <= int(x.min()) <= int(x.max()) < most):
        raise ArtifactError(f"{name}: need whole numbers from 0 to {most - 1}, got {x.dtype}")
    return x.astype(np.intp)


def _fitting(
    tensors: Mapping[str, Array], shapes: Mapping[str, str], sizes: dict[str, int]
) -> Iterator[tuple[str, Array]]:
    if unknown := sorted(set(tensors) - set(shapes)):
        raise ArtifactError(f"the array {unknown[0]!r:.80} is unknown; need {', '.join(shapes)}")
    for name, axes in shapes.items():
        if name not in tensors:
            raise ArtifactError(f"the array {name!r} is missing")
        x = np.asarray(tensors[name])
        fits = len(axes) == x.ndim and all(
            (length > 0 or axis.isupper()) and sizes.setdefault(axis, length) == length
            for axis, length in zip(axes, x.shape, strict=True)
        )
        if not fits:
            need = ", ".join(f"{a}={sizes[a]}" if a in sizes else a for a in axes)
            raise ArtifactError(f"{name}: need the shape ({need}), got {x.shape}")
        if x.dtype.kind != "f":
            raise ArtifactError(f"{name}: need floats, got {x.dtype}")
        with np.errstate(over="ignore"):
            if not np.isfinite(x.astype(np.float32, copy=False)).all():
                raise ArtifactError(f"{name} has NaN or infinite values")
        yield name, x


def need(good: bool, what: str) -> None:
    """Refuse an artefact whose parts do not fit.

    Raises:
        ArtifactError: Saying ``what`` they must be.
    """
    if not good:
        raise ArtifactError(what)


def split_names(tensors: Mapping[str, T]) -> dict[str, dict[str, T]]:
    """What is called ``"a.b"``, by ``"a"`` and then ``"b"``.

    Examples:
        >>> split_names({"0.mean": 1, "0.weights.1": 2, "1.mean": 3})
        {'0': {'mean': 1, 'weights.1': 2}, '1': {'mean': 3}}
    """
    groups: dict[str, dict[str, T]] = {}
    for name, value in tensors.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = value
    return groups


def rows_at_fault(mask: NDArray[np.bool_], *, show: int = 5) -> str:
    """Name the rows of a mask: ``"rows 3, 7 have"``, ``"row 3 has"``."""
    rows = np.flatnonzero(mask)
    listed = ", ".join(str(row) for row in rows[:show])
    if len(rows) > show:
        listed += f" and {len(rows) - show} more"
    return f"row {listed} has" if len(rows) == 1 else f"rows {listed} have"
