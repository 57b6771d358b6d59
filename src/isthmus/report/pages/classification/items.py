"""Items as cards: what they are said to be, how surely, and what they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.report.kit.assets import Assets
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import shown, words
from isthmus.report.kit.words import breakable, hundredths, listed, short_source
from isthmus.tasks.zeroshot.reporting.model import ClassificationReport, Shown

_TOP = 3
_NONE = "none of these"
_SET = 4
"""Names of a set that are listed."""


def groups(report: ClassificationReport, assets: Assets) -> list[Markup]:
    """Sure, unsure and refused items, each with its heading."""
    parts = []
    for name, says, rows in (
        ("Sure", "The most probable answers, at most two of a class.", report.sure),
        ("Unsure", _unsure(report), report.unsure),
        ("Refused", _refusing(report), report.refused),
    ):
        cards = [_card(each, report, assets) for each in rows]
        grid = el("ul", *cards, class_="items") if cards else None
        if not says or (grid is None and name == "Sure"):
            continue
        parts += [el("h3", name), el("p", says, class_="small"), grid or Markup("")]
    return parts


def _unsure(report: ClassificationReport) -> str:
    """What unsure items are; empty where none is shown though some answers are less probable."""
    bound = report.options.coverage
    if report.unsure:
        return (
            "The answers that are least ahead of the next class, of those less probable than "
            f"{hundredths(bound)} %."
        )
    answers = [each.probability for each in report.said.items if each.label is not None]
    if answers and min(answers) >= bound:
        return f"None: each answer is at least {hundredths(bound)} % probable."
    return ""


def _refusing(report: ClassificationReport) -> str:
    options = report.options
    if report.refused:
        return "These items are less sure than nearly all examples, so they get no class."
    if options.least > 0 or any(each.unlike is not None for each in report.said.items):
        return "No item was refused."
    return (
        "No item could be refused: that needs more examples that can be left out, or a least "
        "probability (--least)."
    )


def _card(each: Shown, report: ClassificationReport, assets: Assets) -> Markup:
    said = each.said
    label = said.label or _NONE
    return el(
        "li",
        shown(each.item, short_source(each.item), None, assets),
        el("div", words(breakable(label), None), _mark(each), class_="said"),
        _bars(each, report.said.classes),
        _likely(each, report.options.coverage),
        class_="card",
    )


def _mark(each: Shown) -> Markup | None:
    """Whether it is right, where that is known."""
    if each.true is None:
        return None
    if each.said.label == each.true:
        return el("span", "✓", el("span", " right", class_="sr"), class_="true")
    return el("span", "✗ is ", each.true, class_="false")


def _bars(each: Shown, classes: Sequence[str]) -> Markup:
    """The most probable classes with thin bars."""
    row = each.said.probabilities
    lines = []
    for k in np.argsort(-row, kind="stable")[:_TOP].tolist():
        bar = el("rect", width=f"{100 * row[k]:.1f}%", height=6, rx=2)
        drawn = el("svg", bar, width="100%", height=6, class_="bar", aria_hidden="true")
        lines.append(
            join((el("dt", words(breakable(classes[k]), None)), el("dd", drawn, f"{row[k]:.2f}")))
        )
    return el("dl", *lines, class_="top")


def _likely(each: Shown, coverage: float) -> Markup | None:
    said = each.said
    parts = []
    if said.likely is not None:
        names = list(said.likely[:_SET])
        more = len(said.likely) - len(names)
        names += [f"{more} more"] if more > 0 else []
        parts.append(f"Likely ({hundredths(coverage)} %): {listed(names)}.")
    if said.label is None and said.unlike is not None:
        parts.append(f"Only {hundredths(said.unlike)} of 100 items of these classes are less sure.")
    return el("p", " ".join(parts), class_="small") if parts else None
