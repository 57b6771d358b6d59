"""``isthmus explain``: why a query and an item match, in parts that sum to the score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus import space as spaces
from isthmus import tasks
from isthmus.cli.console import (
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    out,
    print_json,
    progress_bar,
)
from isthmus.cli.loading import load_as
from isthmus.cli.opening import open_store
from isthmus.cli.options import with_prompt_parts
from isthmus.cli.outputs import check_page
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.paths import expanded
from isthmus.core.view import TEXT, no_view
from isthmus.media.formats import TEXT_SUFFIXES
from isthmus.media.source import is_file, item_from_path
from isthmus.prompts import Prompt, PromptParts
from isthmus.prompts.typed import STORED, looks_like_a_path, missing_file, unquote
from isthmus.tasks.retrieval.within import of_the_store

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from isthmus.core.contracts import Progress
    from isthmus.core.record import Record
    from isthmus.tasks.retrieval.explain import Explanation, Side

_FOR, _AGAINST = "dark_orange", "slate_blue1"
_SHADES = " ░▒▓█"
_PAIRS = 6
_BAR = 24


@with_prompt_parts
def command(
    query: str = typer.Argument(
        help="Words, the path of a picture or sound, or id:… of an item; or several with + and -, "
        "as in a search."
    ),
    item: str = typer.Argument(
        help="The item to compare with: words, a path, the name of a file of the store, or id:…"
    ),
    *,
    parts: PromptParts,
    space: str | None = SPACE_OPTION,
    store: Path | None = STORE_OPTION,
    asked_as: str | None = typer.Option(
        None, "--as", help="View of the query. Default: the view that its file fits, or text."
    ),
    item_view: str | None = typer.Option(None, help="View of the item."),
    output: Path | None = typer.Option(
        None, "--out", "-o", help="Write an HTML page to this file, too."
    ),
    data: str | None = typer.Option(
        None,
        help="The data that the space learned from. With it, the page shows the training pairs.",
    ),
    seed: int = typer.Option(
        0, help="Seed for the order of the parts, if there are too many to try all orders."
    ),
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show which words, cells, moments and training pairs make up the score of QUERY and ITEM."""
    from isthmus.report.pages.explanation.page import write_explanation
    from isthmus.report.pages.explanation.words import sentences

    check_page(output)
    allow_megapixels(max_megapixels)
    stored = any(text.startswith(STORED) for text in (query, item))
    if space is not None and (store is not None or stored):
        raise InputError("a store has its own space; give --store or --space, not both")
    with progress_bar(quiet=as_json) as progress:
        with _opened(store, space, stored=stored, trust=trust or (), tell=progress) as opened:
            records = _records(opened.space, data)
            made = opened.explain(
                _prompt(query, parts, opened, asked_as),
                _thing(item, opened, item_view),
                asked_as=asked_as or (),
                item_view=item_view,
                seed=seed,
                progress=progress,
            )
        if output is not None:
            progress("write the page", 0, 1)
            write_explanation(output, made, records=records)
            progress("write the page", 1, 1)
    if as_json:
        print_json({"said": sentences(made), **made.to_json()})
        return
    _print(made)
    if output is not None:
        out().print(f"\nPage in {output}", markup=False)


def _opened(
    store: Path | None, space: str | None, *, stored: bool, trust: Sequence[str], tell: Progress
) -> tasks.Store:
    """The store that is meant; where only a space is, an empty one of that space."""
    tell("open", 0, 1)
    if store is not None or stored:
        opened = open_store(store, trust=trust)
    else:
        opened = tasks.Store.in_memory(spaces.Space.load(space or "starter", trust=trust))
    tell("open", 1, 1)
    return opened


def _prompt(given: str, parts: PromptParts, store: tasks.Store, asked_as: str | None) -> Prompt:
    """What is asked: a file of the store, as it is typed, or one thing of a view."""
    views = store.space.views
    if asked_as is None and _named(given, store) is None and not _names_a_text(given):
        return parts.prompt(given, views=views)
    content = _thing(given, store, asked_as)
    made = Prompt.stored(content) if isinstance(content, str) else Prompt(content)
    return Prompt([*made.terms, *parts.beside(views=views)])


def _named(given: str, store: tasks.Store) -> str | None:
    """The item of the store whose file is named so, where there is no file at that path."""
    if is_file(given) or unquote(given) is not None:
        return None
    return of_the_store(store.backend.snapshot(), given)


def _names_a_text(given: str) -> bool:
    """Whether one word ends as the name of a text does, so that no file of it is a mistake."""
    missing = not is_file(given) and not given.startswith(STORED)
    return missing and " " not in given and Path(given).suffix.lower() in TEXT_SUFFIXES


