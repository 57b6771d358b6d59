"""Recommendation: real ratings of films, and a shop whose shoppers' taste is known.

Run with ``python benchmarks/recommend.py --json benchmarks/results/recommend.json``. It writes
``rows`` of ``{"dataset", "method", "ndcg_at_10", "recall_at_20", "precision_at_10_cold", "seed"}``;
the chosen method is called ``isthmus``. The protocols are in :mod:`benchmarks._recommend_films` and
:mod:`benchmarks._recommend_shop`. The peers are those of RecPack, in the same run, on the same
splits.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _machine import version, write
from _needs import need

FIGURES = ("ndcg_at_10", "recall_at_20", "precision_at_10_cold")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="Write the rows to this file.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=("films", "shop"), help="Run one of the two.")
    arguments = parser.parse_args()
    need(
        datasets=("ml-100k", "openclipart", "qabcs"),
        encoders=("universal", "efficientnet-lite0"),
        packages=("recpack",),
    )
    import _recommend_films
    import _recommend_shop

    rows: list[dict[str, Any]] = []
    tastes: list[dict[str, Any]] = []
    seeds = range(arguments.seeds)
    if arguments.only != "shop":
        for row in _recommend_films.rows(seeds):
            rows.append(row)
            print(row, flush=True)
    if arguments.only != "films":
        for row in _recommend_shop.rows(seeds):
            tastes.append(row)
            print(row, flush=True)
    for line in table(rows, FIGURES):
        print(line)
    if arguments.json:
        write(arguments.json, {"recpack": version("recpack"), "rows": rows, "shop": tastes})


def table(rows: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> list[str]:
    """Means over seeds with their standard deviation, a line a method."""
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by[row["method"]].append(row)
    lines = []
    for name, some in by.items():
        values = {figure: np.array([row[figure] for row in some]) for figure in figures}
        said = "  ".join(f"{v.mean():.3f} ± {v.std():.3f}" for v in values.values())
        lines.append(f"{name:24} {said}")
    return lines


if __name__ == "__main__":
    main()
