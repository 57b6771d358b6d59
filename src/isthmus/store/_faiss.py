"""What the index uses of faiss: an inverted file of whole numbers in one byte each.

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
_RANGE = np.array([-128.5, 255.0], dtype=np.float32)
"""Least number and width of the range of one byte, by which whole numbers stand for themselves.
The kind made for them, ``QT_8bit_direct_signed``, scores falsely where the width is a multiple of
32 (faiss 1.15.1)."""
_MOST_ANSWERS = 16
"""Numbers of results for which arrays are kept. Chosen, not tuned."""


class InvertedFile:
    """Vectors under labels, in cells around centroids; one thread at a time.

    Args:
        cells: How many.
        width: Of the vectors.

    Attributes:
        count: How many vectors it holds; they are labelled from 0 on.
    """

    def __init__(self, cells: int, width: int) -> None:
        self._faiss = library()
        self._probed = self.count = 0
        self._answers: dict[int, _Answer] = {}
        self._index = self._faiss.IndexIVFScalarQuantizer(
            self._faiss.IndexFlatIP(width),
            width,
            cells,
            self._faiss.ScalarQuantizer.QT_8bit_uniform,
            self._faiss.METRIC_INNER_PRODUCT,
            False,
        )
        self._faiss.copy_array_to_vector(_RANGE, self._index.sq.trained)
        self._index.is_trained = True

    def move(self, centroids: F32) -> None:
        """Set the centroids ``(cells, width)``; vectors stay in their cells."""
        self._index.quantizer.reset()
        self._index.quantizer.add(centroids)

    def add(self, x: F32, cells: Labels) -> None:
        """Put vectors into cells; their labels go on from the last.

        Args:
            x: ``(n, width)`` whole numbers from −128 to 127.
            cells: ``(n,)``.
        """
        labels = np.arange(self.count, self.count + len(x), dtype=np.int64)
        self._index.add_core(len(x), *map(self._faiss.swig_ptr, (x, labels, cells)))
        self.count += len(x)

    def trim(self) -> None:
        """Give back the room that the cells took to grow, half as much as they hold and more."""
        lists = self._faiss.ArrayInvertedLists(self._index.nlist, self._index.code_size)
        lists.merge_from(self._index.invlists, 0)
        self._index.replace_invlists(lists, True)
        lists.this.disown()

    def nearest(self, query: F32, probes: int, wanted: int) -> Labels:
        """Labels of the largest inner products in the cells that are nearest to a query.

        Args:
            query: ``(width,)``.
            probes: How many cells.
            wanted: How many labels; there may be fewer.
        """
        answer = self._answer(wanted)
        self._probe(probes)
        asked = self._faiss.swig_ptr(query)
        self._index.search_c(1, asked, wanted, answer.scores_at, answer.labels_at, None)
        return answer.known()

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
        answer = self._answer(wanted)
        settings = None
        if bits is not None:
            selector = self._faiss.IDSelectorBitmap(bits)
            settings = self._faiss.SearchParametersIVF(sel=selector, nprobe=len(cells))
        self._probe(len(cells))
        asked, chosen, far = (pointer(each) for each in (query, cells, distances))
        self._index.search_preassigned_c(
            1, asked, wanted, chosen, far, answer.scores_at, answer.labels_at, False, settings
        )
        return answer.known()

    def _answer(self, wanted: int) -> _Answer:
        """Where faiss writes so many results, kept, as making it takes as long as three cells."""
        if wanted not in self._answers:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[wanted] = _Answer(wanted, self._faiss)
        return self._answers[wanted]

    def _probe(self, cells: int) -> None:
        if cells != self._probed:
            self._index.nprobe = self._probed = cells


class _Answer:
    """Arrays for the results of one search after another.

    Args:
        wanted: How many results.
        faiss: The library.
    """

    def __init__(self, wanted: int, faiss: ModuleType) -> None:
        self._labels = np.empty(wanted, dtype=np.int64)
        self._scores = np.empty(wanted, dtype=np.float32)
        self.labels_at, self.scores_at = map(faiss.swig_ptr, (self._labels, self._scores))

    def known(self) -> Labels:
        """A copy without the −1 that stand where fewer were found than wanted."""
        labels = self._labels
        return labels.copy() if labels[-1] >= 0 else labels[labels >= 0]


@cache
def available() -> bool:
    """Whether faiss is installed; without it every search looks at every row."""
    return find_spec("faiss") is not None


def library() -> ModuleType:
    """The module ``faiss``."""
    return require("faiss", extra="store", purpose="an index of a large store")
