"""How long closed forms of fusion take on many records, and how long they take to predict.

Seconds are of the CPU, so that a busy machine counts no more than an idle one.

python benchmarks/fusion_speed.py --json FILE
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from _machine import spread, write
from _needs import need
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target, make

CLOSED = ("late", "stacked", "weighted", "product", "concat", "add", "multiply")
DIMS = {"image": 1280, "text": 512}
CLASSES = 10
ALLOWED_FIT_S, ALLOWED_PREDICT_S = 20.0, 1.0


def draw(rows: int) -> tuple[PairedVectors, Target]:
    """Records of classes with spectra that fall as those of encoders do."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, CLASSES, rows)
    views = {}
    for view, dim in DIMS.items():
        falls = (1 / np.sqrt(1 + np.arange(dim))).astype(np.float32)
        x = rng.standard_normal((rows, dim), dtype=np.float32) * falls
        views[view] = x + (0.1 * rng.standard_normal((CLASSES, dim)))[codes].astype(np.float32)
    return PairedVectors(views), Target("classes", codes, tuple(map(str, range(CLASSES))))


def once(rows: PairedVectors, target: Target) -> dict[str, dict[str, float]]:
    """CPU seconds of each fit, one after the other with what they share, and of predictions."""
    memo, seconds = Memo(), {}
    for name in CLOSED:
        start = time.process_time()
        fusion = make(name).fit(rows, target, memo=memo)
        fitted = time.process_time()
        fusion.scores(rows)
        seconds[name] = {"fit": fitted - start, "predict": time.process_time() - fitted}
    return seconds


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/fusion_speed.json"))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    need()
    rows, target = draw(given.rows)
    with threadpool_limits(1):  # threads of BLAS that wait for others count as work
        runs = [once(rows, target) for _ in range(given.repetitions)]
    total = spread([sum(run[name]["fit"] for name in CLOSED) for run in runs])
    slowest = spread([max(run[name]["predict"] for name in CLOSED) for run in runs])
    results: dict[str, Any] = {
        "rows": given.rows,
        "dims": DIMS,
        "classes": CLASSES,
        "fit_all_cpu_s": total,
        "predict_slowest_cpu_s": slowest,
        "by_fusion": {
            name: {what: spread([run[name][what] for run in runs]) for what in ("fit", "predict")}
            for name in CLOSED
        },
    }
    write(given.json, results)
    print(f"fit of all closed forms {total['median']:.1f} s, predict {slowest['median']:.2f} s")
    for name, figures in results["by_fusion"].items():
        print(f"{name:10s} {figures['fit']['median']:.2f} {figures['predict']['median']:.3f}")
    if total["median"] > ALLOWED_FIT_S or slowest["median"] > ALLOWED_PREDICT_S:
        raise SystemExit(
            f"need at most {ALLOWED_FIT_S} s to fit and {ALLOWED_PREDICT_S} s to predict"
        )


if __name__ == "__main__":
    main()
