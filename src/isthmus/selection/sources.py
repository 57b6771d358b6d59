"""Other data that a space may learn from, encoded as the data set itself is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.datasets import load as load_dataset
from isthmus.moments import Moments
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Prepared, prepare
from isthmus.selection.folds import source_moments


def moments_of_sources(
    ready: Prepared,
    sources: Mapping[str, Data | Prepared],
    cache: VectorCache | None,
    progress: Progress | None,
) -> dict[str, Moments]:
    """Moments of other sources, encoded by the encoders of the target.

    Args:
        ready: The target.
        sources: By name.
        cache: Of native vectors.
        progress: Told as work is done.

    Raises:
        DataError: If a source was encoded otherwise, or has no two views of the target.
    """
    found: dict[str, PairedVectors] = {}
    for name, data in sources.items():
        other = data if isinstance(data, Prepared) else _alike(data, ready, cache, progress)
        for m in ready.pairs.views:
            if m not in other.pairs.views:
                continue
            got, need = other.encoders[m].fingerprint, ready.encoders[m].fingerprint
            if got != need:
                raise DataError(
                    f"source {name}: its {m} was encoded by {other.encoders[m].id}, but {m} of "
                    f"{ready.name} by {ready.encoders[m].id}; use the same encoder for both"
                )
        found[name] = other.pairs
    made = source_moments(ready.pairs, found)
    if lost := [name for name in found if name not in made]:
        raise DataError(
            f"source {lost[0]} has {', '.join(found[lost[0]].views)}, need two views of "
            f"{', '.join(ready.pairs.views)}"
        )
    return made


def _alike(
    data: Data, ready: Prepared, cache: VectorCache | None, progress: Progress | None
) -> Prepared:
    """Another data set, encoded as the first one was."""
    if isinstance(data, str | Path):
        data = load_dataset(data)
    if not isinstance(data, Dataset):
        return prepare(data)
    known = {m: encoder for m, encoder in ready.encoders.items() if m in data.views}
    return prepare(data.select(known), known, cache=cache, progress=progress)
