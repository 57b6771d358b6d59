"""Where the vectors of each view of a predictor come from: encoders, and plain columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Failure
from isthmus.core.view import VECTOR, View, no_view
from isthmus.pipeline import VectorCache, encode_items
from isthmus.predictor.columns import Columns
from isthmus.space.encoder_ref import EncoderRef


@dataclass(frozen=True, eq=False)
class Sources:
    """Encoders and columns of the views of a predictor.

    Attributes:
        encoders: By view.
        columns: By view.
        loaded: Encoders that were loaded or attached.
    """

    encoders: Mapping[str, EncoderRef]
    columns: Mapping[str, Columns]
    loaded: dict[str, Encoder] = field(default_factory=dict)

    @property
    def dims(self) -> dict[str, int]:
        """Length of the vectors by view."""
        dims = {view: ref.dim for view, ref in self.encoders.items()}
        return dims | {view: each.dim for view, each in self.columns.items()}

    def cells(self, named: Mapping[str, View]) -> list[str]:
        """Columns of a table that the views are read from.

        Args:
            named: Views by the columns that held them; others are in the column of their name.
        """
        read = {role.name: column for column, role in named.items()}
        plain: list[str] = []
        for each in self.columns.values():
            plain += [column.name for column in each.numbers]
            plain += [column.name for column in each.categories]
        return [*(read.get(view, view) for view in self.encoders), *plain]

    def encoder(self, view: str) -> Encoder:
        """The encoder of a view, loaded when first asked for.

        Raises:
            InputError: If no such view has an encoder.
            IsthmusError: If it is not to be had, or another one than the predictor was made with.
        """
        if view not in self.encoders:
            raise no_view(view, self.encoders)
        if view not in self.loaded:
            self.loaded[view] = self.encoders[view].load()
        return self.loaded[view]

    def attach(self, encoder: Encoder, view: str | None = None) -> None:
        """Use an encoder object of the user's, if it is the one the predictor was made with.

        Args:
            encoder: What turns items into vectors.
            view: Whose it is; default: the only view of its modality.

        Raises:
            InputError: If no view, or several, have its modality.
            FingerprintError: If it is another one.
        """
        fits = [v for v, ref in self.encoders.items() if ref.modality == encoder.modality]
        if view is None and len(fits) != 1:
            raise InputError(
                f"{len(fits)} views read {encoder.modality}; name the one that you mean: "
                "predictor.attach(encoder, view)"
            )
        name = fits[0] if view is None else view
        if name not in self.encoders:
            raise no_view(name, self.encoders)
        self.encoders[name].check(encoder)
        self.loaded[name] = encoder

    def vectors(
        self,
        dataset: Dataset,
        *,
        cache: VectorCache | None = None,
        progress: Progress | None = None,
    ) -> tuple[PairedVectors, list[Failure]]:
        """Native vectors of all records, also of those that have none of the views.

        Args:
            dataset: Records.
            cache: Of native vectors.
            progress: Told as items are encoded.

        Returns:
            Row ``i`` for record ``i``, and items that could not be used.
        """
        vectors: dict[str, F32] = {}
        present: dict[str, NDArray[np.bool_]] = {}
        failures: list[Failure] = []
        known = dataset.modalities
        for view, ref in self.encoders.items():
            if view in known and known[view] != ref.modality:
                raise DataError(
                    f"the view {view!r} of the predictor reads {ref.modality}, but {dataset.name} "
                    f"has {known[view]} there"
                )
            rows = [i for i, record in enumerate(dataset.records) if view in record.items]
            vectors[view] = np.zeros((len(dataset), ref.dim), dtype=np.float32)
            present[view] = np.zeros(len(dataset), dtype=bool)
            if not rows:
                continue
            items = [dataset.records[i].items[view] for i in rows]
            encoder = self.encoder(view)
            if ref.modality == VECTOR:
                _check_dims(f"{dataset.name}, {view}", ref.dim, items)
            done = encode_items(items, encoder, cache=cache, progress=progress, name=view)
            vectors[view][rows], present[view][rows] = done.vectors, done.ok
            failures += done.failures
        for view, columns in self.columns.items():
            here = columns.present(dataset.records)
            present[view] = here
            vectors[view] = np.where(here[:, None], columns.transform(dataset.records), 0)
        ids = [record.id for record in dataset.records]
        return PairedVectors(vectors, present, ids, groups_of(dataset)), failures


def groups_of(dataset: Dataset) -> NDArray[np.object_] | None:
    """Groups of the records; None if no record has one."""
    if all(record.group is None for record in dataset.records):
        return None
    return np.array([record.group for record in dataset.records], dtype=object)


def _check_dims(view: str, dim: int, items: Sequence[MediaItem]) -> None:
    for item in items:
        if (size := len(np.asarray(item.payload))) != dim:
            raise DataError(f"{view}: the predictor takes vectors of {dim} numbers, got {size}")
