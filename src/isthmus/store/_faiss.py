"""What the index uses of faiss: an inverted file of numbers of eight bits.

One call is below its public Python API, which cannot search chosen cells by a filter:
``search_preassigned_c``. Its name may change in any release, so ``pyproject.toml`` bounds the
version. Raise the bound once ``tests/store/test_index.py`` passes.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.extras import require
from isthmus.core.linalg import F32

Labels = NDArray[np.int64]
_MARGIN = 0.1
"""Share of the range of a column by which its sides are moved out."""


_MANY = 2_000
"""Centroids from which a graph finds the nearest sooner than a look at every one."""
_LINKS, _BREADTH = 16, 100
"""Of that graph: links of a centroid, and candidates for them when it is made."""
_LEAST_BREADTH = 32
"""Centroids that a search of the graph keeps in view, at least; else twice those it wants."""


class Centroids:
    """Finds the nearest centroids: by a look at every one, or by a graph where they are many.

    The graph is that of Malkov & Yashunin, Efficient and robust approximate nearest neighbor
    search using hierarchical navigable small world graphs, 2018.

    Args:
        centroids: ``(n, width)``.

    Attributes:
        index: Of faiss.
    """

    def __init__(self, centroids: F32) -> None:
        self._faiss = faiss = library()
        width = centroids.shape[1]
        self._is_graph = len(centroids) >= _MANY
        if self._is_graph:
            self.index = faiss.IndexHNSWFlat(width, _LINKS, faiss.METRIC_INNER_PRODUCT)
            self.index.hnsw.efConstruction = _BREADTH
        else:
            self.index = faiss.IndexFlatIP(width)
        self.index.add(centroids)
        self._params = cache(self.params)

    def params(self, count: int) -> Any:
        """Settings of a search for some of them; None for a look at every one."""
        if not self._is_graph:
            return None
        return self._faiss.SearchParametersHNSW(efSearch=max(2 * count, _LEAST_BREADTH))

    def nearest(self, queries: F32, count: int) -> Labels:
        """Numbers ``(q, count)`` by inner product, nearest first; −1 where there are no more."""
        found: Labels = self.index.search(queries, count, params=self._params(count))[1]
        return found


class InvertedFile:
    """Vectors under labels, in cells around centroids.

    Searches may run beside one another, but not beside what changes the file.

    Args:
        centroids: ``(cells, width)``.
        sample: ``(n, width)``, which tells the range of every column. It is widened, because
            numbers outside of it are cut off.

    Attributes:
        count: How many vectors it holds; they are labelled from 0 on.
    """

    def __init__(self, centroids: F32, sample: F32) -> None:
        self._faiss = library()
        self.count = 0
        self._near = Centroids(centroids)
        self._params_of = cache(self._params)
        self._index = self._faiss.IndexIVFScalarQuantizer(
            self._near.index,
            centroids.shape[1],
            len(centroids),
            self._faiss.ScalarQuantizer.QT_8bit,
            self._faiss.METRIC_INNER_PRODUCT,
            False,
        )
        self._index.sq.rangestat_arg = _MARGIN
        self._index.train(sample)

    def add(self, x: F32, cells: Labels) -> None:
        """Put vectors ``(n, width)`` into cells ``(n,)``; their labels go on from the last."""
        from faiss.contrib.ivf_tools import add_preassigned

        labels = np.arange(self.count, self.count + len(x), dtype=np.int64)
        add_preassigned(self._index, x, cells, labels)
        self.count += len(x)

    def pack(self) -> None:
        """Give back room that was kept for growing: up to half of what there is."""
        self._index = self._faiss.clone_index(self._index)

    def nearest(self, query: F32, probes: int, wanted: int) -> Labels:
        """Labels of the largest inner products in the cells that are nearest to a query.

        Args:
            query: ``(width,)``.
            probes: How many cells.
            wanted: How many labels; there may be fewer.
        """
        _, labels = self._index.search(query[None], wanted, params=self._params_of(probes))
        return known(labels[0])

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
        pointer, count = self._faiss.swig_ptr, len(cells)
        distances = np.zeros(count, dtype=np.float32)
        labels, scores = np.empty(wanted, dtype=np.int64), np.empty(wanted, dtype=np.float32)
        if bits is None:
            params = self._params_of(count)
        else:
            chosen = self._faiss.IDSelectorBitmap(bits)
            params = self._faiss.SearchParametersIVF(sel=chosen, nprobe=count)
        arrays = (pointer(each) for each in (cells, distances, scores, labels))
        self._index.search_preassigned_c(1, pointer(query), wanted, *arrays, False, params)
        return known(labels)

    def _params(self, probes: int) -> Any:
        """Settings of a search; made once, which takes as long as looking at a cell."""
        inner = self._near.params(probes)
        return self._faiss.SearchParametersIVF(nprobe=probes, quantizer_params=inner)


def known(labels: Labels) -> Labels:
    """Without the −1 that stand where fewer were found than wanted."""
    return labels if labels[-1] >= 0 else labels[labels >= 0]


@cache
def available() -> bool:
    """Whether faiss is installed; without it every search looks at every row."""
    return find_spec("faiss") is not None


def library() -> ModuleType:
    """The module ``faiss``."""
    return require("faiss", extra="store", purpose="an index of a large store")
