"""Lines over a pair of axes, each with its name beside it.

It is own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import figure, ticks
from isthmus.report.kit.words import true_minus

_HEIGHT = 240
_LEFT = 8.0  # per cent of the width, for the labels of the levels
_TOP, _BOTTOM = 10.0, 4.0  # per cent of the height, so that labels have room
_STEPS = (1, 2, 2.5, 5, 10)
_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Attributes:
        label: Its name, drawn beside it; empty for none.
        x: ``n`` places, ascending.
        y: ``n`` values.
        kind: How it is drawn: ``rival`` is thin, ``null`` dashed.
        dots: Whether each value has a dot.
        at: Place along the line where its name stands, 0 … 1.
        below: Whether the name stands below the line.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: Literal["main", "rival", "null"] = "main"
    dots: bool = False
    at: float = 1.0
    below: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """The ends of an axis and what they are of.

    Attributes:
        name: What is counted.
        low: Left or lower end.
        high: The other one.
        percent: Whether shares are written as per cent.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    percent: bool = False

    def said(self, value: float) -> str:
        """A value on it."""
        return f"{100 * value:.0f} %" if self.percent else true_minus(f"{value:.3g}")

    def levels(self) -> list[float]:
        """A few round values between its ends."""
        step = _step((self.high - self.low) / _LEVELS)
        first = np.ceil(self.low / step - 1e-9) * step
        return [float(round(v, 12)) + 0.0 for v in np.arange(first, self.high + step / 1e6, step)]


def axis_of(name: str, values: Sequence[float], *, low: float | None = None) -> Axis:
    """An axis that holds all values.

    Args:
        name: What is counted.
        values: All that shall be drawn.
        low: Its lower end, if it shall be that at most.
    """
    least, most = min(values), max(values)
    least = least if low is None else min(low, least)
    if most <= least:  # a line that lies on the axis needs one all the same
        most = least + 1.0
    step = _step(max(most - least, 1e-9) / _LEVELS)
    return Axis(name, float(np.floor(least / step) * step), float(np.ceil(most / step) * step))


def lines_figure(
    lines: Sequence[Line], across: Axis, up: Axis, caption: str, *, class_: str = "lines"
) -> Markup:
    """Lines with what they show.

    Args:
        lines: The first are drawn first.
        across: Axis from left to right.
        up: Axis from below.
        caption: Below it.
        class_: Of the drawing.
    """
    spoken = "; ".join(_spoken(line, across, up) for line in lines)
    svg = el(
        "svg",
        el("title", f"{up.name} by {across.name}. {spoken}"),
        *_grid(up),
        el(
            "svg",
            *(el("path", d=_path(line, across, up), class_=f"line {line.kind}") for line in lines),
            viewBox="0 0 100 100",
            preserveAspectRatio="none",
            width="100%",
            height="100%",
        ),
        *(_dots(line, across, up) for line in lines if line.dots),
        *(_label(line, across, up) for line in lines if line.label and len(line.x)),
        role="img",
        width="100%",
        height=_HEIGHT,
        class_="area",
    )
    places = across.levels()
    named = ticks([(across.said(v), _x(v, across), i % 2 == 1) for i, v in enumerate(places)])
    return figure(
        el(
            "div",
            el("div", up.name, class_="small up"),
            el("div", svg, named, class_="curve strip"),
            el("div", across.name, class_="small across"),
            class_=class_,
        ),
        caption,
    )


def _step(rough: float) -> float:
    """A round number at least as large."""
    size = 10.0 ** np.floor(np.log10(rough))
    return float(next(step * size for step in _STEPS if step * size >= rough * (1 - 1e-9)))


def _x(value: float, axis: Axis) -> float:
    return _LEFT + (100 - _LEFT) * (value - axis.low) / (axis.high - axis.low)


def _y(value: float, axis: Axis) -> float:
    share = (value - axis.low) / (axis.high - axis.low)
    return _TOP + (100 - _TOP - _BOTTOM) * (1 - min(max(share, -0.02), 1.02))


def _path(line: Line, across: Axis, up: Axis) -> str:
    places = zip(line.x, line.y, strict=True)
    return "M" + " ".join(f"{_x(x, across):.2f} {_y(y, up):.2f}" for x, y in places)


def _grid(up: Axis) -> list[Markup]:
    drawn = []
    for level in up.levels():
        at = f"{_y(level, up):.2f}%"
        drawn.append(el("line", x1=0, x2="100%", y1=at, y2=at, class_="grid"))
        drawn.append(el("text", up.said(level), x=0, y=at, dy=-4, class_="tick"))
    return drawn


def _dots(line: Line, across: Axis, up: Axis) -> Markup:
    return join(
        el("circle", cx=f"{_x(x, across):.2f}%", cy=f"{_y(y, up):.2f}%", r=3.5, class_="dot")
        for x, y in zip(line.x, line.y, strict=True)
    )


def _label(line: Line, across: Axis, up: Axis) -> Markup:
    place = round(line.at * (len(line.x) - 1))
    x, y = _x(line.x[place], across), _y(line.y[place], up)
    below = line.below if 20 < y < 80 else y < 50  # not over the edge
    anchor = "start" if x < 25 else "end" if x > 75 else "middle"
    return el(
        "text",
        line.label,
        x=f"{x:.2f}%",
        y=f"{y:.2f}%",
        dy=18 if below else -8,
        text_anchor=anchor,
        class_=f"line-label of-{line.kind}",
    )


def _spoken(line: Line, across: Axis, up: Axis) -> str:
    """Its ends and its middle in words."""
    if not len(line.x):
        return line.label
    some = sorted({0, (len(line.x) - 1) // 2, len(line.x) - 1})
    told = ", ".join(f"{up.said(line.y[i])} at {across.said(line.x[i])}" for i in some)
    return f"{line.label or up.name}: {told}"
