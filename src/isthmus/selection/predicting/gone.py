"""What is lost where views are missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.predictor.report import MissingCurve
from isthmus.selection.predicting.judge import Judged
from isthmus.selection.predicting.measures import Measure, Said, together

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of records that lose a view at test."""
_DRAWS = 5
"""Of which records lose it."""


def missing_curve(
    view: str,
    folds: Sequence[Judged],
    rest: Sequence[Said],
    how: Measure,
    seed: int = 0,
) -> MissingCurve:
    """The headline where a share of the records lacks a view.

    Args:
        view: Which.
        folds: The predictor, on each outer fold.
        rest: One that never knew that view, on the same folds.
        how: The headline.
        seed: Of which records lose it.
    """
    values, others = [], []
    for share in SHARES:
        draws = 1 if share in (0.0, 1.0) else _DRAWS
        found = np.zeros((draws, 2))
        for draw in range(draws):
            pairs = [
                _at(view, mine, other, share, np.random.default_rng([seed, draw, fold]))
                for fold, (mine, other) in enumerate(zip(folds, rest, strict=True))
            ]
            found[draw] = [_mean(how, [pair[side] for pair in pairs]) for side in (0, 1)]
        mean = found.mean(axis=0)
        values.append(float(mean[0]))
        others.append(float(mean[1]))
    return MissingCurve(view, SHARES, tuple(values), tuple(others))


def _at(
    view: str, mine: Judged, other: Said, share: float, rng: np.random.Generator
) -> tuple[list[Said], list[Said]]:
    """What both say of one fold: rows that lose the view and the others are said apart."""
    n = len(mine.target)
    lost = np.zeros(n, dtype=bool)
    lost[rng.permutation(n)[: round(share * n)]] = True
    said = mine.said({view: lost})
    kept, gone = np.flatnonzero(~lost), np.flatnonzero(lost)
    parts = [(mine.said(), kept), (other, gone)]
    return [said], [each.take(rows) for each, rows in parts if len(rows)]


def _mean(how: Measure, folds: Sequence[list[Said]]) -> float:
    found = [how.of(parts[0] if len(parts) == 1 else together(parts)) for parts in folds]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0
