"""Independent pieces of work, one a core."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

from threadpoolctl import threadpool_limits

from isthmus.core.contracts import Progress
from isthmus.encoders.base import usable_cores

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    work: Callable[[T], R],
    items: Iterable[T],
    stop: Event | None = None,
    *,
    progress: Progress | None = None,
    phase: str = "",
) -> list[R]:
    """Results of work on every item, in their order.

    Eigenproblems of some hundred rows use one core better than two, so every thread gets a
    single-threaded BLAS and the pieces run side by side.

    Args:
        work: What is done; NumPy lets go of the interpreter, so threads suffice.
        items: Of each.
        stop: Set when one piece fails or the user interrupts, so that the others can end early.
            The call then raises without waiting for them.
        progress: Told in this thread as pieces are done.
        phase: What it is told that is being done.
    """
    with threadpool_limits(1):
        pool = ThreadPoolExecutor(usable_cores())
        running = [pool.submit(work, item) for item in items]
        try:
            for done, future in enumerate(as_completed(running), start=1):
                future.result()
                if progress is not None:
                    progress(phase, done, len(running))
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
    return [future.result() for future in running]
