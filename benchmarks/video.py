"""Encoders of video on ``shapes-motion``: which way things move, and videos found by words.

Run ``python benchmarks/video.py --json FILE``. A linear classifier learns six motions on some
shapes and colours and is tested on others: ``direction`` is how often it tells left from right and
up from down, chance .5, since those films are each other backwards. For ``text→video``, 100 of the
252 scenes are held out, heads are fitted on the rest by CCA, and each caption looks for its video
among the 100. Beside them stand random vectors, shuffled pairs, and a single frame.

Then come heads that are trained, decoding, spans, pictures in videos, and ``wesnoth``, of the
modules beside this one.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import need
from isthmus import encoders
from isthmus.aligners import make
from isthmus.core.artifact import content_hash
from isthmus.core.contracts import Encoder, batch_size_of, image_side_of
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.datasets import load, motions
from isthmus.encoders.frames import FramesEncoder, Pool
from isthmus.encoders.motion import MotionEncoder
from isthmus.metrics import retrieval_report
from isthmus.pipeline import default_cache, encode_items

RECORDS = 504
SEEDS = 5
GALLERY = 100
HELD_SHAPES, HELD_COLOURS = 2, 2
RIDGES = 10.0 ** np.arange(-6, 3)
"""Of the classifier, chosen among by leave-one-out on what it learns from."""
POOLS: tuple[Pool, ...] = ("mean", "max", "attention", "order")
FIGURES = ("decode_ratio", "span_top1", "frame_found")
OTHERS = {
    "heads": "_video_heads",
    "decode_ratio": "_video_decode",
    "span_top1": "_video_spans",
    "frame_found": "_video_find",
    "wesnoth": "_video_wesnoth",
}
"""Parts, and the modules beside this one whose ``measure()`` gives them."""


class Remembered:
    """An encoder of pictures that encodes each picture once, however often it is asked."""

    modality, languages = "image", ()

    def __init__(self, inner: Encoder) -> None:
        self._inner, self._known = inner, {}
        self.id, self.dim, self.fingerprint = inner.id, inner.dim, inner.fingerprint
        self.batch_size, self.image_side = batch_size_of(inner), image_side_of(inner)

    def prepare(self, decoded: Any) -> Any:
        """As the encoder does."""
        return self._inner.prepare(decoded)

    def encode(self, batch: Sequence[Any]) -> F32:
        """As the encoder does, where it has not been done."""
        keys = [content_hash(np.ascontiguousarray(each).tobytes()) for each in batch]
        new = {key: each for key, each in zip(keys, batch, strict=True) if key not in self._known}
        if new:
            rows = self._inner.encode(list(new.values()))
            self._known.update(zip(new, rows, strict=True))
        return np.stack([self._known[key] for key in keys])


def vectors_of(data: Dataset, image: str) -> dict[str, F32]:
    """Unit vectors of all videos, by what made them."""
    inner = Remembered(encoders.load(image))
    made: dict[str, Encoder] = {pool: FramesEncoder(inner, pool=pool) for pool in POOLS}
    made["single frame"] = FramesEncoder(inner, n=1, pool="mean")
    items = [record.items["video"] for record in data.records]
    found = {}
    for name, encoder in made.items():
        found[name] = _encoded(items, encoder)
        print(f"{image}: {name} encoded", flush=True)
    return found


def _encoded(items: Sequence[MediaItem], encoder: Encoder) -> F32:
    done = encode_items(items, encoder, cache=default_cache())
    if done.failures:
        raise SystemExit(f"{done.failures[0].source}: {done.failures[0].reason}")
    return np.asarray(l2_normalize(done.vectors), dtype=np.float32)


def beside(*several: F32) -> F32:
    """Vectors of several encoders, as ``+`` in a name joins them."""
    return np.asarray(np.concatenate(several, axis=1), dtype=np.float32)


def fields(data: Dataset) -> dict[str, Any]:
    """Colour, shape and motion of each record."""
    words = np.array([record.id.split()[1:] for record in data.records])
    return dict(zip(("colour", "shape", "motion"), words.T, strict=True))


def motion_accuracy(x: F32, of: dict[str, Any]) -> dict[str, Any]:
    """Six motions, and left from right and up from down, of shapes and colours never seen."""
    from sklearn.linear_model import RidgeClassifierCV

    found = []
    for seed in range(SEEDS):
        train, test = held_out(of, seed)
        model = RidgeClassifierCV(RIDGES).fit(x[train], of["motion"][train])
        found.append(told_apart(model.decision_function(x[test]), model.classes_, of, test))
    six, two = zip(*found, strict=True)
    return {"six": spread(six), "direction": spread(two)}


def held_out(of: dict[str, Any], seed: int) -> tuple[Any, Any]:
    """Which films are learned from, and which have a shape and a colour that is in none of them."""
    rng = np.random.default_rng(seed)
    unseen_shape = np.isin(of["shape"], rng.choice(np.unique(of["shape"]), HELD_SHAPES, False))
    unseen_colour = np.isin(of["colour"], rng.choice(np.unique(of["colour"]), HELD_COLOURS, False))
    return ~unseen_shape & ~unseen_colour, unseen_shape & unseen_colour


def told_apart(scores: Any, classes: Any, of: dict[str, Any], test: Any) -> tuple[float, float]:
    """How often the motion of the highest score is right, of six and of a motion and its opposite.

    Args:
        scores: Of the films of the test, a column a motion.
        classes: Motions of the columns.
        of: Fields of all films.
        test: Which films they are.
    """
    true = of["motion"][test]
    right: list[bool] = []
    for pair in motions.OPPOSITES:
        rows, columns = np.isin(true, pair), np.isin(classes, pair)
        told = classes[columns][scores[rows][:, columns].argmax(axis=1)]
        right += list(told == true[rows])
    return float((classes[scores.argmax(axis=1)] == true).mean()), float(np.mean(right))


def text_to_video(x: F32, texts: dict[str, F32], of: dict[str, Any], *, null: bool = False) -> Any:
    """R@1 among 100 scenes that no head has seen, both ways, in each language."""
    scene = np.array(
        [f"{of['colour'][i]} {of['shape'][i]} {of['motion'][i]}" for i in range(len(x))]
    )
    runs: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        held = rng.permutation(np.unique(scene))[:GALLERY]
        test = np.array([int(np.flatnonzero(scene == each)[0]) for each in held])
        train = np.flatnonzero(~np.isin(scene, held))
        partner = rng.permutation(train) if null else train
        pairs = PairedVectors({"text": texts["both"][partner], "video": x[train]})
        fitted = make("cca").fit(pairs)
        shown = fitted.transform(x[test], "video")
        for language in motions.LANGUAGES:
            scores = fitted.transform(texts[language][test], "text") @ shown.T
            for way, found in (("text→video", scores), ("video→text", scores.T)):
                r1 = retrieval_report(found, np.arange(GALLERY)).r1
                runs.setdefault(f"{way} {language}", []).append(float(r1))
    return {name: spread(values) for name, values in runs.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation over splits."""
    return {"mean": round(float(np.mean(values)), 3), "sd": round(float(np.std(values, ddof=1)), 3)}


