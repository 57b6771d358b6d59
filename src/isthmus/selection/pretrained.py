"""``from_pretrained``: a space that others have trained, kept as it is and joined to more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isthmus.aligners.onto import Fixed
from isthmus.core.contracts import Encoder, Progress, untold
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.core.validate import several
from isthmus.core.view import Direction, ViewPair, no_view
from isthmus.core.wording import way
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Encoders, Prepared
from isthmus.pipeline.splits import fold_labels
from isthmus.selection.align import check_asked, familiar_of, joinable
from isthmus.selection.bridge import BridgeSettings, Texts, bridged
from isthmus.selection.calibrate import calibrate, native_bank
from isthmus.selection.describe import choice_of, data_facts, encoder_facts, versions
from isthmus.selection.estimate import refuse_without_signal
from isthmus.selection.folds import MAX_HELD, MAX_TRAIN, bank, bank_ids
from isthmus.selection.landing import Landed, Mounted, land, within
from isthmus.selection.measure import Transforms
from isthmus.selection.models import Base, Pretrained, opened
from isthmus.selection.parts import SpaceBuilder
from isthmus.selection.race import Clock
from isthmus.selection.records import read_records
from isthmus.selection.unlearned import measured
from isthmus.space import EncoderRef, PretrainedReport, Space, SpaceReport
from isthmus.space.calibration import Calibration
from isthmus.space.report import CalibrationError, EncoderFacts, Estimate, Settings
from isthmus.space.starter import Familiar

_FOR_THE_CHOICE = 0.8
"""Share of a time budget; the rest goes to the comparison with no signal and to calibration."""


def from_pretrained(
    models: Pretrained | Sequence[Pretrained],
    data: Data | Prepared | None = None,
    encoders: Encoders | None = None,
    *,
    fix: str | Sequence[str] = (),
    texts: Texts | None = None,
    by_group: bool = True,
    budget: float | None = None,
    seed: int = 0,
    trust: Sequence[str] = (),
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Space:
    """A space of a model whose modalities are joined already, and of what is joined to it.

    Alone it needs no pairs: its heads only scale to unit length, so that the order of scores is
    the model's own. Pairs of its views calibrate it, and measure it: none was learned from. New
    views are mapped into it by their pairs with its views; the heads of those stay. Two models are
    joined through a modality that both read, without pairs.

    Args:
        models: An id (``"hf:openai/clip-vit-base-patch32"``), the folder of a space, a
            :class:`Space`, encoders by view, or several of these. The first keeps its vectors.
        data: As for :func:`align`; None for none.
        encoders: Of new views, as ids or objects; what is missing gets the default.
        fix: Views whose heads stay; default: all of the models. Others of ``data`` are learned.
        texts: What two models are joined through, or a file with one in each line. Default: the
            texts of ``data``, else words that come with isthmus.
        by_group: Whether records of one group must stay on one side of a split.
        budget: Seconds for each choice; what does not fit in is named in the report.
        seed: Of splits and shuffles.
        trust: Packages that a saved space may load encoders from.
        cache: Of native vectors.
        progress: Told as work is done.

    Returns:
        The space. ``space.report`` is a :class:`PretrainedReport`, or a :class:`SpaceReport` with
        an ``origin`` where heads were learned.

    Raises:
        InputError: If a model reads one modality only, its towers share no space, two models have
            no modality in common, or ``fix`` names what is no view of them.
        NoSignalError, DataError: If held-out pairs do no better than shuffled ones; too few.
    """
    check_asked("auto", None, budget, seed)
    bases = [opened(model, trust) for model in _each(models)]
    clock, wanted, records = Clock(None), several(fix, str), None
    _check_needed(len(bases), texts, data, wanted or encoders)
    if data is not None:
        towers = _towers(bases)
        fixed = _fixed(wanted, tuple(towers))
        records = read_records(
            data, towers, encoders, fixed, by_group=by_group, cache=cache, progress=progress
        )
    base, seen = bases[0], None if records is None else records.seen
    for other in bases[1:]:
        base = bridged(base, other, seen, BridgeSettings(texts, seed, budget), cache, progress)
    run = _Run(base, clock, seed, budget, progress or untold)
    return _as_it_is(run, None) if records is None else _with_records(run, records.ready, wanted)


@dataclass(frozen=True, eq=False)
class _Run:
    """What every way of making such a space needs."""

    base: Base
    clock: Clock
    seed: int
    budget: float | None
    progress: Progress


def _check_needed(models: int, texts: object, data: object, learned: object) -> None:
    """Refuse what serves nothing: texts beside one model, heads to learn without records."""
    if texts is not None and models < 2:
        raise InputError(
            "texts join two models, and there is one; add the other: "
            + way(python="from_pretrained([first, second])", shell="--pretrained A --pretrained B")
        )
    if data is None and learned:
        raise InputError(
            "there is no data from which other heads could be learned; give it: "
            + way(python="from_pretrained(model, data)", shell="isthmus align DATA --pretrained …")
        )


def _each(models: Pretrained | Sequence[Pretrained]) -> Sequence[Pretrained]:
    if isinstance(models, list | tuple):
        if not models:
            raise InputError("need a pretrained model, got none")
        return models
    return [models]  # type: ignore[list-item]  # a Sequence that is none of the others


def _towers(bases: Sequence[Base]) -> dict[str, Encoder]:
    """The encoder of every view that the joined space will have."""
    found: dict[str, Encoder] = {}
    read: set[str] = set()
    for base in bases:
        known = base.space.modalities
        fresh = [view for view in base.space.views if base is bases[0] or known[view] not in read]
        found |= {view: base.space.encoder(view) for view in fresh}
        read |= set(known.values())
    return found


def _fixed(wanted: Sequence[str], views: Sequence[str]) -> tuple[str, ...]:
    """Views whose heads stay.

    Raises:
        InputError: If the space lacks one of them.
    """
    for view in wanted:
        if view not in views:
            raise no_view(view, views)
    return tuple(view for view in views if view in wanted) if wanted else tuple(views)


def _with_records(run: _Run, ready: Prepared, wanted: Sequence[str]) -> Space:
    """What the records are for: new views, or else to measure and calibrate those there are."""
    fixed = _fixed(wanted, run.base.space.views)
    if [view for view in ready.pairs.views if view not in fixed]:
        return _joined(run, ready, fixed)
    if wanted:
        has = ", ".join(ready.pairs.views)
        raise DataError(
            f"{ready.name} has {has}, whose heads all stay, so there is nothing to learn; "
            "give records with another view, or leave it to calibrate the space: without "
            + way(python="fix", shell="--fix")
        )
    return _as_it_is(run, ready)


def _as_it_is(run: _Run, ready: Prepared | None) -> Space:
    """The models alone, measured and calibrated where there are pairs."""
    base, builder = run.base, SpaceBuilder.of(run.base.space)
    facts = estimate = None
    learned: dict[Direction, Calibration] = {}
    if ready is not None:
        pairs = ready.pairs.select([v for v in ready.pairs.views if v in base.space.views])
        facts, estimate = data_facts(ready, pairs), measured(base.space, pairs, run.seed)
        if estimate is not None:
            _refuse_unmatched(ready.name, base, estimate, facts.pairs)
            learned = _calibrated(run, base.space, pairs, ready)
            _remember(builder, base.space, pairs)
    report = PretrainedReport(
        origin=base.origin,
        encoders=_encoder_facts(base.space),
        data=facts,
        estimate=estimate,
        calibration=_errors(learned),
        seconds=round(run.clock.elapsed, 1),
        versions=versions(),
    )
    builder.calibrate(learned)
    return builder.space(report)


def _refuse_unmatched(
    name: str, base: Base, estimate: Estimate, counts: Mapping[ViewPair, int]
) -> None:
    """Refuse a model that finds no pairs of the user's, and a bridge that no pair crosses.

    Raises:
        NoSignalError: With the p-values.
    """
    refuse_without_signal(name, estimate, counts)
    for model in base.origin.models[1:]:
        across = {
            pair: p
            for pair, p in estimate.p_values.items()
            if (pair.a in model.views) != (pair.b in model.views)
        }
        if across:
            refuse_without_signal(name, replace(estimate, p_values=across), counts)


def _joined(run: _Run, ready: Prepared, fixed: tuple[str, ...]) -> Space:
    """New views mapped into the space by their pairs with fixed ones."""
    base = run.base.space
    native, links = joinable(ready)
    heads = {view: base.heads[view] for view in native.views if view in fixed}
    if not heads:
        have = ", ".join(native.views)
        raise DataError(
            f"{ready.name} pairs {have}, none of which stays as it is in {run.base.name}; give "
            f"records that have one of {', '.join(fixed)}, too"
        )
    landed = land(
        within(native, heads),
        Fixed(tuple(heads), base.fingerprint),
        links,
        name=ready.name,
        csls_strength=base.csls_strength,
        seed=run.seed,
        budget=None if run.budget is None else _FOR_THE_CHOICE * run.budget,
        progress=run.progress,
    )
    builder = SpaceBuilder.of(base)
    for view in (view for view in native.views if view not in heads):
        encoder = ready.encoders[view]
        kept = base.encoders[view] if view in base.views else None
        same = kept is not None and kept.fingerprint == encoder.fingerprint
        ref = kept if kept is not None and same else EncoderRef.of(encoder, ready.specs[view])
        builder.add(view, landed.aligner.heads_[view], ref)
        builder.attach(view, encoder)
    learned = _calibration_of(run, landed, native, heads, ready)
    _remember(builder, Mounted(heads, landed.aligner), native)
    report = SpaceReport(
        data=data_facts(ready, native),
        encoders=encoder_facts(ready, native.views),
        settings=Settings(
            readout="instance", nested=True, seed=run.seed, budget=run.budget, sources=()
        ),
        choice=choice_of(landed.chosen),
        estimate=landed.estimate,
        calibration=_errors(learned),
        seconds=round(run.clock.elapsed, 1),
        versions=versions(),
        origin=replace(run.base.origin, fixed=tuple(v for v in base.views if builder.keeps(v))),
    )
    builder.calibrate(learned)
    return builder.space(report)


def _calibration_of(
    run: _Run, landed: Landed, native: PairedVectors, heads: Mapping[str, object], ready: Prepared
) -> dict[Direction, Calibration]:
    """What scores mean, by what was chosen, fitted without each fold in turn."""
    base = run.base.space
    mounts = {view: base.heads[view] for view in heads}
    folds = [
        (Mounted(mounts, fitted), train, held)
        for fitted, train, held in landed.chosen.folds_of_best(native)
    ]
    run.progress("calibrate", 0, 1)
    banks = {view: base.banks[view] for view in heads if len(base.banks[view])}
    known = _familiar(base, ready, heads)
    learned = calibrate(folds, known, banks, csls_strength=base.csls_strength)
    run.progress("calibrate", 1, 1)
    return learned


def _calibrated(
    run: _Run, space: Space, pairs: PairedVectors, ready: Prepared
) -> dict[Direction, Calibration]:
    """What scores mean of a space that has learned from none of the pairs."""
    try:
        labels = fold_labels(ready.links, seed=run.seed)
    except DataError:  # all records are of one group
        return {}
    run.progress("calibrate", 0, 1)
    folds: list[tuple[Transforms, PairedVectors, PairedVectors]] = [
        (
            space,
            pairs.take(thin(np.flatnonzero(labels != fold), MAX_TRAIN)),
            pairs.take(thin(np.flatnonzero(labels == fold), MAX_HELD)),
        )
        for fold in range(int(labels.max()) + 1)
    ]
    banks = {view: rows for view, rows in space.banks.items() if len(rows)}
    known = _familiar(space, ready, space.views)
    learned = calibrate(folds, known, banks, csls_strength=space.csls_strength)
    run.progress("calibrate", 1, 1)
    return learned


def _familiar(
    space: Space, ready: Prepared, fixed: Mapping[str, object] | Sequence[str]
) -> dict[str, Familiar]:
    """What is known of native vectors: by a space of its fixed views, by the starter of others."""
    known = familiar_of(ready)
    own = {v: Familiar(x, math.inf) for v, x in space.native_banks.items() if v in fixed}
    return known | own


def _remember(builder: SpaceBuilder, aligner: Transforms, pairs: PairedVectors) -> None:
    """Keep records by which later queries and items are told from strange ones."""
    ids = bank_ids(pairs)
    for view in pairs.views:
        rows = bank(pairs, view)
        if len(rows):
            builder.know(view, aligner.transform(rows, view), ids[view], native_bank(pairs, view))


def _errors(learned: Mapping[Direction, Calibration]) -> dict[Direction, CalibrationError]:
    return {direction: CalibrationError(**each.ece) for direction, each in learned.items()}


def _encoder_facts(space: Space) -> dict[str, EncoderFacts]:
    return {
        view: EncoderFacts(ref.spec or space.encoder(view).id, ref.modality, ref.dim)
        for view, ref in space.encoders.items()
    }
