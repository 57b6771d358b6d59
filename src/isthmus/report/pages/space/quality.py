"""The figures in words, as tables and as a plot."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, fields

from isthmus.core.view import Direction
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.parts import folded, headline_card, section, table
from isthmus.report.kit.plot import Figure, Strip, share_plot
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths, signed
from isthmus.report.pages.space.figures import (
    SHUFFLED,
    DirectionFigures,
    Row,
    direction_figures,
    mean,
)
from isthmus.space import Evaluation
from isthmus.space.evaluate import unmatched
from isthmus.space.report import Estimate, Geometry, Null, Summary

_HEADLINES = 4
_SMALL_GALLERY = 20  # among so few, the first ten say little
_HEADS = ("R@1", "R@10", "Median rank", "mAP")
_GEOMETRY = {
    "median_true_cosine": "Cosine of true pairs",
    "modality_gap": "Modality gap",
    "alignment": "Alignment",
    "uniformity": "Uniformity",
    "hubness_skew": "Hubness (skew)",
    "foscttm": "FOSCTTM",
}


@dataclass(frozen=True)
class Measured:
    """What one section shows.

    Attributes:
        found: Measured once, or over folds.
        views: Names and modalities.
        emergent: Directions that were never paired in training.
        null: What no signal gives, where it is known.
    """

    found: Evaluation | Summary
    views: Views
    emergent: Set[Direction]
    null: Null | None = None


def headline(measured: Measured) -> Markup | None:
    """The first few directions, each as one sentence with its chance level."""
    shown = direction_figures(measured.found, measured.views)
    new = [each for each in shown if each.direction in measured.emergent]
    trained = [each for each in shown if each.direction not in measured.emergent]
    keep = max(_HEADLINES - len(new), 2)
    picked = [*trained[:keep], *new][:_HEADLINES]
    if not picked:
        return None
    return el("ul", *(_card(each, measured) for each in picked), class_="headline")


def quality(
    title: str, name: str, measured: Measured, says: str, after: Markup | None = None
) -> Markup:
    """One section: plot and table of the directions trained, then of those never paired."""
    shown = direction_figures(measured.found, measured.views, "instance", measured.null)
    alike = direction_figures(measured.found, measured.views, "semantic", measured.null)
    trained = [each for each in shown if each.direction not in measured.emergent]
    new = [each for each in shown if each.direction in measured.emergent]
    parts: list[Markup | None] = [el("p", says), after]
    if trained:
        parts += _shown(trained, measured.views, "Every direction")
    if new:
        explained = (
            "No training record had both views. They meet only through the views that each was "
            "paired with."
        )
        parts += [el("h3", "Never paired in training"), el("p", explained)]
        parts += _shown(new, measured.views, "Directions never paired in training")
    if alike:
        caption = "Every direction, semantic read-out (cosine without CSLS)"
        semantic = _table(alike, measured.views, caption)
        parts.append(folded("The same with the semantic read-out", semantic))
    if measured.found.geometry:
        parts.append(_geometry(measured.found, measured.views))
    return section(title, name, *parts)


def p_values(estimate: Estimate, views: Views) -> Markup:
    """What the permutation test said, in words."""
    said = [join((views.pair(pair), f": p = {p:.3g}")) for pair, p in estimate.p_values.items()]
    lead = "Permutation test against shuffled partners: "
    weak = "".join(f" {line}" for line in unmatched(estimate.p_values))
    return el("p", lead, join(said, between="; "), f".{weak}", class_="small")


def _card(shown: DirectionFigures, measured: Measured) -> Markup:
    direction, views = shown.direction, measured.views
    few = shown.gallery <= _SMALL_GALLERY
    found, chance = (
        (shown.found.r1, shown.chance.r1) if few else (shown.found.r10, shown.chance.r10)
    )
    where = "comes first" if few else "is among the first ten"
    new = direction in measured.emergent
    says = (
        f"With {views.a_thing(direction.query)} as the query, the right "
        f"{views.thing(direction.gallery)} {where} of {shown.gallery:,.0f}. "
        f"Chance: {hundredths(chance.value)} of 100."
        f"{' These views were never paired in training.' if new else ''}"
    )
    return headline_card(views.direction(direction), hundredths(found.value), " of 100", says)


def _shown(shown: Sequence[DirectionFigures], views: Views, caption: str) -> list[Markup]:
    strips = [_strip(each, views) for each in shown]
    return [share_plot(strips, _plot_caption(shown[0])), _table(shown, views, caption)]


def _strip(shown: DirectionFigures, views: Views) -> Strip:
    shuffled = shown.null(SHUFFLED)
    return Strip(
        views.direction(shown.direction),
        str(shown.direction),
        shown.found.r10,
        shown.chance.r10.value,
        None if shuffled is None else shuffled.r10.value,
        views.modality(shown.direction.gallery),
    )


def _plot_caption(shown: DirectionFigures) -> str:
    bar = (
        "Bars are 95 % intervals."
        if len(shown.rows) == 2
        else "Bars show one standard deviation over the folds."
    )
    if shown.found.r10.low is None:
        bar = ""
    said = "R@10: how many of 100 queries find their true partner among the first ten."
    return f"{said} {bar}"


def _table(shown: Sequence[DirectionFigures], views: Views, caption: str) -> Markup:
    bodies = [
        el(
            "tbody",
            _head_row(each, views),
            *(_line(row, first=row is each.found) for row in each.rows),
        )
        for each in shown
    ]
    return table(caption, (None, *_HEADS), *bodies, class_="figures")


def _head_row(shown: DirectionFigures, views: Views) -> Markup:
    counts = f"{shown.queries:,.0f} queries among {shown.gallery:,.0f}"
    label = el(
        "th", views.direction(shown.direction), " ", el("small", counts),
        colspan=1 + len(_HEADS), scope="rowgroup",
    )  # fmt: skip
    return el("tr", label, class_="group")


def _line(row: Row, *, first: bool) -> Markup:
    cells = [
        _cell(row.r1, "share"),
        _cell(row.r10, "share"),
        _cell(row.medr, "rank"),
        el("td", "–") if row.map is None else _cell(row.map, "map"),
    ]
    label = el("th", row.label, scope="row")
    return el("tr", label, *cells, class_="main" if first else "null")


def _cell(figure: Figure, kind: str) -> Markup:
    say = _SAY[kind]
    value = say(figure.value)
    if figure.low is None or figure.high is None:
        return el("td", value)
    return el("td", value, " ", el("small", f"{say(figure.low)}–{say(figure.high)}"))


def _rank(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"


def _two_digits(value: float) -> str:
    return f"{value:.2f}"


_SAY = {"share": hundredths, "rank": _rank, "map": _two_digits}


def _geometry(measured: Evaluation | Summary, views: Views) -> Markup:
    names = [each.name for each in fields(Geometry)]
    rows = [
        el(
            "tr",
            el("th", views.pair(pair), scope="row"),
            *(el("td", signed(mean(getattr(cells, name)))) for name in names),
        )
        for pair, cells in measured.geometry.items()
    ]
    caption = "Geometry of the space by pair of views"
    heads = (None, *(_GEOMETRY[name] for name in names))
    return folded("Geometry", table(caption, heads, el("tbody", *rows)))
