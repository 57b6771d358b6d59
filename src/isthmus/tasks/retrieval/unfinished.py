"""An indexing run that did not finish, noted in the folder of its store."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError
from isthmus.core.reading import read_json
from isthmus.core.wording import way
from isthmus.store.opening import INDEXING


@dataclass(frozen=True)
class RunGiven:
    """What a run was to index.

    Attributes:
        paths: Files and folders, absolute.
        include: Patterns that files must match.
        exclude: Patterns that they must not match.
        views: That files may belong to; empty for all of the space.
    """

    paths: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    @classmethod
    def of(cls, *parts: Iterable[object]) -> RunGiven:
        """From its parts, in order; what is not UTF-8 in a name is replaced."""
        return cls(*(tuple(map(_printable, part)) for part in parts))

    def typed(self, store: Path) -> str:
        """What takes the run up again."""
        options = {"include": self.include, "exclude": self.exclude, "views": self.views}
        python = [repr(list(self.paths))]
        python += [f"{name}={list(each)!r}" for name, each in options.items() if each]
        words = ["isthmus", "index", *self.paths, "--store", str(store)]
        for name, values in options.items():
            words += [word for each in values for word in (f"--{name.removesuffix('s')}", each)]
        return way(python=f"store.add({', '.join(python)})", shell=shlex.join(words))


def _printable(thing: object) -> str:
    return str(thing).encode(errors="surrogateescape").decode(errors="replace")


@contextmanager
def under_way(folder: Path | None, run: RunGiven, *, fresh: Sequence[object]) -> Iterator[None]:
    """Note a run in the folder of a store until it has finished.

    Args:
        folder: Of the store; None for one in memory, which keeps no note.
        run: What is to be indexed.
        fresh: Files to be read; where there are none, there is nothing to go on with.
    """
    if folder is not None and fresh:
        document = json.dumps(asdict(run), ensure_ascii=False)
        write_atomically(folder / INDEXING, f"{document}\n".encode())
    yield
    if folder is not None:
        (folder / INDEXING).unlink(missing_ok=True)


def unfinished(folder: Path | None) -> str:
    """Which run of a store has not finished, and what to type to go on; empty if all have.

    Args:
        folder: Of the store; None for one in memory.
    """
    if folder is None or not (path := folder / INDEXING).exists():
        return ""
    try:
        run = from_document(RunGiven, read_json(path), str(path))
    except (ArtifactError, OSError):  # it finished just now, or the note is damaged
        return ""
    return (
        f"indexing of {', '.join(run.paths)} has not finished. If it is not running any more, go "
        f"on with: {run.typed(folder)}"
    )
