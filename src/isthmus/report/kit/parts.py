"""What pages are made of: sections, headline cards, facts, tables, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isthmus.core.record import Failure, said_left_out
from isthmus.report.kit.markup import Markup, el

_MOST_LEFT_OUT = 200


def section(title: str, name: str, *parts: object) -> Markup:
    """A part of the page with its heading.

    Args:
        title: Heading.
        name: Id of the heading.
        *parts: None is left out.
    """
    return el("section", el("h2", title, id=name), *parts, aria_labelledby=name)


def headline_card(kicker: object, figure: str, unit: str, says: str) -> Markup:
    """A figure large enough to be read first, for a list of class ``headline``."""
    return el(
        "li",
        el("div", kicker, class_="kicker"),
        el("div", figure, el("small", unit) if unit else None, class_="figure"),
        el("p", says),
    )


def facts(rows: Iterable[tuple[object, object]]) -> Markup:
    """Names with what they are, one below the other."""
    return el(
        "dl",
        *(el("div", el("dt", name), el("dd", value)) for name, value in rows),
        class_="facts",
    )


def how_to_read(words: Iterable[tuple[str, str]]) -> Markup:
    """The words of a page explained."""
    return section("How to read this", "reading", facts(words))


def table(
    caption: str, heads: Sequence[str | None], *bodies: Markup, class_: str | None = None
) -> Markup:
    """A table that scrolls by itself where it is wider than the page.

    Args:
        caption: Above it.
        heads: Of the columns; None for a column that needs none.
        *bodies: ``tbody`` elements.
        class_: Of the table.
    """
    cells = (el("td") if name is None else el("th", name, scope="col") for name in heads)
    head = el("thead", el("tr", *cells))
    made = el("table", el("caption", caption), head, *bodies, class_=class_)
    return el("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def folded(summary: object, *parts: object) -> Markup:
    """Parts that open when asked for."""
    return el("details", el("summary", summary), *parts)


def left_out(failures: Sequence[Failure]) -> Markup:
    """What was left out, with reasons, folded away."""
    number = said_left_out(f.what for f in failures)
    if not failures:
        return el("p", "Nothing was left out.")
    items = [el("li", el("code", f.source), " ", f.reason) for f in failures[:_MOST_LEFT_OUT]]
    more = len(failures) - _MOST_LEFT_OUT
    rest = el("li", f"and {more:,} more") if more > 0 else None
    return folded(
        f"{number} left out, with reasons" if number else "Nothing was left out; please check",
        el("ul", *items, rest, class_="left-out"),
    )
