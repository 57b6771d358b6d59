"""The things of a view that are nearest to a query, each once, and where in them to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isthmus.core.linalg import F32
from isthmus.prompts.prompt import Prompt
from isthmus.space import Space
from isthmus.store import Entry, FoundRows, Reader, is_whole, whole_id
from isthmus.tasks.retrieval.alike import least_alike
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.folded import (
    MOST_SPANS,
    enough,
    first_of_each,
    joined,
    with_spans,
    without_copies,
)
from isthmus.tasks.retrieval.hits import CLEAR, Hit, Standing
from isthmus.tasks.retrieval.options import SearchOptions

FUSED = 10
"""Hits of each view by meaning, and half of the hits by words, that are fused, whatever number is
wanted: so the best five are the first five of the best ten. It is the default number of hits."""
_COPIES = 10
"""Things beyond those that are wanted, since copies are folded."""
_MOST_WITHIN = 1000
"""Spans that a search in one file looks at."""


def nearest(encoded: EncodedQuery, view: str) -> list[Hit]:
    """The best things of one view, best first: as many as are wanted, and those to be fused.

    Args:
        encoded: What is looked for; where it says within which item, its spans are the hits.
        view: Of the space.
    """
    k = max(encoded.options.k, FUSED)
    if encoded.within:
        spans = joined(_parts(encoded, view, encoded.within), spread=True)
        return _ranked(encoded, view, spans[: k + 1])[:k]
    hits = _things(encoded, view, k + 1)
    return placed(encoded, view, _ranked(encoded, view, hits)[:k])


def placed(encoded: EncodedQuery, view: str, hits: Sequence[Hit]) -> list[Hit]:
    """Hits of a view that say where to look in what is long."""
    long = encoded.rows.parts([hit.item for hit in hits], view)
    return [
        with_spans(hit, joined(_parts(encoded, view, hit.item))) if hit.item in long else hit
        for hit in hits
    ]


def judged(encoded: EncodedQuery, entry: Entry, vector: F32) -> Hit:
    """One item as :func:`nearest` would show it, wherever it stands.

    Args:
        encoded: What is looked for.
        entry: What is known of the item.
        vector: ``(dim,)``, its own.
    """
    hubness = encoded.space.hubness(vector[None], entry.view)
    hit = encoded.hits(FoundRows([entry], vector[None], hubness), entry.view)[0]
    if not encoded.sizes.get(entry.view):
        return hit
    shown = {each.item: each.standing for each in nearest(encoded, entry.view)}
    return replace(hit, standing=shown.get(whole_id(entry.id)))


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges one item for a prompt as a search does.

    Attributes:
        encoded: What is looked for, and where.
        entry: The item.
        held: Its vector in the store, which counts for any other; None where it is not there.
    """

    encoded: EncodedQuery
    entry: Entry
    held: F32 | None = None

    @property
    def searched(self) -> int:
        """Among how many items of its view; 0 where there are none, as without a store."""
        return self.encoded.sizes.get(self.entry.view, 0)

    def __call__(self, vector: F32) -> Hit:
        """What a search says of the item, by the vector ``(dim,)`` that was made of it."""
        return judged(self.encoded, self.entry, vector if self.held is None else self.held)


def judging(
    space: Space, rows: Reader, prompt: Prompt, entry: Entry, asked_as: Sequence[str] = ()
) -> Judge:
    """What judges one item for a prompt as a search does.

    Args:
        space: Of the store.
        rows: Of the store.
        prompt: What is sought.
        entry: The item; where the store holds it, its own vector counts.
        asked_as: Views of the parts that name none.
    """
    encoded = EncodedQuery.of(space, rows, prompt, SearchOptions(asked_as=asked_as))
    return Judge(encoded, entry, rows.vectors([entry.id]).get(entry.id))


def _things(encoded: EncodedQuery, view: str, k: int) -> list[Hit]:
    """The best ``k`` things of a view, each by its best row, without copies."""
    rows, folds = encoded.rows, not encoded.options.all_copies
    wanted = k + _COPIES * folds
    least = wanted + len(encoded.own) if encoded.is_single else max(wanted, encoded.candidates)
    if len(rows) > rows.things:
        least *= 2  # what has many parts stands lower once its luck is taken off
    found = enough(lambda n: encoded.search(view, n), least, encoded.among.get(view, 0))
    found = found.take([i for i, name in enumerate(found.ids) if not encoded.is_own(name)])
    found = found.take(first_of_each(found.ids, 1 if encoded.is_single else MOST_SPANS))
    hits = encoded.hits(found, view)
    hits = [hits[i] for i in first_of_each(hit.id for hit in hits)][:wanted]
    if folds:
        hits = _folded(encoded, hits, dict(zip(found.ids, found.vectors, strict=True)))
    return hits[:k]


def _folded(encoded: EncodedQuery, hits: Sequence[Hit], vectors: Mapping[str, F32]) -> list[Hit]:
    """Hits of a view without copies, by their own vectors and by those of their things."""
    space, things = encoded.space, [hit.item for hit in hits if not is_whole(hit.id)]
    entries = encoded.rows.get(things) if things else {}
    wholes = encoded.rows.vectors(things) if things else {}
    both: dict[str, F32] = {}
    least: dict[str, tuple[float, float]] = {}
    for hit in hits:
        own, known = vectors[hit.id], hit.item in entries
        both[hit.id] = np.stack([own, wholes[hit.item] if known else own])
        view = entries[hit.item].view if known else hit.view
        least[hit.id] = least_alike(space, hit.view), least_alike(space, view)
    return without_copies(hits, both, least)


def _ranked(encoded: EncodedQuery, view: str, hits: Sequence[Hit]) -> list[Hit]:
    """Hits that say how they stand."""
    among = encoded.among.get(view, 0)
    if encoded.within:
        among = encoded.rows.parts([encoded.within], view).get(encoded.within, 1)
    lead = hits[0].prominence - hits[1].prominence if len(hits) > 1 else 0.0
    return [
        replace(hit, standing=Standing(rank, among, rank == 1 and lead >= CLEAR))
        for rank, hit in enumerate(hits, 1)
    ]


def _parts(encoded: EncodedQuery, view: str, thing: str) -> list[Hit]:
    """The best parts of one item, best first; itself where it has none."""
    rows = encoded.search(view, _MOST_WITHIN if encoded.within else MOST_SPANS, thing)
    spans = [i for i, entry in enumerate(rows.entries) if entry.span is not None]
    rows = rows.take([i for i in spans or range(len(rows)) if rows.ids[i] not in encoded.own])
    return encoded.hits(rows, view, lucky=False)
