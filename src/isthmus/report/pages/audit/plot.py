"""Plots of a diagnosis: strips of encoder combinations, and a learning curve.

They are own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from isthmus.audit import EncoderFit, LearningCurve, Share
from isthmus.report.kit.curve import CurvePoint, curve_figure
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import Figure, Strip, share_plot
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths
from isthmus.report.pages.audit.words import called

_APART = 0.09  # of the width, so that two labels do not touch


def strips(fits: Sequence[EncoderFit], views: Views, caption: str) -> Markup:
    """R@k of every combination with its interval, beside chance."""
    return share_plot(
        [_strip(fit, fit.recall, views) for fit in fits if fit.recall is not None], caption
    )


def _strip(fit: EncoderFit, found: Share, views: Views) -> Strip:
    """Both encoders with the shapes of their views, each kept whole."""
    sides = ((fit.a, fit.encoder_a), (fit.b, fit.encoder_b))
    label = join(el("span", views.glyph(m), name, class_="encoder") for m, name in sides)
    return Strip(label, called(fit), Figure(found.value, found.low, found.high), fit.chance)


def curve_plot(curve: LearningCurve, chance: float, caption: str) -> Markup:
    """R@k by the number of training pairs, drawn out beyond the last."""
    first, last = curve.sizes[0], (*curve.sizes, *curve.beyond)[-1]

    def at(n: float) -> float:
        return float(np.log(n / first) / np.log(last / first))

    labels = _labels(curve, at)

    def points(sizes: Sequence[int], shares: Sequence[Share]) -> list[CurvePoint]:
        return [
            CurvePoint(at(n), Figure(s.value, s.low, s.high), *labels.get(n, ("", False)))
            for n, s in zip(sizes, shares, strict=True)
        ]

    measured = points(curve.sizes, curve.recall)
    further = points(curve.beyond, curve.recall_beyond)
    return curve_figure(measured, chance, _spoken(curve), caption, beyond=further)


def _labels(curve: LearningCurve, at: Callable[[float], float]) -> dict[int, tuple[str, bool]]:
    """What stands below a size, and whether it is dropped on a small screen."""
    last = curve.sizes[-1]
    marks = [(n, i % 2 == 1) for i, n in enumerate(curve.sizes[:-1])]  # every other one is minor
    if curve.beyond:
        marks = [mark for mark in marks if at(mark[0]) < at(last) - _APART]
        marks += [(last, False), (curve.beyond[-1], False)]
        if at(curve.beyond[-1]) - at(last) < _APART:
            marks.pop(-2)
    else:
        marks.append((last, False))
    return {n: (f"{n:,}", minor) for n, minor in marks}


def _spoken(curve: LearningCurve) -> str:
    measured = ", ".join(
        f"{n:,} pairs {hundredths(s.value)}" for n, s in zip(curve.sizes, curve.recall, strict=True)
    )
    return f"R@{curve.k} of {curve.a} and {curve.b} in hundredths: {measured}"
