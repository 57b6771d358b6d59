"""Prompts that were learned elsewhere, generated and learned here, and how stable answers are.

Run ``python benchmarks/transfer.py --json FILE``. The stamps of Tux Paint below four folders make
tasks: animals, food, vehicles and household; their classes are the deepest folders (without
``cartoon`` and ``toys``, which are styles) with four stamps or more. A task is transferred from
animals to food, from vehicles to household, and the other way round.

By ``numpy.random.default_rng(seed)`` half of each target class, at least two stamps, is the test,
and shots come from the rest; the source is learned from half of each of its classes. The space is
a CCA (ridge 3, power 1) of all other stamps: it has learned from no test stamp, no shot and no
stamp that the source was learned from. The scale of cosines is the median of calibrated
spaces. Nothing was tuned on these tasks: defaults were tried on plants, town, seasonal, clothes.

Rows have ``task``, ``shots``, ``method``, ``accuracy``, ``macro_recall``, ``macro_f1``, ``ece``,
``seed``; beside them ``pair``, the direction, or what was changed. ``isthmus`` is the method that
is chosen, ``none`` the same without transfer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import _machine
from _needs import STARTER, need
from _transfer_tasks import ENCODERS, LEAST, SHOTS, Stamps, Task
from _transfer_words import CHINESE, GLOSSES, SYNONYMS, spoken
from isthmus.aligners.base import Aligner
from isthmus.core.linalg import F64
from isthmus.encoders import load as load_encoder
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.pipeline import default_cache
from isthmus.pipeline.encode import encode_items
from isthmus.prompts.choice import choose
from isthmus.prompts.figures import Figures
from isthmus.prompts.generate import Captions, from_captions, from_glosses, judge
from isthmus.prompts.methods import method
from isthmus.prompts.stability import Trials, stability
from isthmus.prompts.support import Labels, Scorer, Support, prototype, softmax
from isthmus.prompts.templates import random_prompts
from isthmus.prompts.transfer import STARTS, Source, transfer
from isthmus.prompts.vectors import CLOSED, TRAINED, class_vectors, judge_unseen, learn_vectors
from isthmus.space.things import as_items
from isthmus.tasks.zeroshot.words import SCALE

PAIRS = (
    ("animals", "food"),
    ("food", "animals"),
    ("vehicles", "household"),
    ("household", "vehicles"),
)
Z95 = 1.96
NULLS = 5
RIVAL = {
    "transfer": "none",
    "generation": "random words",
    "vectors": "words",
    "unseen": "words",
    "stability": "no change",
}
"""The plain rival of each task."""
PARTS = {
    "transfer": ("transfer",),
    "generation": ("generation",),
    "vectors": ("vectors", "unseen"),
    "stability": ("stability",),
}
"""Tasks of the rows that each part makes."""


def row(task: str, shots: int, name: str, seed: int, logits: F64, labels: Labels) -> dict[str, Any]:
    """Figures of log-odds."""
    found = Figures.of(logits, labels)
    sure = softmax(logits)
    right = logits.argmax(axis=1) == labels
    return {
        "task": task,
        "shots": shots,
        "method": name,
        "accuracy": found.accuracy,
        "macro_recall": found.macro_recall,
        "macro_f1": found.macro_f1,
        "ece": float(expected_calibration_error(sure.max(axis=1), right)),
        "seed": seed,
        "chance": found.chance,
        "items": found.items,
    }


def transfers(new: Task, old: Task, pair: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``transfer``: each start, fine-tuned the same way, and the chosen one."""
    learned = Source.learn(pair.partition(" ")[0], old.classes, old.support(old.rest))
    for shots in SHOTS:
        support, (x, labels) = new.few(shots), new.test
        done = transfer(support, [learned])
        plain = choose(support)
        methods: dict[str, F64] = {
            "none": plain.log_probabilities(x),
            "isthmus": done.choice.log_probabilities(x),
            "words": support.zero_shot(x),
        }
        for start in STARTS[1:]:
            for params in start.grid:
                begun = start.begin(support, [learned], params).support
                label = f"{start.name} {params['amount']:g}"
                methods[label] = choose(begun, [method(plain.method)]).log_probabilities(x)
        for name, logits in methods.items():
            told = {"start": done.start, "hurts": [each.start for each in done.negative]}
            head = row("transfer", shots, name, seed, logits, labels)
            yield {**head, "pair": pair, **(told if name == "isthmus" else {})}


