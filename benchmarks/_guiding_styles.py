"""Stamps of Tux Paint in two styles: the class is asked for, the style is the nuisance.

Classes are the folders that hold cartoons and other stamps, two or more of each. By
``numpy.random.default_rng(seed)`` half of the stamps of each class and style is asked about and
searched; heads, and what is ignored, are learned from all other stamps. A query looks among the
stamps of its class in the other style and those of other classes in its own style, so who goes by
style is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.core.linalg import F32
from isthmus.datasets import load
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.prompts import Guide, LearnedPrompt, Prompt
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.prompting import EncodedPrompt

TASK = "style of stamps"
STYLE = "cartoon"
LEAST = 2
WORDS = ("cartoon", "drawing", "photo", "photograph")
FIXED = {"ridge": 3.0, "power": 1.0}
"""Of CCA, as for the scenes."""
NULLS = 20
"""Random subspaces for each guide."""
_ANYTHING = "a bird"


def stamps() -> Prepared:
    """Pictures with their English captions."""
    return prepare(load("tuxpaint"), cache=default_cache())


def labelled(ready: Prepared) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Class of each row, −1 for none; whether it is a cartoon; names of classes."""
    parts = [str(group).split("/") for group in ready.pairs.groups]
    drawn = np.array([STYLE in each for each in parts])
    keys = np.array(["/".join([p for p in each if p != STYLE][:2]) for each in parts])
    names = [
        str(key)
        for key in np.unique(keys)
        if min((drawn & (keys == key)).sum(), (~drawn & (keys == key)).sum()) >= LEAST
    ]
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(str(key), -1) for key in keys]), drawn, names


def styles(ready: Prepared, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of one split."""
    labels, drawn, names = labelled(ready)
    rng = np.random.default_rng(seed)
    held = []
    for k in range(len(names)):
        for style in (False, True):
            rows = rng.permutation(np.flatnonzero((labels == k) & (drawn == style)))
            held.append(rows[: max(1, len(rows) // 2)])
    test = np.concatenate(held)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    space = align(ready.take(rest), aligner="cca", params=FIXED, nested=False, starter=False)
    x = space.transform(ready.pairs.vectors["image"], "image")
    for method, guide in guides(space, x[rest[drawn[rest]]], x[rest[~drawn[rest]]], names).items():
        found = [_first(x[test], labels[test], drawn[test], guide)]
        nulls = [_random(guide, space.dim, rng) for _ in range(NULLS)] if guide is not None else []
        for label, values in (
            (method, found),
            (f"{method}, random", [_first(x[test], labels[test], drawn[test], n) for n in nulls]),
        ):
            if values:
                yield {
                    "task": TASK,
                    "asked": "class",
                    "method": label,
                    "accuracy": float(np.mean([right for right, _ in values])),
                    "chance": found[0][1],
                    "directions": 0 if guide is None else guide.size,
                    "of": space.dim,
                    "queries": len(test),
                    "classes": len(names),
                    "seed": seed,
                }


def guides(space: Space, cartoons: F32, others: F32, names: list[str]) -> dict[str, Guide | None]:
    """By name: the style ignored by words or examples, names of classes alone, and both."""
    space.prompts["cartoon"] = LearnedPrompt.learn(
        cartoons, "image", part="style", typical=space.typical("image"), background=others
    )
    spoken = [name.rpartition("/")[2] for name in names]
    return {
        "plain": None,
        "ignore words": EncodedPrompt.of(space, Prompt(_ANYTHING, ignore=list(WORDS))).guide,
        "ignore examples": EncodedPrompt.of(space, Prompt(_ANYTHING, ignore="@cartoon")).guide,
        "only": EncodedPrompt.of(space, Prompt(_ANYTHING, only=spoken)).guide,
        "both": EncodedPrompt.of(space, Prompt(_ANYTHING, only=spoken, ignore="@cartoon")).guide,
    }


def _random(guide: Guide, dim: int, rng: np.random.Generator) -> Guide:
    basis = np.linalg.qr(rng.normal(size=(dim, guide.size)))[0].T.astype(np.float32)
    return Guide(basis, None) if guide.kept is None else Guide(None, basis)


def _first(
    x: F32, labels: np.ndarray, drawn: np.ndarray, guide: Guide | None
) -> tuple[float, float]:
    """Share of queries whose first hit is of their class, and what chance gets right."""
    seen = x if guide is None or not guide.changes_items else guide.project(x)
    score = (x if guide is None else guide.project(x)) @ seen.T
    same = labels[:, None] == labels[None, :]
    there = same != (drawn[:, None] == drawn[None, :])
    right = np.where(there, score, -np.inf).argmax(axis=1)
    hits = labels[right] == labels
    return float(hits.mean()), float(((there & same).sum(axis=1) / there.sum(axis=1)).mean())
