"""The lock of a store: who waits, who may nest, and what a kill leaves behind."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from isthmus.core.locking import writers_lock

filelock = pytest.importorskip("filelock")
HOLDER = """
import sys, time
from pathlib import Path
from isthmus.core.locking import writers_lock

with writers_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(3600)
"""


def is_free(path: Path) -> bool:
    """Whether another writer would get the lock at once."""
    got = []

    def attempt() -> None:
        try:
            with writers_lock(path).acquire(blocking=False):
                got.append(True)
        except filelock.Timeout:
            got.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return got[0]


def test_it_nests_and_is_free_after_the_outermost_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = writers_lock(path)
    with lock:
        with lock:
            assert not is_free(path)
        assert not is_free(path)
    assert is_free(path)


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    lock = writers_lock(tmp_path / "lock")
    with pytest.raises(ZeroDivisionError), lock, lock:
        raise ZeroDivisionError
    assert is_free(tmp_path / "lock")


@pytest.mark.parametrize("shared", [True, False], ids=["one-lock", "a-lock-each"])
def test_threads_take_turns(tmp_path: Path, shared: bool) -> None:
    path, count = tmp_path / "lock", [0]
    one = writers_lock(path)

    def work() -> None:
        lock = one if shared else writers_lock(path)
        for _ in range(10):
            with lock:
                before = count[0]
                time.sleep(0.001)  # another thread would read the same number
                count[0] = before + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [40]


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        assert not is_free(path)
        child.send_signal(signal.SIGKILL)
    with writers_lock(path):
        assert path.exists()


def test_a_file_system_without_locks_is_an_error_and_not_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(OSError, match="not implemented"), writers_lock(tmp_path / "lock"):
        pass
    monkeypatch.undo()
    assert is_free(tmp_path / "lock")
