"""The confusion matrix, with an example in each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE, TEXT
from isthmus.core.wording import count
from isthmus.report.kit.assets import MAP_SIDE, Assets
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import words
from isthmus.report.kit.parts import table
from isthmus.report.kit.words import breakable, caption_of, short_source

_MOST = 12
"""Classes that fit beside each other."""
_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Typical:
    """What stands for all that are of one class and were said to be of another.

    Attributes:
        item: To be seen; None where nothing can be.
        name: What it is called.
        probability: Of the class that was said.
    """

    item: MediaItem | None
    name: str
    probability: float


def matrix(
    counts: NDArray[np.intp],
    examples: Mapping[tuple[int, int], Typical],
    classes: Sequence[str],
    assets: Assets,
    *,
    noun: str = "item",
) -> Markup:
    """True classes as rows, said classes as columns; the classes that are mixed up most.

    Args:
        counts: ``(K, K)``, a row for each true class.
        examples: By true class and said class, as far as there are any.
        classes: Their names.
        assets: Takes the thumbnails.
        noun: What is counted.
    """
    picked = _picked(counts, len(classes))
    heads = [None, *(breakable(classes[k]) for k in picked)]
    rows = []
    for true in picked:
        whole = int(counts[true].sum())
        cells = []
        for said in picked:
            name = f"{classes[true]} said to be {classes[said]}"
            right = true == said
            example = examples.get((true, said))
            cells.append(_cell(int(counts[true, said]), whole, right, name, example, assets))
        label = el("th", breakable(classes[true]), " ", el("small", f"{whole:,}"), scope="row")
        rows.append(el("tr", label, *cells))
    caption = f"Rows: true classes. Columns: what was said. {count(int(counts.sum()), noun)}"
    left = len(classes) - len(picked)
    if left:
        caption += f"; {count(left, 'class', 'classes')} with fewer mix-ups not shown"
    return table(f"{caption}.", heads, el("tbody", *rows), class_="matrix")


def mixed_up(
    counts: NDArray[np.intp], classes: Sequence[str], most: int = 3, *, noun: str = "item"
) -> list[str]:
    """The most frequent mix-ups: ``"8 of 12 red are taken for orange"``."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return [
        f"{wrong[true, said]} of {count(int(counts[true].sum()), noun)} of {classes[true]} "
        f"taken for {classes[said]}"
        for true, said in pairs
        if wrong[true, said]
    ]


def _picked(counts: NDArray[np.intp], classes: int) -> list[int]:
    """Classes to show, in their order: those with most mix-ups, then with most items."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    order = np.lexsort((-counts.sum(axis=1), -wrong))
    return sorted(order[:_MOST].tolist()) if classes > _MOST else list(range(classes))


def _cell(
    number: int, whole: int, right: bool, name: str, example: Typical | None, assets: Assets
) -> Markup:
    if not number:
        return el("td", el("span", "0", class_="none"))
    level = max(1, round(_LEVELS * number / whole))
    item = None if example is None else example.item
    drawn = None if item is None else _media(item, name, assets)
    return el(
        "td",
        el("div", drawn, el("b", f"{number:,}"), class_="in-cell"),
        class_=f"{'right' if right else 'wrong'} s{level}",
        title=_told(example, name),
    )


def _told(example: Typical | None, name: str) -> str:
    if example is None:
        return name
    return f"{name}, such as {example.name} ({example.probability:.2f})"


def _media(item: MediaItem, name: str, assets: Assets) -> Markup:
    """A thumbnail, the first words, or the shape of a modality that cannot be seen."""
    if item.modality == IMAGE:
        shown = assets.picture(item, f"{name}: {short_source(item)}", side=MAP_SIDE)
        return shown or glyph(item.modality)
    if item.modality == TEXT:
        return words(caption_of(item, 1) or short_source(item), None, "first-words")
    return join((glyph(item.modality), el("span", short_source(item), class_="sr")))
