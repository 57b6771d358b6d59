"""One thread for torch, so that the same training gives the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from isthmus.core.extras import require

_threads_lock = Lock()
_threads: list[int] = []


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let torch use one thread, so that sums are always taken in the same order.

    torch counts per thread of Python, and a new one starts with the number that was set last;
    so whoever enters while others are inside leaves the number that the first one found.
    """
    torch = require("torch", extra="learned", purpose="a learned aligner")
    with _threads_lock:
        _threads.append(_threads[0] if _threads else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _threads_lock:
            torch.set_num_threads(_threads.pop())
