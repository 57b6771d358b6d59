"""Scores that say how good a space is, and what chance would have got: numpy only."""

from isthmus.metrics.calibration import brier_score, expected_calibration_error, reliability
from isthmus.metrics.geometry import (
    alignment,
    hubness_skew,
    linear_cka,
    median_true_cosine,
    modality_gap,
    mutual_knn,
    uniformity,
)
from isthmus.metrics.intervals import Interval, wilson_interval
from isthmus.metrics.report import RetrievalReport, retrieval_report
from isthmus.metrics.retrieval import (
    foscttm,
    mean_average_precision,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at_k,
    ranks,
    recall_at_k,
)

__all__ = [
    "Interval",
    "RetrievalReport",
    "alignment",
    "brier_score",
    "expected_calibration_error",
    "foscttm",
    "hubness_skew",
    "linear_cka",
    "mean_average_precision",
    "mean_reciprocal_rank",
    "median_rank",
    "median_true_cosine",
    "modality_gap",
    "mutual_knn",
    "ndcg_at_k",
    "ranks",
    "recall_at_k",
    "reliability",
    "retrieval_report",
    "uniformity",
    "wilson_interval",
]
