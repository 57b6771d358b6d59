"""Moments of a few rows at hand: what follows from the rows themselves is computed from them."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64, fix_signs
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.moments.moments import Moments
from isthmus.moments.spectra import column_scales, varying
from isthmus.moments.sums import Key


class MomentsOfRows(Moments):
    """The same moments as ``Moments.of(pairs)``, with cheaper spectra where rows are few.

    The eigenvectors of a covariance ``XᵀX`` of ``n`` rows follow from those of ``XXᵀ``, which
    is smaller where ``n`` is below the dimension (Turk and Pentland, "Eigenfaces for recognition",
    1991). Sums are made when they are asked for, which closed forms then seldom do.

    Args:
        pairs: The rows.
    """

    def __init__(self, pairs: PairedVectors) -> None:
        dims = {m: x.shape[1] for m, x in pairs.vectors.items()}
        super().__init__(dims, encoders=pairs.encoders)
        self._pairs: PairedVectors | None = pairs
        self._sums = _SumsOfRows(pairs, list(self._sums))

    def update(self, pairs: Pairs, *, weight: float = 1.0) -> Moments:
        """Add rows; from then on these are sums alone."""
        self._sums = dict(self._sums)
        self._pairs = None
        return super().update(pairs, weight=weight)

    def spread(self, m: str) -> float:
        """Trace of the covariance, which need not be made for that."""
        if self._pairs is None or self.count(m) <= 0:
            return super().spread(m)
        rows = self._centred(m, self._pairs.rows(m))
        return float(np.einsum("ij,ij->", rows, rows)) / len(rows)

    def components_of(self, m: str, x: F32, *, scale: bool = False) -> F64 | None:
        """Those of the rows themselves follow from their spectrum."""
        if self._pairs is None or len(x) != self.count(m):
            return None
        own = self._pairs.vectors[m][self._pairs.rows(m)]
        return self._components(m, scale) if np.array_equal(own, x) else None

    def _spectrum(self, m: str, scale: bool) -> tuple[F64, F64, F64]:
        if self._pairs is None or self.count(m) > self.dims[m] or self.count(m) <= 0:
            return super()._spectrum(m, scale)
        rows = self._centred(m, self._pairs.rows(m))
        scales = np.ones(self.dims[m])
        if scale:
            scales = column_scales(np.einsum("ij,ij->j", rows, rows) / len(rows))
            rows = rows * scales
        values, inner = np.linalg.eigh(rows @ rows.T / len(rows))
        keep = varying(m, values, self.products)
        lengths = np.sqrt(len(rows) * values[keep])
        vectors = (rows.T @ inner[:, keep]) / lengths
        signs = fix_signs(vectors)
        self.memo(("components", m, scale), lambda: inner[:, keep] * (signs * lengths))
        return scales, values[keep], vectors * signs

    def _between(self, a: str, b: str, scale: bool) -> F64:
        if self._pairs is None:
            return super()._between(a, b, scale)
        both = self._pairs.rows(a, b)
        left, right = (self._components(m, scale) for m in (a, b))
        if len(both) < len(self._pairs):
            left, right = (
                components[np.searchsorted(self._pairs.rows(m), both)]
                for m, components in ((a, left), (b, right))
            )
            left = left - left.mean(axis=0)
        return left.T @ right / len(both)

    def _components(self, m: str, scale: bool) -> F64:
        """Principal components of the rows that have a view, ``(n, r)``."""
        assert self._pairs is not None
        rows = self._pairs.rows(m)
        scales, _, vectors = self.spectrum(m, scale=scale)
        return self.memo(
            ("components", m, scale),
            lambda: self._centred(m, rows) @ (scales[:, None] * vectors),
        )

    def _centred(self, m: str, rows: NDArray[np.intp]) -> F64:
        assert self._pairs is not None
        centred: F64 = self._pairs.vectors[m][rows] - self.mean(m)
        return centred


def of_rows(pairs: PairedVectors) -> Moments:
    """Moments of rows, from the rows themselves where these are fewer than the dimensions."""
    few = len(pairs) <= max(x.shape[1] for x in pairs.vectors.values())
    return MomentsOfRows(pairs) if few else Moments.of(pairs)


def of_rest(whole: Moments, pairs: PairedVectors, out: NDArray[np.bool_]) -> Moments:
    """Moments of the rows that are not left out.

    Args:
        whole: Of all rows, from :func:`of_rows`.
        pairs: All rows.
        out: ``(n,)``, which of them are left out.
    """
    if isinstance(whole, MomentsOfRows):
        return of_rows(pairs.take(~out))
    return whole - Moments.of(pairs.take(out))


class _SumsOfRows(UserDict[Key, F64]):
    """Sums by key, each made when it is first asked for."""

    def __init__(self, pairs: PairedVectors, known: list[Key]) -> None:
        super().__init__()
        self._pairs, self._known = pairs, known

    def __missing__(self, key: Key) -> F64:
        self[key] = found = self._summed(key)
        return found

    def __iter__(self) -> Iterator[Key]:
        return iter(self._known)

    def _summed(self, key: Key) -> F64:
        *views, what = key
        rows = self._pairs.rows(*views)
        if what == "n":
            return np.array([float(len(rows))])
        x, y = (self._pairs.vectors[m][rows].astype(np.float64) for m in (views[0], views[-1]))
        found: F64
        if what in ("second", "cross"):
            found = x.T @ (x if what == "second" else y)
        else:
            found = (y if what == "sum_b" else x).sum(axis=0)
        return found
