"""Attacks of Battle for Wesnoth: which sound and which name belong to a short film?

A film of an attack has a sound and the names of attack and unit (``isthmus data get wesnoth``,
GPL-2+, only measured on). Lines of advancement are dealt to learning and test, so no unit that is
asked for, nor what it grows from or into, was seen. Each way to make one vector of a film is
measured in the same way: one CCA is fitted on the films that may be learned from, and the gallery
is 60 of the others. Many attacks share a sound, which then tie with each other and get the
mean of their ranks. As a null the partners of what is learned from are shuffled.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import need
from isthmus import encoders
from isthmus.core.contracts import Encoder
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.datasets import load
from isthmus.encoders.frames import FramesEncoder
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, encode_items, prepare
from isthmus.selection import align
from video import Remembered

IMAGE = "efficientnet-lite0"
"""Of frames: a third of the time of the default, and all ways below use the same."""
OTHERS = {"audio": encoders.DEFAULTS["audio"], "text": encoders.DEFAULTS["text"]}
FRAMES = 8
POOLS = ("mean", "max", "attention", "order")
MOTION = "motion"
GALLERY = 60
UNSEEN = 2 * GALLERY
"""Films of lines that are held back, from which a gallery is drawn: a line has up to 40 films."""
FIXED = {"ridge": 3.0, "power": 1.0}
"""Of CCA, for every way alike: what the choice between all takes for each of 160 fits is hours."""
COMPONENTS = 200
"""Principal components of the films that are learned from, kept of each view, since
vectors of ``order`` are longer than there are films."""
SEEDS = 10
"""With five, the error over seeds of R@10 was itself uncertain to a third."""
ASKED = (
    ("video", "audio"),
    ("audio", "video"),
    ("video", "text"),
    ("text", "video"),
    ("image", "text"),
    ("text", "image"),
)


def ways() -> dict[str, Encoder]:
    """Encoders of films by name; of a single frame, the one in the middle."""
    image = Remembered(encoders.load(IMAGE))
    made: dict[str, Encoder] = {"single frame": FramesEncoder(image, n=1, pool="mean")}
    made |= {f"frames pool={pool}": FramesEncoder(image, n=FRAMES, pool=pool) for pool in POOLS}
    return {**made, MOTION: encoders.load(MOTION)}


def vectors_of(films: Dataset) -> dict[str, PairedVectors]:
    """Native vectors of films, sounds and names, by how films are encoded."""
    cache, groups = default_cache(), np.array([record.group for record in films.records])
    others = {}
    for view, spec in OTHERS.items():
        items = [record.items[view] for record in films.records]
        others[view] = encode_items(items, encoders.load(spec), cache=cache)
    shown = {}
    items = [record.items["video"] for record in films.records]
    for name, encoder in ways().items():
        shown[name] = encode_items(items, encoder, cache=cache)
        print(f"{name}: {int(shown[name].ok.sum())} of {len(items)} films", flush=True)
    usable = np.logical_and.reduce([x.ok for x in (*others.values(), *shown.values())])
    rest = {view: encoded.vectors[usable] for view, encoded in others.items()}
    tables = {name: encoded.vectors[usable] for name, encoded in shown.items()}
    for pool in ("mean", "order"):  # side by side, as in frames+motion
        both = [l2_normalize(tables[part]) for part in (f"frames pool={pool}", MOTION)]
        tables[f"frames pool={pool} + {MOTION}"] = np.hstack(both)
    return {
        name: PairedVectors({"video": film, **rest}, groups=groups[usable])
        for name, film in tables.items()
    }


def deal(groups: np.ndarray, seed: int, held_back: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and the gallery of at least so many held back; no group is in both."""
    random = np.random.default_rng(seed)
    names = np.unique(groups)
    order = names[random.permutation(len(names))]
    sizes = np.cumsum([np.count_nonzero(groups == name) for name in order])
    unseen = order[: int(np.searchsorted(sizes, held_back)) + 1]
    held = np.flatnonzero(np.isin(groups, unseen))
    return np.flatnonzero(~np.isin(groups, unseen)), random.permutation(held)[:GALLERY]


def figures(known: PairedVectors, asked: PairedVectors, seed: int) -> dict[str, list[float]]:
    """R@1 and R@10 of each direction, by one CCA of what is learned from."""
    space = align(known, aligner="cca", params=FIXED, nested=False, seed=seed)
    placed = {view: space.transform(asked.vectors[view], view) for view in asked.views}
    found: dict[str, list[float]] = {}
    for query, target in ASKED:
        if not {query, target} <= set(placed):
            continue
        scores = space.score(placed[query], query, placed[target], target)
        report = retrieval_report(scores, np.arange(len(scores)))
        found[f"{query}→{target}"] = [report.r1, report.r10]
    return found


