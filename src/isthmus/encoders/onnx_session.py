"""ONNX files: what they hold beside themselves, and how onnxruntime runs them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.extras import require

DEVICES = ("auto", "cpu", "cuda")
"""Where a file runs; ``auto`` takes cuda where onnxruntime finds one."""
_CUDA = ("CUDAExecutionProvider", {"use_tf32": "0"})
_CPU = "CPUExecutionProvider"
_LOCATION = b"location"
"""A key that each tensor outside of the file has; a file without it is whole."""


def open_session(
    model: str | bytes, *, who: str, extra: str, threads: int, device: str = "cpu"
) -> Any:
    """A file or its content, ready to be run.

    Args:
        model: A path, or an ONNX model as bytes.
        who: Of the encoder, for messages.
        extra: The extra of isthmus that installs onnxruntime.
        threads: Of the CPU.
        device: One of :data:`DEVICES`.

    Raises:
        InputError: If the device is not here.
    """
    onnxruntime = require("onnxruntime", extra=extra, purpose=f"the encoder {who!r}")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    # Spinning threads would take the cores from those that decode images.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    here = cuda_here()
    if device == "cuda" and not here:
        raise InputError(
            f"{who}: onnxruntime {onnxruntime.__version__} finds no cuda device here; use "
            "device=auto, or run: pip install onnxruntime-gpu"
        )
    providers = [_CUDA, _CPU] if here and device != "cpu" else [_CPU]
    return onnxruntime.InferenceSession(model, settings, providers=providers)


def cuda_here() -> bool:
    """Whether onnxruntime, which is installed, finds a cuda device."""
    import onnxruntime

    return _CUDA[0] in onnxruntime.get_available_providers()


def parts_of(path: Path) -> list[Path]:
    """The file and those that it keeps tensors in, which must lie in its folder.

    Args:
        path: An ONNX file.

    Raises:
        MissingDataError: If one of them is not there.
        ArtifactError: If it is no ONNX file, or a tensor lies outside of its folder.
        MissingExtraError: If it keeps tensors elsewhere, and the package onnx is not installed.
    """
    if not path.is_file():
        raise MissingDataError(f"{path} is missing; write it again by isthmus export")
    return [path, *(_part(path, location) for location in sorted(_locations(path)))]


def _part(path: Path, location: str) -> Path:
    """A file that another keeps tensors in."""
    part = path.parent / location
    inside = not Path(location).is_absolute() and ".." not in Path(location).parts
    try:
        inside = inside and path.parent.resolve() in part.resolve().parents
        there = part.is_file()
    except (OSError, ValueError) as error:  # longer than a path can be, or with a NUL
        raise ArtifactError(
            f"{path} keeps tensors in {location!r:.120}, which no file can be called; write it "
            "again by isthmus export"
        ) from error
    if not inside:
        raise ArtifactError(
            f"{path} keeps tensors in {location!r:.120}, outside of its folder; such a file is "
            "not opened. Save the model again as one file"
        )
    if not there:
        raise MissingDataError(f"{str(part)!r:.300} is missing, and {path} keeps tensors in it")
    return part


def _locations(path: Path) -> set[str]:
    if not path.stat().st_size:
        raise ArtifactError(f"{path} is empty; write it again by isthmus export")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_LOCATION) < 0:
            return set()
    onnx = require("onnx", extra="onnx", purpose=f"{path}, which keeps tensors in other files,")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # a file of any content: protobuf has errors of its own
        raise ArtifactError(f"{path} is no ONNX file ({type(error).__name__})") from error
    external = onnx.TensorProto.EXTERNAL
    return {
        entry.value
        for tensor in _tensors(model, onnx.TensorProto)
        if tensor.data_location == external or len(tensor.external_data)
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _tensors(message: Any, kind: type) -> Iterator[Any]:
    """All tensors anywhere in a message: of graphs, their nodes, and functions."""
    waiting = [message]
    while waiting:
        each = waiting.pop()
        if isinstance(each, kind):
            yield each
            continue
        for field, value in each.ListFields():
            if field.message_type is not None:
                many = hasattr(value, "__len__") and not hasattr(value, "ListFields")
                waiting += list(value) if many else [value]
