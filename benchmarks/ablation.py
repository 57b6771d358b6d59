"""What each part is worth: one change at a time against one base setting, on Tux Paint.

Run ``python benchmarks/ablation.py --json FILE --page docs/ablation.md``. Every row is
learned from the same 540 pairs of a seed and measured on the same gallery of 130; the
difference to the base is taken seed by seed, so its spread is that of the difference.
Nothing is chosen here: settings are fixed beforehand. ``--only augmentation`` measures what
augmentation is worth to a predictor, and keeps the other rows of FILE.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import _ablation_fusion
import _machine
from _needs import STARTER, need
from isthmus.aligners import CCA, Aligner, Anchors, Ensemble, make
from isthmus.core.errors import NoSignalError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.metrics import mean_average_precision, retrieval_report
from isthmus.moments import Moments
from isthmus.pipeline import default_cache, prepare
from isthmus.selection.folds import Training, source_moments
from isthmus.space.readout import score

GALLERY, PAIRS = 130, 540
RIDGE, POWER = 3.0, 1.0
IMAGES = ("efficientnet-lite0", "efficientnet-lite2?mirror=1")
FOUR = ("en", "fr", "es", "zh")
AUGMENTATION = "augmentation"
"""The part that is about predictors."""


@dataclass(frozen=True)
class Row:
    """One setting: what is learned from, how, and how it is scored.

    Attributes:
        part: What it is a variant of.
        name: For the table.
        views: Key of the vectors.
        make: Makes the unfitted aligner, or several whose scores are combined.
        combine: How the scores of several aligners become one.
        csls: Whether the instance read-out corrects for hubness.
        source: Weight of Open Clip Art; 0 for none.
    """

    part: str
    name: str
    views: str = "english"
    make: Callable[[], Aligner] | None = None
    combine: str = ""
    csls: bool = True
    source: float = 0.0


def base() -> CCA:
    """The setting that every row differs from in one respect."""
    return CCA(ridge=RIDGE, power=POWER)


def learned(**params: Any) -> Callable[[], Aligner]:
    """A contrastive head that starts from the base setting."""
    return lambda: make("contrastive", ridge=RIDGE, power=POWER, **params)


def rows() -> Iterator[Row]:
    """Every setting, grouped by what it tells."""
    yield Row("base", "CCA, ridge 3, power 1, CSLS")
    yield Row("hubness", "no CSLS (cosine)", csls=False)
    for power in (0.0, 0.5, 2.0):
        yield Row("weights", f"power {power:g}", make=lambda p=power: CCA(RIDGE, p))
    for ridge in (0.1, 1.0, 10.0):
        yield Row("ridge", f"ridge {ridge:g}", make=lambda r=ridge: CCA(r, POWER))
    yield Row("aligner", "ridge regression", make=lambda: make("ridge"))
    yield Row("aligner", "Procrustes", make=lambda: make("procrustes"))
    yield Row("aligner", "anchors (ASIF)", make=Anchors)
    yield Row("aligner", "kernel CCA", make=lambda: make("kernel-cca"))
    yield Row("languages", "captions of 4 languages averaged", views="four")
    yield Row("languages", "captions of 16 languages averaged", views="sixteen")
    yield Row("encoders", "lite2 with mirror", views="lite2")
    yield Row("encoders", "lite0 and lite2 concatenated", views="joined")
    yield Row("fusion of spaces", "scores added (lite0, lite2)", views="joined", combine="add")
    yield Row(
        "fusion of spaces", "scores multiplied (lite0, lite2)", views="joined", combine="multiply"
    )
    for weight in (0.1, 0.25, 0.5, 1.0):
        yield Row(
            "fusion of heads",
            f"+ {weight:g} anchors",
            make=lambda w=weight: Ensemble([base(), Anchors()], [1.0, w]),
        )
    for share in (0.15, 0.5, 1.5, 5.0):
        yield Row("another source", f"+ {share:g} Open Clip Art", source=share)
    yield Row(
        "warm start",
        "what it starts from: kernel CCA, ridge 3, power 1",
        make=lambda: make("kernel-cca", ridge=RIDGE, power=POWER),
    )
    yield Row("warm start", "InfoNCE from the closed form", make=learned())
    yield Row("warm start", "InfoNCE from scratch", make=learned(warm_start=False))
    yield Row("mix-up", "with latent mix-up", make=learned(mixup=1.0))
    yield Row("mix-up", "without latent mix-up", make=learned(mixup=0.0))
    yield Row("head", "linear, from the base", make=learned(head="linear"))
    yield Row("head", "linear, from scratch", make=learned(head="linear", warm_start=False))
    for loss in ("siglip", "cosine", "euclidean", "kl", "info_nce + 0.5*kl"):
        yield Row("losses", f"{loss}, from the closed form", make=learned(loss=loss))
    yield Row("graph", "propagation, nothing trained", make=lambda: make("propagation"))
    yield Row(
        "graph",
        "propagation, known groups joined",
        make=lambda: make("propagation", group_weight=4.0, restart=0.1),
    )
    for loss in ("info_nce", "euclidean", "cosine", "kl", "info_nce + 0.5*kl"):
        yield Row("graph", f"CM-GNN, {loss}", make=lambda x=loss: make("cm-gnn", loss=x))


def views() -> dict[str, PairedVectors]:
    """Native vectors of every kind, from the cache where known; rows are the same stamps."""
    cache = default_cache()

    def of(image: str, languages: Sequence[str] | None = None) -> PairedVectors:
        found = prepare(load("tuxpaint", languages=languages), {"image": image}, cache=cache)
        return found.pairs

    first = prepare(load("tuxpaint"), cache=cache)
    sixteen = first.encoders["text"].languages
    return {
        "english": first.pairs,
        "four": of(IMAGES[0], FOUR),
        "sixteen": of(IMAGES[0], sixteen),
        "lite2": of(IMAGES[1]),
        "joined": of("+".join(IMAGES)),
    }


def run(row: Row, data: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Learn and measure one setting once."""
    pairs: PairedVectors = data[row.views]
    order = np.random.default_rng(seed).permutation(len(pairs))
    test, train = pairs.take(order[:GALLERY]), pairs.take(order[GALLERY : GALLERY + PAIRS])
    started = time.process_time()
    if row.combine:
        instance, semantic = _combined(row, train, test)
    else:
        if row.source:
            sources = source_moments(train, {"openclipart": data["openclipart"]})
            training = Training(train, Moments.of(train), sources)
            aligner: Aligner = base().fit_moments(training.weighted((("openclipart", row.source),)))
        else:
            aligner = (row.make or base)().fit(train)
        instance, semantic = _scores(aligner, train, test, csls=row.csls)
    seconds = time.process_time() - started
    truth = np.arange(GALLERY)
    both = [retrieval_report(s, truth) for s in (instance, instance.T)]
    groups = np.asarray(test.groups)
    relevant = groups[:, None] == groups[None, :]
    return {
        "r1": float(np.mean([one.r1 for one in both])),
        "r10": float(np.mean([one.r10 for one in both])),
        "map": float(
            np.mean([mean_average_precision(s, relevant) for s in (semantic, semantic.T)])
        ),
        "seconds": round(seconds, 2),
    }


