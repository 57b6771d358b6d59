"""``isthmus demo``: the whole path on real media, in one command."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.align_report import save_over, say_lost_prompts
from isthmus.cli.console import (
    CACHE_OPTION,
    JSON_OPTION,
    SEED_OPTION,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
)
from isthmus.cli.outputs import check_page
from isthmus.core.view import AUDIO, IMAGE, TEXT, Direction
from isthmus.core.wording import count

if TYPE_CHECKING:
    from isthmus.core.contracts import Progress
    from isthmus.core.document import Json
    from isthmus.core.record import Dataset, Failure
    from isthmus.pipeline.cache import VectorCache
    from isthmus.pipeline.prepared import Prepared
    from isthmus.space import Evaluation, Space
    from isthmus.space.report import ChosenAligner, RetrievalFigures

HELD_OUT = 0.2
_BUDGET = 90.0
"""Seconds for the choice, so that the whole takes less than four minutes on two cores."""
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


@dataclass(frozen=True)
class _Demo:
    """What was made and measured.

    Attributes:
        name: Of the data set.
        seed: Of the split and of everything drawn.
        space: Made from the training records.
        failures: What could not be used of them.
        held: Held-out records as vectors.
        test: The same with their items.
        found: How well they are found.
        by_language: The same for captions of one language, by direction from text.
    """

    name: str
    seed: int
    space: Space
    failures: Sequence[Failure]
    held: Prepared
    test: Dataset
    found: Evaluation
    by_language: Mapping[str, Mapping[Direction, RetrievalFigures[float]]]

    @property
    def emergent(self) -> list[Direction]:
        """Directions whose views shared no record in training."""
        return self.space.emergent(self.found.directions)

    @property
    def chosen(self) -> ChosenAligner | None:
        """The aligner that won."""
        from isthmus.space import SpaceReport

        report = self.space.report
        return report.chosen if isinstance(report, SpaceReport) else None


def command(
    folder: Path = typer.Option(
        Path("isthmus-demo"), "--out", "-o", help="Folder for the space and the report."
    ),
    data: str = typer.Option(
        "auto", help="tuxpaint, shapes, or auto. auto takes tuxpaint if it can be downloaded."
    ),
    seed: int = SEED_OPTION,
    cache: bool = CACHE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Join pictures, captions and sounds of a ready-made data set, and write a report.

    No training record has both a picture and a sound. They meet only through their captions.
    """
    started = time.monotonic()
    check_page(folder / "report.html")
    with progress_bar(quiet=as_json) as progress:
        name = _choose(data, progress, quiet=as_json)
        made = _run(name, seed, cache, progress)
        progress("write report", 0, 2)
        place = folder / "space"
        lost = save_over(made.space, place)
        progress("write report", 1, 2)
        report = _report(made, folder / "report.html")
        progress("write report", 2, 2)
    seconds = time.monotonic() - started
    if as_json:
        named = {"data": name, "space": str(place), "lost_prompts": lost, "report": str(report)}
        print_json({**named, **_json(made), "seconds": round(seconds, 1)})
        return
    _print(made)
    list_left_out(rows_of(made.failures))
    out().print(f"Space in {place}, report in {report} ({seconds:.0f} s)")
    say_lost_prompts(lost, place)


def _run(name: str, seed: int, cache: bool, progress: Progress) -> _Demo:
    """Learn from most records, measure on the rest."""
    from isthmus.datasets.split import hold_out, through_text
    from isthmus.pipeline import default_cache, prepare
    from isthmus.selection import align
    from isthmus.space import evaluate

    store = default_cache() if cache else None
    _read(name, progress)
    train, test = hold_out(_load(name), HELD_OUT, seed=seed)
    learned = prepare(through_text(train), cache=store, progress=progress)
    space = align(learned, budget=_BUDGET, seed=seed, cache=store, progress=progress)
    held = prepare(test, dict(learned.encoders), cache=store, progress=progress)
    return _Demo(
        name,
        seed,
        space,
        learned.failures,
        held,
        test,
        evaluate(space.heads, space.banks, held.pairs, csls_strength=space.csls_strength),
        _by_language(space, name, test, store, progress),
    )


def _json(made: _Demo) -> dict[str, Json]:
    from isthmus.core.document import to_document

    return {
        "chosen": to_document(made.chosen),
        **made.found.to_json(),
        "emergent": [direction.to_json() for direction in made.emergent],
        "languages": to_document(made.by_language),
        "left_out": rows_of(made.failures),
    }


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
            err().print(
                f"Tux Paint cannot be downloaded ({error}). The demo uses drawn shapes instead."
            )
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


def _read(name: str, progress: Progress) -> None:
    """Read every choice of languages that is needed later, so that a bar shows it."""
    choices = [None, *((language,) for language in _own_language(name))]
    for done, languages in enumerate(choices, start=1):
        _load(name, languages) if languages else _load(name)
        progress("read data", done, len(choices))


def _own_language(name: str) -> list[str]:
    return list(_OWN_QUERIES.get(name, {}))


def _by_language(
    space: Space, name: str, test: Dataset, store: VectorCache | None, progress: Progress
) -> dict[str, dict[Direction, RetrievalFigures[float]]]:
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
        found = evaluate(space.heads, space.banks, ready.pairs, csls_strength=space.csls_strength)
        figures[language] = {
            direction: readouts.instance
            for direction, readouts in found.directions.items()
            if direction.query == TEXT
        }
    return figures


def _report(made: _Demo, path: Path) -> Path:
    from isthmus.report import report_on, text_queries

    notes = [
        f"{len(made.test)} records were kept aside at random. The numbers, the map and the "
        "examples show only these records.",
        "No training record had both a picture and a sound. They meet only through captions.",
    ]
    for language, directions in made.by_language.items():
        row = directions.get(Direction(TEXT, IMAGE))
        if row is not None:
            notes.append(
                f"With captions in {LANGUAGES[language]} only, the right picture is among the "
                f"first ten of {row.n_gallery} in {row.r10:.0%} of the cases."
            )
    typed = _captions(made.name, made.test, made.seed)
    typed += list(_OWN_QUERIES.get(made.name, {}).items())
    return report_on(
        path,
        made.space,
        made.held.pairs,
        made.test,
        title=f"isthmus demo: {made.test.name}",
        evaluation=made.found,
        queries=text_queries(made.space, typed, made.held.pairs, made.test, [IMAGE, AUDIO]),
        notes=notes,
        seed=made.seed,
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


def _print(made: _Demo) -> None:
    from isthmus.cli.tables import directions_table, note

    console = out()
    chosen = "" if made.chosen is None else f" by [bold]{made.chosen.label}[/]"
    console.print(f"Joined {' + '.join(made.space.views)}{chosen}")
    title = count(len(made.test), "held-out record")
    console.print(directions_table(title, made.found, emergent=frozenset(made.emergent)))
    console.print(note())
    console.print("* no training record had both views")
    for language, figures in made.by_language.items():
        parts = ", ".join(f"{way} R@10 {row.r10:.3f}" for way, row in figures.items())
        console.print(f"Queries only in {LANGUAGES[language]}: {parts}")
