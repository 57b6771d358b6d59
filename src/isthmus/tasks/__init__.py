"""What people ask of a space and a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.tasks.prompting import learn_prompt
    from isthmus.tasks.recommend.history import HistoryReport, learn_history
    from isthmus.tasks.recommend.options import RecommendOptions
    from isthmus.tasks.recommend.recommender import Recommender
    from isthmus.tasks.recommend.results import Recommendation, Recommendations
    from isthmus.tasks.retrieval.find_frame import FoundFrame, FramesFound, find_frame
    from isthmus.tasks.retrieval.given import default_store
    from isthmus.tasks.retrieval.hits import Hit, Results, Share
    from isthmus.tasks.retrieval.options import SearchOptions
    from isthmus.tasks.retrieval.refreshing import refresh_fields
    from isthmus.tasks.retrieval.report import Forgotten, IndexReport, StoreStatus
    from isthmus.tasks.retrieval.store import Store
    from isthmus.tasks.zeroshot.annotate import Annotation, annotate
    from isthmus.tasks.zeroshot.classify import classifier, classify
    from isthmus.tasks.zeroshot.generated import captions_of
    from isthmus.tasks.zeroshot.options import ClassifyOptions
    from isthmus.tasks.zeroshot.reporting.build import classification_report
    from isthmus.tasks.zeroshot.reporting.model import ClassificationReport
    from isthmus.tasks.zeroshot.results import Classification
    from isthmus.tasks.zeroshot.stored import KeptLabels, annotate_store, keep_labels

__all__ = [
    "Annotation",
    "Classification",
    "ClassificationReport",
    "ClassifyOptions",
    "Forgotten",
    "FoundFrame",
    "FramesFound",
    "HistoryReport",
    "Hit",
    "IndexReport",
    "KeptLabels",
    "RecommendOptions",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "Results",
    "SearchOptions",
    "Share",
    "Store",
    "StoreStatus",
    "annotate",
    "annotate_store",
    "captions_of",
    "classification_report",
    "classifier",
    "classify",
    "default_store",
    "find_frame",
    "keep_labels",
    "learn_history",
    "learn_prompt",
    "refresh_fields",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Annotation": "isthmus.tasks.zeroshot.annotate",
        "Classification": "isthmus.tasks.zeroshot.results",
        "ClassificationReport": "isthmus.tasks.zeroshot.reporting.model",
        "ClassifyOptions": "isthmus.tasks.zeroshot.options",
        "annotate": "isthmus.tasks.zeroshot.annotate",
        "annotate_store": "isthmus.tasks.zeroshot.stored",
        "captions_of": "isthmus.tasks.zeroshot.generated",
        "classification_report": "isthmus.tasks.zeroshot.reporting.build",
        "classifier": "isthmus.tasks.zeroshot.classify",
        "classify": "isthmus.tasks.zeroshot.classify",
        "HistoryReport": "isthmus.tasks.recommend.history",
        "RecommendOptions": "isthmus.tasks.recommend.options",
        "Recommendation": "isthmus.tasks.recommend.results",
        "Recommendations": "isthmus.tasks.recommend.results",
        "Recommender": "isthmus.tasks.recommend.recommender",
        "learn_history": "isthmus.tasks.recommend.history",
        "Hit": "isthmus.tasks.retrieval.hits",
        "Forgotten": "isthmus.tasks.retrieval.report",
        "FoundFrame": "isthmus.tasks.retrieval.find_frame",
        "FramesFound": "isthmus.tasks.retrieval.find_frame",
        "find_frame": "isthmus.tasks.retrieval.find_frame",
        "IndexReport": "isthmus.tasks.retrieval.report",
        "KeptLabels": "isthmus.tasks.zeroshot.stored",
        "refresh_fields": "isthmus.tasks.retrieval.refreshing",
        "Results": "isthmus.tasks.retrieval.hits",
        "SearchOptions": "isthmus.tasks.retrieval.options",
        "Share": "isthmus.tasks.retrieval.hits",
        "Store": "isthmus.tasks.retrieval.store",
        "StoreStatus": "isthmus.tasks.retrieval.report",
        "default_store": "isthmus.tasks.retrieval.given",
        "keep_labels": "isthmus.tasks.zeroshot.stored",
        "learn_prompt": "isthmus.tasks.prompting",
    },
)
