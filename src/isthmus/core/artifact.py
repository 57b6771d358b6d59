"""Folders of JSON and safetensors: written whole or not at all, checked when read.

A folder holds ``isthmus.json`` (its kind, format version, document, and the SHA-256 of
that document and of its tensors) and ``tensors.safetensors``. Pickle is never used.

This is own code because safetensors has no checksum, and writes one file rather than a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.document import Json, from_document
from isthmus.core.errors import ArtifactError, FormatVersionError, IntegrityError
from isthmus.core.linalg import Array
from isthmus.core.locking import alone_in
from isthmus.core.reading import parse_json, parse_tensors, read_file, read_json
from isthmus.core.staging import OLD, left_over, own_name, staging, sweep

FORMAT_VERSION = 2
DOCUMENT = "isthmus.json"
TENSORS = "tensors.safetensors"
_NEW, _IT = "new", "it"
_ATTEMPTS = 8
_PAUSE = 0.005
"""Seconds before the second attempt to read; before each further one, twice as many."""

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class _Envelope:
    """What :data:`DOCUMENT` holds."""

    kind: str
    format_version: int
    tensors_sha256: str
    document_sha256: str
    document: Mapping[str, object]


def content_hash(data: bytes) -> str:
    """Hex digest that names content: BLAKE2b, 128 bits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_content_hash(file: BufferedReader) -> str:
    """The same of what an open file holds from where it stands, read in pieces."""
    return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()


def fingerprint(document: Mapping[str, Any], tensors: Tensors | None = None) -> str:
    """A short name for exactly this document and these arrays.

    Args:
        document: JSON-serialisable.
        tensors: Arrays by name; name, dtype, shape and bytes all count.

    Returns:
        32 hex characters.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(document, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(tensors or {}):
        array = np.ascontiguousarray((tensors or {})[name])
        digest.update(f"{name}|{array.dtype}|{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def save_artifact(
    folder: Path,
    kind: str,
    document: Mapping[str, Any],
    tensors: Tensors,
    files: Mapping[str, str] | None = None,
) -> None:
    """Write a folder so that a reader sees the old one or the new one, never a half.

    Args:
        folder: Where to; an artifact of the same kind that is already there is replaced,
            anything else, files of the user's among them, is left alone and refused.
        kind: What it is: ``"space"``.
        document: JSON-serialisable.
        tensors: Arrays by name.
        files: Further text files by name, such as a model card.

    Raises:
        ArtifactError: If ``folder`` exists and is not an artifact of this kind.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    check_target(folder, kind, own=files or ())
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staging(folder) as beside:
        made = beside / _NEW
        made.mkdir()
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, made / TENSORS)
        whole = {
            "kind": kind,
            "format_version": FORMAT_VERSION,
            "tensors_sha256": file_sha256(made / TENSORS),
            "document_sha256": _document_sha256(json.loads(text)),
            "document": document,
        }
        written = json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"
        parse_json(written, f"the document of {folder}")  # what cannot be read is not written
        (made / DOCUMENT).write_bytes(written)
        for name, content in (files or {}).items():
            (made / name).write_text(content, encoding="utf-8")
        for path in made.iterdir():
            path.chmod(0o644)  # a space may be shared; what wrote the tensors made them private
        for path in (*made.iterdir(), made):
            flush(path)
        made.chmod(0o755)
        with alone_in(folder.parent):
            _swap(made, folder)


def check_target(folder: Path, kind: str, *, own: Iterable[str] = (), replace: bool = True) -> None:
    """Refuse a folder that must not be written to, before any work is done.

    Args:
        folder: Where an artifact is to go.
        kind: Of the artifact.
        own: Names of further files that belong to it.
        replace: Whether one that is already there may be replaced.

    Raises:
        ArtifactError: If ``folder`` exists and is neither empty nor an artifact of this
            kind, whole or damaged; if it holds files that are none of the artifact's; if
            an artifact is there and must not be replaced; if nothing can be created there.
    """
    check_writable(folder)
    with alone_in(folder.parent):
        _check_there(folder, kind, own, replace=replace)


def _check_there(folder: Path, kind: str, own: Iterable[str], *, replace: bool) -> None:
    if not folder.exists():
        return
    if (folder / DOCUMENT).is_file():
        other = kind_of(folder) not in (kind, None)
    else:
        other = not folder.is_dir() or any(folder.iterdir())
    if other:
        raise ArtifactError(
            f"{folder} exists and is not a saved {kind}; choose another name, or empty the folder"
        )
    foreign = {path.name for path in folder.iterdir()} - {DOCUMENT, TENSORS, "README.md", *own}
    if foreign:
        raise ArtifactError(
            f"{folder} also contains {', '.join(sorted(foreign)[:3])}, which would be lost; move "
            "it, or choose another name"
        )
    if not replace and (folder / DOCUMENT).is_file():
        raise ArtifactError(f"{folder} already holds a {kind}; replace it with --overwrite")


