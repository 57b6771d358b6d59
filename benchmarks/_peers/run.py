"""One fit in a process of its own, timed, with its memory, and ended when it takes too long."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _peers.tasks import Task
from isthmus.encoders.base import usable_cores

_MB = 1e6
_MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of ``ru_maxrss``."""


def context(jobs: int = 1) -> multiprocessing.context.ForkServerContext:
    """Processes forked from one that has every package imported and nothing else done.

    So neither the time nor the memory of a fit contains that of imports.

    Args:
        jobs: Fits that run side by side; they share the cores, unless the environment says
            how many threads to use.
    """
    threads = str(max(1, usable_cores() // jobs))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    here = str(Path(__file__).parents[1])  # the server of Python 3.11 ignores sys.path
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["_peers.entries"])
    return found


def run(
    processes: multiprocessing.context.ForkServerContext, name: str, task: Task, cap: float
) -> list[dict[str, Any]]:
    """Rows of one method on one task.

    Args:
        processes: From :func:`context`.
        name: Of an entry.
        task: What to learn from and to be tested on.
        cap: Seconds after which the process is ended.

    Returns:
        Rows with ``fit_seconds`` and ``cpu_seconds``, wall time and processor time of
        choosing and fitting, and ``peak_mb``: what they added to the resident memory of the
        process. A fit that did not end well is one row without figures, whose ``note`` says
        so.
    """
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=_child, args=(name, task, sender))
    process.start()
    sender.close()
    try:
        rows: list[dict[str, Any]] | None = receiver.recv() if receiver.poll(cap) else None
        note = f"not finished in {cap:g} s"
    except EOFError:
        rows, note = None, "failed"
    finally:
        receiver.close()
        process.kill()
        process.join()
    if rows is None:
        empty = dict.fromkeys(("r1", "r10", "map", "fit_seconds", "cpu_seconds", "peak_mb"))
        rows = [{"method": name, **empty, "note": note}]
    key = {"dataset": task.dataset, "pairs": task.pairs}
    return [{**key, **row, "seed": task.seed} for row in rows]


def _child(name: str, task: Task, sender: Connection) -> None:
    from _peers.entries import ENTRIES

    warnings.simplefilter("ignore")
    entry = ENTRIES[name]
    before, started, busy = _resident(), time.perf_counter(), time.process_time()
    fitted = entry.fit(task)
    cost = {
        "fit_seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time() - busy, 3),
        "peak_mb": round(max(_peak() - before, 0) / _MB, 1),
    }
    sender.send([_rounded({**row, **cost}) for row in entry.rows(fitted, task)])
    sender.close()


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}


def _resident() -> int:
    """Bytes of this process in memory now; where that is not told, the most so far."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS
