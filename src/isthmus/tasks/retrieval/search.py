"""Search: a query of any modality against a store, hits of all views fairly merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isthmus.core.errors import InputError
from isthmus.core.view import TEXT, Direction
from isthmus.space import Space
from isthmus.space.readout import Readout, check_readout
from isthmus.store import Backend
from isthmus.store.filters import Filter
from isthmus.tasks.retrieval.encoded_query import Asked
from isthmus.tasks.retrieval.hits import Hit, Results
from isthmus.tasks.retrieval.query import Query

_FUSION = 60
"""k of reciprocal rank fusion, as in the paper."""
_ALL_WORDS = 0.999
_NAMED = 2.0
"""How much the list of those that hold the words counts against the list by meaning."""


def search(
    space: Space,
    backend: Backend,
    query: Query,
    *,
    views: Sequence[str],
    asked_as: Sequence[str] = (),
    k: int = 10,
    where: Filter | None = None,
    min_probability: float | None = None,
    readout: Readout = "instance",
    words: bool = True,
    exact: bool = False,
) -> Results:
    """Find the items of a store that match a query; see :meth:`isthmus.tasks.Store.search`.

    Raises:
        InputError: If ``k`` is below 1, a probability is none, or an item of the query is not
            in the store or cannot be encoded.
    """
    check_readout(readout)
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if min_probability is not None and not 0 <= min_probability <= 1:
        raise InputError(f"a probability lies between 0 and 1, got {min_probability}")
    asked = Asked.of(space, backend, query, readout, asked_as)
    ranked: list[list[Hit]] = []
    uncalibrated: list[Direction] = []
    sure = False
    for view in (m for m in views if asked.sizes.get(m)):
        hits = asked.among(view, k, where=where, exact=exact)
        uncalibrated += asked.uncalibrated(view)
        sure = sure or asked.answered(view, hits)
        ranked.append(hits)
    hits = merged(ranked)
    if words:
        hits = _with_named(hits, asked, backend, k, where, views)
    if min_probability is not None:
        hits = [h for h in hits if h.named or (h.probability or 0.0) >= min_probability]
    hits = hits[:k]
    return Results(
        query, hits, not hits or not (sure or any(hit.named for hit in hits)), uncalibrated
    )


def merged(ranked: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Hits of several views as one list, so that none wins because its scores run higher.

    Where every hit has a calibrated probability, that is what they are ordered by. Else the hit
    comes first whose score stands out most among the scores that the same query gives the
    space's own items of that view; a view keeps its own order then.
    """
    hits = [hit for some in ranked for hit in some]
    if len(ranked) > 1 and all(hit.probability is not None for hit in hits):
        return sorted(hits, key=lambda hit: -(hit.probability or 0.0))
    return sorted(hits, key=lambda hit: -hit.prominence)


def _with_named(
    hits: Sequence[Hit],
    asked: Asked,
    backend: Backend,
    k: int,
    where: Filter | None,
    views: Sequence[str],
) -> list[Hit]:
    """Join hits with items that hold the words of the query, by reciprocal rank fusion.

    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", 2009.
    """
    texts = [
        text
        for term in asked.terms
        if term.item is not None and term.item.modality == TEXT and term.weight > 0
        for text in term.item.captions
    ]
    if not texts:
        return list(hits)
    found = backend.match(" ".join(texts), 2 * k, where=where)
    entries = backend.get([each for each, _ in found])
    own = asked.own
    names = [n for n, _ in found if n in entries and n not in own and entries[n].view in views]
    known = {hit.id: hit for hit in hits}
    for view in dict.fromkeys(entries[n].view for n in names if n not in known):
        some = [n for n in names if n not in known and entries[n].view == view]
        known |= {hit.id: hit for hit in asked.hits(some, view)}
    shares = dict(found)
    full = {name for name, share in found if share >= _ALL_WORDS}
    # Half of the words say far less than half of what all of them do.
    # Those that hold as much of it share a rank: between them, meaning decides.
    ranks: dict[float, int] = {}
    for rank, n in enumerate(names):
        ranks.setdefault(round(shares[n], 6), rank)
    gain = {n: _NAMED * shares[n] ** 4 / (_FUSION + ranks[round(shares[n], 6)]) for n in names}
    place = {hit.id: 1 / (_FUSION + rank) for rank, hit in enumerate(hits)}
    joined = [replace(hit, named=True) if name in full else hit for name, hit in known.items()]
    return sorted(joined, key=lambda hit: -(gain.get(hit.id, 0.0) + place.get(hit.id, 0.0)))
