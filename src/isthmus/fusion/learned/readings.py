"""What a trained fusion reads of each view: what its own predictor says, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion import make
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.inner import Labels, deal
from isthmus.fusion.loss import scale_of
from isthmus.fusion.nested import pack, unpack
from isthmus.fusion.target import Target
from isthmus.moments.rows import of_rows


@dataclass(frozen=True, eq=False)
class Readings:
    """What is read of some records; arrays of numpy or tensors of torch.

    Attributes:
        hidden: By place of the view ``(n, width + c)``: first what the view's own predictor
            adds to the scores, then its whitened principal components; zeros where it is missing.
        there: ``(n, v)``, 1 where the record has the view.
        width: Columns of the scores.
    """

    hidden: Sequence[Any]
    there: Any
    width: int

    def take(self, rows: Any) -> Readings:
        """Those of some records."""
        return Readings([h[rows] for h in self.hidden], self.there[rows], self.width)

    def kept(self, there: Any) -> Readings:
        """The same records with only these views, ``(n, v)``."""
        hidden = [h * there[:, [place]] for place, h in enumerate(self.hidden)]
        return Readings(hidden, there, self.width)

    @property
    def says(self) -> list[Any]:
        """What the predictor of each view adds to the scores, ``(n, width)``."""
        return [h[:, : self.width] for h in self.hidden]

    @property
    def share(self) -> Any:
        """One over the number of views that are there, ``(n, 1)``; 1 where there is none."""
        return 1 / (self.there.sum(axis=1)[:, None] + (self.there.sum(axis=1)[:, None] == 0))


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads records: a fusion in closed form, asked for one view at a time, and projections.

    Attributes:
        base: The closed form.
        rest: ``(width,)``, the scores of a record without views.
        factor: By which what a view says is multiplied.
        unit: By which what is made of the readings is multiplied to be scores.
        means: ``(d,)`` of each view.
        maps: ``(d, c)`` of each view, to whitened components.
    """

    base: Fusion
    rest: F64
    factor: float
    unit: float
    means: Sequence[F64]
    maps: Sequence[F64]

    def read(self, rows: PairedVectors) -> Readings:
        """Of records that were not learned from."""
        says = _says(self.base, rows)
        return _readings(says, self.factor, self._placed(rows), rows)

    def _placed(self, rows: PairedVectors) -> list[F64]:
        return [
            (rows.vectors[view] - mean) @ weight
            for view, mean, weight in zip(rows.views, self.means, self.maps, strict=True)
        ]

    def state(self) -> State:
        """The closed form as JSON and arrays, and the projections."""
        document, tensors = pack(self.base, "base.")
        tensors["rest"] = self.rest
        for place, (mean, weight) in enumerate(zip(self.means, self.maps, strict=True)):
            tensors |= {f"mean.{place}": mean, f"map.{place}": weight}
        return {"base": document, "factor": self.factor, "unit": self.unit}, tensors

    @classmethod
    def from_state(
        cls, document: Mapping[str, Any], tensors: Mapping[str, Array], owner: Fusion
    ) -> Reader:
        """The reader that :meth:`state` described."""

        def array(name: str) -> F64:
            return np.asarray(tensors[name], dtype=np.float64)

        places = range(len(owner.views_))
        return cls(
            unpack(document["base"], tensors, "base.", owner),
            array("rest"),
            float(document["factor"]),
            float(document["unit"]),
            [array(f"mean.{place}") for place in places],
            [array(f"map.{place}") for place in places],
        )


@dataclass(frozen=True, eq=False)
class Read:
    """A reader, and what it read of the records that it was fitted on.

    Attributes:
        reader: Fitted on all of them.
        readings: Of each by predictors that were fitted without its fold.
        labels: Fold of each, ``(n,)``.
    """

    reader: Reader
    readings: Readings
    labels: Labels


def read(
    rows: PairedVectors,
    target: Target,
    memo: Memo,
    *,
    start: str,
    components: int,
    folds: int,
    seed: int,
) -> Read:
    """Fit a reader; fusions that are trained on the same records share it through the memo.

    Args:
        rows: The records.
        target: Of the same records.
        memo: Of these records.
        start: Id of the fusion in closed form that training starts from.
        components: At most so many of each view.
        folds: Into how many the records are dealt.
        seed: Of the deal.
    """
    key = ("readings", start, components, folds, seed)
    return memo.get(key, lambda: _read(rows, target, start, components, folds, seed))


def _read(
    rows: PairedVectors, target: Target, start: str, components: int, folds: int, seed: int
) -> Read:
    labels = deal(rows, target, folds, seed)
    says = np.zeros((len(rows.views), len(rows), target.width))
    for fold in range(int(labels.max()) + 1):
        kept, held = np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)
        base = make(start).fit(rows.take(kept), target.take(kept))
        says[:, held] = _says(base, rows.take(held))
    base = make(start).fit(rows, target)
    rest = _rest(base, rows)
    factor, unit, rest = _units(says, rest, rows, target)
    placed = [_components(rows, view, components) for view in rows.views]
    reader = Reader(base, rest, factor, unit, [m for m, _ in placed], [w for _, w in placed])
    return Read(reader, _readings(says, factor, reader._placed(rows), rows), labels)


def _says(base: Fusion, rows: PairedVectors) -> F64:
    """What each view alone would add to the scores of a record without views, ``(v, n, width)``."""
    rest = _rest(base, rows)
    return np.stack([base.scores(rows.select([view])) - rest for view in rows.views])


def _rest(base: Fusion, rows: PairedVectors) -> F64:
    """Scores of a record without views, ``(width,)``."""
    none = {view: np.zeros((1, dim), dtype=np.float32) for view, dim in base.views_.items()}
    absent = {view: np.zeros(1, dtype=bool) for view in base.views_}
    rest: F64 = base.scores(PairedVectors(none, absent))[0]
    return rest


def _units(says: F64, rest: F64, rows: PairedVectors, target: Target) -> tuple[float, float, F64]:
    """Factor, unit and rest of a :class:`Reader`: logits of the right size, or deviations."""
    if target.kind == "number":
        unit = float(target.values.std()) or 1.0
        return 1 / unit, unit, rest
    there = np.stack([rows.present[view] for view in rows.views])[..., None]
    mean = (says * there).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    factor = scale_of(rest + mean, target)
    return factor, 1.0, factor * rest


def _components(rows: PairedVectors, view: str, most: int) -> tuple[F64, F64]:
    """Mean ``(d,)`` and map ``(d, c)`` to the whitened components of most variance."""
    dim = rows.vectors[view].shape[1]
    moments = of_rows(rows.select([view]))
    try:
        _, values, vectors = moments.spectrum(view)
    except DataError:  # the same everywhere, or nowhere: it has no place
        return np.zeros(dim), np.zeros((dim, 1))
    chosen = np.argsort(-values, kind="stable")[:most]
    return moments.mean(view), vectors[:, chosen] / np.sqrt(values[chosen])


def _readings(says: F64, factor: float, placed: Sequence[F64], rows: PairedVectors) -> Readings:
    there = np.column_stack([rows.present[view] for view in rows.views]).astype(np.float64)
    hidden = [np.concatenate([factor * s, p], axis=1) for s, p in zip(says, placed, strict=True)]
    return Readings(hidden, there, says.shape[2]).kept(there)
