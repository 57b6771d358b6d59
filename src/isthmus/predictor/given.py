"""What a user hands a predictor: data sets, records, things by view, vectors; as a data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from isthmus.core.errors import DataError, InputError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import expanded
from isthmus.core.record import Dataset, Record
from isthmus.core.view import VECTOR
from isthmus.core.wording import did_you_mean, kind_of
from isthmus.datasets import has_columns
from isthmus.datasets.kinds import typed
from isthmus.datasets.plain import Again
from isthmus.datasets.roles import lacking
from isthmus.datasets.table import names_in
from isthmus.pipeline.prepared import load_for
from isthmus.predictor.asked import Asked
from isthmus.predictor.sources import Sources
from isthmus.space.things import as_item

Thing: TypeAlias = "Mapping[str, Any]"
"""By view, a text, a path or a vector; by column, a number or a text. What is missing may lack."""
Predicted: TypeAlias = (
    "str | Path | Dataset | PairedVectors | Record | Thing | Sequence[Record | Thing]"
)
_NEED = (
    "a path, a Dataset, records, vectors by view, or what a record holds by view and column: "
    "{'text': 'a review', 'stars': 4}"
)
_ID = "id"
_MOST_NAMES = 20
"""Columns that a message names."""


def dataset_of(
    data: Predicted,
    sources: Sources,
    asked: Asked,
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Records of what a user hands in.

    Args:
        data: See :data:`Predicted`.
        sources: Views of the predictor.
        asked: How its plain columns, and those of its target, are read; what columns of a table
            hold; and what a record may have of which nothing is made.
        options: Of the data set, where ``data`` is its name or path.

    Raises:
        DataError: If it cannot be read, or a thing has an unknown view or column.
    """
    if isinstance(data, Dataset):
        return _renamed(data, sources)
    if isinstance(data, str | Path):
        read = _renamed(_loaded(data, sources, asked, options or {}), sources)
        return replace(read, notes=[*read.notes, *lacking(read.views, asked.columns)])
    if (vectors := vectors_given(data)) is not None:
        return vectors
    things: Any = [data] if isinstance(data, Record | Mapping) else data
    if isinstance(things, Sequence) and all(isinstance(x, Record | Mapping) for x in things):
        numbered = enumerate(things, start=1)
        passed = frozenset([_ID, *asked.unused])
        made = [_record(x, f"row {n}", sources, asked.kinds, passed) for n, x in numbered]
        return Dataset("records", made)
    raise InputError(f"need {_NEED}; got {kind_of(data)}")


def _loaded(data: str | Path, sources: Sources, asked: Asked, given: Mapping[str, Any]) -> Dataset:
    """A data set by name or path, its columns read as they were when the predictor was made."""
    modalities = {view: ref.modality for view, ref in sources.encoders.items()}
    try:
        return load_for(data, modalities, Again(asked.kinds, asked.columns), **given)
    except DataError as error:
        needed = sources.cells(asked.views)
        place = expanded(data)
        there = names_in(place) if "columns" not in given and _is_table(place) else ()
        if not there or not set(there).isdisjoint(needed):
            raise
        raise DataError(
            f"{data} has no column that the predictor reads. It reads {_listed(needed)}; the table "
            f"has {_listed(there)}"
        ) from error


def _is_table(place: Path) -> bool:
    return place.is_file() and has_columns(place)


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _renamed(dataset: Dataset, sources: Sources) -> Dataset:
    """Views by the names that the predictor has for them, where only one can be meant."""
    known = dataset.modalities
    wanted = {v: ref.modality for v, ref in sources.encoders.items() if v not in known}
    spare = {v: m for v, m in known.items() if v not in sources.encoders}
    names: dict[str, str] = {}
    for view, modality in wanted.items():
        fits = [v for v, m in spare.items() if m == modality]
        if len(fits) == 1 and list(wanted.values()).count(modality) == 1 and modality != VECTOR:
            names[fits[0]] = view
    if not names:
        return dataset
    notes = [f"{mine} is taken as the view {view!r}" for mine, view in names.items()]
    records = [
        replace(record, items={names.get(v, v): item for v, item in record.items.items()})
        for record in dataset.records
    ]
    return replace(dataset, records=records, notes=[*dataset.notes, *notes])


def _record(
    thing: Record | Thing,
    name: str,
    sources: Sources,
    kinds: Mapping[str, str],
    passed: Collection[str],
) -> Record:
    if isinstance(thing, Record):
        return thing
    items: dict[str, MediaItem] = {}
    fields: dict[str, Value] = {}
    for key, given in thing.items():
        if key in sources.encoders:
            if given is not None and not (isinstance(given, str) and not given.strip()):
                ref = sources.encoders[key]
                items[key] = as_item(given, ref.modality, ref.dim)
        elif key in kinds:
            try:
                value = typed(given, kinds[key])
            except DataError as error:
                raise DataError(f"{name}, column {key}: {error}") from error
            if value is not None:
                fields[key] = value
        elif key not in passed:
            known = [*sources.encoders, *kinds]
            raise DataError(
                f"{name}: the predictor knows no view and no column {key!r}; it knows "
                f"{', '.join(known)}.{did_you_mean(key, known)}"
            )
    return Record(str(thing.get(_ID, name.rpartition(" ")[2])), items, fields=fields)


def _of_vectors(pairs: PairedVectors) -> Dataset:
    """Vectors as the items of records."""
    ids = list(pairs.ids) or [str(row + 1) for row in range(len(pairs))]
    groups = pairs.groups
    records = [
        Record(
            name,
            {
                view: MediaItem.from_vector(x[row], source=f"row {row + 1}, {view}")
                for view, x in pairs.vectors.items()
                if pairs.present[view][row]
            },
            group=None if groups is None or groups[row] is None else str(groups[row]),
        )
        for row, name in enumerate(ids)
    ]
    return Dataset("vectors", records)


def vectors_given(data: object) -> Dataset | None:
    """Vectors by view as a data set; None if data are something else."""
    if isinstance(data, PairedVectors):
        return _of_vectors(data)
    if not isinstance(data, Mapping) or not data:
        return None
    if any(getattr(x, "ndim", None) != 2 for x in data.values()):
        return None
    return _of_vectors(PairedVectors(data))
