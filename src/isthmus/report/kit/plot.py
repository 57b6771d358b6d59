"""Dots with intervals, one strip each; positions in per cent, so text keeps its size.

This is own code because plotting libraries fix sizes and colours when they draw. These plots
follow the width of the page and its light or dark colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.report.kit.glyphs import kind
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.words import hundredths, of_hundred

MIDDLE = 16
"""Half the height of a strip, in pixels."""
_TICKS = (0, 25, 50, 75, 100)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval, which is None where none is known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """One line of a plot of shares.

    Attributes:
        label: What stands beside it.
        name: The same in words, for who listens.
        found: The share.
        chance: What a random order gets.
        shuffled: What shuffled pairs give, where it is known.
        modality: Whose shape the dot has; None for a plain dot.
    """

    label: Markup
    name: str
    found: Figure
    chance: float
    shuffled: float | None = None
    modality: str | None = None


def share_plot(strips: Sequence[Strip], caption: str) -> Markup:
    """Shares with their intervals, beside chance and shuffled pairs."""
    rows = [_strip(strip, first=i == 0) for i, strip in enumerate(strips)]
    return figure(el("div", *rows, _axis(), class_="plot"), caption)


def figure(body: Markup, caption: str) -> Markup:
    """Something drawn, with what it shows; nothing below it where that is empty."""
    return el("figure", body, el("figcaption", caption) if caption else None)


def row(label: object, strip: Markup, value: str, *, first: bool = False) -> Markup:
    """One line of a plot: name, drawing, value."""
    return join(
        (
            el("div", label, class_="name"),
            el("div", strip, class_="strip first" if first else "strip"),
            el("div", value, class_="value"),
        )
    )


def strip_svg(spoken: str, marks: Sequence[Markup | None]) -> Markup:
    """The drawing of one line."""
    return el("svg", el("title", spoken), *marks, role="img", width="100%", height=2 * MIDDLE)


def upright(at: float, name: str) -> Markup:
    """A line across the strip at so many per cent."""
    return el("line", x1=f"{at:.2f}%", x2=f"{at:.2f}%", y1=0, y2=2 * MIDDLE, class_=name)


def interval(low: float | None, high: float | None) -> Markup | None:
    """A bar along the middle between two places in per cent."""
    if low is None or high is None:
        return None
    return el("line", x1=f"{low:.2f}%", x2=f"{high:.2f}%", y1=MIDDLE, y2=MIDDLE, class_="interval")


def dot(at: float) -> Markup:
    """A plain dot in the middle at so many per cent."""
    return el("circle", cx=f"{at:.2f}%", cy=MIDDLE, r=5, class_="dot")


def ticks(labels: Sequence[tuple[str, float, bool]]) -> Markup:
    """Labels below a plot: text, place in per cent, and whether it is dropped on a small screen."""
    return el(
        "svg",
        *(
            el(
                "text",
                text,
                x=f"{at:.2f}%",
                y=12,
                text_anchor="start" if at <= 1 else "end" if at >= 99 else "middle",
                class_="tick minor" if minor else "tick",
            )
            for text, at, minor in labels
        ),
        width="100%",
        height=16,
        aria_hidden="true",
    )


def _strip(strip: Strip, *, first: bool) -> Markup:
    found = strip.found
    ends = (None if end is None else 100 * end for end in (found.low, found.high))
    marks = [
        *(upright(at, "grid") for at in _TICKS),
        upright(100 * strip.chance, "chance"),
        None if strip.shuffled is None else _hollow(100 * strip.shuffled),
        interval(*ends),
        dot(100 * found.value) if strip.modality is None else _shape(found.value, strip.modality),
    ]
    said = f"{of_hundred(found.value)}, {_between(found)}chance {hundredths(strip.chance)}"
    drawn = strip_svg(f"{strip.name}: {said}", marks)
    return row(
        strip.label,
        join((drawn, _meaning(strip))) if first else drawn,
        hundredths(found.value),
        first=first,
    )


def _meaning(strip: Strip) -> Markup:
    """What the marks mean, once, above the first strip."""
    text = f"┆ chance {hundredths(strip.chance)}"
    if strip.shuffled is not None:
        text += f"   ○ shuffled pairs {hundredths(strip.shuffled)}"
    return el("div", text, class_="marks", aria_hidden="true")


def _axis() -> Markup:
    return row(None, ticks([(str(at), at, False) for at in _TICKS]), "")


def _shape(share: float, modality: str) -> Markup:
    return el(
        "svg",
        el("use", href=f"#g-{kind(modality)}"),
        x=f"{100 * share:.2f}%",
        y=MIDDLE,
        overflow="visible",
        class_=f"m-{kind(modality)}",
    )


def _hollow(at: float) -> Markup:
    return el("circle", cx=f"{at:.2f}%", cy=MIDDLE, r=4, class_="null")


def _between(found: Figure) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{hundredths(found.low)} to {hundredths(found.high)}, "
