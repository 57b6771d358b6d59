"""The same records seen by several encoders a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import DataError, IsthmusError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.datasets import load as load_dataset
from isthmus.encoders import default_for, missing_packages
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Prepared, prepare
from isthmus.selection.select import MIN_RECORDS

CANDIDATES: Mapping[str, tuple[str, ...]] = {
    TEXT: ("universal", "tfidf"),
    IMAGE: ("efficientnet-lite0", "efficientnet-lite2", "color-hog"),
    AUDIO: ("whisper-tiny", "mfcc"),
}
"""What is compared where the user names no encoder and it is installed."""

Named = Mapping[str, Sequence[str | Encoder]]


@dataclass(frozen=True, eq=False)
class EncodedViews:
    """Records with their native vectors by view and encoder.

    Attributes:
        ready: With the first encoder of every view, which is the one ``align`` would
            take.
        vectors: By view and name of the encoder ``(n, dim)``; rows without are zero.
        present: By view ``(n,)`` bool, rows that all of its encoders could read.
        unusable: Encoders that could not be compared, and why.
        dataset: The records, for showing them; None for vectors of the user's.
    """

    ready: Prepared
    vectors: Mapping[str, Mapping[str, F32]]
    present: Mapping[str, NDArray[np.bool_]]
    unusable: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset | None = None

    @property
    def pairs(self) -> PairedVectors:
        """The records with the first encoder of every view."""
        return self.ready.pairs

    def encoders(self, view: str) -> list[str]:
        """Names of the encoders of a view, the first one first."""
        return list(self.vectors[view])

    def rows(self, a: str, b: str) -> NDArray[np.intp]:
        """Rows that every encoder of both views could read."""
        return np.flatnonzero(self.present[a] & self.present[b])

    def item(self, row: int, view: str) -> MediaItem | None:
        """What stands behind a vector, where it is known."""
        record = self.record(row)
        return None if record is None else record.items.get(view)

    def record(self, row: int) -> Record | None:
        """The record of a row, where there is one."""
        if self.dataset is None:
            return None
        return self.dataset.records[row]

    def name(self, row: int) -> str:
        """What the user knows a row by."""
        return str(self.pairs.ids[row]) if self.pairs.ids else f"row {row}"


def encoded_views(
    data: Data | Prepared,
    encoders: Named | None = None,
    *,
    by_group: bool = True,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> EncodedViews:
    """Load a data set and encode it with every encoder that is to be compared.

    Args:
        data: As for :func:`isthmus.pipeline.prepare`, or what that returned.
        encoders: By view, several each; views that are not named get those of
            :data:`CANDIDATES` that are installed.
        by_group: Whether records of one group must stay on one side of a split.
        cache: Of native vectors.
        progress: Told as work is done.

    Raises:
        DataError: If an encoder is given for what the data do not have, or reads
            something else.
    """
    if isinstance(data, Prepared):
        return _single(data)
    if isinstance(data, PairedVectors | Mapping):
        return _single(prepare(data, by_group=by_group))
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    _refuse_unknown(dataset, encoders or {})
    joinable(dataset.name, dataset.views, lambda a, b: _shared(dataset, a, b))
    wanted = {m: _wanted(dataset, m, encoders or {}) for m in dataset.views}
    first = {m: names[0] for m, names in wanted.items() if names}
    ready = prepare(dataset, first, by_group=by_group, cache=cache, progress=progress)
    vectors = {
        m: {_name(first[m]) if m in first else "vectors": x} for m, x in ready.pairs.vectors.items()
    }
    present = dict(ready.pairs.present)
    unusable: dict[str, str] = {}
    for m, names in wanted.items():
        named = m in (encoders or {})
        for encoder in names[1:] if m in vectors else ():
            try:
                x, here = _further(dataset, ready.pairs, m, encoder, cache, progress)
            except IsthmusError as error:
                if named:
                    raise
                unusable[_name(encoder)] = str(error)
                continue
            vectors[m][_name(encoder)] = x
            present[m] = present[m] & here
    row_of = {record.id: row for row, record in enumerate(dataset.records)}
    shown = dataset.take(row_of[name] for name in ready.pairs.ids)
    return EncodedViews(ready, vectors, present, unusable, shown)


def joinable(
    name: str, views: Sequence[str], shared: Callable[[str, str], int]
) -> list[tuple[str, str]]:
    """Pairs of views that share enough records to hold some out.

    Args:
        name: Of the data set.
        views: Which it has.
        shared: How many records have both of two.

    Raises:
        DataError: If there are none.
    """
    if len(views) < 2:
        raise DataError(
            f"{name} has only the view {views[0]}, need two; give files that belong together the "
            "same name (cat.png, cat.txt) or put them into one table row"
        )
    found = {(a, b): shared(a, b) for a, b in combinations(views, 2)}
    enough = [pair for pair, n in found.items() if n >= MIN_RECORDS]
    if not enough:
        counts = ", ".join(f"{a}–{b}: {n}" for (a, b), n in found.items())
        raise DataError(
            f"{name}: too few records have two views ({counts}), need at least "
            f"{MIN_RECORDS}, because some are held out for the test; add records"
        )
    return enough


def _shared(dataset: Dataset, a: str, b: str) -> int:
    return sum(a in record.items and b in record.items for record in dataset.records)


def _single(ready: Prepared) -> EncodedViews:
    vectors = {m: {ready.encoders[m].id: x} for m, x in ready.pairs.vectors.items()}
    return EncodedViews(ready, vectors, dict(ready.pairs.present))


def _wanted(dataset: Dataset, view: str, given: Named) -> list[str | Encoder]:
    """Encoders to compare, the first of which the rest of the diagnosis uses."""
    first = next(r.items[view] for r in dataset.records if view in r.items)
    vectors = isinstance(first.payload, np.ndarray)
    if vectors and view in given:
        raise DataError(f"{view} of {dataset.name} are vectors already; give no encoder for it")
    if vectors:
        return []
    if given.get(view):
        return list(dict.fromkeys(given[view]))
    ids = [name for name in CANDIDATES.get(view, ()) if not missing_packages(name)]
    return list(dict.fromkeys([default_for(view), *ids]))


def _further(
    dataset: Dataset,
    pairs: PairedVectors,
    view: str,
    encoder: str | Encoder,
    cache: VectorCache | None,
    progress: Progress | None,
) -> tuple[F32, NDArray[np.bool_]]:
    """Vectors of one more encoder, in the rows of ``pairs``, and which rows have one."""

    def told(phase: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{phase} ({_name(encoder)})", done, total)

    found = prepare(dataset.select([view]), {view: encoder}, cache=cache, progress=told)
    row_of = {name: row for row, name in enumerate(pairs.ids)}
    kept = [(i, row_of[name]) for i, name in enumerate(found.pairs.ids) if name in row_of]
    source, target = np.array(kept, dtype=np.intp).reshape(-1, 2).T
    native = found.pairs.vectors[view]
    x = np.zeros((len(pairs), native.shape[1]), dtype=np.float32)
    x[target] = native[source]
    here = np.zeros(len(pairs), dtype=bool)
    here[target] = found.pairs.present[view][source]
    return x, here


def _refuse_unknown(dataset: Dataset, given: Named) -> None:
    unknown = [m for m in given if m not in dataset.views]
    if unknown:
        raise DataError(
            f"an encoder was given for {unknown[0]}, but {dataset.name} has "
            f"{', '.join(dataset.views)}"
        )


def _name(encoder: str | Encoder) -> str:
    return encoder if isinstance(encoder, str) else encoder.id
