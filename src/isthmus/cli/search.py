"""``isthmus search``: find items of a store by words, pictures or sounds."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    out,
    print_json,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.cli.options import with_prompt_parts, with_search_options
from isthmus.cli.outputs import check_page
from isthmus.cli.rows import STDOUT, check_csv, write_hits
from isthmus.cli.usage import stores_given
from isthmus.cli.viewer import check_viewer, open_media, open_page
from isthmus.core.errors import InputError
from isthmus.core.fields import said
from isthmus.core.paths import is_folder
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.core.wording import count
from isthmus.media.source import is_file
from isthmus.prompts import PromptParts
from isthmus.tasks import SearchOptions
from isthmus.tasks.prompting import spelling_note
from isthmus.tasks.retrieval.excerpts import excerpt, words_sought
from isthmus.tasks.retrieval.hits import said_labels, said_shares, said_span

if TYPE_CHECKING:
    from isthmus.tasks import Hit, Results

EXIT_NOTHING = 5
"""Nothing in the store matches."""
_COLOURS = {TEXT: "grey70", IMAGE: "cyan", AUDIO: "yellow", VIDEO: "magenta"}
_GLYPHS = {TEXT: "¶", IMAGE: "▣", AUDIO: "♪", VIDEO: "▶"}
_TEXT_SHOWN = 100
_SPANS_SHOWN = 5
_THUMBNAIL = 24


@with_search_options
@with_prompt_parts
def command(
    query: list[str] = typer.Argument(
        help="Words, or the path of a picture, sound or vector. Combine several with + and -: "
        "'\"red kangaroo\" + photo.jpg - cartoon'. @NAME is a saved prompt."
    ),
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    *,
    parts: PromptParts,
    options: SearchOptions,
    nearest: bool = typer.Option(
        False, "--nearest", help="Show the nearest items even if nothing matches."
    ),
    thumbnails: bool | None = typer.Option(
        None,
        "--thumbnails/--no-thumbnails",
        help="Show pictures in the terminal. Default: if the terminal can.",
    ),
    csv: Path | None = typer.Option(
        None, "--csv", metavar="FILE|-", help="Write a row for each result to this .csv; - prints."
    ),
    contact_sheet: Path | None = typer.Option(
        None, metavar="FILE", help="Write a page with the results to this .html."
    ),
    open_: bool = typer.Option(
        False, "--open", help="Open the first result, or the contact sheet, in its viewer."
    ),
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Find items by words in 16 languages, a picture, a sound, or several of these.

    If nothing matches, the command ends with exit code 5.
    """
    _check(csv, contact_sheet, open_=open_, as_json=as_json)
    allow_megapixels(max_megapixels)
    _warm_up([*query, *parts.style, *parts.context, *parts.avoid])
    with open_store(store, space, trust=trust) as opened:
        _note_folder(query, store)
        prompt = parts.prompt(" ".join(query), views=opened.space.views)
        results = opened.search(prompt, options)
        spelling = spelling_note(opened.space, results.query, options.asked_as)
        wanted = results.hits if nearest or not results.nothing else ()
        if contact_sheet is not None and wanted:
            from isthmus.report import write_sheet

            write_sheet(contact_sheet, results, opened.item, nearest=nearest)
    write_hits(csv, results, nearest=nearest)
    _say_written(csv, contact_sheet, len(wanted))
    if as_json:
        print_json(results.to_json())
    elif csv != STDOUT:
        _say(results, nearest=nearest, thumbnails=thumbnails)
        if spelling:
            err().print(f"[dim]{shown(spelling)}[/]")
    if open_:
        _open(results, contact_sheet, nearest=nearest)
    if results.nothing:
        raise typer.Exit(EXIT_NOTHING)


def _check(csv: Path | None, sheet: Path | None, *, open_: bool, as_json: bool) -> None:
    """Refuse what cannot be written or shown, before anything is computed."""
    check_csv(csv)
    if csv == STDOUT and as_json:
        raise InputError("--csv - and --json both print results; give --csv a file")
    if sheet is not None and sheet.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{sheet}: a contact sheet is a page; give a name that ends with .html")
    check_page(sheet)
    if open_:
        check_viewer()


def _warm_up(asked: Sequence[str]) -> None:
    """Start the children that decode files, if some will be asked for."""
    if any(map(is_file, asked)):
        from isthmus.pipeline import WORKERS

        WORKERS.warm_up_aside()


def _say_written(csv: Path | None, sheet: Path | None, hits: int) -> None:
    """Tell what was written; without results there is a table of none, and no page."""
    told = err()
    if csv not in (None, STDOUT):
        told.print(f"[dim]Wrote {count(hits, 'result')} to {shown(str(csv))}.[/]")
    if sheet is not None and hits:
        told.print(f"[dim]Wrote a page with {count(hits, 'result')} to {shown(str(sheet))}.[/]")
    elif sheet is not None:
        told.print(f"[dim]Without a result no page was written to {shown(str(sheet))}.[/]")


