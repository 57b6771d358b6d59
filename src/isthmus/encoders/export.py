"""Weights of PyTorch to an ONNX file in the cache, in a process of its own.

The child process keeps torch, its threads and what it prints out of the caller's; it
reads local files only.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isthmus.core.artifact import file_sha256
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, IsthmusError
from isthmus.core.extras import require
from isthmus.core.paths import cache_dir
from isthmus.core.reading import read_json
from isthmus.core.staging import staging
from isthmus.encoders.base import verified
from isthmus.encoders.child import run_child

SOUND_EFFECTS = "aisfx"
"""The architecture of :mod:`isthmus.encoders.aisfx`."""


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
        architecture: For ``efficientnet_lite_pytorch``, or :data:`SOUND_EFFECTS`.
        weights: A file of weights.
        sha256: Of that file.
        size: Pixels a side, or mel bands.

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
    own = () if architecture == SOUND_EFFECTS else ("efficientnet_lite_pytorch",)
    for module in (*own, "onnx", "onnxscript", "torch"):
        if importlib.util.find_spec(module) is None:  # not imported: that is for the child
            require(module, extra="starter", purpose=f"exporting {architecture}")
    verified(weights, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    with staging(model) as place:
        made = place / "model.onnx"
        _run_child(architecture, weights, sha256, size, made)
        document = asdict(_Note(file_sha256(made), architecture, size))
        (place / "note.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
        made.replace(model)
        (place / "note.json").replace(note)
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
    asked = [architecture, str(weights), sha256, str(size), str(target)]
    run_child(__name__, asked, target, f"exporting {architecture} to ONNX")


def write_onnx(architecture: str, weights: Path, sha256: str, size: int, target: Path) -> None:
    """Export a network of pictures ``(b, size, size, 3)`` uint8, or of sounds.

    Sounds are ``(b, 100, size)`` float32. Its output is ``(b, dim)`` float32.
    """
    import torch

    path = verified(weights, sha256)
    sound = architecture == SOUND_EFFECTS
    network = _of_sounds(torch, path) if sound else _of_pictures(torch, path, architecture, size)
    shape, kind = ((2, 100, size), torch.float32) if sound else ((2, size, size, 3), torch.uint8)
    torch.onnx.export(
        network.eval(),
        (torch.zeros(shape, dtype=kind),),
        str(target),
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes={"x": {0: "b"}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _of_pictures(torch: Any, weights: Path, architecture: str, size: int) -> Any:
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(architecture, image_size=size)
    network.load_state_dict(torch.load(weights, weights_only=True))

    class Features(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            scaled = (x.permute(0, 3, 1, 2).float() - 127.0) / 128.0
            return self.network.extract_features(scaled).mean((2, 3))

    return Features()


def _of_sounds(torch: Any, weights: Path) -> Any:
    """Four blocks of two convolutions; the mean over bands, then the maximum over time."""
    import numpy as np

    # The counts of classes beside the weights are NumPy's.
    scalar = (np.int64(0).__reduce__()[0], "numpy.core.multiarray.scalar")
    safe = [scalar, np.dtype, type(np.dtype("int64"))]
    with torch.serialization.safe_globals(safe):
        known, _ = torch.load(weights, map_location="cpu", weights_only=True)
    widths = (1, 64, 128, 256, 512)

    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, before: int, after: int, pool: int) -> None:
            super().__init__()
            self.conv1 = torch.nn.Conv2d(before, after, 3, padding=1, bias=False)
            self.conv2 = torch.nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.bn1, self.bn2 = torch.nn.BatchNorm2d(after), torch.nn.BatchNorm2d(after)
            self.pool = pool

        def forward(self, x: Any) -> Any:
            x = self.bn1(self.conv1(x)).relu()
            return torch.nn.functional.max_pool2d(self.bn2(self.conv2(x)).relu(), self.pool)

    class Features(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for i in range(1, 5):
                setattr(self, f"conv_block{i}", Block(widths[i - 1], widths[i], 2 if i < 4 else 1))

        def forward(self, x: Any) -> Any:
            x = x.unsqueeze(1)
            for i in range(1, 5):
                x = getattr(self, f"conv_block{i}")(x)
            return x.mean(3).amax(2)

    network = Features()
    own = "embedding_net."
    state = {name.removeprefix(own): x for name, x in known.items() if name.startswith(own)}
    network.load_state_dict(state)
    return network


if __name__ == "__main__":
    _architecture, _weights, _sha256, _size, _target = sys.argv[1:]
    write_onnx(_architecture, Path(_weights), _sha256, int(_size), Path(_target))
