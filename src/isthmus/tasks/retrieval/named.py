"""Items that hold the words of a query, joined with those that match it by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isthmus.core.view import TEXT
from isthmus.store import Entry, MatchingRows, whole_id
from isthmus.store.patterns import folded
from isthmus.store.words import words
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.folded import enough, further, span_of
from isthmus.tasks.retrieval.hits import Hit
from isthmus.tasks.retrieval.nearest import FUSED, placed

_FUSION = 60
"""k of reciprocal rank fusion, as in the paper."""
_ALL_WORDS = 0.999
_HALF_THE_WORDS = 0.5
_NAMED = 2.0
"""How much the list of those that hold the words counts against the list by meaning."""


def with_named(hits: Sequence[Hit], encoded: EncodedQuery, texts: Sequence[str]) -> list[Hit]:
    """Join hits with items that hold the words of the query, by reciprocal rank fusion.

    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", 2009.
    """
    rows = _matching(encoded, texts)
    known = {encoded.key(hit.id, hit.view): hit for hit in hits}
    places: dict[str, int] = {}
    for i, entry in enumerate(rows.entries):
        first = places.setdefault(encoded.key(entry.id, entry.view), i)
        if rows.share[i] == rows.share[first] and rows.entries[first].span is None:
            places[encoded.key(entry.id, entry.view)] = i
    shares = {key: float(rows.share[i]) for key, i in places.items()}
    # A passage that holds all the words says better where to look than the nearest by meaning.
    fresh = [
        i
        for key, i in places.items()
        if key not in known or (shares[key] >= _ALL_WORDS and rows.entries[i].span is not None)
    ]
    for view in dict.fromkeys(rows.entries[i].view for i in fresh):
        some = rows.take([i for i in fresh if rows.entries[i].view == view])
        for hit in encoded.hits(some, view):
            if not hit.avoided:
                key = encoded.key(hit.id, view)
                known[key] = _told(encoded, hit, known.get(key))
    shares = {n: share for n, share in shares.items() if n in known and not known[n].avoided}
    # Half of the words say far less than half of what all of them do.
    # Those that hold as much of it share a rank: between them, meaning decides.
    ranks: dict[float, int] = {}
    for rank, share in enumerate(sorted(shares.values(), reverse=True)):
        ranks.setdefault(round(share, 6), rank)
    gain = {
        n: _NAMED * share**4 / (_FUSION + ranks[round(share, 6)]) for n, share in shares.items()
    }
    place = {encoded.key(hit.id, hit.view): 1 / (_FUSION + rank) for rank, hit in enumerate(hits)}
    joined = [
        replace(
            hit,
            named=shares.get(name, 0.0) >= _ALL_WORDS,
            partly_named=_HALF_THE_WORDS <= shares.get(name, 0.0) < _ALL_WORDS,
        )
        for name, hit in known.items()
    ]

    def better(hit: Hit) -> float:
        key = encoded.key(hit.id, hit.view)
        return -(gain.get(key, 0.0) + place.get(key, 0.0))

    return sorted(joined, key=better)


def _told(encoded: EncodedQuery, hit: Hit, known: Hit | None) -> Hit:
    """A hit by its words that says where to look, and what is known of its thing by meaning."""
    if known is None:
        return hit if encoded.within or hit.span else placed(encoded, hit.view, [hit])[0]
    spans = known.spans if known.span is None else (span_of(known), *known.spans)
    others = further(hit, (span for span in spans if span.id != hit.id))
    return replace(hit, standing=known.standing, copies=known.copies, spans=others)


def _matching(encoded: EncodedQuery, texts: Sequence[str]) -> MatchingRows:
    """Rows that hold the words, each thing by its best one."""
    options, within = encoded.options, encoded.within
    wanted = options.views or encoded.space.views

    def ask(k: int) -> MatchingRows:
        return encoded.rows.match(" ".join(texts), k, where=options.filter)

    if within:
        rows = ask(len(encoded.rows))
        several = any(encoded.rows.parts([within], view) for view in wanted)
        mine = [
            i
            for i, entry in enumerate(rows.entries)
            if whole_id(entry.id) == within and (entry.span is not None or not several)
        ]
        rows = rows.take(mine[: 2 * FUSED])
    else:
        rows = enough(ask, 2 * FUSED, 2 * FUSED)
    unwanted = [set(words(folded(text))) for text in texts_of(encoded, sought=False)]
    kept = [
        i
        for i, entry in enumerate(rows.entries)
        if not encoded.is_own(entry.id) and entry.view in wanted and not _holds(entry, unwanted)
    ]
    return rows.take(kept)


def texts_of(encoded: EncodedQuery, *, sought: bool) -> list[str]:
    """The wordings of the content that a prompt looks for in words, or of what it avoids."""
    return [
        text
        for term in encoded.terms
        if term.item is not None and term.item.modality == TEXT and (term.weight > 0) == sought
        if term.part == "content" or not sought
        for text in term.item.captions
    ]


def _holds(entry: Entry, unwanted: Sequence[set[str]]) -> bool:
    """Whether an item holds all words of some text that the query avoids."""
    if not unwanted:
        return False
    held = set(words(folded(entry.text)))
    return any(some and some <= held for some in unwanted)
