"""The tables of a classification."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.wording import count
from isthmus.metrics import Interval
from isthmus.prompts.stability import Stability
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import words
from isthmus.report.kit.parts import folded, table
from isthmus.report.kit.words import hundredths, signed
from isthmus.report.pages.classification.words import called, cell, change, gap
from isthmus.tasks.zeroshot.reporting.model import ClassPrompts, Evaluated, Rivals
from isthmus.tasks.zeroshot.results import Learned

_OPEN = 3
"""Classes whose sentences need no click."""


def figures(columns: Sequence[tuple[str, Evaluated]]) -> Markup:
    """Every figure with its interval and what luck gives, a column for each kind of item."""
    found = [each.figures for _, each in columns]
    rows = [
        _row("Accuracy", [_cell(each.accuracy) for each in found], main=True),
        _row("Macro recall", [_cell(each.macro_recall) for each in found], main=True),
        _row("Macro F1", [_cell(each.macro_f1) for each in found], main=True),
        _row("Chance", [el("td", hundredths(each.chance)) for each in found]),
        _row("The most frequent class", [el("td", hundredths(each.majority)) for each in found]),
        _row("Calibration error", [_cell(each.ece) for each in found], main=True),
        _row("The same if probabilities were true", [_plain(each.ece_null) for each in found]),
    ]
    heads = (None, *(name for name, _ in columns))
    return table("Of 100", heads, el("tbody", *rows), class_="figures judged")


def rivals(found: Rivals) -> Markup:
    """The classifier and its rivals, with paired differences."""
    own = [
        _cell(found.accuracy),
        _plain(found.macro_recall),
        _plain(found.macro_f1),
        el("td", "–"),
    ]
    rows = [_row("this classifier", own, main=True)]
    for each in found.rows:
        lead, interval = gap(each.lead)
        cells = [
            _cell(each.accuracy),
            _plain(each.macro_recall),
            _plain(each.macro_f1),
            el("td", lead, " ", el("small", interval)),
        ]
        rows.append(_row(called(each), cells))
    heads = (None, "Accuracy", "Recall", "F1", "Ahead by")
    return table("Of 100, on the same items", heads, el("tbody", *rows), class_="found")


def stability(found: Stability) -> Markup:
    """What each change does to the answers."""
    rows = [
        _row(change(row), [_plain(row.agreement), _plain(row.accuracy), _plain(row.worst)])
        for row in found.rows
    ]
    heads = (None, "Same answer", "Accuracy", "Worst")
    caption = f"Of 100 answers, for {found.items:,} items"
    return table(caption, heads, el("tbody", *rows), class_="found")


def prompts(found: Sequence[ClassPrompts]) -> list[Markup]:
    """The sentences of each class with their shares, the first classes open."""
    first, rest = ([_sentences(each) for each in some] for some in (found[:_OPEN], found[_OPEN:]))
    if rest:
        first.append(folded(count(len(rest), "more class", "more classes"), *rest))
    return first


def _sentences(found: ClassPrompts) -> Markup:
    largest = max(max(each.share for each in found.sentences), 1e-12)
    rows = []
    for each in found.sentences:
        width = f"{max(0.0, 100 * each.share / largest):.1f}%"
        bar = el("svg", el("rect", width=width, height=6, rx=2), width="100%", height=6,
                 class_="bar", aria_hidden="true")  # fmt: skip
        label = el("th", words(each.text, None), scope="row")
        share = el("td", signed(each.share, 3), class_="share")
        rows.append(el("tr", label, el("td", bar, class_="drawn"), share))
    head = f"{found.name}: cosine {signed(found.cosine)}"
    whose = "said to be of it" if found.said else "(none is said to be of it)"
    caption = f"{head}, mean over {count(found.items, 'item')} {whose}"
    return table(caption, ("Sentence", None, "Share"), el("tbody", *rows), class_="found sentences")


def tried(found: Learned) -> Markup | None:
    """Methods by their loss on left-out examples."""
    if not found.tried:
        return None
    rows = []
    for each in found.tried:
        params = ", ".join(f"{name} {value:g}" for name, value in each.params.items())
        won = each.method == found.method
        tag = el("span", "chosen", class_="tag") if won else None
        label = el("th", el("code", each.method), tag, scope="row")
        cells = (
            el("td", f"{each.loss:.3f}"),
            _plain(each.accuracy),
            el("td", f"{each.temperature:.2f}"),
            el("td", params or "–", class_="words"),
        )
        rows.append(el("tr", label, *cells, class_="main" if won else None))
    heads = ("Method", "Loss", "Accuracy", "Temperature", "Parameters")
    caption = "Cross-entropy of examples that were left out, all classes weighing the same"
    return table(caption, heads, el("tbody", *rows), class_="trials tried")


def _row(name: str, cells: Sequence[Markup], *, main: bool = False) -> Markup:
    return el("tr", el("th", name, scope="row"), *cells, class_="main" if main else "null")


def _cell(found: Interval) -> Markup:
    value, between = cell(found)
    return el("td", join((value, " ", el("small", between))))


def _plain(share: float) -> Markup:
    return el("td", hundredths(share))
