"""Retrieval on Tux Paint under fixed protocols, with the automatic choice of the aligner.

Run ``python benchmarks/quality.py --json FILE``. For each seed a permutation of the records
gives the gallery (its first rows) and the training pairs (the next); nothing but the training
pairs is seen by the choice of aligner and hyper-parameters. Figures are means over seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.datasets import load
from isthmus.metrics import retrieval_report
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.selection import align
from isthmus.selection.null import random_encoders, shuffled
from isthmus.space import Space

ALIGNERS = ("cca", "ridge", "procrustes", "anchors")
PLAIN = {"image": "efficientnet-lite0"}
"""The protocols name their encoder of pictures: figures compare whatever the default is."""
JOINED = {"image": "efficientnet-lite0?mirror=1+efficientnet-lite2?mirror=1"}


@dataclass(frozen=True)
class Protocol:
    """One fixed experiment: what is learned from, what is asked, how many of each."""

    name: str
    train: Prepared
    query: Prepared
    other: str
    gallery: int
    pairs: int
    sources: dict[str, Prepared] = field(default_factory=dict)


def protocols() -> list[Protocol]:
    """All protocols, with their vectors encoded (from the cache where known)."""
    cache = default_cache()

    def ready(encoders: dict[str, str] | None = None, **options: Any) -> Prepared:
        # The gallery is drawn at random, from the same categories as the training pairs, so
        # the folds of the choice are drawn at random too.
        found = prepare(load("tuxpaint", **options), encoders, by_group=False, cache=cache)
        return found.take(found.pairs.rows(*found.pairs.views))  # silent clips left out

    english = ready(PLAIN)
    several = english.encoders["text"].languages
    all_languages = ready(PLAIN, languages=several)
    joined = ready(JOINED)
    joined_languages = ready(JOINED, languages=several)
    chinese = ready(PLAIN, languages=("zh",))
    speech = ready(part="speech-text", language="fr")
    padded = ready({"audio": "whisper-tiny?window=full"}, part="speech-text", language="fr")
    sound = ready(part="sound-text")
    return [
        Protocol("image-text", english, english, "image", 130, 540),
        Protocol("image-text-multilingual", all_languages, all_languages, "image", 130, 540),
        Protocol("image-text-joined", joined, joined, "image", 130, 540),
        Protocol(
            "image-text-multilingual-joined", joined_languages, joined_languages, "image", 130, 540
        ),
        Protocol("image-text-zh", english, chinese, "image", 130, 540),
        Protocol("image-text-zh-multilingual", all_languages, chinese, "image", 130, 540),
        Protocol("speech-text", speech, speech, "audio", 80, 320),
        Protocol("speech-text-padded-to-30-s", padded, padded, "audio", 80, 320),
        Protocol("sound-text", sound, sound, "audio", 30, len(sound.pairs) - 30),
        Protocol("image-text-150", english, english, "image", 130, 150),
        Protocol("image-text-150-joined", joined, joined, "image", 130, 150),
        Protocol(
            "image-text-with-openclipart",
            english,
            english,
            "image",
            130,
            540,
            {"openclipart": prepare(load("openclipart"), PLAIN, cache=cache)},
        ),
    ]


def run(protocol: Protocol, seed: int, aligner: str = "auto") -> dict[str, Any]:
    """Choose, fit and measure once."""
    order = np.random.default_rng(seed).permutation(len(protocol.train.pairs))
    test = order[: protocol.gallery]
    train = order[protocol.gallery : protocol.gallery + protocol.pairs]
    started = time.perf_counter()
    space = align(
        protocol.train.take(train),
        aligner=aligner,
        sources=protocol.sources,
        nested=False,
        seed=seed,
    )
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "chosen": space.report.chosen.label,
        "seconds": round(seconds, 2),
        **measure(space, protocol, test),
    }


def measure(space: Space, protocol: Protocol, test: np.ndarray) -> dict[str, Any]:
    """R@1 and R@10, [other→text, text→other].

    Records without a caption in the language of the queries still stand in the gallery of
    pictures or sounds.
    """
    row_of = {name: row for row, name in enumerate(protocol.query.pairs.ids)}
    names = [protocol.train.pairs.ids[row] for row in test]
    column = np.array([place for place, name in enumerate(names) if name in row_of])
    queries = np.array([row_of[names[place]] for place in column])
    text = space.transform(protocol.query.pairs.vectors["text"][queries], "text")
    other = space.transform(protocol.train.pairs.vectors[protocol.other][test], protocol.other)
    scores = space.score(text, "text", other, protocol.other)
    forward = retrieval_report(scores[:, column].T, np.arange(len(column)))
    backward = retrieval_report(scores, column)
    return {"r1": [forward.r1, backward.r1], "r10": [forward.r10, backward.r10]}


def null(protocol: Protocol, seed: int, kind: str) -> dict[str, Any]:
    """The same, learned from shuffled pairs or with random vectors as encoders."""
    from dataclasses import replace

    rng = np.random.default_rng(1000 + seed)
    order = np.random.default_rng(seed).permutation(len(protocol.train.pairs))
    test = order[: protocol.gallery]
    rows = order[protocol.gallery : protocol.gallery + protocol.pairs]
    ready = protocol.train
    if kind == "random":
        ready = replace(ready, pairs=random_encoders(ready.pairs, rng))
    train = ready.take(rows)
    if kind == "shuffled":
        train = replace(train, pairs=shuffled(train.pairs, rng))
    space = align(train, aligner="cca", params={"ridge": 3.0, "power": 1.0}, nested=False)
    return measure(space, Protocol(kind, ready, ready, protocol.other, 0, 0), test)


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the spread of the mean of both directions."""
    r1, r10 = (np.array([one[key] for one in runs]) for key in ("r1", "r10"))
    return {
        "r1": r1.mean(axis=0).round(4).tolist(),
        "r10": r10.mean(axis=0).round(4).tolist(),
        "spread": {
            "r1_sd": round(float(r1.mean(axis=1).std(ddof=1)), 4) if len(r1) > 1 else None,
            "r10_sd": round(float(r10.mean(axis=1).std(ddof=1)), 4) if len(r1) > 1 else None,
        },
    }


