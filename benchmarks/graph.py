"""Graphs on Tux Paint: the closed form, propagation without training, and the graph network.

Run ``python benchmarks/graph.py --json FILE``. For each seed a permutation of the stamps gives
the gallery (its first 130) and the training pairs (the next 540), as in ``quality.py``; the
spoken caption of a stamp stands where the stamp stands. ``instance`` asks for the very partner
(R@1, R@10), ``semantic`` for anything of its category (mAP), a category being the folder a stamp
lies in. Only where it says "groups joined" do training records know theirs, as edges of the
graph; those of the gallery never do. All hyper-parameters are the defaults of the classes;
they were fixed on folds of training pairs, never on a gallery.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.aligners import CCA, Aligner
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.graph import aligner as graph_aligner
from isthmus.graph.aligner import CMGNN
from isthmus.graph.propagate import Propagation
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, prepare
from isthmus.space.readout import score

GALLERY, PAIRS = 130, 540
PLAIN = "cca ridge=3 power=1"
RIVALS = (PLAIN, "propagation", "propagation, groups joined")
TARGET = 0.05
GROUPS = {"group_weight": 4.0, "restart": 0.1}
LOSSES = ("info_nce", "cosine", "euclidean", "kl", "info_nce + 0.5*kl")
METHODS: dict[str, Callable[[], Aligner]] = {
    PLAIN: lambda: CCA(3.0, 1.0),
    "cca ridge=3 power=0.5": lambda: CCA(3.0, 0.5),
    "propagation": Propagation,
    "propagation, groups joined": lambda: Propagation(**GROUPS),
    **{f"cm-gnn {loss}": (lambda loss=loss: CMGNN(loss)) for loss in LOSSES},
    "cm-gnn info_nce, groups joined": lambda: CMGNN(**GROUPS),
}
PARTS = {
    "image-text": (("image", "text"),),
    "image-text-speech": (("image", "text"), ("audio", "text"), ("image", "audio")),
}


def split(pairs: PairedVectors, seed: int) -> tuple[PairedVectors, PairedVectors]:
    """Training records and those of the gallery."""
    stamp = np.array([name.partition("#")[0] for name in pairs.ids])
    stamps = np.array([name for name in pairs.ids if "#" not in name])
    order = np.random.default_rng(seed).permutation(len(stamps))
    train, test = stamps[order[GALLERY : GALLERY + PAIRS]], stamps[order[:GALLERY]]
    return pairs.take(np.isin(stamp, train)), pairs.take(np.isin(stamp, test))


def measure(
    aligner: Aligner, train: PairedVectors, test: PairedVectors, a: str, b: str
) -> dict[str, float]:
    """R@1, R@10 and mAP under both read-outs, the mean of both directions."""
    bank = {m: aligner.transform(train.vectors[m][train.rows(m)], m) for m in (a, b)}
    stamps = {m: [test.ids[row].partition("#")[0] for row in test.rows(m)] for m in (a, b)}
    shared = [name for name in stamps[a] if name in set(stamps[b])]
    rows = {m: test.rows(m)[[stamps[m].index(name) for name in shared]] for m in (a, b)}
    x, y = (aligner.transform(test.vectors[m][rows[m]], m) for m in (a, b))
    groups = np.asarray(test.groups)[rows[a]]
    found: dict[str, float] = {"gallery": len(shared)}
    for readout in ("instance", "semantic"):
        scores = score(x, y, readout=readout, query_bank=bank[a], gallery_bank=bank[b])
        both = [
            retrieval_report(s, groups_query=groups, groups_gallery=groups)
            for s in (scores, scores.T)
        ]
        for name in ("r1", "r10", "map"):
            found[f"{readout} {name}"] = float(np.mean([getattr(one, name) for one in both]))
        found["chance r1"], found["chance map"] = both[0].chance_r1, both[0].chance_map
    return found


def run(part: str, seeds: int, known: dict[str, Any], keep: Callable[[], None]) -> None:
    """All methods on one part of the data, into ``known``; those that are there are left."""
    pairs = prepare(load("tuxpaint", part=part), cache=default_cache()).pairs
    results: dict[str, Any] = known.setdefault("methods", {})
    for name, make in METHODS.items():
        if name not in results:
            results[name] = summary(
                [one_run(make, pairs, part, seed) for seed in range(seeds)], part
            )
            keep()
        _print(part, name, results[name])
    for entry in results.values():
        for rival in RIVALS:
            entry[f"against {rival}"] = {
                f"{a}-{b}": differences(entry, results[rival], f"{a}-{b}") for a, b in PARTS[part]
            }
    known["in words"] = verdicts(results, part)
    gains = {
        name: results[name][f"against {PLAIN}"]["image-text"]["semantic map"]["mean"]
        for name in results
        if name.startswith(("cm-gnn", "propagation"))
    }
    known["target"] = {
        "what": f"mAP by category of image-text at least {TARGET} above {PLAIN}",
        "gains": gains,
        "met": {name: gain >= TARGET for name, gain in gains.items()},
    }
    keep()


def one_run(
    make: Callable[[], Aligner], pairs: PairedVectors, part: str, seed: int
) -> dict[str, Any]:
    """Fit and measure once."""
    train, test = split(pairs, seed)
    started, cpu = time.perf_counter(), time.process_time()
    aligner = make().fit(train)
    one: dict[str, Any] = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
    }
    for a, b in PARTS[part]:
        one[f"{a}-{b}"] = measure(aligner, train, test, a, b)
    if isinstance(aligner, CMGNN):
        one["epochs"], one["best_epoch"] = len(aligner.log_.losses), aligner.log_.best_epoch
        one["restarts"] = {m: round(head.restart, 3) for m, head in aligner.heads_.items()}
    return one


def summary(runs: list[dict[str, Any]], part: str) -> dict[str, Any]:
    """Means and standard deviations over seeds, with each run."""
    out: dict[str, Any] = {
        "seconds": _machine.spread([round(one["seconds"], 2) for one in runs]),
        "cpu_seconds": _machine.spread([round(one["cpu_seconds"], 2) for one in runs]),
        "runs": runs,
    }
    for a, b in PARTS[part]:
        values = {
            key: np.array([one[f"{a}-{b}"][key] for one in runs]) for key in runs[0][f"{a}-{b}"]
        }
        out[f"{a}-{b}"] = {
            key: {"mean": round(float(v.mean()), 4), "sd": _sd(v)} for key, v in values.items()
        }
    return out


def differences(entry: Mapping[str, Any], rival: Mapping[str, Any], pair: str) -> dict[str, Any]:
    """Seed by seed: this method less its rival."""
    out = {}
    for key in ("instance r1", "instance r10", "semantic r1", "semantic map"):
        gap = np.array(
            [
                mine[pair][key] - theirs[pair][key]
                for mine, theirs in zip(entry["runs"], rival["runs"], strict=True)
            ]
        )
        out[key] = {
            "mean": round(float(gap.mean()), 4),
            "sd": _sd(gap),
            "better_in": f"{int((gap > 0).sum())} of {len(gap)} seeds",
        }
    return out


def verdicts(results: Mapping[str, Any], part: str) -> list[str]:
    """What the figures say of the network, in sentences."""
    lines = []
    for a, b in PARTS[part]:
        for name, entry in results.items():
            if not name.startswith("cm-gnn"):
                continue
            for rival in RIVALS:
                gap = entry[f"against {rival}"][f"{a}-{b}"]
                said = []
                for key, label in (("semantic map", "mAP by category"), ("instance r1", "R@1")):
                    found = gap[key]
                    clear = abs(found["mean"]) > 2 * (found["sd"] or 0) / len(entry["runs"]) ** 0.5
                    word = "beats" if found["mean"] > 0 else "loses to"
                    said.append(
                        f"{word if clear else 'does not differ from'} it in {label} "
                        f"({found['mean']:+.3f}, {found['better_in']})"
                    )
                lines.append(f"{a}-{b}: {name} against {rival}: {'; '.join(said)}")
    return lines


def scale(records: int) -> dict[str, Any]:
    """Seconds, steps a second and peak memory of a fit on a large graph, in this process."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(records, 16)).astype(np.float32)
    views = {
        m: latent @ rng.normal(size=(16, 64)).astype(np.float32)
        + rng.normal(size=(records, 64)).astype(np.float32)
        for m in ("a", "b")
    }
    network = CMGNN(components=32, width=64, layers=2, epochs=1, patience=None, batch_size=256)
    times: dict[str, float] = {}
    inner = graph_aligner.train

    def timed(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        times["before"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cpu = time.process_time()
        log = inner(*args, **options)
        times["cpu"] = time.process_time() - cpu
        times["train"] = time.perf_counter() - started
        times["steps"] = -(-args[1] // 256)
        return log

    graph_aligner.train = timed
    started = time.perf_counter()
    network.fit(views)
    return {
        "nodes": 2 * records,
        "seconds": round(time.perf_counter() - started, 1),
        "train_seconds": round(times["train"], 1),
        "steps_per_second": round(times["steps"] / times["train"], 2),
        "steps_per_cpu_second": round(times["steps"] / times["cpu"], 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_rss_mb_before_training": round(times["before"]),
    }


def _sd(values: np.ndarray) -> float | None:
    return round(float(values.std(ddof=1)), 4) if len(values) > 1 else None


def _print(part: str, name: str, entry: Mapping[str, Any]) -> None:
    for a, b in PARTS[part]:
        row = entry[f"{a}-{b}"]
        figures = "  ".join(
            f"{key} {row[key]['mean']:.3f}"
            for key in ("instance r1", "instance r10", "semantic r1", "semantic map")
        )
        print(f"{part:18} {name:26} {a}-{b:6} {figures}  {entry['cpu_seconds']['median']} s CPU")
    sys.stdout.flush()


def main() -> None:
    """Print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--resume", action="store_true", help="leave methods that FILE has")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=[*PARTS, "scale"], default=[*PARTS, "scale"])
    parser.add_argument("--scale", type=int, help="fit so many records, print JSON and leave")
    arguments = parser.parse_args()
    if arguments.scale:
        print(json.dumps(scale(arguments.scale)))
        return
    need(datasets=("tuxpaint",), encoders=STARTER, packages=("torch",))
    path: Path | None = arguments.json
    results: dict[str, Any] = {}
    if arguments.resume and path is not None and path.is_file():
        results = json.loads(path.read_text(encoding="utf-8"))
        del results["machine"]
    results["protocol"] = {
        "seeds": list(range(arguments.seeds)),
        "gallery": GALLERY,
        "pairs": PAIRS,
        "image-audio": "no record has a picture and a clip; in three modalities it is emergent",
        "labels": "of training records only, and only where it says groups joined",
    }

    def keep() -> None:
        if path is not None:
            _machine.write(path, results)

    for part in PARTS:
        if part in arguments.only:
            run(part, arguments.seeds, results.setdefault(part, {}), keep)
    if "scale" in arguments.only:  # in a process of its own, so that its memory is its own
        command = [sys.executable, __file__, "--scale", "50000"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results["scale"] = json.loads(done.stdout)
        print(results["scale"])
    keep()


if __name__ == "__main__":
    main()
