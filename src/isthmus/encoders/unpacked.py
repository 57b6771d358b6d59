"""Arrays that a model takes long to unpack, kept in the cache, from where they are mapped."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from isthmus.core.artifact import file_sha256, write_atomically
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import Array
from isthmus.core.paths import cache_dir
from isthmus.core.reading import parse_tensors, read_json

Unpacked = tuple[Mapping[str, str], Mapping[str, Array]]
"""Texts and arrays by name."""


@dataclass(frozen=True)
class _Note:
    """What lies beside a file: how it looked when it was written."""

    sha256: str
    size: int
    mtime_ns: int


def unpacked(name: str, make: Callable[[], Unpacked]) -> Unpacked:
    """Texts and arrays, made if they are not in the cache or the file there was changed.

    Only what is used of them is read from the disk. Where the cache cannot be written, they are
    made anew each time.

    Args:
        name: What the file is called; it must tell all that they are made of.
        make: Makes them, of files whose hash it checks.
    """
    path = cache_dir() / "models" / f"{name}.safetensors"
    note = path.with_suffix(".json")
    try:
        if _is_as_written(path, note):
            return _mapped(path)
    except (OSError, ArtifactError):
        pass  # absent or damaged: both are mended by making it again
    made = make()
    try:
        _write(path, note, made)
    except OSError:
        return made
    return _mapped(path)


def _is_as_written(path: Path, note: Path) -> bool:
    noted, found = from_document(_Note, read_json(note), str(note)), path.lstat()
    return (found.st_size, found.st_mtime_ns) == (noted.size, noted.mtime_ns)


def _mapped(path: Path) -> Unpacked:
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return parse_tensors(memoryview(data), str(path))


def _write(path: Path, note: Path, made: Unpacked) -> None:
    from safetensors.numpy import save

    texts, arrays = made
    whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    write_atomically(path, save(whole, metadata=dict(texts)))
    found = path.stat()
    document = asdict(_Note(file_sha256(path), found.st_size, found.st_mtime_ns))
    write_atomically(note, (json.dumps(document) + "\n").encode())
