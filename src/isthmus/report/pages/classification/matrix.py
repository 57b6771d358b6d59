"""The confusion matrix, with an example in each cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE, TEXT
from isthmus.core.wording import count
from isthmus.report.kit.assets import MAP_SIDE, Assets
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import words
from isthmus.report.kit.parts import table
from isthmus.report.kit.words import caption_of, short_source
from isthmus.report.pages.classification.words import breakable
from isthmus.tasks.zeroshot.reporting.model import Confused, Confusion

_MOST = 12
"""Classes that fit beside each other."""
_LEVELS = 8


def matrix(found: Confusion, classes: Sequence[str], assets: Assets) -> Markup:
    """True classes as rows, said classes as columns; the classes that are mixed up most."""
    picked = _picked(found, len(classes))
    heads = [None, *(breakable(classes[k]) for k in picked)]
    rows = []
    for true in picked:
        whole = int(found.counts[true].sum())
        cells = [_cell(found, true, said, whole, classes, assets) for said in picked]
        label = el("th", breakable(classes[true]), " ", el("small", f"{whole:,}"), scope="row")
        rows.append(el("tr", label, *cells))
    said = f"Rows: true classes. Columns: what was said. {count(int(found.counts.sum()), 'item')}"
    left = len(classes) - len(picked)
    if left:
        said += f"; {count(left, 'class', 'classes')} with fewer mix-ups not shown"
    return table(f"{said}.", heads, el("tbody", *rows), class_="matrix")


def mixed_up(found: Confusion, classes: Sequence[str], most: int = 3) -> list[str]:
    """The most frequent mix-ups: ``"8 of 12 red are taken for orange"``."""
    wrong = found.counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return [
        f"{wrong[true, said]} of {count(int(found.counts[true].sum()), 'item')} of {classes[true]} "
        f"taken for {classes[said]}"
        for true, said in pairs
        if wrong[true, said]
    ]


def _picked(found: Confusion, classes: int) -> list[int]:
    """Classes to show, in their order: those with most mix-ups, then with most items."""
    counts = found.counts
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    order = np.lexsort((-counts.sum(axis=1), -wrong))
    return sorted(order[:_MOST].tolist()) if classes > _MOST else list(range(classes))


def _cell(
    found: Confusion,
    true: int,
    said: int,
    whole: int,
    classes: Sequence[str],
    assets: Assets,
) -> Markup:
    number = int(found.counts[true, said])
    if not number:
        return el("td", el("span", "0", class_="none"))
    kind = "right" if true == said else "wrong"
    level = max(1, round(_LEVELS * number / whole))
    example = found.examples[true, said]
    name = f"{classes[true]} said to be {classes[said]}"
    return el(
        "td",
        el("div", _media(example.item, name, assets), el("b", f"{number:,}"), class_="in-cell"),
        class_=f"{kind} s{level}",
        title=_told(example, name),
    )


def _told(example: Confused, name: str) -> str:
    return f"{name}, such as {short_source(example.item)} ({example.probability:.2f})"


def _media(item: MediaItem, name: str, assets: Assets) -> Markup:
    """A thumbnail, the first words, or the shape of a modality that cannot be seen."""
    if item.modality == IMAGE:
        shown = assets.picture(item, f"{name}: {short_source(item)}", side=MAP_SIDE)
        return shown or glyph(item.modality)
    if item.modality == TEXT:
        return words(caption_of(item, 1) or short_source(item), None, "first-words")
    return join((glyph(item.modality), el("span", short_source(item), class_="sr")))
