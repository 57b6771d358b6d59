"""Held-out records as cards: what was said of them, how surely, and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.core.record import Record
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.datasets.kinds import NUMBER, written
from isthmus.predictor.report import Confusion, Example, PredictorReport, TargetFacts
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.matrix import Typical
from isthmus.report.kit.media import shown, words
from isthmus.report.kit.words import breakable, short_source, true_minus
from isthmus.report.pages.prediction.tables import bar
from isthmus.report.pages.prediction.words import number

_FIELDS = 4
_ORDER = (IMAGE, VIDEO, AUDIO, TEXT)


def groups(
    report: PredictorReport,
    records: Mapping[str, Record],
    kinds: Mapping[str, str],
    assets: Assets,
) -> list[Markup | None]:
    """Sure, unsure and wrong records, each with its heading.

    Args:
        report: That names them.
        records: By id.
        kinds: Of plain columns, by name.
        assets: Of the page.
    """
    found = report.examples

    def media(name: str) -> list[Markup]:
        return _media(records.get(name), name, kinds, assets)

    wrong = "Furthest off" if report.target.kind in ("number", "survival") else "Wrong"
    parts: list[Markup | None] = []
    sure = "The surest answers that are right, a few of each kind."
    if wrong != "Wrong":
        sure = "The surest answers of those that are near the truth."
    for name, says, some in (
        ("Sure", sure, found.sure),
        ("Unsure", "The answers to abstain from first.", found.unsure),
        (wrong, "The surest of them: a look at them pays most.", found.wrong),
    ):
        if some:
            cards = [_card(each, report.target, media(each.id)) for each in some]
            grid = el("ul", *cards, class_="items")
            parts += [el("h3", name), el("p", says, class_="small"), grid]
    return parts


def typical(
    confusion: Confusion, cells: Sequence[Example], records: Mapping[str, Record]
) -> dict[tuple[int, int], Typical]:
    """The surest record of each cell."""
    codes = {name: code for code, name in enumerate(confusion.names)}
    found: dict[tuple[int, int], Typical] = {}
    for each in cells:
        place = codes.get(each.true), codes.get(each.said)
        if place[0] is None or place[1] is None or (place[0], place[1]) in found:
            continue
        record = records.get(each.id)
        items = () if record is None else record.items.values()
        seen = [item for kind in _ORDER for item in items if item.modality == kind]
        found[place[0], place[1]] = Typical(seen[0] if seen else None, each.id, each.sure)
    return found


def counts_of(confusion: Confusion) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """As an array ``(K, K)``."""
    return np.array(confusion.counts, dtype=np.intp)


def _media(
    record: Record | None, name: str, kinds: Mapping[str, str], assets: Assets
) -> list[Markup]:
    """What can be seen or heard of a record, and some of its plain columns."""
    if record is None:
        return [el("div", words(name, None), class_="media text")]
    items = [item for kind in _ORDER for item in record.items.values() if item.modality == kind]
    parts = [shown(item, short_source(item), None, assets) for item in items]
    plain = list(record.fields.items())
    if plain:
        told = [
            f"{each} {written(value, kinds.get(each, NUMBER), 4)}"
            for each, value in plain[:_FIELDS]
        ]
        more = len(plain) - len(told)
        told += [f"{more} more columns"] if more > 0 else []
        parts.append(el("p", " · ".join(told), class_="small"))
    return parts or [el("div", words(name, None), class_="media text")]


def _card(each: Example, target: TargetFacts, media: Sequence[Markup]) -> Markup:
    return el(
        "li",
        *media,
        _said(each, target),
        el(
            "dl",
            el("dt", "sure"),
            el("dd", bar(each.sure), number(each.sure)),
            class_="top",
        ),
        class_="card",
    )


def _said(each: Example, target: TargetFacts) -> Markup:
    """The answer beside the truth."""
    if target.unit:  # dates
        return el("div", each.said, el("small", f"is {each.true}"), class_="said")
    if target.kind == "number":
        return el("div", _short(each.said), el("small", f"is {_short(each.true)}"), class_="said")
    if target.kind == "survival":
        ended = each.true.removesuffix("+")
        truth = "event at" if ended == each.true else "no event until"
        told = el("small", f"{truth} {_short(ended)}")
        return el("div", f"risk {_short(each.said)}", told, class_="said")
    mark = el("span", "✗ is ", each.true or "none", class_="false")
    if each.said == each.true:
        mark = el("span", "✓", el("span", " right", class_="sr"), class_="true")
    return el("div", words(breakable(each.said or "none"), None), mark, class_="said")


def _short(written: str) -> str:
    """A number with three digits."""
    return true_minus(f"{float(written):.3g}")
