"""Adversarial alignment: two generators that translate, two judges that tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isthmus.aligners.base import MIN_PAIRS, Aligner, Pairs
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.kernel import in_canonical_order
from isthmus.aligners.traits import NOT_PAIRED, PLAIN_CCA, Abilities, Search
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.extras import require
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.moments.moments import Moments
from isthmus.training import Log, Phase, Schedule, Trainee, train

if TYPE_CHECKING:
    from torch import Generator, Tensor

_COMPARED = 1000
_SMOOTHING = 0.1
_MIN_RANK = 0.5
_MAX_CYCLE = 0.5
_MIN_AGREEMENT = 0.9
_MIN_ROWS = 4


@dataclass(frozen=True)
class Health:
    """Whether generators collapsed, told without pairs.

    Attributes:
        rank: Effective rank (exponential of the entropy of the shares of variance; Roy and
            Vetterli 2007) of translated vectors over that of real ones, the smaller of both
            directions; near 1 where the variety of the vectors is kept, near 0 where everything
            is translated to a few points.
        cycle: Mean squared error of there and back over the mean squared length, the larger of
            both directions; 0 where nothing is lost.
        judged: Accuracy of the judges, mean of both; one half where they are fooled.
        agreement: Where no pairs were used, the cosine between the translation that was kept and
            the one most like it that another random start ended in; 1 where both found the
            same, near 0 for unrelated rotations of many dimensions. NaN where pairs were used.
    """

    rank: float
    cycle: float
    judged: float
    agreement: float = math.nan

    @property
    def collapsed(self) -> bool:
        """Whether variety was lost (rank under one half) or the way back (cycle over one half)."""
        return not (self.rank >= _MIN_RANK and self.cycle <= _MAX_CYCLE)


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
                f"{len(rows)} records have both {' and '.join(pairs.views)}, need at least "
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

    def _train(self, x: F64, y: F64, both: Sequence[F64]) -> tuple[_Duel, Log, float]:
        """The best of all starts, and how nearly another one ended in the same translation."""
        rng = np.random.default_rng(self.seed)
        if len(both[0]):
            u, _, vt = np.linalg.svd(both[0].T @ both[1])
            turns = [u @ vt]
        else:
            # Which x stands beside which y must say nothing.
            x, y = rng.permutation(x), rng.permutation(y)
            turns = [_random_rotation(rng, x.shape[1]) for _ in range(self.starts)]
        duels = [_Duel(self, x, y, both, turn) for turn in turns]
        rows = max(len(x), len(y))
        logs = [train(duel, rows, self._schedule(), progress=self.progress) for duel in duels]
        best = int(np.argmax([log.best_score for log in logs]))
        others = [duel.map() for number, duel in enumerate(duels) if number != best]
        alike = [_cosine(duels[best].map(), other) for other in others]
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
                f"adversarial training collapsed: {figures}; need a rank of at least {_MIN_RANK} "
                f"and a cycle error of at most {_MAX_CYCLE}. Give more pairs, raise cycle or "
                "orthogonal, or use CCA"
            )
        if health.agreement < _MIN_AGREEMENT:
            raise NoSignalError(
                f"the random starts do not agree: {figures}; need an agreement of at least "
                f"{_MIN_AGREEMENT}. The views cannot be matched without pairs; give a few pairs"
            )


class _Duel(Trainee):
    """Generators ``g`` (x to y) and ``f`` (back) against a judge of each side."""

    def __init__(self, of: Adversarial, x: F64, y: F64, both: Sequence[F64], start: F64) -> None:
        torch = self.torch = require("torch", extra="learned", purpose="the adversarial aligner")
        self.of = of
        self.x, self.y = self._tensor(x), self._tensor(y)
        self.a, self.b = (self._tensor(part) for part in both)
        self.g = torch.tensor(start, dtype=torch.float32).requires_grad_()
        self.f = torch.tensor(start.T.copy(), dtype=torch.float32).requires_grad_()
        self.eye = torch.eye(len(start))
        generator = torch.Generator().manual_seed(of.seed)
        self.judges = {side: self._judge(len(start), generator) for side in "xy"}

    def _tensor(self, array: F64) -> Tensor:
        # Components have a mean square length of 1 over all of them; a judge likes one each.
        return self.torch.tensor(array * math.sqrt(array.shape[1]), dtype=self.torch.float32)

    def _judge(self, k: int, generator: Generator) -> dict[str, Tensor]:
        torch, units = self.torch, self.of.units

        def weight(rows: int, columns: int) -> Tensor:
            drawn = torch.randn(rows, columns, generator=generator) / math.sqrt(rows)
            return drawn.requires_grad_()

        return {
            "in": weight(k, units),
            "bias": torch.zeros(units, requires_grad=True),
            "out": weight(units, 1),
        }

    def phases(self) -> Sequence[Phase]:
        judges = {f"{side}.{n}": t for side, judge in self.judges.items() for n, t in judge.items()}
        return [
            Phase("judges", judges, self._judging),
            Phase("generators", {"g": self.g, "f": self.f}, self._translating),
        ]

    def _drawn(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Rows of both sides, drawn apart from each other."""
        other = self.torch.randint(len(self.y), (len(batch),), generator=generator)
        return self.x[batch % len(self.x)], self.y[other]

    def _says(self, side: str, rows: Tensor) -> Tensor:
        """Log odds by a judge that rows of its side are real, ``(n,)``."""
        judge = self.judges[side]
        inner = self.torch.nn.functional.leaky_relu(rows @ judge["in"] + judge["bias"], 0.2)
        return (inner @ judge["out"])[:, 0]

    def _told(self, side: str, rows: Tensor, real: float) -> Tensor:
        says = self._says(side, rows)
        truth = self.torch.full_like(says, real)
        return self.torch.nn.functional.binary_cross_entropy_with_logits(says, truth)

    def _judging(self, batch: Tensor, generator: Generator) -> Tensor:
        x, y = self._drawn(batch, generator)
        fake_x, fake_y = (y @ self.f).detach(), (x @ self.g).detach()
        real = self._told("x", x, 1 - _SMOOTHING) + self._told("y", y, 1 - _SMOOTHING)
        return real + self._told("x", fake_x, _SMOOTHING) + self._told("y", fake_y, _SMOOTHING)

    def _translating(self, batch: Tensor, generator: Generator) -> Tensor:
        of = self.of
        x, y = self._drawn(batch, generator)
        fooled = self._told("y", x @ self.g, 1.0) + self._told("x", y @ self.f, 1.0)
        back = (x @ self.g @ self.f - x).square().mean() + (y @ self.f @ self.g - y).square().mean()
        turned = sum((m.T @ m - self.eye).square().sum() for m in (self.g, self.f)) / len(self.eye)
        total = of.adversarial * fooled + of.cycle * back + of.orthogonal * turned
        if len(self.a):
            known = self.torch.randperm(len(self.a), generator=generator)[: of.batch_size]
            a, b = self.a[known], self.b[known]
            total = (
                total + of.weight * ((a @ self.g - b).square() + (b @ self.f - a).square()).mean()
            )
        return total

    def map(self) -> F64:
        """What the heads use, ``(G + Fᵀ)/2``."""
        mean: F64 = ((self.g + self.f.T) / 2).detach().numpy().astype(np.float64)
        return mean

    def validate(self) -> float:
        """Minus the energy distance of translated rows to real ones (Székely and Rizzo 2013).

        It is zero only for equal distributions, so unlike a judge it cannot be fooled for long.
        """
        turn = ((self.g + self.f.T) / 2).detach()
        x, y = self.x[:_COMPARED] @ turn, self.y[:_COMPARED]
        distance = self.torch.cdist
        apart = 2 * distance(x, y).mean() - distance(x, x).mean() - distance(y, y).mean()
        return -float(apart)

    def health(self) -> Health:
        """Figures that need no pairs."""
        with self.torch.no_grad():
            fake_x, fake_y = self.y @ self.f, self.x @ self.g
            ranks = [_rank(fake_y) / _rank(self.x), _rank(fake_x) / _rank(self.y)]
            back = [
                (once @ way - rows).square().sum() / rows.square().sum()
                for once, way, rows in ((fake_y, self.f, self.x), (fake_x, self.g, self.y))
            ]
            right = [
                (
                    (self._says(side, real) > 0).float().mean()
                    + (self._says(side, fake) < 0).float().mean()
                )
                for side, real, fake in (("x", self.x, fake_x), ("y", self.y, fake_y))
            ]
        return Health(min(ranks), float(max(back)), float(sum(right)) / 4)


def _rank(rows: Tensor) -> float:
    """Effective rank of centred rows."""
    values = np.linalg.svd((rows - rows.mean(dim=0)).numpy().astype(np.float64), compute_uv=False)
    shares = values**2 / max(float((values**2).sum()), 1e-30)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _random_rotation(rng: np.random.Generator, k: int) -> F64:
    q, r = np.linalg.qr(rng.normal(size=(k, k)))
    out: F64 = q * np.sign(np.diag(r))
    return out


def _cosine(a: F64, b: F64) -> float:
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))
