"""Encoders of sound, single and side by side, on the fixed protocols, with what an item costs.

Run ``python benchmarks/sound.py --json FILE``. Each is mapped onto native text vectors by one ridge
regression with the same settings, so that only the encoders differ. ``sound-text``: sound effects
against English captions, gallery 30. ``speech-text``: French words against French captions, gallery
80, the first 400 clips. ``--qabcs FOLDER``, of the Debian package ``qabcs-data`` (GPL-3+, only
measured on), adds noises against English names, with a map learned from all sound effects of Tux
Paint. Beside each figure stands that of a map learned from shuffled pairs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import need
from isthmus import encoders
from isthmus.aligners import make
from isthmus.core.contracts import Encoder
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, encode_items, prepare
from isthmus.space.readout import score
from merging import noises

SPECS = (
    "mfcc",
    "whisper-tiny",
    "whisper-base",
    "aisfx",
    "whisper-tiny+aisfx",
)
SEEDS = 5
RIDGE = 1.0
TIMED = 16


def figures(train: PairedVectors, test: PairedVectors) -> list[list[float]]:
    """R@1 and R@10 from text to sound and back."""
    fitted = make("ridge", ridge=RIDGE, pivot="text").fit(train)
    banks = {m: fitted.transform(train.vectors[m], m) for m in ("text", "audio")}
    text, sound = (fitted.transform(test.vectors[m], m) for m in ("text", "audio"))
    found = score(
        text, sound, readout="instance", query_bank=banks["text"], gallery_bank=banks["audio"]
    )
    reports = [retrieval_report(each, np.arange(len(each))) for each in (found, found.T)]
    return [[report.r1 for report in reports], [report.r10 for report in reports]]


def shuffled(pairs: PairedVectors, seed: int) -> PairedVectors:
    """The same sounds with captions of others."""
    order = np.random.default_rng(1000 + seed).permutation(len(pairs))
    return PairedVectors({"text": pairs.vectors["text"][order], "audio": pairs.vectors["audio"]})


def deals(pairs: PairedVectors, gallery: int) -> dict[str, Any]:
    """Mean and deviation over galleries, of the map and of its null."""
    runs, nulls = [], []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(pairs))
        test, train = pairs.take(order[:gallery]), pairs.take(order[gallery:])
        runs.append(figures(train, test))
        nulls.append(figures(shuffled(train, seed), test))
    return {"gallery": gallery, **_spread(runs), "null": _spread(nulls)}


def _spread(runs: Sequence[Any]) -> dict[str, Any]:
    """Of both ways together."""
    found = np.array(runs).mean(axis=2)
    return {
        name: {"mean": round(float(x.mean()), 3), "sd": round(float(x.std(ddof=1)), 3)}
        for name, x in zip(("r1", "r10"), found.T, strict=True)
    }


def transferred(train: PairedVectors, text: F32, audio: F32) -> dict[str, Any]:
    """A map learned on Tux Paint, on sounds of another place."""
    test = PairedVectors({"text": text, "audio": audio})
    runs, nulls = [figures(train, test)], [figures(shuffled(train, s), test) for s in range(SEEDS)]
    both = np.array(runs).mean(axis=2)[0]
    return {
        "gallery": len(text),
        "r1": round(float(both[0]), 3),
        "r10": round(float(both[1]), 3),
        "null": _spread(nulls),
    }


def cost(encoder: Encoder, items: Sequence[MediaItem]) -> dict[str, float]:
    """Processor time of decoded clips, and how much of it a second of sound takes."""
    waves = [decode(item) for item in items]
    encoder.encode([encoder.prepare(waves[0])])  # loads the weights
    started = time.process_time()
    encoder.encode([encoder.prepare(wave) for wave in waves])
    spent = time.process_time() - started
    seconds = sum(len(wave.samples) / wave.rate for wave in waves)
    return {
        "ms_per_clip": round(1000 * spent / len(waves), 1),
        "cpu_seconds_per_second_of_sound": round(spent / seconds, 4),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--qabcs", type=Path, help="the folder usr/share/qabcs of qabcs-data")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=("universal", *SPECS))
    cache, rows = default_cache(), []
    effects, speech = load("tuxpaint", part="sound-text"), load("tuxpaint", part="speech-text")
    told = noises(arguments.qabcs) if arguments.qabcs else []
    for spec in SPECS:
        encoder = encoders.load(spec)
        chosen = {"audio": spec, "text": "universal"}
        ready = {
            name: prepare(data, encoders=chosen, by_group=False, cache=cache).pairs
            for name, data in (("sound-text", effects), ("speech-text", speech))
        }
        clips = ready["sound-text"].take(ready["sound-text"].rows("text", "audio"))
        row: dict[str, Any] = {
            "id": spec,
            "dim": encoder.dim,
            **cost(encoder, [record.items["audio"] for record in speech.records[:TIMED]]),
            "sound-text": deals(clips, 30),
            "speech-text": deals(ready["speech-text"], 80),
        }
        if told:
            heard = encode_items([sound for _, sound in told], encoder, cache=cache)
            asked = [MediaItem.from_text(name) for name, _ in told]
            names = encode_items(asked, encoders.load("universal"), cache=cache).vectors
            row["qabcs noises"] = transferred(clips, names[heard.ok], heard.vectors[heard.ok])
        print(row, flush=True)
        rows.append(row)
        if arguments.json:
            _machine.write(arguments.json, {"rows": rows})


if __name__ == "__main__":
    main()
