"""Memory of a process that opens a store and searches it: ``_reopened.py FOLDER DIM VIEW …``.

``FOLDER`` holds the store ``isthmus`` and ``queries.npy``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.core.linalg import F32
from isthmus.store import open_backend

K = 10


def resident() -> float:
    """Megabytes of this process in memory, without what was freed and is only kept at hand."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def reopened(folder: Path, dim: int, views: Sequence[str], queries: F32) -> dict[str, float]:
    """What a process of its own takes for the store in ``folder / "isthmus"``."""
    np.save(folder / "queries.npy", queries)
    command = [sys.executable, __file__, str(folder), str(dim), *views]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _searched(folder: Path, dim: int, views: Sequence[str]) -> dict[str, float]:
    """Megabytes with the store, less what the libraries take without; what is mapped apart."""
    import faiss  # noqa: F401  so that it is no part of what the store takes
    import pyarrow.ipc  # noqa: F401

    queries = np.load(folder / "queries.npy")
    before, parts = resident(), _parts()
    store = open_backend(folder / "isthmus", dim, views, "benchmark")
    for query in queries:
        store.search(query, K)
    total, now = resident(), _parts()
    found = {name: now[name] - parts[name] for name in now}
    return {"rss_mb": total - before, **found, "mb_of_libraries": before}


def _parts() -> dict[str, float]:
    """Megabytes of memory of this process's own, and of files that are mapped."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    known = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return {"own_mb": int(known["RssAnon"]) / 1e3, "mapped_mb": int(known["RssFile"]) / 1e3}


if __name__ == "__main__":
    print(json.dumps(_searched(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])))
