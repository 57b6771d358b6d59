"""A contact sheet: what a search found, on one page that can be kept, printed and sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.errors import MediaError
from isthmus.core.fields import said
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.core.wording import count
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import document, static
from isthmus.report.kit.glyphs import glyph
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.media import absent, words
from isthmus.report.kit.words import short_source
from isthmus.tasks import Hit, Results
from isthmus.tasks.retrieval.excerpts import excerpt, words_sought
from isthmus.tasks.retrieval.hits import said_labels, said_origin, said_span

SIDE = 320
"""Longer side of a picture, in pixels: twice that of a card, for screens with small pixels."""
_TEXT_SHOWN = 400
_SPANS_SHOWN = 4
_TITLE_SHOWN = 120

Find = Callable[[str], MediaItem]
"""From the id of an item to the item; raises MediaError where its file is gone or has changed."""


def write_sheet(path: Path, results: Results, find: Find, *, nearest: bool = False) -> None:
    """Write the hits of a search as one HTML file that asks nothing of any network.

    Places and whole paths are left out, since such a page is made to be shown.

    Args:
        path: Where to.
        results: Of the search.
        find: Such as ``store.item``.
        nearest: Whether to show the nearest items even if nothing matches.
    """
    write_atomically(path, sheet(results, find, nearest=nearest).encode())


def sheet(results: Results, find: Find, *, nearest: bool = False) -> str:
    """The page as text; arguments as of :func:`write_sheet`."""
    assets = Assets()
    hits = () if results.nothing and not nearest else results.hits
    asked = _query(results)
    title = asked if len(asked) <= _TITLE_SHOWN else f"{asked[:_TITLE_SHOWN]}…"
    sought = words_sought(results.query)
    cards = [_card(rank, hit, sought, find, assets) for rank, hit in enumerate(hits, 1)]
    body = el(
        "div",
        el(
            "header",
            el("div", "Search results", class_="kicker"),
            el("h1", words(title, None)),
            _asked(results, assets),
            el("p", _says(results, hits), class_="lede"),
        ),
        el("ol", *cards, class_="sheet") if cards else None,
    )
    return document(
        f"{title} – search results",
        body,
        assets,
        style=static("isthmus.report.pages.sheet", "page.css"),
    )


def _query(results: Results) -> str:
    """What was asked, as it is typed, with the names of files instead of their paths."""
    asked = str(results.query)
    for item in (term.item for term in results.query.terms):
        if item is not None and item.modality != TEXT:
            asked = asked.replace(item.source, short_source(item))
    return asked


def _says(results: Results, hits: Sequence[Hit]) -> str:
    """What there is, and how far it is to be trusted."""
    if results.nothing and not hits:
        return results.reason or "Nothing matches."
    parts = ["Nothing matches; these are the nearest."] if results.nothing else []
    parts.append(f"{count(len(hits), 'result')}, best first.")
    if results.uncalibrated:
        listed = ", ".join(map(str, results.uncalibrated))
        parts.append(f"No probabilities were learned for {listed}.")
    if results.weak:
        listed = ", ".join(map(str, results.weak))
        parts.append(f"The space is weak from {listed}: it seldom finds what belongs together.")
    return " ".join(parts)


def _asked(results: Results, assets: Assets) -> Markup | None:
    """Pictures and sounds that were asked with; words are in the title."""
    items = [term.item for term in results.query.terms if term.item is not None]
    shown = [_itself(item, short_source(item), assets) for item in items if item.modality != TEXT]
    return el("div", *shown, class_="asked") if shown else None


def _card(rank: int, hit: Hit, sought: Set[str], find: Find, assets: Assets) -> Markup:
    name = Path(hit.source).name
    told = [said(hit.fields, personal=False), said_labels(hit.labels)]
    if hit.copies:
        told.insert(0, count(len(hit.copies) + 1, "copy", "copies"))
    return el(
        "li",
        _media(hit, sought, name, find, assets),
        el(
            "div",
            el("span", str(rank), class_="place"),
            glyph(hit.modality),
            el("span", name, dir="auto", class_="name"),
            class_="title",
        ),
        _where(hit),
        el("div", words(_cut(hit.text, sought), None), class_="read") if hit.origin else None,
        _likely(hit),
        *(el("div", each, dir="auto", class_="told") for each in told if each),
        class_="card",
    )


def _media(hit: Hit, sought: Set[str], name: str, find: Find, assets: Assets) -> Markup:
    """The thing itself."""
    if hit.modality == TEXT:
        content = hit.text.partition("\n")[2] or hit.text
        return el("div", words(_cut(content, sought), None), class_="media text")
    if hit.gone:
        return el("div", absent("the file is gone"), class_="media")
    try:
        item = replace(find(hit.item if hit.origin else hit.id), span=hit.span)
    except MediaError as error:
        return el("div", absent(error.reason.partition(";")[0]), class_="media")
    return el("div", _itself(item, name, assets), class_=f"media {item.modality}")


def _itself(item: MediaItem, name: str, assets: Assets) -> Markup:
    if item.modality in (IMAGE, VIDEO):
        return assets.picture(item, name, side=SIDE) or absent("no picture to show")
    if item.modality == AUDIO:
        return assets.player(item, name) or absent("no sound to play")
    return absent(f"{item.modality} cannot be shown")


def _likely(hit: Hit) -> Markup:
    """How likely it is: in words, with a thin bar; the number is in its title."""
    what = f"words {said_origin(hit)}" if hit.origin else "its name"
    name = f"by {what}; " if hit.named else f"in part by {what}; " if hit.partly_named else ""
    p, number = hit.probability, hit.percent
    if p is None or not number:
        return el("div", f"{name}{hit.words}", class_="likely")
    bar = el(
        "svg",
        el("title", f"{number} likely"),
        el("rect", width=100, height=4, rx=2, class_="rest"),
        el("rect", width=f"{100 * p:.0f}", height=4, rx=2),
        class_="bar",
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        width="100%",
        height=4,
        role="img",
    )
    return el("div", el("span", f"{name}{hit.words}", title=number), bar, class_="likely")


def _where(hit: Hit) -> Markup | None:
    """Where in a long thing to look."""
    if hit.span is None:
        return None
    spans = [hit.span, *((span.start, span.stop) for span in hit.spans[:_SPANS_SHOWN])]
    first, *more = (said_span(span, hit.modality) for span in spans)
    also = f", also {', '.join(each.removeprefix('at ') for each in more)}" if more else ""
    return el("div", f"{first}{also}", class_="when")


def _cut(text: str, sought: Set[str]) -> str:
    """A stretch of a text, on one line."""
    return " ".join(excerpt(text, sought, _TEXT_SHOWN).split())
