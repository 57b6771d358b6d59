"""What people ask of a space and a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.tasks.retrieval.hits import Hit, Results
    from isthmus.tasks.retrieval.options import SearchOptions
    from isthmus.tasks.retrieval.query import Query, Term
    from isthmus.tasks.retrieval.report import Forgotten, IndexReport
    from isthmus.tasks.retrieval.store import Store, StoreStatus, default_store
    from isthmus.tasks.zeroshot.annotate import Annotation, annotate
    from isthmus.tasks.zeroshot.classify import classifier, classify
    from isthmus.tasks.zeroshot.options import ClassifyOptions
    from isthmus.tasks.zeroshot.results import Classification
    from isthmus.tasks.zeroshot.stored import annotate_store

__all__ = [
    "Annotation",
    "Classification",
    "ClassifyOptions",
    "Forgotten",
    "Hit",
    "IndexReport",
    "Query",
    "Results",
    "SearchOptions",
    "Store",
    "StoreStatus",
    "Term",
    "annotate",
    "annotate_store",
    "classifier",
    "classify",
    "default_store",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Annotation": "isthmus.tasks.zeroshot.annotate",
        "Classification": "isthmus.tasks.zeroshot.results",
        "ClassifyOptions": "isthmus.tasks.zeroshot.options",
        "annotate": "isthmus.tasks.zeroshot.annotate",
        "annotate_store": "isthmus.tasks.zeroshot.stored",
        "classifier": "isthmus.tasks.zeroshot.classify",
        "classify": "isthmus.tasks.zeroshot.classify",
        "Hit": "isthmus.tasks.retrieval.hits",
        "Forgotten": "isthmus.tasks.retrieval.report",
        "IndexReport": "isthmus.tasks.retrieval.report",
        "Query": "isthmus.tasks.retrieval.query",
        "Results": "isthmus.tasks.retrieval.hits",
        "SearchOptions": "isthmus.tasks.retrieval.options",
        "Store": "isthmus.tasks.retrieval.store",
        "StoreStatus": "isthmus.tasks.retrieval.store",
        "Term": "isthmus.tasks.retrieval.query",
        "default_store": "isthmus.tasks.retrieval.store",
    },
)
