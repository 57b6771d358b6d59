"""Which clip does a picture, or a text, belong to: structure, a learned space, or both.

Run ``python benchmarks/matching.py --json FILE``. A clip is a picture that moves, grows and turns
over a plain ground, in five frames. The query is one more such view, undisturbed, shifted, noisy
or re-coloured, or the caption. Four distractors are clips of other pictures of the same category.
The space is learned from records that no clip is made of.
"""

from __future__ import annotations

import argparse
import io
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import _machine
from _needs import STARTER, need
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.retrieval.frames import pooled, rank_clips

SIDE = 96
FRAMES = 5
CLIPS = 5
GROUNDS = ((235, 240, 245), (225, 235, 220), (245, 235, 220))


def cut_out(picture: Image.Image) -> Image.Image:
    """A picture whose pure white is see-through, 64 pixels wide at most."""
    small = picture.copy()
    small.thumbnail((64, 64))
    pixels = np.asarray(small.convert("RGB"))
    alpha = np.where((pixels >= 250).all(axis=2), 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([pixels, alpha]), "RGBA")


def view(stamp: Image.Image, rng: np.random.Generator, ground: tuple[int, int, int]) -> Image.Image:
    """The stamp somewhere, a little larger or smaller, and turned."""
    scale = rng.uniform(0.7, 1.1)
    size = (max(int(stamp.width * scale), 4), max(int(stamp.height * scale), 4))
    turned = stamp.resize(size).rotate(rng.uniform(-20, 20), expand=True)
    scene = Image.new("RGB", (SIDE, SIDE), ground)
    place = (SIDE - np.array(turned.size)) * rng.uniform(0.2, 0.8, 2)
    scene.paste(turned, (int(place[0]), int(place[1])), turned)
    return scene


def shift(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Ten pixels to one side and up or down, wrapped around."""
    return Image.fromarray(np.roll(np.asarray(image), rng.choice([-10, 10], 2), axis=(0, 1)))


def noise(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Gaussian noise of 30 grey levels."""
    values = np.asarray(image, dtype=np.float64) + rng.normal(0, 30, (SIDE, SIDE, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def recolour(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The channels in another order."""
    return Image.fromarray(np.asarray(image)[..., [(1, 2, 0), (2, 0, 1)][rng.integers(2)]])


CHANGES: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "frame, as it is": lambda image, rng: image,
    "frame, shifted": shift,
    "frame, noisy": noise,
    "frame, re-coloured": recolour,
}


def category(data: Dataset, row: int) -> str:
    """The folder of a stamp, or the shape of a scene."""
    return str(data.records[row].group).split()[-1]


def trials(data: Dataset, rows: Sequence[int], rng: np.random.Generator) -> list[list[int]]:
    """Sets of five records of one category, the first of which is asked for."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for row in rows:
        groups[category(data, row)].append(row)
    out = []
    for row in rows:
        others = [one for one in groups[category(data, row)] if one != row]
        if len(others) >= CLIPS - 1:
            out.append([row, *rng.choice(others, CLIPS - 1, replace=False).tolist()])
    return out


def run(data: Dataset, ready: Prepared, seed: int, limit: int) -> dict[str, Any]:
    """Share of queries whose own clip comes first, by query and by what is compared."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data))
    held = order[: len(order) // 3]
    space = align(ready.take(np.sort(order[len(order) // 3 :])), aligner="cca", nested=False,
                  params={"ridge": 3.0, "power": 1.0, "scale": False})  # fmt: skip
    hits: dict[str, list[bool]] = defaultdict(list)
    for places in trials(data, held.tolist(), rng)[:limit]:
        one_trial(data, space, places, rng, hits)
    return {
        "queries": len(hits["caption | space"]),
        **{k: float(np.mean(v)) for k, v in hits.items()},
    }


def item(image: Image.Image) -> MediaItem:
    """A drawn picture as an item in memory."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return MediaItem.from_bytes(out.getvalue(), "image", source="a drawn frame")


def one_trial(
    data: Dataset,
    space: Space,
    places: list[int],
    rng: np.random.Generator,
    hits: dict[str, list[bool]],
) -> None:
    """Build five clips on one ground, ask for the first in every way."""
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    stamps = [cut_out(decode(data.records[row].items["image"])) for row in places]
    drawn = [[view(stamp, rng, ground) for _ in range(FRAMES)] for stamp in stamps]
    clips = [[item(frame) for frame in clip] for clip in drawn]
    same = drawn[0][int(rng.integers(FRAMES))]
    queries = {name: change(same, rng) for name, change in CHANGES.items()}
    queries["another view"] = view(stamps[0], rng, ground)
    for name, query in queries.items():
        asked = item(query)
        pixels = rank_clips(asked, clips, by="ssim")[1]
        learned = rank_clips(asked, clips, by="space", space=space)[1]
        both = [(a.scores + b.scores) / 2 for a, b in zip(pixels, learned, strict=True)]
        for way, scores in (
            ("ssim", [one.clip for one in pixels]),
            ("space", [one.clip for one in learned]),
            ("both", [pooled(one) for one in both]),
        ):
            hits[f"{name} | {way}"].append(bool(np.argmax(scores) == 0))
    caption = data.records[places[0]].items["text"].captions[0]
    order, _ = rank_clips(caption, clips, by="space", space=space, view="text", pool="mean")
    hits["caption | space"].append(bool(order[0] == 0))


def main() -> None:
    """Print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=12, help="queries of one kind and seed")
    parser.add_argument("--data", nargs="*", default=["tuxpaint", "shapes"])
    arguments = parser.parse_args()
    need(datasets=arguments.data, encoders=STARTER, packages=("skimage",))
    results: dict[str, Any] = {"chance": 1 / CLIPS, "frames": FRAMES}
    if arguments.json and arguments.json.exists():
        results = {**json.loads(arguments.json.read_text()), **results}
        results.pop("machine", None)
    for name in arguments.data:
        data = load(name, **({"n": 240} if name == "shapes" else {})).select(["image", "text"])
        ready = prepare(data, cache=default_cache())
        runs = [run(data, ready, seed, arguments.limit) for seed in range(arguments.seeds)]
        keys = [key for key in runs[0] if key != "queries"]
        results[name] = {
            "queries": sum(one["queries"] for one in runs),
            "top1": {key: round(float(np.mean([one[key] for one in runs])), 4) for key in keys},
            "sd": {
                key: round(float(np.std([one[key] for one in runs], ddof=1)), 4) for key in keys
            },
        }
        print(name, results[name], flush=True)
    if arguments.json:
        _machine.write(arguments.json, results)


if __name__ == "__main__":
    main()
