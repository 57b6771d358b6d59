"""What all commands share: progress with an ETA, JSON, errors and exit codes."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.usage import UsageError, sentence
from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import IsthmusError, NoSignalError, was_interrupted
from isthmus.core.record import said_left_out
from isthmus.core.wording import count, speaking

if TYPE_CHECKING:
    from rich.console import Console

    from isthmus.core.record import Failure

EXIT_FAILED = 1
"""What was asked could not be done; the message says why."""
EXIT_USAGE = 2
"""The command was typed wrongly."""
EXIT_REFUSED = 3
"""The pairs carry no alignment, so no space was made."""
EXIT_PARTLY = 4
"""Done, except for items that are listed."""
EXIT_INTERRUPTED = 130
TABLE_WIDTH = 80
_VECTORS = " Vectors made so far are kept, so the next run takes less time."
_ITEMS = " What was indexed so far can be searched; the same command goes on from there."
_KEEP = {
    **dict.fromkeys(
        ("align", "annotate", "classify", "demo", "diagnose", "embed", "eval", "transfer"),
        _VECTORS,
    ),
    "index": _ITEMS,
}
"""What commands keep as they go."""
_NO_VECTORS = " With --no-cache, no vectors are kept, so the next run begins anew."
_uncached: list[bool] = []
"""Holds something while a command runs that keeps no vectors."""
_TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Signs that change the direction in which what follows is shown."""

JSON_OPTION = typer.Option(False, "--json", help="Print the results as one JSON document.")
SEED_OPTION = typer.Option(0, "--seed", min=0, help="Seed for all random choices.")
DATA_ARGUMENT = typer.Argument(
    help="A name, a folder, a table, vectors (.npz) or a WebDataset tar."
)
DATA_OPTION = typer.Option(
    None,
    "--data-option",
    "-d",
    metavar="NAME=VALUE",
    help="Option of the data set, for example languages=en,zh. Repeatable.",
)
COLUMN_OPTION = typer.Option(
    None,
    "--column",
    metavar="NAME=VIEW:MODALITY",
    help="What a column of a table holds, such as reply=answer:text or photo=image. Repeatable.",
)
CACHE_OPTION = typer.Option(
    True,
    "--cache/--no-cache",
    help="Reuse vectors and results from earlier runs.",
    callback=lambda wanted: _note_cache(wanted),
)
MAX_MEGAPIXELS_OPTION = typer.Option(
    None,
    "--max-megapixels",
    metavar="N",
    min=1,
    max=170,
    envvar="ISTHMUS_MAX_MEGAPIXELS",
    help="Read pictures of up to N megapixels; a JPEG may have eight times as many. Default: 50.",
)
STORE_OPTION = typer.Option(
    None,
    "--store",
    "-s",
    metavar="DIR",
    help="Folder of the store. Default: your own store in the data folder.",
)
SPACE_OPTION = typer.Option(
    None,
    "--space",
    metavar="DIR",
    help="Folder of a space. Default: the space of the store, or the starter space.",
)
TRUST_OPTION = typer.Option(
    None,
    "--trust",
    metavar="PACKAGE",
    help="Package of yours whose encoders the space may use; its code is run. Or a server that the "
    "space may send items to: http://localhost:8080; with a key of yours: https://HOST?key=NAME. "
    "Repeatable.",
)


def allow_megapixels(most: float | None) -> None:
    """Let the processes that decode read pictures of so many megapixels; None for the default."""
    if most is None:
        return
    from dataclasses import replace

    from isthmus.pipeline import WORKERS

    WORKERS.limit(replace(WORKERS.limits, max_pixels=int(most * 1e6)))


def _note_cache(wanted: bool) -> bool:
    """Remember whether vectors are kept, for the message after Ctrl-C."""
    _uncached[:] = [] if wanted else [True]
    return wanted