def captions(data: Dataset) -> dict[str, F32]:
    """Unit vectors of what is said of each video: in both languages together, and in each."""
    encoder = encoders.load("universal")
    said = [record.items["text"].captions for record in data.records]
    parts = {"both": said, **{tag: [(c[i],) for c in said] for i, tag in enumerate(("en", "zh"))}}
    return {
        name: _encoded([MediaItem.from_text(each) for each in part], encoder)
        for name, part in parts.items()
    }


def compared(data: Dataset, images: Sequence[str]) -> dict[str, Any]:
    """Both measurements of every encoder, and of nothing."""
    of, texts = fields(data), captions(data)
    moving = _encoded([record.items["video"] for record in data.records], MotionEncoder())
    rows = {"motion": moving}
    for image in images:
        seen = vectors_of(data, image)
        rows |= {f"frames?image={image}&pool={name}": seen[name] for name in POOLS}
        rows[f"frames?image={image}&pool=order+motion"] = beside(seen["order"], moving)
        rows[f"single frame, {image}"] = seen["single frame"]
    rng = np.random.default_rng(0)
    rows["random vectors"] = rng.standard_normal((len(data), 512)).astype(np.float32)
    found = {}
    for name, x in rows.items():
        found[name] = {
            "dim": x.shape[1],
            **motion_accuracy(x, of),
            **text_to_video(x, texts, of),
        }
        if "order" in name:  # what is claimed, beside what is left where pairs are shuffled
            found[name]["shuffled pairs"] = text_to_video(x, texts, of, null=True)
        print(name, found[name], flush=True)
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures, after each part")
    parser.add_argument("--resume", action="store_true", help="keep the parts that are there")
    parser.add_argument("--image", action="append", help="encoders of pictures, by which to judge")
    arguments = parser.parse_args()
    images = arguments.image or list(dict.fromkeys([encoders.default_for("image"), "color-hog"]))
    need(encoders=("universal", *images), packages=("av", "sklearn"))
    parts = {"encoders": lambda: compared(load("shapes-motion", n=RECORDS), images)}
    parts |= {name: importlib.import_module(module).measure for name, module in OTHERS.items()}
    found: dict[str, Any] = {}
    if arguments.resume and arguments.json and arguments.json.is_file():
        found = json.loads(arguments.json.read_text()).get("parts", {})
    for name, measure in parts.items():
        if name not in found:
            found[name] = measure()
            print(name, found[name], flush=True)
        if arguments.json:
            _machine.write(arguments.json, told(found, images[0]))


def told(found: dict[str, Any], image: str) -> dict[str, Any]:
    """The figures of each part that was measured, and what they are of."""
    best = found["encoders"][f"frames?image={image}&pool=order"]
    return {
        "direction_accuracy": best["direction"]["mean"],
        "text_video_r1": best["text→video en"]["mean"],
        **{name: found.get(name, {}).get(name) for name in FIGURES},
        "records": RECORDS,
        "gallery": GALLERY,
        "seeds": SEEDS,
        "chance": {"six": 1 / 6, "direction": 0.5, "text→video": 1 / GALLERY},
        "parts": found,
    }


if __name__ == "__main__":
    main()
