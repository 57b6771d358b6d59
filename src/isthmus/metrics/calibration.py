"""Whether probabilities mean what they say: calibration error, Brier score, coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64

BINS = 15


def reliability(
    probabilities: ArrayLike, truth: ArrayLike, *, bins: int = BINS
) -> tuple[F64, F64, NDArray[np.intp]]:
    """Mean probability and share of true ones in bins of equal count.

    Args:
        probabilities: ``(n,)`` in 0…1.
        truth: ``(n,)`` bool.
        bins: At most so many; with fewer values there are fewer.

    Returns:
        Mean probability, share of true ones and count of each bin, lowest first.

    Raises:
        InputError: If there is nothing, or the two differ in length.
    """
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if p.shape != t.shape or p.ndim != 1 or not len(p):
        raise InputError(f"need as many probabilities as truths, got {p.shape} and {t.shape}")
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    said = np.array([p[part].mean() for part in parts])
    found = np.array([t[part].mean() for part in parts])
    return said, found, np.array([len(part) for part in parts])


def expected_calibration_error(
    probabilities: ArrayLike, truth: ArrayLike, *, bins: int = BINS
) -> float:
    """ECE: mean over bins of equal count of ``|mean probability − share of true ones|``.

    Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", 2015; here with bins of equal count, which no empty bin can flatter.

    Examples:
        >>> said, true = [0.2] * 5 + [0.9] * 5, [1, 0, 0, 0, 0] + [1] * 5
        >>> round(expected_calibration_error(said, true, bins=2), 3)
        0.05
    """
    said, found, counts = reliability(probabilities, truth, bins=bins)
    return float((counts * np.abs(said - found)).sum() / counts.sum())


def brier_score(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean squared difference of probability and truth (Brier 1950); 0 is perfect.

    Examples:
        >>> brier_score([1.0, 0.5], [True, False])
        0.125
    """
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    return float(((p - t) ** 2).mean())
