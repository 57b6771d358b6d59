"""Moments: the additive statistic that every closed-form aligner is a function of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, MutableMapping
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import Tensors, fingerprint
from isthmus.core.document import to_object
from isthmus.core.encoded import Named, agreed, names_of
from isthmus.core.errors import DataError, InputError, VectorError
from isthmus.core.linalg import F32, F64, symmetric_eigen
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs, as_pairs
from isthmus.core.validate import check_kind
from isthmus.moments.checked import check_views, checked_dims, checked_rows, checked_weight
from isthmus.moments.products import Block, accumulate, column_sums, product
from isthmus.moments.saved import Document, read_document
from isthmus.moments.spectra import Products, column_scales, refuse_negative, varying
from isthmus.moments.sums import Key, axes_of, check_sum, named, refuse_more

T = TypeVar("T")
_BLOCK_ROWS = 8192
"""Rows multiplied at once: as fast as one product of all rows (benchmarks/moments.py)."""


class Moments:
    """Counts, sums and products of paired vectors, per view and per pair.

    For every view ``m`` it holds ``n``, ``Σx`` and ``Σxxᵀ`` over all rows that have
    ``m``; for every pair ``(a, b)`` it holds ``n``, ``Σx``, ``Σy`` and ``Σxyᵀ`` over the
    rows that have both. Missing views contribute nothing. Sums are float64. Because
    sums add, so do Moments: batches, machines and parties can be merged in any order, and
    a row that is subtracted is as if it had never been seen.

    Means may be large: float64 sums of float32 rows lose no more to cancellation than the
    rows lost when they were rounded to float32, and float32 products are taken about the
    mean of each block.

    Args:
        dims: Dimension by view.
        products: ``"float64"`` multiplies in float64; ``"float32"`` multiplies blocks of
            float32 rows in float32 and adds the results in float64, about twice as fast
            and right to 1e-5 relative.
        encoders: By view, which encoder made the vectors, where that is known; rows bring it
            along. Vectors of two encoders are never added up.

    Raises:
        InputError: For other products, or a dimension that is none.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> rows = PairedVectors({"a": rng.normal(size=(9, 3)), "b": rng.normal(size=(9, 2))})
        >>> whole = Moments.of(rows)
        >>> parts = Moments.of(rows.take(np.arange(4))) + Moments.of(rows.take(np.arange(4, 9)))
        >>> np.allclose(whole.cross("a", "b"), parts.cross("a", "b"))
        True
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        products: Products = "float64",
        encoders: Mapping[str, Named] | None = None,
    ) -> None:
        if products not in ("float64", "float32"):
            raise InputError(f"products must be 'float64' or 'float32', got {products!r}")
        self.dims = checked_dims(dims)
        self.products: Products = products
        self.encoders = names_of(encoders or {}, self.dims)
        self._sums: MutableMapping[Key, F64] = {}
        for m, d in self.dims.items():
            self._sums[m, "n"] = np.zeros(1)
            self._sums[m, "sum"] = np.zeros(d)
            self._sums[m, "second"] = np.zeros((d, d))
        for a, b in self._stored_pairs():
            self._sums[a, b, "n"] = np.zeros(1)
            self._sums[a, b, "sum_a"] = np.zeros(self.dims[a])
            self._sums[a, b, "sum_b"] = np.zeros(self.dims[b])
            self._sums[a, b, "cross"] = np.zeros((self.dims[a], self.dims[b]))
        self._reduced = False  # whether rows were taken out, which may be wrong ones
        self._memo = Memo()

    @classmethod
    def of(cls, pairs: Pairs, *, products: Products = "float64") -> Moments:
        """The moments of these rows."""
        pairs = as_pairs(pairs)
        dims = {m: x.shape[1] for m, x in pairs.vectors.items()}
        return cls(dims, products=products).update(pairs)

    @property
    def views(self) -> tuple[str, ...]:
        """The views, in the order they were given."""
        return tuple(self.dims)

    def pair_keys(self) -> list[tuple[str, str]]:
        """Every unordered pair of views, each in one fixed order."""
        return list(combinations(self.views, 2))

    def _stored_pairs(self) -> list[tuple[str, str]]:
        # By name, so that moments whose views come in another order still add.
        return list(combinations(sorted(self.dims), 2))

    def __repr__(self) -> str:
        views = [f"{m}: {self.count(m):g} rows of {d}" for m, d in self.dims.items()]
        pairs = [f"{a} with {b}: {self.count(a, b):g}" for a, b in self.pair_keys()]
        return f"{type(self).__name__}({', '.join([*views, *pairs])})"

    def update(self, pairs: Pairs, *, weight: float = 1.0) -> Moments:
        """Add rows; a negative weight takes them out again.

        Args:
            pairs: Rows of at least the views that these moments know; a plain mapping of arrays
                means that none is missing.
            weight: Multiplies what the rows contribute, for sources that count for less.

        Returns:
            Itself.

        Raises:
            DataError: If a view has no vectors, or more rows would be taken out than there are.
            VectorError: If dimensions differ.
            FingerprintError: If they are known to come from another encoder.
        """
        weight = checked_weight(weight)
        pairs = as_pairs(pairs)
        encoders = checked_rows(pairs, self.dims, self.encoders)
        if weight < 0:
            for key in self._counts():
                refuse_more(key, -weight * len(pairs.rows(*key)), self.count(*key))
            self._reduced = True
        self.encoders = encoders
        self._memo.clear()
        for start in range(0, len(pairs), _BLOCK_ROWS):
            self._add_block(pairs, slice(start, start + _BLOCK_ROWS), weight)
        return self

    def _add_block(self, pairs: PairedVectors, rows: slice, weight: float) -> None:
        here = {m: pairs.present[m][rows] for m in self.dims}
        blocks = {m: self._block(pairs.vectors[m][rows], here[m]) for m in self.dims}
        for m, x in blocks.items():
            self._sums[m, "n"] += weight * len(x.rows)
            self._sums[m, "sum"] += weight * x.total
            accumulate(self._sums[m, "second"], product(x, x), weight)
        for a, b in self._stored_pairs():
            both = here[a] & here[b]
            if not both.any():
                continue
            x = blocks[a].take(both[here[a]])
            y = blocks[b].take(both[here[b]])
            self._sums[a, b, "n"] += weight * len(x.rows)
            self._sums[a, b, "sum_a"] += weight * x.total
            self._sums[a, b, "sum_b"] += weight * y.total
            accumulate(self._sums[a, b, "cross"], product(x, y), weight)

    def _block(self, x: NDArray[np.float32], here: NDArray[np.bool_]) -> Block:
        rows = x if here.all() else x[here]
        if self.products == "float64" or not len(rows):
            return Block.of(rows.astype(self.products), None)
        # About the block's mean; otherwise a mean of 100 deviations costs all digits.
        origin = column_sums(rows) / len(rows)
        return Block.of(rows - origin.astype(np.float32), origin.astype(np.float32))

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows; each may know views the other does not.

        Raises:
            VectorError: If the dimensions of a view differ.
            FingerprintError: If its encoders are known and differ.
        """
        return self._combined(other, 1.0)

    def __radd__(self, other: int) -> Moments:
        """``sum`` begins with 0, which adds nothing."""
        check_kind(other or self, Moments, "what is added", need="moments", example="sum([a, b])")
        return self * 1.0

    def __sub__(self, other: Moments) -> Moments:
        """The moments as if the rows of ``other`` had never been seen.

        Raises:
            DataError: If a view, or two together, have fewer rows than are taken out.
            VectorError, FingerprintError: As for a sum.
        """
        check_kind(other, Moments, "what is subtracted", need="moments", example="a - b")
        if unseen := [m for m in other.dims if m not in self.dims]:
            raise DataError(f"cannot subtract rows of {', '.join(unseen)}, because none were added")
        for key in other._counts():
            refuse_more(key, other.count(*key), self.count(*key))
        out = self._combined(other, -1.0)
        out._reduced = True
        return out

    def _counts(self) -> list[tuple[str] | tuple[str, str]]:
        """Each view and each pair of views, of which rows are counted."""
        return [*((m,) for m in self.dims), *self._stored_pairs()]

    def __mul__(self, weight: float) -> Moments:
        """The moments with every row counted ``weight`` times."""
        weight = checked_weight(weight)
        out = Moments(self.dims, products=self.products, encoders=self.encoders)
        out._sums = {key: weight * value for key, value in self._sums.items()}
        out._reduced = self._reduced or weight < 0
        return out

    __rmul__ = __mul__

    def _combined(self, other: Moments, sign: float) -> Moments:
        check_kind(other, Moments, "what is combined", need="moments", example="a + b")
        if any(self.dims.get(m, d) != d for m, d in other.dims.items()):
            raise VectorError(f"cannot combine moments of {self.dims} with {other.dims}")
        products = self.products if self.products == "float32" else other.products
        encoders = agreed(self.encoders, other.encoders)
        out = Moments({**self.dims, **other.dims}, products=products, encoders=encoders)
        for sums, factor in ((self._sums, 1.0), (other._sums, sign)):
            for key, value in sums.items():
                accumulate(out._sums[key], value, factor)
        out._reduced = self._reduced or other._reduced
        return out

    def moved(self, means: Mapping[str, F64]) -> Moments:
        """The moments as if every row had been shifted, so that the means are these.

        Args:
            means: ``(d,)`` by view; others stay where they are.
        """
        out = self * 1.0
        shift = {m: means[m] - self.mean(m) for m in self.dims if m in means}
        for m, t in shift.items():
            n, total = self.count(m), self._sums[m, "sum"]
            crossed = np.outer(total, t)
            out._sums[m, "sum"] = total + n * t
            out._sums[m, "second"] += crossed + crossed.T + n * np.outer(t, t)
        for a, b in self._stored_pairs():
            n = self.count(a, b)
            t, u = (shift.get(m, np.zeros(self.dims[m])) for m in (a, b))
            sum_a, sum_b = self._sums[a, b, "sum_a"], self._sums[a, b, "sum_b"]
            out._sums[a, b, "sum_a"] = sum_a + n * t
            out._sums[a, b, "sum_b"] = sum_b + n * u
            out._sums[a, b, "cross"] += np.outer(t, sum_b) + np.outer(sum_a + n * t, u)
        return out

    def mapped(self, maps: Mapping[str, tuple[F64, F64]]) -> Moments:
        """The moments as if every row ``x`` had been ``(x − origin) W``.

        Args:
            maps: ``(d,)`` and ``(d, k)`` for every view.
        """
        out = Moments({m: maps[m][1].shape[1] for m in self.dims}, products=self.products)
        centred = self.moved({m: self.mean(m) - maps[m][0] for m in self.dims if self.count(m)})
        for key, value in centred._sums.items():
            for m, axis in axes_of(key):
                value = np.moveaxis(np.tensordot(value, maps[m][1], (axis, 0)), -1, axis)
            out._sums[key] = value
        out._reduced = self._reduced
        return out

    def count(self, a: str, b: str | None = None) -> float:
        """Rows that have ``a``, or both ``a`` and ``b``; weighted rows count their weight."""
        if b is None:
            check_views(self.dims, a)
            return float(self._sums[a, "n"][0])
        first, second, _ = self._key(a, b)
        return float(self._sums[first, second, "n"][0])

    def mean(self, m: str) -> F64:
        """Mean of the native vectors, ``(d,)``."""
        return self._sums[m, "sum"] / self._need(m)

    def covariance(self, m: str) -> F64:
        """Covariance ``(d, d)`` over every row that has ``m``, divided by n."""
        mean = self.mean(m)
        out: F64 = self._sums[m, "second"] / self._need(m) - np.outer(mean, mean)
        return out

    def spread(self, m: str) -> float:
        """Trace of the covariance."""
        return float(np.trace(self.covariance(m)))

    def second(self, m: str) -> F64:
        """Sum of the outer products ``(d, d)`` over every row that has ``m``, about no mean."""
        self._need(m)
        return self._sums[m, "second"].copy()

    def cross(self, a: str, b: str) -> F64:
        """Cross-covariance ``(d_a, d_b)`` over the rows that have both, divided by n."""
        first, second, flipped = self._key(a, b)
        n = self._sums[first, second, "n"][0]
        if n <= 0:
            raise DataError(f"no record has both {a} and {b}, so their covariance is unknown")
        mean_a = self._sums[first, second, "sum_a"] / n
        mean_b = self._sums[first, second, "sum_b"] / n
        out: F64 = self._sums[first, second, "cross"] / n - np.outer(mean_a, mean_b)
        return out.T if flipped else out

    def neighbours(self, m: str) -> list[str]:
        """Views that share at least one record with ``m``."""
        return [other for other in self.dims if other != m and self.count(m, other) > 0]

    def components_of(self, m: str, x: F32, *, scale: bool = False) -> F64 | None:
        """Principal components ``(n, r)`` of rows ``(n, dim)`` of a view, if they are known."""
        return None

    def spectrum(self, m: str, *, scale: bool = False) -> tuple[F64, F64, F64]:
        """Eigenvalues and eigenvectors of a view's covariance, kept for later calls.

        Args:
            m: The view.
            scale: Use the correlation matrix instead, as if columns were standardised.

        Returns:
            Column scales ``(d,)`` (ones without ``scale``), eigenvalues ``(r,)`` and
            eigenvectors ``(d, r)`` of the scaled covariance; directions without variance,
            in which no pair can say anything either, are dropped.

        Raises:
            DataError: If there is no such view, its vectors are all the same, or rows were taken
                out that were never there, so that a variance is negative. Noise that was added to
                sums, for differential privacy, may leave that: sums that no rows were taken out of
                are not refused.
        """
        return self.memo(("spectrum", m, scale), lambda: self._spectrum(m, scale))

    def _spectrum(self, m: str, scale: bool) -> tuple[F64, F64, F64]:
        covariance = self.covariance(m)
        scales = np.ones(self.dims[m])
        if scale:
            scales = column_scales(np.diag(covariance))
            covariance = covariance * np.outer(scales, scales)
        # Centred rows span at most one direction fewer than there are rows.
        rank = np.inf if self._reduced else self.count(m) - 1
        values, vectors = symmetric_eigen(covariance, rank=rank, clip=not self._reduced)
        if self._reduced:
            length = (np.diag(self._sums[m, "second"]) * scales**2).sum() / self.count(m)
            refuse_negative(m, values[0], length, self.products)
        keep = varying(m, values, self.products)
        return scales, values[keep], vectors[:, keep]

    def between(self, a: str, b: str, *, scale: bool = False) -> F64:
        """Cross-covariance of the principal components of two views, ``(r_a, r_b)``.

        The components are those of :meth:`spectrum`.
        """
        return self.memo(("between", a, b, scale), lambda: self._between(a, b, scale))

    def _between(self, a: str, b: str, scale: bool) -> F64:
        (scale_a, _, vectors_a), (scale_b, _, vectors_b) = (
            self.spectrum(m, scale=scale) for m in (a, b)
        )
        cross = scale_a[:, None] * self.cross(a, b) * scale_b
        # The product with the longer side first leaves less for the other.
        if cross.shape[0] > cross.shape[1]:
            return (vectors_a.T @ cross) @ vectors_b
        return vectors_a.T @ (cross @ vectors_b)

    def memo(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Remember an expensive function of these moments until they change."""
        return self._memo.get(key, compute)

    def state(self) -> tuple[dict[str, Any], dict[str, F64]]:
        """What to save: the views as JSON; sums as arrays, named by the place of their views."""
        names = named(self._sums, self.dims)
        document = Document(self.views, (*self.dims.values(),), self.products, self.encoders)
        return to_object(document), {name: self._sums[key] for name, key in names.items()}

    @classmethod
    def from_state(cls, document: Mapping[str, Any], tensors: Tensors) -> Moments:
        """The moments that :meth:`state` described.

        Raises:
            ArtifactError: If arrays do not fit the document.
        """
        read = read_document(document, tensors)
        dims = dict(zip(read.views, read.dims, strict=True))
        out = cls(dims, products=read.products, encoders=read.encoders)
        for name, key in named(out._sums, out.dims).items():
            out._sums[key] = check_sum(tensors, name, out._sums[key].shape).astype(np.float64)
        return out

    @property
    def fingerprint(self) -> str:
        """Names exactly these sums, whatever the order of the views."""
        names = named(self._sums, sorted(self.dims))
        return fingerprint(
            {"dims": self.dims}, {name: self._sums[key] for name, key in names.items()}
        )

    def _key(self, a: str, b: str) -> tuple[str, str, bool]:
        check_views(self.dims, a, b)
        return (b, a, True) if a > b else (a, b, False)

    def _need(self, m: str) -> float:
        if self.count(m) <= 0:
            raise DataError(f"no record has {m}")
        return self.count(m)
