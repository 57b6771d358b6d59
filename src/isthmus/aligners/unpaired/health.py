"""Is an alignment without pairs more than chance? Asked without labels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from isthmus.aligners.unpaired.geometry import match_cosine, polar, soft_match, unit
from isthmus.core.errors import NoSignalError
from isthmus.core.linalg import F64

LEVEL = 0.05
"""Above this p-value matches are no better than between destroyed shapes; by convention."""
EXCESS = 0.03
"""What the mean cosine of matches must gain. Real clouds that have nothing to do with one
another also gain a little, since all of them have dense and sparse parts; significance alone
would let them pass."""
AGREEMENT = 0.5
"""What matches found in few and in many dimensions must have in common; chosen halfway."""

_DIMENSIONS = 24
"""The most in which matchings are compared. Chosen, not tuned."""
_ROWS = 272
"""Of each side, as many as a side has in benchmarks/unpaired.py; more are sampled."""
_SURROGATES = 8
"""Enough for a standard deviation; each costs a matching."""
_STEPS = 20
"""Values of β, fewer than for the alignment itself: this runs nine times."""


@dataclass(frozen=True)
class Health:
    """What speaks for an alignment without pairs.

    Attributes:
        cosine: Mean cosine of the Hungarian matches.
        surrogate: The same where the geometry of one side was destroyed: mean.
        spread: Its standard deviation over surrogates.
        p: How likely a surrogate reaches ``cosine``, by Student's t.
        agreement: Mean correlation between where matchings in few, some and many
            dimensions send the rows: 1 the same place, 0 unrelated ones.
        surrogate_agreement: The same for the surrogates.
    """

    cosine: float
    surrogate: float
    spread: float
    p: float
    agreement: float
    surrogate_agreement: float

    @property
    def excess(self) -> float:
        """What matches gain over destroyed geometry."""
        return self.cosine - self.surrogate

    @property
    def passes(self) -> bool:
        """Whether gain, significance and agreement all suffice."""
        return self.p <= LEVEL and self.excess >= EXCESS and self.agreement >= AGREEMENT

    def check(self, names: tuple[str, str]) -> None:
        """Refuse an alignment that does not pass.

        Raises:
            NoSignalError: With the figures and the way out.
        """
        if not self.passes:
            raise NoSignalError(
                f"{names[0]} and {names[1]} cannot be matched without pairs: the matches have a "
                f"mean cosine of {self.cosine:.3f}, and {self.surrogate:.3f} ± {self.spread:.3f} "
                f"with destroyed geometry (gain {self.excess:.3f}, needed ≥ "
                f"{EXCESS}; p={self.p:.2g}, needed ≤ {LEVEL}); matches in few and in many "
                f"dimensions agree to {self.agreement:.2f} (needed ≥ {AGREEMENT}). Add some "
                "records that have both, add more rows, or try encoders that are more alike; "
                "check=False skips this check"
            )


def examine(x: F64, y: F64, seed: int) -> Health:
    """Compare an alignment with that of surrogates.

    A random rotation of one side would change nothing, since the alignment undoes it. The
    surrogate turns the *whitened* coordinates and then gives each direction its old
    variance back: the cloud keeps its spectrum and rows that are alike stay so, but which
    distances are long and which are short is dealt anew.

    Args:
        x: ``(n, d)`` principal coordinates, most important first.
        y: ``(m, e)``.
        seed: Of samples and surrogates.
    """
    from scipy.stats import t

    rng = np.random.default_rng(seed)
    k = min(_DIMENSIONS, x.shape[1], y.shape[1])
    x, y = (side[rng.permutation(len(side))[:_ROWS], :k] for side in (x, y))
    cosine, agreement = _figures(x, y)
    null = np.array([_figures(x, surrogate(y, rng)) for _ in range(_SURROGATES)])
    spread = max(float(null[:, 0].std(ddof=1)), 1e-9)
    z = (cosine - null[:, 0].mean()) / (spread * np.sqrt(1 + 1 / _SURROGATES))
    return Health(
        cosine=cosine,
        surrogate=float(null[:, 0].mean()),
        spread=spread,
        p=float(t.sf(z, df=_SURROGATES - 1)),
        agreement=agreement,
        surrogate_agreement=float(null[:, 1].mean()),
    )


def surrogate(y: F64, rng: np.random.Generator) -> F64:
    """A cloud of the same spectrum whose distances are dealt anew, ``(n, k)``."""
    scale = y.std(axis=0)
    turn = np.linalg.qr(rng.normal(size=(y.shape[1], y.shape[1])))[0]
    out: F64 = (y / np.where(scale > 0, scale, 1.0)) @ turn * scale
    return out


def _figures(x: F64, y: F64) -> tuple[float, float]:
    """Mean cosine of matches, and agreement, over three numbers of dimensions."""
    k = x.shape[1]
    cosines: list[float] = []
    places: list[F64] = []
    for d in sorted({max(k // 3, 1), max(round(0.6 * k), 1), k}):
        xs, ys = unit(x, d), unit(y, d)
        plan = soft_match(xs, ys, steps=_STEPS, seed=0)
        cosines.append(match_cosine(xs @ polar(xs.T @ plan @ ys), ys))
        place = plan @ unit(y, k)
        place -= place.mean(axis=0)
        places.append(place / max(float(np.linalg.norm(place)), 1e-12))
    agreement = [float((a * b).sum()) for a, b in combinations(places, 2)]
    return float(np.mean(cosines)), float(np.mean(agreement)) if agreement else 1.0
