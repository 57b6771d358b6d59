"""Search: a query of any modality against a store, hits of all views fairly merged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus.core.view import Direction
from isthmus.core.wording import way
from isthmus.prompts.prompt import Prompt
from isthmus.space import PretrainedReport, Space, SpaceReport
from isthmus.store import Backend
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.folded import distinct, one_each
from isthmus.tasks.retrieval.hits import FAINT, Hit, Results
from isthmus.tasks.retrieval.named import texts_of, with_named
from isthmus.tasks.retrieval.nearest import FUSED, nearest
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.reasons import nothing_there
from isthmus.tasks.retrieval.unfinished import unfinished
from isthmus.tasks.retrieval.within import thing_named


def search(
    space: Space,
    backend: Backend,
    query: Prompt,
    options: SearchOptions,
    folder: Path | None = None,
) -> Results:
    """Find the items of a store that match a query; see :meth:`isthmus.tasks.Store.search`.

    Args:
        space: Of the store.
        backend: Where its items are.
        query: What is looked for.
        options: How to search.
        folder: Of the store, where it lies on disk: messages name it.

    Raises:
        InputError: If the space has no view of a name, or an item of the query is not in the
            store or cannot be encoded.
    """
    options.check_views(space.views)
    rows = backend.snapshot()
    thing = "" if options.within is None else thing_named(rows, options.within, folder)
    encoded = EncodedQuery.of(space, rows, query, options, within=thing)
    ranked: list[list[Hit]] = []
    depths: list[float | None] = []
    uncalibrated: list[Direction] = []
    weak: list[Direction] = []
    sure = False
    texts = texts_of(encoded, sought=True) if options.words else []
    wanted = options.views or space.views
    for view in (v for v in wanted if encoded.sizes.get(v)):
        hits = nearest(encoded, view)
        uncalibrated += encoded.uncalibrated(view)
        weak += encoded.weak(view)
        sure = sure or any(hit.passes for hit in hits[: options.k])
        ranked.append(hits)
        depths.append(encoded.depth(view))
    hits = merged(ranked, depths)
    if texts:
        best = {hit.id for some in ranked for hit in some[:FUSED]}
        fused = with_named([hit for hit in hits if hit.id in best], encoded, texts)
        first = {encoded.key(hit.id, hit.view) for hit in fused}
        hits = [*fused, *(hit for hit in hits if encoded.key(hit.id, hit.view) not in first)]
    least = options.min_probability
    if least is not None:
        hits = [h for h in hits if h.named or (h.probability or 0.0) >= least]
    hits = (distinct(hits) if thing else one_each(hits))[: options.k]
    left = unfinished(folder)
    nothing = not hits or not (sure or any(hit.named for hit in hits))
    reason = "" if hits else nothing_there(encoded.rows, options.views, options.filter, left)
    there = {hit.view for hit in hits}
    uncalibrated = [each for each in uncalibrated if each.gallery in there]
    weak = [each for each in weak if not hits or each.gallery in there]
    advice = _advice(encoded, uncalibrated)
    return Results(query, hits, nothing, uncalibrated, weak, advice, reason, left)


def _advice(encoded: EncodedQuery, uncalibrated: Sequence[Direction]) -> str:
    """Why some directions have no probability and how they could get one, as far as is known."""
    if not encoded.prompt.is_calibrated:
        return "probabilities hold for queries without saved prompts and without guides"
    own = [each for each in uncalibrated if each.query == each.gallery]
    others = [each for each in uncalibrated if each not in own]
    said = "probabilities are learned from pairs, and a view has none with itself" if own else ""
    return "; ".join(filter(None, [said, _advice_on_pairs(encoded, others)]))


def _advice_on_pairs(encoded: EncodedQuery, uncalibrated: Sequence[Direction]) -> str:
    """The same of directions between two views."""
    report = encoded.space.report
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
