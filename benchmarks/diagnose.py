"""Whether a diagnosis can be believed: curves, mismatches, kinds and encoders, put to the test.

Run ``python benchmarks/diagnose.py --json FILE``. On Tux Paint: curves fitted up to 100 pairs
less foretell what those pairs bring; partners of 5 % of the pairs are dealt on and looked for;
100 pairs are added of the kinds found worst, or at random; and what CKA and mutual k-NN say of
encoders is ranked against held-out pairs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import _machine
from _needs import STARTER, need
from isthmus.audit import diagnose
from isthmus.audit.curve import DEALS, curve_of_fold, extrapolate, sizes_for
from isthmus.audit.heldout import Joint, cutoff, scored, scored_folds
from isthmus.audit.kinds import kinds
from isthmus.audit.suspects import suspects
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.moments import Moments
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.pipeline.splits import fold_labels
from isthmus.report.pages.audit.words import rank_correlation
from isthmus.selection.parallel import side_by_side

LESS = 100
WRONG = 0.05
PARTS: dict[str, dict[str, Any]] = {
    "image-text": {},
    "speech-text": {"part": "speech-text", "language": "fr"},
    "sound-text": {"part": "sound-text"},
}


def ready(part: str) -> tuple[Prepared, Joint]:
    """The pairs of a part with the default encoders."""
    found = prepare(load("tuxpaint", **PARTS[part]), cache=default_cache())
    found = found.take(found.pairs.rows(*found.pairs.views))
    a, b = found.pairs.views
    return found, Joint.of(a, b, *found.pairs.pair(a, b))


def curves(joint: Joint, links: NDArray[np.intp], seeds: int) -> dict[str, Any]:
    """How often the interval holds what the last 100 pairs brought."""
    rows = []
    for seed in range(seeds):
        splits = [
            (np.flatnonzero(labels != fold), np.flatnonzero(labels == fold), deal)
            for deal in range(DEALS)
            for labels in [fold_labels(links, seed=100 * seed + deal)]
            for fold in range(int(labels.max()) + 1)
        ]
        most = min(len(pool) for pool, *_ in splits)
        sizes = (*sizes_for(most - LESS), most)
        k = cutoff(len(splits[0][1]))

        def measure(
            split: tuple[NDArray[np.intp], NDArray[np.intp], int],
            seed: int = seed,
            sizes: tuple[int, ...] = sizes,
            k: int = k,
        ) -> NDArray[np.float64]:
            pool, held, deal = split
            order = np.random.default_rng([seed, deal, int(held[0])]).permutation(pool)
            return curve_of_fold(joint, order, held, sizes, k)

        values = np.stack(side_by_side(measure, splits))
        for kind, name in ((0, "recall"), (1, "mrr")):
            draws, noise = extrapolate(
                values[:, :-1, kind], sizes[:-1], (most, most - LESS),
                independent=len(splits) // DEALS, seed=seed,
            )  # fmt: skip
            low, high = np.percentile(draws[:, 0] - draws[:, 1] + noise, (2.5, 97.5))
            bottom, top = np.percentile(draws[:, 0], (2.5, 97.5))
            reached = float(values[:, -1, kind].mean())
            rise = reached - float(values[:, -2, kind].mean())
            rows.append(
                {
                    "seed": seed,
                    "measure": name,
                    "foretold": round(float(np.median(draws[:, 0] - draws[:, 1])), 4),
                    "interval": [round(float(low), 4), round(float(high), 4)],
                    "brought": round(rise, 4),
                    "gain_held": bool(low <= rise <= high),
                    "level_held": bool(bottom <= reached <= top),
                }
            )
    return {
        name: {
            "seeds": seeds,
            "gain_held": sum(r["gain_held"] for r in rows if r["measure"] == name),
            "level_held": sum(r["level_held"] for r in rows if r["measure"] == name),
            "mean_foretold": _mean([r["foretold"] for r in rows if r["measure"] == name]),
            "mean_brought": _mean([r["brought"] for r in rows if r["measure"] == name]),
            "mean_width": _mean(
                [r["interval"][1] - r["interval"][0] for r in rows if r["measure"] == name]
            ),
            "runs": [r for r in rows if r["measure"] == name],
        }
        for name in ("recall", "mrr")
    }


def mismatches(joint: Joint, seeds: int) -> dict[str, Any]:
    """Precision, recall and average precision of the list, and what is flagged."""
    n = len(joint)
    links, runs = np.arange(n), []
    clean = suspects(joint, links, seed=0)
    for seed in range(seeds):
        bad = np.random.default_rng(100 + seed).choice(n, round(WRONG * n), replace=False)
        order = np.arange(n)
        order[bad] = np.roll(bad, 1)
        x, y = joint.pairs.vectors[joint.a], joint.pairs.vectors[joint.b][order]
        moved = Joint(joint.a, joint.b, PairedVectors({joint.a: x, joint.b: y}), joint.ridge)
        found = suspects(moved, links, seed=seed, listed=n)
        wrong = np.isin([one.row for one in found.listed], bad)
        places = np.arange(1, n + 1)
        runs.append(
            {
                "precision": float(wrong[: len(bad)].mean()),
                "recall_at_twice": float(wrong[: 2 * len(bad)].sum() / len(bad)),
                "average_precision": float((np.cumsum(wrong) / places)[wrong].mean()),
                "flagged": found.flagged,
                "flagged_rightly": int(wrong[: found.flagged].sum()),
            }
        )
    return {
        "pairs": n,
        "planted": round(WRONG * n),
        "base_rate": WRONG,
        "flagged_of_clean": clean.flagged,
        **{name: _mean([run[name] for run in runs]) for name in runs[0]},
        "runs": runs,
    }


def more_of_the_worst(found: Prepared, joint: Joint, seeds: int) -> dict[str, Any]:
    """What 100 pairs of the kinds found worst bring, against 100 at random."""
    groups = np.asarray(found.pairs.groups)
    runs = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(joint))
        held, known, pool = order[:134], order[134:384], order[384:]
        sub = Joint(joint.a, joint.b, joint.pairs.take(known), joint.ridge)
        folds = scored_folds(sub, np.arange(len(known)), deals=2, seed=seed)
        judged = kinds(joint.a, joint.b, groups[known], folds)
        assert judged is not None
        place = {kind.name: i for i, kind in enumerate(judged.kinds)}
        middle = len(place) / 2
        worst_first = np.argsort([place.get(str(groups[i]), middle) for i in pool], kind="stable")
        of_worst = np.isin([str(groups[i]) for i in held], [k.name for k in judged.worst[:10]])
        row = {}
        for name, added in (("random", pool[:LESS]), ("worst", pool[worst_first[:LESS]])):
            train = joint.pairs.take(np.concatenate([known, added]))
            ranks = scored(joint, joint.fit(Moments.of(train)), train, held).ranks()
            reciprocal = (1 / ranks).mean(axis=0)
            row[name] = {"all": reciprocal.mean(), "worst_kinds": reciprocal[of_worst].mean()}
        runs.append(row)
    return {
        which: {
            "random": _mean([run["random"][which] for run in runs]),
            "worst": _mean([run["worst"][which] for run in runs]),
            "difference_se": _error([run["worst"][which] - run["random"][which] for run in runs]),
        }
        for which in ("all", "worst_kinds")
    }


def encoders(part: str) -> dict[str, Any]:
    """Rank correlation of CKA and mutual k-NN with held-out mean reciprocal rank."""
    out: dict[str, Any] = {}
    for by_group in (True, False):
        started = time.perf_counter()
        found = diagnose(load("tuxpaint", **PARTS[part]), by_group=by_group, cache=default_cache())
        seconds = time.perf_counter() - started
        fits = [fit for fit in found.fits if fit.mrr and fit.cka and fit.knn]
        mrr = [fit.mrr.value for fit in fits]
        out["by group" if by_group else "free"] = {
            "combinations": len(fits),
            "cka": round(rank_correlation([fit.cka.value for fit in fits], mrr), 3),
            "knn": round(rank_correlation([fit.knn.value for fit in fits], mrr), 3),
            "seconds": round(seconds, 1),
            "fits": [
                [fit.encoder_a, fit.encoder_b, round(fit.cka.value, 3), round(fit.knn.value, 3),
                 round(fit.mrr.value, 3)]
                for fit in fits
            ],
        }  # fmt: skip
    return out


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


def _error(values: list[float]) -> list[float]:
    """Mean and standard error."""
    return [_mean(values), round(float(np.std(values, ddof=1) / np.sqrt(len(values))), 4)]


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=(*STARTER, "efficientnet-lite2", "tfidf"))
    results: dict[str, Any] = {"encoders": {part: encoders(part) for part in PARTS}}
    print(results["encoders"], flush=True)
    results["mismatches"] = {}
    for part in PARTS:
        found, joint = ready(part)
        results["mismatches"][part] = mismatches(joint, arguments.seeds)
        print(part, {k: v for k, v in results["mismatches"][part].items() if k != "runs"})
        if part == "image-text":
            results["kinds"] = more_of_the_worst(found, joint, arguments.seeds)
            print(results["kinds"], flush=True)
            results["curves"] = {
                "by group": curves(joint, found.links, arguments.seeds),
                "free": curves(joint, np.arange(len(joint)), arguments.seeds),
            }
            for name, found_curves in results["curves"].items():
                for measure, row in found_curves.items():
                    print(name, measure, {k: v for k, v in row.items() if k != "runs"}, flush=True)
    if arguments.json:
        _machine.write(arguments.json, results)


if __name__ == "__main__":
    main()