def check_writable(path: Path) -> None:
    """Make sure that something can be created at ``path``, before any work is done.

    Raises:
        ArtifactError: If its folder, or the nearest one above that exists, takes no files.
    """
    above = next(parent for parent in Path(path).absolute().parents if parent.exists())
    try:
        Path(tempfile.mkdtemp(prefix=own_name(Path(path)), dir=above)).rmdir()
    except OSError as error:
        reason = error.strerror or error
        raise ArtifactError(f"{path} cannot be written: {above}: {reason}") from error


def kind_of(folder: Path) -> str | None:
    """What is saved in a folder, such as ``"space"``; None where nothing is, or it is damaged."""
    try:
        found = read_json(folder / DOCUMENT)
    except (ArtifactError, OSError):
        return None
    kind = found.get("kind") if isinstance(found, Mapping) else None
    return kind if isinstance(kind, str) else None


def load_artifact(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a folder that :func:`save_artifact` wrote.

    Returns:
        The document and the arrays by name.

    Raises:
        ArtifactError: If there is none, or it is of another kind.
        FormatVersionError: If another format version wrote it.
        IntegrityError: If the document or the tensors do not match their checksum.
    """
    folder = Path(folder)
    for attempt in range(_ATTEMPTS - 1):
        before = _state(folder)
        try:
            return _load(folder, kind)
        except ArtifactError:
            if _state(folder) == before:
                raise
        time.sleep(_PAUSE * 2**attempt)  # another was put in its place while it was read
    return _load(folder, kind)


def _load(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    folder = _survivor(folder)
    path, tensors = folder / DOCUMENT, folder / TENSORS
    try:
        parsed = read_json(path)
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{folder} holds no saved {kind} (there is no {DOCUMENT} in it)"
        ) from error
    check_version(parsed, FORMAT_VERSION, path)
    try:
        whole = from_document(_Envelope, parsed, str(path))
    except ArtifactError as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    if whole.kind != kind:
        raise ArtifactError(f"{folder} holds a {whole.kind:.40}, not a {kind}")
    if _document_sha256(whole.document) != whole.document_sha256:
        raise IntegrityError(f"{path} is damaged: the checksum of its document does not match")
    try:
        data = read_file(tensors)
    except FileNotFoundError as error:
        raise IntegrityError(f"{tensors} is damaged or missing: there is no such file") from error
    if hashlib.sha256(data).hexdigest() != whole.tensors_sha256:
        raise IntegrityError(f"{tensors} is damaged or missing: its checksum does not match")
    return dict(whole.document), parse_tensors(data, str(tensors))[1]


def check_version(document: Json, version: int, path: Path) -> None:
    """Refuse a document of another format version than this release reads.

    Args:
        document: As parsed.
        version: Of the format that is read.
        path: Of the file.

    Raises:
        IntegrityError: If it names none.
        FormatVersionError: If it names another.
    """
    found = document.get("format_version") if isinstance(document, Mapping) else None
    if type(found) is not int:
        raise IntegrityError(f"{path} is damaged: it names no format version")
    if found != version:
        raise FormatVersionError(
            f"{path.parent} has format {found}, and this release reads format {version}; make it "
            "again with this release, or use the release that wrote it"
        )


def write_atomically(path: Path, data: bytes) -> Path:
    """Write a file so that a reader sees the old one or the new one, never a half.

    It survives a power cut once this returns; its folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    handle, name = tempfile.mkstemp(prefix=own_name(path), dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        made.chmod(0o644)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    flush(path.parent)
    return path


def flush(path: Path) -> None:
    """Make a file, or what a folder lists, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(made: Path, folder: Path) -> None:
    if not folder.exists():
        made.replace(folder)
    else:
        aside = Path(tempfile.mkdtemp(prefix=own_name(folder, OLD), dir=folder.parent))
        old = aside / _IT
        try:
            folder.rename(old)
            try:
                made.replace(folder)
            except BaseException:
                old.rename(folder)
                raise
        except BaseException:
            with suppress(OSError):
                aside.rmdir()  # if it is empty: otherwise it holds the only whole one
            raise
        shutil.rmtree(aside, ignore_errors=True)
    flush(folder.parent)
    sweep(folder, OLD)  # only now: until here it was all that a killed writer had left


def _state(folder: Path) -> tuple[object, ...]:
    """What differs after another artifact took the place of one, and while it does."""
    try:
        found = folder.stat()
    except (OSError, ValueError):  # the latter of a path that can be nowhere
        return tuple(left_over(folder, OLD))
    return (found.st_dev, found.st_ino, found.st_ctime_ns)


def _survivor(folder: Path) -> Path:
    """The folder, or its newest old content where a writer died between two renames."""
    if folder.exists():
        return folder
    left = [path / _IT for path in left_over(folder, OLD) if (path / _IT / DOCUMENT).is_file()]
    return max(left, key=lambda old: (old / DOCUMENT).stat().st_mtime_ns, default=folder)


def _document_sha256(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
