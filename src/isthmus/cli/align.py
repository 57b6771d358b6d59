"""``isthmus align``: make a space from a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.align_pretrained import (
    Made,
    Models,
    check_learned,
    check_pretrained,
    join_models,
)
from isthmus.cli.align_report import Again, print_made, print_made_json, save_over, say_lost_prompts
from isthmus.cli.console import (
    CACHE_OPTION,
    COLUMN_OPTION,
    DATA_OPTION,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    out,
    progress_bar,
)
from isthmus.cli.loading import load_data, modalities_of, parse_encoders
from isthmus.cli.outputs import check_page
from isthmus.cli.usage import retyped
from isthmus.core.artifact import check_target
from isthmus.core.errors import InputError
from isthmus.core.options import parse_options, parse_seconds

if TYPE_CHECKING:
    from isthmus.core.contracts import Progress
    from isthmus.core.record import Dataset
    from isthmus.pipeline import VectorCache

_SPACE = typer.Option(..., "--out", "-o", help="Folder to write the space to.")
_ENCODER = typer.Option(
    None,
    "--encoder",
    "-e",
    metavar="VIEW=ID",
    help="Encoder of a view, for example text=universal. Also makes a table column a view: "
    "photo=efficientnet-lite0. Repeatable.",
)
_ALIGNER = typer.Option(
    "auto",
    help="auto compares several methods. Or name one: cca, ridge, procrustes, anchors, "
    "contrastive, cm-gnn, unpaired, …",
)
_PARAM = typer.Option(
    None,
    "--param",
    "-p",
    metavar="NAME=VALUE",
    help="Set a hyper-parameter of the named aligner, for example ridge=3. Repeatable.",
)
_GROUPS = typer.Option(
    True, "--groups/--no-groups", help="Never learn from and test on records of the same group."
)
_STARTER = typer.Option(
    True,
    "--starter/--no-starter",
    help="Also try the starter space, as it is and carried on with your pairs.",
)
_ALSO = typer.Option(
    None,
    help="Other data to learn from. It is used only if it improves held-out results on DATA. "
    "Repeatable.",
)
_READOUT = typer.Option(
    "instance",
    help="What to choose the method for. instance: find the one true partner. semantic: find "
    "things of the same kind (needs groups).",
)
_PRETRAINED = typer.Option(
    None,
    metavar="ID",
    help="Start from a model whose modalities are joined already (hf:openai/clip-vit-base-patch32) "
    "or from the folder of a space. Its heads stay. DATA measures and calibrates it, and joins its "
    "other views. Given twice, the two are joined through a modality that both read. Repeatable.",
)
_FIX = typer.Option(
    None,
    metavar="VIEWS",
    help="With --pretrained: the views whose heads stay, for example image,text. Default: all. "
    "Other views of DATA are learned.",
)
_TEXTS = typer.Option(
    None,
    metavar="FILE",
    help="With two --pretrained: texts to join them through, one in each line. Default: those of "
    "DATA, or words that come with isthmus.",
)
_NO_LIMIT = "none"
_BUDGET = typer.Option(
    "2m",
    metavar="TIME",
    help="Time limit for choosing, for example 30s or 5m. The methods that win most often come "
    "first. none: try all of them.",
)


_DATA = typer.Argument(
    None,
    help="A name (tuxpaint), a folder, a table, vectors (.npz) or a WebDataset tar. With "
    "--pretrained it can be left out.",
)


def command(
    context: typer.Context,
    data: str | None = _DATA,
    *,
    space: Path = _SPACE,
    encoder: list[str] = _ENCODER,
    aligner: str = _ALIGNER,
    param: list[str] = _PARAM,
    groups: bool = _GROUPS,
    data_option: list[str] = DATA_OPTION,
    column: list[str] = COLUMN_OPTION,
    also: list[str] = _ALSO,
    readout: str = _READOUT,
    starter: bool = _STARTER,
    budget: str = _BUDGET,
    pretrained: list[str] = _PRETRAINED,
    fix: list[str] = _FIX,
    texts: Path | None = _TEXTS,
    trust: list[str] = TRUST_OPTION,
    report: Path | None = typer.Option(None, help="Write an HTML report to this file, too."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing space."),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Make a space from DATA, or from models that others have joined.

    The command compares methods, keeps the best one, and measures it on held-out pairs. If
    held-out pairs match no better than shuffled pairs, it writes nothing and ends with exit code 3.
    """
    from isthmus.pipeline import default_cache
    from isthmus.selection import candidates
    from isthmus.space.readout import check_readout

    _check_places(space, report, overwrite=overwrite)
    allow_megapixels(max_megapixels)
    wanted, fixed = check_readout(readout), parse_options(param or (), "--param")
    candidates(aligner, readout=wanted, **fixed)  # mistakes are told before any work
    encoders = _one_a_view(named := parse_encoders(encoder))
    common: dict[str, Any] = {
        "budget": _seconds(budget),
        "seed": seed,
        "by_group": groups,
        "cache": default_cache() if cache else None,
    }
    dataset, told = None, {"--aligner": aligner != "auto", "--param": param, "--also": also}
    check_pretrained(told, data, report, readout) if pretrained else check_learned(data, fix, texts)
    if data is not None:
        dataset = load_data(data, data_option, column, modalities_of(named))
    with progress_bar(quiet=as_json) as progress:
        if pretrained or dataset is None:
            models = Models(pretrained, fix or (), texts, trust or (), shown=report is not None)
            made = join_models(models, dataset, encoders, progress=progress, **common)
        else:
            made = _learn(
                dataset, encoders, aligner=aligner, params=fixed, also=also or (), readout=wanted,
                starter=starter, progress=progress, **common,
            )  # fmt: skip
    _finish(made, space, report, seed, again=None if as_json else partial(_again, context))


