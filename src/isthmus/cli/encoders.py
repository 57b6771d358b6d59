"""``isthmus encoders``: which encoders there are, and what one of them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    EXIT_FAILED,
    JSON_OPTION,
    err,
    out,
    print_json,
    progress_bar,
    shown,
)
from isthmus.cli.usage import example
from isthmus.core.document import to_object
from isthmus.core.view import MODALITIES

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.audit import EncoderCheck, Speed, TowerCheck
    from isthmus.encoders.catalogue import Entry

app = typer.Typer(no_args_is_help=True, help="List encoders, and check what one gives.")

_LISTED_TAGS = 2
"""Languages that the table names; JSON has all."""


@app.command("list")
def list_(as_json: bool = JSON_OPTION) -> None:
    """List the encoders: what each reads, and what it needs.

    A name that ends in a colon is a scheme: the name of a model follows. The extra brings what an
    encoder needs: pip install 'isthmus[EXTRA]'.
    """
    from isthmus.encoders.catalogue import catalogue

    entries = catalogue()
    if as_json:
        rows = [{**to_object(each), "installed": each.installed} for each in entries]
        print_json({"encoders": rows})
        return
    out().print(_listing(entries))
    out().print("\nExamples of schemes:")
    for each in entries:
        if each.id.endswith(":"):
            out().print(f"  {shown(each.example)}")


@app.command(epilog=example("encoders check"))
def check(
    encoder: str = typer.Argument(metavar="ID", help="Its name, such as hf:openai/clip-vit…."),
    files: list[str] = typer.Argument(
        None, metavar="FILES", help="Files to encode. Default: made-up items."
    ),
    *,
    seconds: float = typer.Option(2.0, min=0.0, help="How long to time each speed."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what an encoder gives, how fast it is here, and whether batches change its vectors.

    An item is encoded alone and in a batch of 32 items of different lengths. If its vector
    changes by more than 1e-5 of its length, the command ends with exit code 1.
    """
    from isthmus.audit import check_encoder
    from isthmus.audit.encoder_check import TOLERANCE

    with progress_bar(quiet=as_json) as progress:
        found = check_encoder(encoder, files or (), seconds=seconds, progress=progress)
    if as_json:
        towers = [{**to_object(each), "steady": each.steady} for each in found.towers]
        files_ = None if found.files is None else _files(found)
        print_json({"id": found.spec, "towers": towers, "files": files_, "steady": found.steady})
    else:
        _print(found)
    if not found.steady:
        if not as_json:
            err().print(
                f"[red]Batches change the vectors by more than {TOLERANCE:g} of their length.[/] "
                "Do not compare vectors of this encoder that were made in different batches; use "
                "batch_size=1, or another encoder."
            )
        raise typer.Exit(EXIT_FAILED)


def _files(found: EncoderCheck) -> dict[str, object]:
    files = found.files
    assert files is not None
    return {
        "folder": str(files.folder),
        "weight_bytes": files.weight_bytes,
        "licence": files.licence,
        "card": None if files.card is None else str(files.card),
    }


def _listing(entries: list[Entry]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("encoder", "reads", "dim", "languages", "extra", "installed"):
        table.add_column(column, no_wrap=True)
    for each in entries:
        tags = each.languages
        more = f" +{len(tags) - _LISTED_TAGS}" if len(tags) > _LISTED_TAGS else ""
        table.add_row(
            shown(each.id),
            "anything" if set(each.reads) == set(MODALITIES) else " ".join(each.reads),
            "" if each.dim is None else str(each.dim),
            " ".join(tags[:_LISTED_TAGS]) + more,
            each.extra,
            "yes" if each.installed else "no",
        )
    return table


def _print(found: EncoderCheck) -> None:
    console = out()
    console.print(f"[bold]{shown(found.spec)}[/]")
    if found.files is not None:
        files = found.files
        licence = files.licence or "not said"
        console.print(
            f"{shown(str(files.folder))}: weights of {files.weight_bytes / 1e6:,.1f} MB, licence "
            f"{shown(licence)}, {'no ' if files.card is None else ''}model card"
        )
    for tower in found.towers:
        console.print(f"\n[bold]{tower.modality}[/]")
        for name, value in _rows(tower):
            console.print(f"  {name:<15} {shown(value)}")


def _rows(tower: TowerCheck) -> list[tuple[str, str]]:
    """Names and values of one tower, as they are shown."""
    rows = [("dimensions", str(tower.dim)), ("fingerprint", tower.fingerprint)]
    if tower.languages:
        rows.append(("languages", " ".join(tower.languages)))
    if tower.joint:
        scale = f", logit scale {tower.logit_scale:.4g}"
        rows.append(("joint space", tower.joint + (scale if tower.logit_scale else "")))
    if tower.device:
        rows.append(("device", ", ".join(filter(None, (tower.device, tower.dtype)))))
    kind = "made-up items" if tower.made_up else "of your files"
    rows.append(("encoded", f"{tower.items} {kind}"))
    rows.append(("first vector", f"after {tower.first_ms:,.0f} ms"))
    rows += [(f"batch of {each.batch_size}", _pace(each)) for each in _speeds(tower)]
    rows.append(("batch 1 to 32", _of_batches(tower)))
    return rows


def _of_batches(tower: TowerCheck) -> str:
    """Whether batches change vectors; one item says nothing of that."""
    if tower.steady and tower.items < 2:
        return "not tested: that needs two items or more"
    verdict = "batches do not change vectors" if tower.steady else "BATCHES CHANGE VECTORS"
    worst = "" if tower.steady else f"; worst: {tower.worst}"
    return (
        f"{verdict}: by {tower.difference:.1e} of their length at most, {tower.repeated:.1e} "
        f"between two equal batches{worst}"
    )


def _speeds(tower: TowerCheck) -> list[Speed]:
    both = [tower.single, tower.batched]
    return both if tower.batched.batch_size > 1 else both[:1]


def _pace(speed: Speed) -> str:
    sound = speed.sound_per_second
    heard = "" if sound is None else f", {sound:,.1f} s of sound a second"
    return f"{speed.per_second:,.1f} items a second{heard}"
