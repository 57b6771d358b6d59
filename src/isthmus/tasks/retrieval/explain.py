"""Why a query and an item score what they score, in parts that sum to the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress, image_side_of, sampling_of
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.view import TEXT, Direction
from isthmus.encoders.parts import (
    AdditiveParts,
    Cell,
    Parts,
    Place,
    Span,
    parts_of,
)
from isthmus.pipeline import WORKERS
from isthmus.prompts.japanese import in_both_spellings
from isthmus.prompts.prompt import Prompt
from isthmus.prompts.term import Term
from isthmus.space import Space
from isthmus.space.things import as_item
from isthmus.store import Entry, MemoryBackend
from isthmus.tasks.retrieval.attribution import (
    MOST_PARTS,
    Attribution,
    attribute,
    in_focus,
    with_around,
)
from isthmus.tasks.retrieval.hits import Hit
from isthmus.tasks.retrieval.nearest import Judge, judging
from isthmus.tasks.retrieval.part import Part
from isthmus.tasks.retrieval.spans import in_spans
from isthmus.tasks.retrieval.support import Support, TrainingPair, paired, support

Thing = str | Path | MediaItem | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two things that were compared, and what its parts add to the score.

    ``baseline + values.sum()`` is the score, where there are parts.

    Attributes:
        item: What it is.
        view: Of the space.
        places: Where its parts lie; empty where its encoder cannot say.
        values: ``(p,)``, what each part adds given the other side.
        errors: ``(p,)``, standard errors of the values where orders were sampled, else 0.
        baseline: What the score is without any part.
        method: How the values were found; where there are none, why.
    """

    item: MediaItem
    view: str
    places: Sequence[Place]
    values: F64
    errors: F64
    baseline: float
    method: str

    @property
    def padding(self) -> float:
        """What parts that are no part of the original add together."""
        return float(sum(v for p, v in zip(self.places, self.values, strict=True) if p.padding))

    def strongest(self, count: int = 3) -> list[tuple[Place, float]]:
        """The parts that add most, best first."""
        order = np.argsort(-self.values, kind="stable")[:count]
        return [(self.places[i], float(self.values[i])) for i in order]

    def to_json(self) -> dict[str, object]:
        """For machines."""
        rows = zip(self.places, self.values, self.errors, strict=True)
        return {
            "source": self.item.source,
            "view": self.view,
            "modality": self.item.modality,
            "baseline": self.baseline,
            "method": self.method,
            "parts": [
                {**_place(place), "value": float(value), "error": float(error)}
                for place, value, error in rows
            ],
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """A score and what it is made of.

    Attributes:
        score: The cosine in the space, of the part of the prompt that is explained.
        judgement: What a search says of the item: how likely it is, how it stands, and what each
            part of the prompt adds to the score by which items are ranked.
        above: Share of the training items of the item's view that score less.
        query: Parts of the query given the item.
        item: Parts of the item given the query.
        pairs: The score as a sum over training pairs.
        among: Number of items that the probability is a choice among.
        assumed: Whether these are as many as in calibration, since no store holds any of the view.
        stored: Whether a store was asked: one on disk, or one with items.
    """

    score: float
    judgement: Hit
    above: float
    query: Side
    item: Side
    pairs: Support
    among: int
    assumed: bool
    stored: bool = False

    @property
    def probability(self) -> float | None:
        """That the item is what the query asks for; None where the space cannot say."""
        return self.judgement.probability

    def leaning(self, count: int = 10) -> list[TrainingPair]:
        """The training pairs that count most, for or against."""
        return self.pairs.strongest(count)

    def to_json(self, *, count: int = 10) -> dict[str, object]:
        """For machines, with the ``count`` strongest training pairs."""
        listed = self.leaning(count)
        rest = float(self.pairs.values.sum()) - sum(pair.value for pair in listed)
        return {
            "score": self.score,
            "probability": self.probability,
            "words": self.judgement.words,
            "among": self.among,
            "assumed": self.assumed,
            "standing": None
            if self.judgement.standing is None
            else asdict(self.judgement.standing),
            "above": self.above,
            "ranked_by": self.judgement.score,
            "shares": [asdict(share) for share in self.judgement.shares],
            "query": self.query.to_json(),
            "item": self.item.to_json(),
            "pairs": {
                "listed": [pair.to_json() for pair in listed],
                "others": rest,
                "residual": self.pairs.residual,
                "count": len(self.pairs.ids),
            },
        }


def explained(prompt: Prompt) -> Term:
    """The part of a prompt that is explained: the first item that is looked for.

    Raises:
        InputError: If there is none, but saved prompts.
    """
    for term in prompt.terms:
        if term.weight > 0 and not term.guides and not term.saved:
            return term
    raise InputError(
        f"{prompt} looks for saved prompts only, and an explanation needs words or an item; add one"
    )


def passage_meant(
    space: Space, query: Thing, query_view: str, item: MediaItem, item_view: str
) -> MediaItem:
    """Of a long text, the passage that matches a query best; any other item as it is.

    Args:
        space: The space.
        query: A text, a path, a vector or an item.
        query_view: Of the query.
        item: What it is compared with.
        item_view: Of the item.

    Raises:
        InputError: If one of the two cannot be used.
        MediaError: If the text cannot be read, or is longer than what is searched by passage.
    """
    if item.modality != TEXT or isinstance(item.payload, np.ndarray):
        return item
    passages = [part.item for part in in_spans(Part(item, item_view, item.id), space)][1:]
    if not passages:
        return item
    asked = space.embed([_as_asked(space, query, query_view)], query_view).vectors[0]
    found = space.embed(passages, item_view).vectors @ asked
    return passages[int(found.argmax())]


def explain(
    space: Space,
    query: Thing,
    query_view: str,
    item: Thing,
    item_view: str,
    *,
    judge: Judge | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Explanation:
    """Say which parts of a query and an item, and which training pairs, make their score.

    The score is the cosine in the space. Each of the three accounts sums to it. Of a long text
    the words of the stretches that count most are parts, and so is what lies around them, whole.

    Args:
        space: The space.
        query: A text, a path, a vector or an item.
        query_view: Of the query.
        item: What it is compared with.
        item_view: Of the item.
        judge: What a search of a store says of the item; default: what it says among as many
            items as the space was calibrated on.
        seed: Of the orders in which parts are put together where they are too many for all.
        progress: Told as parts are weighed; what it raises ends the explanation.

    Returns:
        The explanation.

    Raises:
        InputError: If the space lacks a view, or one of the two cannot be used.
    """
    told = progress or (lambda phase, done, total: None)
    told("encode query", 0, 1)
    asked = _Seen.of(space, _as_asked(space, query, query_view), query_view)
    told("encode query", 1, 1)
    told("encode item", 0, 1)
    known = asked, _Seen.of(space, item, item_view)
    told("encode item", 1, 1)
    q, x = known[0].vector, known[1].vector
    bank_q, bank_x = space.banks[query_view], space.banks[item_view]
    score = float(q @ x)
    judge = judge or _alone(space, known[0], known[1])
    learned = space.calibration.get(Direction(query_view, item_view))
    assumed = learned is not None and not judge.searched
    u, v, ids = paired(bank_q, space.bank_ids[query_view], bank_x, space.bank_ids[item_view])
    return Explanation(
        score,
        judge(x.astype(np.float32)),
        float((bank_x.astype(np.float64) @ q < score).mean()) if len(bank_x) else float("nan"),
        known[0].side(space, x, seed, told),
        known[1].side(space, q, seed, told),
        support(q, x, u, v, ids),
        learned.gallery if learned is not None and assumed else judge.searched,
        assumed,
        any(judge.encoded.sizes.values()),
    )


def _as_asked(space: Space, query: Thing, view: str) -> MediaItem:
    """A query as a search asks it."""
    encoder = space.encoder(view)
    return in_both_spellings(as_item(query, encoder.modality), encoder)


@dataclass(frozen=True, eq=False)
class _Seen:
    """One thing, encoded once, with its parts where its encoder knows any."""

    item: MediaItem
    view: str
    vector: F64
    parts: Parts | None
    reason: str

    @classmethod
    def of(cls, space: Space, thing: Thing, view: str) -> _Seen:
        encoder = space.encoder(view)
        item = as_item(thing, encoder.modality)
        native, parts, reason = taken_apart(encoder, item)
        vector = space.transform(native[None], view)[0].astype(np.float64)
        return cls(item, view, vector, parts, reason)

    def side(self, space: Space, other: F64, seed: int, progress: Progress) -> Side:
        """What its parts add to the cosine with ``other``."""
        none, score = np.zeros(0), float(self.vector @ other)
        found = Attribution(score, none, none, self.reason)
        places: list[Place] = []
        if self.parts is not None:
            head = space.heads[self.view]
            typical = space.typical(self.view).astype(np.float64)

            def worth(native: Array) -> F64:
                return head(native).astype(np.float64) @ other

            parts = in_focus(self.parts, worth, progress)
            found = attribute(head, parts, other, typical, seed=seed, progress=progress)
            found, places = with_around(found, parts, worth, progress)
        return Side(
            self.item,
            self.view,
            places,
            found.values,
            found.errors,
            found.baseline,
            found.method,
        )


def taken_apart(encoder: Encoder, item: MediaItem) -> tuple[F32, Parts | None, str]:
    """The native vector of an item, and what it is made of.

    Args:
        encoder: Of the item.
        item: It itself.

    Returns:
        ``(dim,)``; its parts, None where the encoder cannot say; and why not.

    Raises:
        MediaError: If it cannot be encoded.
    """
    side, sampling = image_side_of(encoder), sampling_of(encoder)
    decoded = WORKERS.decode(item, image_side=side, sampling=sampling)
    try:
        prepared = encoder.prepare(decoded)
    except MediaError:
        raise
    except InputError as error:
        raise MediaError(item.source, str(error)) from error
    parts, reason = None, ""
    try:
        parts = _few(parts_of(encoder, decoded))
    except InputError as error:
        reason = str(error)
    # Of an additive split the total is what the encoder gives, so it need not run again.
    if isinstance(parts, AdditiveParts):
        return parts.total.astype(np.float32), parts, reason
    return encoder.encode([prepared])[0], parts, reason


def _few(parts: Parts) -> Parts:
    """Parts that are not too many to be weighed.

    Raises:
        InputError: If they are.
    """
    if len(parts.places) > MOST_PARTS:
        raise InputError(
            f"{len(parts.places):,} parts are too many; at most {MOST_PARTS} can be weighed"
        )
    return parts


def _alone(space: Space, query: _Seen, item: _Seen) -> Judge:
    """What judges an item where there is no store."""
    rows = MemoryBackend(space.dim, space.views).snapshot()
    asked = Prompt(Term(query.item, view=query.view))
    entry = Entry(item.item.id, item.view, item.item.modality, item.item.source)
    return judging(space, rows, asked, entry)


def _place(place: Place) -> dict[str, object]:
    if isinstance(place, Cell):
        where: dict[str, object] = {
            "row": place.row,
            "column": place.column,
            "box": list(place.box),
        }
    elif isinstance(place, Span):
        where = {"start": place.start, "end": place.end}
    else:
        where = {"text": place.text, "caption": place.caption}
    return {**where, "padding": place.padding}
