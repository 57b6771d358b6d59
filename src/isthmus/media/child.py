"""A child process that does dangerous work, so that a crash or a hang costs one item.

This is own code because ``multiprocessing``, and pools built on it, import the caller's main
module once more and read replies with pickle. Here the interpreter runs a program of ours. A
request is 32 bits of length and the bytes; a reply is one byte, 0 for success,
32 bits of length and the bytes.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, BinaryIO

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

    def ask(self, request: bytes, *, seconds: float) -> tuple[int, bytes]:
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
            late = threading.Event()

            def stop() -> None:
                late.set()
                child.kill()

            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            try:
                return _exchange(child, request)
            except (OSError, EOFError, ValueError) as error:
                self._discard()
                raise ChildLostError(late=late.is_set()) from error
            except (
                BaseException
            ):  # interrupted between request and reply: they would get out of step
                self._discard()
                raise
            finally:
                timer.cancel()

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
            [
                sys.executable,
                "-P",
                *self.arguments,
            ],  # -P: no folder of the user's shadows a library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _search_path(), **self._environment},
            process_group=0,  # Ctrl-C is for the parent, which ends its children itself
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


def _search_path() -> str:
    """Where this process finds its modules, so that the child finds the same."""
    return os.pathsep.join(path for path in sys.path if path)


def _exchange(child: subprocess.Popen[bytes], request: bytes) -> tuple[int, bytes]:
    if child.stdin is None or child.stdout is None:
        raise EOFError("the child has no pipes")
    child.stdin.write(_LENGTH.pack(len(request)))
    child.stdin.write(request)
    child.stdin.flush()
    status = _exactly(child.stdout, 1)[0]
    (size,) = _LENGTH.unpack(_exactly(child.stdout, _LENGTH.size))
    if size > _MAX_REPLY:
        raise ValueError("the reply is too large")
    return status, _exactly(child.stdout, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError("the child ended")
    return data


def serve(answer: Callable[[bytes], bytes], requests: BinaryIO, replies: BinaryIO) -> None:
    """The child's side: answer until the input ends.

    Args:
        answer: From a request to a reply; what it raises becomes a reply of status 1.
        requests: Standard input.
        replies: Standard output.
    """
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
