"""Forward passes of one graph: several side by side on a thread each, or one on all threads.

Threads inside of a pass share each step and wait for one another; passes of one thread do not. A
picture of EfficientNet-Lite2 took 24 to 28 ms of processor time with two threads inside, 21 with
two passes side by side, and the vectors were equal bit by bit.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PICTURES = (1, 2)
"""Fewest and most in a pass. More of them leave the caches of a core: with 16 a ViT-Ti/16 took 35
ms of processor time for each, with one or two 29."""
TEXTS = (8, 32)
"""A text is so short that a pass of few costs more for each."""
MOST = 32
"""Of passes that run one after another, on all threads or on a GPU."""
_LIGHT = 512 * 2**20
"""Bytes of a graph up to which it may be in memory twice."""


class Passes:
    """Sessions of one graph, opened when they are first needed.

    Args:
        opened: Opens the graph with a number of threads.
        threads: Passes at a time; a pass that is alone works on as many.
        apart: Whether passes may run side by side, for which the graph is opened a second time.
            They do not on a GPU, or where it is not :func:`light`.
    """

    def __init__(self, opened: Callable[[int], Any], threads: int, *, apart: bool = True) -> None:
        self._opened, self._threads, self._apart = opened, threads, apart
        self._sessions: dict[int, Any] = {}
        self._lock = threading.Lock()

    def share(self, count: int, few_and_many: tuple[int, int]) -> int:
        """How many of some items one pass takes, so that all threads have work.

        Args:
            count: Of the items.
            few_and_many: Fewest and most of a pass, such as :data:`PICTURES`.

        Examples:
            >>> passes = Passes(lambda threads: None, threads=4)
            >>> [passes.share(count, PICTURES) for count in (1, 4, 5, 100)]
            [1, 1, 2, 2]
            >>> [passes.share(count, TEXTS) for count in (1, 40, 1000)]
            [8, 10, 32]
        """
        if not self._apart:
            return MOST
        fewest, most = few_and_many
        return min(most, max(fewest, math.ceil(count / self._threads)))

    def each(self, run: Callable[[Any, T], R], parts: Sequence[T]) -> Iterator[R]:
        """What ``run`` makes of each part with a session, in their order.

        Args:
            run: Called from several threads at a time.
            parts: What one pass takes, each.
        """
        if len(parts) < 2 or self._threads < 2 or not self._apart:
            session = self.session(self._threads)
            yield from (run(session, part) for part in parts)
            return
        session = self.session(1)
        with ThreadPoolExecutor(min(self._threads, len(parts)), "isthmus-pass") as pool:
            yield from pool.map(lambda part: run(session, part), parts)

    def session(self, threads: int) -> Any:
        """The graph, ready to be run with so many threads inside of a pass."""
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = self._opened(threads)
            return self._sessions[threads]


def light(files: Sequence[Path]) -> bool:
    """Whether a graph is small enough to be in memory twice.

    Args:
        files: That hold it.
    """
    return sum(path.stat().st_size for path in files) <= _LIGHT
