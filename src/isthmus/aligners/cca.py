"""Regularised canonical correlation analysis of two and more modalities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from isthmus.aligners.base import MomentsAligner, check_positive
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.moments import Moments
from isthmus.core.errors import InputError, NoSignalError
from isthmus.core.linalg import F64, fix_signs
from isthmus.core.types import Head

_NOTHING = 1e-8
"""Canonical correlations below this are rounding, not signal."""


class CCA(MomentsAligner):
    """Canonical directions, weighted by how well they correlate.

    Each modality is whitened, ``W = (C + λ·tr(C)/d·I)^-½``. Two modalities are joined by
    the singular vectors of ``Wx Cxy Wy`` (Hotelling 1936; ridge: Vinod 1976). Three and
    more are joined by the leading eigenvectors of the matrix of all whitened
    cross-covariances (MAXVAR/SUMCOR family, Kettenring 1971); a pair of modalities that
    no record has together is filled in by the chain through those that share records with
    both. Direction i is then multiplied by ``ρᵢ^power`` before rows are normalised, which
    ranks better than plain CCA and leaves norms even.

    Args:
        ridge: λ, relative to the mean eigenvalue of a modality's covariance; a number for
            all modalities or one by modality.
        power: Exponent of the canonical correlations; 0 is plain CCA.
        components: Directions kept; None keeps all that carry something.
        scale: Standardise the columns of native vectors first.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> z = rng.normal(size=(200, 2))
        >>> views = {"a": z @ rng.normal(size=(2, 5)), "b": z @ rng.normal(size=(2, 4))}
        >>> cca = CCA(ridge=1e-9).fit(views)
        >>> np.round(cca.correlations_, 3)
        array([1., 1.])
    """

    name = "cca"
    correlations_: F64

    def __init__(
        self,
        ridge: float | Mapping[str, float] = 1.0,
        power: float = 2.0,
        components: int | None = None,
        scale: bool = False,
    ) -> None:
        for value in ridge.values() if isinstance(ridge, Mapping) else (ridge,):
            check_positive(value, "ridge")
        if not (np.isfinite(power) and power >= 0):
            raise InputError(f"power must not be negative, got {power}")
        if components is not None and components < 1:
            raise InputError(f"components must be at least 1, got {components}")
        self.ridge = ridge
        self.power = power
        self.components = components
        self.scale = scale

    def _heads(self, moments: Moments) -> dict[str, Head]:
        penalties = tuple(self._penalty(m) for m in moments.modalities)
        weights, correlations = moments.memo(
            ("cca", penalties, self.scale),
            lambda: _canonical(
                moments, dict(zip(moments.modalities, penalties, strict=True)), scale=self.scale
            ),
        )
        k = self.components or len(correlations)
        self.correlations_ = correlations[:k]
        strength = self.correlations_**self.power
        return {
            m: LinearHead(moments.mean(m), weights[m][:, :k] * strength) for m in moments.modalities
        }

    def _penalty(self, m: str) -> float:
        if not isinstance(self.ridge, Mapping):
            return float(self.ridge)
        if m not in self.ridge:
            raise InputError(f"ridge names {', '.join(self.ridge)}, but not {m}")
        return float(self.ridge[m])


def _canonical(
    moments: Moments, penalties: Mapping[str, float], *, scale: bool
) -> tuple[dict[str, F64], F64]:
    """Weights ``(d, k)`` by modality and the canonical correlations ``(k,)``, descending."""
    whiteners = {m: _whitener(moments, m, penalty, scale=scale) for m, penalty in penalties.items()}
    names = moments.modalities
    blocks = {
        (a, b): whiteners[a].T @ moments.cross(a, b) @ whiteners[b]
        for a, b in moments.pair_keys()
        if moments.count(a, b) > 0
    }
    if len(names) == 2:
        directions, correlations = _two(names, blocks[names])
    else:
        directions, correlations = _many(
            names, blocks, {m: w.shape[1] for m, w in whiteners.items()}
        )
    keep = correlations > _NOTHING
    if not keep.any():
        raise NoSignalError(
            f"no direction of {', '.join(names)} varies with one of another; are the rows of one "
            "record in the same place in every modality?"
        )
    return {m: whiteners[m] @ directions[m][:, keep] for m in names}, correlations[keep]


def _whitener(moments: Moments, m: str, penalty: float, *, scale: bool) -> F64:
    """Maps native columns to whitened coordinates, ``(d, r)``.

    It is ``(C + λ·tr(C)/d·I)^-½`` up to a rotation, in the eigenbasis of ``C``.
    """
    scales, values, vectors = moments.spectrum(m, scale=scale)
    ridge = penalty * values.sum() / moments.dims[m]
    whitener: F64 = scales[:, None] * vectors / np.sqrt(values + ridge)
    return whitener


def _two(names: tuple[str, ...], block: F64) -> tuple[dict[str, F64], F64]:
    u, correlations, vt = np.linalg.svd(block, full_matrices=False)
    signs = fix_signs(u)
    return {names[0]: u * signs, names[1]: vt.T * signs}, correlations


def _many(
    names: tuple[str, ...], blocks: Mapping[tuple[str, str], F64], ranks: Mapping[str, int]
) -> tuple[dict[str, F64], F64]:
    """Leading eigenvectors of the whitened cross-covariances of all modalities."""
    ends = np.cumsum([ranks[m] for m in names])
    where = {m: slice(int(end) - ranks[m], int(end)) for m, end in zip(names, ends, strict=True)}
    joint = np.zeros((int(ends[-1]), int(ends[-1])))
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            block = blocks.get((a, b))
            if block is None:
                block = _chained(a, b, blocks, np.zeros((ranks[a], ranks[b])))
            joint[where[a], where[b]] = block
            joint[where[b], where[a]] = block.T
    values, vectors = np.linalg.eigh(joint)
    positive = np.flatnonzero(values > _NOTHING)[::-1]
    vectors = vectors[:, positive] * fix_signs(vectors[:, positive])
    return {m: vectors[where[m]] for m in names}, values[positive] / (len(names) - 1)


def _chained(a: str, b: str, blocks: Mapping[tuple[str, str], F64], nothing: F64) -> F64:
    """What the pairs a–c and c–b say about a–b, which no record has together.

    In whitened coordinates the best linear guess through c is ``T_ac T_cb``; several
    bridges are averaged. Without a bridge nothing is known, and zeros say so.
    """
    both_ways = {**blocks, **{(y, x): block.T for (x, y), block in blocks.items()}}
    bridges = [c for x, c in both_ways if x == a and (c, b) in both_ways]
    if not bridges:
        return nothing
    guess: F64 = np.mean([both_ways[a, c] @ both_ways[c, b] for c in bridges], axis=0)
    return guess
