"""``align``: from a data set to a space, chosen by evidence or refused."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import Aligner
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.version import __version__
from isthmus.datasets import load as load_dataset
from isthmus.moments import Moments
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import Data, Encoders, Prepared, prepare
from isthmus.selection.calibrate import calibrate, native_bank
from isthmus.selection.candidates import candidates
from isthmus.selection.compare import standings
from isthmus.selection.folds import Training, bank, bank_ids, source_moments
from isthmus.selection.measure import direct_pairs, held_out_scores
from isthmus.selection.null import LEAST_P, permutation_p, random_encoders, shuffled
from isthmus.selection.race import Clock, fit
from isthmus.selection.remember import Remembered
from isthmus.selection.select import Selection, select
from isthmus.space import EncoderRef, Space, starter
from isthmus.space.evaluate import LEVEL, evaluate, summarise
from isthmus.space.readout import Readout, check_readout

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
    nested: bool = True,
    budget: float | None = None,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Space:
    """Join the views of a data set into one space.

    The aligner and its hyper-parameters are chosen by group-aware cross-validation on
    these records; the figures in ``space.report`` come from outer folds that their own
    selection never saw. The heads that are returned are then fitted on all records.

    Args:
        data: A name, path or :class:`Dataset`; vectors; or what :func:`prepare` returned.
        encoders: By view, as ids or objects; what is missing gets the default.
        aligner: ``"auto"`` or the short id of one aligner.
        params: Hyper-parameters that are fixed, for a named aligner.
        sources: Other data of the same kind by name, encoded by the same encoders. Each
            counts as much as held-out records of ``data`` say, nothing included.
        readout: What the choice is made for: ``"instance"``, to find the one that belongs,
            or ``"semantic"``, to find what is alike in kind (needs groups).
        by_group: Whether records of one group must stay on one side of a split.
        nested: Whether to estimate the quality, and to refuse if there is none.
        budget: Seconds for all but encoding; what does not fit in is named in the report.
        seed: Of splits and shuffles.
        cache: Of native vectors; a space made before from the same vectors and settings is
            kept beside it. None computes all anew.
        progress: Told as work is done.

    Returns:
        A space with its report.

    Raises:
        NoSignalError: If held-out pairs do no better than shuffled ones.
        DataError: If the records do not suffice.
        MissingDataError: If the data set is not on this machine.
    """
    check_readout(readout)
    choices = candidates(aligner, readout=readout, **dict(params or {}))
    ready = (
        data
        if isinstance(data, Prepared)
        else prepare(data, encoders, by_group=by_group, cache=cache, progress=progress)
    )
    others = _sources(ready, sources or {}, cache, progress)
    clock = Clock(budget)
    settings = [[choice.to_json() for choice in choices], nested, seed, readout, budget]
    settings += [[name, moments.fingerprint] for name, moments in others.items()]
    remembered = Remembered(
        None if cache is None else cache.path.parent / "spaces", ready, settings
    )
    if (known := remembered.load()) is not None:
        return _attached(known, ready)
    pairs, links = _joinable(ready)
    chosen = select(
        pairs,
        choices,
        links,
        auto=aligner == "auto",
        sources=others,
        readout=readout,
        seed=seed,
        nested=nested,
        budget=None if budget is None else _FOR_THE_SELECTION * clock.left,
        progress=progress,
    )
    report = _describe(ready, pairs, chosen, seed)
    report |= {"readout": readout, "budget": budget, "sources": list(others)}
    if chosen.outer:
        report.update(_estimate(pairs, chosen, seed, clock))
        _refuse_without_signal(report)
    space = _fitted(pairs, chosen, ready, report, clock)
    remembered.keep(space)
    return _attached(space, ready)


def _fitted(
    pairs: PairedVectors,
    chosen: Selection,
    ready: Prepared,
    report: dict[str, Any],
    clock: Clock,
) -> Space:
    """What won, fitted on all pairs and calibrated where there is time; completes the report."""
    final = fit(chosen.best, chosen.training)
    familiar = _familiar(ready)
    calibration = {} if clock.left <= 0 else calibrate(chosen.folds_of_best(pairs), familiar)
    report["calibration"] = {str(name): dict(each.ece) for name, each in calibration.items()}
    report["seconds"] = round(clock.elapsed, 1)
    refs = {m: EncoderRef.of(ready.encoders[m], ready.specs[m]) for m in pairs.views}
    near, ids, csls_strength = banks(final, pairs), bank_ids(pairs), chosen.best.csls_strength
    natives = {m: familiar[m].bank if m in familiar else native_bank(pairs, m) for m in pairs.views}
    return Space(
        final.heads_,
        near,
        refs,
        report=report,
        csls_strength=csls_strength,
        bank_ids=ids,
        calibration=calibration,
        native_banks=natives,
    )


def _familiar(ready: Prepared) -> dict[str, starter.Familiar]:
    """What comes with the package about the native vectors of the encoders that are used."""
    found = {m: starter.familiar(encoder.fingerprint) for m, encoder in ready.encoders.items()}
    return {m: each for m, each in found.items() if each is not None}


def _attached(space: Space, ready: Prepared) -> Space:
    for m in space.views:
        space.attach(ready.encoders[m], m)
    return space


def banks(aligner: Aligner, pairs: PairedVectors) -> dict[str, F32]:
    """Training vectors in the space, by view."""
    return {m: aligner.transform(bank(pairs, m), m) for m in pairs.views}


def _sources(
    ready: Prepared,
    sources: Mapping[str, Data | Prepared],
    cache: VectorCache | None,
    progress: Progress | None,
) -> dict[str, Moments]:
    """Moments of other sources, encoded by the encoders of the target."""
    found: dict[str, PairedVectors] = {}
    for name, data in sources.items():
        other = data if isinstance(data, Prepared) else _alike(data, ready, cache, progress)
        for m in ready.pairs.views:
            if m not in other.pairs.views:
                continue
            got, need = other.encoders[m].fingerprint, ready.encoders[m].fingerprint
            if got != need:
                raise DataError(
                    f"source {name}: its {m} was encoded by {other.encoders[m].id}, that of "
                    f"{ready.name} by {ready.encoders[m].id}; give both the same encoder"
                )
        found[name] = other.pairs
    made = source_moments(ready.pairs, found)
    if lost := [name for name in found if name not in made]:
        raise DataError(
            f"source {lost[0]} has {', '.join(found[lost[0]].views)}, need two views of "
            f"{', '.join(ready.pairs.views)}"
        )
    return made


def _alike(
    data: Data, ready: Prepared, cache: VectorCache | None, progress: Progress | None
) -> Prepared:
    """Another data set, encoded as the first one was."""
    if isinstance(data, str | Path):
        data = load_dataset(data)
    if not isinstance(data, Dataset):
        return prepare(data)
    known = {m: encoder for m, encoder in ready.encoders.items() if m in data.views}
    return prepare(data.select(known), known, cache=cache, progress=progress)


def _joinable(ready: Prepared) -> tuple[PairedVectors, NDArray[np.intp]]:
    """The views that share records with another, and the rows that have one of them."""
    pairs = ready.pairs
    joined = {m for pair in direct_pairs(pairs) for m in pair}
    if not joined:
        has = ", ".join(f"{len(pairs.rows(m))} of {m}" for m in pairs.views)
        raise DataError(
            f"{ready.name}: no record has two views (records: {has}); files that belong "
            "together must share a stem (cat.png, cat.txt) or a table row"
        )
    pairs = pairs.select([m for m in pairs.views if m in joined])
    some = np.logical_or.reduce([pairs.present[m] for m in pairs.views])
    return pairs.take(some), ready.links[some]


def _describe(
    ready: Prepared, pairs: PairedVectors, chosen: Selection, seed: int
) -> dict[str, Any]:
    tried = [
        {
            "candidate": trial.candidate.label,
            "score": trial.mean if np.isfinite(trial.mean) else None,
            "sd": float(np.nanstd(trial.scores)) if np.isfinite(trial.mean) else None,
            "splits": trial.ran,
            "complete": trial.complete,
            "reason": trial.reason,
        }
        for trial in chosen.trials
    ]
    return {
        "data": {
            "name": ready.name,
            "records": len(pairs),
            "items": {m: len(pairs.rows(m)) for m in pairs.views},
            "pairs": {f"{a}–{b}": len(pairs.rows(a, b)) for a, b in direct_pairs(pairs)},
            "groups": len(np.unique(ready.links)),
            "left_out": [{"source": f.source, "reason": f.reason} for f in ready.failures],
        },
        "encoders": {
            m: {"id": ready.encoders[m].id, "dim": ready.encoders[m].dim} for m in pairs.views
        },
        "chosen": {"label": chosen.best.label, **chosen.best.to_json()},
        "tried": tried,
        "standings": standings(chosen.trials, chosen.best, chosen.held),
        "against": chosen.against,
        "not_tried": chosen.not_tried,
        "seed": seed,
        "versions": {
            "isthmus": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _estimate(pairs: PairedVectors, chosen: Selection, seed: int, clock: Clock) -> dict[str, Any]:
    """Figures on the outer folds, beside shuffled pairs and random encoders."""
    rng = np.random.default_rng(seed)
    folds: dict[str, list[dict[str, Any]]] = {"true": [], "shuffled": [], "random": []}
    scores: dict[str, list[F32]] = {}
    for outer in chosen.outer:
        train, held = pairs.take(outer.train), pairs.take(outer.held)
        csls_strength = outer.candidate.csls_strength
        names = [(a, b) for a, b in direct_pairs(train) if len(held.rows(a, b)) > 1]
        if not names:
            continue
        for a, b in names:
            found = held_out_scores(outer.aligner, train, held, a, b, csls_strength=csls_strength)
            scores.setdefault(f"{a}–{b}", []).append(found)
        folds["true"].append(
            evaluate(
                outer.aligner.heads_, banks(outer.aligner, train), held, csls_strength=csls_strength
            )
        )
        for kind, rows, test in (
            ("shuffled", shuffled(train, rng), held),
            ("random", random_encoders(train, rng), random_encoders(held, rng)),
        ):
            if folds[kind] and clock.left <= 0:
                continue
            aligner = fit(outer.candidate.alone(), Training(rows, Moments.of(rows), {}))
            folds[kind].append(
                evaluate(aligner.heads_, banks(aligner, rows), test, csls_strength=csls_strength)
            )
    if not folds["true"]:
        raise DataError("no fold holds two records with a pair; give finer groups or more records")
    return {
        "held_out": summarise(folds["true"]),
        "null": {kind: summarise(folds[kind])["directions"] for kind in ("shuffled", "random")},
        "p_values": {name: permutation_p(found, seed=seed) for name, found in scores.items()},
        "folds": len(folds["true"]),
        "folds_planned": chosen.folds,
    }


def _refuse_without_signal(report: Mapping[str, Any]) -> None:
    p_values: Mapping[str, float] = report["p_values"]
    # Of several pairs of views one may look good by luck alone (Bonferroni).
    level = max(LEVEL / len(p_values), LEAST_P)
    if all(p > level for p in p_values.values()):
        listed = ", ".join(
            f"{name} p={p:.2g} ({report['data']['pairs'][name]} pairs)"
            for name, p in p_values.items()
        )
        raise NoSignalError(
            f"{report['data']['name']}: held-out pairs do no better than shuffled ones "
            f"({listed}; needed p ≤ {level:.2g}). Check that rows belong together, bring more "
            "pairs, or try other encoders"
        )