def _again(context: typer.Context, budget: str) -> str:
    """The command with another time limit, for the place of what it has made."""
    return retyped(context, budget=budget, overwrite=True)


def _finish(
    made: Made, folder: Path, report: Path | None, seed: int, *, again: Again | None
) -> None:
    """Write what was made, and tell people of it; machines where no command is offered."""
    lost = save_over(made.space, folder)
    if report is not None:
        _write(report, made, seed)
    if again is None:
        print_made_json(made.space, folder, lost)
        return
    for line in made.told:
        out().print(line, markup=False, highlight=False)
    print_made(made.space, f"Saved to {folder}{f', report in {report}' if report else ''}", again)
    say_lost_prompts(lost, folder)


def _learn(
    dataset: Dataset,
    encoders: Mapping[str, str],
    *,
    also: Sequence[str],
    by_group: bool,
    cache: VectorCache | None,
    progress: Progress,
    **asked: Any,
) -> Made:
    """A space whose heads are all learned from the records."""
    from isthmus.datasets import load
    from isthmus.pipeline import check_paired, prepare
    from isthmus.selection import align, choose_layers

    check_paired(dataset)
    sources = {name: load(name) for name in also}
    used, layers = choose_layers(
        dataset, encoders, cache=cache, progress=progress, seed=asked["seed"]
    )
    ready = prepare(dataset, used, by_group=by_group, cache=cache, progress=progress)
    space = align(ready, sources=sources, cache=cache, progress=progress, **asked)
    told = [f"{view}: {choice.told}" for view, choice in layers.items()]
    return Made(space, ready.pairs, dataset, told=told)


def _seconds(budget: str) -> float | None:
    return None if budget.strip().lower() == _NO_LIMIT else parse_seconds(budget, "--budget")


def _check_places(space: Path, report: Path | None, *, overwrite: bool) -> None:
    """Refuse places that cannot be written to, before any work."""
    check_target(space, "space", replace=overwrite)
    check_page(report)


def _one_a_view(encoders: Mapping[str, Sequence[str]]) -> dict[str, str]:
    for view, names in encoders.items():
        if len(names) > 1:
            raise InputError(f"--encoder: {view} has {' and '.join(names)}; give one a view")
    return {view: names[0] for view, names in encoders.items()}


def _write(path: Path, made: Made, seed: int) -> None:
    from isthmus.report import report_on

    assert made.pairs is not None and made.dataset is not None  # it was checked
    notes, title = [made.note] if made.note else [], f"Space from {made.dataset.name}"
    report_on(path, made.space, made.pairs, made.dataset, title=title, notes=notes, seed=seed)
