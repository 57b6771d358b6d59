"""Queries with their hits as cards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.glyphs import direction_label, glyph
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.words import (
    caption_of,
    captions_of,
    language_name,
    language_of,
    short_source,
)
from isthmus.report.pages.space.model import Hit, QueryExample

_CAPTIONS = 3  # of one thing, in several languages or ways


def asked(queries: Sequence[QueryExample], assets: Assets) -> Markup | None:
    """What was asked in words: one card a query, one list of hits a modality."""
    if not queries:
        return None
    cards = []
    for _, same in groupby(queries, key=lambda q: (q.query.id, q.language)):
        of_one = list(same)
        first = of_one[0]
        tag = first.language
        name = el("span", language_name(tag), class_="kicker") if tag else None
        title = el("h3", name, _words(caption_of(first.query) or first.query.source, tag))
        lists = [_hits(query, assets) for query in of_one]
        cards.append(el("article", title, *lists, class_="card"))
    return el(
        "section",
        el("h2", "Asked in words", id="asked"),
        el("p", "Words as a person would type them, and the five best hits of each, best first."),
        *cards,
        aria_labelledby="asked",
    )


def picked(examples: Sequence[QueryExample], assets: Assets) -> Markup | None:
    """Random queries, folded together by direction; the first direction is open."""
    if not examples:
        return None
    trained = _trained(examples)
    folded = []
    for i, (name, same) in enumerate(groupby(examples, key=lambda q: q.direction)):
        cards = [_example(query, assets) for query in same]
        summary = el("summary", el("h3", direction_label(name)))
        folded.append(el("details", summary, *cards, open=i == 0, class_="direction-examples"))
    return el(
        "section",
        el("h2", "Picked at random", id="picked"),
        el(
            "p",
            "Queries drawn with a seed, good and bad alike, and their five best hits. "
            "The true partner is framed.",
        ),
        el("p", trained, class_="warning") if trained else None,
        *folded,
        aria_labelledby="picked",
    )


def _trained(examples: Sequence[QueryExample]) -> str | None:
    seen = sum(example.trained for example in examples)
    if not seen:
        return None
    which = "all of these pairs" if seen == len(examples) else f"{seen} of these pairs"
    return (
        f"The space was trained on {which}, so they show how it works and not how good it is; "
        "for that, read the figures."
    )


def _example(example: QueryExample, assets: Assets) -> Markup:
    side = el(
        "div",
        el("div", "Query", class_="kicker"),
        shown(example.query, example.caption, example.language, assets),
        el("p", example.note, class_="small"),
        class_="query",
    )
    return el("article", side, _list(example.hits, assets), class_="card example")


def _hits(query: QueryExample, assets: Assets) -> Markup:
    if not query.hits:
        return el("p", query.note or "Nothing found.", class_="small")
    modality = query.hits[0].item.modality
    head = el("p", glyph(modality), modality, " · ", query.note, class_="small kind")
    return el("div", head, _list(query.hits, assets))


def _list(hits: Sequence[Hit], assets: Assets) -> Markup:
    if not hits:
        return el("p", "Nothing found.", class_="small")
    return el("ol", *(_hit(i, hit, assets) for i, hit in enumerate(hits, 1)), class_="hits")


def _hit(place: int, hit: Hit, assets: Assets) -> Markup:
    words = el("span", " true partner", class_="in-words")
    mark = el("span", "✓", words, class_="true") if hit.true else None
    return el(
        "li",
        el("div", el("span", str(place), class_="place"), mark, class_="rank"),
        shown(hit.item, hit.caption, hit.language, assets),
        class_="hit is-true" if hit.true else "hit",
        title=f"score {hit.score:.3f}",
    )


def shown(item: MediaItem, caption: str | None, language: str | None, assets: Assets) -> Markup:
    """The thing itself where it can be shown, and the words that belong to it."""
    name = caption or short_source(item)
    if item.modality == TEXT:
        several = captions_of(item)[:_CAPTIONS] or (name,)
        known = language if len(several) == 1 else None
        return el("div", *(_words(each, known) for each in several), class_="media text")
    words = _words(name, language, "caption")
    if item.modality == IMAGE:
        shown = assets.picture(item, name) or _absent("no picture to show")
    elif item.modality == AUDIO:
        shown = assets.player(item, name) or _absent("no sound to play")
    elif isinstance(item.payload, np.ndarray):
        shown = _absent(f"vector of {len(item.payload)} numbers")
    else:
        shown = _absent(f"no view of {item.modality}")
    return el("div", shown, words, class_=f"media {item.modality if shown else ''}".strip())


def _absent(reason: str) -> Markup:
    return el("span", reason, class_="absent")


def _words(words: str, language: str | None, class_: str | None = None) -> Markup:
    return el("span", words, lang=language_of(words, language), dir="auto", class_=class_)
