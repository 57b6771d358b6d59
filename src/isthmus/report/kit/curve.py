"""A share along an axis of sizes: points with intervals, joined, and drawn out beyond the last.

It is own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import Figure, figure, ticks

_Scale = Callable[[float], float]

_HEIGHT = 260
_TOP = 0.08  # of the height, so that the highest label has room
_LEFT = 6.0  # per cent of the width, for the labels of the levels


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a curve.

    Attributes:
        at: Where it stands along the axis, 0 … 1.
        found: The share.
        label: What stands below it; empty for nothing.
        minor: Whether that is dropped on a small screen.
    """

    at: float
    found: Figure
    label: str = ""
    minor: bool = False


def curve_figure(
    points: Sequence[CurvePoint],
    chance: float,
    spoken: str,
    caption: str,
    *,
    beyond: Sequence[CurvePoint] = (),
) -> Markup:
    """A curve with what it shows.

    Args:
        points: Measured, from left to right.
        chance: The share that luck gives, as a dashed line.
        spoken: The same in words, for who listens.
        caption: Below it.
        beyond: What is predicted; joined by a dashed line, with its band.
    """
    ends = [end for p in (*points, *beyond) for end in (p.found.value, p.found.high) if end]
    top = min(1.0, np.ceil(10 * max(chance, *ends)) / 10)

    def x(at: float) -> float:
        return float(_LEFT + (100 - _LEFT) * at)

    def y(share: float) -> float:
        return float(100 * (1 - (1 - _TOP) * share / top))

    low = f"{y(chance):.2f}%"
    svg = el(
        "svg",
        el("title", spoken),
        *_levels(top, y),
        el("line", x1=0, x2="100%", y1=low, y2=low, class_="chance"),
        _drawn(points, beyond, x, y),
        *(_point(x(point.at), point.found, y) for point in points),
        role="img",
        width="100%",
        height=_HEIGHT,
        class_="area",
    )
    named = [point for point in (*points, *beyond) if point.label]
    axis = ticks([(point.label, x(point.at), point.minor) for point in named])
    return figure(el("div", svg, axis, class_="curve strip"), caption)


def _drawn(
    points: Sequence[CurvePoint], beyond: Sequence[CurvePoint], x: _Scale, y: _Scale
) -> Markup:
    """The means joined, what lies beyond them dashed, and its band."""

    def path(some: Sequence[tuple[float, float | None]]) -> str:
        return "M" + " ".join(f"{x(at):.2f} {y(share or 0.0):.2f}" for at, share in some)

    band = [(p.at, p.found.high) for p in beyond] + [(p.at, p.found.low) for p in beyond[::-1]]
    further = path([(p.at, p.found.value) for p in beyond])
    return el(
        "svg",
        el("path", d=path(band) + "Z", class_="band") if beyond else None,
        el("path", d=path([(p.at, p.found.value) for p in points]), class_="line"),
        el("path", d=further, class_="line beyond") if beyond else None,
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


def _point(at: float, found: Figure, y: _Scale) -> Markup:
    place, bar = f"{at:.2f}%", None
    if found.low is not None and found.high is not None:
        ends = {"y1": f"{y(found.low):.2f}%", "y2": f"{y(found.high):.2f}%"}
        bar = el("line", x1=place, x2=place, **ends, class_="interval")
    return join((bar, el("circle", cx=place, cy=f"{y(found.value):.2f}%", r=4, class_="dot")))
