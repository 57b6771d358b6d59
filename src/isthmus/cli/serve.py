"""``isthmus serve``: a store behind HTTP, with a page."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    MAX_MEGAPIXELS_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    out,
)
from isthmus.core.errors import InputError
from isthmus.core.wording import count, speaking

if TYPE_CHECKING:
    from isthmus.predictor.predictor import Predictor
    from isthmus.server.settings import Settings
    from isthmus.tasks import Store

LABELS = typer.Option(
    None,
    "--allow-labels/--no-labels",
    help="Let the page give labels to items. Default: if only this machine can reach it.",
)
_NEEDED = ("fastapi", "uvicorn", "mcp", "prometheus_client", "python_multipart")
"""Modules of the extra."""


def command(
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    *,
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(
        8765, min=0, max=65_535, help="Port to listen on; 0 takes any free port."
    ),
    name: list[str] = typer.Option(
        None, help="Host name that people use if the server is behind a proxy. Repeatable."
    ),
    allow: list[Path] = typer.Option(
        None, metavar="DIR", help="Folder that the page can index. Repeatable."
    ),
    allow_labels: bool | None = LABELS,
    predictor: list[Path] = typer.Option(
        None, metavar="FOLDER", help="Predictor that the page can ask, too. Repeatable."
    ),
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    open_page: bool = typer.Option(False, "--open", help="Open the page in a browser."),
    trust: list[str] = TRUST_OPTION,
) -> None:
    """Serve a store: a page for people, an API, and tools for language models.

    By default, only this machine can reach the server. With --host or --name, other machines can,
    too; you must then set a token in ISTHMUS_TOKEN. The page can index the folders that you name
    with --allow. If only this machine can reach the server, the page can also give labels to items,
    and without --allow it can index your home folder. Press Ctrl-C to stop.

    If there is no store in your data folder, or in an empty folder that you name, an empty one is
    made, which the page can fill.
    """
    from isthmus.cli.opening import has_store, open_store
    from isthmus.core.extras import require
    from isthmus.server.settings import Settings, token_from_environment

    for module in _NEEDED:
        require(module, extra="server", purpose="isthmus serve")
    from isthmus.server.run import serve

    _check_folders(allow or ())
    settings = Settings(
        host=host, port=port, token=token_from_environment(), names=tuple(name or ()),
        roots=tuple(allow or ()), label=bool(allow_labels),
    )  # fmt: skip
    if not settings.exposed:
        settings = _for_this_machine(settings, allow_labels)

    def ready(address: str) -> None:
        _say_ready(opened, address)
        if open_page:
            typer.launch(address)

    allow_megapixels(max_megapixels)
    predictors = _predictors(predictor or (), trust or ())
    there, fillable = has_store(store), store is None or store.is_dir()
    with open_store(store, space, create=fillable, trust=trust) as opened:
        if not there:
            _tell_new(opened.folder)
        _load_models(opened)
        with speaking("server"):
            serve(opened, settings, predictors=predictors, ready=ready)


def _load_models(opened: Store) -> None:
    """Load every encoder, so that what cannot be loaded is told here, not by the server."""
    err().print("[dim]Loading models…[/]")
    for view in opened.space.views:
        opened.space.encoder(view)


def _say_ready(opened: Store, address: str) -> None:
    out().print(f"Serving {opened.folder}, {count(len(opened), 'item')}, on {address}")
    err().print("[dim]Press Ctrl-C to stop.[/]")


def _predictors(folders: Sequence[Path], trust: Sequence[str]) -> dict[str, Predictor]:
    """Predictors by the names of their folders."""
    if not folders:
        return {}
    from isthmus.predictor.predictor import Predictor

    found: dict[str, Predictor] = {}
    for folder in folders:
        name = folder.resolve().name
        if name in found:
            raise InputError(f"two predictors are called {name!r}; rename one of the folders")
        found[name] = Predictor.load(folder, trust=trust)
    return found


def _for_this_machine(settings: Settings, allow_labels: bool | None) -> Settings:
    """The same where nobody else can ask: what was not said is allowed."""
    roots = settings.roots or (Path.home(),)
    return replace(settings, roots=roots, label=allow_labels is not False)


def _check_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {str(folder)!r} to allow")


def _tell_new(folder: Path | None) -> None:
    err().print(
        f"There was no store in {folder}, so an empty one was made. Fill it on the page, or with: "
        f"isthmus index PATHS --store {shlex.quote(str(folder))}",
        markup=False,
    )
