"""The figures and printed answers of the worked pages, docs/sentiment.md and docs/diagnosis.md.

Run ``python benchmarks/worked.py --json benchmarks/results/worked.json --commands --pages``.
Figures are of the units of ``fusion.py`` on its sets; what a page prints comes from the very
commands that it shows.
With ``--resume`` what the JSON holds is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
import _worked_page
from _fusion_languages import accuracies
from _fusion_sets import SIGNS, TASKS, Task, wesnoth
from _needs import STARTER, need
from fusion import Row, Rows, chosen, labels_shuffled, late, rival
from isthmus.datasets import load
from isthmus.fusion import Target
from isthmus.pipeline import default_cache
from isthmus.tasks import predict

ROOT = Path(__file__).parents[1]
PAGES = ("docs/sentiment.md", "docs/diagnosis.md")
CONCAT = "concat + logistic regression"
LARGE = ("kaomoji valence", "kaomoji emotion")
"""Of thousands of records: late fusion alone enters, with fewer seeds."""
FEW = 3
SETS = (
    "nki70 survival",
    "nutrimouse",
    "hedgewars",
    "wesnoth range",
    "wesnoth damage",
    "shapes mood",
    "shapes energy",
    "wdbc",
    *LARGE,
)
NEEDED = ("hedgewars", "kaomoji", "nki70", "nutrimouse", "wdbc", "wesnoth")
ABROAD = {"Default_es": "es", "Default_pl": "pl", "Default_ru": "ru", "Default_uk": "uk"}
"""Voices of hedgewars that speak other languages than English, and one more of Polish."""
MORE_POLISH = "Russian_pl"
_TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1"}


def shuffled(task: Task, seed: int) -> Iterator[Row]:
    """Concatenation and logistic regression, learned from and tested on answers dealt anew."""
    order = np.random.default_rng(seed).permutation(len(task.target))
    for row in rival(CONCAT)(replace(task, target=task.target.take(order)), seed):
        yield {**row, "method": f"{CONCAT}, labels shuffled"}


def languages(task: Task, seed: int) -> Iterator[Row]:
    """What is learned in English, asked in languages that nothing was trained on."""
    rows = Rows(task, seed)
    if task.name == "hedgewars":
        yield from _voices(rows)
    if task.name == "wesnoth alignment":
        for method, value in accuracies(task, seed):
            yield rows.row(method, "accuracy in other languages", value, 0.0)


def _voices(rows: Rows) -> Iterator[Row]:
    """As the page has it: learned from English voices, asked voices of other languages."""
    data = load("hedgewars")
    told = {"metric": rows.task.metric, "columns": [], "cache": default_cache()}
    english = [r for r in data.records if r.group not in (*ABROAD, MORE_POLISH)]
    made = predict.fit(
        {"speech": "whisper-tiny"}, replace(data, records=english), "valence", **told
    )
    assert made.report is not None  # a fit has one
    figure = made.report.estimate.figure(rows.task.metric)
    yield rows.row("speech: en", figure.metric, figure.value, 0.0)
    for voice, language in ABROAD.items():
        voices = (voice, MORE_POLISH) if language == "pl" else (voice,)
        asked = replace(data, records=[r for r in data.records if r.group in voices])
        found = predict.evaluate(made, asked, cache=default_cache())
        known = next(each for each in found.figures if each.metric == figure.metric)
        yield rows.row(f"speech: {language}", figure.metric, float(known.value or 0.0), 0.0)


def alignment() -> Task:
    """Whether a unit is lawful, neutral or chaotic, by its picture and its description."""
    data = load("wesnoth")
    told = {record.id: str(record.fields["alignment"]) for record in data.records}
    task = wesnoth()
    names = ("chaotic", "lawful", "neutral")
    rows = np.array([told[key] in names for key in task.rows.ids])
    kept = task.rows.take(rows)
    codes = np.array([names.index(told[key]) for key in kept.ids], dtype=np.float64)
    target = Target("classes", codes, names)
    return Task("wesnoth alignment", kept, target, task.links[rows])


UNITS = {
    "chosen": chosen,
    "concat": rival(CONCAT),
    "shuffled": shuffled,
    "labels shuffled": labels_shuffled,
    "languages": languages,
}
"""What is measured of a set at once."""


def units(name: str, seed: int) -> Iterator[str]:
    """What is measured of a set with a seed."""
    if name == "wesnoth alignment":
        yield "languages"
        return
    if name in LARGE:
        yield from ("chosen",) if seed < FEW else ()
        yield from ("concat",) if seed == 0 and name == LARGE[0] else ()
        return
    yield from ("chosen", "concat", "shuffled")
    if seed == 0:
        yield from ("labels shuffled", *(("languages",) if name == "hedgewars" else ()))


def printed(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What commands print, run one after the other in one folder."""
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            words = shlex.split(line, comments=True)[1:]
            done = subprocess.run(
                [sys.executable, "-m", "isthmus", *words],
                cwd=folder,
                env={**os.environ, **_TERMINAL},
                capture_output=True,
                text=True,
                check=True,
            )
            yield line, done.stdout.rstrip()
            print(f"$ {line}\n{done.stdout}", flush=True)


def main() -> None:
    """Measure, and write after every unit; the pages last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, help="where to write what is found")
    parser.add_argument("--pages", action="store_true", help="renew both pages")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=(*SETS, "wesnoth alignment"), metavar="SET")
    parser.add_argument("--commands", action="store_true", help="run the pages' commands, too")
    parser.add_argument("--resume", action="store_true", help="keep what the JSON holds")
    arguments = parser.parse_args()
    need(datasets=NEEDED, encoders=(*STARTER, SIGNS, "mfcc"), packages=("sklearn",))
    held: dict[str, Any] = {"rows": [], "printed": {}}
    if arguments.resume and arguments.json.is_file():
        held = json.loads(arguments.json.read_text(encoding="utf-8"))
    held = {name: held[name] for name in ("rows", "printed")}
    measure(held, arguments.only, arguments.seeds, arguments.json)
    if arguments.commands:
        for page in PAGES:
            lines = _worked_page.commands((ROOT / page).read_text(encoding="utf-8"))
            held["printed"].update(printed(lines))
            _machine.write(arguments.json, held)
    if arguments.pages:
        for page in PAGES:
            _worked_page.renew(ROOT / page, held)


def measure(held: Mapping[str, Any], names: Sequence[str], seeds: int, path: Path) -> None:
    """Add rows that are not there yet."""
    done = {(row["dataset"], row["unit"], row["seed"]) for row in held["rows"]}
    tasks: dict[str, Task] = {}
    for seed in range(seeds):
        for name in names:
            for unit in units(name, seed):
                if (name, unit, seed) in done:
                    continue
                if name not in tasks:
                    tasks[name] = alignment() if name == "wesnoth alignment" else TASKS[name]()
                how = late if unit == "chosen" and name in LARGE else UNITS[unit]
                found = [{**row, "unit": unit} for row in how(tasks[name], seed)]
                held["rows"].extend(found)
                print(name, unit, seed, found[:1], flush=True)
                _machine.write(path, held)


if __name__ == "__main__":
    main()