def reduced(learned: PairedVectors, asked: PairedVectors) -> tuple[PairedVectors, PairedVectors]:
    """Both by the principal components of what is learned from."""
    parts: list[dict[str, F32]] = [{}, {}]
    for view, x in learned.vectors.items():
        centre = x.mean(axis=0)
        axes = np.linalg.svd(x - centre, full_matrices=False)[2][:COMPONENTS].T
        for part, rows in zip(parts, (x, asked.vectors[view]), strict=True):
            part[view] = (rows - centre) @ axes
    return (
        PairedVectors(parts[0], groups=learned.groups),
        PairedVectors(parts[1], groups=asked.groups),
    )


def shuffled(pairs: PairedVectors, seed: int) -> PairedVectors:
    """The same films, or pictures, with sound and text of others."""
    order = np.random.default_rng(1000 + seed).permutation(len(pairs))
    first = "video" if "video" in pairs.views else "image"
    vectors = {**pairs.vectors, first: pairs.vectors[first][order]}
    return PairedVectors(vectors, groups=pairs.groups)


def runs(
    pairs: PairedVectors, held_back: int
) -> tuple[list[dict[str, list[float]]], list[dict[str, list[float]]]]:
    """Figures of every seed, and those of its null."""
    real, null = [], []
    for seed in range(SEEDS):
        train, test = deal(np.asarray(pairs.groups), seed, held_back)
        learned, asked = reduced(pairs.take(train), pairs.take(test))
        real.append(figures(learned, asked, seed))
        null.append(figures(shuffled(learned, seed), asked, seed))
    return real, null


def spread(found: Sequence[Mapping[str, list[float]]]) -> dict[str, Any]:
    """Mean and standard error of each direction, and how far above chance.

    The standard error is the larger of two: over seeds, and of a share of so many queries. Splits
    share films, so the error over many of them is a little too small.
    """
    rows: dict[str, Any] = {}
    for asked in found[0]:
        table = np.array([run[asked] for run in found])  # (seeds, 2)
        row: dict[str, Any] = {}
        for place, (name, k) in enumerate((("r1", 1), ("r10", 10))):
            chance = k / GALLERY
            mean = float(table[:, place].mean())
            over_seeds = float(table[:, place].std(ddof=1)) / len(found) ** 0.5
            likely = mean if 0 < mean < 1 else chance
            of_queries = (likely * (1 - likely) / (GALLERY * len(found))) ** 0.5
            error = max(over_seeds, of_queries)
            row[name] = {
                "mean": round(mean, 3),
                "se": round(error, 4),
                "chance": round(chance, 4),
                "above_chance_se": round((mean - chance) / error, 1),
            }
        rows[asked] = row
    return rows


def beside(real: dict[str, Any], null: dict[str, Any]) -> dict[str, Any]:
    """Figures with how far they are above their null; equal sounds lift it above chance."""
    for asked, row in real.items():
        for name, figure in row.items():
            other = null[asked][name]
            error = (figure["se"] ** 2 + other["se"] ** 2) ** 0.5
            figure["above_null_se"] = round((figure["mean"] - other["mean"]) / error, 1)
    return {**real, "null": null}


def measure() -> dict[str, Any]:
    """Every way to encode a film, beside a single frame and its null."""
    attacks = load("wesnoth", animations=True)
    films = attacks.take([i for i, r in enumerate(attacks.records) if "audio" in r.items])
    table = vectors_of(films)
    out: dict[str, Any] = {
        "attacks": len(attacks),
        "with_sound": len(films),
        "lines": len({record.group for record in films.records}),
        "sounds": len({record.items["audio"].id for record in films.records}),
        "gallery": GALLERY,
        "seeds": SEEDS,
        "image_encoder": IMAGE,
        "frames": FRAMES,
        "ways": {},
    }
    for name, pairs in table.items():
        if len(pairs) != len(films):
            raise SystemExit(f"{len(films) - len(pairs)} films, sounds or names have no vector")
        real, null = runs(pairs, UNSEEN)
        out["ways"][name] = beside(spread(real), spread(null))
        told = {way: figure["r10"] for way, figure in spread(real).items()}
        print(name, told, flush=True)
    return out


def units() -> dict[str, Any]:
    """Pictures of units and their descriptions, gallery 60: lines held back, and at random."""
    ready = prepare(load("wesnoth"), cache=default_cache())
    out: dict[str, Any] = {"units": len(ready.pairs), "gallery": GALLERY, "seeds": SEEDS}
    dealt = {"by line": ready.links, "at random": np.arange(len(ready.pairs))}
    for way, groups in dealt.items():
        real, null = runs(PairedVectors(ready.pairs.vectors, groups=groups), GALLERY)
        out[way] = beside(spread(real), spread(null))
    return out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    need(datasets=("wesnoth",), encoders=(IMAGE, *OTHERS.values()))
    results = {"units": units(), "films": measure()}
    if arguments.json:
        _machine.write(arguments.json, results)


if __name__ == "__main__":
    main()
