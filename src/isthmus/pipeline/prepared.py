"""A data set as native vectors: loaded, encoded, and linked where records belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Fitted, Progress
from isthmus.core.errors import DataError
from isthmus.core.linalg import Array
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import cache_dir
from isthmus.core.record import Dataset, Failure
from isthmus.core.rows import families
from isthmus.core.view import MEDIA_MODALITIES, VECTOR, View, meant
from isthmus.datasets import has_columns, has_option
from isthmus.datasets import load as load_dataset
from isthmus.datasets.plain import Again
from isthmus.datasets.roles import not_named, parse_role
from isthmus.encoders import default_for, resolve
from isthmus.encoders import load as load_encoder
from isthmus.encoders.vectors import VectorEncoder
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.encode import encode_records
from isthmus.pipeline.given import check_data, check_encoders, vectors_of
from isthmus.pipeline.splits import linked_groups

Data = str | Path | Dataset | PairedVectors | Mapping[str, Array]
Encoders = Mapping[str, str | Encoder]
VECTORS = "vectors"
"""The id of the encoder of a view that is vectors already."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set as native vectors, with the encoders that made them.

    Attributes:
        name: Of the data set.
        pairs: One row a record; ``groups`` are the categories of the user's, if any.
        links: ``(n,)`` labels of rows that must stay on one side of a split.
        encoders: By view.
        specs: What names each encoder; empty for an object of the user's.
        failures: What was left out, and why.
        notes: Of the data set, such as columns that were not read.
        columns: Of the data set: what the user said that columns of its table hold.
    """

    name: str
    pairs: PairedVectors
    links: NDArray[np.intp]
    encoders: Mapping[str, Encoder]
    specs: Mapping[str, str]
    failures: Sequence[Failure] = ()
    notes: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def take(self, rows: Array) -> Prepared:
        """The records at ``rows`` (indices or a mask), with the same encoders."""
        return replace(self, pairs=self.pairs.take(rows), links=self.links[rows])


def default_cache() -> VectorCache:
    """Native vectors by content and encoder, kept between runs."""
    return VectorCache(cache_dir() / "vectors.sqlite")


def prepare(
    data: Data,
    encoders: Encoders | None = None,
    *,
    by_group: bool = True,
    paired: bool = False,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Load and encode a data set.

    Args:
        data: A name, path or :class:`Dataset`; or vectors, which need no encoders.
        encoders: By view, as ids or objects; what is missing gets the default of its modality.
            In a table, a column of that name is taken as this view.
        by_group: Whether records of one group must stay on one side of a split.
        paired: Whether some record must have two views or more.
        cache: Of native vectors; None computes all anew.
        progress: Told as work is done.

    Raises:
        DataError: If the data are to be paired and are not, before anything is encoded.
    """
    check_data(data)
    check_encoders(encoders or {})
    if isinstance(data, Mapping):
        data = vectors_of(data)
    if isinstance(data, PairedVectors):
        return _prepare_vectors(data, by_group=by_group)
    known = data.modalities if isinstance(data, Dataset) else {}
    given = {
        view: _loaded(named, known.get(view, view)) for view, named in (encoders or {}).items()
    }
    read = {view: encoder.modality for view, encoder in given.items()}
    dataset = data if isinstance(data, Dataset) else load_for(data, read)
    chosen, specs = _encoders(dataset, given, encoders or {})
    if paired:
        check_paired(dataset)
    pairs, failures = encode_records(dataset, chosen, cache=cache, progress=progress)
    row_of = {record.id: row for row, record in enumerate(dataset.records)}
    records = [dataset.records[row_of[name]] for name in pairs.ids]
    for view in pairs.views:
        if view not in chosen:
            dim = pairs.vectors[view].shape[1]
            chosen[view] = VectorEncoder(dim, f"{dataset.name}: {view}")
            specs[view] = VECTORS
    links = linked_groups(records, by_group=by_group)
    left_out = [*dataset.skipped, *failures]
    told = (left_out, dataset.notes, dataset.columns)
    return Prepared(dataset.name, pairs, links, chosen, specs, *told)


def check_paired(dataset: Dataset) -> None:
    """Refuse records of which none has two views.

    Raises:
        DataError: With the way out.
    """
    if dataset.records and all(len(record.items) < 2 for record in dataset.records):
        sizes = Counter(view for record in dataset.records for view in record.items)
        raise unpaired(dataset.name, sizes, dataset.notes)


def unpaired(name: str, sizes: Mapping[str, int], notes: Sequence[str]) -> DataError:
    """What to say of records of which none has two views.

    Args:
        name: Of the data set.
        sizes: How many records have each view.
        notes: Of the data set.
    """
    has = ", ".join(f"{size} of {view}" for view, size in sizes.items())
    what = [
        f"{name}: no record has two views (records: {has})",
        *notes[:3],
        "give files that belong together the same name (cat.png, cat.txt) or put them into one "
        "table row",
    ]
    return DataError("; ".join(what))


