"""The account of one answer: what each view adds, what its parts add, what a missing view would."""

from __future__ import annotations

from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.record import Record
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.predictor.answer import Account, Answer, Missing, Part, ViewAccount, in_words
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import CARDS, document, static
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import shown, words
from isthmus.report.kit.parted import PARTS, Parted, key, parted
from isthmus.report.kit.parts import folded, section
from isthmus.report.kit.words import (
    breakable,
    captions_of,
    listed,
    short_source,
    signed_share,
    true_minus,
)
from isthmus.report.pages.prediction.tables import bar

_TOP = 6
"""Classes whose probabilities are shown."""
_BESIDE = 5
"""Other classes whose scores are shown."""
_NOUNS = {
    "classes": ("class", "classes"),
    "labels": ("label", "labels"),
    "grades": ("boundary", "boundaries"),
}
_PARTS = 12
"""Columns that are shown without a click."""
_REST = "every record alike"


def write_account(path: str | Path, account: Account, record: Record, *, target: str = "") -> Path:
    """Write why a predictor says what it says of a record, as one HTML file without a network.

    Args:
        path: Of the file; one that is there is replaced.
        account: What to show.
        record: Which it is about.
        target: What is predicted.

    Returns:
        The path.
    """
    return write_atomically(Path(path), account_page(account, record, target=target).encode())


def account_page(account: Account, record: Record, *, target: str = "") -> str:
    """The page as one string; arguments as of :func:`write_account`."""
    assets = Assets()
    name = f"{target or account.about}: {said(account.answer)}"
    gone = account.missing
    body = join(
        (
            el("header", el("h1", name), el("p", lede(account.answer), class_="lede said-of")),
            section("What adds up", "shares", *_shares(account)),
            section(
                "Inside each view",
                "views",
                key(f"supports {account.about}", f"counts against {account.about}"),
                el(
                    "div",
                    *(_view(each, record, assets) for each in account.views),
                    class_="accounts",
                ),
            ),
            section("What is missing", "missing", *(el("p", _missing(m, account)) for m in gone))
            if gone
            else None,
            section(
                "How to read this",
                "reading",
                el("p", "The score is a sum: what is said of every record, and what each view "
                        f"adds. {_reading(account)}"),
                el("p", "Inside a view, the parts and the baseline add up to what the view adds. "
                        "The baseline is what a typical item of the view adds. A view without "
                        "parts shows the share of this item as a whole."),
                el("p", "The account shows why the predictor says this. It does not show whether "
                        "it is right."),
            ),
        )
    )  # fmt: skip
    style = CARDS + PARTS + static(__package__, "page.css")
    return document(name, body, assets, style=style)


def _reading(account: Account) -> str:
    """What a score is."""
    if account.answer.kind == "number":
        return "It is the answer." + (" Views add days to a date." if account.unit else "")
    return (
        "A score says something only beside the others: the probability follows from the scores "
        "of all answers."
    )


def said(answer: Answer) -> str:
    """The answer in words."""
    if isinstance(answer.value, tuple):
        return listed(list(answer.value)) or "none"
    if isinstance(answer.value, str):
        return answer.value
    if answer.kind == "survival":
        return f"{answer.value:.0%} by the horizon"
    return true_minus(in_words(answer.value))


def lede(answer: Answer) -> str:
    """How sure it is, and what it lacks."""
    lines = []
    if answer.probability is not None and answer.kind != "survival":
        lines.append(f"{_likely(answer.probability)} ({answer.probability:.0%}).")
    if answer.interval is not None:
        low, high = (e if isinstance(e, str) else true_minus(in_words(e)) for e in answer.interval)
        lines.append(f"The truth most likely lies between {low} and {high}.")
    elif len(answer.likely) > 1:
        lines.append(f"It may also be {listed(list(answer.likely[1:_TOP]))}.")
    if answer.abstained:
        lines.append("That is not sure enough: the predictor abstains.")
    if answer.missing:
        lines.append(f"The record has no {listed(list(answer.missing))}.")
    return " ".join([*lines, *(f"{note}." for note in answer.notes)])


def _likely(probability: float) -> str:
    for least, named in ((0.8, "Very likely"), (0.5, "Likely"), (0.2, "Maybe")):
        if probability >= least:
            return named
    return "Unlikely"


def _shares(account: Account) -> list[Markup | None]:
    values = {each.view: each.share for each in account.views}
    values = values if account.rest_date else {_REST: account.rest, **values}
    largest = max([*map(abs, values.values()), 1e-12])
    shapes = {each.view: glyph(each.modality) for each in account.views}
    rows = [_row(join((shapes.get(name), name)), value, largest) for name, value in values.items()]
    total = _row(el("b", f"score of {account.about}"), account.score_date or account.score, None)
    if account.rest_date:
        rows = [_row(_REST, account.rest_date, None), *rows]
    return [el("div", *rows, total, class_="sum"), *_others(account), *_probabilities(account)]


