"""What a trained fusion reads of each view: what its own predictor says, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Self, TypeAlias, cast

import numpy as np

from isthmus.core.document import from_document
from isthmus.core.errors import DataError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.closed.late import Late
from isthmus.fusion.inner import Labels, cuts
from isthmus.fusion.nested import pack, unpack
from isthmus.fusion.target import Target
from isthmus.moments.rows import of_rows

_MOST_VIEWS = 8
"""Sets of views are told apart one by one; more views have too many sets."""

Both: TypeAlias = Any
"""An array of numpy, or a tensor of torch."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What is read of some records; arrays of numpy or tensors of torch.

    Late fusion weights views, and has a rest, for each set of views that a record may have. Both
    are those of the late fusion that read the record.

    Attributes:
        xp: The module ``numpy`` or ``torch``.
        hidden: By place of the view ``(n, width + c)``: first what the view's own predictor
            adds to the scores, then its whitened principal components; zeros where it is missing.
        there: ``(n, v)``, 1 where the record has the view.
        reader: ``(n,)``, by which late fusion each record was read.
        gains: ``(f, 2^v, v)``, the weights of the views in each, by set of views.
        rests: ``(f, 2^v, width)``, the rests.
        width: Columns of the scores.
    """

    xp: ModuleType
    hidden: Sequence[Both]
    there: Both
    reader: Both
    gains: Both
    rests: Both
    width: int

    def take(self, rows: Both) -> Self:
        """Those of some records."""
        hidden = [h[rows] for h in self.hidden]
        return replace(self, hidden=hidden, there=self.there[rows], reader=self.reader[rows])

    def kept(self, there: Both) -> Self:
        """The same records with only these views, ``(n, v)``."""
        hidden = [h * there[:, [place]] for place, h in enumerate(self.hidden)]
        return replace(self, hidden=hidden, there=there)

    def tensors(self, torch: Both) -> Self:
        """The same for torch."""

        def tensor(array: Both) -> Both:
            whole = array.dtype.kind == "i"
            return torch.tensor(array, dtype=torch.int64 if whole else torch.float32)

        named = ("there", "reader", "gains", "rests")
        arrays = {name: tensor(getattr(self, name)) for name in named}
        return replace(self, xp=torch, hidden=[tensor(h) for h in self.hidden], **arrays)

    @property
    def says(self) -> list[Both]:
        """What the predictor of each view would add to the scores alone, ``(n, width)``."""
        return [h[:, : self.width] for h in self.hidden]

    @property
    def count(self) -> Both:
        """How many views each record has, ``(n, 1)``; 1 where it has none."""
        count = self.there.sum(axis=1)[:, None]
        return count + (count == 0)

    @property
    def gain(self) -> Both:
        """What late fusion multiplies each view by, ``(n, v)``."""
        return self.gains[self.reader, self._set]

    @property
    def rest(self) -> Both:
        """What no view can claim in late fusion, ``(n, width)``."""
        return self.rests[self.reader, self._set]

    @property
    def late(self) -> Both:
        """What late fusion adds to its rest, ``(n, width)``."""
        gain = self.gain
        return sum(gain[:, [place]] * said for place, said in enumerate(self.says))

    @property
    def _set(self) -> Both:
        """Number of the set of views of each record: bit ``p`` is the view at place ``p``."""
        number = sum(self.there[:, place] * 2.0**place for place in range(len(self.hidden)))
        return self.xp.asarray(number, dtype=self.xp.int64)


@dataclass(frozen=True)
class _Document:
    base: object


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads records: late fusion, asked for one view at a time, and projections.

    Attributes:
        base: Late fusion.
        means: ``(d,)`` of each view.
        maps: ``(d, c)`` of each view, to whitened components.
    """

    base: Fusion
    means: Sequence[F64]
    maps: Sequence[F64]

    def read(self, rows: PairedVectors) -> Readings:
        """Of records that were not learned from."""
        nobody = np.zeros(len(rows), dtype=np.int64)
        return self.readings(said(self.base, rows), rows, nobody, [weighing(self.base)])

    def readings(
        self, says: F64, rows: PairedVectors, reader: Labels, tables: Sequence[tuple[F64, F64]]
    ) -> Readings:
        """Readings of what late fusions said.

        Args:
            says: Of the views ``(v, n, width)``.
            rows: The records.
            reader: By which late fusion each was read, ``(n,)``.
            tables: Of each late fusion, what :func:`weighing` gives.
        """
        there = np.column_stack([rows.present[view] for view in rows.views]).astype(np.float64)
        placed = [
            (rows.vectors[view] - mean) @ weight
            for view, mean, weight in zip(rows.views, self.means, self.maps, strict=True)
        ]
        hidden = [np.hstack([s, p]) for s, p in zip(says, placed, strict=True)]
        gains, rests = (np.stack(parts) for parts in zip(*tables, strict=True))
        found = Readings(np, hidden, there, reader, gains, rests, says.shape[2])
        return found.kept(there)

    def state(self) -> State:
        """Late fusion as JSON and arrays, and the projections."""
        document, tensors = pack(self.base, "base.")
        for place, (mean, weight) in enumerate(zip(self.means, self.maps, strict=True)):
            tensors |= {f"mean.{place}": mean, f"map.{place}": weight}
        return {"base": document}, tensors

    @classmethod
    def from_state(
        cls, document: object, groups: Mapping[str, Mapping[str, Array]], owner: Fusion
    ) -> Reader:
        """The reader that :meth:`state` described.

        Args:
            document: As parsed.
            groups: Arrays, by the first part of their name and by the rest.
            owner: The fusion that reads by it.

        Raises:
            ArtifactError: If something does not fit.
        """
        read = from_document(_Document, cast(Any, document), "reader")
        need(set(groups) == {"base", "mean", "map"}, "need a base, means and maps, and no more")
        need(len(owner.views_) <= _MOST_VIEWS, f"at most {_MOST_VIEWS} views are read")
        base = unpack(read.base, groups["base"], owner)
        need(isinstance(base, Late), "the base must be late fusion")
        means, maps = [], []
        places = {str(place): dim for place, dim in enumerate(owner.views_.values())}
        need(set(places) == set(groups["mean"]) == set(groups["map"]), "a view has no mean or map")
        for place, dim in places.items():
            both = {"mean": groups["mean"][place], "map": groups["map"][place]}
            arrays = exact(both, {"d": dim}, mean="d", map="dC")
            means.append(arrays["mean"])
            maps.append(arrays["map"])
        return cls(base, means, maps)


