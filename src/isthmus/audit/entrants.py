"""Which encoders take part in a comparison: each is tried on a few items and timed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from isthmus.audit.cost import EncoderCost, cost_of
from isthmus.core.contracts import Encoder, Progress, untold
from isthmus.core.errors import DataError, IsthmusError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.core.wording import count, way
from isthmus.encoders import default_for, missing_packages, modalities
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.encode import left_to_encode
from isthmus.pipeline.prepared import encoder_for

CANDIDATES: Mapping[str, tuple[str, ...]] = {
    TEXT: ("universal", "tfidf"),
    IMAGE: ("efficientnet-lite0", "efficientnet-lite2", "color-hog"),
    AUDIO: ("whisper-tiny", "mfcc"),
}
"""What is compared where the user names no encoder and it is installed."""
PATIENCE = 600.0
"""Seconds that one encoder may need for all items before it is left out."""

Named = Mapping[str, Sequence[str | Encoder]]
"""Encoders by view."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """An encoder that could not be compared.

    Attributes:
        encoder: What the user calls it.
        reason: Why, in one line.
        view: Which it should have encoded; empty where it reads none of the views.
    """

    encoder: str
    reason: str
    view: str = ""


@dataclass(frozen=True, eq=False)
class Entrants:
    """Encoders that can be compared.

    Attributes:
        named: By view, at least one each; none for views that are vectors already.
        costs: Of those that were tried, which is not done where no view has a choice.
        unusable: What is left out, and why.
    """

    named: Mapping[str, list[str | Encoder]]
    costs: list[EncoderCost] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)


def entrants(
    dataset: Dataset,
    named: Named,
    race: Sequence[str | Encoder],
    *,
    cache: VectorCache | None,
    patience: float,
    progress: Progress | None,
) -> Entrants:
    """Find out which encoders can be used, and what each costs.

    Args:
        dataset: What is to be encoded.
        named: Encoders by view.
        race: Further ones, which join every view that they can read. Views for which nothing is
            named get those of :data:`CANDIDATES` that are installed.
        cache: Of native vectors; what it has costs no time.
        patience: Seconds that one encoder may need for what the cache has not.
        progress: Told as encoders are tried.

    Raises:
        DataError: If an encoder is given for a view that the data do not have, or is of vectors.
        IsthmusError: What the first encoder of a view failed with, if none of it can be used.
    """
    views = [view for view in dataset.views if not _vectors(dataset, view)]
    _refuse_unknown(dataset, named, views)
    asked, lost, errors = _with_race(dataset, views, named, race)
    if errors and len(errors) == len(race) and not named:
        raise errors[0]
    chosen = {view: asked.get(view) or _installed(dataset.modalities[view]) for view in views}
    if all(len(names) == 1 for names in chosen.values()):
        return Entrants(chosen, [], lost)
    costs: list[EncoderCost] = []
    tell, total, tried = progress or untold, sum(map(len, chosen.values())), 0
    for view, names in chosen.items():
        failed: list[Exception] = []
        for name in list(names):
            try:
                costs.append(_tried(dataset, view, name, cache, patience))
            except Exception as error:  # noqa: BLE001  code of strangers; it is listed with this
                failed.append(error)
                names.remove(name)
                lost.append(Unusable(name_of(name), reason_of(error), view))
            tried += 1
            tell("try encoders", tried, total)
        if not names:
            raise failed[0]
    return Entrants(chosen, costs, lost)


def name_of(encoder: str | Encoder) -> str:
    """What an encoder is called."""
    return encoder if isinstance(encoder, str) else encoder.id


def reason_of(error: Exception) -> str:
    """Why an encoder failed, in one line; the kind of error where it is none of ours."""
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else "no reason given"
    return said if isinstance(error, IsthmusError) else f"{type(error).__name__}: {said}"


def items_of(dataset: Dataset, view: str) -> list[MediaItem]:
    """The items of a view."""
    return [record.items[view] for record in dataset.records if view in record.items]


def _tried(
    dataset: Dataset, view: str, named: str | Encoder, cache: VectorCache | None, patience: float
) -> EncoderCost:
    """What an encoder costs, unless it fails or takes too long."""
    encoder = encoder_for(dataset, view, named, fit=isinstance(named, str))
    items = items_of(dataset, view)
    cost = cost_of(view, name_of(named), encoder, items)
    left = len(left_to_encode(items, encoder, cache))
    if left * cost.item_ms / 1e3 > patience:
        raise DataError(
            f"it would need about {_minutes(left * cost.item_ms / 1e3)} for "
            f"{count(left, 'item')}, {cost.item_ms / 1e3:.1f} s each. Encode fewer: "
            f"{way(python='most=200', shell='--most 200')}; or wait longer: "
            + way(python="patience=3600", shell="--patience 60")
        )
    return cost


def _minutes(seconds: float) -> str:
    """How long, in whole minutes.

    Examples:
        >>> _minutes(90.0), _minutes(3600.0)
        ('2 minutes', '60 minutes')
    """
    return count(max(1, round(seconds / 60)), "minute")


def _with_race(
    dataset: Dataset, views: Sequence[str], named: Named, race: Sequence[str | Encoder]
) -> tuple[dict[str, list[str | Encoder]], list[Unusable], list[Exception]]:
    """Encoders by view; those of the race join every view whose modality they read."""
    asked = {view: list(dict.fromkeys(some)) for view, some in named.items()}
    lost: list[Unusable] = []
    errors: list[Exception] = []
    for one in dict.fromkeys(race):
        try:
            reads = modalities(one) if isinstance(one, str) else (one.modality,)
            fitting = [view for view in views if dataset.modalities[view] in reads]
            if not fitting:
                has = ", ".join(f"{view} ({dataset.modalities[view]})" for view in views)
                raise DataError(f"it reads {', '.join(reads)}, but {dataset.name} has {has}")
        except Exception as error:  # noqa: BLE001  code of strangers; it is listed with this
            errors.append(error)
            lost.append(Unusable(name_of(one), reason_of(error)))
            continue
        for view in fitting:
            if one not in asked.setdefault(view, []):
                asked[view].append(one)
    return asked, lost, errors


def _installed(modality: str) -> list[str | Encoder]:
    """The default encoder and all others that are known and installed."""
    ids = [name for name in CANDIDATES.get(modality, ()) if not missing_packages(name)]
    return list(dict.fromkeys([default_for(modality), *ids]))


def _vectors(dataset: Dataset, view: str) -> bool:
    first = next(r.items[view] for r in dataset.records if view in r.items)
    return isinstance(first.payload, np.ndarray)


def _refuse_unknown(dataset: Dataset, named: Named, views: Sequence[str]) -> None:
    for view in named:
        if view not in dataset.views:
            raise DataError(
                f"an encoder was given for {view}, but {dataset.name} has "
                f"{', '.join(dataset.views)}"
            )
        if view not in views:
            raise DataError(f"{view} of {dataset.name} are vectors already; give no encoder for it")
