"""Spaces that were chosen before: the same vectors and settings are not searched again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from inspect import getsource
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.aligners import ALIGNERS
from isthmus.core.artifact import DOCUMENT, content_hash, fingerprint
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import Array
from isthmus.space import starter
from isthmus.space.space import Space

if TYPE_CHECKING:
    from isthmus.pipeline.cache import VectorCache
    from isthmus.pipeline.prepared import Prepared

MAX_BYTES = 1 << 30
"""Beyond this, hashing the vectors is no longer a small part of the work."""

LEARNS = ("core", "metrics", "moments", "training", "aligners", "graph")
"""Parts of isthmus that have a say in whatever is learned."""
_CODE = (*LEARNS, "pipeline", "space", "selection")


class Remembered:
    """Where the space of exactly these vectors, settings and this code is kept.

    Args:
        folder: Of all remembered spaces; None remembers nothing.
        ready: Vectors and encoders.
        settings: Everything else that the result depends on.
    """

    def __init__(
        self, folder: Path | None, ready: Prepared, settings: Sequence[object] = ()
    ) -> None:
        size = sum(x.nbytes for x in ready.pairs.vectors.values())
        self._path = None
        if folder is not None and size <= MAX_BYTES:
            self._path = folder / _key(ready, settings)

    @classmethod
    def beside(
        cls, cache: VectorCache | None, ready: Prepared, settings: Sequence[object] = ()
    ) -> Remembered:
        """Kept beside a cache of vectors; without one, nothing is remembered."""
        return cls(None if cache is None else cache.path.parent / "spaces", ready, settings)

    def load(self) -> Space | None:
        """The space, or None where there is none or it cannot be read."""
        if self._path is None or not self._path.is_dir():
            return None
        try:
            return Space.load(self._path)
        except ArtifactError:
            return None

    def keep(self, space: Space) -> Space:
        """The same space, kept for next time."""
        if self._path is not None:
            space.save(self._path)
        return space


def _key(ready: Prepared, settings: Sequence[object]) -> str:
    document = {
        "code": code_key(_CODE),
        "own_aligners": _own_aligners(),
        "encoders": {m: encoder.fingerprint for m, encoder in ready.encoders.items()},
        "specs": dict(ready.specs),
        "name": ready.name,
        "ids": list(ready.pairs.ids),
        "groups": None if ready.pairs.groups is None else [str(g) for g in ready.pairs.groups],
        "left_out": [[f.source, f.reason] for f in ready.failures],
        "settings": list(settings),
    }
    tensors: dict[str, Array] = {f"{m}.x": x for m, x in ready.pairs.vectors.items()}
    tensors.update({f"{m}.present": mask for m, mask in ready.pairs.present.items()})
    return fingerprint(document, {**tensors, "links": ready.links})


def _own_aligners() -> dict[str, str]:
    """Names the code of registered aligners that do not come with isthmus."""
    found = {}
    for name, target in ALIGNERS.describe().items():
        if target.partition(".")[0] != "isthmus":
            kind = ALIGNERS.get(name)
            found[name] = content_hash(getsource(kind).encode())
    return found


@lru_cache(maxsize=4)
def code_key(packages: tuple[str, ...]) -> str:
    """Names the code that chooses, so that a changed method is not answered from before.

    What the starter space learned of encoders counts as code, since other spaces use it.

    Args:
        packages: Parts of isthmus that have a say.
    """
    root = Path(str(resources.files("isthmus")))
    sources = [
        file.read_bytes() for package in packages for file in sorted((root / package).rglob("*.py"))
    ]
    learned = starter.folder() / DOCUMENT
    if learned.is_file():
        sources.append(learned.read_bytes())
    return content_hash(b"\0".join(sources))
