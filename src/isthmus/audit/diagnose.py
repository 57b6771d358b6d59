"""``diagnose``: which encoders fit, what more pairs would bring, and what ails the pairs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.curve import LearningCurve, learning_curve
from isthmus.audit.duplicates import Duplicates, duplicates
from isthmus.audit.encoded import EncodedViews, encoded_views, joinable
from isthmus.audit.entrants import PATIENCE, Named
from isthmus.audit.fit import EncoderFit, Fitted, encoder_fits
from isthmus.audit.hubs import Gap, Hubs, gap, hubs
from isthmus.audit.kinds import Kinds, kinds
from isthmus.audit.recommend import Recommendation, recommend
from isthmus.audit.suspects import Suspects, suspects
from isthmus.audit.ungrouped import Ungrouped, ungrouped
from isthmus.core.contracts import Encoder, Progress
from isthmus.core.errors import DataError
from isthmus.core.record import Failure
from isthmus.core.version import __version__
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Prepared
from isthmus.pipeline.splits import linked_groups

CLOSED_FORM = "cca ridge=3 power=1"
"""What everything here is measured with, so that no figure depends on a selection."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What was found; rows are those of ``encoded.pairs``.

    Attributes:
        encoded: The records as the encoders see them.
        fits: By two views, every combination of encoders, best first.
        recommended: Which encoders to take, for every two views where some are better than chance.
        curves: One for every two views with enough pairs.
        kinds: Groups by how well they are found, where there are groups.
        hubs: Hubness of every direction.
        gaps: Modality gap of every two views.
        suspects: Pairs that may not belong together.
        duplicates: Near-duplicates of every view.
        ungrouped: What the first encoders of two views find if groups are not kept whole, where
            groups keep records together.
        by_group: Whether splits kept the groups whole.
        seed: Of splits and shuffles.
        seconds: How long it took.
    """

    encoded: EncodedViews
    fits: Sequence[EncoderFit]
    recommended: Sequence[Recommendation]
    curves: Sequence[LearningCurve]
    kinds: Sequence[Kinds]
    hubs: Sequence[Hubs]
    gaps: Sequence[Gap]
    suspects: Sequence[Suspects]
    duplicates: Sequence[Duplicates]
    ungrouped: Sequence[Ungrouped]
    by_group: bool
    seed: int
    seconds: float

    @property
    def name(self) -> str:
        """Of the data set."""
        return self.encoded.ready.name

    @property
    def failures(self) -> Sequence[Failure]:
        """What was left out, and why."""
        return self.encoded.ready.failures

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values; records go by their ids."""
        encoded = self.encoded
        return {
            "data": {
                "name": self.name,
                "records": len(encoded.pairs),
                "drawn_from": encoded.total,
                "items": {m: len(encoded.pairs.rows(m)) for m in encoded.pairs.views},
                "groups": len(np.unique(encoded.ready.links)),
                "by_group": self.by_group,
                "left_out": [asdict(f) for f in self.failures],
            },
            "encoders": {m: encoded.encoders(m) for m in encoded.pairs.views},
            "encoders_left_out": [asdict(each) for each in encoded.unusable],
            "costs": [asdict(each) for each in encoded.costs],
            "fits": [asdict(fit) for fit in self.fits],
            "recommended": [{**asdict(each), "cheaper": each.cheaper} for each in self.recommended],
            "curves": [asdict(curve) for curve in self.curves],
            "kinds": [asdict(each) for each in self.kinds],
            "hubs": self._named(self.hubs),
            "gaps": [asdict(each) for each in self.gaps],
            "suspects": self._named(self.suspects),
            "duplicates": self._named(self.duplicates),
            "ungrouped": [asdict(each) for each in self.ungrouped],
            "closed_form": CLOSED_FORM,
            "seed": self.seed,
            "seconds": self.seconds,
            "version": __version__,
        }

    def _named(self, parts: Sequence[Hubs | Suspects | Duplicates]) -> list[dict[str, Any]]:
        """As plain values, with ids in place of rows."""

        def translate(value: Any, key: str = "") -> Any:
            if isinstance(value, Mapping):
                return {name: translate(inner, name) for name, inner in value.items()}
            if isinstance(value, list | tuple):
                return [translate(inner, key) for inner in value]
            return self.encoded.name(value) if key in _ROWS else value

        return [translate(asdict(part)) for part in parts]


_ROWS = ("row", "other", "better_a", "better_b")