def guarded(app: Callable[..., object]) -> int:
    """Run the command line and turn its end into an exit code."""
    _uncached.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a letter shows "?"
            stream.reconfigure(errors="replace")
    try:
        with speaking("shell"):
            ended = _run(app)
        code = ended if isinstance(ended, int) else 0
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help is the message
            error.show()
        else:
            _complain("UsageError", sentence(error))
        return EXIT_USAGE
    except IsthmusError as error:
        _complain(type(error).__name__, str(error))
        return EXIT_REFUSED if isinstance(error, NoSignalError) else EXIT_FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:  # a full disk, a folder that vanished: no fault of the program
        _complain("OSError", f"{error.filename or 'output'}: {error.strerror or error}")
        return EXIT_FAILED
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    if code == EXIT_INTERRUPTED:
        name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        kept = _KEEP.get(name, "")
        err().print(f"\nInterrupted.{_NO_VECTORS if kept == _VECTORS and _uncached else kept}")
    return code


def _run(app: Callable[..., object]) -> object:
    """What a command returns; an error that Ctrl-C is behind is Ctrl-C."""
    try:
        return app(standalone_mode=False)
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        raise


def out() -> Console:
    """Standard output, for results."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    # A table that wraps says more than one that is cut.
    console.width = max(console.width, TABLE_WIDTH)
    return console


def err() -> Console:
    """Standard error, for progress and messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def shown(text: str, *, lines: bool = False) -> str:
    r"""A name or a text for a console, whose own signs and those of a terminal do nothing.

    Args:
        text: Of the user's files, or of a stranger's.
        lines: Whether line breaks stay what they are.

    Examples:
        >>> print(shown("a\x1b[31m[red].png"))
        a\x1b[31m\[red].png
    """
    from rich.markup import escape

    signs = {"\n"} if lines else set()
    plain = (c if c in signs or not _acts(c) else repr(c)[1:-1] for c in text)
    return escape("".join(plain))


def _acts(character: str) -> bool:
    """Whether a terminal does more than show it: control signs, and turns of direction."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in _TURNS


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress]:
    """A progress callback: bars with an ETA on a terminal, one line a phase elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield untold if quiet else _Lines()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=err()) as bars:
        tasks: dict[str, Any] = {}

        def advance(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield advance


def list_left_out(left_out: Sequence[Mapping[str, str]], *, show: int = 10) -> None:
    """Name what was left out and why, on standard error."""
    rest = " (--json or the report lists all)"
    for head, gone in (("Left out", True), ("Please check", False)):
        some = [failure for failure in left_out if bool(failure["what"]) == gone]
        number = said_left_out(failure["what"] for failure in some) or count(len(some), "place")
        lines = [f"{failure['source']}: {failure['reason']}" for failure in some]
        list_some(err(), f"[yellow]{head} {number}:[/]", lines, show=show, rest=rest)


def rows_of(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """What was left out, for JSON and :func:`list_left_out`."""
    return [{"source": f.source, "reason": f.reason, "what": f.what} for f in failures]


def list_some(
    console: Console, head: str, lines: Sequence[str], *, show: int, rest: str = ""
) -> None:
    """A heading, the first of some lines, and how many more there are; nothing for no lines.

    Args:
        console: Where to.
        head: With markup.
        lines: Shown as they are.
        show: At most so many.
        rest: Behind the number of those that are not shown.
    """
    if not lines:
        return
    console.print(head)
    for line in lines[:show]:
        console.print(f"  {shown(line)}")
    if len(lines) > show:
        console.print(f"  … and {len(lines) - show} more{rest}")


class _Lines:
    """Progress for logs: a line when a phase is done."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, phase: str, done: int, total: int) -> None:
        if done >= total and phase not in self._told:
            self._told.add(phase)
            typer.echo(f"{phase}: {done} of {total}", err=True)


def _complain(kind: str, message: str) -> None:
    if "--json" in sys.argv:
        print_json({"error": kind, "message": message})
        return
    err().print(f"[red]{kind}:[/] {shown(message, lines=True)}")
