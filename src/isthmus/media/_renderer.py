"""A child process that draws SVG, so that a crash or a hang costs one item and no more."""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

from isthmus.core.errors import CorruptMediaError

_CHILD = Path(__file__).with_name("_render_child.py")
_FRAME = struct.Struct("<I")
_REQUEST = struct.Struct("<II")
_MAX_REPLY = 64 * 2**20


class Renderer:
    """Starts the child with the first drawing, keeps it, and replaces it when it is lost.

    The child runs one file of ours by the interpreter itself, not by ``multiprocessing``,
    which would import the caller's main module once more.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def draw(self, markup: str, *, side: int, seconds: float, source: str) -> bytes:
        """Draw cleaned markup.

        Args:
            markup: SVG without references to anything outside.
            side: Length of the longer side, in pixels.
            seconds: After this time the child is killed.
            source: What the user knows it by, for messages.

        Returns:
            A PNG on white.

        Raises:
            CorruptMediaError: If drawing fails, crashes or takes too long.
        """
        data = markup.encode("utf-8", "replace")
        with self._lock:
            child = self._start()
            late = threading.Event()

            def stop() -> None:
                late.set()
                child.kill()

            timer = threading.Timer(seconds, stop)
            timer.start()
            try:
                status, reply = _exchange(child, _REQUEST.pack(len(data), side) + data)
            except (OSError, EOFError, ValueError) as error:
                self._discard()
                what = f"took longer than {seconds:g} s" if late.is_set() else "crashed"
                raise CorruptMediaError(source, f"drawing it {what}") from error
            finally:
                timer.cancel()
        if status:
            reason = reply.decode("utf-8", "replace")
            raise CorruptMediaError(source, f"cannot be drawn ({reason})")
        return reply

    def close(self) -> None:
        """End the child, if this process started one."""
        with self._lock:
            self._discard()

    def forget(self) -> None:
        """Start over in a forked process: child and lock belong to the parent."""
        self._child = None
        self._lock = threading.Lock()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._discard()
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD)],  # -P: our folder must not shadow the library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not yet written has nowhere to go
                    continue


def _exchange(child: subprocess.Popen[bytes], request: bytes) -> tuple[int, bytes]:
    if child.stdin is None or child.stdout is None:
        raise EOFError("the child has no pipes")
    child.stdin.write(request)
    child.stdin.flush()
    header = child.stdout.read(1 + _FRAME.size)
    if len(header) < 1 + _FRAME.size:
        raise EOFError("the child ended")
    (size,) = _FRAME.unpack(header[1:])
    if size > _MAX_REPLY:
        raise ValueError("the reply is too large")
    reply = child.stdout.read(size)
    if len(reply) < size:
        raise EOFError("the child ended")
    return header[0], reply


RENDERER = Renderer()
"""The one that this process uses."""

atexit.register(RENDERER.close)
os.register_at_fork(after_in_child=RENDERER.forget)
