"""Rivals of fusion from other libraries: one predictor on all views side by side."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors

Model = Callable[[Mapping[str, slice], bool], Any]
"""Makes an unfitted classifier from the columns of each view, and whether classes weigh alike."""
_COSTS = tuple(10.0**power for power in range(-4, 3))
_INNER = 3


def concat(rows: PairedVectors) -> tuple[F64, dict[str, slice]]:
    """All views side by side, absent ones as zeros: ``(n, Σ dim)``, and the columns of each."""
    places: dict[str, slice] = {}
    begin = 0
    for view, x in rows.vectors.items():
        places[view] = slice(begin, begin + x.shape[1])
        begin += x.shape[1]
    return np.hstack([np.asarray(x, dtype=np.float64) for x in rows.vectors.values()]), places


def logistic(places: Mapping[str, slice], balanced: bool) -> Any:
    """Standardised columns and logistic regression; its cost is chosen on inner folds."""
    from sklearn.model_selection import GridSearchCV

    grid = {"model__C": _COSTS}
    score = "balanced_accuracy" if balanced else "neg_log_loss"
    return GridSearchCV(_linear(balanced), grid, scoring=score, cv=_folds())


def stacking(places: Mapping[str, slice], balanced: bool) -> Any:
    """One tuned logistic regression a view, joined by another on their held-out probabilities."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    each = [
        (
            view,
            make_pipeline(
                ColumnTransformer([("view", "passthrough", columns)]), logistic(places, balanced)
            ),
        )
        for view, columns in places.items()
    ]
    last = LogisticRegression(class_weight="balanced" if balanced else None, max_iter=1000)
    return StackingClassifier(each, last, cv=_folds())


def boosting(places: Mapping[str, slice], balanced: bool) -> Any:
    """Gradient boosting on all columns; some sets are too small for stopping early."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        class_weight="balanced" if balanced else None,
        early_stopping=False,
        max_features=0.1,
        max_iter=60,
        random_state=0,
    )


RIVALS: Mapping[str, Model] = {
    "concat + logistic regression": logistic,
    "stacking (scikit-learn)": stacking,
    "gradient boosting on concat": boosting,
}


def fit_and_say(
    model: Model,
    train: PairedVectors,
    codes: NDArray[np.intp],
    test: PairedVectors,
    *,
    balanced: bool,
) -> F64:
    """Probabilities ``(n, k)`` of held-out records."""
    x, places = concat(train)
    if importlib.util.find_spec("threadpoolctl") is not None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            fitted = model(places, balanced).fit(x, codes)
            return np.asarray(fitted.predict_proba(concat(test)[0]))
    fitted = model(places, balanced).fit(x, codes)
    return np.asarray(fitted.predict_proba(concat(test)[0]))


class Rotated:
    """Columns standardised and turned to as many as there are rows: the same to a ridge penalty."""

    def __init__(self) -> None:
        self._mean = self._scale = self._turn = np.zeros(0)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """It has none."""
        return {}

    def set_params(self) -> Rotated:
        """It has none."""
        return self

    def fit(self, x: F64, y: object = None) -> Rotated:
        """Learn means, spreads and the directions that rows span."""
        self._mean, spread = x.mean(axis=0), x.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        standard = (x - self._mean) / self._scale
        if len(x) < x.shape[1]:
            self._turn = np.linalg.svd(standard, full_matrices=False)[2].T
        else:
            self._turn = np.eye(x.shape[1])
        return self

    def transform(self, x: F64) -> F64:
        """Rows in these directions."""
        turned: F64 = ((x - self._mean) / self._scale) @ self._turn
        return turned

    def fit_transform(self, x: F64, y: object = None) -> F64:
        """Both."""
        return self.fit(x).transform(x)


def _linear(balanced: bool) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    model = LogisticRegression(class_weight="balanced" if balanced else None, max_iter=500)
    return Pipeline([("columns", Rotated()), ("model", model)])


def _folds() -> Any:
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(_INNER, shuffle=True, random_state=0)
