"""Zero- and few-shot classification on Tux Paint, beside what anybody could do with scikit-learn.

Run ``python benchmarks/prompts.py [TASK …] --json FILE``. For each of five seeds, half of every
class is the test. The space is kernel CCA with the first point of its grid, fitted on the other
stamps; ``tuxpaint-15-new`` also keeps the shots from it, as they are new to the space of a user.
Rows called ``isthmus`` are what the library chooses by itself. Nothing is chosen on test stamps.
Rows ``paper: …`` are methods of papers, ``… (space)`` and ``… (raw)`` scikit-learn's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

import _machine
from _classes import (
    CHINESE,
    ENGLISH,
    LEAST,
    SHOTS,
    Split,
    fitted,
    folder_labels,
    support,
    unit,
    words,
)
from _classes import vectors as space_vectors
from _classes_speed import speed
from _few_shot import PAPERS
from _needs import STARTER, need
from _scored import Out, area, conformal
from isthmus.datasets import load
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.prompts.choice import choose
from isthmus.prompts.hierarchy import levels, node_weight
from isthmus.prompts.methods import METHODS
from isthmus.prompts.support import Support, log_softmax, prototype, softmax
from isthmus.prompts.templates import random_prompts
from isthmus.space.calibration import nearness
from isthmus.tasks.zeroshot.fuse import added, shared_weights

COUNTS = (0, 1, 2, 4, 8)
LANGUAGES = ("en", "zh", "fr", "es")
"""Of the captions that heads learn from."""
SPOKEN = 4
"""Most shots a class of stamps with a spoken caption."""
NULLS = 5
"""Draws of random words."""
RAW = 100.0
"""Inverse temperature of CLIP, for the softmax of raw cosines."""


def every_method(
    out: Out, task: str, count: int, seed: int, known: Support, split: Split, x: np.ndarray
) -> None:
    """The choice of the library, and each method with hyper-parameters chosen on its shots."""
    asked, truth = x[split.test], split.truth()
    made = choose(known)
    p = np.exp(made.log_probabilities(asked))
    out.add(task, count, "isthmus", seed, p, truth, chosen=made.method, **conformal(made, p, truth))
    for each in METHODS:
        if each.least_shots > count or (task.endswith("-zh") and each.name != "zero-shot"):
            continue
        p = np.exp(choose(known, (each,)).log_probabilities(asked))
        out.add(task, count, each.name, seed, p, truth)


def peers(
    out: Out, task: str, count: int, seed: int, split: Split, spaces: dict[str, np.ndarray]
) -> None:
    """scikit-learn on vectors of the space and on raw ones."""
    rows, truth = split.shots(count), split.truth()
    rest = np.setdiff1d(np.concatenate(list(split.pools)), rows)
    for where, x in spaces.items():
        y = split.labels[rows]
        half = np.concatenate([y, np.full(len(rest), -1)])
        both = x[np.concatenate([rows, rest])]
        kinds: dict[str, tuple[Any, np.ndarray, np.ndarray]] = {
            "logistic": (LogisticRegression(C=100.0, max_iter=500), x[rows], y),
            "centroid": (NearestCentroid(), x[rows], y),
            "k-nn": (KNeighborsClassifier(min(3, count)), x[rows], y),
            "self-training": (
                SelfTrainingClassifier(LogisticRegression(C=100.0, max_iter=500)), both, half),
            "label-spreading": (LabelSpreading(kernel="knn", n_neighbors=7), both, half),
        }  # fmt: skip
        for name, (model, inputs, labels) in kinds.items():
            model.fit(inputs, labels)
            if name != "centroid":  # which divides by 0 with one shot a class
                p = np.nan_to_num(model.predict_proba(x[split.test]))
            else:
                p = np.eye(len(split.pools))[model.predict(x[split.test])]
            out.add(task, count, f"{name} ({where})", seed, p, truth)


def papers(
    out: Out, task: str, count: int, seed: int, known: Support, split: Split, x: np.ndarray
) -> None:
    """Methods straight from their papers, on the same words and shots."""
    for name, learn in PAPERS.items():
        said = learn(known.items, known.labels, known.words, known.scale)(x[split.test])
        out.add(task, count, f"paper: {name}", seed, softmax(said), split.truth())


def tuxpaint() -> Prepared:
    """Pictures with captions in four languages."""
    return prepare(load("tuxpaint", languages=LANGUAGES), cache=default_cache())


def fifteen(out: Out, ready: Prepared, seed: int, *, new: bool) -> None:
    """The fifteen classes, in English and in Chinese; with shots new to the space, or not."""
    split = Split.of(folder_labels(ready, list(ENGLISH)), seed)
    shown = np.concatenate([split.test, split.shots(SHOTS)]) if new else split.test
    space = fitted(ready, shown)
    x, raw = space_vectors(space, ready, "image"), unit(ready.pairs.vectors["image"])
    task = "tuxpaint-15-new" if new else "tuxpaint-15"
    truth = split.truth()
    for suffix, names, language in (("", ENGLISH, ""), ("-zh", CHINESE, "zh")):
        prototypes, scale = words(space, list(names.values()), "image", language=language)
        for count in COUNTS:
            known = support((prototypes, scale), x, split, count, seen=not new)
            every_method(out, task + suffix, count, seed, known, split, x)
        bare, _ = words(space, list(names.values()), "image", prompts="name")
        p = softmax(scale * (x[split.test] @ bare.T))
        out.add(task + suffix, 0, "bare name", seed, p, truth)
    for draw in range(NULLS):
        sentences = [random_prompts(name, seed=draw) for name in ENGLISH.values()]
        drawn = np.vstack([prototype(space.embed(list(s), "text").vectors) for s in sentences])
        p = softmax(scale * (x[split.test] @ drawn.T))
        out.add(task, 0, f"random words {draw}", seed, p, truth)
    for count in COUNTS[1:]:
        peers(out, task, count, seed, split, {"space": x, "raw": raw})
        prototypes, scale = words(space, list(ENGLISH.values()), "image")
        known = support((prototypes, scale), x, split, count, seen=not new)
        papers(out, task, count, seed, known, split, x)


def tree(out: Out, ready: Prepared, seed: int) -> None:
    """Every folder with six stamps or more: a probability at each level, and flat classes above."""
    groups = [str(group) for group in ready.pairs.groups]
    names, counts = np.unique(groups, return_counts=True)
    keys = [str(name) for name, n in zip(names, counts, strict=True) if n >= LEAST // 2]
    labels = folder_labels(ready, keys, depth=9)
    split = Split.of(labels, seed)
    space = fitted(ready, split.test)
    x, truth = space_vectors(space, ready, "image"), split.truth()
    spoken = [key.rpartition("/")[2].replace("_", " ") for key in keys]
    top = levels(keys)[0]
    flat, scale = words(space, list(top.names), "image")
    prototypes, scale = words(space, spoken, "image")
    for count in (0, 1, 4):
        known = support((prototypes, scale), x, split, count)
        alone, nodes = choose(known), choose(known.above(flat, top.member))
        made, weight = alone, node_weight(known.counts)
        if weight:
            made = alone.beneath([(top, nodes)], weight)
        for name, each in (("isthmus", made), ("leaves alone", alone)):
            p = np.exp(each.log_probabilities(x[split.test]))
            out.add("tuxpaint-tree", count, name, seed, p, truth)
            above = top.probabilities(p)
            out.add("tuxpaint-tree, top level", count, name, seed, above, top.member[truth])
        p = np.exp(nodes.log_probabilities(x[split.test]))
        out.add("tuxpaint-tree, top level", count, "flat classes", seed, p, top.member[truth])


def sounds(out: Out, seed: int) -> None:
    """Sound effects by their top folder, with heads that learned from the other sounds."""
    data = load("tuxpaint", part="image-text-sound", languages=LANGUAGES)
    ready = prepare(data, cache=default_cache())
    there = ready.pairs.present["audio"]
    tops = np.array([str(group).split("/")[0] for group in ready.pairs.groups])
    names, counts = np.unique(tops[there], return_counts=True)
    keys = [str(name) for name, n in zip(names, counts, strict=True) if n >= 4]
    labels = np.where(there, folder_labels(ready, keys, depth=1), -1)
    split = Split.of(labels, seed)
    space = fitted(ready, split.test)
    x, truth = space_vectors(space, ready, "audio"), split.truth()
    prototypes, scale = words(space, keys, "audio")
    for count in (0, 1, 2):
        known = support((prototypes, scale), x, split, count)
        made = choose(known)
        p = np.exp(made.log_probabilities(x[split.test]))
        out.add("sounds", count, "isthmus", seed, p, truth)
    shuffled = np.random.default_rng(seed).permutation(truth)
    p = np.exp(choose(support((prototypes, scale), x, split, 0)).log_probabilities(x[split.test]))
    out.add("sounds", 0, "shuffled labels", seed, p, shuffled)
    majority = np.tile(np.bincount(truth, minlength=len(keys)) / len(truth), (len(truth), 1))
    out.add("sounds", 0, "majority", seed, majority, truth)


def image_and_speech(out: Out, seed: int) -> None:
    """Stamps with a French spoken caption: by the picture, by the speech, and by both.

    Shots are new to the space, as views can only be weighed against one another by such.
    """
    data = load("tuxpaint", part="image-text-speech", languages=LANGUAGES, pair_all=True)
    ready = prepare(data, cache=default_cache())
    both = ready.pairs.present["audio"] & ready.pairs.present["image"]
    labels = np.where(both, folder_labels(ready, list(ENGLISH)), -1)
    kept = [k for k in range(len(ENGLISH)) if (labels == k).sum() >= 4]
    labels = np.array([kept.index(k) if k in kept else -1 for k in labels])
    names = [list(ENGLISH.values())[k] for k in kept]
    split = Split.of(labels, seed)
    space = fitted(ready, np.concatenate([split.test, split.shots(SPOKEN)]))
    truth = split.truth()
    for count in (0, 1, 2, SPOKEN):
        logs, choices = {}, {}
        for view in ("image", "audio"):
            x = space_vectors(space, ready, view)
            prototypes, scale = words(space, names, view)
            made = choices[view] = choose(support((prototypes, scale), x, split, count, seen=False))
            logs[view] = made.log_probabilities(x[split.test])
            method = {"image": "image alone", "audio": "speech alone"}[view]
            out.add("image+speech", count, method, seed, np.exp(logs[view]), truth)
        records = [str(row) for row in split.shots(count)]
        p = np.exp(log_softmax(added(logs, choices, dict.fromkeys(logs, records))))
        weights = shared_weights(choices, dict.fromkeys(logs, records))
        out.add("image+speech", count, "isthmus", seed, p, truth, weights=weights)
        p = np.exp(log_softmax(logs["image"] + logs["audio"]))
        out.add("image+speech", count, "sum of both", seed, p, truth)
        other = np.random.default_rng(seed).permutation(len(truth))
        mixed = {"image": logs["image"], "audio": logs["audio"][other]}
        p = np.exp(log_softmax(added(mixed, choices, dict.fromkeys(logs, records))))
        out.add("image+speech", count, "speech of others", seed, p, truth)


def unseen(out: Out, ready: Prepared, seed: int) -> None:
    """Eight classes have shots, seven have words alone: how these fare before and after."""
    split = Split.of(folder_labels(ready, list(ENGLISH)), seed)
    space = fitted(ready, split.test)
    x, truth = space_vectors(space, ready, "image"), split.truth()
    prototypes, scale = words(space, list(ENGLISH.values()), "image")
    order = np.random.default_rng(100 + seed).permutation(len(prototypes))
    taught, other = order[:8], np.sort(order[8:])
    rows, others = split.test[np.isin(truth, other)], split.test[np.isin(truth, taught)]
    own = split.labels[rows]
    place = np.searchsorted(other, own)
    for count in (1, 4, 8):
        shots = split.shots(count)
        shots = shots[np.isin(split.labels[shots], taught)]
        seen = np.ones(len(shots), dtype=bool)
        known = Support(prototypes, x[shots], split.labels[shots], scale, seen)
        for name, made in (
            ("isthmus", choose(known)),
            ("zero-shot", choose(known.take(shots[:0]))),
        ):
            p = np.exp(made.log_probabilities(x[rows]))
            out.add("unseen", count, name, seed, p, own)
            sure = np.exp(made.log_probabilities(x[others]))
            out.add("unseen, those with shots", count, name, seed, sure, split.labels[others])
            among = p[:, other] / p[:, other].sum(axis=1, keepdims=True)
            out.add("unseen, among the unseen", count, name, seed, among, place)


def none_of_these(out: Out, ready: Prepared, seed: int) -> None:
    """Test stamps of the classes against as new stamps of all other folders."""
    labels = folder_labels(ready, list(ENGLISH))
    split = Split.of(labels, seed)
    others = np.random.default_rng(200 + seed).permutation(np.flatnonzero(labels < 0))
    others = others[: len(others) // 2]
    space = fitted(ready, np.concatenate([split.test, others]))
    x, truth = space_vectors(space, ready, "image"), split.truth()
    prototypes, scale = words(space, list(ENGLISH.values()), "image")
    bare, _ = words(space, list(ENGLISH.values()), "image", prompts="name")
    for count in COUNTS:
        made = choose(support((prototypes, scale), x, split, count))
        sure, new = (made.log_probabilities(x[rows]) for rows in (split.test, others))
        raw, far = (RAW * (x[rows] @ bare.T) for rows in (split.test, others))
        pictures = [unit(x[rows]) for rows in (split.test, others)]
        best = [made.scorer(each).max(axis=1) for each in pictures]
        near = [scale * nearness(each.astype(np.float32), space.banks["text"]) for each in pictures]
        for name, said, (inside, outside) in (
            ("isthmus", sure, (sure.max(axis=1), new.max(axis=1))),
            ("highest logit", sure, best),
            ("margin over captions", sure, [a - b for a, b in zip(best, near, strict=True)]),
            ("softmax of raw cosines", raw, (softmax(raw).max(axis=1), softmax(far).max(axis=1))),
        ):
            auroc = round(area(inside, outside), 4)
            out.add("none-of-these", count, name, seed, softmax(said), truth, auroc=auroc)


def per_seed(seeds: Sequence[int], *parts: Callable[[Out, int], None]) -> Callable[[Out], None]:
    def run(out: Out) -> None:
        for seed in seeds:
            for part in parts:
                part(out, seed)

    return run


def tasks(seeds: Sequence[int]) -> Iterator[tuple[str, Callable[[Out], None]]]:
    """Each task with what fills in its rows."""
    ready = tuxpaint()
    yield "tuxpaint-15", per_seed(seeds, lambda out, s: fifteen(out, ready, s, new=False))
    yield "tuxpaint-15-new", per_seed(seeds, lambda out, s: fifteen(out, ready, s, new=True))
    yield "tuxpaint-tree", per_seed(seeds, lambda out, s: tree(out, ready, s))
    yield "unseen", per_seed(seeds, lambda out, s: unseen(out, ready, s))
    yield "none-of-these", per_seed(seeds, lambda out, s: none_of_these(out, ready, s))
    yield "sounds", per_seed(seeds, sounds)
    yield "image+speech", per_seed(seeds, image_and_speech)


SPEED = "speed"
NAMES = ("tuxpaint-15", "tuxpaint-15-new", "tuxpaint-tree", "unseen", "none-of-these", "sounds",
         "image+speech")  # fmt: skip


def main() -> None:
    """Print a summary and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "task", nargs="*", choices=[*NAMES, SPEED, []], help="all, if none is named"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER, packages=("sklearn",))
    out = Out()
    for name, run in tasks(range(arguments.seeds)):
        if arguments.task and name not in arguments.task:
            continue
        before = len(out.summary())
        run(out)
        for row in out.summary()[before:]:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        if arguments.json:
            keep(arguments.json, out)
    if not arguments.task or SPEED in arguments.task:
        taken = {SPEED: speed(fitted(tuxpaint(), np.zeros(0, dtype=np.intp)))}
        print(json.dumps(taken))
        if arguments.json:
            keep(arguments.json, out, **taken)


def keep(path: Path, out: Out, **more: Any) -> None:
    """Write the rows beside those of other tasks that are in the file."""
    made: dict[str, Any] = {"summary": out.summary(), "rows": out.rows}
    if path.exists():
        new = {row["task"] for row in out.rows}
        before = json.loads(path.read_text(encoding="utf-8"))
        for name, rows in made.items():
            made[name] = [row for row in before[name] if row["task"] not in new] + rows
        made["speed"] = before.get("speed")
    how = {"aligner": "kernel-cca", "params": "first point of its grid", "languages": LANGUAGES}
    _machine.write(path, {"space": how, **made, **more})


if __name__ == "__main__":
    main()
