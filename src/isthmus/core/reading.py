"""The one way in for files of an artefact: regular files of a bounded size, and strict JSON.

Own code, because the JSON reader of the standard library takes NaN, double keys and texts that
are no UTF-8, and fails with a RecursionError; readers that are strict come with compiled parts.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.document import Json
from isthmus.core.errors import ArtifactError, InputError, IntegrityError
from isthmus.core.linalg import Array

MOST_BYTES = 32 * 2**20
"""Of a JSON document."""
MOST_VALUES = 1_000_000
"""In a JSON document. Each takes up to 72 bytes of memory, however few in the file."""
MOST_DEPTH = 64
_MOST_INTEGER = 2**63

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    **{f"I{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{f"F{8 * n}": np.dtype(f"<f{n}") for n in (2, 4, 8)},
}
_LENGTH = 8
"""Bytes before the header of a safetensors file, which say how long it is."""
_META = "__metadata__"

READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""How a file is opened that may be something else by now: a link is not followed, and a pipe or a
device does not wait."""


def read_file(path: Path, *, most: int | None = None) -> bytes:
    """Content of a regular file; a link is not followed, and no device or pipe is opened.

    Args:
        path: Of the file.
        most: Bytes it may have; None for as many as this machine has memory for.

    Raises:
        FileNotFoundError: If there is none.
        ArtifactError: If it is a link or no file, too large, or cannot be read.
    """
    if "\0" in str(path):  # os.lstat raises ValueError, as if it were a mistake of the caller's
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        _check_regular(path, os.lstat(path))
        descriptor = os.open(path, READ_ONLY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        _check_regular(path, found)
        if found.st_size > (_memory() if most is None else most):
            cap = "the memory of this machine" if most is None else f"{most:,}"
            raise ArtifactError(f"{path} is too large: {found.st_size:,} bytes, at most {cap}")
        try:
            return file.read(found.st_size)
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error.strerror or error}") from error


def check_own(path: Path) -> None:
    """Refuse a part of an artefact that is a link: what it points to may be anything.

    Raises:
        ArtifactError: If it is one.
    """
    if path.is_symlink():
        raise ArtifactError(
            f"{path} is a link, and links inside of an artefact are not followed; put what it "
            "points to in its place"
        )


def parse_json(data: bytes, where: str, *, foreign: bool = False) -> Json:
    """JSON as it must be written: finite numbers, no key twice, bounded in depth and size.

    Args:
        data: UTF-8.
        where: The file, for messages.
        foreign: Whether another program wrote it. Some write 10**30 for "no limit", so a whole
            number beyond 64 bits is then read as the nearest of 64 bits.

    Raises:
        IntegrityError: If it is anything else.
    """
    bound = 1 + sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if len(data) > MOST_BYTES or bound > MOST_VALUES:
        raise IntegrityError(
            f"{where} is too large: {len(data):,} bytes and up to {bound:,} values; at most "
            f"{MOST_BYTES:,} and {MOST_VALUES:,} are read"
        )
    try:
        text = data.decode()
        del data  # one copy less while the text is parsed
        document: Json = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_nearest if foreign else None,
        )
        _check_values(document)
    except UnicodeError as error:
        raise IntegrityError(f"{where} is damaged: it is not UTF-8") from error
    except RecursionError as error:
        raise IntegrityError(f"{where} is damaged: it is nested too deeply") from error
    except ValueError as error:
        raise IntegrityError(f"{where} is damaged: {error}") from error
    return document


def read_json(path: Path, *, foreign: bool = False) -> Json:
    """:func:`parse_json` of a file.

    Args:
        path: Of the file.
        foreign: As for :func:`parse_json`.

    Raises:
        FileNotFoundError: If there is none.
        ArtifactError: As :func:`read_file` and :func:`parse_json`.
    """
    return parse_json(read_file(path, most=MOST_BYTES), str(path), foreign=foreign)


