"""Arrays in ``.npy`` files and in members of ``.npz`` files, whose rows are read when asked for.

Files are read and not mapped into memory: where another program cuts a mapped file off, the
operating system kills who touches it. Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import math
import os
import sys
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from isthmus.core.errors import CorruptMediaError, MediaError, UnsupportedMediaError
from isthmus.core.linalg import Array

_NO_HEADER = (
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    MemoryError,
    SystemError,
    tokenize.TokenError,
)
"""What NumPy and the parser of Python raise of a header that is none."""
_TO_TEXT = "np.save(file, x.astype(str)) for texts, np.stack(list(x)) for vectors"
_BLOCK = 2**18
"""Bytes that are read at once where rows are asked for one by one."""


@dataclass(frozen=True)
class OpenedFile:
    """A file as it was when it was opened.

    Attributes:
        path: Of it.
        size: Its bytes.
        mtime_ns: When it was changed.
    """

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, handle: BinaryIO) -> OpenedFile:
        """What a handle shows."""
        found = os.fstat(handle.fileno())
        return cls(path, found.st_size, found.st_mtime_ns)


@dataclass(eq=False)
class Rows:
    """An array in a file or in bytes, of which the rows that are asked for are read.

    Attributes:
        dtype: Of its cells.
        shape: Of the array.
        by_column: Whether the cells of a column lie side by side, and not those of a row.
        begin: Where the first cell is, in bytes.
        held: The file, or the bytes.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    by_column: bool
    begin: int
    held: OpenedFile | bytes = field(repr=False)
    _near: tuple[int, Array] | None = field(default=None, init=False, repr=False)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def row(self, row: int) -> Array:
        """One row, read-only; the rows about it are read with it.

        Raises:
            MediaError: As :meth:`part`.
        """
        start, near = self._near or (0, np.empty(0))
        if not start <= row < start + len(near):
            size = max(1, _BLOCK // (math.prod(self.shape[1:]) * self.dtype.itemsize))
            start = row - row % size
            near = self.part(start, start + size)
            self._near = start, near
        out: Array = near[row - start]
        return out

    def part(self, start: int = 0, stop: int = sys.maxsize) -> Array:
        """Some rows, read-only; by default all.

        Raises:
            MediaError: If the file cannot be read, or has changed since it was opened.
        """
        rows, dim = len(self), math.prod(self.shape[1:])
        stop = min(stop, rows)
        count = max(0, stop - start)
        out = np.empty((dim, count) if self.by_column else (count, dim), dtype=self.dtype)
        with self._reading() as handle:
            if self.by_column and count < rows:
                for column, cells in enumerate(out):
                    self._fill(cells, handle, column * rows + start)
            else:
                self._fill(out, handle, start * dim)
        out.flags.writeable = False
        return (out.T if self.by_column else out).reshape(count, *self.shape[1:])

    @contextmanager
    def _reading(self) -> Iterator[io.RawIOBase | io.BytesIO]:
        """A handle to what holds the array, which is as it was when it was opened."""
        held = self.held
        if isinstance(held, bytes):
            yield io.BytesIO(held)
            return
        try:
            with held.path.open("rb", buffering=0) as handle:
                yield handle
                now = os.fstat(handle.fileno())
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            raise MediaError(str(held.path), reason) from error
        if (now.st_size, now.st_mtime_ns) != (held.size, held.mtime_ns):
            raise self._changed()

    def _fill(self, out: Array, handle: io.RawIOBase | io.BytesIO, cell: int) -> None:
        """Read cells from one on."""
        left = out.reshape(-1).view(np.uint8).data
        handle.seek(self.begin + cell * self.dtype.itemsize)
        while left:
            count = handle.readinto(left)
            if not count:
                raise self._changed()
            left = left[count:]

    def _changed(self) -> MediaError:
        where = str(self.held.path) if isinstance(self.held, OpenedFile) else "bytes"
        return CorruptMediaError(
            where, "has changed while it was read; try again when nothing writes to it any more"
        )


def rows_at(handle: BinaryIO, held: OpenedFile | bytes, source: str, end: int) -> Rows:
    """The array whose header a handle stands before.

    Args:
        handle: Of what holds it.
        held: The file, or the bytes.
        source: For messages.
        end: Where the bytes of the array end.

    Raises:
        MediaError: If there is no whole array of cells of a fixed size.
    """
    try:
        version = npy.read_magic(handle)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_column, kind = read(handle)
        if any(isinstance(n, bool) or not 0 <= n <= sys.maxsize for n in shape):
            raise ValueError(f"the shape is {shape}")
    except _NO_HEADER as error:
        reason = str(error).partition(".")[0]
        raise CorruptMediaError(source, f"is not a whole .npy file ({reason})") from error
    if kind.hasobject:
        raise UnsupportedMediaError(
            source,
            f"holds Python objects, which isthmus never unpickles; save them anew: {_TO_TEXT}",
        )
    if not kind.itemsize:
        raise CorruptMediaError(source, f"holds {kind}, whose cells have no bytes; save it anew")
    begin, need = handle.tell(), math.prod(shape) * kind.itemsize
    if need > end - begin:
        raise CorruptMediaError(
            source,
            f"breaks off: its header says {shape} of {kind}, which are {need:,} "
            f"bytes, but {max(0, end - begin):,} are there",
        )
    return Rows(kind, shape, by_column, begin, held)
