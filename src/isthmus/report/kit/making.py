"""How the space came about: what was read, left out, set; and how to read the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.words import count

_MOST_LEFT_OUT = 200


def data(report: Mapping[str, Any]) -> Markup | None:
    """Data, encoders, and what was left out."""
    of = report.get("data")
    if not of:
        return None
    facts = [
        ("Data", of["name"]),
        ("Records", f"{of['records']:,} in {count(of['groups'], 'group')} kept whole by splits"),
        ("Pairs", ", ".join(f"{n:,} {pair}" for pair, n in of["pairs"].items())),
    ]
    rows = [_fact(name, value) for name, value in facts]
    for m, encoder in (report.get("encoders") or {}).items():
        items = of["items"].get(m)
        held = "" if items is None else f"; {count(items, 'item')}"
        what = f", {encoder['dim']:,} dimensions{held}"
        rows.append(
            el(
                "div",
                el("dt", glyph(m), m),
                el("dd", el("code", encoder["id"]), what),
            )
        )
    return el(
        "section",
        el("h2", "Data and encoders", id="data"),
        el("dl", *rows, class_="facts"),
        left_out(of["left_out"]),
        aria_labelledby="data",
    )


def left_out(left: Sequence[Mapping[str, str]]) -> Markup:
    """What was left out, with reasons, folded away."""
    if not left:
        return el("p", "Nothing was left out.")
    items = [
        el("li", el("code", row["source"]), " ", row["reason"]) for row in left[:_MOST_LEFT_OUT]
    ]
    more = len(left) - _MOST_LEFT_OUT
    return el(
        "details",
        el("summary", f"{count(len(left), 'item')} left out, with reasons"),
        el("ul", *items, el("li", f"and {more:,} more") if more > 0 else None, class_="left-out"),
    )


def settings(report: Mapping[str, Any]) -> Markup | None:
    """What is needed to do it again."""
    rows = []
    if "chosen" in report:
        rows.append(_fact("Aligner", report["chosen"]["label"]))
    if "seed" in report:
        rows.append(_fact("Seed", report["seed"]))
    if "folds" in report:
        rows.append(_fact("Outer folds", report["folds"]))
    if "seconds" in report:
        rows.append(_fact("Took", f"{report['seconds']:,.0f} s"))
    versions = report.get("versions") or {}
    if versions:
        rows.append(_fact("Versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    if not rows:
        return None
    return el(
        "section",
        el("h2", "Settings", id="settings"),
        el("dl", *rows, class_="facts"),
        aria_labelledby="settings",
    )


def _fact(name: str, value: object) -> Markup:
    return el("div", el("dt", name), el("dd", value))


_READ = (
    ("R@1, R@10", "Of 100 queries, how often the true partner comes first, or within ten."),
    ("Median rank", "Half of the true partners stand here or before. 1 is best."),
    ("mAP", "Mean average precision: whether things of the same category come first. 1 is best."),
    ("Pure chance", "What a random order gets. Figures mean little without it."),
    (
        "Shuffled pairs",
        "The same procedure with partners dealt at random. It may beat chance a little, since "
        "the encoders alone know something; the space must do clearly better.",
    ),
    ("Random encoders", "The same procedure on noise in place of the encoders' vectors."),
    (
        "Intervals",
        "Over folds: one standard deviation either way. Counted once: 95 %, after Wilson.",
    ),
    (
        "Read-outs",
        "Instance looks for the one that belongs, and is corrected for hubness; semantic looks "
        "for what is alike in kind. Figures are of the instance read-out unless said otherwise.",
    ),
)


def how_to_read() -> Markup:
    """The words of the page explained."""
    return el(
        "section",
        el("h2", "How to read this", id="reading"),
        el("dl", *(_fact(name, said) for name, said in _READ), class_="facts"),
        aria_labelledby="reading",
    )
