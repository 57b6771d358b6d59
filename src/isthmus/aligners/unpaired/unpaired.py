"""Alignment without pairs, or with a few: the shapes of two bags of vectors are matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import MIN_PAIRS, Aligner, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.traits import NOT_PAIRED, Abilities, Search
from isthmus.aligners.unpaired.geometry import Matches, coarse_rotation, hungarian, refine
from isthmus.aligners.unpaired.health import Health, examine
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F64, l2_normalize, symmetric_eigen
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.core.wording import count
from isthmus.moments.moments import Moments

_DIMENSIONS = (20, 30, 45, 70, 100)
"""Of principal coordinates, half as many again each time; :func:`refine` stops where it must."""
_COORDINATES = 200
"""Kept of each view: twice the most that are matched. Chosen, not tuned."""
_STEPS = 30
"""Values of β in graduated assignment. Chosen, not tuned."""
_MIN_ROWS = 40
"""Twice the fewest dimensions. Chosen, not tuned."""
_GATE_PAIRS = 10
"""Two held-out pairs in each of five folds are the least that can be compared."""
_FOLDS = 5
"""Of the pairs, for the gate; as many as the selection has."""
_ROUNDS = 2
"""Matching and fitting in turn. Chosen, not tuned."""
_WEIGHTS = (0.0, 0.3, 1.0)
"""Of matches beside pairs; .3 helps up to fifty pairs and harms at 200 (docs/unpaired.md)."""


class Unpaired(Aligner):
    """Join two views of which few or no records are known to belong together.

    A record that has both views is a pair; a record that has one is unpaired and lies
    in a bag of its view. What is done depends on the pairs that may be used:

    * **None** (``seeds=0``). A rotation is sought that carries the shape of one bag into
      that of the other: the similarities within each bag are matched (quadratic assignment
      by graduated assignment), then Hungarian matches and rotation take turns in more and
      more principal components (Wasserstein–Procrustes). The pairing of complete records
      cannot leak, since rows of each view are sorted by their content first. The
      result is refused where it is no better than chance; see ``health_``.
    * **Some.** They are fitted by :class:`CCA`. From ten pairs on, unpaired rows are also
      matched with one another, and the matches are used as further pairs, at the weight
      that ranks held-out pairs best; the weight is zero unless another is better by a
      standard error, see ``gate_``.

    Either way the heads are those of :class:`CCA` on pairs and matches: weighting
    directions by their correlation keeps what the matches agree on. FOSCTTM was better by
    a tenth than with the rotation alone.

    Args:
        seeds: How many complete records may be used as pairs, the first ones; None for
            all, 0 to align without pairs.
        ridge: As for :class:`CCA`; strong, since matches are noisy.
        power: As for :class:`CCA`.
        rows: Rows of a bag whose similarities are matched; more are replaced by as many
            centroids of k-means.
        check: Whether to refuse an alignment without pairs that is no better than chance.
        seed: Of k-means, samples and surrogates.

    Attributes:
        health_: What speaks for an alignment without pairs; None where pairs were used.
        gate_: By weight of the matches, the mean relative rank of held-out partners (0
            best, 1 worst); empty where nothing was chosen.
        weight_: The weight of matches that was used.
        matches_: Records of the first and of the second view that were matched.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.exponential(size=(120, 6)) * [6, 5, 4, 3, 2, 1]
        >>> turned = x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
        >>> aligner = Unpaired(seeds=0).fit({"a": x, "b": turned})
        >>> a, b = aligner.transform(x, "a"), aligner.transform(turned, "b")
        >>> bool((np.argmax(a @ b.T, axis=1) == np.arange(120)).mean() > 0.9)
        True
    """

    name = "unpaired"
    abilities = Abilities(missing_rows=True, unpaired={"seeds": 0})
    search = Search(place=90, conditions=(NOT_PAIRED,))
    health_: Health | None
    gate_: dict[float, float]
    weight_: float
    matches_: Matches

    def __init__(
        self,
        seeds: int | None = None,
        ridge: float = 10.0,
        power: float = 2.0,
        rows: int = 500,
        check: bool = True,
        seed: int = 0,
    ) -> None:
        if seeds is not None and (seeds < 0 or 0 < seeds < MIN_PAIRS):
            raise InputError(f"seeds must be None, 0 or at least {MIN_PAIRS}, got {seeds}")
        if rows < _MIN_ROWS:
            raise InputError(f"rows must be at least {_MIN_ROWS}, got {rows}")
        self.seeds = seeds
        self.ridge = check_positive(ridge, "ridge")
        self.power = power
        self.rows = rows
        self.check = check
        self.seed = seed

    def fit(self, pairs: Pairs) -> Self:
        """Learn the heads from pairs, if any, and unpaired rows.

        Args:
            pairs: Of two views. Records with both are pairs, the others unpaired.

        Raises:
            DataError: If there are not two views, no pairs although ``seeds`` is not
                0, or fewer than 40 rows of a view to align without pairs.
            NoSignalError: If ``check`` finds nothing in an alignment without pairs.
        """
        bags = _Bags.of(self.admit(pairs), self.seeds)
        if len(bags.seeds):
            health, matches = None, _no_matches()
            gate, weight = self._gate(bags)
            if weight:
                matches = self._semi(bags, bags.seeds, weight)[1]
        else:
            health, matches = self._from_shapes(bags)
            gate, weight = {}, 1.0
        cca = self._cca(bags, bags.seeds, matches, weight)
        self.heads_ = {m: bags.sides[m].native(cca.heads_[m]) for m in bags.names}
        self.health_, self.gate_, self.weight_ = health, gate, weight
        self.matches_ = (bags.bulk[0][matches[0]], bags.bulk[1][matches[1]])
        return self

    def _from_shapes(self, bags: _Bags) -> tuple[Health | None, Matches]:
        for m, bulk in zip(bags.names, bags.bulk, strict=True):
            if len(bulk) < _MIN_ROWS:
                raise DataError(
                    f"{m}: {count(len(bulk), 'row is', 'rows are')}"
                    f" too few to align without pairs, need at least "
                    f"{_MIN_ROWS}; add more, or add records that have both views"
                )
        x, y = bags.principal()
        most = min(x.shape[1], y.shape[1])
        k = min(_DIMENSIONS[0], most)
        health = None
        if self.check:
            health = examine(x, y, self.seed)
            health.check(bags.names)
        start = coarse_rotation(x, y, k, limit=self.rows, steps=_STEPS, seed=self.seed)
        dimensions = [k, *(d for d in _DIMENSIONS[1:] if d <= most)]
        return health, refine(x, y, start, dimensions, self.seed)[0]

    def _cca(self, bags: _Bags, seeds: NDArray[np.intp], matches: Matches, weight: float) -> CCA:
        """CCA of pairs and of weighted matches, in principal coordinates.

        Unpaired rows that are not matched stay out: in the covariance of their view
        they were measured to do harm, since directions that no pair shows gain weight.
        """
        moments = bags.joined(seeds, seeds)
        if weight and len(matches[0]):
            left, right = (rows[i] for rows, i in zip(bags.bulk, matches, strict=True))
            moments = moments + weight * bags.joined(left, right)
        # Relative to the mean variance of native columns, however many coordinates are kept.
        ridge = {m: self.ridge * side.share for m, side in bags.sides.items()}
        return CCA(ridge=ridge, power=self.power).fit_moments(moments)

    def _semi(self, bags: _Bags, seeds: NDArray[np.intp], weight: float) -> tuple[CCA, Matches]:
        """Fit on pairs, match the unpaired rows, fit on both; twice."""
        matches = _no_matches()
        cca = self._cca(bags, seeds, matches, 0.0)
        for _ in range(_ROUNDS if weight else 0):
            a, b = (
                cca.transform(bags.sides[m].rows[bulk], m)
                for m, bulk in zip(bags.names, bags.bulk, strict=True)
            )
            matches = hungarian(a, b, self.seed)
            cca = self._cca(bags, seeds, matches, weight)
        return cca, matches

    def _gate(self, bags: _Bags) -> tuple[dict[float, float], float]:
        """The weight of matches that ranks held-out pairs best."""
        if len(bags.seeds) < _GATE_PAIRS or min(map(len, bags.bulk)) < MIN_PAIRS:
            return {}, 0.0
        order = np.random.default_rng(self.seed).permutation(len(bags.seeds))
        folds = [np.sort(bags.seeds[part]) for part in np.array_split(order, _FOLDS)]
        places: dict[float, F64] = {}
        for weight in _WEIGHTS:
            found = []
            for held in folds:
                rest = np.setdiff1d(bags.seeds, held)
                cca, _ = self._semi(bags, rest, weight)
                found.append(_relative_ranks(cca, bags, held))
            places[weight] = np.concatenate(found)
        best = min(places, key=lambda weight: float(places[weight].mean()))
        gain = places[0.0] - places[best]
        doubt = gain.std(ddof=1) / np.sqrt(len(gain))
        gate = {weight: float(found.mean()) for weight, found in places.items()}
        return gate, best if gain.mean() > doubt else 0.0


@dataclass(frozen=True)
class _Side:
    """One view in principal coordinates.

    Attributes:
        rows: ``(n, k)`` of all records, not centred, so that none is zero.
        mean: ``(k,)``.
        basis: ``(d, k)``.
    """

    rows: NDArray[np.float32]
    mean: F64
    basis: F64

    @property
    def share(self) -> float:
        """Coordinates kept, of native dimensions."""
        return float(self.basis.shape[1] / self.basis.shape[0])

    def native(self, head: Any) -> LinearHead:
        """A linear head on coordinates as one on native vectors."""
        return LinearHead(self.basis @ head.mean, self.basis @ head.weight)


@dataclass(frozen=True)
class _Bags:
    """Two views as pairs that may be used and two bags of rows.

    Attributes:
        sides: By view.
        seeds: Records used as pairs, sorted by content.
        bulk: Records of each view that are not, sorted by content, so that the order
            tells nothing about partners.
    """

    sides: dict[str, _Side]
    seeds: NDArray[np.intp]
    bulk: tuple[NDArray[np.intp], NDArray[np.intp]]

    @property
    def names(self) -> tuple[str, str]:
        first, second = self.sides
        return first, second

    @classmethod
    def of(cls, pairs: PairedVectors, limit: int | None) -> _Bags:
        complete = pairs.rows(*pairs.views)
        if limit != 0 and len(complete) < MIN_PAIRS:
            raise DataError(
                f"{count(len(complete), 'record has', 'records have')}"
                f" both {' and '.join(pairs.views)}, need at "
                f"least {MIN_PAIRS} pairs; to align without pairs, use seeds=0"
            )
        seeds = complete[:limit]
        seeds = seeds[_content_order(pairs.vectors[pairs.views[0]][seeds])]
        bulk, sides = [], {}
        for m in pairs.views:
            here = np.setdiff1d(pairs.rows(m), seeds)
            here = here[_content_order(pairs.vectors[m][here])]
            bulk.append(here)
            sides[m] = _side(pairs.vectors[m], np.concatenate([seeds, here]))
        return cls(sides, seeds, (bulk[0], bulk[1]))

    def principal(self) -> tuple[F64, F64]:
        """Centred coordinates of the unpaired rows of both, most important first.

        Rows are scaled to one length before the components are taken; otherwise a few long
        ones, such as busy pictures have, would decide what counts as important.
        """
        x, y = (
            _components(side.rows[rows] - side.mean)
            for side, rows in zip(self.sides.values(), self.bulk, strict=True)
        )
        return x, y

    def joined(self, left: NDArray[np.intp], right: NDArray[np.intp]) -> Moments:
        """Moments of records of the first view joined to records of the second."""
        rows = {m: self.sides[m].rows[i] for m, i in zip(self.names, (left, right), strict=True)}
        moments = Moments({m: x.shape[1] for m, x in rows.items()})
        return moments.update(PairedVectors(rows)) if len(left) else moments


def _side(x: NDArray[np.float32], rows: NDArray[np.intp]) -> _Side:
    moments = Moments.of(PairedVectors({"x": x[rows]}))
    basis = moments.spectrum("x")[2][:, ::-1][:, :_COORDINATES]
    return _Side((x @ basis).astype(np.float32), moments.mean("x") @ basis, basis)


def _components(x: F64) -> F64:
    unit: F64 = l2_normalize(x).astype(np.float64, copy=False)
    centred = unit - unit.mean(axis=0)
    vectors = symmetric_eigen(centred.T @ centred)[1]
    out: F64 = centred @ vectors[:, ::-1]
    return out


def _content_order(x: NDArray[np.float32]) -> NDArray[np.intp]:
    """An order of rows that depends on nothing but what is in them."""
    return np.lexsort(x.T[::-1])


def _no_matches() -> Matches:
    return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)


def _relative_ranks(cca: CCA, bags: _Bags, held: NDArray[np.intp]) -> F64:
    """Rank of each held-out partner among it and the unpaired rows, 0 best to 1 worst."""
    units = [cca.transform(bags.sides[m].rows[held], m) for m in bags.names]
    others = [
        cca.transform(bags.sides[m].rows[bulk], m)
        for m, bulk in zip(bags.names, bags.bulk, strict=True)
    ]
    own = np.einsum("ij,ij->i", *units)[:, None]
    sides = [(units[i] @ others[1 - i].T > own).mean(axis=1, dtype=np.float64) for i in (0, 1)]
    mean: F64 = (sides[0] + sides[1]) / 2
    return mean
