"""Whether what a report says of left-out examples holds for new items, on Tux Paint.

Run ``python benchmarks/left_out.py --json FILE``. The fifteen classes and the splits of
``benchmarks/prompts.py``: half of each class is the test, the space has seen neither the test nor
the examples. With each number of examples, the report's figures come from the examples alone (each
left out, the choice made anew; the curve over draws); beside them stand the figures of the test,
and how often they lie in their 95 % intervals. Of the examples, all classes have as many, of the
test they do not, so macro recall is what compares. Nothing is chosen on test stamps.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _classes import ENGLISH, Split, fitted, folder_labels, support, words
from _classes import vectors as space_vectors
from _needs import STARTER, need
from isthmus.datasets import load
from isthmus.metrics import Interval
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.prompts.choice import choose
from isthmus.prompts.curve import cross_validated, shot_curve
from isthmus.prompts.figures import Figures
from isthmus.prompts.judged import Judged

COUNTS = (2, 4, 8)
"""Examples a class."""
LANGUAGES = ("en", "zh", "fr", "es")
"""Of the captions that heads learn from, as in ``benchmarks/prompts.py``."""


def rows_of(ready: Prepared, seed: int) -> list[dict[str, Any]]:
    """One row for each number of examples."""
    split = Split.of(folder_labels(ready, list(ENGLISH)), seed)
    space = fitted(ready, np.concatenate([split.test, split.shots(max(COUNTS))]))
    x, known = space_vectors(space, ready, "image"), words(space, list(ENGLISH.values()), "image")
    rows = []
    for count in COUNTS:
        given = support(known, x, split, count, seen=False)
        tested = np.exp(choose(given).log_probabilities(x[split.test]))
        test = Judged.of(tested, split.truth())
        began = time.process_time()
        whole = cross_validated(given)
        middle = time.process_time()
        curve = shot_curve(given)
        end = time.process_time()
        assert whole is not None and curve is not None
        said = Judged.of(whole.probabilities, whole.labels)
        fewer = choose(support(known, x, split, curve.shots[-1], seen=False))
        asked = np.exp(fewer.log_probabilities(x[split.test]))
        recall = Figures.of(asked, split.truth()).macro_recall
        rows.append({
            "seed": seed, "examples": count, "left_out": said.items, "test_items": test.items,
            "accuracy": said.accuracy.value, "test_accuracy": test.accuracy.value,
            "inside": _inside(said.accuracy, test.accuracy.value),
            "macro_recall": said.macro_recall.value,
            "test_macro_recall": test.macro_recall.value,
            "recall_inside": _inside(said.macro_recall, test.macro_recall.value),
            "ece": said.ece.value, "ece_null": said.ece_null,
            "test_ece": test.ece.value, "test_ece_null": test.ece_null,
            "curve_examples": curve.shots[-1], "curve": curve.accuracy[-1].value,
            "curve_test_macro_recall": recall,
            "curve_inside": _inside(curve.accuracy[-1], recall),
            "seconds_left_out": middle - began, "seconds_curve": end - middle,
        })  # fmt: skip
    return rows


def _inside(found: Interval, true: float) -> bool:
    return bool(found.low <= true <= found.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER)
    ready = prepare(load("tuxpaint", languages=LANGUAGES), cache=default_cache())
    rows = [row for seed in range(given.seeds) for row in rows_of(ready, seed)]
    means = []
    for count in COUNTS:
        own = [row for row in rows if row["examples"] == count]
        names = [name for name in own[0] if name not in ("seed", "examples")]
        means.append({"examples": count} | {n: float(np.mean([r[n] for r in own])) for n in names})
    for row in means:
        print({name: round(value, 3) for name, value in row.items()})
    _machine.write(given.json, {"means": means, "rows": rows})


if __name__ == "__main__":
    main()
