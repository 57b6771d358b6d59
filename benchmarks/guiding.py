"""What guides do: pictures are found by one attribute of a scene while the others vary.

A query is a caption or a picture of a scene, and so holds all four attributes: shape, colour, size
and place. One is asked for; the other three are nuisances. Is what is found right in the asked one?

    plain    the query as it is
    ignore   the names of the nuisances are projected out
    only     the query is projected onto the names of the asked attribute
    both     the same, and the nuisances are projected out of these

Beside each guide stands its null: a random subspace of the same size. Heads are fitted on 400
scenes of one seed, galleries and queries are scenes of others; nothing is chosen on them. Rows of
the task ``weight`` are made on scenes of a further seed: how style and what is avoided count.
Rows of the task ``style of stamps`` are drawings and photographs, see ``_guiding_styles.py``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _guiding_styles import TASK as STAMPS
from _guiding_styles import stamps, styles
from _machine import write
from _needs import need
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.record import Record
from isthmus.datasets import load
from isthmus.datasets.shapes import ATTRIBUTES, Scene
from isthmus.pipeline import prepare
from isthmus.prompts import Guide, Prompt
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.prompting import EncodedPrompt

ENCODERS = {
    "classic": {"text": "tfidf", "image": "color-hog"},
    "starter": {"text": "universal", "image": "efficientnet-lite0"},
}
TRAINING, SEED = 400, 1000
GALLERY, QUERIES, SEEDS = 300, 100, 5
ANYTHING = "a small red star on the left"
"""What a guide is made with; it does not depend on it."""
BEST = 10
"""Hits that are looked at."""
FIXED = {"ridge": 3.0, "power": 1.0}
"""Of CCA, so that nothing is chosen."""
WEIGHTS = (0.125, 0.25, 0.5, 1.0, 2.0)


def space_of(encoders: Mapping[str, str]) -> Space:
    """Heads from scenes that no gallery and no query holds."""
    scenes = load("shapes", n=TRAINING, seed=SEED, languages=("en",))
    ready = prepare(scenes, encoders, by_group=False)
    return align(ready, aligner="cca", params=FIXED, nested=False, starter=False)


def scene_of(record: Record) -> Scene:
    """What its caption says."""
    caption = record.items["text"].captions[0]
    said = {
        name: next(word for word in words if re.search(rf"\b{word}\b", caption))
        for name, words in ATTRIBUTES.items()
    }
    return Scene(**said)


def guides(asked: str) -> dict[str, dict[str, list[str]]]:
    """Parts of a prompt by the name of the method."""
    nuisances = [word for name, words in ATTRIBUTES.items() if name != asked for word in words]
    own = list(ATTRIBUTES[asked])
    return {
        "plain": {},
        "ignore": {"ignore": nuisances},
        "only": {"only": own},
        "both": {"ignore": nuisances, "only": own},
    }


def random_guide(guide: Guide, dim: int, rng: np.random.Generator) -> Guide:
    """A guide of the same kind and size, in random directions."""
    basis = np.linalg.qr(rng.normal(size=(dim, guide.size)))[0].T.astype(np.float32)
    return Guide(basis, None) if guide.kept is None else Guide(None, basis)


def right(score: F32, wanted: Sequence[str], there: Sequence[str]) -> tuple[float, float]:
    """Share of first hits, and of the best ten, that are right."""
    order = np.argsort(-score, axis=1, kind="stable")[:, :BEST]
    hit = np.array(there)[order] == np.array(wanted)[:, None]
    return float(hit[:, 0].mean()), float(hit.mean())


def guided(queries: F32, gallery: F32, guide: Guide) -> F32:
    """Cosines ``(q, g)`` as a search compares them."""
    seen = guide.project(gallery) if guide.changes_items else gallery
    return np.asarray(guide.project(queries) @ seen.T, dtype=np.float32)


def measured(space: Space, name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of one gallery and its queries."""
    made = load("shapes", n=GALLERY + QUERIES, seed=seed, languages=("en",)).records
    held, asking = made[:GALLERY], made[GALLERY:]
    gallery, rng = _pictures(space, held), np.random.default_rng(seed)
    for view in ("text", "image"):
        queries = space.embed([record.items[view] for record in asking], view).vectors
        plain = space.score(queries, view, gallery, "image")
        for asked in ATTRIBUTES:
            wanted, there = (
                [getattr(scene_of(record), asked) for record in some] for some in (asking, held)
            )
            chance = float(np.mean([there.count(each) / len(there) for each in wanted]))
            common = {"task": "guiding", "encoders": name, "query": view, "asked": asked}
            for method, parts in guides(asked).items():
                guide = EncodedPrompt.of(space, Prompt(ANYTHING, **parts)).guide
                scores = {method: plain}
                if guide is not None:
                    null = random_guide(guide, space.dim, rng)
                    scores = {
                        method: guided(queries, gallery, guide),
                        f"{method}, random": guided(queries, gallery, null),
                    }
                for label, score in scores.items():
                    first, ten = right(score, wanted, there)
                    yield {
                        **common,
                        "method": label,
                        "accuracy": first,
                        "precision_at_10": ten,
                        "chance": chance,
                        "directions": 0 if guide is None else guide.size,
                        "of": space.dim,
                        "seed": seed,
                    }


