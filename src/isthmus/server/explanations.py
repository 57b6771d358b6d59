"""A place of their own for explanations, beside searches, to which they give way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from isthmus.core.contracts import Progress
from isthmus.server.admission import CrowdedError
from isthmus.server.settings import Settings

T = TypeVar("T")
_GIVEN = 4.0
"""While searches are about, an explanation rests this many times as long as it worked."""
_LONGEST_REST = 1.0
"""Seconds of one rest at most."""
_MOMENT = 0.25
"""Seconds after a search in which the next one is awaited."""


class LeftError(Exception):
    """Whoever asked is no longer there."""


class Searches:
    """When searches are at work; a context for each of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._last = float("-inf")

    def __enter__(self) -> Self:
        with self._lock:
            self._working += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._working -= 1
            self._last = time.monotonic()

    @property
    def about(self) -> bool:
        """Whether one is at work, or was a moment ago, so that the next may follow."""
        with self._lock:
            return self._working > 0 or time.monotonic() - self._last < _MOMENT


class Explanations:
    """One explanation at a time, in a thread of its own; a few more wait for their turn.

    Each is left off as soon as whoever asked for it is gone.

    Args:
        settings: How many may wait, and how long one may take.
        searches: What it gives way to.
    """

    def __init__(self, settings: Settings, searches: Searches) -> None:
        self._settings, self._searches = settings, searches
        self._pool = ThreadPoolExecutor(1, "isthmus-explain")
        self._lock = threading.Lock()
        self._admitted = 0
        self._closing = threading.Event()

    async def run(
        self,
        work: Callable[[Progress], T],
        left: Callable[[], Awaitable[object]] | None = None,
    ) -> T:
        """Do the work when it is its turn.

        Args:
            work: Called in the thread with what it must tell of its progress.
            left: Returns once the caller is gone; None where that cannot be known.

        Raises:
            CrowdedError: If too many wait, or it took too long.
            LeftError: If the caller is gone.
        """
        self._admit()
        turn = _Turn(self._settings.explanation_seconds, self._searches, self._closing)
        future = self._pool.submit(turn.take, work)
        future.add_done_callback(self._leave)
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        waited: list[asyncio.Future[Any]] = [answer]
        if left is not None:
            waited.append(asyncio.ensure_future(left()))
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise LeftError
            return answer.result()
        finally:
            turn.left.set()
            for each in waited:
                each.cancel()

    def close(self) -> None:
        """End what is under way."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def _admit(self) -> None:
        with self._lock:
            if self._admitted > self._settings.explanations_waiting:
                raise CrowdedError(f"{self._admitted} explanations are being made; try again later")
            self._admitted += 1

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._admitted -= 1


class _Turn:
    """One explanation at work: where it stops, and when it rests."""

    def __init__(self, seconds: float, searches: Searches, closing: threading.Event) -> None:
        self.left = threading.Event()
        self._seconds, self._searches, self._closing = seconds, searches, closing
        self._started = self._resumed = 0.0

    def take(self, work: Callable[[Progress], T]) -> T:
        """Do the work, unless the caller left while it waited."""
        if self.left.is_set():
            raise LeftError
        return work(self.progress)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Told by the work between two batches.

        Raises:
            LeftError: If the caller is gone.
            CrowdedError: If it takes too long.
        """
        if self.left.is_set() or self._closing.is_set():
            raise LeftError
        now = time.monotonic()
        self._started = self._started or now
        if now - self._started > self._seconds:
            raise CrowdedError(
                f"the explanation took more than {self._seconds:g} s; try again later, or ask "
                "with fewer words"
            )
        if self._resumed and self._searches.about:
            rest = min(_GIVEN * (now - self._resumed), _LONGEST_REST)
            if self.left.wait(rest):
                raise LeftError
        self._resumed = time.monotonic()
