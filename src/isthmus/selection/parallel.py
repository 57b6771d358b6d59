"""Independent pieces of work, one a core."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from threadpoolctl import threadpool_limits

from isthmus.encoders.base import usable_cores

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Iterable[T], stop: Event | None = None) -> list[R]:
    """Results of work on every item, in their order.

    Eigenproblems of some hundred rows use one core better than two, so every thread gets a
    single-threaded BLAS and the pieces run side by side.

    Args:
        work: What is done; NumPy lets go of the interpreter, so threads suffice.
        items: Of each.
        stop: Set when one piece fails or the user interrupts, so that the others can end early.
            The call then raises without waiting for them.
    """
    with threadpool_limits(1):
        pool = ThreadPoolExecutor(usable_cores())
        try:
            found = list(pool.map(work, items))
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
    return found
