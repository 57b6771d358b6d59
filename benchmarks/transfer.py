"""Prompts that were learned elsewhere, generated and learned here, and how stable answers are.

Run ``python benchmarks/transfer.py --json FILE``. The stamps of Tux Paint below four folders make
tasks: animals, food, vehicles and household; their classes are the deepest folders (without
``cartoon`` and ``toys``, which are styles) with four stamps or more. A task is transferred from
animals to food, from vehicles to household, and the other way round. The space is a CCA (ridge 3,
power 1) of the stamps that lie in neither of the two folders, so it has seen no stamp of source or
target. Half of each target class, at least two stamps, is the test, by
``numpy.random.default_rng(seed)``; shots come from the rest; the source is learned from all of its
stamps. The scale of cosines is the one that calibrated spaces have at the median. Nothing was tuned
on these tasks: hyper-parameters and defaults were tried on plants, town, seasonal and clothes.

Rows have ``task``, ``shots``, ``method``, ``accuracy``, ``macro_recall``, ``macro_f1``, ``ece``,
``seed``; beside them ``pair``, the direction, or what was changed. ``isthmus`` is the method that
is chosen, ``none`` the same without transfer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.aligners import CCA
from isthmus.aligners.base import Aligner
from isthmus.core.linalg import F64, l2_normalize
from isthmus.datasets import load
from isthmus.encoders import load as load_encoder
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.pipeline import default_cache, prepare
from isthmus.prompts.choice import choose
from isthmus.prompts.figures import Figures
from isthmus.prompts.generate import Captions, from_captions, from_glosses, judge
from isthmus.prompts.methods import method
from isthmus.prompts.stability import Trials, stability
from isthmus.prompts.support import Labels, Scorer, Support, prototype, softmax
from isthmus.prompts.templates import load as load_templates
from isthmus.prompts.transfer import STARTS, Source, transfer
from isthmus.prompts.vectors import class_vectors, judge_unseen, learn_vectors
from isthmus.tasks.zeroshot.words import SCALE

PAIRS = (
    ("animals", "food"),
    ("food", "animals"),
    ("vehicles", "household"),
    ("household", "vehicles"),
)
STYLES = {"cartoon", "toys"}
LEAST = 4
SHOTS = (2, 4)
TEST_LEAST = 2
Z95 = 1.96
CHINESE = {
    "fruit": "水果", "nuts": "坚果", "vegetables": "蔬菜", "household": "家居用品",
    "arttools": "画具", "dishes": "餐具", "tools": "工具", "auto": "汽车",
    "construction": "工程车", "locomotive": "火车", "ship": "船", "birds": "鸟",
    "fish": "鱼", "insects": "昆虫", "mammals": "哺乳动物", "aquatic": "水生动物",
    "bears": "熊", "bovines": "牛", "cats": "猫", "deer": "鹿", "rodents": "啮齿动物",
    "marsupials": "有袋动物",
}  # fmt: skip
SYNONYMS = {
    "fruit": "fruits", "nuts": "kernels", "vegetables": "greens", "household": "home items",
    "arttools": "art supplies", "dishes": "tableware", "tools": "implements", "auto": "car",
    "construction": "building machine", "locomotive": "railway engine", "ship": "boat",
    "birds": "fowl", "fish": "fishes", "insects": "bugs", "mammals": "mammalian animals",
    "aquatic": "sea animals", "bears": "grizzly", "bovines": "cattle", "cats": "felines",
    "deer": "stag", "rodents": "mice and rats", "marsupials": "pouched animals",
}  # fmt: skip
SPOKEN = {"arttools": "art tools", "aquatic": "aquatic mammals"}
GLOSSES = {
    "fruit": "sweet and juicy, it grows on a tree", "nuts": "a hard shell with a kernel",
    "vegetables": "a plant that is cooked or eaten as a salad",
    "household": "a thing that stands in a home", "arttools": "for drawing and painting",
    "dishes": "plates and cups to eat and drink from", "tools": "for work with the hands",
    "auto": "a car on four wheels", "construction": "a heavy machine that digs and lifts",
    "locomotive": "it pulls a train on rails", "ship": "it carries people over the sea",
    "birds": "feathers, wings and a beak", "fish": "it swims and has fins and scales",
    "insects": "six legs, small", "mammals": "an animal with fur", "aquatic": "a whale or a seal",
    "bears": "a large furry animal with claws", "bovines": "a cow, an ox or a goat with horns",
    "cats": "a cat, a lion or a tiger", "deer": "it has antlers and lives in the woods",
    "rodents": "a small animal with long front teeth", "marsupials": "it carries its young in a pouch",
}  # fmt: skip
"""Written by hand from the names alone, before any figure was seen."""


@dataclass(frozen=True, eq=False)
class Task:
    """Classes with all of their stamps in one space."""

    classes: tuple[str, ...]
    words: F64
    items: F64
    labels: Labels
    rows: Labels

    def support(self, rows: Labels) -> Support:
        """Words and shots."""
        return Support(self.words, self.items[rows], self.labels[rows], SCALE)

    def split(self, shots: int, seed: int) -> tuple[Labels, Labels]:
        """Rows of shots and of the test."""
        rng = np.random.default_rng(seed)
        known, asked = [], []
        for number in range(len(self.classes)):
            own = rng.permutation(np.flatnonzero(self.labels == number))
            half = max(TEST_LEAST, len(own) // 2)
            asked.append(own[:half])
            known.append(own[half : half + shots])
        return np.concatenate(known), np.concatenate(asked)


class Stamps:
    """Native vectors, folders and captions of all stamps."""

    def __init__(self) -> None:
        data = load("tuxpaint")
        self.pairs = prepare(data, cache=default_cache()).pairs
        captions = {each.id: each.items["text"].captions[0] for each in data.records}
        self.captions = [captions[name] for name in self.pairs.ids]
        assert self.pairs.groups is not None
        folders = [str(each).split("/") for each in self.pairs.groups]
        self.tops = np.array([each[0] for each in folders])
        self.leaves = np.array(["/".join(p for p in each if p not in STYLES) for each in folders])
        self.reader = load_encoder("universal")
        self.templates = load_templates()

    def space(self, *without: str) -> Aligner:
        """Of the stamps that lie in none of some folders."""
        return CCA(3.0, 1.0).fit(self.pairs.take(~np.isin(self.tops, without)))

    def task(self, space: Aligner, top: str) -> Task:
        """The classes below a folder."""
        known, sizes = np.unique(self.leaves[self.tops == top], return_counts=True)
        leaves = known[sizes >= LEAST].tolist()
        rows = np.flatnonzero(np.isin(self.leaves, leaves))
        labels = np.array([leaves.index(each) for each in self.leaves[rows]])
        items = space.transform(self.pairs.vectors["image"][rows], "image").astype(np.float64)
        names = tuple(each.rpartition("/")[2] for each in leaves)
        words = [
            prototype(self.embed(space, self.templates.prompts(spoken(each), "en", "image")))
            for each in names
        ]
        return Task(names, np.vstack(words), items, labels, rows)

    def embed(self, space: Aligner, texts: Sequence[str]) -> F64:
        """Texts in a space."""
        native = np.vstack([self.native(text) for text in texts])
        return space.transform(native, "text").astype(np.float64)

    @lru_cache(maxsize=50_000)  # noqa: B019 - one object a run
    def native(self, text: str) -> Any:
        """What the encoder makes of a text."""
        return self.reader.encode([(text,)])


def spoken(name: str) -> str:
    """What a class is called."""
    return SPOKEN.get(name, name)


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


def transfers(stamps: Stamps, source: str, target: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``transfer``: each start, fine-tuned the same way, and the chosen one."""
    space = stamps.space(source, target)
    old, new = stamps.task(space, source), stamps.task(space, target)
    learned = Source.learn(source, old.classes, old.support(np.arange(len(old.items))))
    pair = f"{source} → {target}"
    for shots in SHOTS:
        for seed in range(seeds):
            known, asked = new.split(shots, seed)
            support, x, labels = new.support(known), new.items[asked], new.labels[asked]
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
                yield {
                    **row("transfer", shots, name, seed, logits, labels),
                    "pair": pair,
                    "start": done.start if name == "isthmus" else None,
                    "negative": [each.start for each in done.negative]
                    if name == "isthmus"
                    else None,
                }