def _loaded(named: str | Encoder, modality: str) -> Encoder:
    """An encoder; where its model reads several modalities, that of the view if it is known."""
    if not isinstance(named, str):
        return named
    return resolve(named, {}, modality=modality if modality in MEDIA_MODALITIES else None)


def load_for(
    data: str | Path, modalities: Mapping[str, str], again: Again | None = None, **options: Any
) -> Dataset:
    """Load a data set; in a table, columns are taken as the views of their names.

    Args:
        data: A name or path.
        modalities: Of the views that are needed. ``columns=`` among the options goes before.
        again: How an earlier table was read, if this one is to be read so, too. Columns of a view
            that ``columns=`` names are not read for it any more.
        **options: As for :func:`isthmus.datasets.load`.
    """
    views = [View(view, modality) for view, modality in modalities.items() if view != modality]
    named = {view.name: str(view) for view in views}
    if again is not None and has_option(data, "fields"):
        before = {**named, **again.columns}
        left = not_named(before, options.get("columns") or {})
        options.setdefault("fields", replace(again, columns=left))
    elif views and "columns" not in options and has_columns(data):
        options["columns"] = named
    return load_dataset(data, **options)


def of_views(columns: Mapping[str, str], used: Collection[str]) -> dict[str, str]:
    """What columns hold that views are read from, but for views that are not used.

    Args:
        columns: As the user said, see :attr:`isthmus.Dataset.columns`.
        used: Names of views.
    """
    read = {name: parse_role(role) for name, role in columns.items()}
    return {
        name: str(role)
        for name, role in read.items()
        if not isinstance(role, View) or role.name in used
    }


def _encoders(
    dataset: Dataset, given: Mapping[str, Encoder], named: Encoders
) -> tuple[dict[str, Encoder], dict[str, str]]:
    if unknown := [view for view in given if view not in dataset.views]:
        has = ", ".join(f"{view} ({m})" for view, m in dataset.modalities.items())
        hint = meant(unknown[0], dataset.views)
        raise DataError(
            f"an encoder was given for {unknown[0]}, but {dataset.name} has {has}.{hint}"
        )
    chosen: dict[str, Encoder] = {}
    specs: dict[str, str] = {}
    for view, modality in dataset.modalities.items():
        if modality == VECTOR:
            if view in given:
                chosen[view], specs[view] = _given_vectors(dataset, view, given[view], named[view])
            continue
        name = named.get(view) or default_for(modality)
        encoder = given.get(view) or load_encoder(default_for(modality))
        # An object is as its owner left it.
        encoder_for(dataset, view, encoder, fit=isinstance(name, str))
        chosen[view], specs[view] = encoder, name if isinstance(name, str) else ""
    return chosen, specs


def _given_vectors(
    dataset: Dataset, view: str, encoder: Encoder, named: str | Encoder
) -> tuple[Encoder, str]:
    """The encoder of a view of vectors, and what names it.

    Raises:
        DataError: If it stands for vectors of another dimension, or reads something else.
    """
    if encoder.modality != VECTOR:
        raise DataError(
            f"{encoder.id} reads {encoder.modality}, but the view {view!r} of {dataset.name} holds "
            "vectors, which need no encoder"
        )
    if not isinstance(encoder, VectorEncoder):
        return encoder, named if isinstance(named, str) else ""
    record = next(each for each in dataset.records if view in each.items)
    dim = len(np.asarray(record.items[view].payload))
    if dim != encoder.dim:
        raise DataError(
            f"{dataset.name}: the view {view!r} has vectors of {dim} numbers, need {encoder.dim} "
            f"as in {encoder.name!r}; give vectors of the same encoder"
        )
    return encoder, VECTORS


def encoder_for(dataset: Dataset, view: str, named: str | Encoder, *, fit: bool = True) -> Encoder:
    """The encoder of a view: loaded, known to read it, and fitted on its texts if it has to be.

    Args:
        dataset: What has the view.
        view: Of the data set.
        named: An id or an encoder.
        fit: Whether one that learns from texts is fitted on all of the view.

    Raises:
        DataError: If it reads another modality.
    """
    modality = dataset.modalities[view]
    encoder = _loaded(named, modality)
    if encoder.modality != modality:
        raise DataError(
            f"{encoder.id} reads {encoder.modality}, but the view {view!r} holds {modality}; "
            f"its default encoder is {default_for(modality)}"
        )
    if fit and isinstance(encoder, Fitted):
        items = [record.items[view] for record in dataset.records if view in record.items]
        encoder.fit([text for item in items for text in item.captions])
    return encoder


def _prepare_vectors(pairs: PairedVectors, *, by_group: bool) -> Prepared:
    if not pairs.ids:  # so that rows keep their numbers where only some of them are used
        pairs = replace(pairs, ids=[f"row {row}" for row in range(len(pairs))])
    encoders = {
        view: VectorEncoder(x.shape[1], f"yours: {view}") for view, x in pairs.vectors.items()
    }
    links = np.arange(len(pairs))
    if by_group and pairs.groups is not None:
        links = np.array(families([() if g is None else (g,) for g in pairs.groups]))
    return Prepared("vectors", pairs, links, encoders, dict.fromkeys(encoders, VECTORS))
