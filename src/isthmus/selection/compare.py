"""How far apart candidates are on held-out folds, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.linalg import F64
from isthmus.selection.candidates import Candidate, search_of
from isthmus.selection.race import Trial
from isthmus.space.report import Difference, Standing

COVERAGE = 0.95
"""Of intervals; by convention."""
EVIDENCE = 1.5
"""Standard errors that are taken off what a candidate scores above the favourite. On other splits
of five sets with 10 pairs R@10 is .224 with 1.5 (2: .225, 1: .219) and .215 where the best mean
wins; from 50 to 500 pairs it is as good as 1 and 2. Where the starter is the favourite, 2 keeps it
alone on 250 photographs, where its ensemble with own pairs finds more on other splits."""


def difference(ours: F64, theirs: F64, held: float) -> Difference | None:
    """Compare two candidates split by split.

    Training sets of cross-validation overlap, so that the plain variance of the mean is too
    small; it is widened by the share of held-out rows (Nadeau and Bengio, "Inference for the
    generalization error", Machine Learning 52, 2003): ``s² (1/J + held)``, Student's t with
    ``J − 1`` degrees of freedom.

    Args:
        ours: ``(splits,)`` scores, NaN where it did not run.
        theirs: ``(splits,)``.
        held: Held-out rows for each training row.

    Returns:
        None if there is no split that both ran on.

    Examples:
        >>> difference(np.array([0.5, 0.7]), np.array([0.4, 0.6]), 0.25).mean.__round__(3)
        0.1
    """
    gaps = _gaps(ours, theirs)
    if not len(gaps):
        return None
    mean = float(gaps.mean())
    if len(gaps) < 2:
        return Difference(mean, None, None, len(gaps))
    from scipy.special import stdtrit

    width = float(stdtrit(len(gaps) - 1, (1 + COVERAGE) / 2)) * _standard_error(gaps, held)
    return Difference(mean, mean - width, mean + width, len(gaps))


def _gaps(ours: F64, theirs: F64) -> F64:
    """Differences on the splits that both ran on."""
    gaps = ours - theirs
    return gaps[~np.isnan(gaps)]


def _standard_error(gaps: F64, held: float) -> float:
    """Of the mean of these differences, one a split, as Nadeau and Bengio have it."""
    return float(gaps.std(ddof=1) * np.sqrt(1 / len(gaps) + held))


def preferred(trials: Sequence[Trial], favourite: Candidate, held: float) -> Candidate:
    """The candidate that is most surely better than the favourite, or else the favourite.

    The best of many on few held-out rows is often the luckiest. So each is scored by how far it
    is ahead of the favourite, split by split, less :data:`EVIDENCE` standard errors of that: with
    few rows only clear differences count, with many the mean decides. This is the rule of
    one standard error (Breiman, Friedman, Olshen & Stone, "Classification and regression trees",
    1984) with paired differences, and with a favourite in the place of the simplest model.

    Args:
        trials: Best first, at least one; those that did not run on all splits do not count.
        favourite: What to keep without evidence. If it has no complete score, the first trial.
        held: Held-out rows for each training row.
    """
    complete = [trial for trial in trials if trial.complete]
    ours = next((trial.scores for trial in complete if trial.candidate == favourite), None)
    if ours is None:
        return trials[0].candidate
    best, lead = favourite, 0.0
    for trial in complete:
        gaps = _gaps(trial.scores, ours)
        sure = float(gaps.mean()) if len(gaps) else 0.0
        if len(gaps) > 1:
            sure -= EVIDENCE * _standard_error(gaps, held)
        if sure > lead:
            best, lead = trial.candidate, sure
    return best


def family(candidate: Candidate) -> tuple[str, ...]:
    """What kinds of aligner and which other sources it is made of: ``("cca", "openclipart")``."""
    members = candidate.members or (candidate,)
    names = [member.aligner for member in members]
    names += [name for member in members for name, _ in member.sources]
    return tuple(dict.fromkeys(names))


def standings(trials: Sequence[Trial], best: Candidate, held: float) -> tuple[Standing, ...]:
    """The best candidate of every family, and by how much the chosen one is ahead of it.

    Args:
        trials: Everything that was tried, best first.
        best: What was chosen.
        held: Held-out rows for each training row.

    Returns:
        The family of the winner first, then by score on the splits that each ran on.
    """
    winner = next(trial for trial in trials if trial.candidate == best)
    leaders: dict[tuple[str, ...], Trial] = {family(best): winner}
    for trial in trials:
        if not trial.reason and trial.ran:
            leaders.setdefault(family(trial.candidate), trial)
    first, *rest = (
        Standing(
            name,
            trial.candidate.label,
            trial.mean,
            trial.ran,
            trial.complete,
            None if trial is winner else difference(winner.scores, trial.scores, held),
        )
        for name, trial in leaders.items()
    )
    return first, *sorted(rest, key=_gap)


def _gap(row: Standing) -> float:
    return np.inf if row.ahead is None else row.ahead.mean


def rivals(candidate: Candidate) -> list[Candidate]:
    """What a candidate is reported against if it is chosen, as its aligner declares.

    A graph or a trained head has to beat the same without training, and the plain head. Closed
    forms have no rivals; they are compared with one another in the table of all trials.
    """
    return [
        Candidate(rival.aligner, rival.params_from(candidate.params))
        for rival in search_of(candidate.aligner).rivals
    ]
