"""Plots of a predictor: figures beside rivals, missing views, probabilities, a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.predictor.report import (
    Clinical,
    Figure,
    MissingCurve,
    PredictorReport,
    Reliability,
    RiskCoverage,
)
from isthmus.report.kit.lines import Axis, Line, axis_of, lines_figure
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.plot import dot, figure, interval, row, strip_svg, ticks, upright
from isthmus.report.pages.prediction.words import between, ends, number


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a plot of figures.

    Attributes:
        label: What stands beside it.
        found: Its figure.
        main: Whether it is what the page is about.
    """

    label: Markup | str
    found: Figure
    main: bool = False


def figures_plot(rows: Sequence[Row], chance: float | None, caption: str) -> Markup:
    """Figures with their intervals on one axis, and a dashed line at what luck gives."""
    places = [at for each in rows for at in (*ends(each.found), each.found.value) if at is not None]
    axis = axis_of("", [*places, *([] if chance is None else [chance])])

    def at(value: float) -> float:
        return 100 * (value - axis.low) / (axis.high - axis.low)

    levels = axis.levels()
    drawn = []
    for each in rows:
        low, high = ends(each.found)
        bars = interval(None if low is None else at(low), None if high is None else at(high))
        marks = [
            *(upright(at(level), "grid") for level in levels),
            None if chance is None else upright(at(chance), "chance"),
            bars,
            dot(at(each.found.value)),
        ]
        name = str(each.label) if not isinstance(each.label, Markup) else ""
        spoken = f"{name} {number(each.found.value)} {between(each.found)}".strip()
        label = el("strong", each.label) if each.main else each.label
        drawn.append(row(label, strip_svg(spoken, marks), number(each.found.value)))
    foot = row(None, ticks([(axis.said(v), at(v), i % 2 == 1) for i, v in enumerate(levels)]), "")
    return figure(el("div", *drawn, foot, class_="plot"), caption)


def missing_plot(found: MissingCurve, metric: str, low: float, high: float) -> Markup:
    """The headline as more and more records lack a view; all views on one scale."""
    lines = [
        Line("never knew it", found.shares, found.rest, "rival", at=0.5, below=True),
        Line("this predictor", found.shares, found.values, dots=True, at=0.5),
    ]
    across = Axis(f"records without {found.view}", percent=True)
    return lines_figure(lines, across, Axis(metric, low, high), "")


def missing_range(curves: Sequence[MissingCurve]) -> tuple[float, float]:
    """Ends of a scale that holds all curves."""
    axis = axis_of("", [v for each in curves for v in (*each.values, *each.rest)])
    return axis.low, axis.high


def reliability_plot(found: Reliability, *, event: bool = False) -> Markup:
    """How often answers are right, or an event happens, by their probability."""
    low = min((*found.said, *found.found))
    axis = axis_of("", [low, 1.0])
    lines = [
        Line("as it should be", (axis.low, 1.0), (axis.low, 1.0), "null", at=0.0),
        Line("this predictor", found.said, found.found, dots=True, at=0.5, below=True),
    ]
    return lines_figure(
        lines,
        Axis(f"probability of the {'event' if event else 'answer'}", axis.low, 1.0),
        Axis("share that had it" if event else "share that is right", axis.low, 1.0),
        f"{sum(found.counts):,} held-out answers in bins of equal count.",
    )


def risk_plot(found: RiskCoverage, *, wrong: bool, unit: str = "") -> Markup:
    """What is lost when only the surest are answered."""
    name = "share that is wrong" if wrong else f"mean distance{f' ({unit})' if unit else ''}"
    up = axis_of(name, [0.0, *found.risk], low=0.0)
    all_of = found.risk[-1]
    lines = [
        Line("without abstaining", (0.0, 1.0), (all_of, all_of), "null", at=0.0),
        Line("surest first", found.coverage, found.risk, at=0.6, below=True),
    ]
    caption = "The surest records are answered; the others are left to somebody else."
    return lines_figure(lines, Axis("records that are answered", percent=True), up, caption)


def benefit_plot(found: Clinical) -> Markup:
    """Net benefit of acting from a probability on, beside acting always and never."""
    highest = max(0.01, *found.benefit.y)
    lowest = -0.25 * highest
    kept = [
        (x, y) for x, y in zip(found.always.x, found.always.y, strict=True) if y >= 1.2 * lowest
    ]
    lines = [
        Line("nobody", (found.benefit.x[0], found.benefit.x[-1]), (0.0, 0.0), "null", below=True),
        Line("everyone", [x for x, _ in kept], [y for _, y in kept], "rival", below=True),
        Line("this predictor", found.benefit.x, found.benefit.y, at=0.5),
    ]
    across = Axis("act from this probability on", 0.0, max(found.benefit.x))
    up = Axis("net benefit", lowest, 1.1 * highest)
    return lines_figure(lines, across, up, "Decision curve, on held-out records.")


def auc_plot(found: Clinical) -> Markup | None:
    """Of survival, the AUC at several times."""
    curve = found.auc_over_time
    if curve is None or len(curve.x) < 2:
        return None
    lines = [
        Line("chance", (curve.x[0], curve.x[-1]), (0.5, 0.5), "null", at=0.0),
        Line("this predictor", curve.x, curve.y, dots=True, at=0.5),
    ]
    across = axis_of("time", curve.x)
    return lines_figure(lines, across, axis_of("AUC", [0.5, 1.0, *curve.y]), "AUC at each time.")


def chance_of(report: PredictorReport) -> float | None:
    """What luck gives."""
    return next((b.figure.value for b in report.baselines if b.kind == "chance"), None)
