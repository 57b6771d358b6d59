"""Predict what records are from several views, some of them missing: ``isthmus.predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.predictor.answer import Account, Answer
    from isthmus.predictor.predictor import Predictor
    from isthmus.tasks.predict.evaluating import PredictorEvaluation, evaluate
    from isthmus.tasks.predict.explaining import explain
    from isthmus.tasks.predict.fitting import fit
    from isthmus.tasks.predict.keep import KeptAnswers, keep_answers
    from isthmus.tasks.predict.loading import load_predictor as load
    from isthmus.tasks.predict.options import FitOptions
    from isthmus.tasks.predict.stored import StoredAnswers, predict_store

__all__ = [
    "Account",
    "Answer",
    "FitOptions",
    "KeptAnswers",
    "Predictor",
    "PredictorEvaluation",
    "StoredAnswers",
    "evaluate",
    "explain",
    "fit",
    "keep_answers",
    "load",
    "predict_store",
]

_HERE = "isthmus.tasks.predict"
__getattr__ = lazy_names(
    __name__,
    {
        "Account": "isthmus.predictor.answer",
        "Answer": "isthmus.predictor.answer",
        "FitOptions": f"{_HERE}.options",
        "KeptAnswers": f"{_HERE}.keep",
        "Predictor": "isthmus.predictor.predictor",
        "PredictorEvaluation": f"{_HERE}.evaluating",
        "keep_answers": f"{_HERE}.keep",
        "load": f"{_HERE}.loading:load_predictor",
        "StoredAnswers": f"{_HERE}.stored",
        "predict_store": f"{_HERE}.stored",
        "evaluate": f"{_HERE}.evaluating",
        "explain": f"{_HERE}.explaining",
        "fit": f"{_HERE}.fitting",
    },
)