def _scores(
    aligner: Aligner, train: PairedVectors, test: PairedVectors, *, csls: bool = True
) -> tuple[F32, F32]:
    """Scores of captions against pictures, for one and for kinds."""
    x, y, bank_x, bank_y = (
        aligner.transform(part.vectors[m], m) for part in (test, train) for m in ("text", "image")
    )
    cosine = score(x, y, readout="semantic", query_bank=bank_x, gallery_bank=bank_y)
    if not csls:
        return cosine, cosine
    return score(x, y, readout="instance", query_bank=bank_x, gallery_bank=bank_y), cosine


def _combined(row: Row, train: PairedVectors, test: PairedVectors) -> tuple[F32, F32]:
    """One space for each image encoder; their scores added, or squashed to 0…1 and multiplied."""
    half = train.vectors["image"].shape[1] // 2
    found = []
    for columns in (slice(None, half), slice(half, None)):
        parts = [
            PairedVectors({"text": p.vectors["text"], "image": p.vectors["image"][:, columns]})
            for p in (train, test)
        ]
        found.append(_scores(base().fit(parts[0]), *parts))
    if row.combine == "add":
        return tuple(sum(_standard(each[i]) for each in found) for i in (0, 1))  # type: ignore[return-value]
    # From 0 to 1, so that a product wants both to agree. A product of softmax probabilities
    # would rank exactly as the sum of scores does.
    return tuple(np.prod([_unit_range(each[i]) for each in found], axis=0) for i in (0, 1))  # type: ignore[return-value]


def _standard(scores: F32) -> F32:
    return (scores - scores.mean()) / scores.std()


def _unit_range(scores: F32) -> F32:
    return np.asarray(1 / (1 + np.exp(-_standard(scores))), dtype=np.float32)