def main() -> None:
    """Print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names of protocols")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=(*STARTER, *JOINED.values()))
    results: dict[str, Any] = {}
    for protocol in protocols():
        if arguments.only and protocol.name not in arguments.only:
            continue
        runs = [run(protocol, seed) for seed in range(arguments.seeds)]
        entry = {
            **summary(runs),
            "gallery": protocol.gallery,
            "pairs": protocol.pairs,
            "chance": {"r1": 1 / protocol.gallery, "r10": 10 / protocol.gallery},
            "runs": runs,
        }
        for kind in ("shuffled", "random"):
            if protocol.query is protocol.train:
                entry[kind] = summary(
                    [null(protocol, seed, kind) for seed in range(arguments.seeds)]
                )
        if protocol.name in ("image-text", "image-text-150"):
            entry["single"] = {
                name: summary([run(protocol, seed, name) for seed in range(arguments.seeds)])
                for name in ALIGNERS
            }
        results[protocol.name] = entry
        _print(protocol.name, entry)
    results["protocol"] = {
        "seeds": list(range(arguments.seeds)),
        "readout": "instance",
        "encoders": "efficientnet-lite0, universal, whisper-tiny",
        "joined": JOINED["image"],
        "sound-text": "4 of the 135 effects are digital silence and are left out",
    }
    if arguments.json:
        _machine.write(arguments.json, results)


def _print(name: str, entry: dict[str, Any]) -> None:
    rows = {"": entry, **{f" {k}": v for k, v in entry.get("single", {}).items()}}
    rows.update({f" {kind}": entry[kind] for kind in ("shuffled", "random") if kind in entry})
    for label, row in rows.items():
        print(
            f"{name + label:40} R@1 {np.mean(row['r1']):.3f} {row['r1']}  "
            f"R@10 {np.mean(row['r10']):.3f} {row['r10']}  {row['spread']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
