"""Queries with what they find, picked at random or asked by a person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.core.rows import thin
from isthmus.core.view import TEXT, Direction
from isthmus.report.kit.words import caption_of, language_of, record_caption
from isthmus.report.pages.space.model import QueryExample, ShownItem
from isthmus.space import Space

TOP = 5
MAX_GALLERY = 5000
"""Galleries are thinned out evenly to this many, as in :func:`isthmus.space.evaluate`."""
_SAME = 1 - 1e-5


def records_of(pairs: PairedVectors, dataset: Dataset) -> list[Record]:
    """The record of every row.

    Raises:
        DataError: If a row has no record of its name.
    """
    by_id = {record.id: record for record in dataset.records}
    if len(pairs.ids) != len(pairs):
        raise DataError("the vectors carry no record ids, so their items cannot be shown")
    missing = [name for name in pairs.ids if name not in by_id]
    if missing:
        raise DataError(f"{dataset.name} has no record {missing[0]!r}; give the data set encoded")
    return [by_id[name] for name in pairs.ids]


def examples(
    space: Space, pairs: PairedVectors, dataset: Dataset, *, per_direction: int = 4, seed: int = 0
) -> list[QueryExample]:
    """Queries of every direction with their five best hits, picked at random.

    Args:
        space: What is looked at.
        pairs: Native vectors; records that the space was not trained on. Whether a query
            was is checked against the banks of the space and said on the page.
        dataset: The records of ``pairs``.
        per_direction: Queries each.
        seed: Of the choice.

    Returns:
        Both directions of every two views that some records have together, under the
        ``instance`` read-out, ordered by direction.
    """
    records = records_of(pairs, dataset)
    rng = np.random.default_rng(seed)
    found: list[QueryExample] = []
    for a, b in combinations([m for m in pairs.views if m in space.views], 2):
        rows = thin(pairs.rows(a, b), MAX_GALLERY)
        if len(rows) < 2:
            continue
        x = space.transform(pairs.vectors[a][rows], a)
        y = space.transform(pairs.vectors[b][rows], b)
        scores = space.score(x, a, y, b)
        known = {m: _in_bank(space.banks[m], z) for m, z in ((a, x), (b, y))}
        here = [records[row] for row in rows]
        chosen = np.sort(rng.choice(len(rows), min(per_direction, len(rows)), replace=False))
        for query, gallery, matrix in ((a, b, scores), (b, a, scores.T)):
            seen = known[query] & known[gallery]
            way = Direction(query, gallery)
            found += [_example(here, matrix[i], i, way, seen=bool(seen[i])) for i in chosen]
    return found


def text_queries(
    space: Space,
    texts: Sequence[tuple[str, str]],
    pairs: PairedVectors,
    dataset: Dataset,
    views: Sequence[str],
    *,
    query_view: str | None = None,
) -> list[QueryExample]:
    """What people type, in their languages, against the media of a data set.

    Args:
        space: Which must join text.
        texts: Language as a BCP 47 tag, and the words.
        pairs: Native vectors of what is searched.
        dataset: The records of ``pairs``.
        views: What to look for, one result list each; those not there are left out.
        query_view: What the words are of; default: the only view of text.

    Returns:
        For every text one example a view, with the five best hits.
    """
    asked = query_view or space.view_of(TEXT)
    records = records_of(pairs, dataset)
    items = [MediaItem.from_text(words) for _, words in texts]
    embedded = space.embed(items, asked)
    reasons = {failure.source: failure.reason for failure in embedded.failures}
    found: list[QueryExample] = []
    here = [m for m in views if m in pairs.views and m in space.views]
    galleries = {m: thin(pairs.rows(m), MAX_GALLERY) for m in here}
    vectors = {m: space.transform(pairs.vectors[m][g], m) for m, g in galleries.items() if len(g)}
    for row, ((language, _), item) in enumerate(zip(texts, items, strict=True)):
        if not embedded.ok[row]:
            note = f"could not be used: {reasons.get(item.source, 'unknown reason')}"
            found.append(QueryExample(query=item, direction=None, language=language, note=note))
            continue
        for m, gallery in vectors.items():
            scores = space.score(embedded.vectors[row : row + 1], asked, gallery, m)[0]
            found.append(
                QueryExample(
                    query=item,
                    direction=Direction(asked, m),
                    language=language,
                    note=f"among {len(gallery):,}",
                    found=[
                        _shown(records[galleries[m][i]], m, float(scores[i]), None)
                        for i in _best(scores)
                    ],
                )
            )
    return found


def _example(
    records: Sequence[Record], scores: F32, i: int, way: Direction, *, seen: bool
) -> QueryExample:
    asked, truth = records[i].items[way.query], records[i].items[way.gallery]
    found = []
    for j in _best(scores):
        same = records[j].items[way.gallery].id == truth.id
        found.append(_shown(records[j], way.gallery, float(scores[j]), same))
    rank = 1 + int((scores > scores[i]).sum())
    return QueryExample(
        query=asked,
        direction=way,
        language=language_of(caption_of(asked) or "", records[i].language),
        note=f"True partner at rank {rank:,} of {len(scores):,}.",
        found=found,
        caption=record_caption(records[i]) if asked.modality != TEXT else None,
        trained=seen,
    )


def _shown(record: Record, view: str, score: float, true: bool | None) -> ShownItem:
    caption = record_caption(record)
    language = language_of(caption or "", record.language)
    return ShownItem(record.items[view], score, true, caption, language)


def _best(scores: F32) -> NDArray[np.intp]:
    return np.argsort(-scores, kind="stable")[:TOP]


def _in_bank(bank: F32, x: F32) -> NDArray[np.bool_]:
    """Which rows the bank holds: those the space was trained on."""
    if not len(bank):
        return np.zeros(len(x), dtype=bool)
    seen: NDArray[np.bool_] = (x @ bank.T).max(axis=1) >= _SAME
    return seen
