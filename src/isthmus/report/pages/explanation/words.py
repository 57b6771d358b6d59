"""Explanations in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.view import MEDIA_MODALITIES, TEXT
from isthmus.core.wording import count, way
from isthmus.encoders.parts import Cell, Place, Span, Word
from isthmus.report.kit.words import captions_of, hundredths, short_source, signed_share, thing
from isthmus.tasks.retrieval.explain import Explanation, Side
from isthmus.tasks.retrieval.hits import said_shares, said_span

_WORTH = 0.1
"""Share of the score below which a part is not worth a word."""
_NAMED = 3
_LONGEST_NAME = 80
"""Characters of a caption that names a side."""


def sentences(explanation: Explanation) -> list[str]:
    """What an explanation says, most important first.

    Args:
        explanation: Of one query and one item.

    Returns:
        How well they match, what counts on each side, and which training pairs count.
    """
    said = [_match(explanation), *_among(explanation)]
    said += [*_passage(explanation.item), *_shares(explanation)]
    for name, side in (("query", explanation.query), ("item", explanation.item)):
        alike = explanation.query.item.modality == explanation.item.item.modality
        said += _side(name, side, abs(explanation.score), alike=alike)
    return [*said, _pairs(explanation)]


def title(explanation: Explanation) -> str:
    """``"“a red kangaroo” and kangaroo.png"``."""
    return " and ".join(name_of(side) for side in (explanation.query, explanation.item))


def name_of(side: Side) -> str:
    """A short name: the caption in quotes, or the file and the place in it."""
    captions = captions_of(side.item)
    if side.item.span is not None and side.item.modality == TEXT:
        return f"{_short(short_source(side.item))} {said_span(side.item.span, TEXT)}"
    if not captions:
        return short_source(side.item)
    more = f" and {count(len(captions) - 1, 'caption')} more" if len(captions) > 1 else ""
    return f"“{_short(captions[0])}”{more}"


def _short(text: str) -> str:
    """A text on one line, which ends early where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_NAME else f"{flat[:_LONGEST_NAME].rstrip()} …"


def kind_of(side: Side) -> str:
    """What its parts are: ``"cells"``, ``"spans"``, ``"words"``, ``"captions"``."""
    first = side.places[0]
    if isinstance(first, Word):
        several = any(place.caption for place in side.places if isinstance(place, Word))
        return "captions" if several else "words"
    return "cells" if isinstance(first, Cell) else "spans"


def short_id(name: str) -> str:
    """What to call a record: its caption where its id is "caption (path)", else the last of a path.

    Examples:
        >>> short_id("A red kangaroo. (animals/kangaroo)"), short_id("zoo/red_fox")
        ('A red kangaroo', 'red_fox')
    """
    caption, bracket, _ = name.rpartition(" (")
    if bracket and name.endswith(")"):
        return caption.rstrip(".")
    return name.rpartition("/")[2]


def where(places: Sequence[Place], values: Sequence[float]) -> str:
    """Which ninth of a picture counts most, or which seconds of a sound.

    Args:
        places: Cells or spans.
        values: What they add.
    """
    spans = [(p, v) for p, v in zip(places, values, strict=True) if isinstance(p, Span)]
    if spans:
        best = max((pair for pair in spans if not pair[0].padding), key=lambda pair: pair[1])[0]
        return f"{best.start:.1f} to {best.end:.1f} s"
    cells = [(p, v) for p, v in zip(places, values, strict=True) if isinstance(p, Cell)]
    inside = [(p, v) for p, v in cells if not p.padding]
    least = max(v for _, v in inside) / 2
    weights = np.array([v if v >= least else 0.0 for _, v in inside])
    middles = np.array([[p.box[0] + p.box[2], p.box[1] + p.box[3]] for p, _ in inside]) / 2
    across, down = weights @ middles / max(weights.sum(), 1e-12)
    side = ("left", "", "right")[min(int(across * 3), 2)]
    height = ("top", "", "bottom")[min(int(down * 3), 2)]
    return " ".join(filter(None, (height, side))) or "middle"


