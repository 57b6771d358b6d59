"""Encoders in ONNX files: ``onnx:path/model.onnx``, with a description beside each.

:mod:`isthmus.encoders.onnx_file.description` says what stands in one.
"""

from __future__ import annotations

from pathlib import Path

from isthmus.core.errors import InputError, MissingDataError
from isthmus.core.paths import expanded, why_missing
from isthmus.encoders.base import check_threads
from isthmus.encoders.onnx_file.description import Description, read_description
from isthmus.encoders.onnx_file.encoder import OnnxEncoder
from isthmus.encoders.onnx_session import DEVICES

__all__ = ["MODEL", "Description", "OnnxEncoder", "load", "modalities"]

MODEL = "model.onnx"
"""What is read where a folder is named."""
_MOST_ITEMS = 4096


def load(
    name: str,
    *,
    modality: str | None = None,
    threads: int | None = None,
    batch_size: int = 0,
    device: str = "auto",
) -> OnnxEncoder:
    """An encoder in a file; its weights are read when something is first encoded.

    Args:
        name: Path of the file, or of a folder with a ``model.onnx``.
        modality: What it is expected to read.
        threads: Of onnxruntime; default: the cores of this machine.
        batch_size: Items of a run; 0 for as many as are fastest.
        device: See :data:`isthmus.encoders.onnx_session.DEVICES`.

    Raises:
        MissingDataError: If the file, its description or its tokenizer is not there.
        ArtifactError: If one is damaged; it names file and field.
        InputError: If an option cannot be used.
    """
    called = f"onnx:{name}"
    path, description = _found(name)
    if modality is not None and modality != description.modality:
        raise InputError(f"{called} reads {description.modality}, and not {modality}")
    if device not in DEVICES:
        raise InputError(f"{called}: device must be one of {', '.join(DEVICES)}, got {device!r}")
    if not 0 <= batch_size <= _MOST_ITEMS:
        raise InputError(f"{called}: batch_size must be 0 to {_MOST_ITEMS:,}, got {batch_size}")
    return OnnxEncoder(
        called,
        path,
        description,
        threads=check_threads(threads, called),
        batch_size=batch_size,
        device=device,
    )


def modalities(name: str, **_: object) -> tuple[str, ...]:
    """What a file reads, by its description alone.

    Raises:
        MissingDataError: If there is none.
        ArtifactError: If it is damaged.
    """
    return (_found(name)[1].modality,)


def _found(name: str) -> tuple[Path, Description]:
    path = expanded(name)
    if path.is_dir():
        path /= MODEL
    if not path.is_file():
        raise MissingDataError(f"onnx:{name}: there is no file {str(path)!r}.{why_missing(path)}")
    return path, read_description(path)