def weighed(space: Space, name: str, seed: int) -> Iterator[dict[str, Any]]:
    """How right content and style are, by the weight of the style; and what is avoided, likewise.

    The content is a shape, the style a colour; a hit is right if it has both. What is avoided is a
    size; a hit is right if it has the shape and another size.
    """
    held = load("shapes", n=GALLERY, seed=seed, languages=("en",)).records
    gallery, scenes = _pictures(space, held), [scene_of(record) for record in held]
    for part, other in (("style", "colour"), ("avoid", "size")):
        for weight in WEIGHTS:
            hits = []
            for shape in ATTRIBUTES["shape"]:
                for word in ATTRIBUTES[other]:
                    prompt = Prompt(shape, **{part: {word: weight}})
                    try:
                        encoded = EncodedPrompt.of(space, prompt)
                    except InputError:
                        continue
                    score = encoded.weights @ space.score(encoded.vectors, "text", gallery, "image")
                    best = [scenes[i] for i in np.argsort(-score, kind="stable")[:BEST]]
                    hits += [_fits(each, shape, other, word, part) for each in best]
            yield {
                "task": "weight",
                "encoders": name,
                "part": part,
                "weight": weight,
                "precision_at_10": float(np.mean(hits)),
                "seed": seed,
            }


def _fits(scene: Scene, shape: str, other: str, word: str, part: str) -> bool:
    return scene.shape == shape and (getattr(scene, other) == word) == (part == "style")


def _pictures(space: Space, records: Sequence[Record]) -> F32:
    items: list[MediaItem] = [record.items["image"] for record in records]
    return space.embed(items, "image").vectors


def main() -> None:
    """Measure, print the means, and write every row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="where to write the rows")
    parser.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS))
    parser.add_argument("--stamps", action="store_true", help="only stamps; keep rows of scenes")
    given = parser.parse_args()
    names = [] if given.stamps else given.encoders
    need(datasets=("tuxpaint",), encoders=[s for n in names for s in ENCODERS[n].values()])
    rows: list[dict[str, Any]] = []
    for name in names:
        space = space_of(ENCODERS[name])
        for seed in range(SEEDS):
            rows += measured(space, name, seed)
            rows += weighed(space, name, SEED + 1 + seed)
    ready = stamps()
    rows += [row for seed in range(SEEDS) for row in styles(ready, seed)]
    for line in summary(rows):
        print(line)
    if given.json:
        if given.stamps:
            before = json.loads(Path(given.json).read_text(encoding="utf-8"))["rows"]
            rows = [row for row in before if row["task"] != STAMPS] + rows
        settings = {"training": TRAINING, "gallery": GALLERY, "queries": QUERIES, "seeds": SEEDS}
        write(given.json, {"settings": {**settings, "aligner": "cca", **FIXED}, "rows": rows})


def summary(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each thing that was measured, averaged over seeds."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        keys = ("task", "encoders", "query", "asked", "part", "method", "weight")
        groups.setdefault(tuple(row[key] for key in keys if key in row), []).append(row)
    for key, some in groups.items():
        means = [
            f"{name} {np.mean([row[name] for row in some]):.3f}"
            for name in ("accuracy", "precision_at_10", "chance", "directions")
            if name in some[0]
        ]
        yield f"{' '.join(map(str, key)):55} {'  '.join(means)}"


if __name__ == "__main__":
    main()
