"""Names against photographs that the starter space has never seen, beside the one before it.

Run ``python benchmarks/starter_names.py --qabcs FOLDER --old SPACE --json FILE`` with the Debian
package ``qabcs-data`` (``apt-get download qabcs-data`` and ``dpkg-deb -x``; the folder is
``usr/share/qabcs``) and the folder of another space with encoders that are installed. 200 of the
photographs are the gallery, five times; every query is an English name. R@10 by chance is .05.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.core.record import Dataset
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, prepare
from isthmus.space import Space
from starter_race import photographs

GALLERY, SEEDS = 200, 5


def measured(space: Space, data: Dataset) -> dict[str, Any]:
    """R@1 and R@10 of names and of photographs, means and deviations over galleries."""
    specs = {view: space.encoders[view].spec for view in ("text", "image")}
    pairs = prepare(data, specs, by_group=False, cache=default_cache()).pairs
    text, image = (space.transform(pairs.vectors[view], view) for view in ("text", "image"))
    rows = []
    for seed in range(SEEDS):
        some = np.random.default_rng(seed).permutation(len(pairs))[:GALLERY]
        there = space.score(text[some], "text", image[some], "image")
        back = space.score(image[some], "image", text[some], "text")
        found = [retrieval_report(score, np.arange(GALLERY)) for score in (there, back)]
        rows.append([found[0].r1, found[0].r10, found[1].r1, found[1].r10])
    mean, sd = np.mean(rows, axis=0).round(4), np.std(rows, axis=0, ddof=1).round(4)
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
    parser.add_argument("--old", type=Path, help="the space to compare with")
    arguments = parser.parse_args()
    need(encoders=STARTER, space=True)
    data = photographs(arguments.qabcs)
    rows = {"starter": measured(Space.load("starter"), data)}
    if arguments.old:
        rows["old"] = measured(Space.load(arguments.old), data)
    for name, row in rows.items():
        print(name, row)
    if arguments.json:
        _machine.write(arguments.json, {"gallery": GALLERY, "photographs": len(data), **rows})


if __name__ == "__main__":
    main()
