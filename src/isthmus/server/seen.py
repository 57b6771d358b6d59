"""Entries and hits as the API hands them out, with what belongs to the whole of a part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isthmus.server import recommend_schemas, schemas
from isthmus.server.previews import Previews
from isthmus.store import Entry, whole_id
from isthmus.tasks import Hit, Recommendation
from isthmus.tasks.retrieval.excerpts import shown_text
from isthmus.tasks.retrieval.hits import HitSpan

Get = Callable[[list[str]], Mapping[str, Entry]]
"""Entries by id, as a store hands them out."""
_TEXT_SHOWN, _PART_SHOWN = 300, 80
"""Characters of a hit, and of a further part of its file."""


class Seen:
    """What can be told of some items of a store.

    Args:
        ids: Of the items.
        get: Finds entries by id.
        previews: Tell shape and duration; None where nobody asks for them.
    """

    def __init__(self, ids: Iterable[str], get: Get, previews: Previews | None = None) -> None:
        wholes = {whole_id(each) for each in ids}
        self._wholes = dict(get(list(wholes)))
        self._previews = previews

    def found(self, hit: Hit, sought: Set[str] = frozenset()) -> schemas.FoundItem:
        """A hit, with the stretches of its text that hold some of the words that are sought."""
        seen = self._seen(hit) | {"text": shown_text(hit.text, sought, _TEXT_SHOWN)}
        return schemas.FoundItem(
            **seen,
            cosine=hit.cosine,
            score=hit.score,
            probability=hit.probability,
            words=hit.words,
            named=hit.named,
            partly_named=hit.partly_named,
            standing=None if hit.standing is None else schemas.Standing(**asdict(hit.standing)),
            said=hit.said,
            spans=[_span(span, sought) for span in hit.spans],
            copies=list(hit.copies),
            shares=[schemas.Share(**asdict(share)) for share in hit.shares],
        )

    def recommended(self, made: Recommendation) -> recommend_schemas.RecommendedItem:
        """A recommendation."""
        return recommend_schemas.RecommendedItem(
            **self._seen(made.hit),
            score=made.score,
            because=made.said,
            reasons=[
                recommend_schemas.Because.model_validate(asdict(each)) for each in made.reasons
            ],
            rest=made.rest,
            new=made.new,
        )

    def item(self, entry: Entry) -> schemas.Item:
        """An entry."""
        seen = self._seen(entry) | {"text": entry.text}
        return schemas.Item(**seen, added=entry.added, size=entry.size)

    def _seen(self, one: Hit | Entry) -> dict[str, Any]:
        """What both have in common."""
        whole = self._wholes.get(whole_id(one.id))
        fields = dict(one.fields) or ({} if whole is None else dict(whole.fields))
        known: dict[str, float | None] = {}
        if whole is not None and self._previews is not None:
            known = {
                "aspect": self._previews.aspect(whole),
                "seconds": self._previews.seconds(whole),
            }
        return {
            "id": one.id,
            "view": one.view,
            "modality": one.modality,
            "name": Path(one.source).name,
            "source": one.source,
            "text": one.text[:_TEXT_SHOWN],
            "gone": one.gone,
            "span": one.span,
            "labels": labels(one.labels),
            "origin": one.origin,
            "whole": one.id if whole is None else whole.id,
            "whole_modality": one.modality if whole is None else whole.modality,
            "fields": fields,
            **known,
        }


def _span(span: HitSpan, sought: Set[str]) -> schemas.Span:
    return schemas.Span(
        id=span.id,
        start=span.start,
        stop=span.stop,
        probability=span.probability,
        passes=span.passes,
        words=span.words,
        text=shown_text(span.text, sought, _PART_SHOWN),
    )


def labels(given: Sequence[tuple[str, float]]) -> list[schemas.Label]:
    """Labels of an item."""
    return [schemas.Label(label=name, probability=probability) for name, probability in given]