def parse_tensors(data: bytes | memoryview, where: str) -> tuple[dict[str, str], dict[str, Array]]:
    """Texts and arrays of a safetensors file, whose header is checked before anything is made.

    The library copies every array and reports damage in errors of its own; it writes the files.

    Args:
        data: All of it.
        where: The file, for messages.

    Returns:
        Its metadata, and arrays by name, which share the memory of ``data``.

    Raises:
        IntegrityError: If the header does not fit the file.
    """
    size = int.from_bytes(data[:_LENGTH], "little")
    start = _LENGTH + size
    if len(data) < _LENGTH or start > len(data):
        raise IntegrityError(f"{where} is damaged: its header is longer than the file")
    header = parse_json(bytes(data[_LENGTH:start]), f"{where}, header")
    if not isinstance(header, dict):
        raise IntegrityError(f"{where} is damaged: its header is no object")
    texts = header.pop(_META, {})
    if not isinstance(texts, dict) or not all(isinstance(each, str) for each in texts.values()):
        raise IntegrityError(f"{where} is damaged: its metadata are no texts")
    places = {name: _Place.of(row, f"{where}: tensor {name!r:.80}") for name, row in header.items()}
    end = 0
    for place in sorted(places.values(), key=lambda each: (each.start, each.end)):
        if place.start != end:
            raise IntegrityError(f"{where} is damaged: its tensors overlap or leave gaps")
        end = place.end
    if start + end != len(data):
        raise IntegrityError(f"{where} is damaged: its tensors do not fill the file")
    return dict(texts), {name: place.array(data, start) for name, place in places.items()}


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Name the file in errors about what is in it; such errors are of the artefact."""
    try:
        yield
    except ArtifactError as error:
        if str(error).startswith(str(place)):
            raise
        raise type(error)(f"{place}: {error}") from error
    except InputError as error:
        raise ArtifactError(f"{place}: {error}") from error


class _Place:
    """Where a tensor lies behind the header, and how it is read."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, end: int) -> None:
        self.dtype, self.shape, self.start, self.end = dtype, shape, start, end

    @classmethod
    def of(cls, row: Json, where: str) -> _Place:
        if not isinstance(row, dict) or set(row) != {"dtype", "shape", "data_offsets"}:
            raise IntegrityError(f"{where} is not described by dtype, shape and data_offsets")
        if row["dtype"] not in list(_DTYPES):
            raise IntegrityError(f"{where} is of the dtype {row['dtype']!r:.40}, which is not read")
        dtype = _DTYPES[row["dtype"]]
        shape, offsets = _counts(row["shape"], where), _counts(row["data_offsets"], where)
        count = 1
        for length in shape:
            count *= length
        if len(shape) > 8 or len(offsets) != 2 or count * dtype.itemsize != offsets[1] - offsets[0]:
            raise IntegrityError(f"{where}: its shape does not fit its bytes")
        if max(shape, default=0) > 2**31:
            raise IntegrityError(f"{where} is too long")
        return cls(dtype, shape, offsets[0], offsets[1])

    def array(self, data: bytes | memoryview, start: int) -> Array:
        count = (self.end - self.start) // self.dtype.itemsize
        if not count:  # numpy reads nothing from an empty rest
            return np.zeros(self.shape, dtype=self.dtype)
        flat = np.frombuffer(data, self.dtype, count=count, offset=start + self.start)
        return flat.reshape(self.shape)


def _counts(value: Json, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int and n >= 0 for n in value):
        raise IntegrityError(f"{where}: need whole numbers, got {value!r:.40}")
    return tuple(value)


def _check_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        check_own(path)
    if not stat.S_ISREG(found.st_mode):
        raise ArtifactError(f"{path} is no regular file")


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _unique(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


def _no_number(text: str) -> Json:
    raise ValueError(f"{text} is no number")


def _nearest(text: str) -> int:
    """A whole number, or the nearest of 64 bits."""
    return max(-_MOST_INTEGER, min(int(text), _MOST_INTEGER - 1))


def _check_values(document: Json) -> None:
    """Bound depth and numbers; done level by level, so that depth costs no stack."""
    level: list[Any] = [document]
    depth = 0
    while level:
        if depth > MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        if not all(map(math.isfinite, [each for each in level if type(each) is float])):
            raise ValueError("a number is too large")
        whole = [each for each in level if type(each) is int]
        if not -_MOST_INTEGER <= min(whole, default=0) <= max(whole, default=0) < _MOST_INTEGER:
            raise ValueError("a whole number is too large")
        objects = [each for each in level if type(each) is dict]
        lists = [each for each in level if type(each) is list]
        for each in chain([each for each in level if type(each) is str], *objects):
            if not each.isascii():
                each.encode()  # halves of surrogate pairs are no text
        level = list(chain(*lists, *(each.values() for each in objects)))
        depth += 1
