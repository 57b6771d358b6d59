"""One page that shows why a query and an item match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.record import Record
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import document, static
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import shown
from isthmus.report.kit.parted import PARTS, Parted, key, parted
from isthmus.report.kit.words import language_of, record_caption, signed_share
from isthmus.report.pages.explanation.words import kind_of, name_of, sentences, title
from isthmus.tasks.retrieval.explain import Explanation, Side
from isthmus.tasks.retrieval.support import TrainingPair

_PAIRS = 10


def write_explanation(
    path: str | Path, explanation: Explanation, *, records: Mapping[str, Record] | None = None
) -> Path:
    """Write an explanation as one HTML file without a network, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        explanation: What to show.
        records: Training records by id, so that the pairs can be seen; default: their ids.

    Returns:
        The path.
    """
    return write_atomically(Path(path), render(explanation, records or {}).encode())


def render(explanation: Explanation, records: Mapping[str, Record]) -> str:
    """The page as one string."""
    assets = Assets()
    head = el(
        "header",
        el("h1", title(explanation)),
        el("p", " ".join(sentences(explanation)), class_="lede said"),
    )
    sides = el(
        "section",
        el("h2", "What counts in the query and in the item"),
        key("supports the match", "counts against the match"),
        el(
            "div",
            _side("Query", explanation.query, assets),
            _side("Item", explanation.item, assets),
            class_="sides",
        ),
    )
    return document(
        title(explanation),
        join((head, sides, _pairs(explanation, records, assets), _reading(explanation))),
        assets,
        style=PARTS + static(__package__, "page.css"),
    )


def _side(name: str, side: Side, assets: Assets) -> Markup:
    kicker = el("h3", el("span", name, class_="kicker"), glyph(side.item.modality), name_of(side))
    if not side.places:
        caption = None if side.item.modality == TEXT else name_of(side)
        return el(
            "article",
            kicker,
            shown(side.item, caption, None, assets),
            el("p", side.method, class_="small"),
            class_="card side-card",
        )
    body = parted(Parted(side.item, name_of(side), side.places, side.values.tolist()), assets)
    return el("article", kicker, body, _sum(side), class_="card side-card")


def _sum(side: Side) -> Markup:
    """The account in one line: what it starts from, what the parts add, what that makes."""
    total = float(side.values.sum())
    kinds = kind_of(side)
    parts = [
        f"{len(side.places)} {kinds if len(side.places) > 1 else kinds[:-1]} {signed_share(total)}",
        f"baseline {signed_share(side.baseline)}",
    ]
    if any(place.padding for place in side.places):
        parts.append(f"padding {signed_share(side.padding)}")
    return el("p", f"{'; '.join(parts)}. {side.method.capitalize()}.", class_="small")


def _pairs(
    explanation: Explanation, records: Mapping[str, Record], assets: Assets
) -> Markup | None:
    listed = explanation.leaning(_PAIRS)
    if not listed:
        return None
    support = explanation.pairs
    rest = float(support.values.sum()) - sum(pair.value for pair in listed)
    views = (explanation.query.view, explanation.item.view)
    largest = max(abs(pair.value) for pair in listed) or 1.0
    rows = [_pair(pair, records.get(pair.id), views, largest, assets) for pair in listed]
    others = len(support.ids) - len(listed)
    return el(
        "section",
        el("h2", "Which training pairs count"),
        el(
            "p",
            "A pair counts if one side is like the query and the other side is like the item. It "
            "also counts a little if both sides are unlike them in the same way.",
        ),
        el("ol", *rows, class_="lean"),
        el(
            "p",
            f"The other {others:,} pairs together add {signed_share(rest)}. "
            f"{signed_share(support.residual)} comes from no pair.",
            class_="small",
        ),
    )


def _pair(
    pair: TrainingPair,
    record: Record | None,
    views: tuple[str, str],
    largest: float,
    assets: Assets,
) -> Markup:
    items = [] if record is None else _shown_of(record, views, assets)
    width = f"{100 * abs(pair.value) / largest:.1f}"
    bar = el(
        "svg",
        el("rect", width=width, height=8, rx=2, class_="for" if pair.value >= 0 else "against"),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="lean-bar",
        aria_hidden="true",
    )
    query, item = signed_share(pair.query_cosine), signed_share(pair.item_cosine)
    likeness = f"{query} like the query, {item} like the item"
    return el(
        "li",
        el("div", *items, class_="lean-media") if items else None,
        el(
            "div",
            el("div", pair.id, class_="lean-id"),
            el("div", bar, el("b", signed_share(pair.value)), class_="lean-value"),
            el("div", likeness, class_="small"),
            class_="lean-words",
        ),
    )


def _shown_of(record: Record, views: Iterable[str], assets: Assets) -> list[Markup]:
    """Its picture and its sound, and its caption once."""
    caption = record_caption(record, most=1)
    name = caption or record.id
    found: list[Markup] = []
    for view in dict.fromkeys((*views, IMAGE)):
        if (item := record.items.get(view)) is None:
            continue
        sounds = item.modality == AUDIO
        shown = assets.player(item, name) if sounds else assets.picture(item, name)
        found += [shown] if shown is not None else []
    if caption is not None:
        language = language_of(caption)
        found.append(el("span", caption, class_="caption", lang=language, dir="auto"))
    return [el("div", *found, class_="media")] if found else []


def _reading(explanation: Explanation) -> Markup:
    score = signed_share(explanation.score)
    lines: Sequence[str] = (
        f"The score is the cosine of query and item in the space, {score}. It is split three "
        "times: over the parts of the query, over the parts of the item, and over the training "
        "pairs. Each time the parts add up to the score exactly.",
        "Each part of a picture or a sound adds what its features add, compared with the average "
        "of the training data. Features also look beyond their own cell or moment. So the colours "
        "show roughly where, and not an exact outline.",
        "The value of a word is what the score gains when the word is added to the others, as a "
        "mean over all orders. Without any words, the score is that of a typical text.",
        "The explanation shows why the space gives this score. It does not show whether the score "
        "is right.",
    )
    return el("section", el("h2", "How to read this"), *(el("p", line) for line in lines))