def _thing(given: str, store: tasks.Store, view: str | None) -> str | MediaItem:
    """Id of an item of the store, a file where there is one or must be one, else words.

    Args:
        given: What the user typed.
        store: Whose files may be named, as ``within`` names them.
        view: That the user named.
    """
    if given.startswith(STORED):
        return given.removeprefix(STORED)
    known = store.space.modalities
    if view is not None and view not in known:
        raise no_view(view, known)
    modality = None if view is None else known[view]
    if modality != TEXT and (item := _named(given, store)) is not None:
        return item
    if modality == TEXT or (modality is None and not is_file(given)):
        inner = unquote(given) if modality is None else None
        words = given if inner is None else inner
        if not words.strip():
            raise InputError("the text is empty, so there is nothing to explain")
        if modality is None and (looks_like_a_path(given) or _names_a_text(given)):
            raise missing_file(given)
        return MediaItem.from_text(words)
    return item_from_path(expanded(given), modality)


def _records(space: spaces.Space, data: str | None) -> dict[str, Record]:
    if data is None:
        return {}
    return {record.id: record for record in load_as(space, data, (), ()).records}


def _print(made: Explanation) -> None:
    from isthmus.report.pages.explanation.words import name_of, sentences

    console = out()
    for sentence in sentences(made):
        console.print(sentence, markup=False)
    for name, side in (("Query", made.query), ("Item", made.item)):
        console.print()
        console.print(f"{name}: {name_of(side)}", markup=False, style="bold")
        _print_side(console, side)
    _print_pairs(console, made)


def _print_side(console: Console, side: Side) -> None:
    from isthmus.encoders.parts import Cell, Span
    from isthmus.report.kit.words import signed_share

    if not side.places:
        console.print(side.method, markup=False)
        return
    if isinstance(side.places[0], Cell):
        for line in _grid(side):
            console.print(line)
    elif isinstance(side.places[0], Span):
        console.print(_curve(side))
    else:
        console.print(_sentence(side))
    total = signed_share(float(side.values.sum()))
    start = signed_share(side.baseline)
    console.print(f"baseline {start}, parts {total}; {side.method}", style="dim")


def _sentence(side: Side) -> Text:
    from rich.text import Text

    from isthmus.report.kit.words import signed_share

    largest = max(float(abs(side.values).max()), 1e-12)
    line = Text()
    for place, value in zip(side.places, side.values, strict=True):
        strong = "bold " if abs(value) > largest / 2 else ""
        faint = abs(value) < largest / 16
        line.append(place.label, "dim" if faint else strong + (_FOR if value > 0 else _AGAINST))
        line.append(f" {signed_share(value)}  ", "dim")
    return line


def _grid(side: Side) -> list[Text]:
    """Two characters a cell, for the finest of the grids; padding is a dot."""
    from rich.text import Text

    from isthmus.encoders.parts import Cell

    cells = [(p, v) for p, v in zip(side.places, side.values, strict=True) if isinstance(p, Cell)]
    grid = max(cell.grid for cell, _ in cells)
    cells = [(cell, value) for cell, value in cells if cell.grid == grid]
    largest = max(max(abs(value) for _, value in cells), 1e-12)
    lines = [Text("  ") for _ in range(grid[0])]
    for cell, value in sorted(cells, key=lambda pair: (pair[0].row, pair[0].column)):
        if cell.padding:
            lines[cell.row].append("··", "dim")
            continue
        shade = _SHADES[round((len(_SHADES) - 1) * abs(value) / largest)]
        # what speaks against is marked by its sign, since colour may not show
        shown = shade * 2 if value >= 0 or shade == " " else f"{shade}−"
        lines[cell.row].append(shown, _FOR if value >= 0 else _AGAINST)
    return lines


def _curve(side: Side) -> Text:
    """One bar a span of time; what speaks against hangs as a minus."""
    from rich.text import Text

    line = Text("  ")
    spans = [(p, v) for p, v in zip(side.places, side.values, strict=True) if not p.padding]
    largest = max((abs(value) for _, value in spans), default=1.0) or 1.0
    for _, value in spans:
        if value < 0:
            line.append("−", _AGAINST)
        else:
            line.append("▁▂▃▄▅▆▇█"[min(int(8 * value / largest), 7)], _FOR)
    return line


def _print_pairs(console: Console, made: Explanation) -> None:
    from isthmus.report.kit.words import signed_share

    listed = made.leaning(_PAIRS)
    if not listed:
        return
    from rich.text import Text

    console.print()
    console.print("Training pairs", style="bold")
    largest = max(abs(pair.value) for pair in listed) or 1.0
    for pair in listed:
        bar = "█" * max(1, round(_BAR * abs(pair.value) / largest))
        line = Text(f"  {signed_share(pair.value)} ")
        line.append(f"{bar:<{_BAR}}", _FOR if pair.value >= 0 else _AGAINST)
        line.append(f" {pair.id}")
        console.print(line)
    support = made.pairs
    rest = float(support.values.sum()) - sum(pair.value for pair in listed)
    others = len(support.ids) - len(listed)
    console.print(
        f"  {signed_share(rest)} from the other {others:,} pairs; "
        f"{signed_share(support.residual)} from no pair",
        style="dim",
    )
