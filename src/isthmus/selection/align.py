"""``align``: from a data set to a space, chosen by evidence or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Encoder, Progress, untold
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.validate import check_kind
from isthmus.core.view import MEDIA_MODALITIES
from isthmus.encoders import modality_of
from isthmus.moments import Moments
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import (
    VECTORS,
    Data,
    Encoders,
    Prepared,
    check_paired,
    load_for,
    prepare,
    unpaired,
)
from isthmus.selection.calibrate import calibrate, native_bank
from isthmus.selection.candidates import STARTER, Candidate, candidates, continued
from isthmus.selection.describe import choice_of, data_facts, encoder_facts, versions
from isthmus.selection.estimate import banks, estimate, refuse_without_signal, ungrouped
from isthmus.selection.folds import bank_ids
from isthmus.selection.known import known_of
from isthmus.selection.layers import asks, choose_layers
from isthmus.selection.measure import direct_pairs
from isthmus.selection.race import Clock, fit
from isthmus.selection.remember import Remembered
from isthmus.selection.select import Selection, select
from isthmus.selection.sources import moments_of_sources
from isthmus.space import EncoderRef, Space, SpaceReport
from isthmus.space import starter as shipped
from isthmus.space.readout import Readout, check_readout
from isthmus.space.report import CalibrationError, DataFacts, Estimate, Settings

_FOR_THE_SELECTION = 0.8
"""Share of a time budget; the rest goes to the comparison with no signal and the last fit."""


def align(
    data: Data | Prepared,
    encoders: Encoders | None = None,
    *,
    aligner: str = "auto",
    params: Mapping[str, Any] | None = None,
    sources: Mapping[str, Data | Prepared] | None = None,
    readout: Readout = "instance",
    by_group: bool = True,
    starter: bool = True,
    nested: bool = True,
    budget: float | None = None,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Space:
    """Join the views of a data set into one space.

    The aligner and its hyper-parameters are chosen by group-aware cross-validation on these
    records. ``space.report.held_out`` has figures from outer folds that their own selection never
    saw. The heads that are returned are then fitted on all records.

    Args:
        data: A name, path or :class:`Dataset`; vectors; or what :func:`prepare` returned.
        encoders: By view, as ids or objects; default: by modality. For ``layer=auto`` see
            :func:`isthmus.selection.best_layer`.
        aligner: ``"auto"`` or the short id of one aligner.
        params: Hyper-parameters that are fixed, for a named aligner.
        sources: Other data of the same kind by name. Each counts as held-out records say.
        readout: What the choice is made for: ``"instance"``, to find the one that belongs, or
            ``"semantic"``, to find what is alike in kind (needs groups).
        by_group: Whether records of one group must stay on one side of a split.
        starter: Whether the starter space takes part in the automatic choice, where it can.
        nested: Whether to estimate the quality, and to refuse if there is none.
        budget: Seconds for all but encoding; what does not fit in is named in the report.
        seed: Of splits and shuffles.
        cache: Of native vectors, and beside it of spaces made from the same ones before.
        progress: Told as work is done.

    Raises:
        NoSignalError: If held-out pairs do no better than shuffled ones.
        DataError: If the records do not suffice.
        MissingDataError: If the data set is not on this machine.
    """
    check_asked(aligner, params, budget, seed)
    choices = candidates(aligner, readout=check_readout(readout), **dict(params or {}))
    ready = _ready(data, encoders, cache, progress, by_group=by_group, seed=seed)
    others = moments_of_sources(ready, sources or {}, cache, progress)
    known, absent = known_of(ready) if starter and aligner == "auto" else (None, "not wanted")
    choices = [*(continued(known) if known else ()), *choices]
    asked = Settings(
        readout=readout, nested=nested, seed=seed, budget=budget, sources=tuple(others)
    )
    key = _key(choices, asked, others)
    remembered = Remembered.beside(cache, ready, [*key, *sorted(ready.columns.items())])
    space = remembered.load() or remembered.keep(
        _made(ready, choices, others, asked, progress, absent if aligner == "auto" else None)
    )
    for view in space.views:
        space.attach(ready.encoders[view], view)
    return space


def _with_layers(
    data: Data, encoders: Encoders, cache: VectorCache | None, progress: Progress | None, seed: int
) -> tuple[Dataset, Encoders]:
    """The data set, and its encoders with a layer for each that leaves it to be chosen."""
    if not isinstance(data, str | Path | Dataset):
        raise InputError("layer=auto is chosen on items, and vectors have none; name the layer")
    read = {view: _reads(view, named) for view, named in encoders.items()}
    dataset = data if isinstance(data, Dataset) else load_for(data, read)
    check_paired(dataset)
    chosen, _ = choose_layers(dataset, encoders, cache=cache, progress=progress, seed=seed)
    return dataset, chosen


def _reads(view: str, named: str | Encoder) -> str:
    if view in MEDIA_MODALITIES:
        return view
    return modality_of(named) if isinstance(named, str) else named.modality


def _ready(
    data: Data | Prepared,
    encoders: Encoders | None,
    cache: VectorCache | None,
    progress: Progress | None,
    *,
    by_group: bool,
    seed: int,
) -> Prepared:
    if isinstance(data, Prepared):
        return data
    if isinstance(encoders, Mapping) and any(map(asks, encoders.values())):
        data, encoders = _with_layers(data, encoders, cache, progress, seed)
    return prepare(data, encoders, by_group=by_group, paired=True, cache=cache, progress=progress)


def check_asked(aligner: object, params: object, budget: object, seed: object) -> None:
    """Refuse settings of another kind before any work."""
    example = "aligner='cca', params={'ridge': 3.0}"
    check_kind(aligner, str, "aligner", need="the short id of one", example=example)
    if params is not None:
        check_kind(params, Mapping, "params", need="a mapping", example=example)
    check_kind(seed, Integral, "seed", need="a whole number", example="seed=0")
    if budget is not None:
        need, example = "seconds as a number above 0", "budget=300"
        check_kind(budget, Real, "budget", need=need, example=example)
        if not cast(float, budget) > 0:
            raise InputError(f"budget: need {need}, got {budget}. Write: {example}")


def _key(
    choices: Sequence[Candidate], asked: Settings, others: Mapping[str, Moments]
) -> list[list[Any]]:
    """What else than vectors and code the result depends on."""
    settings = [asked.nested, asked.seed, asked.readout, asked.budget]
    return [
        [[choice.to_json() for choice in choices], *settings],
        *([name, moments.fingerprint] for name, moments in others.items()),
    ]


def _made(
    ready: Prepared,
    choices: Sequence[Candidate],
    others: Mapping[str, Moments],
    asked: Settings,
    progress: Progress | None,
    absent: str | None,
) -> Space:
    """Choose, estimate, refuse or fit.

    ``absent`` says why the starter space takes no part in an automatic choice, if it does not;
    it is None where one aligner is named.
    """
    clock = Clock(asked.budget)
    pairs, links = joinable(ready)
    chosen = select(
        pairs,
        choices,
        links,
        auto=absent is not None,
        sources=others,
        readout=asked.readout,
        seed=asked.seed,
        nested=asked.nested,
        budget=None if asked.budget is None else _FOR_THE_SELECTION * clock.left,
        progress=progress,
    )
    if absent:
        chosen.not_tried[STARTER] = absent
    facts = data_facts(ready, pairs)
    tell = progress or untold
    found = estimate(pairs, chosen, asked.seed, clock, tell) if chosen.outer else None
    if found is not None:
        plain = None if clock.left <= 0 else ungrouped(pairs, chosen, links, asked.seed)
        found = replace(found, ungrouped=plain)
        refuse_without_signal(ready.name, found, facts.pairs)
    return _fitted(pairs, chosen, ready, clock, _Parts(facts, asked, found, tell))


@dataclass(frozen=True)
class _Parts:
    """What of the report is known before the last fit."""

    data: DataFacts
    asked: Settings
    estimate: Estimate | None
    progress: Progress


def _fitted(
    pairs: PairedVectors, chosen: Selection, ready: Prepared, clock: Clock, known: _Parts
) -> Space:
    """What won, fitted on all pairs and calibrated where there is time, with the whole report."""
    known.progress("fit on all pairs", 0, 1)
    final = fit(chosen.best, chosen.training)
    known.progress("fit on all pairs", 1, 1)
    familiar = familiar_of(ready)
    calibration = {}
    if clock.left > 0:
        known.progress("calibrate", 0, 1)
        folds, strength = chosen.folds_of_best(pairs), chosen.best.csls_strength
        calibration = calibrate(folds, familiar, csls_strength=strength)
        known.progress("calibrate", 1, 1)
    refs = {m: EncoderRef.of(ready.encoders[m], ready.specs[m]) for m in pairs.views}
    natives = {m: familiar[m].bank if m in familiar else native_bank(pairs, m) for m in pairs.views}
    report = SpaceReport(
        data=known.data,
        encoders=encoder_facts(ready, pairs.views),
        settings=known.asked,
        choice=choice_of(chosen),
        estimate=known.estimate,
        calibration={way: CalibrationError(**each.ece) for way, each in calibration.items()},
        seconds=round(clock.elapsed, 1),
        versions=versions(),
    )
    return Space(
        final.heads_,
        banks(final, pairs),
        refs,
        report=report,
        csls_strength=chosen.best.csls_strength,
        bank_ids=bank_ids(pairs),
        calibration=calibration,
        native_banks=natives,
    )


def familiar_of(ready: Prepared) -> dict[str, shipped.Familiar]:
    """What comes with the package about the native vectors of the encoders that are used."""
    found = {m: shipped.familiar(encoder.fingerprint) for m, encoder in ready.encoders.items()}
    return {m: each for m, each in found.items() if each is not None}


def joinable(ready: Prepared) -> tuple[PairedVectors, NDArray[np.intp]]:
    """The views that share records with another, and the rows that have one of them."""
    pairs = ready.pairs
    joined = {m for pair in direct_pairs(pairs) for m in pair}
    if len(pairs.views) == 1 and set(ready.specs.values()) == {VECTORS}:
        raise DataError(
            f"there are vectors of {pairs.views[0]} alone; need two views or more, of which row i "
            "belongs together: isthmus.align({'sensor': x, 'label': y})"
        )
    if not joined:
        raise unpaired(ready.name, {m: len(pairs.rows(m)) for m in pairs.views}, ready.notes)
    pairs = pairs.select([m for m in pairs.views if m in joined])
    some = np.logical_or.reduce([pairs.present[m] for m in pairs.views])
    return pairs.take(some), ready.links[some]
