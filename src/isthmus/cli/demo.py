"""``isthmus demo``: the whole path on real media, in one command."""

from __future__ import annotations

import time
from functools import cache as remembered
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    JSON_OPTION,
    SEED_OPTION,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
)

if TYPE_CHECKING:
    from isthmus.core.contracts import Progress
    from isthmus.core.record import Dataset
    from isthmus.pipeline.prepared import Prepared
    from isthmus.space import Space

HELD_OUT = 0.2
LANGUAGES = {"en": "English", "zh": "Chinese", "fr": "French"}
_OWN_QUERIES = {
    "tuxpaint": {
        "en": "something sweet to eat",
        "zh": "会飞的动物",
        "fr": "un instrument de musique",
    },
    "shapes": {"en": "a large red circle", "zh": "蓝色的三角形"},
}
"""Typed by a person, so no hit is the true one; the other queries are held-out captions."""


def command(
    folder: Path = typer.Option(
        Path("isthmus-demo"), "--out", "-o", help="Folder for the space and the report."
    ),
    data: str = typer.Option(
        "auto", help="tuxpaint, shapes, or auto: tuxpaint where it can be had."
    ),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Join text, image and sound of a real data set, measure every direction, write a report.

    Pictures and sounds are never paired in training: they meet through their captions.
    """
    from isthmus.datasets.split import hold_out, through_text
    from isthmus.pipeline import default_cache, prepare
    from isthmus.selection import align
    from isthmus.space import evaluate

    started = time.monotonic()
    store = default_cache() if cache else None
    with progress_bar(quiet=as_json) as progress:
        name = _choose(data, progress, quiet=as_json)
        train, test = hold_out(_load(name), HELD_OUT, seed=seed)
        learned = prepare(through_text(train), cache=store, progress=progress)
        space = align(learned, seed=seed, cache=store, progress=progress)
        held = prepare(test, dict(learned.encoders), cache=store, progress=progress)
        found = evaluate(space.heads, space.banks, held.pairs, csls_strength=space.csls_strength)
        by_language = _by_language(space, name, test, store, progress)
        place = space.save(folder / "space")
        report = _report(space, found, held, test, by_language, folder, name, seed)
    emergent = frozenset(space.emergent(found["directions"]))
    left_out = [{"source": f.source, "reason": f.reason} for f in learned.failures]
    if as_json:
        print_json(
            {
                "data": name,
                "space": str(place),
                "report": str(report),
                "chosen": space.report["chosen"],
                "directions": found["directions"],
                "emergent": sorted(emergent),
                "languages": by_language,
                "left_out": left_out,
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        return
    _print(space, found["directions"], emergent, by_language, len(test))
    list_left_out(left_out)
    out().print(f"Space in {place}, report in {report} ({time.monotonic() - started:.0f} s)")


def _choose(data: str, progress: Progress, *, quiet: bool) -> str:
    """The data set to use; fetches Tux Paint where that is possible."""
    from isthmus.core.errors import IsthmusError
    from isthmus.datasets import find, get

    if data != "auto" or find("tuxpaint") is not None:
        return "tuxpaint" if data == "auto" else data
    try:
        get("tuxpaint", progress=progress)
    except IsthmusError as error:
        if not quiet:
            err().print(f"Tux Paint cannot be fetched ({error}); going on with drawn shapes.")
        return "shapes"
    return "tuxpaint"


@remembered
def _load(name: str, languages: tuple[str, ...] | None = None) -> Dataset:
    """Text, image and sound of one thing a record; files are read once for each choice."""
    from isthmus.datasets import load
    from isthmus.encoders import default_for
    from isthmus.encoders import load as load_encoder

    if name == "shapes":
        return load("shapes", **({"languages": languages} if languages else {}))
    if name != "tuxpaint":
        return load(name)
    known = load_encoder(default_for("text")).languages
    tags = languages or tuple(dict.fromkeys([*LANGUAGES, *known]))
    return load("tuxpaint", part="image-text-speech", languages=tags, pair_all=True)


def _own_language(name: str) -> list[str]:
    return list(_OWN_QUERIES.get(name, {}))


def _by_language(
    space: Space, name: str, test: Dataset, store: Any, progress: Progress
) -> dict[str, Any]:
    """Figures for queries in one language, where captions of several were learned from."""
    from isthmus.pipeline import prepare
    from isthmus.space import evaluate

    figures = {}
    wanted = {record.id for record in test.records}
    for language in _own_language(name):
        whole = _load(name, (language,))
        rows = [row for row, record in enumerate(whole.records) if record.id in wanted]
        encoders = {m: space.encoder(m) for m in space.views}
        ready = prepare(whole.take(rows), encoders, cache=store, progress=progress)
        directions = evaluate(
            space.heads, space.banks, ready.pairs, csls_strength=space.csls_strength
        )["directions"]
        figures[language] = {
            direction: readouts["instance"]
            for direction, readouts in directions.items()
            if direction.startswith("text→")
        }
    return figures


def _report(
    space: Space,
    found: dict[str, Any],
    held: Prepared,
    test: Dataset,
    by_language: dict[str, Any],
    folder: Path,
    name: str,
    seed: int,
) -> Path:
    from isthmus.report import report_on, text_queries

    notes = [
        f"{len(test)} records were held out at random before anything was learned. Figures, map "
        "and examples show them alone.",
        "Pictures and sounds were never in one record in training; they meet through captions.",
    ]
    for language, directions in by_language.items():
        row = directions.get("text→image")
        if row:
            notes.append(
                f"{LANGUAGES[language]} captions alone find their picture among "
                f"{row['n_gallery']} in the first ten {row['r10']:.0%} of the time."
            )
    typed = _captions(name, test, seed) + list(_OWN_QUERIES.get(name, {}).items())
    queries = text_queries(space, typed, held.pairs, test, ["image", "audio"])
    return report_on(
        folder / "report.html",
        space,
        held.pairs,
        test,
        title=f"isthmus demo: {test.name}",
        evaluation=found,
        queries=queries,
        notes=notes,
        seed=seed,
    )


def _captions(name: str, test: Dataset, seed: int, count: int = 2) -> list[tuple[str, str]]:
    """A few held-out captions, each in every language, drawn with the seed."""
    import numpy as np

    languages = _own_language(name)
    by_id = {
        language: {r.id: r.items["text"].captions[0] for r in _load(name, (language,)).records}
        for language in languages
    }
    usable = [r.id for r in test.records if all(r.id in by_id[each] for each in languages)]
    drawn = np.random.default_rng(seed).permutation(len(usable))[:count]
    return [(each, by_id[each][usable[row]]) for row in drawn for each in languages]


def _print(
    space: Space,
    directions: dict[str, Any],
    emergent: frozenset[str],
    by_language: dict[str, Any],
    records: int,
) -> None:
    from isthmus.cli.tables import NOTE, directions_table

    console = out()
    joined = " + ".join(space.views)
    console.print(f"Joined {joined} by [bold]{space.report['chosen']['label']}[/]")
    console.print(directions_table(f"{records} held-out records", directions, emergent=emergent))
    console.print(NOTE)
    console.print("* never seen together in training")
    for language, figures in by_language.items():
        parts = ", ".join(f"{name} R@10 {row['r10']:.3f}" for name, row in figures.items())
        console.print(f"Queries in {LANGUAGES[language]} alone: {parts}")
