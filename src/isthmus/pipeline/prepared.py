"""A data set as native vectors: loaded, encoded, and linked where records belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import cache_dir
from isthmus.core.record import Dataset, Failure
from isthmus.core.rows import families
from isthmus.datasets import load as load_dataset
from isthmus.encoders import default_for
from isthmus.encoders import load as load_encoder
from isthmus.encoders.vectors import VectorEncoder
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.encode import encode_records
from isthmus.pipeline.splits import linked_groups

Data = str | Path | Dataset | PairedVectors | Mapping[str, NDArray[Any]]
Encoders = Mapping[str, str | Encoder]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set as native vectors, with the encoders that made them.

    Attributes:
        name: Of the data set.
        pairs: One row a record; ``groups`` are the categories of the user's, if any.
        links: ``(n,)`` labels of rows that must stay on one side of a split.
        encoders: By modality.
        specs: What names each encoder; empty for an object of the user's.
        failures: What was left out, and why.
    """

    name: str
    pairs: PairedVectors
    links: NDArray[np.intp]
    encoders: Mapping[str, Encoder]
    specs: Mapping[str, str]
    failures: Sequence[Failure] = ()

    def take(self, rows: NDArray[Any]) -> Prepared:
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
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Load and encode a data set.

    Args:
        data: A name, path or :class:`Dataset`; or vectors, which need no encoders.
        encoders: By modality, as ids or objects; what is missing gets the default.
        by_group: Whether records of one group must stay on one side of a split.
        cache: Of native vectors; None computes all anew.
        progress: Told as work is done.
    """
    if isinstance(data, Mapping):
        data = PairedVectors(data)
    if isinstance(data, PairedVectors):
        return _prepare_vectors(data, by_group=by_group)
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    chosen, specs = _encoders(dataset, encoders or {})
    pairs, failures = encode_records(dataset, chosen, cache=cache, progress=progress)
    row_of = {record.id: row for row, record in enumerate(dataset.records)}
    records = [dataset.records[row_of[name]] for name in pairs.ids]
    for m in pairs.modalities:
        if m not in chosen:
            chosen[m] = VectorEncoder(m, pairs.vectors[m].shape[1], dataset.name)
            specs[m] = "vectors"
    links = linked_groups(records, by_group=by_group)
    return Prepared(dataset.name, pairs, links, chosen, specs, [*dataset.skipped, *failures])


def _encoders(dataset: Dataset, given: Encoders) -> tuple[dict[str, Encoder], dict[str, str]]:
    unknown = [m for m in given if m not in dataset.modalities]
    if unknown:
        raise DataError(
            f"an encoder was given for {unknown[0]}, but {dataset.name} has "
            f"{', '.join(dataset.modalities)}"
        )
    chosen: dict[str, Encoder] = {}
    specs: dict[str, str] = {}
    for m in dataset.modalities:
        items = [record.items[m] for record in dataset.records if m in record.items]
        if isinstance(items[0].payload, np.ndarray):
            continue
        named = given.get(m) or default_for(m)
        chosen[m] = load_encoder(named) if isinstance(named, str) else named
        specs[m] = named if isinstance(named, str) else ""
        if chosen[m].modality != m:
            raise DataError(f"{chosen[m].id} reads {chosen[m].modality}, not {m}")
        learn = getattr(chosen[m], "fit", None)
        if learn is not None and isinstance(named, str):  # an object is as its owner left it
            learn([text for item in items for text in item.captions])
    return chosen, specs


def _prepare_vectors(pairs: PairedVectors, *, by_group: bool) -> Prepared:
    if not pairs.ids:  # so that rows keep their numbers where only some of them are used
        pairs = replace(pairs, ids=[f"row {row}" for row in range(len(pairs))])
    encoders = {m: VectorEncoder(m, x.shape[1], "yours") for m, x in pairs.vectors.items()}
    links = np.arange(len(pairs))
    if by_group and pairs.groups is not None:
        links = np.array(families([() if g is None else (g,) for g in pairs.groups]))
    return Prepared("vectors", pairs, links, encoders, dict.fromkeys(encoders, "vectors"))
