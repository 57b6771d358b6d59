"""Items that are prepared in threads, ahead of who encodes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from isthmus.core.errors import InputError

T = TypeVar("T")

HELD_BYTES = 64 * 2**20
"""Of prepared items in a batch, and of those that wait for one, as far as their size is known:
a clip of 5 minutes is 10 MB, and whisper takes 64 at a time."""


@contextmanager
def prepared_ahead(
    items: Sequence[T], maker: Callable[[T], Any], threads: int, ahead: int
) -> Iterator[Iterator[tuple[T, Any]]]:
    """Items with what the encoder takes, in order, at most ``ahead`` of them in memory."""

    def make(item: T) -> Any:
        try:
            return maker(item)
        except InputError as error:
            return error

    def threaded(pool: ThreadPoolExecutor) -> Iterator[tuple[T, Any]]:
        waiting: deque[tuple[T, Future[Any]]] = deque()
        largest = HELD_BYTES // (2 * threads)  # until one is known
        for item in items:
            while len(waiting) >= min(ahead, max(threads, HELD_BYTES // max(largest, 1))):
                first, future = waiting.popleft()
                made = future.result()
                size = bytes_of(made)
                largest = size if first is items[0] else max(largest, size)
                yield first, made
            waiting.append((item, pool.submit(make, item)))
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()

    if threads < 1 or not items:
        yield ((item, make(item)) for item in items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="isthmus-decode")
    try:
        yield threaded(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def bytes_of(made: Any) -> int:
    """Size of the arrays and bytes in what an encoder takes."""
    if isinstance(made, list | tuple):
        return sum(map(bytes_of, made))
    if isinstance(made, bytes):
        return len(made)
    return made.nbytes if isinstance(made, np.ndarray) else 0
