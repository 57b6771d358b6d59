"""Why there is nothing to look among: no item of a view, or none that passes a filter."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.wording import did_you_mean
from isthmus.store import Reader
from isthmus.store.filters import Filter
from isthmus.store.patterns import folded


def nothing_there(
    rows: Reader, views: Sequence[str], where: Filter | None, unfinished: str = ""
) -> str:
    """Why no item of a store can be found, whatever is asked.

    Args:
        rows: The store as it is at one moment.
        views: That are looked in; empty for all.
        where: That items have to pass; None for all items.
        unfinished: Which indexing run has not finished; empty if all have.

    Returns:
        What is missing and what there is; empty where some item can be found.
    """
    sizes = {view: n for view, n in rows.count().items() if n}
    if not sizes:
        if unfinished:
            return f"the store is empty: {unfinished}"
        return "the store is empty; fill it with: isthmus index PATHS"
    of = f" of {' or '.join(views)}" if views else ""
    if views and not any(sizes.get(view) for view in views):
        there = ", ".join(f"{view} {n:,}" for view, n in sorted(sizes.items()))
        return f"the store holds no item{of}; it holds: {there}"
    if where is None or any(rows.count(where).get(view) for view in views or sizes):
        return ""
    return f"no item{of} passes the filter {where.text!r}{_missing_label(rows, where)}"


def _missing_label(rows: Reader, where: Filter) -> str:
    """The first label of a filter that no item has, and what may be meant; empty without one."""
    known = {name for entry in rows.entries() for name, _ in entry.labels} if where.labels else ()
    same = set(map(folded, known))
    for name in where.labels:
        if folded(name) not in same:
            return f": no item has the label {name!r}.{did_you_mean(name, known)}".removesuffix(".")
    return ""
