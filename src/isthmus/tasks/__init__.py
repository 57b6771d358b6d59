"""What people ask of a space and a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.tasks.retrieval.hits import Hit, Results, Share
    from isthmus.tasks.retrieval.options import SearchOptions
    from isthmus.tasks.retrieval.report import Forgotten, IndexReport
    from isthmus.tasks.retrieval.store import Store, StoreStatus, default_store

__all__ = [
    "Forgotten",
    "Hit",
    "IndexReport",
    "Results",
    "SearchOptions",
    "Share",
    "Store",
    "StoreStatus",
    "default_store",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Hit": "isthmus.tasks.retrieval.hits",
        "Forgotten": "isthmus.tasks.retrieval.report",
        "IndexReport": "isthmus.tasks.retrieval.report",
        "Results": "isthmus.tasks.retrieval.hits",
        "SearchOptions": "isthmus.tasks.retrieval.options",
        "Share": "isthmus.tasks.retrieval.hits",
        "Store": "isthmus.tasks.retrieval.store",
        "StoreStatus": "isthmus.tasks.retrieval.store",
        "default_store": "isthmus.tasks.retrieval.store",
    },
)
