"""Plots of a diagnosis: combinations of encoders, alone and against speed; a learning curve.

They are own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from isthmus.audit import EncoderFit, LearningCurve, Recommendation, Share
from isthmus.report.kit.curve import CurvePoint, curve_figure
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import Figure, Strip, share_plot
from isthmus.report.kit.scatter import ScatterPoint, pareto, scatter_figure
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths
from isthmus.report.pages.audit.words import called, is_choice

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


def race_plot(
    fits: Sequence[EncoderFit], taken: Recommendation | None, caption: str
) -> Markup | None:
    """R@k of every combination against records a second; None where nothing was timed."""
    timed = [
        (number, fit, 1e3 / fit.record_ms, fit.recall)
        for number, fit in enumerate(fits, start=1)
        if fit.recall is not None and fit.record_ms
    ]
    if len(timed) < 2:
        return None
    front = pareto([rate for *_, rate, _ in timed], [share.value for *_, share in timed])
    points = [
        ScatterPoint(
            number,
            called(fit),
            rate,
            Figure(share.value, share.low, share.high),
            front=ahead,
            chosen=taken is not None and is_choice(fit, taken),
        )
        for (number, fit, rate, share), ahead in zip(timed, front, strict=True)
    ]
    spoken = "; ".join(
        f"{p.name}: {hundredths(p.found.value)} of 100, {p.at:,.1f} records a second"
        for p in points
    )
    axis = "records a second on this machine, both encoders, on a logarithmic scale"
    return scatter_figure(points, timed[0][1].chance, axis, spoken, caption)


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
