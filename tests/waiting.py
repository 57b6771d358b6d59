"""How long tests wait for other processes: a busy machine is slow, not wrong."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which a test gives up on a process, a thread, a page or an answer.

It only ends what hangs. No test asserts how long something takes; ``benchmarks/`` measures that.
"""


def until(true: Callable[[], object]) -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not within {PATIENCE:g} s"
        time.sleep(0.02)
