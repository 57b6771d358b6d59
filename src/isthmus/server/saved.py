"""Searches under a name, in a file of the store."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from isthmus.core.artifact import write_atomically
from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.reading import read_json
from isthmus.server.schemas import SavedSearch

_MOST = 500
_ROWS = TypeAdapter(Annotated[list[SavedSearch], Field(max_length=_MOST)])


class Saved:
    """Saved searches by name, in the order in which they were made.

    Args:
        folder: Of the store; None keeps them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "searches.json" if folder else None
        self._lock = threading.Lock()
        self._searches = self._read()

    def all(self) -> list[SavedSearch]:
        """Every saved search."""
        with self._lock:
            return list(self._searches.values())

    def put(self, saved: SavedSearch) -> None:
        """Keep a search, in place of one of the same name.

        Raises:
            InputError: If there are too many, or it names an upload, which does not stay.
        """
        if any(term.upload is not None for term in saved.search.terms):
            raise InputError(
                "a search by an upload cannot be saved, because uploads are not kept; "
                "index the file and search by its item"
            )
        with self._lock:
            if saved.name not in self._searches and len(self._searches) >= _MOST:
                raise InputError(f"{_MOST} searches are saved; remove one first")
            self._write({**self._searches, saved.name: saved})

    def remove(self, name: str) -> bool:
        """Drop a search; says whether it was there."""
        with self._lock:
            if name not in self._searches:
                return False
            self._write({n: s for n, s in self._searches.items() if n != name})
            return True

    def _write(self, searches: dict[str, SavedSearch]) -> None:
        if self._path is not None:
            rows = [each.model_dump(mode="json") for each in searches.values()]
            text = json.dumps(rows, ensure_ascii=False, indent=1)
            write_atomically(self._path, text.encode())
        self._searches = searches

    def _read(self) -> dict[str, SavedSearch]:
        """What is in the file; one that cannot be read is set aside, not written over."""
        if self._path is None:
            return {}
        try:
            found = _ROWS.validate_python(read_json(self._path))
        except FileNotFoundError:
            return {}
        except (ArtifactError, ValidationError):
            with suppress(OSError):  # on a disk that is read-only nothing can be written over it
                self._path.replace(self._path.with_suffix(".damaged.json"))
            return {}
        return {each.name: each for each in found}