def _match(explanation: Explanation) -> str:
    number = f"{explanation.score:.2f}".replace("-", "−")
    several = len(explanation.judgement.shares) > 1
    score = (
        f"score of {name_of(explanation.query)} is {number}" if several else f"score is {number}"
    )
    said = f"The {score}"
    if explanation.probability is not None:
        likely = explanation.judgement.words
        match = "to match" if likely == "unlikely" else "a match"
        standing = explanation.judgement.standing
        known = (explanation.judgement.percent, "" if standing is None else str(standing))
        more = f" ({', '.join(filter(None, known))})" if any(known) else ""
        said = f"{likely[0].upper()}{likely[1:]} {match}{more}: the {score}"
    if np.isnan(explanation.above):
        return f"{said}."
    item, view = explanation.item.item, explanation.item.view
    media = item.modality in MEDIA_MODALITIES
    named = f"{thing(item.modality)}s" if media else f"rows of {view}"
    within = f" in the view {view}" if media and view != item.modality else ""
    things = f"{named} in the training data{within}"
    if explanation.above >= 1:
        return f"{said}, higher than for any of the {things}."
    share = hundredths(explanation.above)
    many = "nearly all" if share == "100" else f"{share} of 100"
    return f"{said}, higher than for {many} {things}."


def _among(explanation: Explanation) -> list[str]:
    """What the probability is among, where no store says it."""
    if not explanation.assumed or explanation.probability is None:
        return []
    said = f"The probability is as if among {count(explanation.among, 'item')}, as in calibration"
    if explanation.stored:
        return [f"{said}: the store holds no items of the view {explanation.item.view}."]
    store = way(python="explain with a Store of it", shell="name it with --store DIR")
    return [f"{said}. For that of a search of a store, {store}."]


def _passage(side: Side) -> list[str]:
    """Which part of a long text is compared."""
    item = side.item
    if item.span is None or item.modality != TEXT:
        return []
    where = said_span(item.span, TEXT)
    return [f"This is the passage {where} of {_short(short_source(item))}, not all of it."]


def _shares(explanation: Explanation) -> list[str]:
    """What each part of a prompt of several adds."""
    judged = explanation.judgement
    if len(judged.shares) < 2:
        return []
    return [f"By part, the item is ranked by {said_shares(judged)}."]


def _side(name: str, side: Side, score: float, *, alike: bool) -> list[str]:
    """What counts in one side; which side it is, is told where both are alike."""
    own = f"{name}'s " if alike else ""
    if not side.places:
        return [f"The {name} cannot be split into parts: {side.method}."]
    told = [
        i for i, place in enumerate(side.places) if not isinstance(place, Word) or not place.whole
    ]
    most, least = (told[int(f(side.values[told]))] for f in (np.argmax, np.argmin))
    if side.values[most] <= 0:
        return [f"No part of the {name} supports the match."]
    if not isinstance(side.places[0], Word):
        said = f"In the {own}{thing(side.item.modality)}, {_the(side)} counts most"
        if abs(side.padding) > _WORTH * score:
            said += f"; the padding around it adds {signed_share(side.padding)}"
        return [f"{said}."]
    if len(side.places) == 1:
        return []
    best = side.places[most].label
    said = f"Of the {own}{kind_of(side)}, “{best}” counts most ({signed_share(side.values[most])})"
    if -side.values[least] > _WORTH * score:
        against = side.places[least].label
        said += f"; “{against}” counts against it ({signed_share(side.values[least])})"
    return [f"{said}."]


def _the(side: Side) -> str:
    found = where(side.places, list(side.values))
    return found if isinstance(side.places[0], Span) else f"the {found}"


def _pairs(explanation: Explanation) -> str:
    support = explanation.pairs
    if not support.ids:
        return "No training record has both views, so no training pair explains the score."
    strong = [p for p in explanation.leaning(_NAMED) if p.value > _WORTH * abs(explanation.score)]
    if not strong:
        return (
            f"No training pair counts much. Each of the {len(support.ids)} pairs counts a little."
        )
    verb = "s" if len(strong) == 1 else ""
    names = ", ".join(f"{short_id(pair.id)} ({signed_share(pair.value)})" for pair in strong)
    return f"{count(len(strong), 'training pair')} count{verb} most: {names}."
