"""HTTP/1.1 of uvicorn with a time limit on the head of a request, which it lacks."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedProtocol(H11Protocol):
    """Closes connections whose request does not get as far as its body in time.

    Attributes:
        head_seconds: From a connection, or from the first byte on one that is kept open, to
            the end of the head. Set on a subclass, see :func:`timed`.
    """

    head_seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Stop it where the head is there; a body has a clock of its own."""
        if self._timer is None and not self._answering:
            self._start()
        super().data_received(data)
        if self._answering:
            self._stop()

    def on_response_complete(self) -> None:
        """Between requests it is the keep-alive clock that runs."""
        self._stop()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; who was about to answer its head has nobody to tell any more."""
        if self._answering and self.conn.our_state is h11.SEND_RESPONSE:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._stop()
        super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if not self._answering:
            self.transport.abort()


def timed(seconds: float) -> type[TimedProtocol]:
    """The protocol with a limit."""
    return type("TimedProtocol", (TimedProtocol,), {"head_seconds": seconds})
