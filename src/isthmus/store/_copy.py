"""A copy of the items beside their table, which a reader opens without LanceDB.

Importing LanceDB takes over two seconds, reading the copy of a small store a few milliseconds. The
table is the truth: the copy names the manifest of the version that it was made of, and one of any
other version is passed over. It is removed before a row changes or goes, so it never outlives what
a user forgets.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.artifact import flush
from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.store import tables
from isthmus.store._disk import read_checked, write_checked
from isthmus.store.base import Damage

if TYPE_CHECKING:
    import pyarrow as pa

COPY = "copy"
MOST_ROWS = 200_000
"""Rows of a store up to which a copy is kept: it is as large as the vectors, and making entries of
so many rows takes as long as importing LanceDB, so it would save less than half."""
_REVISION = b"isthmus:revision"


class Copy:
    """The copy of one store.

    Args:
        folder: Of the store.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / COPY

    def read(self, revision: str) -> pa.Table | None:
        """The rows, if they are those of a revision.

        Args:
            revision: See :meth:`isthmus.store._database.Database.revision`.

        Returns:
            The table; None where there is no copy, it is damaged or of another revision.
        """
        with suppress(FileNotFoundError, ArtifactError):
            made, found = self.load()
            return made if found == revision else None
        return None

    def load(self) -> tuple[pa.Table, str]:
        """The rows and their revision.

        Raises:
            FileNotFoundError: If there is no copy.
            ArtifactError: If it is damaged.
        """
        data, pa = read_checked(self.path), tables.arrow()
        try:
            made = pa.ipc.open_file(pa.py_buffer(data)).read_all()
            made.validate(full=True)  # it may be a stranger's
            revision = (made.schema.metadata or {})[_REVISION].decode()
        except (pa.ArrowException, OSError, LookupError, UnicodeError) as error:
            raise IntegrityError(f"{self.path} is damaged: {error}") from error
        return made.replace_schema_metadata(None), revision

    def check(self, rows: pa.Table, revision: str) -> list[Damage]:
        """Whether it is damaged, or holds what the items do not.

        Args:
            rows: All items.
            revision: Theirs.
        """
        try:
            made, own = self.load()
            more = set(made["id"].to_pylist()) - set(rows["id"].to_pylist())
        except FileNotFoundError:
            return []
        except (ArtifactError, KeyError) as error:
            return [Damage(str(error))]
        if more:
            return [Damage(f"{self.path} holds items that are not in the store", sorted(more))]
        if own == revision and not made.equals(rows.replace_schema_metadata(None)):
            return [Damage(f"{self.path} differs from the items of the store")]
        return []

    def write(self, rows: pa.Table, revision: str) -> None:
        """Keep the rows of a revision, unless there are too many."""
        if not 0 < len(rows) <= MOST_ROWS:
            self.drop()
            return
        pa = tables.arrow()
        made = rows.replace_schema_metadata({_REVISION: revision.encode()})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, made.schema) as writer:
            writer.write_table(made)
        write_checked(self.path, memoryview(sink.getvalue()))

    def drop(self) -> None:
        """Remove it, for good when this returns."""
        with suppress(FileNotFoundError):
            self.path.unlink()
            flush(self.path.parent)
