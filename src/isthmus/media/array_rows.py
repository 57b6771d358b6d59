"""Rows of files of arrays as items, each with a path of its own, as if the file were a folder.

``pairs.npz/image/cat-17`` is the row of the array ``image`` whose id is ``cat-17``, and
``image.npy/17`` is row 17, counted from 0 as NumPy does, where there are no ids.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from isthmus.core.errors import CorruptMediaError, MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import Array
from isthmus.media.arrays import NPZ, changed, open_arrays, unquoted

_FILE = re.compile(r"\.np[yz]/", re.IGNORECASE)
"""The end of the name of a file of arrays that something is sought in."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RowPath:
    """The path of one row, taken apart.

    Attributes:
        file: That holds it.
        array: Its array.
        key: What the row is called.
    """

    file: Path
    array: str
    key: str


def row_path(path: str | Path) -> RowPath | None:
    """The parts of a path that leads to a row of a file of arrays; None for any other path.

    Whether there is such a row is not looked at.

    Examples:
        >>> row_path("photos/cat.png")
    """
    text = os.fspath(path)
    for found in reversed([*_FILE.finditer(text)]):
        file, inside = text[: found.end() - 1], text[found.end() :].split("/")
        npz = file.lower().endswith(NPZ)
        if len(inside) == 1 + npz and all(inside) and os.path.isfile(file):  # noqa: PTH113  millions
            place, names = Path(file), [unquoted(part) for part in inside]
            return RowPath(place, names[0] if npz else place.stem, names[-1])
    return None


def file_named(text: str) -> str:
    """The file of arrays that a path to a row names, whether it is there or not; empty for others.

    Examples:
        >>> file_named("mine/pairs.npz/image/cat-17"), file_named("mine/pairs.npz")
        ('mine/pairs.npz', '')
    """
    found = _FILE.search(text)
    return "" if found is None else text[: found.end() - 1]


def row_named(file: str) -> str:
    """How a row of a file of arrays is named, such as ``pairs.npz/ARRAY/0``."""
    return f"{file}/ARRAY/0" if file.lower().endswith(NPZ) else f"{file}/0"


def is_row(path: str | Path) -> bool | None:
    """Whether there is such a row; None where its file cannot be read."""
    found = row_path(path)
    if found is None:
        return False
    try:
        arrays = open_arrays(found.file)
        return found.array in arrays.vectors and found.key in arrays.row_of
    except MediaError:
        return None


def vector_at(path: Path) -> MediaItem:
    """The item of a row, or of a file that holds one vector.

    Raises:
        MediaError: If there is no such row, or it is not finite or only zeros.
    """
    found = row_path(path)
    vector = _lone(path) if found is None else _row(found, str(path))
    return MediaItem.from_vector(finite(vector, str(path)), source=str(path))


def _lone(path: Path) -> Array:
    """The one vector of a file."""
    if path.suffix.lower() == NPZ:
        raise UnsupportedMediaError(
            str(path), f"holds arrays; name a row of one of them, such as {row_named(str(path))}"
        )
    arrays = open_arrays(path, alone=True)
    (x,) = arrays.columns.values()
    if x.dtype.kind not in "fiub":
        raise UnsupportedMediaError(str(path), f"holds {x.dtype}, and vectors are numbers")
    if x.ndim == 1 or len(x) == 1:
        return x.part().reshape(-1)
    first = open_arrays(path).paths(path.stem)[0]
    raise UnsupportedMediaError(
        str(path), f"holds {len(x):,} vectors; name one of them, such as {first}"
    )


def _row(found: RowPath, source: str) -> Array:
    """The vector of a row."""
    arrays = open_arrays(found.file)
    if found.array not in arrays.vectors:
        has = ", ".join(arrays.vectors) or "none"
        raise MediaError(source, f"there are no vectors {found.array!r}; the file has {has}")
    if found.key not in arrays.row_of:
        some = list(islice(arrays.row_of, _SHOWN))
        more = " …" if len(arrays) > _SHOWN else ""
        raise MediaError(
            source, f"there is no row {found.key!r}; there are {', '.join(some)}{more}"
        )
    return arrays.vectors[found.array].row(arrays.row_of[found.key])


def finite(vector: Array, source: str) -> Array:
    """A vector ``(dim,)`` as float32.

    Raises:
        CorruptMediaError: If it has NaN or infinite values, or only zeros.
    """
    with np.errstate(over="ignore"):
        row = np.array(vector, dtype=np.float32)  # of its own: that of a file is one of a block
    if not np.isfinite(row).all() or not row.any():
        raise CorruptMediaError(source, "has NaN or infinite values, or only zeros")
    return row


def state_of_row(found: RowPath) -> tuple[int, int, int]:
    """Bytes of a row, and times of the last changes of its file.

    Raises:
        OSError: If the file system does not show the file, or it has no such array.
    """
    try:
        x = open_arrays(found.file).vectors[found.array]
    except (MediaError, KeyError) as error:
        raise OSError(str(error)) from error
    return x.shape[1] * x.dtype.itemsize, *changed(found.file)


def array_paths(path: Path) -> Iterator[tuple[str, int, list[Path]]]:
    """Each array of vectors of a file: its name, its dimension, and the paths of its rows.

    Raises:
        MediaError: As :func:`open_arrays`.
    """
    arrays = open_arrays(path)
    for name, x in arrays.vectors.items():
        if path.suffix.lower() == NPZ or name == path.stem:
            yield name, x.shape[1], arrays.paths(name)
