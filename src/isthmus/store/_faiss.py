"""What the index uses of faiss: an inverted file of half-precision numbers.

faiss is asked below its public Python API, by ``swig_ptr``, ``add_core``, ``search_c`` and
``search_preassigned_c``: its API searches for many queries at a time, which makes one query, of
15 µs in 8 cells of 50 rows, take 20 to 25 µs. These names may change in any release, so
``pyproject.toml`` bounds the version. Raise the bound once ``tests/store/test_index.py`` passes.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from isthmus.core.extras import require
from isthmus.core.linalg import F32

Labels = NDArray[np.int64]


class InvertedFile:
    """Vectors under labels, in cells around centroids.

    Args:
        cells: How many.
        width: Of the vectors.

    Attributes:
        count: How many vectors it holds; they are labelled from 0 on.
    """

    def __init__(self, cells: int, width: int) -> None:
        self._faiss = library()
        self._probed = self.count = 0
        self._index = self._faiss.IndexIVFScalarQuantizer(
            self._faiss.IndexFlatIP(width),
            width,
            cells,
            self._faiss.ScalarQuantizer.QT_fp16,
            self._faiss.METRIC_INNER_PRODUCT,
            False,
        )
        self._index.is_trained = True  # half precision has nothing to learn

    def move(self, centroids: F32) -> None:
        """Set the centroids ``(cells, width)``; vectors stay in their cells."""
        self._index.quantizer.reset()
        self._index.quantizer.add(centroids)

    def add(self, x: F32, cells: Labels) -> None:
        """Put vectors ``(n, width)`` into cells ``(n,)``; their labels go on from the last."""
        labels = np.arange(self.count, self.count + len(x), dtype=np.int64)
        self._index.add_core(len(x), *map(self._faiss.swig_ptr, (x, labels, cells)))
        self.count += len(x)

    def nearest(self, query: F32, probes: int, wanted: int) -> Labels:
        """Labels of the largest inner products in the cells that are nearest to a query.

        Args:
            query: ``(width,)``.
            probes: How many cells.
            wanted: How many labels; there may be fewer.
        """
        pointer = self._faiss.swig_ptr
        labels, scores = np.empty(wanted, dtype=np.int64), np.empty(wanted, dtype=np.float32)
        self._probe(probes)
        self._index.search_c(1, pointer(query), wanted, pointer(scores), pointer(labels), None)
        return _known(labels)

    def within(
        self, query: F32, cells: Labels, wanted: int, bits: NDArray[np.uint8] | None
    ) -> Labels:
        """The same in cells that were chosen, among labels whose bit is set.

        Args:
            query: ``(width,)``.
            cells: Numbers of the cells.
            wanted: How many labels; there may be fewer.
            bits: One a label, the lowest bit of a byte first; None for all labels.
        """
        pointer = self._faiss.swig_ptr
        cells, distances = cells.astype(np.int64), np.zeros(len(cells), dtype=np.float32)
        labels, scores = np.empty(wanted, dtype=np.int64), np.empty(wanted, dtype=np.float32)
        settings = None
        if bits is not None:
            chosen = self._faiss.IDSelectorBitmap(bits)
            settings = self._faiss.SearchParametersIVF(sel=chosen, nprobe=len(cells))
        self._probe(len(cells))
        arrays = (pointer(each) for each in (cells, distances, scores, labels))
        self._index.search_preassigned_c(1, pointer(query), wanted, *arrays, False, settings)
        return _known(labels)

    def _probe(self, cells: int) -> None:
        if cells != self._probed:
            self._index.nprobe = self._probed = cells


def _known(labels: Labels) -> Labels:
    """Without the −1 that stand where fewer were found than wanted."""
    return labels if labels[-1] >= 0 else labels[labels >= 0]


@cache
def available() -> bool:
    """Whether faiss is installed; without it every search looks at every row."""
    return find_spec("faiss") is not None


def library() -> ModuleType:
    """The module ``faiss``."""
    return require("faiss", extra="store", purpose="an index of a large store")
