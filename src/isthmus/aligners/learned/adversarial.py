"""Adversarial alignment: two generators that translate, two judges that tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isthmus.aligners.base import MIN_PAIRS, Aligner
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.kernel import in_canonical_order
from isthmus.aligners.learned.duel import (
    MAX_CYCLE,
    MIN_RANK,
    Duel,
    Health,
    Rules,
    cosine,
    random_rotation,
)
from isthmus.aligners.traits import NOT_PAIRED, PLAIN_CCA, Abilities, Search
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.core.wording import count
from isthmus.moments.moments import Moments
from isthmus.training import Log, Schedule, train

_MIN_AGREEMENT = 0.9
"""Cosine between two starts that found the same; between unrelated rotations it is near 0."""
_MIN_ROWS = 4
"""Fewer rows have no shape that a judge could learn."""


class Adversarial(Aligner):
    """Linear translations that make two views look alike to a judge.

    Both views are brought to ``k`` principal components, partly whitened, of unit mean
    square length. ``G`` translates one to the other and ``F`` back, ``k × k`` each. They lower
    the sum of four losses: that a small network cannot tell translated rows from real ones,
    that ``F`` undoes ``G`` (Zhu et al., "CycleGAN", 2017), that both stay near orthogonal, and
    that rows known to be pairs are translated to each other. The networks learn in turn
    (Goodfellow et al. 2014; for vectors Conneau et al. 2018). The head of the first view
    ends in ``(G + Fᵀ)/2``, which is both at once for orthogonal maps. The start is the
    orthogonal Procrustes solution on the known pairs; without them several random rotations
    are trained and the best is kept.

    Training like this is unstable, so it is checked without labels (:class:`Health`): the fit
    is refused if the effective rank of the vectors falls by translation to less than half, or
    if the error of there and back is more than half of their mean square length. Where pairs
    are ignored, that cannot tell a wrong rotation from the right one; then it is also refused
    if no two random starts end in the same translation, which is the usual outcome unless the
    views have nearly the same, uneven shape.

    Args:
        components: ``k``; capped by the smaller rank.
        whiten: Exponent in 0…1 of the whitening; 1 makes all components equally wide.
        weight: Of the loss of known pairs; 0 ignores which rows are pairs, and even breaks
            the pairing up, so that nothing of it is learned by accident.
        pairs_used: How many rows count as known pairs; None means all that there are. All other
            rows serve as examples of their view alone.
        adversarial: Weight of the judges.
        cycle: Weight of there and back.
        orthogonal: Weight of ``‖GᵀG − I‖²/k``.
        units: Hidden units of a judge.
        learning_rate: Of AdamW.
        epochs: At most so many passes over the larger view.
        batch_size: Rows a step.
        patience: Epochs after which training stops if the energy distance between translated
            and real rows does not fall.
        starts: Random starts that are trained where no pairs are used, at least 2.
        seed: Of everything that is random.

    Attributes:
        health_: What the check found, after ``fit``.
        log_: Of the training.
        progress: Told how far training is; set it before ``fit``.
    """

    name = "adversarial"
    abilities = Abilities(missing_rows=True)
    search = Search(
        place=100, cost=5.0, trained=True, conditions=(NOT_PAIRED,), rivals=(PLAIN_CCA,)
    )
    health_: Health
    log_: Log
    progress: Progress | None = None

    def __init__(
        self,
        components: int = 50,
        *,
        whiten: float = 0.5,
        weight: float = 1.0,
        pairs_used: int | None = None,
        adversarial: float = 1.0,
        cycle: float = 1.0,
        orthogonal: float = 1.0,
        units: int = 64,
        learning_rate: float = 1e-3,
        epochs: int = 30,
        batch_size: int = 64,
        patience: int = 10,
        starts: int = 5,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("components", components, 1),
            ("units", units, 1),
            ("starts", starts, 2),
        ):
            if value < least:
                raise InputError(f"{name} must be at least {least}, got {value}")
        if not 0 <= whiten <= 1:
            raise InputError(f"whiten must be from 0 to 1, got {whiten}")
        for name, share in (
            ("weight", weight),
            ("adversarial", adversarial),
            ("cycle", cycle),
            ("orthogonal", orthogonal),
        ):
            if not (math.isfinite(share) and share >= 0):
                raise InputError(f"{name} must not be negative, got {share}")
        if pairs_used is not None and pairs_used < MIN_PAIRS:
            raise InputError(
                f"pairs_used must be at least {MIN_PAIRS}, got {pairs_used}; to ignore all pairs "
                "set weight=0"
            )
        self.components, self.whiten = components, whiten
        self.weight, self.pairs_used = weight, pairs_used
        self.adversarial, self.cycle, self.orthogonal = adversarial, cycle, orthogonal
        self.units, self.learning_rate, self.epochs = units, learning_rate, epochs
        self.batch_size, self.patience, self.starts, self.seed = batch_size, patience, starts, seed
        self._schedule()

    def fit(self, pairs: Pairs) -> Self:
        """Train the translations.

        Raises:
            DataError: If there are not two views, or too few rows or pairs.
            NoSignalError: If training collapsed, or starts without pairs do not agree; the
                message says by what figures.
        """
        pairs = in_canonical_order(self.admit(pairs))
        known = self._known(pairs)
        with threadpool_limits(1):
            bases, means = self._bases(pairs)
            x, y = ((pairs.vectors[m][pairs.present[m]] - means[m]) @ bases[m] for m in pairs.views)
            both = [(pairs.vectors[m][known] - means[m]) @ bases[m] for m in pairs.views]
            if not self.weight:
                both = [part[:0] for part in both]
            duel, self.log_, agreement = self._train(x, y, both)
            self.health_ = replace(duel.health(), agreement=agreement)
        self._refuse_failure(self.health_)
        first, second = pairs.views
        self.heads_ = {
            first: LinearHead(means[first], bases[first] @ duel.map()),
            second: LinearHead(means[second], bases[second]),
        }
        return self

    def _known(self, pairs: PairedVectors) -> NDArray[np.intp]:
        """Rows taken for known pairs: some of those that have both, drawn by the seed."""
        rows = pairs.rows(*pairs.views)
        if len(rows) < MIN_PAIRS and self.weight:
            raise DataError(
                f"{count(len(rows), 'record has', 'records have')}"
                f" both {' and '.join(pairs.views)}, need at least "
                f"{MIN_PAIRS}; set weight=0 to train without known pairs"
            )
        if self.pairs_used is None:
            return rows
        return np.random.default_rng(self.seed).permutation(rows)[: self.pairs_used]

    def _bases(self, pairs: PairedVectors) -> tuple[dict[str, F64], dict[str, F64]]:
        """From centred native columns to components ``(d, k)``, and the means."""
        moments = Moments.of(pairs)
        spectra = {}
        for m in pairs.views:
            if moments.count(m) < _MIN_ROWS:
                raise DataError(
                    f"{m} has {moments.count(m):.0f} rows, need at least {_MIN_ROWS} to train the "
                    "discriminator"
                )
            spectra[m] = moments.spectrum(m)
        k = min(self.components, *(len(values) for _, values, _ in spectra.values()))
        bases = {}
        for m, (_, values, vectors) in spectra.items():
            top, leading = values[::-1][:k], vectors[:, ::-1][:, :k]
            widths = top ** ((1 - self.whiten) / 2)
            bases[m] = leading / np.sqrt(top) * widths / np.linalg.norm(widths)
        return bases, {m: moments.mean(m) for m in pairs.views}

    def _train(self, x: F64, y: F64, both: Sequence[F64]) -> tuple[Duel, Log, float]:
        """The best of all starts, and how nearly another one ended in the same translation."""
        rng = np.random.default_rng(self.seed)
        if len(both[0]):
            u, _, vt = np.linalg.svd(both[0].T @ both[1])
            turns = [u @ vt]
        else:
            # Which x stands beside which y must say nothing.
            x, y = rng.permutation(x), rng.permutation(y)
            turns = [random_rotation(rng, x.shape[1]) for _ in range(self.starts)]
        rules = Rules(
            weight=self.weight,
            adversarial=self.adversarial,
            cycle=self.cycle,
            orthogonal=self.orthogonal,
            units=self.units,
            batch_size=self.batch_size,
            seed=self.seed,
        )
        duels = [Duel(rules, x, y, both, turn) for turn in turns]
        rows = max(len(x), len(y))
        logs = [train(duel, rows, self._schedule(), progress=self.progress) for duel in duels]
        best = int(np.argmax([log.best_score for log in logs]))
        others = [duel.map() for number, duel in enumerate(duels) if number != best]
        alike = [cosine(duels[best].map(), other) for other in others]
        return duels[best], logs[best], max(alike, default=math.nan)

    def _schedule(self) -> Schedule:
        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=self.seed,
        )

    def _refuse_failure(self, health: Health) -> None:
        found = {name: value for name, value in asdict(health).items() if not math.isnan(value)}
        figures = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        if health.collapsed or self.log_.stopped == "diverged":
            raise NoSignalError(
                f"adversarial training collapsed: {figures}; need a rank of at least {MIN_RANK} "
                f"and a cycle error of at most {MAX_CYCLE}. Give more pairs, raise cycle or "
                "orthogonal, or use CCA"
            )
        if health.agreement < _MIN_AGREEMENT:
            raise NoSignalError(
                f"the random starts do not agree: {figures}; need an agreement of at least "
                f"{_MIN_AGREEMENT}. The views cannot be matched without pairs; give a few pairs"
            )