def generated(stamps: Stamps, target: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``generation``: words alone, by prompts that were generated, beside the null."""
    space = stamps.space(target)
    new = stamps.task(space, target)
    names = [spoken(each) for each in new.classes]
    glosses = {spoken(each): (GLOSSES[each],) for each in new.classes}
    outside = np.flatnonzero(stamps.tops != target)
    memory = [stamps.captions[place] for place in outside]
    captions = Captions(tuple(memory), stamps.embed(space, memory))
    embed = lambda texts: stamps.embed(space, texts)  # noqa: E731
    makers: dict[str, Callable[[Support], Any]] = {
        "captions": lambda s: from_captions(
            names, s.items, s.labels, captions, stamps.templates, "image"
        ),
        "glosses": lambda _s: from_glosses(names, glosses, stamps.templates, "image"),
    }
    for seed in range(seeds):
        known, asked = new.split(SHOTS[-1], seed)
        support, x, labels = new.support(known), new.items[asked], new.labels[asked]
        bare = np.vstack([embed([name]) for name in names])
        yield {**row("generation", 0, "name", seed, SCALE * x @ bare.T, labels), "pair": target}
        yield {**row("generation", 0, "templates", seed, SCALE * x @ new.words.T, labels),
               "pair": target}  # fmt: skip
        for what, make in makers.items():
            found = judge(names, support, make, embed, seed=seed)
            made = make(support)
            raw = np.vstack([prototype(embed([n, *made.get(n, ())])) for n in names])
            for name, words in ((what, raw), (f"{what}, if kept", found.words)):
                logits = SCALE * x @ words.T
                yield {
                    **row("generation", support.counts.max().astype(int).item(), name, seed,
                          logits, labels),
                    "pair": target,
                    "kept": found.kept,
                    "null_on_left_out_shots": found.null,
                    "generated_on_left_out_shots": found.generated.accuracy,
                }  # fmt: skip
        nulls = [_null(names, embed, x, labels, seed * 100 + draw) for draw in range(5)]
        yield {**row("generation", 0, "random words", seed, nulls[0], labels), "pair": target,
               "accuracy": float(np.mean([(n.argmax(1) == labels).mean() for n in nulls]))}  # fmt: skip


def _null(names: Sequence[str], embed: Callable[[Sequence[str]], F64], x: F64, labels: Labels,
          seed: int) -> F64:  # fmt: skip
    from isthmus.prompts.templates import random_prompts

    words = [prototype(embed([n, *random_prompts(n, seed=seed, each=5)[:5]])) for n in names]
    logits: F64 = SCALE * x @ np.vstack(words).T
    return logits


def vectors(stamps: Stamps, target: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``vectors``: learned prompt vectors, and classes that they never saw."""
    space = stamps.space(target)
    new = stamps.task(space, target)
    for shots in SHOTS:
        for seed in range(seeds):
            known, asked = new.split(shots, seed)
            support, x, labels = new.support(known), new.items[asked], new.labels[asked]
            learned = learn_vectors(support)
            from isthmus.prompts.vectors import CLOSED, TRAINED

            said = {
                "words": support.zero_shot(x),
                "text+mean": SCALE * x @ class_vectors(CLOSED, support, CLOSED.prior).T,
                "trained-vectors": SCALE * x @ class_vectors(TRAINED, support, TRAINED.prior).T,
                "isthmus": SCALE * x @ learned.vectors.T / learned.temperature,
            }
            for name, logits in said.items():
                kept = learned.method if name == "isthmus" else None
                yield {**row("vectors", shots, name, seed, logits, labels), "pair": target,
                       "kept": kept}  # fmt: skip
    if len(new.classes) >= LEAST:
        found = judge_unseen(new.support(np.arange(len(new.items))))
        yield {"task": "unseen", "pair": target, "shots": None, "method": "isthmus", "seed": None,
               "accuracy": found.learned, "words": found.words, "drop": found.drop,
               "joint": found.joint_learned, "joint_words": found.joint_words,
               "items": found.shots}  # fmt: skip


def stabilities(stamps: Stamps, target: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of task ``stability``: by words alone, and with shots."""
    space = stamps.space(target)
    new = stamps.task(space, target)
    names = [spoken(each) for each in new.classes]
    embed = lambda texts: stamps.embed(space, texts)  # noqa: E731
    for seed in range(seeds):
        known, asked = new.split(SHOTS[0], seed)
        support = new.support(known)
        trials = Trials(
            names,
            new.items[asked],
            new.labels[asked],
            {"zh": [CHINESE[each] for each in new.classes]},
            [[SYNONYMS[each] for each in new.classes]],
            {"picture noise": _noisy_pictures(stamps, space, new.rows[asked])},
        )

        def with_shots(words: F64, support: Support = support) -> Scorer:
            return choose(replace(support, words=l2_normalize(words))).scorer

        def zero(words: F64) -> Scorer:
            return lambda x: SCALE * x @ words.T

        for shots, learn in ((0, zero), (SHOTS[0], with_shots)):
            found = stability(trials, learn, embed, stamps.templates, modality="image", seed=seed)
            head = {"task": "stability", "shots": shots, "seed": seed, "pair": target}
            yield {**head, "method": "no change", "accuracy": found.accuracy,
                   "chance": found.chance, "items": found.items}  # fmt: skip
            for each in found.rows:
                yield {**head, "method": f"{each.change} {each.how}".strip(),
                       "accuracy": each.accuracy, "worst": each.worst,
                       "agreement": each.agreement}  # fmt: skip


def _noisy_pictures(stamps: Stamps, space: Aligner, rows: Labels) -> F64:
    """Vectors of the stamps with noise of 10 % of the range on each pixel."""
    from PIL import Image

    from isthmus.pipeline.encode import encode_items
    from isthmus.space.things import as_items

    rng = np.random.default_rng(0)
    records = {each.id: each for each in load("tuxpaint").records}
    pictures = []
    for place in rows:
        path = records[stamps.pairs.ids[place]].items["image"].source
        pixels = np.asarray(Image.open(path).convert("RGBA"), dtype=np.float64)
        pixels[..., :3] += rng.normal(0.0, 25.5, pixels[..., :3].shape)
        pictures.append(Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA"))
    encoder = load_encoder("efficientnet-lite0")
    done = encode_items(as_items(pictures, "image", None), encoder, cache=default_cache())
    return space.transform(done.vectors, "image").astype(np.float64)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Gain over none by method and shots, with its interval over pairs and seeds."""
    out: dict[str, Any] = {}
    own = [each for each in rows if each["task"] == "transfer"]
    for shots in sorted({each["shots"] for each in own}):
        table = {(r["method"], r["pair"], r["seed"]): r["accuracy"] for r in own
                 if r["shots"] == shots}  # fmt: skip
        for name in dict.fromkeys(key[0] for key in table):
            keys = [key[1:] for key in table if key[0] == name]
            gains = np.array([table[(name, *key)] - table[("none", *key)] for key in keys])
            pairs = {p: float(np.mean([g for g, k in zip(gains, keys, strict=True) if k[0] == p]))
                     for p in dict.fromkeys(k[0] for k in keys)}  # fmt: skip
            half = Z95 * float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
            out[f"{name}, {shots} shots"] = {
                "accuracy": float(np.mean([table[(name, *key)] for key in keys])),
                "gain": float(gains.mean()),
                "interval95": [float(gains.mean() - half), float(gains.mean() + half)],
                "worst_pair": min(pairs.values()),
                "by_pair": pairs,
                "runs": len(gains),
            }
    return out


def main() -> None:
    """Measure all tasks and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    need(datasets=["tuxpaint"], encoders=STARTER[:2])
    stamps = Stamps()
    rows: list[dict[str, Any]] = []
    for source, target in PAIRS:
        for part in (transfers(stamps, source, target, given.seeds),
                     generated(stamps, target, given.seeds),
                     vectors(stamps, target, given.seeds),
                     stabilities(stamps, target, given.seeds)):  # fmt: skip
            rows += part
            print(rows[-1]["task"], target, len(rows), flush=True)
        _machine.write(given.json, {"rows": rows, "summary": summary(rows)})
    for name, found in summary(rows).items():
        print(f"{name:24} {found['accuracy']:.3f} {found['gain']:+.3f} {found['interval95']}")


if __name__ == "__main__":
    main()