def _others(account: Account) -> list[Markup]:
    """The score beside those of what was not chosen, the highest first; the rest on one line."""
    if not account.others:
        return []
    noun, plural = _NOUNS[account.answer.kind]
    others = [*account.others.items()]
    top, rest = others[:_BESIDE], [score for _, score in others[_BESIDE:]]
    shown = [(account.about, account.score), *top]
    largest = max(*(abs(score) for _, score in shown), 1e-12)
    rows = [_row(words(breakable(name), None), score, largest) for name, score in shown]
    if rest:
        rows.append(_row(f"{count(len(rest), f'other {noun}', f'other {plural}')}, at most",
                         max(rest), None))  # fmt: skip
    return [
        el("h3", f"Beside the other {plural if len(others) > 1 else noun}"),
        el("div", *rows, class_="sum"),
    ]


def _probabilities(account: Account) -> list[Markup]:
    """The most probable; of the rest the sum, or of labels, which exclude nothing, the highest."""
    answer = account.answer
    every = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
    if not every:
        return []
    top, rest = every[:_TOP], [p for _, p in every[_TOP:]]
    lines = [(words(breakable(name), None), p) for name, p in top]
    if rest:
        number = count(len(rest), "other", "others")
        several = answer.kind == "labels"
        lines.append((el("i", f"{number}, at most" if several else number),
                      max(rest) if several else sum(rest)))  # fmt: skip
    drawn = [join((el("dt", name), el("dd", bar(p), f"{p:.2f}"))) for name, p in lines]
    return [el("h3", "Probabilities"), el("dl", *drawn, class_="top wide")]


def _row(label: object, value: float | str, largest: float | None) -> Markup:
    """A name, a bar from the middle, and a number or date; None for no bar."""
    drawn = None
    if largest is not None and not isinstance(value, str):
        width = 50 * abs(value) / largest
        left = 50.0 if value >= 0 else 50 - width
        drawn = el(
            "svg",
            el("rect", x=f"{left:.2f}%", width=f"{width:.2f}%", height=10, rx=2,
               class_="for" if value >= 0 else "against"),
            el("line", x1="50%", x2="50%", y1=0, y2=10, class_="axis"),
            width="100%", height=10, aria_hidden="true",
        )  # fmt: skip
    return el(
        "div",
        el("span", label, class_="of"),
        el("span", drawn, class_="signed-bar"),
        el("span", value if isinstance(value, str) else signed_share(value), class_="worth"),
    )


def _view(each: ViewAccount, record: Record, assets: Assets) -> Markup:
    item = record.items.get(each.view)
    heading = el(
        "h3",
        glyph(each.modality),
        each.view,
        el("span", f" {signed_share(each.share)}", class_="kicker"),
    )
    places = [part.place for part in each.parts if part.place is not None]
    if item is not None and places and len(places) == len(each.parts):
        values = [part.value for part in each.parts]
        body: object = parted(Parted(item, short_source(item), places, values), assets)
    elif item is not None:
        caption = None if item.modality == TEXT and captions_of(item) else short_source(item)
        body = shown(item, caption, None, assets)
    else:
        body = _columns(each)
    return el("article", heading, body, el("p", _sum(each), class_="small"), class_="card")


def _columns(each: ViewAccount) -> Markup:
    """Plain columns, the strongest first; the others folded away."""
    parts = each.strongest(len(each.parts))
    largest = max((abs(part.value) for part in parts), default=1.0) or 1.0

    def rows(some: list[Part]) -> Markup:
        lines = (_row(part.label, part.value, largest) for part in some)
        return el("div", *lines, class_="sum")

    rest = parts[_PARTS:]
    more = folded(f"{count(len(rest), 'more column')}", rows(rest)) if rest else None
    return el("div", rows(parts[:_PARTS]), more)


def _sum(each: ViewAccount) -> str:
    """What the view starts from, and how its parts were found."""
    if not each.parts:
        return f"{each.method[:1].upper()}{each.method[1:]}."
    total = sum(part.value for part in each.parts)
    return (
        f"{count(len(each.parts), 'part')} {signed_share(total)}; baseline "
        f"{signed_share(each.baseline)}. {each.method[:1].upper()}{each.method[1:]}."
    )


def _missing(found: Missing, account: Account) -> str:
    """What a view that is missing would most likely change."""
    lines = (
        f"The record has no {found.view}. With it, as {count(found.neighbours, 'record')} like "
        f"this one have it, the score would change by {found.change:.2f}"
        f"{' days' if account.unit else ''}"
    )
    if found.turned is None:
        return f"{lines}."
    instead = f", mostly {found.instead}" if found.instead else ""
    return f"{lines}, and {found.turned:.0%} of them would get another answer{instead}."
