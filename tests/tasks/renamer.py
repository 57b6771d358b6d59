"""A run of indexing as a child process that a test kills."""

from __future__ import annotations

import sys
from pathlib import Path

from isthmus.tasks import Store
from isthmus.tasks.retrieval import index

if __name__ == "__main__":
    index.BATCH = 4
    with Store.open(sys.argv[1]) as store:
        print("begun", flush=True)
        for folder in sys.argv[2:]:
            store.add(Path(folder), progress=lambda *_: print("batch", flush=True))
        print("done", flush=True)
