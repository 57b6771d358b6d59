"""What was computed before, by what made it and by content, in one SQLite file.

This is own code because diskcache keeps no checksums and reads some values with pickle.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from isthmus.core.linalg import F32

_T = TypeVar("_T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    fingerprint TEXT NOT NULL,
    item TEXT NOT NULL,
    vector BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, item)
) WITHOUT ROWID
"""
_DELETE = """
DELETE FROM vectors WHERE fingerprint = ?1 AND (item = ?2 OR (item >= ?3 AND item < ?4))
"""  # "A" is the sign that follows "@"
_AT_ONCE = 500  # SQLite allows 999 parameters a statement in old builds
_BUSY_SECONDS = 30.0


class ContentCache:
    """A cache on disk; several threads and processes may use one file at a time.

    It only ever saves work: rows whose checksum does not match are computed again, a
    damaged file is moved aside, a full disk is warned about.

    Args:
        path: The file; made with its folder if it is not there.
    """

    _what, _rows = "cache", "rows"
    """What it and its rows are called in warnings."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def _read(self, fingerprint: str, ids: Sequence[str]) -> dict[str, bytes]:
        """What is known and intact, by id."""
        wanted = list(dict.fromkeys(ids))

        def read(connection: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    "SELECT item, vector, crc FROM vectors "
                    f"WHERE fingerprint = ? AND item IN ({marks})",
                    (fingerprint, *some),
                )
                found |= {i: b for i, b, crc in rows if _intact(fingerprint, i, b, crc)}
            return found

        return self._attempt(read, {})

    def _write(self, fingerprint: str, ids: Sequence[str], blobs: Sequence[bytes]) -> None:
        """Keep rows; those already there are replaced."""
        rows = [
            (fingerprint, item, blob, _crc(fingerprint, item, blob))
            for item, blob in zip(ids, blobs, strict=True)
        ]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)

        self._attempt(write, None)

    def forget(self, items: Iterable[str]) -> None:
        """Drop what was made of items and of their spans, so that the disk does not keep it.

        Args:
            items: Ids of their contents.
        """
        wanted = list(items)

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                for mark in _marks(connection):  # the key begins with it, so no row is looked at
                    spans = ((mark, item, f"{item}@", f"{item}A") for item in wanted)
                    connection.executemany(_DELETE, spans)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        if wanted and self.path.exists():
            self._attempt(delete, None)

    def clear(self) -> None:
        """Forget everything."""

        def delete(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("DELETE FROM vectors")
            connection.execute("VACUUM")

        self._attempt(delete, None)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _attempt(self, action: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        with self._lock:
            try:
                return action(self._open())
            except sqlite3.OperationalError as error:  # locked, disk full, not writable
                _warn(f"the {self._what} {self.path} cannot be used now ({error}); going on")
                return otherwise
            except sqlite3.DatabaseError as error:
                self._move_aside(error)
            try:
                return action(self._open())
            except sqlite3.DatabaseError as error:
                _warn(f"the {self._what} {self.path} cannot be used ({error}); going on")
                return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, check_same_thread=False)
            try:
                _write_ahead(connection)
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(_SCHEMA)
            except sqlite3.DatabaseError:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _move_aside(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        if self.path.exists():
            self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        _warn(
            f"the {self._what} {self.path} is damaged ({error}); it is kept as {aside.name}, "
            f"its {self._rows} are computed again"
        )


class VectorCache(ContentCache):
    """Vectors by encoder and content; see :class:`ContentCache`."""

    _what, _rows = "vector cache", "vectors"

    def get(self, fingerprint: str, ids: Sequence[str]) -> dict[str, F32]:
        """Vectors of the items that are known and intact.

        Args:
            fingerprint: Of the encoder.
            ids: Of the items.

        Returns:
            Vector ``(dim,)`` float32 by id; ids that are not there are left out.
        """
        found = self._read(fingerprint, ids)
        return {
            item: np.frombuffer(blob, dtype="<f4").astype(np.float32)
            for item, blob in found.items()
            if len(blob) % 4 == 0
        }

    def put(self, fingerprint: str, ids: Sequence[str], vectors: F32) -> None:
        """Keep vectors; those already there are replaced.

        Args:
            fingerprint: Of the encoder.
            ids: Of the items, ``n`` of them.
            vectors: ``(n, dim)`` float32.
        """
        blobs = [np.ascontiguousarray(row, dtype="<f4").tobytes() for row in vectors]
        self._write(fingerprint, ids, blobs)

    def stats(self) -> Mapping[str, int]:
        """How many ``vectors``, of how many ``encoders``, in how many ``bytes`` of file."""

        def count(connection: sqlite3.Connection) -> tuple[int, int]:
            row = connection.execute(
                "SELECT COUNT(*), COUNT(DISTINCT fingerprint) FROM vectors"
            ).fetchone()
            return int(row[0]), int(row[1])

        vectors, encoders = self._attempt(count, (0, 0))
        size = self.path.stat().st_size if self.path.exists() else 0
        return {"vectors": vectors, "encoders": encoders, "bytes": size}


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; SQLite does not wait for another process that does so, too."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _marks(connection: sqlite3.Connection) -> Iterator[str]:
    """What made the rows, each name once, by a step in the index for each."""
    row = connection.execute("SELECT MIN(fingerprint) FROM vectors").fetchone()
    while row[0] is not None:
        yield row[0]
        more = "SELECT MIN(fingerprint) FROM vectors WHERE fingerprint > ?"
        row = connection.execute(more, row).fetchone()


def _crc(fingerprint: str, item: str, blob: bytes) -> int:
    return zlib.crc32(blob, zlib.crc32(f"{fingerprint}|{item}".encode()))


def _intact(fingerprint: str, item: str, blob: object, crc: object) -> bool:
    if not isinstance(blob, bytes) or not blob:
        return False
    return _crc(fingerprint, item, blob) == crc


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
