"""Search: a query of any modality against a store, hits of all views fairly merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isthmus.core.view import TEXT, Direction
from isthmus.core.wording import way
from isthmus.prompts.prompt import Prompt
from isthmus.space import PretrainedReport, Space, SpaceReport
from isthmus.store import Backend, Entry
from isthmus.store.patterns import folded
from isthmus.store.words import words
from isthmus.tasks.retrieval.encoded_query import FUSED, EncodedQuery
from isthmus.tasks.retrieval.hits import FAINT, Hit, Results
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.reasons import nothing_there

_FUSION = 60
"""k of reciprocal rank fusion, as in the paper."""
_ALL_WORDS = 0.999
_HALF_THE_WORDS = 0.5
_NAMED = 2.0
"""How much the list of those that hold the words counts against the list by meaning."""


def search(space: Space, backend: Backend, query: Prompt, options: SearchOptions) -> Results:
    """Find the items of a store that match a query; see :meth:`isthmus.tasks.Store.search`.

    Raises:
        InputError: If the space has no view of a name, or an item of the query is not in the
            store or cannot be encoded.
    """
    options.check_views(space.views)
    encoded = EncodedQuery.of(space, backend.snapshot(), query, options)
    ranked: list[list[Hit]] = []
    depths: list[float | None] = []
    uncalibrated: list[Direction] = []
    weak: list[Direction] = []
    sure = False
    texts = _texts(encoded, sought=True) if options.words else []
    for view in (v for v in options.views or space.views if encoded.sizes.get(v)):
        hits = encoded.nearest(view)
        uncalibrated += encoded.uncalibrated(view)
        weak += encoded.weak(view)
        sure = sure or any(hit.passes for hit in hits[: options.k])
        ranked.append(hits)
        depths.append(encoded.depth(view))
    hits = merged(ranked, depths)
    if texts:
        best = {hit.id for some in ranked for hit in some[:FUSED]}
        fused = _with_named([hit for hit in hits if hit.id in best], encoded, texts)
        first = {hit.id for hit in fused}
        hits = [*fused, *(hit for hit in hits if hit.id not in first)]
    least = options.min_probability
    if least is not None:
        hits = [h for h in hits if h.named or (h.probability or 0.0) >= least]
    hits = hits[: options.k]
    nothing = not hits or not (sure or any(hit.named for hit in hits))
    reason = "" if hits else nothing_there(encoded.rows, options.views, options.filter)
    advice = _advice(encoded, uncalibrated)
    return Results(query, hits, nothing, uncalibrated, weak, advice, reason)


def _advice(encoded: EncodedQuery, uncalibrated: Sequence[Direction]) -> str:
    """How the space could get probabilities for some directions, as far as it says."""
    report = encoded.space.report
    if not encoded.prompt.is_calibrated:
        return "probabilities were learned for prompts without saved prompts and guides"
    if uncalibrated and isinstance(report, PretrainedReport):
        return "this space has seen no pairs of these views: make it again with some: " + way(
            python="from_pretrained(model, data)", shell="isthmus align DATA --pretrained …"
        )
    if not uncalibrated or not isinstance(report, SpaceReport):
        return ""
    if report.settings.budget is not None and not encoded.space.calibration:
        return "the budget ended before they were learned: make the space again with a larger one"
    return "probabilities need held-out records that have both views: make the space from more"


def merged(
    ranked: Sequence[Sequence[Hit]], depths: Sequence[float | None] | None = None
) -> list[Hit]:
    """Hits of several views as one list, so that none wins because its scores run higher.

    Where every hit has a calibrated probability, that is what they are ordered by. It is not sure
    enough to order what is hardly likely, and partners of some views stand deeper than those of
    others: a picture is seldom the first of its view. So views take turns below :data:`FAINT`, and
    each gets as many as its held-out partners stand deep: a hit comes by its place in its view,
    divided by the mean place of partners there.

    Where a probability is missing, the hit comes first whose score stands out most among the scores
    that the same query gives the space's own items of that view; a view keeps its own order then.

    Args:
        ranked: Hits of each view, best first.
        depths: Of each view, the mean place of held-out partners; where one is not known, the
            probability orders what is faint, too.
    """
    hits = [hit for some in ranked for hit in some]
    if len(ranked) < 2 or any(hit.probability is None for hit in hits):
        return sorted(hits, key=lambda hit: -hit.prominence)
    known = [depth for depth in depths or () if depth is not None]
    turns: dict[str, float] = {}
    if len(known) == len(ranked):
        for some, depth in zip(ranked, known, strict=True):
            turns |= {hit.id: place / depth for place, hit in enumerate(some, 1)}

    def key(hit: Hit) -> tuple[float, float, float]:
        p = hit.probability or 0.0
        return (0.0, turns[hit.id], -p) if turns and p < FAINT else (-p, 0.0, 0.0)

    return sorted(hits, key=key)


def _with_named(hits: Sequence[Hit], encoded: EncodedQuery, texts: Sequence[str]) -> list[Hit]:
    """Join hits with items that hold the words of the query, by reciprocal rank fusion.

    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", 2009.
    """
    options, own = encoded.options, encoded.own
    wanted = options.views or encoded.space.views
    rows = encoded.rows.match(" ".join(texts), 2 * FUSED, where=options.filter)
    rows = rows.take(
        [i for i, e in enumerate(rows.entries) if e.id not in own and e.view in wanted]
    )
    unwanted = [set(words(folded(text))) for text in _texts(encoded, sought=False)]
    rows = rows.take([i for i, e in enumerate(rows.entries) if not _holds(e, unwanted)])
    known = {hit.id: hit for hit in hits}
    fresh = [i for i, entry in enumerate(rows.entries) if entry.id not in known]
    for view in dict.fromkeys(rows.entries[i].view for i in fresh):
        some = rows.take([i for i in fresh if rows.entries[i].view == view])
        known |= {hit.id: hit for hit in encoded.hits(some, view) if not hit.avoided}
    shares = dict(zip(rows.ids, rows.share.tolist(), strict=True))
    shares = {n: share for n, share in shares.items() if n in known and not known[n].avoided}
    # Half of the words say far less than half of what all of them do.
    # Those that hold as much of it share a rank: between them, meaning decides.
    ranks: dict[float, int] = {}
    for rank, share in enumerate(shares.values()):
        ranks.setdefault(round(share, 6), rank)
    gain = {
        n: _NAMED * share**4 / (_FUSION + ranks[round(share, 6)]) for n, share in shares.items()
    }
    place = {hit.id: 1 / (_FUSION + rank) for rank, hit in enumerate(hits)}
    joined = [
        replace(
            hit,
            named=shares.get(name, 0.0) >= _ALL_WORDS,
            partly_named=_HALF_THE_WORDS <= shares.get(name, 0.0) < _ALL_WORDS,
        )
        for name, hit in known.items()
    ]
    return sorted(joined, key=lambda hit: -(gain.get(hit.id, 0.0) + place.get(hit.id, 0.0)))


def _texts(encoded: EncodedQuery, *, sought: bool) -> list[str]:
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
