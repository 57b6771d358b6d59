"""Records of the user's, encoded as models that were trained before want them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import DataError, InputError, VectorError
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Encoders, Prepared, load_for, prepare
from isthmus.selection.bridge import Seen


@dataclass(frozen=True, eq=False)
class Records:
    """Records of the user's.

    Attributes:
        ready: As native vectors; views that the models have are called as theirs.
        dataset: The records; None where there are only vectors.
    """

    ready: Prepared
    dataset: Dataset | None

    @property
    def seen(self) -> Seen | None:
        """What a bridge between models can use of them."""
        if self.dataset is None:
            return None
        pairs = self.ready.pairs
        return Seen(self.dataset, {v: pairs.vectors[v][pairs.rows(v)] for v in pairs.views})


def read_records(
    data: Data | Prepared,
    towers: Mapping[str, Encoder],
    encoders: Encoders | None,
    fixed: Collection[str],
    *,
    by_group: bool,
    cache: VectorCache | None,
    progress: Progress | None,
) -> Records:
    """Encode records: views of models by their towers, others by their own encoders.

    Args:
        data: What the user has.
        towers: By view of the models.
        encoders: Of other views, by the user.
        fixed: Views that only their towers can read.
        by_group: Whether records of one group must stay on one side of a split.
        cache: Of native vectors.
        progress: Told as work is done.

    Raises:
        InputError: If an encoder is given for a view whose head stays.
        VectorError: If vectors have another dimension than the tower of their view.
    """
    given = dict(encoders or {})
    for view in given:
        if view in fixed:
            raise InputError(
                f"the head of {view} stays, so its encoder does too: {towers[view].id}; leave out "
                f"the encoder that was given for {view}"
            )
    if isinstance(data, Prepared):
        return Records(_same_towers(data, towers), None)
    if isinstance(data, PairedVectors) or not isinstance(data, str | Path | Dataset):
        return Records(_of_vectors(prepare(data, by_group=by_group), towers), None)
    if isinstance(data, str | Path):
        named = {v: each.modality for v, each in given.items() if isinstance(each, Encoder)}
        data = load_for(data, named)
    dataset = as_views_of(towers, data, given)
    chosen = {view: tower for view, tower in towers.items() if view in dataset.views} | given
    ready = prepare(dataset, chosen, by_group=by_group, cache=cache, progress=progress)
    return Records(ready, dataset)


def as_views_of(
    towers: Mapping[str, Encoder], dataset: Dataset, others: Collection[str] = ()
) -> Dataset:
    """Records whose views are called as those of the models that read them.

    A view of another name belongs to the only tower of its modality, if it is the only one
    of that modality. Others stay as they are.

    Args:
        towers: By view.
        dataset: The records.
        others: Views that have an encoder of their own.
    """
    free = {
        view: modality
        for view, modality in dataset.modalities.items()
        if view not in towers and view not in others
    }
    names: dict[str, str] = {}
    for view, modality in free.items():
        fits = [t for t, e in towers.items() if e.modality == modality and t not in dataset.views]
        if len(fits) == 1 and list(free.values()).count(modality) == 1:
            names[view] = fits[0]
    if not names:
        return dataset
    renamed = [
        replace(record, items={names.get(v, v): item for v, item in record.items.items()})
        for record in dataset.records
    ]
    return replace(dataset, records=renamed)


def _same_towers(ready: Prepared, towers: Mapping[str, Encoder]) -> Prepared:
    for view, tower in towers.items():
        own = ready.encoders.get(view)
        if own is not None and own.fingerprint != tower.fingerprint:
            raise DataError(
                f"{view} of {ready.name} was encoded by {own.id}, and its tower is {tower.id}; "
                "give the data set itself, so that it is encoded anew"
            )
    return ready


def _of_vectors(ready: Prepared, towers: Mapping[str, Encoder]) -> Prepared:
    """Vectors, of which those of the models' views were made by their towers."""
    known = {view: tower for view, tower in towers.items() if view in ready.pairs.views}
    for view, tower in known.items():
        got = ready.pairs.vectors[view].shape[1]
        if got != tower.dim:
            raise VectorError(f"{view}: {tower.id} gives {tower.dim} numbers, got {got}")
    return replace(ready, encoders={**ready.encoders, **known})
