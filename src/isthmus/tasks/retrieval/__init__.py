"""Finding items by anything, and why they were found."""

from __future__ import annotations

from isthmus.tasks.retrieval.hits import Hit, Results
from isthmus.tasks.retrieval.index import IndexReport
from isthmus.tasks.retrieval.query import Query, Term
from isthmus.tasks.retrieval.store import Store, default_store

__all__ = ["Hit", "IndexReport", "Query", "Results", "Store", "Term", "default_store"]
