"""What the report of a space says of the data, the encoders and the choice."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import numpy as np

from isthmus.core.paired import PairedVectors
from isthmus.core.version import __version__
from isthmus.core.view import ViewPair
from isthmus.pipeline.prepared import Prepared, of_views
from isthmus.selection.candidates import Candidate
from isthmus.selection.compare import standings
from isthmus.selection.measure import direct_pairs
from isthmus.selection.race import Trial
from isthmus.selection.select import Selection
from isthmus.space.report import Choice, ChosenAligner, DataFacts, EncoderFacts, Tried


def data_facts(ready: Prepared, pairs: PairedVectors) -> DataFacts:
    """What a space is made from.

    Args:
        ready: The data set.
        pairs: Its records that have one of the views that can be joined.
    """
    return DataFacts(
        name=ready.name,
        records=len(pairs),
        items={m: len(pairs.rows(m)) for m in pairs.views},
        pairs={ViewPair(a, b): len(pairs.rows(a, b)) for a, b in direct_pairs(pairs)},
        groups=len(np.unique(ready.links)),
        left_out=tuple(ready.failures),
        columns=of_views(ready.columns, pairs.views),
    )


def encoder_facts(ready: Prepared, views: Iterable[str]) -> dict[str, EncoderFacts]:
    """The encoders of these views."""
    used = {view: ready.encoders[view] for view in views}
    return {view: EncoderFacts(each.id, each.modality, each.dim) for view, each in used.items()}


def choice_of(chosen: Selection) -> Choice:
    """What was tried and what won."""
    return Choice(
        chosen=_aligner(chosen.best),
        tried=tuple(map(_tried, chosen.trials)),
        standings=standings(chosen.trials, chosen.best, chosen.held),
        rivalries=tuple(chosen.rivalries),
        not_tried=chosen.not_tried,
    )


def versions() -> dict[str, str]:
    """Of what makes a space."""
    return {
        "isthmus": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _aligner(candidate: Candidate) -> ChosenAligner:
    return ChosenAligner(
        label=candidate.label,
        aligner=candidate.aligner,
        params=candidate.params,
        members=tuple(map(_aligner, candidate.members)),
        weights=tuple(candidate.weights),
        sources=dict(candidate.sources),
        csls_strength=candidate.csls_strength,
    )


def _tried(trial: Trial) -> Tried:
    known = bool(np.isfinite(trial.mean))
    return Tried(
        trial.candidate.label,
        trial.mean if known else None,
        float(np.nanstd(trial.scores)) if known else None,
        trial.ran,
        trial.complete,
        trial.reason,
    )