def diagnose(
    data: Data | Prepared,
    encoders: Named | None = None,
    *,
    race: Sequence[str | Encoder] = (),
    most: int | None = None,
    patience: float = PATIENCE,
    by_group: bool = True,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Say which encoders fit together and what ails the pairs, before a space is made.

    Everything is measured on held-out pairs with one closed form, CCA with ridge 3 and power
    1 on up to 256 principal directions of each encoder. Curve, hubs, mismatches and
    near-duplicates are those of the first encoder of each view.

    Args:
        data: A name, path or :class:`Dataset`; vectors; or what :func:`prepare` returned.
        encoders: By view, several each, as ids or objects; views that are not named
            get all the known ones that are installed.
        race: Further encoders, for every view that they can read. One that cannot be used is left
            out with its reason, as long as its view has another.
        most: Records that are encoded, drawn at random; None for all.
        patience: Seconds that one encoder may need for them before it is left out.
        by_group: Whether records of one group must stay on one side of a split.
        seed: Of draws, splits and shuffles.
        cache: Of native vectors; None computes all anew.
        progress: Told as work is done.

    Returns:
        What was found.

    Raises:
        DataError: If the data have one view, no two share ten records, or all records
            are of one group.
        MissingDataError: If the data set is not on this machine.
    """
    started = time.monotonic()
    read = partial(encoded_views, by_group=by_group, seed=seed, cache=cache, progress=progress)
    encoded = read(data, encoders, race=race, most=most, patience=patience)
    name, pairs = encoded.ready.name, list[_Pair]()
    for a, b in joinable(name, encoded.pairs.views, lambda a, b: len(encoded.rows(a, b))):
        rows = encoded.rows(a, b)
        fitted = encoder_fits(encoded, a, b, rows, seed=seed, progress=progress)
        pairs.append(_pair(encoded, fitted, a, b, rows, seed, progress))
    if all(fit.reason for pair in pairs for fit in pair.fits):
        raise DataError(f"{name}: {pairs[0].fits[0].reason}")
    return _whole(encoded, pairs, started, seed, progress, by_group=by_group)


def _whole(
    encoded: EncodedViews,
    pairs: Sequence[_Pair],
    started: float,
    seed: int,
    progress: Progress | None,
    *,
    by_group: bool,
) -> Diagnosis:
    """What was found of all pairs of views."""
    return Diagnosis(
        encoded=encoded,
        fits=[fit for pair in pairs for fit in pair.fits],
        recommended=[pair.recommended for pair in pairs if pair.recommended],
        curves=[pair.curve for pair in pairs if pair.curve],
        kinds=[pair.kinds for pair in pairs if pair.kinds],
        hubs=[each for pair in pairs for each in pair.hubs],
        gaps=[pair.gap for pair in pairs if pair.gap],
        suspects=[pair.suspects for pair in pairs if pair.suspects],
        duplicates=_duplicates(encoded, progress),
        ungrouped=[pair.ungrouped for pair in pairs if pair.ungrouped],
        by_group=by_group,
        seed=seed,
        seconds=round(time.monotonic() - started, 1),
    )


@dataclass(frozen=True, eq=False)
class _Pair:
    """What was found of two views."""

    fits: list[EncoderFit]
    recommended: Recommendation | None = None
    curve: LearningCurve | None = None
    kinds: Kinds | None = None
    hubs: tuple[Hubs, ...] = ()
    gap: Gap | None = None
    suspects: Suspects | None = None
    ungrouped: Ungrouped | None = None


def _pair(
    encoded: EncodedViews,
    fitted: Fitted,
    a: str,
    b: str,
    rows: NDArray[np.intp],
    seed: int,
    progress: Progress | None,
) -> _Pair:
    joint, folds = fitted.joint, fitted.folds
    recommended = recommend(fitted.fits, fitted.by_fold)
    if joint is None or not folds:
        return _Pair(fitted.fits, recommended)
    links = encoded.ready.links[rows]
    groups = encoded.pairs.groups
    judged = None if groups is None else kinds(a, b, np.asarray(groups, dtype=object)[rows], folds)
    both = [hubs(a, b, folds, back=False), hubs(b, a, folds, back=True)]
    own = _item_links(encoded)[rows]
    found = suspects(joint, own, seed=seed, progress=progress)
    return _Pair(
        fitted.fits,
        recommended,
        learning_curve(joint, links, seed=seed, progress=progress),
        judged,
        tuple(
            replace(one, top=tuple(replace(hub, row=int(rows[hub.row])) for hub in one.top))
            for one in both
        ),
        gap(a, b, folds),
        _in_records(found, rows),
        ungrouped(joint, links, own, seed=seed),
    )


def _in_records(found: Suspects, rows: NDArray[np.intp]) -> Suspects:
    """The same with rows of the records in place of rows of the joint."""
    return replace(
        found,
        listed=tuple(
            replace(
                one,
                row=int(rows[one.row]),
                better_a=tuple(int(rows[i]) for i in one.better_a),
                better_b=tuple(int(rows[i]) for i in one.better_b),
            )
            for one in found.listed
        ),
    )


def _duplicates(encoded: EncodedViews, progress: Progress | None) -> list[Duplicates]:
    found = []
    for m in encoded.pairs.views:
        rows = encoded.pairs.rows(m)
        if len(rows) > 1:
            x, links = encoded.pairs.vectors[m][rows], encoded.ready.links[rows]
            name = encoded.encoders(m)[0]
            found.append(duplicates(m, name, x, rows, links, progress=progress))
    return found


def _item_links(encoded: EncodedViews) -> NDArray[np.intp]:
    """Labels of records that share an item, whatever their groups."""
    if encoded.dataset is None:
        return np.arange(len(encoded.pairs))
    return linked_groups(encoded.dataset.records, by_group=False)