def summary(found: Sequence[Mapping[str, Any]], base_runs: Sequence[Mapping[str, Any]]) -> dict:
    """Means, and differences to the base with their standard deviation over seeds."""
    out: dict[str, Any] = {}
    for key in ("r1", "r10", "map"):
        values = np.array([one[key] for one in found])
        change = values - np.array([one[key] for one in base_runs])
        out[key] = round(float(values.mean()), 4)
        out[f"{key}_change"] = round(float(change.mean()), 4)
        out[f"{key}_change_sd"] = round(float(change.std(ddof=1)), 4) if len(change) > 1 else None
    out["seconds"] = round(float(np.mean([one["seconds"] for one in found])), 2)
    return out


HEAD = """# What each part is worth

Each row of the table changes one setting of a base method. So you can see what each part of
isthmus adds.

The data is Tux Paint: pictures and English captions, 540 pairs, and a gallery of 130 other pairs.
The numbers are means over {seeds} seeds and both directions. R@1 and R@10 use the instance
read-out, mAP by category uses the semantic read-out ([Concepts](concepts.md#read-outs) explains
both). Beside each number is the change against the first row, with its standard deviation over
the seeds. If a change is smaller than its deviation, it tells you nothing.

All settings were fixed before the measurement, so none was chosen on the gallery. `align` chooses
its settings on training pairs only.

This page is made by `python benchmarks/ablation.py --json benchmarks/results/ablation.json --page
docs/ablation.md`.

| part | setting | R@1 | change | R@10 | change | mAP | change | CPU |
|---|---|---:|---:|---:|---:|---:|---:|---:|
"""


def page(results: Mapping[str, Any]) -> str:
    """The tables in words and figures."""
    seeds = max(len(row.get("runs", ())) for row in results["rows"])
    lines = []
    for row in results["rows"]:
        cells = [row["part"], row["setting"]]
        if "refused" in row:
            cells += [f"refused: {row['refused']}", *[""] * 6]
        else:
            for key in ("r1", "r10", "map"):
                change = f"{row[f'{key}_change']:+.3f} ± {row[f'{key}_change_sd'] or 0:.3f}"
                cells += [f"{row[key]:.3f}", "" if row["part"] == "base" else change]
            cells.append(f"{row['seconds']:.1f} s")
        lines.append("| " + " | ".join(cells) + " |")
    table = HEAD.format(seeds=seeds) + "\n".join(lines) + "\n"
    if "augmentation" not in results:
        return table
    return table + _ablation_fusion.page(results["augmentation"])


def main() -> None:
    """Print the rows, write the JSON and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--page", type=Path, help="where to write the table, as Markdown")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help=f"parts, or {AUGMENTATION}")
    arguments = parser.parse_args()
    need(
        datasets=("tuxpaint", "openclipart", *_ablation_fusion.NEEDED),
        encoders=(*STARTER, *IMAGES),
        packages=("torch",),
    )
    known: dict[str, Any] = {}
    if arguments.only and arguments.json and arguments.json.is_file():
        known = json.loads(arguments.json.read_text(encoding="utf-8"))
    found = known.get("rows", [])
    if arguments.only != [AUGMENTATION]:
        found = measured(arguments.only, arguments.seeds)
    results = {"protocol": {"pairs": PAIRS, "gallery": GALLERY}, "rows": found}
    if not arguments.only or AUGMENTATION in arguments.only:
        results["augmentation"] = _ablation_fusion.measure(arguments.seeds)
    elif AUGMENTATION in known:
        results["augmentation"] = known["augmentation"]
    if arguments.json:
        _machine.write(arguments.json, results)
    if arguments.page:
        arguments.page.write_text(page(results), encoding="utf-8")


def measured(only: Sequence[str] | None, seeds: int) -> list[dict[str, Any]]:
    """Every setting of an aligner, or those of some parts."""
    data: dict[str, Any] = views()
    found: list[dict[str, Any]] = []
    base_runs: list[dict[str, Any]] = []
    for row in rows():
        if only and row.part not in (*only, "base"):
            continue
        if row.source and "openclipart" not in data:
            data["openclipart"] = prepare(load("openclipart"), cache=default_cache()).pairs
        entry: dict[str, Any] = {"part": row.part, "setting": row.name}
        try:
            runs = [run(row, data, seed) for seed in range(seeds)]
        except NoSignalError as error:
            entry["refused"] = str(error)
        else:
            base_runs = base_runs or runs
            entry |= summary(runs, base_runs) | {"runs": runs}
        found.append(entry)
        print({key: value for key, value in entry.items() if key != "runs"}, flush=True)
    return found


if __name__ == "__main__":
    main()
