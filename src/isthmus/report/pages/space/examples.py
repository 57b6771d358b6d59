"""Queries with what they found, as cards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from isthmus.report.kit.assets import Assets
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.media import shown, words
from isthmus.report.kit.parts import section
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import caption_of, language_name
from isthmus.report.pages.space.model import QueryExample, ShownItem


def asked(queries: Sequence[QueryExample], views: Views, assets: Assets) -> Markup | None:
    """What was asked in words: one card a query, one list a view that was searched."""
    if not queries:
        return None
    cards = []
    for _, same in groupby(queries, key=lambda q: (q.query.id, q.language)):
        of_one = list(same)
        first = of_one[0]
        tag = first.language
        name = el("span", language_name(tag), class_="kicker") if tag else None
        title = el("h3", name, words(caption_of(first.query) or first.query.source, tag))
        lists = [_found(query, views, assets) for query in of_one]
        cards.append(el("article", title, *lists, class_="card"))
    says = "Queries as a person would type them, with the five best results of each."
    return section("Typed queries", "asked", el("p", says), *cards)


def picked(examples: Sequence[QueryExample], views: Views, assets: Assets) -> Markup | None:
    """Random queries, folded together by direction; the first direction is open."""
    if not examples:
        return None
    trained = _trained(examples)
    folded = []
    for i, (direction, same) in enumerate(groupby(examples, key=lambda q: q.direction)):
        cards = [_example(query, assets) for query in same]
        summary = el("summary", el("h3", direction and views.direction(direction)))
        folded.append(el("details", summary, *cards, open=i == 0, class_="direction-examples"))
    says = "Queries drawn at random, with their five best results. A frame marks the true partner."
    warning = el("p", trained, class_="warning") if trained else None
    return section("Random queries", "picked", el("p", says), warning, *folded)


def _trained(examples: Sequence[QueryExample]) -> str | None:
    seen = sum(example.trained for example in examples)
    if not seen:
        return None
    which = "all of these pairs" if seen == len(examples) else f"{seen} of these pairs"
    return (
        f"The space learned from {which}. The examples show how it works, but not how good it is. "
        "The numbers above show how good it is."
    )


def _example(example: QueryExample, assets: Assets) -> Markup:
    side = el(
        "div",
        el("div", "Query", class_="kicker"),
        shown(example.query, example.caption, example.language, assets),
        el("p", example.note, class_="small"),
        class_="query",
    )
    return el("article", side, _list(example.found, assets), class_="card example")


def _found(query: QueryExample, views: Views, assets: Assets) -> Markup:
    if query.direction is None or not query.found:
        return el("p", query.note or "Nothing found.", class_="small")
    view = query.direction.gallery
    head = el("p", views.glyph(view), view, " · ", query.note, class_="small kind")
    return el("div", head, _list(query.found, assets))


def _list(found: Sequence[ShownItem], assets: Assets) -> Markup:
    if not found:
        return el("p", "Nothing found.", class_="small")
    return el("ol", *(_item(i, each, assets) for i, each in enumerate(found, 1)), class_="hits")


def _item(place: int, found: ShownItem, assets: Assets) -> Markup:
    in_words = el("span", " true partner", class_="in-words")
    mark = el("span", "✓", in_words, class_="true") if found.true else None
    return el(
        "li",
        el("div", el("span", str(place), class_="place"), mark, class_="rank"),
        shown(found.item, found.caption, found.language, assets),
        class_="hit is-true" if found.true else "hit",
        title=f"score {found.score:.3f}",
    )
