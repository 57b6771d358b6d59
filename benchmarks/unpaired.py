"""Alignment without pairs and with a few, on Tux Paint.

Run ``python benchmarks/unpaired.py [SECTION] --json FILE``; sections are kept side by side in the
file. For each seed a permutation of the records gives the test records (the first 130). The
others are cut into two halves: one modality sees only the first half and the other only the
second, so that no row of one has its partner in the other. TF-IDF is fitted on its own half, or
where that is said on the captions of both halves, which shows it words but no pairing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.aligners import CCA, Aligner, Procrustes, Unpaired
from isthmus.aligners.unpaired.health import Health
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.encoders import load as load_encoder
from isthmus.encoders.classic import TfidfEncoder
from isthmus.metrics import foscttm, retrieval_report
from isthmus.pipeline import default_cache, prepare

TEST = 130
Rows = np.ndarray
View = Callable[[Rows, Rows], np.ndarray]


def vectors(modality: str, encoder: str, **options: Any) -> np.ndarray:
    """Native vectors of all records, in their order; zero where there is no caption."""
    ids = [record.id for record in load("tuxpaint").records]
    other = {"image": "text", "text": "image"}[modality]
    default = {"image": "efficientnet-lite0", "text": "universal"}[other]
    ready = prepare(
        load("tuxpaint", **options), {modality: encoder, other: default}, cache=default_cache()
    )
    row_of = {name: row for row, name in enumerate(ready.pairs.ids)}
    found = ready.pairs.vectors[modality]
    out = np.zeros((len(ids), found.shape[1]), dtype=np.float32)
    known = [row for row, name in enumerate(ids) if name in row_of]
    out[known] = found[[row_of[ids[row]] for row in known]]
    return out


def fixed(x: np.ndarray) -> View:
    """An encoder that does not depend on the split."""
    return lambda own, train: x


def tfidf(languages: str, *, both: bool = False) -> View:
    """TF-IDF and truncated SVD, fitted on the captions of one bag, or of both."""
    records = load("tuxpaint", languages=languages).records
    captions = [record.items["text"].captions for record in records]

    def fit(own: Rows, train: Rows) -> np.ndarray:
        rows = train if both else own
        encoder = TfidfEncoder(dim=128).fit([text for row in rows for text in captions[row]])
        return encoder.encode(captions)

    return fit


def views() -> dict[str, View]:
    """Encoders by name."""
    image = {name: f"efficientnet-{name}" for name in ("lite0", "lite2")}
    several = load_encoder("universal").languages
    return {
        **{name: fixed(vectors("image", spec)) for name, spec in image.items()},
        "color-hog": fixed(vectors("image", "color-hog")),
        "universal en": fixed(vectors("text", "universal")),
        "universal fr": fixed(vectors("text", "universal", languages=("fr",))),
        "universal zh": fixed(vectors("text", "universal", languages=("zh",))),
        "universal 16 languages": fixed(vectors("text", "universal", languages=several)),
        "tfidf en": tfidf("en"),
        "tfidf all languages": tfidf("all"),
        "tfidf all languages, both halves": tfidf("all", both=True),
    }


PAIRS = (
    ("universal en", "tfidf en"),
    ("universal 16 languages", "tfidf all languages"),
    ("universal 16 languages", "tfidf all languages, both halves"),
    ("universal en", "universal fr"),
    ("universal en", "universal zh"),
    ("lite0", "lite2"),
    ("lite0", "color-hog"),
    ("lite0", "universal en"),
    ("lite2", "universal 16 languages"),
)


def bags(a: np.ndarray, b: np.ndarray, left: Rows, right: Rows) -> PairedVectors:
    """Two bags of rows that have no record in common."""
    rows = np.concatenate([left, right])
    first = np.arange(len(rows)) < len(left)
    return PairedVectors({"a": a[rows], "b": b[rows]}, {"a": first, "b": ~first})


def cosines(aligner: Aligner, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return aligner.transform(a, "a") @ aligner.transform(b, "b").T


def told(health: Health | None) -> dict[str, Any]:
    if health is None:
        return {}
    names = ("cosine", "surrogate", "spread", "excess", "p", "agreement", "surrogate_agreement")
    return {"passes": health.passes, **{n: round(getattr(health, n), 4) for n in names}}


def examined(aligner: Unpaired, rows: PairedVectors) -> dict[str, Any]:
    """What the check says, and the alignment whatever it says."""
    from isthmus.aligners.unpaired.health import examine
    from isthmus.aligners.unpaired.unpaired import _Bags

    x, y = _Bags.of(rows, 0).principal()
    return told(examine(x, y, aligner.seed))


def one_pair(a: View, b: View, seed: int, *, together: bool) -> dict[str, Any]:
    """FOSCTTM and R@1 of held-out records, and the health check, for one seed."""
    order = np.random.default_rng(seed).permutation(len(load("tuxpaint").records))
    test, train = order[:TEST], order[TEST:]
    half = len(train) // 2
    left, right = (train, train) if together else (train[:half], train[half:])
    x, y = a(left, train), b(right, train)
    left, right, test = (r[x[r].any(axis=1) & y[r].any(axis=1)] for r in (left, right, test))
    rows = bags(x, y, left, right)
    started = time.perf_counter()
    aligner = Unpaired(seeds=0, check=False).fit(rows)
    seconds = time.perf_counter() - started
    scores = cosines(aligner, x[test], y[test])
    return {
        "seed": seed,
        "rows": [len(left), len(right)],
        "foscttm": round(foscttm(scores), 4),
        "r1": round(retrieval_report(scores, np.arange(len(test))).r1, 4),
        "seconds_without_check": round(seconds, 1),
        "health": examined(aligner, rows),
    }


def section_pairs(
    seeds: range, only: str | None = None, *, together: bool = False
) -> dict[str, Any]:
    """Two encoders without pairs; bags disjoint, or of the same records unordered."""
    known = views()
    out = {}
    for a, b in PAIRS:
        if only and only not in f"{a} | {b}":
            continue
        runs = [one_pair(known[a], known[b], seed, together=together) for seed in seeds]
        found = np.array([run["foscttm"] for run in runs])
        out[f"{a} | {b}"] = {
            "foscttm": round(float(found.mean()), 4),
            "sd": round(float(found.std(ddof=1)), 4),
            "r1": round(float(np.mean([run["r1"] for run in runs])), 4),
            "passes": sum(run["health"]["passes"] for run in runs),
            "runs": runs,
        }
        print(f"{a:24} {b:24}", {k: v for k, v in list(out.values())[-1].items() if k != "runs"})
    return out


def cloud(kind: str, rng: np.random.Generator, n: int = 300, d: int = 64) -> np.ndarray:
    """Random geometry: Gaussian, clustered, heavy-tailed or through a random network."""
    scale = np.arange(1, d + 1) ** -rng.uniform(0.3, 1.0)
    if kind == "network":
        hidden = np.maximum(rng.normal(size=(n, 8)) @ rng.normal(size=(8, 64)), 0)
        return hidden @ rng.normal(size=(64, d))
    x = rng.normal(size=(n, d)) * scale
    if kind == "clusters":
        centres = rng.normal(size=(30, d)) * scale
        return 0.5 * x + centres[rng.choice(30, n, p=rng.dirichlet(np.ones(30)))]
    return x / np.sqrt(rng.chisquare(3, size=(n, 1))) if kind == "tails" else x


def section_null(seeds: range, only: str | None = None) -> dict[str, Any]:
    """How often the check refuses two geometries that have nothing to do with one another."""
    kinds = ("gauss", "clusters", "tails", "network")
    known = vectors("image", "efficientnet-lite0")
    runs = []
    for seed in range(20):
        rng = np.random.default_rng(10_000 + seed)
        kind, against = kinds[seed % 4], kinds[(seed // 4) % 4]
        real = seed >= 16
        y = known[rng.permutation(len(known))[:300]] if real else cloud(against, rng)
        rows = bags(*_stacked(cloud(kind, rng), y))
        runs.append({"a": kind, "b": "lite0" if real else against, **examined(Unpaired(), rows)})
    refused = sum(not run["passes"] for run in runs)
    print("refused", refused, "of", len(runs))
    return {"refused": refused, "of": len(runs), "runs": runs}


def _stacked(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, Rows, Rows]:
    a = np.vstack([x, np.zeros((len(y), x.shape[1]))])
    b = np.vstack([np.zeros((len(x), y.shape[1])), y])
    return a, b, np.arange(len(x)), len(x) + np.arange(len(y))


def section_few(seeds: range, only: str | None = None) -> dict[str, Any]:
    """Pictures and captions with a few true pairs; the rest of both in unknown order."""
    x, y = vectors("image", "efficientnet-lite0"), vectors("text", "universal")
    out: dict[str, Any] = {}
    for n in (10, 20, 50, 100, 200):
        runs: dict[str, list[dict[str, float]]] = {}
        for seed in seeds:
            order = np.random.default_rng(seed).permutation(len(x))
            test, rest = order[:TEST], order[TEST:]
            pairs = PairedVectors({"a": x[rest[:n]], "b": y[rest[:n]]})
            whole = PairedVectors({"a": x[rest], "b": y[rest]})
            for name, aligner, rows in _rivals(n, pairs, whole):
                scores = cosines(aligner.fit(rows), x[test], y[test])
                runs.setdefault(name, []).append(_figures(scores, aligner))
        out[str(n)] = {name: _mean(found) for name, found in runs.items()}
        for name, found in out[str(n)].items():
            print(n, f"{name:28}", found, flush=True)
    return out


def _rivals(
    n: int, pairs: PairedVectors, whole: PairedVectors
) -> list[tuple[str, Aligner, PairedVectors]]:
    rivals: list[tuple[str, Aligner, PairedVectors]] = [
        ("procrustes, pairs", Procrustes(), pairs),
        ("cca ridge 1, pairs", CCA(), pairs),
        ("cca ridge 10, pairs", CCA(ridge=10.0), pairs),
        ("unpaired, gate", Unpaired(seeds=n), whole),
    ]
    return rivals + [
        (f"unpaired, weight {weight:g}", _Fixed(n, weight), whole) for weight in (0.0, 0.3, 1.0)
    ]


class _Fixed(Unpaired):
    """The aligner with a weight that is given instead of chosen."""

    def __init__(self, seeds: int, weight: float) -> None:
        super().__init__(seeds=seeds)
        self.weight = weight

    def _gate(self, bags: Any) -> tuple[dict[float, float], float]:
        return {}, self.weight


def _figures(scores: np.ndarray, aligner: Aligner) -> dict[str, float]:
    both = [retrieval_report(s, np.arange(TEST)) for s in (scores, scores.T)]
    return {
        "foscttm": foscttm(scores),
        "r1": float(np.mean([one.r1 for one in both])),
        "r10": float(np.mean([one.r10 for one in both])),
        "weight": getattr(aligner, "weight_", 0.0),
    }


def _mean(runs: list[dict[str, float]]) -> dict[str, float]:
    out = {k: round(float(np.mean([run[k] for run in runs])), 4) for k in runs[0]}
    return {**out, "r10_sd": round(float(np.std([run["r10"] for run in runs], ddof=1)), 4)}


SECTIONS: Mapping[str, Callable[[range, str | None], dict[str, Any]]] = {
    "disjoint": section_pairs,
    "together": lambda seeds, only: section_pairs(seeds, only, together=True),
    "null": section_null,
    "few": section_few,
}


def main() -> None:
    """Run one section and put it beside the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("section", nargs="?", choices=list(SECTIONS), help="all, if none is named")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="a part of the name of a pair of encoders")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=(*STARTER, "efficientnet-lite2", "tfidf"))
    for section in [arguments.section] if arguments.section else SECTIONS:
        one_section(section, arguments)


def one_section(section: str, arguments: argparse.Namespace) -> None:
    """Run it and put it into the file."""
    found = SECTIONS[section](range(arguments.seeds), arguments.only)
    if arguments.json:
        before = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
        before.pop("machine", None)
        known = before.get(section, {}) if arguments.only else {}
        _machine.write(arguments.json, {**before, section: {**known, **found}})


if __name__ == "__main__":
    main()
