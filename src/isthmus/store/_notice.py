"""How a process learns that another one changed a store."""

from __future__ import annotations

from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.reading import read_file

_EPOCH = "epoch"
_EPOCH_BYTES = 32


class Notice:
    """A counter in a file for rows that changed, and the time when a version was last added.

    Args:
        folder: Of the store.
        versions: Folder of the versions of its items.
    """

    def __init__(self, folder: Path, versions: Path) -> None:
        self._path = folder / _EPOCH
        self._watched = (versions, self._path)

    def epoch(self) -> str:
        """The counter; empty where no row ever changed."""
        try:
            text = read_file(self._path, most=_EPOCH_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ""
        return text if text.isdecimal() else "0"

    def give(self) -> str:
        """Tell other processes that rows changed, not only came; the counter from now on."""
        epoch = str(int(self.epoch() or 0) + 1)
        write_atomically(self._path, epoch.encode())
        return epoch

    def times(self) -> tuple[int, int]:
        """When a version was last added to the table, and the counter last written."""
        times = []
        for path in self._watched:
            try:
                times.append(path.stat().st_mtime_ns)
            except FileNotFoundError:
                times.append(0)
        return times[0], times[1]
