"""Names against photographs that the starter space has never seen, beside the one before it.

Run ``python benchmarks/starter_names.py --qabcs FOLDER --gcompris FOLDER --old SPACE --json FILE``
with the Debian package ``qabcs-data`` (``apt-get download qabcs-data`` and ``dpkg-deb -x``; the
folder is ``usr/share/qabcs``), the folder ``activities`` of what Qt's ``rcc --reverse`` unpacks
from the resource files of ``gcompris-qt-data``, and the folder of another space with encoders that
are installed. 200 of the photographs are the gallery, five times, or all where there are fewer;
every query is an English name. R@10 by chance is .05 among 200.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.media.source import item_from_path
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, prepare
from isthmus.space import Space
from starter_race import photographs

GALLERY, SEEDS = 200, 5
NAMED = (
    "lang/resource/words_sample",
    *(f"categorization/resource/images/{each}" for each in ("monuments", "others", "tools")),
)
"""Folders of gcompris whose photographs are called by what they show."""


def called(activities: Path) -> Dataset:
    """Photographs of gcompris with the names of their files; of several of one name the first."""
    records: dict[str, Record] = {}
    for path in (path for each in NAMED for path in sorted((activities / each).glob("*.webp"))):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path.stem.rstrip("0123456789"))
        name = words.replace("-", " ").lower()
        items = {"text": MediaItem.from_text(name), "image": item_from_path(path, "image")}
        records.setdefault(name, Record(name, items))
    if not records:
        raise SystemExit(f"{activities} holds no {NAMED[0]}; unpack gcompris-qt-data by rcc")
    return Dataset("gcompris", list(records.values()))


def measured(space: Space, data: Dataset) -> dict[str, Any]:
    """R@1 and R@10 of names and of photographs, means and deviations over galleries."""
    specs = {view: space.encoders[view].spec for view in ("text", "image")}
    pairs = prepare(data, specs, by_group=False, cache=default_cache()).pairs
    text, image = (space.transform(pairs.vectors[view], view) for view in ("text", "image"))
    rows, size = [], min(GALLERY, len(pairs))
    for seed in range(SEEDS if size < len(pairs) else 1):
        some = np.random.default_rng(seed).permutation(len(pairs))[:size]
        there = space.score(text[some], "text", image[some], "image")
        back = space.score(image[some], "image", text[some], "text")
        found = [retrieval_report(score, np.arange(size)) for score in (there, back)]
        rows.append([found[0].r1, found[0].r10, found[1].r1, found[1].r10])
    mean, sd = np.mean(rows, axis=0).round(4), np.std(rows, axis=0, ddof=len(rows) > 1).round(4)
    names = ("text→image r1", "text→image r10", "image→text r1", "image→text r10")
    figures = {
        name: {"mean": float(a), "sd": float(b)} for name, a, b in zip(names, mean, sd, strict=True)
    }
    return {"fingerprint": space.fingerprint, "encoders": specs, **figures}


def main() -> None:
    """Measure both spaces on the same galleries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--qabcs", type=Path, default=Path("/usr/share/qabcs"))
    parser.add_argument("--gcompris", type=Path, help="the folder of its activities")
    parser.add_argument("--old", type=Path, help="the space to compare with")
    arguments = parser.parse_args()
    need(encoders=STARTER, space=True)
    spaces = {"starter": Space.load("starter")}
    if arguments.old:
        spaces["old"] = Space.load(arguments.old)
    sets = {"qabcs": photographs(arguments.qabcs)}
    if arguments.gcompris:
        sets["gcompris"] = called(arguments.gcompris)
    found = {
        name: {"photographs": len(data)}
        | {whose: measured(space, data) for whose, space in spaces.items()}
        for name, data in sets.items()
    }
    for name, rows in found.items():
        print(name, rows)
    if arguments.json:
        _machine.write(arguments.json, {"gallery": GALLERY, **found})


if __name__ == "__main__":
    main()