def generated(stamps: Stamps, new: Task, pair: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``generation``: words alone, by prompts that were generated, beside the null."""
    names = [spoken(each) for each in new.classes]
    glosses = {spoken(each): (GLOSSES[each],) for each in new.classes}
    own = {new.folder.rows[place] for place in (*new.asked, *new.folder.first(new.rest, 99))}
    memory = [text for place, text in enumerate(stamps.captions) if place not in own]
    captions = Captions(tuple(memory), stamps.embed(new.space, memory))

    def embed(texts: Sequence[str]) -> F64:
        return stamps.embed(new.space, texts)

    makers: dict[str, Callable[[Support], Any]] = {
        "captions": lambda s: from_captions(
            names, s.items, s.labels, captions, stamps.templates, "image"
        ),
        "glosses": lambda _s: from_glosses(names, glosses, stamps.templates, "image"),
    }
    support, (x, labels) = new.few(max(SHOTS)), new.test

    def said(name: str, words: F64, **more: Any) -> dict[str, Any]:
        shots = int(support.counts.max())
        return {**row("generation", shots, name, seed, SCALE * x @ words.T, labels),
                "pair": pair, **more}  # fmt: skip

    yield said("name", np.vstack([embed([name]) for name in names]))
    yield said("templates", new.words)
    for what, make in makers.items():
        found, made = judge(names, support, make, embed, seed=seed), make(support)
        raw = np.vstack([prototype(embed([n, *made.get(n, ())])) for n in names])
        yield said(what, raw, left_out=found.generated.accuracy, null_left_out=found.null)
        yield said(f"{what}, if kept", found.words, kept=found.kept)
    for draw in range(NULLS):
        words = [
            prototype(embed([n, *random_prompts(n, seed=NULLS * seed + draw, each=5)[:5]]))
            for n in names
        ]
        yield said("random words", np.vstack(words))


def vectors(new: Task, pair: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``vectors``: learned prompt vectors, and classes that they never saw."""
    for shots in SHOTS:
        support, (x, labels) = new.few(shots), new.test
        learned = learn_vectors(support)
        said = {
            "words": support.zero_shot(x),
            CLOSED.name: SCALE * x @ class_vectors(CLOSED, support, CLOSED.prior).T,
            TRAINED.name: SCALE * x @ class_vectors(TRAINED, support, TRAINED.prior).T,
            "isthmus": SCALE * x @ learned.vectors.T / learned.temperature,
        }
        for name, logits in said.items():
            kept = {"kept": learned.method} if name == "isthmus" else {}
            yield {**row("vectors", shots, name, seed, logits, labels), "pair": pair, **kept}
    if len(new.classes) >= LEAST:
        found = judge_unseen(
            new.support(np.concatenate([new.asked, new.folder.first(new.rest, 4)]))
        )
        head = {"task": "unseen", "pair": pair, "shots": None, "seed": seed, "items": found.shots}
        yield {**head, "method": "words", "accuracy": found.words, "joint": found.joint_words}
        yield {**head, "method": "isthmus", "accuracy": found.learned, "joint": found.joint_learned}


def stabilities(stamps: Stamps, new: Task, pair: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``stability``: by words alone, and with shots."""
    support, (x, labels) = new.few(SHOTS[0]), new.test
    trials = Trials(
        [spoken(each) for each in new.classes],
        x,
        labels,
        {"zh": [CHINESE[each] for each in new.classes]},
        [[SYNONYMS[each] for each in new.classes]],
        {"picture noise": _noisy_pictures(stamps, new.space, new.folder.rows[new.asked])},
    )

    def embed(texts: Sequence[str]) -> F64:
        return stamps.embed(new.space, texts)

    def with_shots(words: F64, order: Labels) -> Scorer:
        place = np.argsort(order)
        return choose(replace(support, words=words, labels=place[support.labels])).scorer

    def zero(words: F64, _order: Labels) -> Scorer:
        return lambda items: SCALE * items @ words.T

    for shots, learn in ((0, zero), (SHOTS[0], with_shots)):
        found = stability(trials, learn, embed, stamps.templates, modality="image", seed=seed)
        head = {"task": "stability", "shots": shots, "seed": seed, "pair": pair}
        yield {**head, "method": "no change", "accuracy": found.accuracy,
               "chance": found.chance, "items": found.items}  # fmt: skip
        for each in found.rows:
            yield {**head, "method": f"{each.change} {each.how}".strip(),
                   "accuracy": each.accuracy, "worst": each.worst,
                   "agreement": each.agreement}  # fmt: skip


def _noisy_pictures(stamps: Stamps, space: Aligner, rows: Labels) -> F64:
    """Vectors of the stamps with noise of 10 % of the range on each pixel."""
    rng = np.random.default_rng(0)
    pictures = []
    for place in rows:
        path = stamps.records[stamps.pairs.ids[place]].items["image"].source
        pixels = np.asarray(Image.open(path).convert("RGBA"), dtype=np.float64)
        pixels[..., :3] += rng.normal(0.0, 25.5, pixels[..., :3].shape)
        pictures.append(Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA"))
    encoder = load_encoder(ENCODERS["image"])
    done = encode_items(as_items(pictures, "image", None), encoder, cache=default_cache())
    return space.transform(done.vectors, "image").astype(np.float64)


def measured(
    part: str, stamps: Stamps, new: Task, old: Task, pair: str, seed: int
) -> Iterator[dict[str, Any]]:
    """Rows of one part."""
    match part:
        case "transfer":
            return transfers(new, old, pair, seed)
        case "generation":
            return generated(stamps, new, pair, seed)
        case "vectors":
            return vectors(new, pair, seed)
    return stabilities(stamps, new, pair, seed)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means by task, shots and method over pairs and seeds, with the gain over the plain rival."""
    out: dict[str, Any] = {}
    keys = dict.fromkeys((r["task"], r["shots"], r["method"]) for r in rows)
    for task, shots, name in keys:
        own = _by_run(rows, task, shots, name)
        plain = _by_run(rows, task, shots, RIVAL[task])
        gains = np.array([np.mean(own[run]) - np.mean(plain[run]) for run in own])
        half = Z95 * float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
        of = np.array([run[0] for run in own])
        out[f"{task}, {shots} shots, {name}"] = {
            "accuracy": float(np.mean([np.mean(each) for each in own.values()])),
            f"gain over {RIVAL[task]}": float(gains.mean()),
            "interval95": [float(gains.mean() - half), float(gains.mean() + half)],
            "gain by pair": {pair: float(gains[of == pair].mean()) for pair in dict.fromkeys(of)},
            "runs": len(gains),
        }
    joint = {
        name: float(np.mean([r["joint"] for r in rows if "joint" in r and r["method"] == name]))
        for name in ("words", "isthmus")
        if any("joint" in r for r in rows)
    }
    return {**out, "unseen, among all classes": joint}


def _by_run(
    rows: Sequence[dict[str, Any]], task: str, shots: int | None, name: str
) -> dict[tuple[str, int], list[float]]:
    """Accuracies by pair and seed; random words have several."""
    out: dict[tuple[str, int], list[float]] = {}
    for each in rows:
        if (each["task"], each["method"]) == (task, name) and each["shots"] == shots:
            out.setdefault((each["pair"], each["seed"]), []).append(each["accuracy"])
    return out


def main() -> None:
    """Measure all tasks and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, action="append", help="the rest stays as it is")
    given = parser.parse_args()
    need(datasets=["tuxpaint"], encoders=STARTER[:2])
    stamps = Stamps()
    chosen = given.only or list(PARTS)
    rows: list[dict[str, Any]] = []
    if given.only and given.json.is_file():
        rows = json.loads(given.json.read_text(encoding="utf-8"))["rows"]
        again = {task for each in chosen for task in PARTS[each]}
        rows = [each for each in rows if each["task"] not in again]
    for source, target in PAIRS:
        for seed in range(given.seeds):
            pair = f"{source} → {target}"
            new, old = stamps.tasks(target, source, seed)
            for each in chosen:
                rows += measured(each, stamps, new, old, pair, seed)
            print(pair, seed, flush=True)
        _machine.write(given.json, {"rows": rows, "summary": summary(rows)})
    for name, found in summary(rows).items():
        print(name, {key: each for key, each in found.items() if key != "gain by pair"})


if __name__ == "__main__":
    main()
