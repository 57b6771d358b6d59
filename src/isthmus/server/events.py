"""Runs that are followed: one task tells all who follow them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from isthmus.server import job_schemas as schemas
from isthmus.server.admission import CrowdedError
from isthmus.server.jobs import Run, problems

_PERIOD = 0.2
"""Seconds between two looks at a run."""
_TOGETHER = 5
_PAUSE = 0.02
"""After so many streams were told comes a pause of so many seconds, so that answers to others pass
in between: however many follow, 250 messages a second are sent at most."""


def described(run: Run) -> schemas.Job:
    """A run as the API tells of it."""
    eta = run.eta
    return schemas.Job(
        id=run.id,
        kind=run.kind,
        paths=run.paths,
        labels=run.labels,
        state=run.state,
        phase=run.phase,
        done=run.done,
        total=run.total,
        eta_seconds=None if eta is None else round(eta, 1),
        added=len(run.report.added) if run.report else 0,
        labelled=run.labelled,
        removed=run.removed,
        broken=[schemas.Problem(source=s, reason=r) for s, r in problems(run)],
        message=run.message,
    )


class Events:
    """Streams of what becomes of runs.

    Each run that somebody follows has one task, which looks at it and tells all of them. A stream
    that is slow misses what is out of date by then.

    Args:
        most: Streams that may be open.
        stopping: Whether the server is about to end, and every stream with it.
    """

    def __init__(self, most: int, stopping: Callable[[], bool]) -> None:
        self._most, self._stopping = most, stopping
        self._open = 0
        self._told: dict[str, _Told] = {}

    def follow(self, run: Run) -> AsyncIterator[str]:
        """A stream of server-sent events, which ends with the run.

        Raises:
            CrowdedError: If too many are open.
        """
        if self._open >= self._most:
            raise CrowdedError(
                f"{self._most} streams of events are open; try again later, or ask for the run"
            )
        return self._stream(run)

    async def _stream(self, run: Run) -> AsyncIterator[str]:
        told = self._told.get(run.id)
        if told is None:
            told = self._told[run.id] = _Told(run, self._stopping)
        listener = told.join()
        self._open += 1
        try:
            while True:
                text = await listener.next()
                if text is None:
                    return
                yield f"data: {text}\n\n"
        finally:
            self._open -= 1
            if not told.leave(listener) and self._told.get(run.id) is told:
                del self._told[run.id]


class _Told:
    """One run and those who follow it."""

    def __init__(self, run: Run, stopping: Callable[[], bool]) -> None:
        self._run, self._stopping = run, stopping
        self._listeners: dict[_Listener, None] = {}
        self._text = ""
        self._over = False
        self._look()
        self._task = asyncio.create_task(self._tell())

    def join(self) -> _Listener:
        """One more, who is told at once how the run stands."""
        listener = _Listener()
        listener.offer(self._text, last=self._over)
        self._listeners[listener] = None
        return listener

    def leave(self, listener: _Listener) -> int:
        """One less; says how many are left, and looks no more where there is nobody."""
        del self._listeners[listener]
        if not self._listeners:
            self._task.cancel()
        return len(self._listeners)

    def _look(self) -> bool:
        """See how the run stands, and say whether that is new."""
        over = self._run.state != "running"  # first, as the rest is set before
        text = described(self._run).model_dump_json()
        over = over or self._stopping()
        new = (text, over) != (self._text, self._over)
        self._text, self._over = text, over
        return new

    async def _tell(self) -> None:
        while not self._over:
            await asyncio.sleep(_PERIOD)
            if not self._look():
                continue
            for place, listener in enumerate(list(self._listeners), 1):
                listener.offer(self._text, last=self._over)
                if not place % _TOGETHER:
                    await asyncio.sleep(_PAUSE)


class _Listener:
    """One stream: what it has not sent yet."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._text: str | None = None
        self._last = False

    def offer(self, text: str, *, last: bool) -> None:
        """Have something to send, in place of what was not sent yet."""
        self._text, self._last = text, last
        self._news.set()

    async def next(self) -> str | None:
        """What to send next; None after the last."""
        if self._text is None and self._last:
            return None
        await self._news.wait()
        self._news.clear()
        text, self._text = self._text, None
        return text
