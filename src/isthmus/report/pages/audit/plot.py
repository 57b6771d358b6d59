"""Plots of a diagnosis: strips of encoder combinations, and a learning curve.

They are own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from isthmus.audit import EncoderFit, LearningCurve, Share
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import Figure, Strip, figure, share_plot, ticks
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths
from isthmus.report.pages.audit.words import called

_Scale = Callable[[float], float]

_HEIGHT = 260
_TOP = 0.08  # of the height, so that the highest label has room
_LEFT = 6.0  # per cent of the width, for the labels of the levels


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
    ends = (curve.sizes[0], (*curve.sizes, *curve.beyond)[-1])
    most = max(share.high for share in (*curve.recall, *curve.recall_beyond))
    top = min(1.0, np.ceil(10 * most) / 10)

    def x(n: float) -> float:
        return float(_LEFT + (100 - _LEFT) * np.log(n / ends[0]) / np.log(ends[1] / ends[0]))

    def y(share: float) -> float:
        return float(100 * (1 - (1 - _TOP) * share / top))

    low = f"{y(chance):.2f}%"
    svg = el(
        "svg",
        el("title", _spoken(curve)),
        *_levels(top, y),
        el("line", x1=0, x2="100%", y1=low, y2=low, class_="chance"),
        _drawn(curve, x, y),
        *(_point(x(n), share, y) for n, share in zip(curve.sizes, curve.recall, strict=True)),
        role="img",
        width="100%",
        height=_HEIGHT,
        class_="area",
    )
    body = el("div", svg, _pairs_axis(curve, x), class_="curve strip")
    return figure(body, caption)


def _drawn(curve: LearningCurve, x: _Scale, y: _Scale) -> Markup | None:
    """The means joined, what lies beyond them dashed, and its band."""
    measured = _path([(x(n), y(s.value)) for n, s in zip(curve.sizes, curve.recall, strict=True)])
    further = list(zip(curve.beyond, curve.recall_beyond, strict=True))
    band = [(x(n), y(s.high)) for n, s in further] + [(x(n), y(s.low)) for n, s in further[::-1]]
    return el(
        "svg",
        el("path", d=_path(band) + "Z", class_="band") if band else None,
        el("path", d=measured, class_="line"),
        el("path", d=_path([(x(n), y(s.value)) for n, s in further]), class_="line beyond")
        if further
        else None,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )


def _levels(top: float, y: _Scale) -> list[Markup]:
    step = 0.1 if top <= 0.5 else 0.2
    shown = []
    for level in np.arange(0, top + step / 2, step):
        at = y(float(level))
        shown.append(el("line", x1=0, x2="100%", y1=f"{at:.2f}%", y2=f"{at:.2f}%", class_="grid"))
        label = f"{100 * level:.0f}"
        shown.append(el("text", label, x=0, y=f"{at:.2f}%", dy=-4, class_="tick"))
    return shown


def _point(at: float, share: Share, y: _Scale) -> Markup:
    place = f"{at:.2f}%"
    return join(
        (
            el(
                "line",
                x1=place,
                x2=place,
                y1=f"{y(share.low):.2f}%",
                y2=f"{y(share.high):.2f}%",
                class_="interval",
            ),
            el("circle", cx=place, cy=f"{y(share.value):.2f}%", r=4, class_="dot"),
        )
    )


def _pairs_axis(curve: LearningCurve, x: _Scale) -> Markup:
    last = curve.sizes[-1]
    marks = [(n, i % 2 == 1) for i, n in enumerate(curve.sizes[:-1])]  # every other one is minor
    if curve.beyond:
        marks = [mark for mark in marks if x(mark[0]) < x(last) - 8]
        marks += [(last, False), (curve.beyond[-1], False)]
        if x(curve.beyond[-1]) - x(last) < 9:
            marks.pop(-2)
    else:
        marks.append((last, False))
    return ticks([(f"{n:,}", x(n), minor) for n, minor in marks])


def _spoken(curve: LearningCurve) -> str:
    measured = ", ".join(
        f"{n:,} pairs {hundredths(s.value)}" for n, s in zip(curve.sizes, curve.recall, strict=True)
    )
    return f"R@{curve.k} of {curve.a} and {curve.b} in hundredths: {measured}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{at:.2f} {height:.2f}" for at, height in points)
