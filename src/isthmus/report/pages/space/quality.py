"""The figures in words, as tables and as a plot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from isthmus.report.kit.figures import CHANCE, Direction, Figure, Row, directions
from isthmus.report.kit.glyphs import direction_label
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.plot import dot_plot
from isthmus.report.kit.words import a_thing, hundredths, of_hundred, sides, thing

_HEADLINES = 4
_SMALL_GALLERY = 20  # among so few, the first ten say little
_HEADS = ("R@1", "R@10", "Median rank", "mAP")


def headline(shown: Sequence[Direction], emergent: Collection[str]) -> Markup | None:
    """The first few directions, each as one sentence with its chance level."""
    trained = [d for d in shown if d.name not in emergent]
    new = [d for d in shown if d.name in emergent]
    keep = max(_HEADLINES - len(new), 2)
    picked = [*trained[:keep], *new][:_HEADLINES]
    if not picked:
        return None
    cards = [_sentence(direction, direction.name in emergent) for direction in picked]
    return el("ul", *cards, class_="headline")


def quality(
    title: str,
    name: str,
    measured: Mapping[str, Any],
    nulls: Mapping[str, Any] | None,
    emergent: Collection[str],
    says: str,
    after: Markup | None = None,
) -> Markup:
    """One section: plot and table of the directions trained, then of those never paired."""
    shown = directions(measured, "instance", nulls)
    alike = directions(measured, "semantic", nulls)
    trained = [d for d in shown if d.name not in emergent]
    new = [d for d in shown if d.name in emergent]
    parts: list[Markup] = [el("h2", title, id=name), el("p", says)]
    if trained:
        parts += [dot_plot(trained, _plot_caption(trained)), _table(trained, "Every direction")]
    if new:
        explained = (
            "No record held both of these in training; they meet only through what each "
            "was paired with."
        )
        parts += [
            el("h3", "Never paired in training"),
            el("p", explained),
            dot_plot(new, _plot_caption(new)),
            _table(new, "Directions never paired in training"),
        ]
    if alike:
        parts.append(
            el(
                "details",
                el("summary", "The same under the semantic read-out"),
                _table(alike, "Every direction, semantic read-out: plain cosine"),
            )
        )
    geometry = measured.get("geometry")
    if geometry:
        parts.append(_geometry(geometry))
    if after is not None:
        parts.insert(2, after)
    return el("section", *parts, aria_labelledby=name)


def _sentence(direction: Direction, new: bool) -> Markup:
    query, gallery = sides(direction.name)
    few = direction.gallery <= _SMALL_GALLERY
    found, chance = (
        (direction.found.r1, direction.chance.r1)
        if few
        else (direction.found.r10, direction.chance.r10)
    )
    where = "comes first" if few else "is among the first ten"
    among = f"{direction.gallery:,.0f}"
    tail = " These two were never paired in training." if new else ""
    return el(
        "li",
        el("div", direction_label(direction.name), class_="kicker"),
        el("div", hundredths(found.value), el("small", " of 100"), class_="figure"),
        el(
            "p",
            f"Given {a_thing(query)}, the right {thing(gallery)} {where} of {among} this often; "
            f"chance {hundredths(chance.value)}.{tail}",
        ),
    )


def _plot_caption(shown: Sequence[Direction]) -> str:
    rows = shown[0]
    bar = "Bars are 95 % intervals." if len(rows.rows) == 2 else "Bars are ± one sd over folds."
    if rows.found.r10.low is None:
        bar = ""
    return f"R@10: of 100 queries, how often the true partner is among the first ten. {bar}"


def _table(shown: Sequence[Direction], caption: str) -> Markup:
    bodies = [
        el("tbody", _head_row(d), *(_line(row, first=row is d.found) for row in d.rows))
        for d in shown
    ]
    head = el("thead", el("tr", el("td"), *(el("th", name, scope="col") for name in _HEADS)))
    table = el("table", el("caption", caption), head, *bodies, class_="figures")
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _head_row(direction: Direction) -> Markup:
    counts = f"{direction.queries:,.0f} queries among {direction.gallery:,.0f}"
    label = el(
        "th", direction_label(direction.name), " ", el("small", counts),
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
_GEOMETRY = {
    "median_true_cosine": "Cosine of true pairs",
    "modality_gap": "View gap",
    "alignment": "Alignment",
    "uniformity": "Uniformity",
    "hubness_skew": "Hubness (skew)",
    "foscttm": "FOSCTTM",
}


def _geometry(geometry: Mapping[str, Any]) -> Markup:
    known = next(iter(geometry.values()))
    names = [name for name in _GEOMETRY if name in known]
    head = el(
        "thead", el("tr", el("td"), *(el("th", _GEOMETRY[name], scope="col") for name in names))
    )
    rows = [
        el("tr", el("th", pair, scope="row"), *(el("td", _number(cells[n])) for n in names))
        for pair, cells in geometry.items()
    ]
    caption = "Geometry of the space by pair of views"
    table = el("table", el("caption", caption), head, el("tbody", *rows))
    return el(
        "details",
        el("summary", "Geometry"),
        el("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption),
    )


def _number(cell: Any) -> str:
    value = cell["mean"] if isinstance(cell, Mapping) else cell
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def p_values(report: Mapping[str, Any]) -> Markup | None:
    """What the permutation test said, in words."""
    found = report.get("p_values")
    if not found:
        return None
    said = [f"{pair}: p = {p:.3g}" for pair, p in found.items()]
    return el(
        "p",
        f"Permutation test against shuffled partners: {'; '.join(said)}.",
        class_="small",
    )


__all__ = ["CHANCE", "headline", "join", "of_hundred", "p_values", "quality"]
