"""Vectors of the user's in files: which of them belong to which view of a space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.errors import InputError, MediaError, UnsupportedMediaError
from isthmus.core.view import VECTOR
from isthmus.media.array_rows import array_paths
from isthmus.media.arrays import PLURALS, is_array_file
from isthmus.tasks.retrieval.views import INDEX, check_dim, named_view, view_meant

if TYPE_CHECKING:
    from isthmus.space import Space

_OF_ROWS = {*PLURALS, *PLURALS.values()}
"""Names of arrays that say something of the rows of others."""


@dataclass(frozen=True)
class VectorRows:
    """What of files of arrays belongs to a space.

    Attributes:
        space: With views of vectors.
        asked: Views that are wanted; none stands for all.
    """

    space: Space
    asked: Sequence[str] = ()

    def paths(self, file: Path) -> Iterator[Path | MediaError]:
        """Paths of the rows of a file that is one of arrays, else its own; and what is left out."""
        if not is_array_file(file):
            yield file
            return
        if VECTOR not in self.space.modalities.values():
            why = "holds vectors, and the space has no view of vectors"
            yield UnsupportedMediaError(str(file), why)
            return
        try:
            arrays = list(array_paths(file))
        except MediaError as error:
            yield error
            return
        if not arrays and file.stem not in _OF_ROWS:
            yield file
        for name, dim, rows in arrays:
            try:
                view = self._view(name)
                if view in self.asked or not self.asked:
                    check_dim(self.space, view, dim, str(file))
                    yield from rows
            except InputError as error:
                yield error if isinstance(error, MediaError) else MediaError(str(file), str(error))

    def _view(self, array: str) -> str:
        return named_view(self.space, array) or view_meant(
            self.space, VECTOR, self.asked, way_out=INDEX
        )
