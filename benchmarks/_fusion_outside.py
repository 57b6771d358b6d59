"""Rivals of fusion with an environment of their own, since what they need is not what isthmus has.

One process fits one set of columns and answers the held-out ones:

    PYTHON benchmarks/_fusion_outside.py METHOD IN.npz OUT.npy

``IN.npz`` has ``train (n, d)``, ``target (n, c)``, ``test (m, d)`` and ``seconds``. What comes back
is ``(m, k)``: probabilities of classes, or of survival one risk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

AUTOGLUON, COX = "AutoGluon on concat", "concat + ridge Cox (scikit-survival)"
PYTHONS: Mapping[str, str] = {
    AUTOGLUON: "ISTHMUS_BENCH_AUTOGLUON",
    COX: "ISTHMUS_BENCH_SURVIVAL",
}
"""Variables that name the Python in which a rival is installed:

    python -m venv A && A/bin/pip install 'autogluon.tabular[lightgbm]'
    python -m venv S && S/bin/pip install scikit-survival
    export ISTHMUS_BENCH_AUTOGLUON=A/bin/python ISTHMUS_BENCH_SURVIVAL=S/bin/python
"""
SECONDS = 30
"""That AutoGluon has for one fit, on all cores; the closed forms need less than one, on one."""
_PENALTIES = tuple(10.0**power for power in range(-1, 5))
_INNER = 3


def able(method: str) -> bool:
    """Whether there is a Python for it."""
    return bool(os.environ.get(PYTHONS[method]))


def ask(method: str, train: Any, target: Any, test: Any) -> Any:
    """Fit in the other Python, and answer.

    Args:
        method: Of ``PYTHONS``.
        train: ``(n, d)``.
        target: Codes ``(n,)``, or times and events ``(n, 2)``.
        test: ``(m, d)``.

    Returns:
        ``(m, k)``.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, said = Path(folder, "in.npz"), Path(folder, "out.npy")
        np.savez(given, train=train, target=target, test=test, seconds=SECONDS)
        command = [os.environ[PYTHONS[method]], __file__, method, str(given), str(said)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        return np.load(said)


def autogluon(train: Any, target: Any, test: Any, seconds: float) -> Any:
    """Its default ensemble of trees, neighbours and linear models, by log loss."""
    import pandas
    from autogluon.tabular import TabularPredictor

    names = [f"x{place}" for place in range(train.shape[1])]
    table = pandas.DataFrame(train, columns=names).assign(y=target.astype(int))
    kind = "binary" if len(np.unique(target)) == 2 else "multiclass"
    predictor = TabularPredictor("y", problem_type=kind, eval_metric="log_loss", verbosity=0)
    said = predictor.fit(table, time_limit=seconds).predict_proba(
        pandas.DataFrame(test, columns=names)
    )
    found = np.zeros((len(test), int(target.max()) + 1))
    found[:, said.columns.astype(int)] = said.to_numpy()
    return found


def ridge_cox(train: Any, target: Any, test: Any, seconds: float) -> Any:
    """Cox's model with a ridge penalty, chosen on inner folds by concordance."""
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    known = Surv.from_arrays(target[:, 1] > 0, np.maximum(target[:, 0], 1e-9))
    model = make_pipeline(StandardScaler(), CoxPHSurvivalAnalysis())
    grid = {"coxphsurvivalanalysis__alpha": _PENALTIES}
    folds = KFold(_INNER, shuffle=True, random_state=0)
    return GridSearchCV(model, grid, cv=folds).fit(train, known).predict(test)[:, None]


FITS: Mapping[str, Callable[[Any, Any, Any, float], Any]] = {AUTOGLUON: autogluon, COX: ridge_cox}


if __name__ == "__main__":
    method, given, said = sys.argv[1:]
    read = np.load(given)
    found = FITS[method](read["train"], read["target"], read["test"], float(read["seconds"]))
    np.save(said, np.asarray(found, dtype=np.float64))
