"""What a trained fusion reads of each view: what its own predictor says, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any, Self

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.closed.late import Late
from isthmus.fusion.inner import Labels, cuts
from isthmus.fusion.loss import scale_of
from isthmus.fusion.nested import pack, unpack
from isthmus.fusion.target import Target
from isthmus.moments.rows import of_rows

_MOST_SETS = 20
"""Sets of so many views, of which gains are the mean; with six views there are at most 20."""
_ENOUGH = 10
"""Records below which a gain is not fitted."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What is read of some records; arrays of numpy or tensors of torch.

    Attributes:
        hidden: By place of the view ``(n, width + c)``: first what the view's own predictor
            adds to the scores, then its whitened principal components; zeros where it is missing.
        there: ``(n, v)``, 1 where the record has the view.
        gains: ``(v + 1,)``, by what the mean of so many views is multiplied to be late fusion.
        width: Columns of the scores.
    """

    hidden: Sequence[Any]
    there: Any
    gains: Any
    width: int

    def take(self, rows: Any) -> Self:
        """Those of some records."""
        return replace(self, hidden=[h[rows] for h in self.hidden], there=self.there[rows])

    def kept(self, there: Any) -> Self:
        """The same records with only these views, ``(n, v)``."""
        hidden = [h * there[:, [place]] for place, h in enumerate(self.hidden)]
        return replace(self, hidden=hidden, there=there)

    @property
    def says(self) -> list[Any]:
        """What the predictor of each view adds to the scores, ``(n, width)``."""
        return [h[:, : self.width] for h in self.hidden]

    @property
    def gain(self) -> Any:
        """Of each record by the number of its views, ``(n, 1)``."""
        count = self.there.sum(axis=1)
        return sum(
            (count == number)[:, None] * self.gains[number] for number in range(len(self.gains))
        )

    @property
    def share(self) -> Any:
        """How much each view that is there counts in late fusion, ``(n, 1)``."""
        count = self.there.sum(axis=1)[:, None]
        return self.gain / (count + (count == 0))


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads records: a fusion in closed form, asked for one view at a time, and projections.

    Attributes:
        base: The closed form.
        rest: ``(width,)``, the scores of a record without views.
        factor: By which what a view says is multiplied.
        gains: ``(v + 1,)``, see :class:`Readings`.
        unit: By which what is made of the readings is multiplied to be scores.
        means: ``(d,)`` of each view.
        maps: ``(d, c)`` of each view, to whitened components.
    """

    base: Fusion
    rest: F64
    factor: float
    gains: F64
    unit: float
    means: Sequence[F64]
    maps: Sequence[F64]

    def read(self, rows: PairedVectors) -> Readings:
        """Of records that were not learned from."""
        says = _says(self.base, rows)
        return self.readings(says, rows)

    def readings(self, says: F64, rows: PairedVectors) -> Readings:
        """What the views' predictors say of records, ``(v, n, width)``, and where they lie."""
        there = np.column_stack([rows.present[view] for view in rows.views]).astype(np.float64)
        hidden = [
            np.concatenate([self.factor * said, place], axis=1)
            for said, place in zip(says, self._placed(rows), strict=True)
        ]
        return Readings(hidden, there, self.gains, says.shape[2]).kept(there)

    def _placed(self, rows: PairedVectors) -> list[F64]:
        return [
            (rows.vectors[view] - mean) @ weight
            for view, mean, weight in zip(rows.views, self.means, self.maps, strict=True)
        ]

    def state(self) -> State:
        """The closed form as JSON and arrays, and the projections."""
        document, tensors = pack(self.base, "base.")
        tensors |= {"rest": self.rest, "gains": self.gains}
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
            array("gains"),
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
    late: Mapping[str, Any],
    components: int,
    folds: int,
    seed: int,
) -> Read:
    """Fit a reader; fusions that are trained on the same records share it through the memo.

    Args:
        rows: The records.
        target: Of the same records.
        memo: Of these records.
        late: Hyper-parameters of late fusion.
        components: At most so many of each view.
        folds: Into how many the records are dealt.
        seed: Of the deal.
    """
    key = ("readings", tuple(sorted(late.items())), components, folds, seed)
    return memo.get(key, lambda: _read(rows, target, memo, late, components, folds, seed))


def _read(
    rows: PairedVectors,
    target: Target,
    memo: Memo,
    late: Mapping[str, Any],
    components: int,
    folds: int,
    seed: int,
) -> Read:
    labels = np.zeros(len(rows), dtype=np.intp)
    says = np.zeros((len(rows.views), len(rows), target.width))
    for fold, cut in enumerate(cuts(rows, target, memo, folds, seed)):
        base = Late(**late).fit(cut.rows, cut.target, memo=cut.memo)
        says[:, cut.held] = _says(base, rows.take(cut.held))
        labels[cut.held] = fold
    base = Late(**late).fit(rows, target, memo=memo)
    rest = _rest(base, rows)
    means, maps = zip(*(_components(rows, view, components) for view in rows.views), strict=True)
    gains, unit = _gains(says, rest, rows, target)
    # All views together count as they are, so that readings are of the size of the scores.
    factor = float(gains[-1]) or 1.0
    reader = Reader(base, rest, factor, gains / factor, unit, means, maps)
    return Read(reader, reader.readings(says, rows), labels)


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


def _gains(says: F64, rest: F64, rows: PairedVectors, target: Target) -> tuple[F64, float]:
    """By what the mean of so many views is multiplied ``(v + 1,)``, and the unit of the scores.

    Predictors err together, so that the mean of two is not as sure as twice one. A number is
    predicted in its standard deviation.
    """
    if target.kind == "number":
        unit = float(target.values.std()) or 1.0
        return np.full(len(says) + 1, 1 / unit), unit
    there = np.stack([rows.present[view] for view in rows.views])
    gains = np.ones(len(says) + 1)
    for size in range(1, len(says) + 1):
        means, truth = [], []
        for chosen in islice(combinations(range(len(says)), size), _MOST_SETS):
            known = np.flatnonzero(there[list(chosen)].all(axis=0))
            means.append(says[list(chosen)][:, known].mean(axis=0))
            truth.append(known)
        known = np.concatenate(truth)
        # With too few records that have so many views, they count as one view fewer does.
        gains[size] = gains[size - 1]
        if len(known) >= _ENOUGH:
            gains[size] = scale_of(np.concatenate(means), target.take(known), rest)
    gains[0] = gains[1]
    return gains, 1.0


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
