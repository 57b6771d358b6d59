"""A few-shot problem with a known answer."""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import l2_normalize
from isthmus.prompts.support import Support


def problem(
    classes: int = 5,
    shots: int = 4,
    *,
    dim: int = 24,
    noise: float = 0.9,
    words: float = 1.0,
    asked: int = 40,
    seed: int = 0,
) -> tuple[Support, np.ndarray, np.ndarray]:
    """Classes around centres; words are the centres under noise, shifted by one gap.

    Returns:
        The support, and items ``(n, d)`` with their classes that nothing was learned from.
    """
    rng = np.random.default_rng(seed)
    centres = l2_normalize(rng.normal(size=(classes, dim)))
    gap = 0.3 * l2_normalize(rng.normal(size=dim))

    def around(k: np.ndarray) -> np.ndarray:
        return l2_normalize(
            centres[k] + noise / np.sqrt(dim) * rng.normal(size=(len(k), dim)) + gap
        )

    named = l2_normalize(centres + words / np.sqrt(dim) * rng.normal(size=centres.shape))
    taught = np.repeat(np.arange(classes), shots)
    truth = np.repeat(np.arange(classes), asked)
    return Support(named, around(taught), taught, 8.0), around(truth), truth
