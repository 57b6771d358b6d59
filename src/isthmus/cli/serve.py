"""``isthmus serve``: a store behind HTTP, with a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from isthmus.cli.console import SPACE_OPTION, STORE_OPTION, err, out


def command(
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8765, min=0, max=65_535, help="Port; 0 for one that is free."),
    name: list[str] = typer.Option(
        None, help="Host name under which it is asked, behind a proxy. Repeatable."
    ),
    allow: list[Path] = typer.Option(
        None, metavar="DIR", help="Folder that may be indexed from the page. Repeatable."
    ),
    open_page: bool = typer.Option(False, "--open", help="Open the page in a browser."),
) -> None:
    """Serve a store: an API, a page for people, tools for language models.

    Listens on this machine only, unless --host says otherwise. With that, or a --name, other
    machines may ask: then ISTHMUS_TOKEN must hold a token that callers show. Without --allow, and
    only for this machine, the home folder may be indexed from the page. Ctrl-C ends it.
    """
    from isthmus.cli.opening import open_store
    from isthmus.core.extras import require
    from isthmus.server.settings import Settings, token_from_environment

    for module in ("fastapi", "uvicorn", "mcp", "prometheus_client", "python_multipart"):
        require(module, extra="server", purpose="isthmus serve")
    from isthmus.server.run import serve

    settings = Settings(
        host=host,
        port=port,
        token=token_from_environment(),
        names=tuple(name or ()),
        roots=tuple(allow or ()),
    )
    if not settings.exposed and not settings.roots:
        settings = replace(settings, roots=(Path.home(),))

    def ready(address: str) -> None:
        out().print(f"Serving {opened.folder}, {len(opened):,} items, on {address}")
        err().print("[dim]Ctrl-C ends it.[/]")
        if open_page:
            typer.launch(address)

    with open_store(store, space, create=True) as opened:
        err().print("[dim]Loading models…[/]")
        serve(opened, settings, ready=ready)
