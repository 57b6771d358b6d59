"""``isthmus status``, ``doctor`` and ``forget``: what is in a store, its health, and removal."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

import typer

from isthmus.cli.console import (
    EXIT_FAILED,
    JSON_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    list_some,
    out,
    print_json,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.core.errors import InputError
from isthmus.core.view import View
from isthmus.core.wording import count
from isthmus.media.formats import EXTRA, unavailable

_SHOWN = 20


def status(
    store: Path | None = STORE_OPTION,
    failed: bool = typer.Option(False, "--failed", help="List files that could not be used."),
    gone: bool = typer.Option(False, "--gone", help="List files that are no longer there."),
    copies: bool = typer.Option(False, "--copies", help="List files with the same content."),
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what is in a store."""
    with open_store(store, trust=trust) as opened:
        counts, records = opened.status(), list(opened.backend.files().values())
        folder, modalities = opened.folder, opened.space.modalities
    lists: dict[str, list[str]] = {}
    if failed:
        lists["failed"] = [f"{r.path}: {r.reason}" for r in records if r.failed and not r.gone]
    if gone:
        lists["gone"] = [r.path for r in records if r.gone]
    if copies:
        by_item: dict[str, list[str]] = {}
        for record in records:
            if record.item is not None and not record.gone:
                by_item.setdefault(record.item, []).append(record.path)
        lists["copies"] = ["  =  ".join(sorted(p)) for p in by_item.values() if len(p) > 1]
    if as_json:
        print_json(
            {"store": str(folder), **asdict(counts), "modalities": modalities, "lists": lists}
        )
        return
    console = out()
    items = ", ".join(
        f"{n:,} {View(v, modalities[v]) if v in modalities else v}" for v, n in counts.items.items()
    )
    console.print(f"{folder}: {items or 'nothing yet'}", markup=False)
    console.print(
        f"{count(counts.files, 'file')} known, {counts.failed} could not be used, "
        f"{counts.gone} no longer there"
    )
    if counts.read:
        left = "; not all files were looked at yet: index again" if counts.reading_left else ""
        console.print(f"Words are read in files: {', '.join(counts.read)}{left}")
    if counts.unfinished:
        console.print(f"Some files are not there yet: {shown(counts.unfinished)}")
    for name, lines in lists.items():
        console.print(f"[bold]{name}[/]: {len(lines)}")
        for line in lines:
            console.print(f"  {shown(line)}")


def doctor(
    store: Path | None = STORE_OPTION,
    deep: bool = typer.Option(
        False, "--deep", help="Check every row and the content of every file."
    ),
    repair: bool = typer.Option(False, "--repair", help="Repair what can be repaired."),
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check a store for damage, and which media formats cannot be read.

    With --repair, go back to the last good state and list what is lost. If damage is left, the
    command ends with exit code 1.
    """
    with open_store(store, trust=trust) as opened:
        found = opened.check(deep=deep, repair=repair)
        folder = opened.folder
    left = [each for each in found if not each.repaired]
    missing = [each.title for each in unavailable()]
    if as_json:
        damages = [{"what": d.what, "ids": list(d.ids), "repaired": d.repaired} for d in found]
        document = {"store": str(folder), "damages": damages, "sound": not left}
        print_json({**document, "formats_missing": missing})
    else:
        for each in found:
            done = f" [green]{shown(each.repaired)}[/]" if each.repaired else ""
            out().print(f"[yellow]damage:[/] {shown(each.what)}{done}")
            for name in each.ids[:20]:
                out().print(f"  {name}")
        more = "" if deep else " (--deep also reads every row and file)"
        flags = " --deep" if deep else ""
        way = f"isthmus doctor --repair{flags} --store {shlex.quote(str(folder))}"
        hint = f"; repair what can be repaired with: {way}" if left and not repair else ""
        if left and repair:
            make = "make a new store with: isthmus index PATHS --store NEW"
            hint = f"; what is left cannot be repaired; {make}"
        state = f"{count(len(left), 'damage')} left{hint}" if left else f"no damage found{more}"
        out().print(f"{folder}: {state}")
        if missing:
            out().print(
                f"Formats that need more packages: {', '.join(missing)}; run: "
                f"pip install 'isthmus[{EXTRA}]'",
                markup=False,
            )
    if left:
        raise typer.Exit(EXIT_FAILED)


def forget(
    paths: list[str] = typer.Argument(None, help="Files, or folders with all files in them."),
    item: list[str] = typer.Option(None, "--id", help="Id of an item. Repeatable."),
    view: list[str] = typer.Option(
        None, help="Only items of this view; with nothing else named, all of them. Repeatable."
    ),
    store: Path | None = STORE_OPTION,
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Remove items and their old versions from a store. Your files stay as they are.

    An item stays if a file that you did not name holds the same content; the command lists it.
    """
    if not paths and not item and not view:
        raise InputError("name the files or folders to forget, or give --id or --view")
    with open_store(store, trust=trust) as opened:
        done = opened.forget(paths or (), item or (), views=view or ())
        left = len(opened)
    if not (done.items or done.files or done.kept):
        raise InputError("the store holds nothing of what you named, so nothing was removed")
    if as_json:
        print_json({**done.to_json(), "items": left})
        return
    out().print(f"Removed {count(len(done), 'item')}; the store now holds {left:,}.")
    lines = [f"{path}  =  {other}" for path, other in done.kept]
    list_some(out(), f"{len(lines)} kept, because another file holds the same:", lines, show=_SHOWN)
