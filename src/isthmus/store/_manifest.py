"""What the manifests of LanceDB tables refer to: nothing but files in the folder of the table.

A manifest may name other places, local or remote, in which files of the table lie (shallow
clones have that). LanceDB would open or fetch them before anything could be checked, so this is
found out without it, by reading the outermost fields of the message. The format is that of
https://lance.org/format/table/: the message, its place, the version and ``LANC``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from isthmus.core.errors import ArtifactError

_END = struct.Struct("<QHH4s")
_LENGTH = struct.Struct("<I")
_BASE_PATHS = 18
"""Number of the field that lists other places."""
_LARGEST = 64 * 2**20
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5


def check_manifests(folder: Path) -> None:
    """Refuse a store one of whose tables keeps rows elsewhere.

    What is no whole manifest is passed over: LanceDB does not read it either.

    Args:
        folder: Of the store.

    Raises:
        ArtifactError: Naming the manifest.
    """
    for path in sorted((folder / "tables").glob("*.lance/_versions/*.manifest")):
        if _BASE_PATHS in _fields(_message(path)):
            raise ArtifactError(
                f"{path} keeps rows in another folder, which a store never does; nothing there was "
                "opened. Index your files into a new store"
            )


def _message(path: Path) -> bytes:
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        if not _END.size <= size <= _LARGEST:
            return b""
        handle.seek(size - _END.size)
        place, _, _, mark = _END.unpack(handle.read(_END.size))
        if mark != b"LANC" or place + _LENGTH.size > size:
            return b""
        handle.seek(place)
        (length,) = _LENGTH.unpack(handle.read(_LENGTH.size))
        return handle.read(min(length, size))


def _fields(message: bytes) -> Iterator[int]:
    """Numbers of the fields of a message of Protocol Buffers, up to where it breaks."""
    place = 0
    while place < len(message):
        key, place = _number(message, place)
        yield key >> 3
        kind = key & 7
        if kind == _VARINT:
            _, place = _number(message, place)
        elif kind == _SIZED:
            length, place = _number(message, place)
            place += length
        else:
            place += {_EIGHT: 8, _FOUR: 4}.get(kind, 0)


def _number(message: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place behind it."""
    value = 0
    for shift, byte in enumerate(message[place : place + 10]):
        value |= (byte & 127) << (7 * shift)
        place += 1
        if byte < 128:
            break
    return value, place
