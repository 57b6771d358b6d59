"""Figures of classifications, row by row and over seeds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import f1_score, recall_score

from isthmus.metrics import expected_calibration_error
from isthmus.prompts.calibration import conformal_cut

Row = dict[str, Any]
Key = tuple[str, int, str]
FIGURES = (
    "accuracy",
    "macro_recall",
    "macro_f1",
    "coverage",
    "macro_coverage",
    "set_size",
    "auroc",
)
COVERAGE = 0.9


def scored(p: np.ndarray, truth: np.ndarray) -> Row:
    """The figures of probabilities ``(n, K)``."""
    said = p.argmax(axis=1)
    right = said == truth
    kinds = {"labels": np.unique(truth), "average": "macro", "zero_division": 0}
    return {
        "accuracy": round(float(right.mean()), 4),
        "macro_recall": round(float(recall_score(truth, said, **kinds)), 4),
        "macro_f1": round(float(f1_score(truth, said, **kinds)), 4),
        "ece": round(expected_calibration_error(p.max(axis=1), right), 4),
    }


def conformal(made: Any, p: np.ndarray, truth: np.ndarray) -> Row:
    """How many sets hold the true class, over items and over classes, and how large they are."""
    cut = conformal_cut(np.exp(made.left_out), made.labels, COVERAGE) if len(made.labels) else None
    if cut is None:
        return {}
    inside = p >= cut
    holds = inside[np.arange(len(truth)), truth]
    by_class = [holds[truth == k].mean() for k in np.unique(truth)]
    return {
        "coverage": round(float(holds.mean()), 4),
        "macro_coverage": round(float(np.mean(by_class)), 4),
        "set_size": round(float(inside.sum(axis=1).mean()), 2),
    }


class Out:
    """Rows, and the sure and right of each method, pooled over seeds for its calibration."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._pooled: dict[tuple[str, int, str], list[tuple[np.ndarray, np.ndarray]]] = defaultdict(
            list
        )

    def add(
        self,
        task: str,
        shots: int,
        method: str,
        seed: int,
        p: np.ndarray,
        truth: np.ndarray,
        **more: Any,
    ) -> None:
        """One row, of probabilities ``(n, K)`` and true classes ``(n,)``."""
        head = {"task": task, "shots": shots, "method": method}
        self.rows.append({**head, **scored(p, truth), "seed": seed, **more})
        self._pooled[task, shots, method].append((p.max(axis=1), p.argmax(axis=1) == truth))

    def summary(self) -> list[Row]:
        """Mean and spread over seeds, and the ECE of all test items of all seeds."""
        out = []
        for (task, shots, method), parts in self._pooled.items():
            own = [
                r
                for r in self.rows
                if (r["task"], r["shots"], r["method"]) == (task, shots, method)
            ]
            figures = {}
            for name in (
                "accuracy",
                "macro_recall",
                "macro_f1",
                "coverage",
                "macro_coverage",
                "auroc",
            ):
                known = [r[name] for r in own if r.get(name) is not None]
                if known:
                    figures[name] = round(float(np.mean(known)), 4)
            sure, right = (np.concatenate(x) for x in zip(*parts, strict=True))
            spread = float(np.std([r["accuracy"] for r in own], ddof=1)) if len(own) > 1 else 0.0
            figures["accuracy_sd"] = round(spread, 4)
            recalls = [r["macro_recall"] for r in own]
            spread = float(np.std(recalls, ddof=1)) if len(own) > 1 else 0.0
            figures["macro_recall_sd"] = round(spread, 4)
            figures["pooled_ece"] = round(expected_calibration_error(sure, right), 4)
            out.append({"task": task, "shots": shots, "method": method, **figures})
        return out


def area(inside: np.ndarray, outside: np.ndarray) -> float:
    """AUROC of a score that should be higher inside."""
    ranks = rankdata(np.concatenate([inside, outside]))[: len(inside)]
    return float((ranks.sum() - len(inside) * (len(inside) + 1) / 2) / len(inside) / len(outside))
