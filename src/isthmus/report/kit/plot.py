"""Dots with intervals, one strip a direction; positions in per cent, so text keeps its size.

This is own code because plotting libraries fix sizes and colours when they draw. These plots
follow the width of the page and its light or dark colours.
"""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.report.kit.figures import Direction, Figure
from isthmus.report.kit.glyphs import direction_label, kind
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.words import hundredths, of_hundred, sides

_MIDDLE = 16
_TICKS = (0, 25, 50, 75, 100)


def dot_plot(shown: Sequence[Direction], caption: str) -> Markup:
    """R@10 of every direction with its interval, beside chance and shuffled pairs."""
    rows = [_strip(direction, first=i == 0) for i, direction in enumerate(shown)]
    return el(
        "figure",
        el("div", *rows, _axis(), class_="plot"),
        el("figcaption", caption),
    )


def _strip(direction: Direction, *, first: bool) -> Markup:
    found, chance = direction.found.r10, direction.chance.r10
    shuffled = direction.null("shuffled pairs")
    marks: list[Markup | None] = [
        *(_line(at, "grid") for at in _TICKS),
        _line(100 * chance.value, "chance"),
        None if shuffled is None else _hollow(shuffled.r10),
        _interval(found),
        el(
            "svg",
            el("use", href=f"#g-{kind(sides(direction.name)[1])}"),
            x=_percent(found.value),
            y=_MIDDLE,
            overflow="visible",
            class_=f"m-{kind(sides(direction.name)[1])}",
        ),
    ]
    spoken = f"{of_hundred(found.value)}, {_between(found)}chance {hundredths(chance.value)}"
    return join(
        (
            el("div", direction_label(direction.name), class_="name"),
            el(
                "div",
                el(
                    "svg",
                    el("title", f"{direction.name}: {spoken}"),
                    *marks,
                    role="img",
                    width="100%",
                    height=2 * _MIDDLE,
                ),
                _words(chance, shuffled.r10 if shuffled else None) if first else None,
                class_="strip first" if first else "strip",
            ),
            el("div", hundredths(found.value), class_="value"),
        )
    )


def _words(chance: Figure, shuffled: Figure | None) -> Markup:
    """What the marks mean, once, above the first strip."""
    text = f"┆ chance {hundredths(chance.value)}"
    if shuffled is not None:
        text += f"   ○ shuffled pairs {hundredths(shuffled.value)}"
    return el("div", text, class_="marks", aria_hidden="true")


def _axis() -> Markup:
    ticks = [
        el("text", str(at), x=f"{at}%", y=12, text_anchor=_anchor(at), class_="tick")
        for at in _TICKS
    ]
    svg = el("svg", *ticks, width="100%", height=16, aria_hidden="true")
    return join(
        (el("div", class_="name"), el("div", svg, class_="strip"), el("div", class_="value"))
    )


def _anchor(at: int) -> str:
    return {0: "start", 100: "end"}.get(at, "middle")


def _interval(figure: Figure) -> Markup | None:
    if figure.low is None or figure.high is None:
        return None
    return el(
        "line",
        x1=_percent(figure.low),
        x2=_percent(figure.high),
        y1=_MIDDLE,
        y2=_MIDDLE,
        class_="interval",
    )


def _line(at: float, name: str) -> Markup:
    return el("line", x1=f"{at:.2f}%", x2=f"{at:.2f}%", y1=0, y2=2 * _MIDDLE, class_=name)


def _hollow(figure: Figure) -> Markup:
    return el("circle", cx=_percent(figure.value), cy=_MIDDLE, r=4, class_="null")


def _between(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{hundredths(figure.low)} to {hundredths(figure.high)}, "


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