@dataclass(frozen=True, eq=False)
class Read:
    """A reader, and what was read of the records that it was fitted on.

    Attributes:
        reader: Fitted on all of them.
        readings: Of each by a late fusion that was fitted without its fold.
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

    Raises:
        DataError: If there are more than eight views, or one group has all records.
    """
    if len(rows.views) > _MOST_VIEWS:
        raise DataError(
            f"{len(rows.views)} views, but fusions that are trained, or smooth over a graph, join "
            f"at most {_MOST_VIEWS}; use late or concat"
        )

    def made() -> Read:
        labels = np.zeros(len(rows), dtype=np.int64)
        says = np.zeros((len(rows.views), len(rows), target.width))
        tables = []
        for fold, cut in enumerate(cuts(rows, target, memo, folds, seed)):
            without = Late(**late).fit(cut.rows, cut.target, memo=cut.memo)
            says[:, cut.held] = said(without, rows.take(cut.held))
            labels[cut.held] = fold
            tables.append(weighing(without))
        base = Late(**late).fit(rows, target, memo=memo)
        placed = [_components(rows, view, components) for view in rows.views]
        reader = Reader(base, [mean for mean, _ in placed], [weight for _, weight in placed])
        return Read(reader, reader.readings(says, rows, labels, tables), labels)

    return memo.get(("readings", tuple(sorted(late.items())), components, folds, seed), made)


def said(late: Fusion, rows: PairedVectors) -> F64:
    """What each view alone adds to the scores, ``(v, n, width)``."""
    return np.stack([late.shares(rows.select([view])).views[view] for view in late.views_])


def weighing(late: Fusion) -> tuple[F64, F64]:
    """How late fusion weights views, by number of the set of views that a record has.

    Returns:
        ``(2^v, v)``, what is made of what a view says alone; and ``(2^v, width)``, the rest.
    """
    views = tuple(late.views_)
    sets = (np.arange(2 ** len(views))[:, None] >> np.arange(len(views))) & 1
    # One record for each set of views; each view has the same vector in all of them.
    rng = np.random.default_rng(0)
    probes = {
        view: np.tile(rng.normal(size=dim), (len(sets), 1)).astype(np.float32)
        for view, dim in late.views_.items()
    }
    present = {view: sets[:, place] == 1 for place, view in enumerate(views)}
    shares = late.shares(PairedVectors(probes, present))
    gains = np.zeros(sets.shape)
    for place, view in enumerate(views):
        alone = shares.views[view][1 << place]
        size = float(alone @ alone)
        gains[:, place] = shares.views[view] @ alone / size if size else 0.0
    return gains, shares.rest


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
