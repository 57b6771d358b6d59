"""The same records seen by several encoders a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.cost import EncoderCost
from isthmus.audit.entrants import PATIENCE, Named, Unusable, entrants, name_of, reason_of
from isthmus.core.contracts import Encoder, Progress, joint_of
from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.datasets import load as load_dataset
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Prepared, prepare
from isthmus.selection.select import MIN_RECORDS

_READABLE = 0.5
"""Share of the items that an encoder must be able to read: rows are those that all can read."""


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
        loaded: The encoders by view and name.
        costs: What each costs here; empty where no view has a choice of encoders.
        total: Records of the data set, of which these may be a sample.
    """

    ready: Prepared
    vectors: Mapping[str, Mapping[str, F32]]
    present: Mapping[str, NDArray[np.bool_]]
    unusable: Sequence[Unusable] = ()
    dataset: Dataset | None = None
    loaded: Mapping[str, Mapping[str, Encoder]] = field(default_factory=dict)
    costs: Sequence[EncoderCost] = ()
    total: int = 0

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

    def record_ms(self, *sides: tuple[str, str]) -> float | None:
        """Milliseconds that encoders, named by view and id, need for one record; None if untold."""
        times = {(cost.view, cost.encoder): cost.item_ms for cost in self.costs}
        known = [times[side] for side in sides if side in times]
        return sum(known) if known else None

    def aligned(self, one: tuple[str, str], other: tuple[str, str]) -> bool:
        """Whether two encoders, by view and name, are towers of one model that share a space."""
        loaded = [self.loaded.get(view, {}).get(name) for view, name in (one, other)]
        joints = [joint_of(encoder) for encoder in loaded if encoder is not None]
        return len(joints) == 2 and joints[0] == joints[1] != ""

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
    race: Sequence[str | Encoder] = (),
    most: int | None = None,
    patience: float = PATIENCE,
    by_group: bool = True,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> EncodedViews:
    """Load a data set and encode it with every encoder that is to be compared.

    Args:
        data: As for :func:`isthmus.pipeline.prepare`, or what that returned.
        encoders: By view, several each.
        race: Further ones, for every view that they can read; see :func:`entrants`.
        most: Records that are encoded, drawn at random; None for all.
        patience: Seconds that one encoder may need before it is left out.
        by_group: Whether records of one group must stay on one side of a split.
        seed: Of the draw.
        cache: Of native vectors.
        progress: Told as work is done.

    Raises:
        DataError: If an encoder is given for what the data do not have.
    """
    if isinstance(data, Prepared):
        return _single(data)
    if isinstance(data, PairedVectors | Mapping):
        return _single(prepare(data, by_group=by_group))
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    joinable(dataset.name, dataset.views, lambda a, b: _shared(dataset, a, b))
    total, dataset = len(dataset), _sample(dataset, most, seed)
    entered = entrants(
        dataset, encoders or {}, race, cache=cache, patience=patience, progress=progress
    )
    first = {m: names[0] for m, names in entered.named.items()}
    ready = prepare(dataset, first, by_group=by_group, cache=cache, progress=progress)
    called = {m: name_of(first[m]) if m in first else "vectors" for m in ready.pairs.views}
    vectors = {m: {called[m]: x} for m, x in ready.pairs.vectors.items()}
    loaded = {m: {called[m]: ready.encoders[m]} for m in vectors}
    present = dict(ready.pairs.present)
    unusable = list(entered.unusable)
    more = [(m, each) for m, names in entered.named.items() if m in vectors for each in names[1:]]
    for m, named in more:
        try:
            x, here, encoder = _further(dataset, ready.pairs, m, named, cache, progress)
        except Exception as error:  # noqa: BLE001  code of strangers; it is listed with this
            unusable.append(Unusable(name_of(named), reason_of(error), m))
            continue
        vectors[m][name_of(named)], loaded[m][name_of(named)] = x, encoder
        present[m] = present[m] & here
    row_of = {record.id: row for row, record in enumerate(dataset.records)}
    shown = dataset.take(row_of[name] for name in ready.pairs.ids)
    return EncodedViews(
        ready, vectors, present, unusable, shown, loaded=loaded, costs=entered.costs, total=total
    )


def _sample(dataset: Dataset, most: int | None, seed: int) -> Dataset:
    """At most so many records with two views or more, drawn at random, in their order."""
    if most is None or len(dataset) <= most:
        return dataset
    joint = [row for row, record in enumerate(dataset.records) if len(record.items) > 1]
    drawn = np.random.default_rng(seed).permutation(joint)[:most]
    return dataset.take(int(row) for row in sorted(drawn))


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
    loaded = {m: {ready.encoders[m].id: ready.encoders[m]} for m in vectors}
    present = dict(ready.pairs.present)
    return EncodedViews(ready, vectors, present, loaded=loaded, total=len(ready.pairs))


def _further(
    dataset: Dataset,
    pairs: PairedVectors,
    view: str,
    encoder: str | Encoder,
    cache: VectorCache | None,
    progress: Progress | None,
) -> tuple[F32, NDArray[np.bool_], Encoder]:
    """Vectors of one more encoder in the rows of ``pairs``, which rows have one, and itself.

    Raises:
        DataError: If it can read less than half of what the first encoder of the view can.
    """

    def told(phase: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{phase} ({name_of(encoder)})", done, total)

    found = prepare(dataset.select([view]), {view: encoder}, cache=cache, progress=told)
    row_of = {name: row for row, name in enumerate(pairs.ids)}
    kept = [(i, row_of[name]) for i, name in enumerate(found.pairs.ids) if name in row_of]
    source, target = np.array(kept, dtype=np.intp).reshape(-1, 2).T
    native = found.pairs.vectors[view]
    x = np.zeros((len(pairs), native.shape[1]), dtype=np.float32)
    x[target] = native[source]
    here = np.zeros(len(pairs), dtype=bool)
    here[target] = found.pairs.present[view][source]
    able, of = int(here.sum()), int(pairs.present[view].sum())
    if able < _READABLE * of:
        said = found.failures[0].reason if found.failures else "no reason given"
        raise DataError(f"it could encode only {able:,} of {of:,} items: {said}")
    return x, here, found.encoders[view]
