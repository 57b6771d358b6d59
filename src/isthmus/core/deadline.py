"""HTTP exchanges that end at a given time, whatever the server sends.

Own code: the standard library gives each read and each write all of the time again, and so a
server that drips a header, or says ``100 Continue`` without end, holds its client for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import urllib.request
from functools import partial
from typing import Any, cast

_PIECE = 65_536
"""Bytes that are sent at a time."""
_LONGEST = 1e6
"""Seconds that a socket is told to wait at most; systems have limits of their own."""


def time_left(ends: float) -> float:
    """Seconds until a time of :func:`time.monotonic`.

    Raises:
        TimeoutError: If there are none.
    """
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return min(left, _LONGEST)


def handlers(ends: float) -> tuple[urllib.request.BaseHandler, ...]:
    """What opens http and https addresses, and raises :class:`TimeoutError` from ``ends`` on."""
    return _Plain(ends), _Secure(ends)


class _Raw(io.RawIOBase):
    """What a server sends, as long as there is time."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock, self._ends = sock, ends
        self._file = cast(io.RawIOBase, sock.makefile("rb", buffering=0))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read once."""
        self._sock.settimeout(time_left(self._ends))
        return cast("int | None", cast(Any, self._file).readinto(buffer))

    def close(self) -> None:
        """Let go of the socket, too."""
        self._file.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, ends: float, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self.fp.close()
        self.fp = io.BufferedReader(_Raw(sock, ends))


class _Connection(http.client.HTTPConnection):
    def __init__(self, *args: Any, ends: float, **named: Any) -> None:
        super().__init__(*args, **named)
        self._ends = ends
        self.response_class = cast(Any, partial(_Answer, ends=ends))

    def connect(self) -> None:
        """In the time that is left."""
        self.timeout = time_left(self._ends)
        super().connect()

    def send(self, data: Any) -> None:
        """Bytes, in pieces: to send one may take all of the time that a socket has."""
        if self.sock is None:
            self.connect()
        whole = memoryview(data)
        for start in range(0, len(whole), _PIECE):
            self.sock.settimeout(time_left(self._ends))
            super().send(whole[start : start + _PIECE])


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, ends: float) -> None:
        super().__init__()
        self._ends = ends

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open an address."""
        return self.do_open(cast(Any, partial(_Connection, ends=self._ends)), req)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, ends: float) -> None:
        super().__init__()
        self._ends = ends

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open an address."""
        return self.do_open(cast(Any, partial(_SecureConnection, ends=self._ends)), req)
