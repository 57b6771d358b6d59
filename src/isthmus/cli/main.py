"""The ``isthmus`` command line, assembled from one file per command."""

from __future__ import annotations

import sys

import typer

from isthmus.cli import (
    align,
    annotate,
    classify,
    data,
    demo,
    diagnose,
    embed,
    encoders,
    evaluate,
    explain,
    export,
    find,
    index,
    predict,
    prompt,
    recommend,
    search,
    serve,
    store,
    transfer,
)
from isthmus.cli import (
    config as config_command,
)
from isthmus.cli.console import guarded
from isthmus.cli.usage import example
from isthmus.core.version import __version__

app = typer.Typer(
    name="isthmus",
    help="Search pictures, sounds and texts by one another, and make spaces from your own data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", epilog=example("demo"))(demo.command)
app.command("diagnose", epilog=example("diagnose"))(diagnose.command)
app.command("align", epilog=example("align"))(align.command)
app.command("eval", epilog=example("eval"))(evaluate.command)
app.command("embed", epilog=example("embed"))(embed.command)
app.command("export", epilog=example("export"))(export.command)
app.command("index", epilog=example("index"))(index.command)
app.command("search", epilog=example("search"))(search.command)
app.command("recommend", epilog=example("recommend"))(recommend.command)
app.command("find", epilog=example("find"))(find.command)
app.command("classify", epilog=example("classify"))(classify.command)
app.command("annotate", epilog=example("annotate"))(annotate.command)
app.command("explain", epilog=example("explain"))(explain.command)
app.command("serve", epilog=example("serve"))(serve.command)
app.command("transfer", epilog=example("transfer"))(transfer.command)
app.command("status", epilog=example("status"))(store.status)
app.command("forget", epilog=example("forget"))(store.forget)
app.command("doctor", epilog=example("doctor"))(store.doctor)
app.add_typer(predict.app, name="predict")
app.add_typer(prompt.app, name="prompt")
app.add_typer(data.app, name="data")
app.add_typer(encoders.app, name="encoders")
app.add_typer(config_command.app, name="config")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"isthmus {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    *,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    offline: bool = typer.Option(
        False,
        "--offline",
        help="Fetch nothing: use only models and data that are on this machine. The environment "
        "variable ISTHMUS_OFFLINE=1 does the same.",
    ),
    config: bool = typer.Option(
        True,
        "--config/--no-config",
        help="Take defaults of options from the files that isthmus config shows.",
    ),
) -> None:
    """Search pictures, sounds and texts by one another, and make spaces from your own data."""
    from isthmus.encoders.base import stay_offline

    if config and context.invoked_subcommand != "config":  # which says what is wrong with a file
        from isthmus.cli import configuration

        root = context.command
        settings = configuration.read(root, configuration.files())
        context.default_map = configuration.default_map(root, settings)
        offline = offline or configuration.is_offline(settings)
    if offline:
        context.with_resource(stay_offline())


def run() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(app))
