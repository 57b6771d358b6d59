"""Kinds of targets: those that are declared are learned, and others refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from isthmus.core.checking import assert_raises
from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.fusion.checks.subject import TRAIN, Check, Subject, planted
from isthmus.fusion.target import KINDS

_ORDERED = 0.6
"""Rank correlation of held-out scores with what was planted that every kind must reach."""
_UNITS = ((1e-9, 3e-8), (0.3, -70.0), (1e5, 2e6), (1e9, -1e12))
"""Of a number, with zeros as far off as float64 holds the number beside them."""
_ROUNDING = 1e-5
"""Standard deviations by which predictions of the same number in another unit may differ."""


def learns_the_kinds_that_it_declares(subject: Subject) -> None:
    """Held-out scores follow the truth of every declared kind; other kinds are a ``DataError``."""
    for kind in KINDS:
        rows, target = planted(kind)
        first = np.arange(TRAIN)
        fusion = subject.new()
        if kind not in fusion.kinds:
            assert_raises(DataError, partial(fusion.fit, rows, target), kind)
            continue
        fusion.fit(rows.take(first), target.take(first))
        scores = fusion.scores(rows.take(np.arange(TRAIN, len(rows))))
        assert scores.shape == (len(rows) - TRAIN, target.width), f"{kind}: shape {scores.shape}"
        assert np.isfinite(scores).all(), f"{kind}: scores are not finite"
        truth = planted("classes")[1].codes[TRAIN:]
        said = scores[:, -1] - (scores[:, 0] if kind == "classes" else 0.0)
        found = _rank_correlation(said, truth.astype(np.float64))
        assert found > _ORDERED, f"{kind}: rank correlation {found:.2f}, need {_ORDERED}"


def _rank_correlation(a: F64, b: F64) -> float:
    ranks = [np.argsort(np.argsort(each)).astype(np.float64) for each in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def learns_a_number_in_any_unit(subject: Subject) -> None:
    """A number in another unit, from another zero, is predicted the same in that unit."""
    if "number" not in subject.new().kinds:
        return
    rows, target = planted("number")
    values = target.values - target.values.mean()
    first = rows.take(np.arange(TRAIN))
    held = rows.take(np.arange(TRAIN, len(rows)))

    def said(unit: float, zero: float) -> F64:
        other = replace(target, values=unit * values + zero).take(np.arange(TRAIN))
        return (subject.new().fit(first, other).scores(held) - zero) / unit

    plain = said(1.0, 0.0)
    for unit, zero in _UNITS:
        gap = float(np.abs(said(unit, zero) - plain).max()) / float(values.std())
        assert gap < _ROUNDING, f"{unit:g} · y + {zero:g}: predictions are off by {gap:.1e}"


CHECKS: tuple[Check, ...] = (learns_the_kinds_that_it_declares, learns_a_number_in_any_unit)
