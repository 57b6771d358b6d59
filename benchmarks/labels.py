"""Labels by words, by examples and by both, each with its own probability, on Tux Paint.

Run ``python benchmarks/labels.py --json FILE``. A label is one of fifteen folders. For each of five
seeds half of each folder is the test, and so is half of all other stamps, which have none of the
labels. The space is kernel CCA with the first point of its grid. It has seen neither the test nor
the examples. Rows: ``words`` (``isthmus`` with names alone), ``examples``, ``words and examples``
(``isthmus`` with both), and two nulls: ``prevalence`` gives every stamp the share of the test
stamps that have the label, and ``other examples`` learns each label from the examples of the next.

``auroc`` is the mean over labels; ``brier``, its skill over prevalence, ``ece`` and the precision
and recall of labels that are given (from .5 and from .2) are over all stamps and labels. That the
words count as one example was set by reason; figures of two of these seeds had been seen then.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _classes import ENGLISH, SHOTS, Split, fitted, folder_labels
from _classes import vectors as space_vectors
from _needs import STARTER, need
from _scored import area
from isthmus.core.item import MediaItem
from isthmus.datasets import load
from isthmus.metrics import expected_calibration_error
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.space import Space
from isthmus.tasks.zeroshot.judging import Judges
from isthmus.tasks.zeroshot.options import ClassifyOptions

COUNTS = (1, 2, 4, 8)
LANGUAGES = ("en", "zh", "fr", "es")
LEAST = (0.5, 0.2)
NAMES = list(ENGLISH.values())


def figures(p: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of probabilities ``(n, K)`` and truth ``(n, K)``."""
    share = truth.mean(axis=0)
    plain = float(((share - truth) ** 2).mean())
    brier = float(((p - truth) ** 2).mean())
    aurocs = [area(p[t, k], p[~t, k]) for k, t in enumerate(truth.T)]
    out = {
        "auroc": float(np.mean(aurocs)),
        "brier": brier,
        "skill": 1 - brier / plain,
        "ece": float(expected_calibration_error(p.ravel(), truth.ravel())),
    }
    for least in LEAST:
        given = p >= least
        right = float((given & truth).sum())
        out[f"precision from {least}"] = right / max(float(given.sum()), 1.0)
        out[f"recall from {least}"] = right / float(truth.sum())
    return out


def judged(
    space: Space, items: list[MediaItem], split: Split, x: np.ndarray, method: str, count: int
) -> np.ndarray:
    """Probabilities ``(n, K)`` of the labels for vectors ``(n, d)``."""
    shots = [[items[row] for row in pool[:count]] for pool in split.pools]
    if method == "other examples":
        shots = [*shots[1:], shots[0]]
    worded = method in ("words", "words and examples")
    given = {
        name: [*([name] if worded else []), *(some if method != "words" else [])]
        for name, some in zip(NAMES, shots, strict=True)
    }
    judges = Judges.of(space, given, None, ClassifyOptions(), default_cache())
    return judges.judge("image")(x.astype(np.float32)).astype(np.float64)


def rows_of(ready: Prepared, items: list[MediaItem], seed: int) -> list[dict[str, Any]]:
    """Every method with every number of examples, for one seed."""
    labels = folder_labels(ready, list(ENGLISH))
    split = Split.of(labels, seed)
    others = np.random.default_rng(200 + seed).permutation(np.flatnonzero(labels < 0))
    asked = np.concatenate([split.test, others[: len(others) // 2]])
    space = fitted(ready, np.concatenate([asked, split.shots(SHOTS)]))
    x = space_vectors(space, ready, "image")[asked]
    truth = labels[asked][:, None] == np.arange(len(NAMES))
    head = {"task": "tuxpaint-15-labels", "seed": seed, "items": len(asked)}
    share = np.tile(truth.mean(axis=0), (len(asked), 1))
    out = [{**head, "examples": 0, "method": "prevalence", **figures(share, truth)}]
    p = judged(space, items, split, x, "words", 0)
    out.append({**head, "examples": 0, "method": "words", **figures(p, truth)})
    for count in COUNTS:
        for method in ("examples", "words and examples", "other examples"):
            p = judged(space, items, split, x, method, count)
            out.append({**head, "examples": count, "method": method, **figures(p, truth)})
    return out


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean over seeds, and the spread of AUROC and Brier score."""
    by: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by[row["examples"], row["method"]].append(row)
    told = [name for name in rows[0] if name not in ("task", "seed", "items", "examples", "method")]
    out = []
    for (count, method), own in by.items():
        means = {name: round(float(np.mean([r[name] for r in own])), 4) for name in told}
        spread = {
            f"{name}_sd": round(float(np.std([r[name] for r in own], ddof=1)), 4)
            for name in ("auroc", "brier")
            if len(own) > 1
        }
        out.append({"examples": count, "method": method, **means, **spread})
    return out


def main() -> None:
    """Print a summary and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER, packages=("sklearn",))
    data = load("tuxpaint", languages=LANGUAGES)
    ready = prepare(data, cache=default_cache())
    known = {record.id: record.items["image"] for record in data.records}
    items = [known[name] for name in ready.pairs.ids]
    rows = [row for seed in range(arguments.seeds) for row in rows_of(ready, items, seed)]
    for row in summary(rows):
        print(row, flush=True)
    if arguments.json:
        _machine.write(arguments.json, {"summary": summary(rows), "rows": rows})


if __name__ == "__main__":
    main()
