"""Native vectors of records, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.encoded import Named, names_of
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, Array
from isthmus.core.validate import as_matrix, check_kind, check_vectors
from isthmus.core.wording import count


@dataclass(frozen=True, eq=False)
class PairedVectors:
    """Native vectors of records, one row a record in every view.

    Attributes:
        vectors: By view ``(n, dim)`` float32; rows of absent items are zero.
        present: By view ``(n,)`` bool, whether the record has that item.
        ids: Record ids, ``n`` of them.
        groups: ``(n,)`` labels; rows with one label never straddle a split.
        encoders: By view, which encoder made the vectors, where that is known. Encoders are
            taken, too; only their names are kept.

    Raises:
        DataError: If the views differ in rows.
        VectorError: If a present row is not finite or only zeros.
    """

    vectors: Mapping[str, F32]
    present: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    ids: Sequence[str] = ()
    groups: Array | None = None
    encoders: Mapping[str, Named] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind(
            self.vectors,
            Mapping,
            "vectors",
            need="a mapping by view",
            example="{'sensor': sensors, 'label': labels}",
        )
        if not self.vectors:
            raise DataError("need vectors of at least one view, got none")
        if unknown := [m for m in self.present if m not in self.vectors]:
            raise DataError(
                f"there are masks for {', '.join(unknown)}, but no vectors with this name"
            )
        arrays = {m: as_matrix(x, name=m) for m, x in self.vectors.items()}
        rows = {m: len(x) for m, x in arrays.items()}
        if len(set(rows.values())) > 1:
            listed = ", ".join(f"{m} has {n}" for m, n in rows.items())
            raise DataError(f"row i of every view must be one record, but {listed} rows")
        n = next(iter(rows.values()))
        checked: dict[str, F32] = {}
        present: dict[str, NDArray[np.bool_]] = {}
        for m, x in arrays.items():
            here = self.present.get(m)
            mask = np.ones(n, dtype=bool) if here is None else np.asarray(here, dtype=bool)
            if mask.shape != (n,):
                raise DataError(f"{m}: the mask has shape {mask.shape}, need ({n},)")
            present[m] = mask
            if mask.all():
                checked[m] = check_vectors(x, name=m)
            else:
                zeroed = np.where(mask[:, None], x, 0)
                checked[m] = check_vectors(zeroed, name=m, allow_zero=~mask)
        object.__setattr__(self, "vectors", checked)
        object.__setattr__(self, "present", present)
        object.__setattr__(self, "ids", list(self.ids))
        if self.ids and len(self.ids) != n:
            raise DataError(f"{count(len(self.ids), 'id')} for {count(n, 'row')}")
        if self.groups is not None and len(self.groups) != n:
            raise DataError(f"{count(len(self.groups), 'group label')} for {count(n, 'row')}")
        object.__setattr__(self, "encoders", names_of(self.encoders, checked))

    def __len__(self) -> int:
        return len(next(iter(self.vectors.values())))

    @property
    def views(self) -> tuple[str, ...]:
        """The views, in the order they were given."""
        return tuple(self.vectors)

    def take(self, rows: Array) -> PairedVectors:
        """The records at ``rows`` (indices or a mask), in that order."""
        index = np.arange(len(self))[rows]
        return PairedVectors(
            {m: x[index] for m, x in self.vectors.items()},
            {m: p[index] for m, p in self.present.items()},
            [self.ids[i] for i in index] if self.ids else (),
            None if self.groups is None else np.asarray(self.groups)[index],
            self.encoders,
        )

    def select(self, views: Iterable[str]) -> PairedVectors:
        """Only these views, all rows."""
        names = list(views)
        return replace(
            self,
            vectors={m: self.vectors[m] for m in names},
            present={m: self.present[m] for m in names},
            encoders={m: name for m, name in self.encoders.items() if m in names},
        )

    def rows(self, *views: str) -> NDArray[np.intp]:
        """Rows that have every one of ``views``."""
        return np.flatnonzero(np.logical_and.reduce([self.present[m] for m in views]))

    def pair(self, a: str, b: str) -> tuple[F32, F32]:
        """The rows that have both views: ``(n_ab, dim_a)`` and ``(n_ab, dim_b)``."""
        rows = self.rows(a, b)
        return self.vectors[a][rows], self.vectors[b][rows]


Pairs = PairedVectors | Mapping[str, Array]
"""Rows that belong together; a plain mapping means that none is missing."""


def as_pairs(pairs: Pairs) -> PairedVectors:
    """A plain mapping of arrays as paired vectors without missing rows."""
    if isinstance(pairs, PairedVectors):
        return pairs
    return PairedVectors(cast("Mapping[str, F32]", pairs))  # it converts arrays of any dtype