def _open(results: Results, sheet: Path | None, *, nearest: bool) -> None:
    """Show the sheet, or the first hit."""
    hits = () if results.nothing and not nearest else results.hits
    if sheet is not None and hits:
        open_page(sheet)
        return
    if not hits or hits[0].gone:
        err().print("[dim]There is no file to open.[/]")
        return
    open_media(Path(hits[0].source))


def _note_folder(query: Sequence[str], store: Path | None) -> None:
    """Tell who typed a folder that its name is read as words, or how to name a store."""
    if store is None and (meant := stores_given(query)):
        err().print(f"What you typed is read as words.{shown(meant)}")
        return
    typed = " ".join(query)
    if not typed or is_file(typed):
        return  # no words are no folder, although the path of nothing is the current one
    if is_folder(typed):
        err().print(
            f"There is a folder {shown(repr(typed))}, but a query is words or a file, so this is "
            f"read as words. To make a folder searchable: isthmus index {shown(shlex.quote(typed))}"
        )


def _say(results: Results, *, nearest: bool, thumbnails: bool | None) -> None:
    console = out()
    if results.reason:
        why = f"{results.reason[:1].upper()}{results.reason[1:]}"
        ends = why.endswith("?") or "isthmus index " in why  # who copies it wants no point
        console.print(shown(why if ends else f"{why}."))
    elif results.nothing:
        more = "" if nearest or not results.hits else " To see the nearest items, add --nearest."
        console.print(f"Nothing matches.{more}")
    if not results.nothing or nearest:
        show, sought = _thumbnails(thumbnails), words_sought(results.query)
        for rank, hit in enumerate(results.hits, 1):
            _print(rank, hit, sought, thumbnail=show)
    if results.unfinished and results.unfinished not in results.reason:
        err().print(f"[dim]Some files are not found yet: {shown(results.unfinished)}[/]")
    if results.uncalibrated and results.hits:
        listed = ", ".join(map(str, results.uncalibrated))
        why = results.advice or "the space learned none for this direction"
        err().print(f"[dim]The results for {listed} have no probability. Reason: {why}.[/]")
    if results.weak:
        listed = ", ".join(map(str, results.weak))
        err().print(
            f"[dim]This space is weak from {listed}: it seldom finds what belongs together, so "
            "only a clear result passes for a match.[/]"
        )


def _print(rank: int, hit: Hit, sought: Set[str] = frozenset(), *, thumbnail: bool) -> None:
    """One hit: its name; why it is here, how likely and how it stands; what it says."""
    colour = _COLOURS.get(hit.modality, "white")
    gone = ", file is gone" if hit.gone else ""
    view = "" if hit.view == hit.modality else f", {shown(hit.view)}"
    copies = f", {count(len(hit.copies) + 1, 'copy', 'copies')}" if hit.copies else ""
    likely = f"{hit.said}{view}{copies}{gone}"
    glyph = _GLYPHS.get(hit.modality, "•")
    where = "" if hit.span is None else f" {said_span(hit.span, hit.modality)}"
    console = out()
    console.print(f"{rank:3} [{colour}]{glyph}[/] {shown(hit.source)}{where}  [dim]{likely}[/]")
    if hit.modality == TEXT or hit.origin:
        content = hit.text.partition("\n")[2] or hit.text
        flat = " ".join(excerpt(content, sought, _TEXT_SHOWN).split())
        console.print(f"      [dim]{shown(flat)}[/]")
    if hit.spans:
        some = ", ".join(
            said_span((span.start, span.stop), hit.modality).removeprefix("at ")
            for span in hit.spans[:_SPANS_SHOWN]
        )
        console.print(f"      [dim]also at {some}[/]")
    if told := said(hit.fields):
        console.print(f"      [dim]{shown(told)}[/]")
    if hit.labels:
        console.print(f"      [dim]labels: {shown(said_labels(hit.labels))}[/]")
    if len(hit.shares) > 1:
        console.print(f"      [dim]{shown(said_shares(hit))}[/]")
    if thumbnail and hit.modality == IMAGE and not hit.gone:
        _show(Path(hit.source))


def _thumbnails(wanted: bool | None) -> bool:
    """Whether to draw pictures: where asked for, else where the terminal has true pixels."""
    import logging
    import sys

    terminal = sys.stdout.isatty()
    if wanted is False or (wanted is None and not terminal):
        return False
    if terminal and not os.get_terminal_size(sys.stdout.fileno()).columns:
        return False  # such as a serial line: there is no telling how wide a picture would be
    # A terminal that does not say how large its cells are is no reason for a traceback.
    logging.getLogger("textual_image").setLevel(logging.CRITICAL)
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        if wanted:
            from isthmus.core.extras import require

            require("textual_image", extra="terminal", purpose="--thumbnails")
        return False
    return bool(wanted) or Image in (SixelImage, TGPImage)


def _show(path: Path) -> None:
    """Draw a picture; one that cannot be read is passed over, since it is listed above."""
    from textual_image.renderable import Image

    from isthmus.core.errors import MediaError
    from isthmus.media.source import item_from_path
    from isthmus.pipeline import WORKERS

    try:
        picture = WORKERS.small(item_from_path(path, IMAGE), 256)
    except MediaError:
        return
    out().print(Image(picture, width=_THUMBNAIL, height="auto"))
