"""What people ask of a space and a store."""

from __future__ import annotations

from isthmus.tasks.hits import Hit, Results
from isthmus.tasks.index import IndexReport
from isthmus.tasks.query import Query, Term
from isthmus.tasks.store import Store, default_store

__all__ = ["Hit", "IndexReport", "Query", "Results", "Store", "Term", "default_store"]
