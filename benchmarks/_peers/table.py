"""Rows summed up: means over seeds, and how far isthmus is from the best of its peers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

OURS = "isthmus"
NULLS = ("shuffled pairs", "random encoders")
FIGURES = ("r1", "r10", "map")
Row = Mapping[str, Any]


def is_peer(method: str) -> bool:
    """Whether a row of the table is of another method, with or without CSLS."""
    return not method.startswith(OURS) and method not in NULLS


def table(rows: Sequence[Row]) -> str:
    """A table for each data set and number of pairs, best R@1 first, with the margins."""
    cells: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        cells[row["dataset"], row["pairs"]].append(row)
    return "\n\n".join(_cell(*key, found) for key, found in cells.items())


def _cell(dataset: str, pairs: int, rows: Sequence[Row]) -> str:
    seeds = len({row["seed"] for row in rows})
    lines = [
        f"{dataset}, {pairs} pairs, {seeds} seeds",
        f"  {'':34} {'R@1':>13} {'R@10':>13} {'mAP':>13} {'seconds':>8} {'MB':>7}",
    ]
    methods = {row["method"]: [r for r in rows if r["method"] == row["method"]] for row in rows}
    order = sorted(methods, key=lambda method: -_mean(methods[method], "r1"))
    lines += [f"  {name:34} {_line(methods[name])}" for name in order]
    return "\n".join([*lines, *_margins(rows)])


def _line(rows: Sequence[Row]) -> str:
    done = [row for row in rows if row["r1"] is not None]
    missing = [row for row in rows if row["r1"] is None]
    parts = []
    if done:
        parts += [f"{_spread(done, figure):>13}" for figure in FIGURES]
        parts += [f"{_mean(done, 'fit_seconds'):8.1f}", f"{_mean(done, 'peak_mb'):7.0f}"]
    if missing:
        parts.append(f"{len(missing)} × {missing[0]['note']}")
    return " ".join(parts)


def margins(rows: Iterable[Row], figure: str) -> tuple[str, float, float] | None:
    """The best peer by a figure, and by how much isthmus is ahead of it.

    Returns:
        Its name, and mean and standard deviation over the seeds of the difference, isthmus
        less peer; None where one of them has no figures. A peer counts if it has figures
        for every seed that isthmus has.
    """
    by: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row[figure] is not None:
            by[row["method"]][row["seed"]] = row[figure]
    ours = by.get(OURS, {})
    peers = {
        name: np.array([found[seed] for seed in ours])
        for name, found in by.items()
        if is_peer(name) and ours and ours.keys() <= found.keys()
    }
    if not peers:
        return None
    best = max(peers, key=lambda name: float(peers[name].mean()))
    ahead = np.array(list(ours.values())) - peers[best]
    return best, float(ahead.mean()), float(ahead.std(ddof=1)) if len(ahead) > 1 else 0.0


def _margins(rows: Sequence[Row]) -> list[str]:
    lines = []
    for figure, label in zip(FIGURES, ("R@1", "R@10", "mAP"), strict=True):
        found = margins(rows, figure)
        if found is not None:
            best, ahead, spread = found
            lines.append(f"  {label}: isthmus {ahead:+.3f} ± {spread:.3f} against {best}")
    return lines


def _mean(rows: Sequence[Row], figure: str) -> float:
    values = [row[figure] for row in rows if row[figure] is not None]
    return float(np.mean(values)) if values else float("-inf")


def _spread(rows: Sequence[Row], figure: str) -> str:
    values = [row[figure] for row in rows if row[figure] is not None]
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
