"""The tables of docs/fusion.md, from the rows of benchmarks/fusion.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
OWN = "isthmus"
_HEADLINES = ("accuracy", "balanced accuracy", "AUC", "concordance", "kappa")
_PLAIN = ("chance", "majority")
_BESIDE = "by what never knew it"

Row = Mapping[str, Any]


def renew(path: Path, rows: Sequence[Row]) -> None:
    """Write the tables anew, between two marks of the page.

    Raises:
        SystemExit: If the page lacks the marks.
    """
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path} needs the lines {BEGIN} and {END}")
    made = "\n\n".join([_methods(rows), _worth(rows)])
    path.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


def _methods(rows: Sequence[Row]) -> str:
    """Every method on every set by the headline of the set, seconds of one fit behind it."""
    sets = list(dict.fromkeys(row["dataset"] for row in rows))
    metric = {name: headline(rows, name) for name in sets}
    told = [row for row in rows if row["metric"] == metric[row["dataset"]]]
    left = ("view: ", f"{OWN}, ")  # late fusion of one view, and curves
    names = dict.fromkeys(r["method"] for r in told if not r["method"].startswith(left))
    order = sorted(names, key=lambda name: (name != OWN, name in _PLAIN, name))
    lines = [
        "| method | " + " | ".join(f"{name}<br>{metric[name]}" for name in sets) + " |",
        "|---" * (len(sets) + 1) + "|",
    ]
    for method in order:
        cells = [_cell(told, name, method) for name in sets]
        lines.append(f"| {f'**{method}**' if method == OWN else method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def headline(rows: Sequence[Row], name: str) -> str:
    """The metric that the plain rivals of a set are told by."""
    plain = [row["metric"] for row in rows if (row["dataset"], row["method"]) == (name, "majority")]
    found = [row["metric"] for row in rows if row["dataset"] == name]
    return next((m for m in _HEADLINES if m in (plain or found)), found[0])


def _cell(rows: Sequence[Row], name: str, method: str) -> str:
    mine = [row for row in rows if (row["dataset"], row["method"]) == (name, method)]
    if not mine:
        return ""
    values = np.array(list({row["seed"]: row["value"] for row in mine}.values()))
    spread = f" ± {short(values.std(ddof=1))}" if len(values) > 1 else ""
    seconds = float(np.median([row["fit_seconds"] for row in mine]))
    return f"{short(values.mean())}{spread}" + (f"<br>{seconds:.1f} s" if seconds else "")


def _worth(rows: Sequence[Row]) -> str:
    """What an answer of the chosen method is worth, and what is left without signal."""
    lines = [
        "| set | ECE | 90 % sets hold | gain of fusion, views dealt anew | "
        "most lost with a view gone | shuffled labels refused |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["dataset"] for row in rows):
        mine = [row for row in rows if row["dataset"] == name]
        cells = [
            _mean(mine, OWN, "ECE"),
            _mean(mine, OWN, "coverage of 90% sets"),
            _mean(mine, "views shuffled", "gain of fusion"),
            _lost(mine),
            _mean(mine, "labels shuffled", "refused"),
        ]
        if any(cells):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(rows: Sequence[Row], method: str, metric: str) -> str:
    found = [row["value"] for row in rows if (row["method"], row["metric"]) == (method, metric)]
    return short(float(np.mean(found))) if found else ""


def _lost(rows: Sequence[Row]) -> str:
    """By how much the chosen method is most below the other views' own predictor."""
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(row["method"], []).append(row["value"])
    gaps = [
        float(np.mean(found)) - float(np.mean(values[method.removesuffix(f", {_BESIDE}")]))
        for method, found in values.items()
        if method.endswith(_BESIDE)
    ]
    return short(max(gaps)) if gaps else ""


def short(value: float) -> str:
    """Three places, as tables have it: ``.750``."""
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
