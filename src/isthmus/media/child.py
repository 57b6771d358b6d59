"""A child process that does dangerous work, so that a crash or a hang costs one item.

This is own code because ``multiprocessing``, and pools built on it, import the caller's main
module once more and read replies with pickle. Here the interpreter runs a program of ours. A
request is 32 bits of length and the bytes; a reply is one byte, 0 for success,
32 bits of length and the bytes.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

_LENGTH = struct.Struct("<I")
_MAX_REPLY = 512 * 2**20


class ChildLostError(Exception):
    """The child ended, or was ended, before it replied; ``late`` if it took too long."""

    def __init__(self, *, late: bool) -> None:
        super().__init__("took too long" if late else "crashed")
        self.late = late


class ChildProcess:
    """Starts with the first request, is kept, and is replaced when it is lost.

    Args:
        arguments: Of the interpreter: ``["file.py"]`` or ``["-m", "package.module"]``.
        environment: Added to that of this process.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None):
        self.arguments = list(arguments)
        self._environment = dict(environment or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process that runs; None where none does."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def ask(self, request: bytes, *, seconds: float) -> tuple[int, bytearray]:
        """Send a request and wait for the reply; one at a time.

        Args:
            request: What the child reads.
            seconds: After this time the child is killed.

        Returns:
            The status, 0 for success, and the reply.

        Raises:
            ChildLostError: If the child crashed or took too long.
        """
        with self._lock:
            child = self._start()
            try:
                return _exchange(child, request, time.monotonic() + seconds)
            except (OSError, EOFError, ValueError) as error:
                self._discard()
                by_itself = child.returncode == -signal.SIGALRM  # see :func:`deadline`
                late = by_itself or isinstance(error, TimeoutError)
                raise ChildLostError(late=late) from error
            except BaseException:  # interrupted: request and reply would get out of step
                self._discard()
                raise

    def close(self) -> None:
        """End the child, if this process started one; who waits for its reply loses it."""
        child = self._child
        if child is not None:
            child.kill()
        with self._lock:
            self._discard()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._discard()
        self._child = subprocess.Popen(
            [
                sys.executable,
                "-P",
                *self.arguments,
            ],  # -P: no folder of the user's shadows a library
            bufsize=0,  # a fork in the middle of a request must not write it once more
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _search_path(), **self._environment},
            process_group=0,  # Ctrl-C is for the parent, which ends its children itself
        )
        if self._child.stdin is not None:  # a child that hangs does not read, either
            os.set_blocking(self._child.stdin.fileno(), False)
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


def _search_path() -> str:
    """Where this process finds its modules, so that the child finds the same."""
    return os.pathsep.join(path for path in sys.path if path)


def _exchange(
    child: subprocess.Popen[bytes], request: bytes, until: float
) -> tuple[int, bytearray]:
    if child.stdin is None or child.stdout is None:
        raise EOFError("the child has no pipes")
    _write(child.stdin.fileno(), _LENGTH.pack(len(request)) + request, until)
    head = _exactly(child.stdout.fileno(), 1 + _LENGTH.size, until)
    (size,) = _LENGTH.unpack_from(head, 1)
    if size > _MAX_REPLY:
        raise ValueError("the reply is too large")
    return head[0], _exactly(child.stdout.fileno(), size, until)


def _write(pipe: int, data: bytes, until: float) -> None:
    rest = memoryview(data)
    while rest:
        _wait(pipe, select.POLLOUT, until)
        try:
            rest = rest[os.write(pipe, rest) :]
        except BlockingIOError:  # there is room, but not for all of it
            rest = rest[os.write(pipe, rest[: select.PIPE_BUF]) :]


def _exactly(pipe: int, size: int, until: float) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        _wait(pipe, select.POLLIN, until)
        count = os.readv(pipe, [rest])
        if not count:
            raise EOFError("the child ended")
        rest = rest[count:]
    return data


def _wait(pipe: int, event: int, until: float) -> None:
    """Wait until a pipe is ready, or raise TimeoutError."""
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1e3):
        raise TimeoutError


def serve(answer: Callable[[bytes], bytes]) -> None:
    """The child's side: answer on standard output what comes on standard input, until it ends.

    Whatever else is printed goes nowhere.

    Args:
        answer: From a request to a reply; what it raises becomes a reply of status 1.
    """
    requests = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as replies, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        _serve(answer, requests, replies)


def _serve(answer: Callable[[bytes], bytes], requests: BinaryIO, replies: BinaryIO) -> None:
    while len(header := requests.read(_LENGTH.size)) == _LENGTH.size:
        request = requests.read(_LENGTH.unpack(header)[0])
        try:
            status, reply = 0, answer(request)
        except Exception as error:  # noqa: BLE001  the boundary of this process; it is reported
            status, reply = 1, str(error).encode("utf-8", "replace")
        replies.write(bytes([status]) + _LENGTH.pack(len(reply)))
        replies.write(reply)
        replies.flush()


def limit(memory: int) -> None:
    """Cap memory, in bytes, and forbid core dumps and written files, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextmanager
def capped(memory: int) -> Iterator[None]:
    """Cap what a block may take beyond what this process has, in bytes, where the system can."""
    try:
        import resource

        used = int(os.pread(_statm(), 64, 0).split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = used + memory if hard == resource.RLIM_INFINITY else min(used + memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@lru_cache(maxsize=1)
def _statm() -> int:
    """Of this process, its sizes in pages; opened once, since every item asks."""
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process if a block takes longer, even one that never comes back to Python."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
