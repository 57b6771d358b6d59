"""Weights of PyTorch to an ONNX file in the cache, in a process of its own.

The child process keeps torch, its threads and what it prints out of the caller's; it
reads local files only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isthmus.core.artifact import file_sha256
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, IsthmusError
from isthmus.core.extras import require
from isthmus.core.paths import cache_dir
from isthmus.core.reading import read_json
from isthmus.encoders.base import verified


@dataclass(frozen=True)
class _Note:
    """What lies beside an exported network."""

    sha256: str
    architecture: str
    size: int


def exported(name: str, *, architecture: str, weights: Path, sha256: str, size: int) -> Path:
    """The ONNX file of a network, made if it is not in the cache or is damaged.

    Args:
        name: What the file is called in the cache.
        architecture: For ``efficientnet_lite_pytorch``.
        weights: A file of weights.
        sha256: Of that file.
        size: Pixels a side.

    Returns:
        A file whose checksum matches.

    Raises:
        MissingExtraError: If a package for the export is not installed.
        IntegrityError: If the weights are not those published.
    """
    folder = cache_dir() / "models"
    model, note = folder / f"{name}.onnx", folder / f"{name}.json"
    if _intact(model, note):
        return model
    for module in ("efficientnet_lite_pytorch", "onnx", "onnxscript", "torch"):
        if importlib.util.find_spec(module) is None:  # not imported: that is for the child
            require(module, extra="starter", purpose=f"exporting {architecture}")
    verified(weights, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as staging:
        made = Path(staging) / "model.onnx"
        _run_child(architecture, weights, sha256, size, made)
        document = asdict(_Note(file_sha256(made), architecture, size))
        (Path(staging) / "note.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
        made.replace(model)
        (Path(staging) / "note.json").replace(note)
    return model


def with_grid(model: Path) -> bytes:
    """The same network with what it averages as a second output.

    Args:
        model: A file that :func:`exported` made, whose last step is the mean over a grid.

    Returns:
        An ONNX model with outputs ``y`` ``(b, dim)`` and the grid ``(b, dim, h, w)``.

    Raises:
        IsthmusError: If the network ends otherwise.
    """
    onnx = require("onnx", extra="starter", purpose="explaining pictures")
    network = onnx.load(str(model))
    ends = [node for node in network.graph.node if "y" in node.output]
    if not ends or ends[0].op_type != "ReduceMean":
        raise IsthmusError(
            f"{model} does not end in a mean; delete the file, and it will be exported again"
        )
    grid = onnx.helper.make_tensor_value_info(ends[0].input[0], onnx.TensorProto.FLOAT, None)
    network.graph.output.append(grid)
    written: bytes = network.SerializeToString()
    return written


def _intact(model: Path, note: Path) -> bool:
    try:
        expected = from_document(_Note, read_json(note), str(note)).sha256
        return file_sha256(model) == expected
    except (OSError, ArtifactError):
        return False  # absent or damaged: both are mended by exporting again


def _run_child(architecture: str, weights: Path, sha256: str, size: int, target: Path) -> None:
    command = [sys.executable, "-m", __name__, architecture, str(weights), sha256, str(size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, str(target)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0 or not target.is_file():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise IsthmusError(f"exporting {architecture} to ONNX failed: {said}")


def write_onnx(architecture: str, weights: Path, sha256: str, size: int, target: Path) -> None:
    """Export a network: pixels ``(b, size, size, 3)`` uint8 to features ``(b, dim)`` float32."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(architecture, image_size=size)
    network.load_state_dict(torch.load(verified(weights, sha256), weights_only=True))
    network.eval()

    class Features(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            scaled = (x.permute(0, 3, 1, 2).float() - 127.0) / 128.0
            return self.network.extract_features(scaled).mean((2, 3))

    torch.onnx.export(
        Features().eval(),
        (torch.zeros((2, size, size, 3), dtype=torch.uint8),),
        str(target),
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes={"x": {0: "b"}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    _architecture, _weights, _sha256, _size, _target = sys.argv[1:]
    write_onnx(_architecture, Path(_weights), _sha256, int(_size), Path(_target))
