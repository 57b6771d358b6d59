"""Encoders that write graphs, truly and otherwise; a child process imports them by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.encoders.onnx_file import MODEL, Description
from isthmus.encoders.onnx_file.description import ImageInput

SIDE = 12


class Honest:
    """The mean of each colour of a picture, by numpy and by the graph that it writes."""

    id = "honest"
    modality = "image"
    dim = 3
    fingerprint = "honest-1"
    languages = ()
    off = 0.0

    def prepare(self, decoded: Any) -> Any:
        from PIL import Image

        small = decoded.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return np.asarray(small, dtype=np.uint8)

    def encode(self, batch: Sequence[Any]) -> F32:
        return (np.stack(batch) / 255).mean((1, 2)).astype(np.float32)

    def to_onnx(self, folder: Path) -> Description:
        import onnx

        helper = onnx.helper
        nodes = [
            helper.make_node("ReduceMean", ["pixel_values"], ["m"], axes=[2, 3], keepdims=0),
            helper.make_node("Add", ["m", "off"], ["vector"]),
        ]
        shape = ["b", 3, SIDE, SIDE]
        kind = onnx.TensorProto.FLOAT
        off = np.array([self.off, 0, 0], dtype=np.float32)
        graph = helper.make_graph(
            nodes,
            "mean",
            [helper.make_tensor_value_info("pixel_values", kind, shape)],
            [helper.make_tensor_value_info("vector", kind, ["b", 3])],
            [onnx.numpy_helper.from_array(off, "off")],
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        onnx.save(model, str(folder / MODEL))
        return Description(1, "image", self.dim, image=ImageInput((SIDE, SIDE)), name=self.id)


class Liar(Honest):
    """Its graph adds a little."""

    id = "liar"
    off = 3e-4


class Nothing(Honest):
    """Its graph gives what is no number."""

    id = "nothing"
    off = float("nan")


class Longer(Honest):
    """It says another length than its graph has."""

    id = "longer"
    dim = 4

    def encode(self, batch: Sequence[Any]) -> F32:
        return np.pad(super().encode(batch), ((0, 0), (0, 1)))


class Refuses(Honest):
    """It has an option that no graph can have."""

    id = "refuses"

    def to_onnx(self, folder: Path) -> Description:
        raise InputError("refuses: leave out the option")


class Dies(Honest):
    """It fails in a way that nobody thought of."""

    id = "dies"

    def to_onnx(self, folder: Path) -> Description:
        (folder / MODEL).write_bytes(b"half")
        raise RuntimeError("out of everything")
