"""The tables of a predictor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.core.wording import count
from isthmus.predictor.report import Clinical, Coverage, PredictorReport, Standing, Tried
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.parts import folded, table
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths, signed
from isthmus.report.pages.prediction.words import LOWER_IS_BETTER, brief, gap, number

_TRIED = 60
"""Points of a grid that are listed."""
_UNBOUNDED = float(np.finfo(np.float64).max) / 2


def figures(report: PredictorReport) -> Markup:
    """Every figure on held-out records."""
    rows = [
        el(
            "tr",
            el("th", each.metric, _unit(each.unit), _direction(each.metric), scope="row"),
            el("td", number(each.value)),
            el("td", brief(each)),
            class_="main" if each.metric == report.estimate.headline else None,
        )
        for each in report.estimate.figures
    ]
    caption = (
        f"On {count(report.estimate.records, 'record')}, each held out once in "
        f"{report.estimate.folds} folds"
    )
    return table(caption, ("Figure", "Mean", "95 %"), el("tbody", *rows), class_="found trials")


def views(report: PredictorReport, known: Views) -> Markup:
    """What each view holds, what it scores alone, and how much it moves the scores."""
    alone = {each.view: each.figure for each in report.baselines if each.kind == "view"}
    rows = []
    for each in report.data.views:
        share = report.shares.views.get(each.name)
        single = alone.get(each.name)
        rows.append(
            el(
                "tr",
                el("th", known.label(each.name), scope="row"),
                el("td", bar(share) if share is not None else "not used", class_="drawn"),
                el("td", "–" if share is None else f"{hundredths(share)} %"),
                el("td", "–" if single is None else number(single.value)),
                el("td", f"{each.records:,}"),
                el("td", f"{each.dim:,}"),
            )
        )
    heads = ("View", None, "Share", "Alone", "Records", "Numbers")
    caption = f"Share: of what moves the scores. Alone: {report.estimate.headline}"
    return table(caption, heads, el("tbody", *rows), class_="found shares")


def bar(share: float) -> Markup:
    """A thin bar as long as a share."""
    drawn = el("rect", width=f"{100 * min(max(share, 0.0), 1.0):.1f}%", height=6, rx=2)
    return el("svg", drawn, width="100%", height=6, class_="bar", aria_hidden="true")


def coverage(found: Sequence[Coverage], *, kind: str, unit: str = "") -> Markup:
    """What sets or intervals hold, beside what was wished."""
    size = f"Mean width{_unit(unit) or ''}" if kind == "number" else "Mean size"
    rows = [
        el(
            "tr",
            el("th", f"{hundredths(each.wished)} %", scope="row"),
            el("td", f"{100 * each.covered:.1f} %"),
            el("td", "no bound" if each.size > _UNBOUNDED else signed(each.size)),
            None if kind == "number" else el("td", f"{hundredths(each.empty)} %"),
        )
        for each in found
    ]
    heads = ["Wished", "Held", size, *([] if kind == "number" else ["Empty"])]
    what = "Intervals" if kind == "number" else "Sets"
    return table(
        f"{what} that hold the truth, on held-out records",
        heads,
        el("tbody", *rows),
        class_="found short",
    )


def standings(report: PredictorReport) -> Markup:
    """Every kind of fusion, its lead over late fusion, and the time of a fit."""
    rows = [_standing(each) for each in report.standings]
    heads = ("Fusion", report.estimate.headline, "95 %", "Ahead of late", "On the choice", "Fit")
    caption = (
        "Each kind of fusion at its best. Ahead of late: paired, on held-out records. On the "
        f"choice: the same by {report.chosen_by}, on the records that the choice looked at"
    )
    return table(caption, heads, el("tbody", *rows), class_="found trials")


def _standing(each: Standing) -> Markup:
    tag = el("span", "chosen", class_="tag") if each.chosen else None
    leads = (each.ahead, each.ahead_inside)
    cells = [number(each.figure.value), brief(each.figure)]
    cells += ["–" if lead is None else f"{gap(lead.mean)} ({brief(lead)})" for lead in leads]
    return el(
        "tr",
        el("th", el("code", each.label), tag, scope="row"),
        *(el("td", cell) for cell in cells),
        el("td", _seconds(each.seconds)),
        class_="main" if each.chosen else None,
    )


def _seconds(value: float) -> str:
    return f"{1e3 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def tried(found: Sequence[Tried], by: str, not_tried: Mapping[str, str]) -> list[Markup]:
    """Every point of every grid, and what never entered, folded away."""
    rows = [_tried(each) for each in found[:_TRIED]]
    more = len(found) - len(rows)
    caption = f"By {by}, higher is better" + (f"; {more:,} more not shown" if more > 0 else "")
    drawn = table(caption, ("Settings", "Score", "Splits"), el("tbody", *rows), class_="found")
    parts = [folded(f"All {count(len(found), 'setting')} that were tried", drawn)]
    if not_tried:
        listed = [el("li", el("code", name), " ", why) for name, why in not_tried.items()]
        parts.append(folded("What was not tried, and why", el("ul", *listed)))
    return parts


def _tried(each: Tried) -> Markup:
    score = each.reason or "–"
    if each.score is not None:
        score = number(each.score) + (f" ± {number(each.sd)}" if each.sd is not None else "")
    splits = f"{each.splits}" if each.complete or each.reason else f"{each.splits}, left early"
    label = el("th", el("code", each.label), scope="row")
    return el("tr", label, el("td", score), el("td", splits))


def sensitivity(found: Clinical) -> Markup:
    """How many true ones are found where so many others are let alone."""
    rows = [
        el("tr", el("th", f"{hundredths(x)} %", scope="row"), el("td", f"{hundredths(y)} %"))
        for x, y in zip(found.sensitivity.x, found.sensitivity.y, strict=True)
    ]
    heads = ("Specificity", "Sensitivity")
    caption = f"Share of {found.positive} that is found at a fixed specificity"
    return table(caption, heads, el("tbody", *rows), class_="found short")


def _unit(unit: str) -> str | None:
    return f" ({unit})" if unit else None


def _direction(metric: str) -> Markup | None:
    return el("small", " lower is better") if metric in LOWER_IS_BETTER else None
