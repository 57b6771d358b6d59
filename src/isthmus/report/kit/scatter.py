"""A share against something that is counted, on a logarithmic axis: numbered dots and their front.

It is own code for the reason that :mod:`isthmus.report.kit.plot` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import Figure, figure, ticks

_HEIGHT = 320
_TOP = 0.1  # of the height, so that the highest dot has room
_LEFT, _RIGHT = 6.0, 96.0  # per cent of the width, for labels of the levels and the last dot
_RADIUS, _SMALL = 9, 4
_WIDE, _NARROW = 950, 330  # pixels, for which names and numbers are placed; a phone drops names
_LETTER, _LINE = 7.0, 16.0  # pixels of a letter of a label
_MARGIN = 0.06  # of the logarithmic range, on either side
_FINE = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
_STEPS = (1, 2, 5)
_FEW = 6

_Scale = Callable[[float], float]
_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ScatterPoint:
    """A dot.

    Attributes:
        number: What stands in it.
        name: What it is.
        at: Its place on the logarithmic axis, above 0.
        found: Its share.
        front: Whether no other has both a larger share and a larger place.
        chosen: Whether it is marked.
    """

    number: int
    name: str
    at: float
    found: Figure
    front: bool = False
    chosen: bool = False


def pareto(places: Sequence[float], shares: Sequence[float]) -> list[bool]:
    """Which points no other beats in both, equal ones included.

    Examples:
        >>> pareto([1, 2, 3, 2], [0.9, 0.8, 0.5, 0.4])
        [True, True, True, False]
    """
    points = list(zip(places, shares, strict=True))
    return [not any(a >= x and b >= y and (a > x or b > y) for a, b in points) for x, y in points]


def scatter_figure(
    points: Sequence[ScatterPoint], chance: float, axis: str, spoken: str, caption: str
) -> Markup:
    """Dots with intervals; those of the front are filled and joined.

    Args:
        points: At least one.
        chance: The share that luck gives, as a dashed line.
        axis: What the logarithmic axis counts.
        spoken: All of it in words, for who listens.
        caption: Below it.
    """
    x, marks = _axis([point.at for point in points])
    ends = [end for p in points for end in (p.found.value, p.found.high) if end]
    top = min(1.0, np.ceil(10 * max(chance, *ends)) / 10)

    def y(share: float) -> float:
        return float(100 * (1 - (1 - _TOP) * share / top))

    low = f"{y(chance):.2f}%"
    order = sorted(points, key=lambda point: (point.front, point.chosen, -point.number))
    svg = el(
        "svg",
        el("title", spoken),
        *(el("line", x1=_per(x(at)), x2=_per(x(at)), y1=0, y2="100%", class_="grid")
          for at, _ in marks),
        *_levels(top, y),
        el("line", x1=0, x2="100%", y1=low, y2=low, class_="chance"),
        _joined([point for point in points if point.front], x, y),
        *(_whisker(point, x, y) for point in order),
        *(_dot(point, x, y) for point in order),
        *_labels(points, x, y),
        role="img",
        width="100%",
        height=_HEIGHT,
        class_="area",
    )  # fmt: skip
    shown = [
        (label, x(at), i % 2 == 1 and len(marks) > _FEW) for i, (at, label) in enumerate(marks)
    ]
    below = el("div", axis, class_="marks axis")
    return figure(el("div", svg, ticks(shown), below, class_="scatter strip"), caption)


def _per(at: float) -> str:
    return f"{at:.2f}%"


def _axis(places: Sequence[float]) -> tuple[_Scale, list[tuple[float, str]]]:
    """Where a place lies in per cent of the width, and the places that are labelled."""
    low, high = float(np.log10(min(places))), float(np.log10(max(places)))
    margin = max(_MARGIN * (high - low), 0.15)
    low, high = low - margin, high + margin

    def x(at: float) -> float:
        return float(_LEFT + (_RIGHT - _LEFT) * (np.log10(at) - low) / (high - low))

    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    for steps in (_FINE, _STEPS, _STEPS[:1]):
        marks = [step * 10.0**power for power in powers for step in steps]
        marks = [at for at in marks if low <= np.log10(at) <= high]
        if len(marks) <= 2 * _FEW:
            break
    return x, [(at, f"{at:,.0f}" if at >= 1 else f"{at:g}") for at in marks]


def _levels(top: float, y: _Scale) -> list[Markup]:
    step = 0.1 if top <= 0.5 else 0.2
    shown = []
    for level in np.arange(0, top + step / 2, step):
        at = _per(y(float(level)))
        shown.append(el("line", x1=0, x2="100%", y1=at, y2=at, class_="grid"))
        shown.append(el("text", f"{100 * level:.0f}", x=0, y=at, dy=-4, class_="tick"))
    return shown


def _joined(front: Sequence[ScatterPoint], x: _Scale, y: _Scale) -> Markup | None:
    """The front as a line."""
    if len(front) < 2:
        return None
    ordered = sorted(front, key=lambda point: point.at)
    path = "M" + " ".join(f"{x(p.at):.2f} {y(p.found.value):.2f}" for p in ordered)
    return el(
        "svg",
        el("path", d=path, class_="line front"),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )


def _whisker(point: ScatterPoint, x: _Scale, y: _Scale) -> Markup | None:
    if point.found.low is None or point.found.high is None:
        return None
    ends = {"y1": _per(y(point.found.low)), "y2": _per(y(point.found.high))}
    at = _per(x(point.at))
    return el("line", x1=at, x2=at, **ends, class_="interval")


def _dot(point: ScatterPoint, x: _Scale, y: _Scale) -> Markup:
    """A large dot with its number in it, where it is of the front; else a small one."""
    at = {"cx": _per(x(point.at)), "cy": _per(y(point.found.value))}
    ring = el("circle", **at, r=_RADIUS + 4, class_="ring") if point.chosen else None
    if not point.front:
        return join((ring, el("circle", **at, r=_SMALL, class_="behind")))
    inside = {"x": at["cx"], "y": at["cy"], "dy": 4, "text_anchor": "middle"}
    number = el("text", point.number, **inside, class_="number in")
    return join((ring, el("circle", **at, r=_RADIUS, class_="ahead"), number))


def _labels(points: Sequence[ScatterPoint], x: _Scale, y: _Scale) -> list[Markup]:
    """Names of the front and numbers of the others beside their dots, where they cover nothing."""
    order = sorted(points, key=lambda p: (not p.chosen, p.number))
    names = _beside([p for p in order if p.front], points, x, y, _WIDE, named=True)
    numbers = _beside([p for p in order if not p.front], points, x, y, _NARROW, named=False)
    return [*names, *numbers]


def _beside(
    some: Sequence[ScatterPoint],
    points: Sequence[ScatterPoint],
    x: _Scale,
    y: _Scale,
    page: float,
    *,
    named: bool,
) -> list[Markup]:
    """What stands beside dots on a page of so many pixels, each where it finds room."""
    taken: list[_Box] = []
    for point in points:
        left, up = x(point.at) * page / 100, y(point.found.value) * _HEIGHT / 100
        reach = _RADIUS + 4.0 if point.front else float(_SMALL)
        taken.append((left - reach, up - reach, left + reach, up + reach))
    shown = []
    for point in some:
        text, kind = (point.name, "label minor") if named else (str(point.number), "number")
        left, up = x(point.at) * page / 100, y(point.found.value) * _HEIGHT / 100
        width = _LETTER * len(text)
        for anchor, across, down in _SIDES if named else _NEAR:
            start = left + across - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (start, up + down - _LINE + 4, start + width, up + down + 4)
            if box[0] < _LEFT * page / 200 or box[2] > page or box[1] < 0 or _covers(box, taken):
                continue
            taken.append(box)
            at = {"x": _per(x(point.at)), "y": _per(y(point.found.value)), "dx": across}
            shown.append(el("text", text, **at, dy=down, text_anchor=anchor, class_=kind))
            break
    return shown


_SIDES = (
    ("start", 18.0, 4.0),
    ("end", -18.0, 4.0),
    ("start", 12.0, -14.0),
    ("end", -12.0, -14.0),
    ("start", 12.0, 22.0),
    ("end", -12.0, 22.0),
    ("middle", 0.0, -20.0),
    ("middle", 0.0, 30.0),
)
"""Where a name may stand: how it is anchored, and how far right and down of the dot, in pixels."""
_NEAR = (
    ("start", 8.0, 4.0),
    ("end", -8.0, 4.0),
    ("middle", 0.0, -8.0),
    ("middle", 0.0, 16.0),
    ("start", 6.0, -6.0),
    ("end", -6.0, -6.0),
    ("start", 6.0, 14.0),
    ("end", -6.0, 14.0),
)
"""Where a number may stand."""


def _covers(box: _Box, taken: Sequence[_Box]) -> bool:
    return any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in taken
    )
