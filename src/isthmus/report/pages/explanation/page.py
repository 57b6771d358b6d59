"""One page that shows why a query and an item match."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from isthmus.core.artifact import write_atomically
from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Record
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.parts import Cell, Span, Word
from isthmus.pipeline import WORKERS
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import document, static
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import shown
from isthmus.report.kit.words import language_of, record_caption
from isthmus.report.pages.explanation.words import kind_of, name_of, sentences, signed, title
from isthmus.tasks.retrieval.explain import Explanation, Side
from isthmus.tasks.retrieval.support import TrainingPair

_PICTURE_SIDE = 512
_LEVELS = 8
_STRONGEST = 0.62
"""Opacity of the cell that counts most, through which the picture can still be seen."""
_PAIRS = 10
_SECONDS = 120.0


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
        _key(),
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
        style=static(__package__, "page.css"),
    )


def _key() -> Markup:
    return el(
        "p",
        el("span", class_="swatch p6"),
        "supports the match",
        el("span", class_="swatch n6"),
        "counts against the match",
        class_="small key",
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
    kind = type(side.places[0])
    body = {Cell: _picture, Span: _sound, Word: _words}[kind](side, assets)
    return el("article", kicker, body, _sum(side), class_="card side-card")


def _sum(side: Side) -> Markup:
    """The account in one line: what it starts from, what the parts add, what that makes."""
    total = float(side.values.sum())
    kinds = kind_of(side)
    parts = [
        f"{len(side.places)} {kinds if len(side.places) > 1 else kinds[:-1]} {signed(total)}",
        f"baseline {signed(side.baseline)}",
    ]
    if any(place.padding for place in side.places):
        parts.append(f"padding {signed(side.padding)}")
    return el("p", f"{'; '.join(parts)}. {side.method.capitalize()}.", class_="small")


def _picture(side: Side, assets: Assets) -> Markup:
    """The picture with its cells over it; the cells can be switched off."""
    found = assets.picture_id(side.item, side=_PICTURE_SIDE)
    width, height = assets.size_of(side.item) or (_PICTURE_SIDE, _PICTURE_SIDE)
    largest = float(max(np.abs(side.values).max(), 1e-12))
    cells = [
        _cell(place, float(value), largest, width, height)
        for place, value in zip(side.places, side.values, strict=True)
        if isinstance(place, Cell) and not place.padding
    ]
    drawn = el(
        "svg",
        el("title", name_of(side)),
        _hatching(),
        el("use", href=f"#{found}") if found else None,
        el("g", *cells, class_="heat"),
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="picture",
        role="img",
    )
    toggle = el("label", el("input", type="checkbox"), " picture only", class_="small alone")
    return el("div", drawn, toggle, class_="heated")


def _hatching() -> Markup:
    """Stripes for what speaks against, so that colour does not stand alone."""
    stripe = el("line", x1=0, y1=0, x2=0, y2=8, class_="stripe")
    return el(
        "defs",
        el(
            "pattern",
            el("rect", width=8, height=8, class_="against"),
            stripe,
            id="hatch",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        ),
    )


def _cell(place: Cell, value: float, largest: float, width: int, height: int) -> Markup:
    left, top, right, bottom = place.box
    return el(
        "rect",
        el("title", f"{place.label}: {value:+.3f}"),
        x=f"{left * width:.1f}",
        y=f"{top * height:.1f}",
        width=f"{(right - left) * width:.1f}",
        height=f"{(bottom - top) * height:.1f}",
        fill=None if value >= 0 else "url(#hatch)",
        class_="for" if value >= 0 else "cell-against",
        fill_opacity=f"{_STRONGEST * abs(value) / largest:.3f}",
    )


def _sound(side: Side, assets: Assets) -> Markup:
    """A player, and under it a bar for each span of time."""
    largest = float(max(np.abs(side.values).max(), 1e-12))
    spans = [
        (place, float(value))
        for place, value in zip(side.places, side.values, strict=True)
        if isinstance(place, Span) and not place.padding
    ]
    end = max((place.end for place, _ in spans), default=1.0)
    bars = [_bar(place, value, largest, end) for place, value in spans]
    curve = el(
        "svg",
        el("title", "What each moment adds"),
        *bars,
        el("line", x1=0, x2=600, y1=60, y2=60, class_="axis"),
        viewBox="0 0 600 120",
        preserveAspectRatio="none",
        class_="curve",
        role="img",
    )
    source = _playable(side.item)
    player = (
        el("audio", controls=True, preload="metadata", src=source, aria_label=name_of(side))
        if source
        else el("p", "no sound to play", class_="small")
    )
    ticks = el(
        "div",
        *(el("span", f"{end * share:.1f} s") for share in (0, 0.5, 1)),
        class_="ticks small",
    )
    return el("div", player, curve, ticks, class_="heard")


def _bar(place: Span, value: float, largest: float, end: float) -> Markup:
    height = 56 * abs(value) / largest
    left = 600 * place.start / end
    return el(
        "rect",
        el("title", f"{place.label}: {value:+.3f}"),
        x=f"{left:.2f}",
        width=f"{max(600 * (place.end - place.start) / end - 1, 0.5):.2f}",
        y=f"{60 - height if value >= 0 else 60:.2f}",
        height=f"{height:.2f}",
        class_="for" if value >= 0 else "against",
    )


def _playable(item: MediaItem) -> str | None:
    """The sound as Ogg, at most two minutes of it."""
    if item.modality != AUDIO or isinstance(item.payload, np.ndarray):
        return None
    try:
        sound = WORKERS.clip(item, _SECONDS)
    except MediaError:
        return None
    return f"data:audio/ogg;base64,{base64.b64encode(sound).decode('ascii')}"


def _words(side: Side, assets: Assets) -> Markup:
    """Words by line of caption, each on a ground as strong as it counts."""
    largest = float(max(np.abs(side.values).max(), 1e-12))
    lines: dict[int, list[Markup]] = {}
    for place, value in zip(side.places, side.values, strict=True):
        if isinstance(place, Word):
            lines.setdefault(place.caption, []).append(_word(place, float(value), largest))
    return el("div", *(el("p", *line, class_="weighed", dir="auto") for line in lines.values()))


def _word(place: Word, value: float, largest: float) -> Markup:
    level = round(_LEVELS * abs(value) / largest)
    side = "p" if value >= 0 else "n"
    number = el("small", signed(value))
    ground = f"word {side}{level}" if level else "word"
    words = el("span", place.text, lang=language_of(place.text))
    return el("span", words, number, class_=ground, title=f"{value:+.3f}")


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
            f"The other {others:,} pairs together add {signed(rest)}. "
            f"{signed(support.residual)} comes from no pair.",
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
    likeness = (
        f"{signed(pair.query_cosine)} like the query, {signed(pair.item_cosine)} like the item"
    )
    return el(
        "li",
        el("div", *items, class_="lean-media") if items else None,
        el(
            "div",
            el("div", pair.id, class_="lean-id"),
            el("div", bar, el("b", signed(pair.value)), class_="lean-value"),
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
    score = signed(explanation.score)
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
