"""Heads that the starter space could have: linear ones, and Gaussian units for text or for both.

Run ``python benchmarks/starter_heads.py --json FILE``; ``--qabcs FOLDER``, as for
``starter_names.py``, adds names of photographs, which are only measured on. Encoders, data and
settings are those of the shipped space. R@10 is told twice: as the mean over inner deals of the
stamps that are not held out, by which it is fair to choose, and over the galleries of five seeds.

Where only text goes through Gaussian units, the parts of a picture or sound still add up to its
score in closed form. The parts of a text are Shapley values in any case, since its encoder mixes
words. "Side by side" has such heads beside the linear ones; sounds keep nearly all their weight on
the linear side.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_corpus import Corpus, corpus
from _starter_fit import (
    BANK,
    DIM,
    GALLERY,
    TEXT_TO_IMAGE,
    Model,
    clip_art_pairs,
    directions,
    families_for,
    fit,
    gallery,
    onto,
    seen,
    sound_targets,
    stamps_by_language,
)
from isthmus.aligners import CCA
from isthmus.aligners.affine import LinearHead
from isthmus.aligners.heads import ConcatHead
from isthmus.aligners.kernel import Centres, HiddenLayer
from isthmus.core.contracts import Head
from isthmus.core.linalg import l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.moments import Moments
from isthmus.pipeline import default_cache, prepare
from isthmus.selection.folds import Training
from isthmus.space import Space, StarterReport
from isthmus.space.report import StarterSettings
from starter import DEALS, SEEDS, figures
from starter_race import photographs

SHARPNESS, CENTRES = 2.0, 1000
SHARES = (0.5, 0.75)
"""Of the Gaussian units, in ``beside``."""
SOUND_SHARE = 0.002
"""So little that sounds are found as by the linear heads."""
TOLD = (
    "16 languages",
    *(f"text→image ({tag})" for tag in ("en", "zh", "ja", "ko")),
    *(f"text→audio ({kind})" for kind in ("fr", "es", "ru", "effects")),
    "titles",
    "names of photographs",
)

Layers = Mapping[str, HiddenLayer]


class Deal:
    """What is learned from, and heads of every kind."""

    def __init__(self, data: Corpus, held: set[str], without: set[str], seed: int) -> None:
        self.data, self.held, self.without = data, held, without | held
        self.families = families_for(data, seed)

    def layers(self, views: tuple[str, ...]) -> Layers:
        """Gaussian units around stamps and some clip art."""
        rows = np.array([name not in self.without for name in self.data.stamps.ids])
        art = self._art()
        some = thin(np.arange(len(art)), CENTRES)
        found = {}
        for view in views:
            near = [self.data.stamps.vectors[view][rows], art.vectors[view][some]]
            centres = np.concatenate(near)
            known = Centres.among(centres, len(centres))
            found[view] = HiddenLayer.around(known, sharpness=SHARPNESS, linear=0.0)
        return found

    def heads(self, settings: StarterSettings, layers: Layers) -> dict[str, Head]:
        """By CCA on what the layers say of the pairs; sounds onto what their captions are."""

        def inner(pairs: PairedVectors) -> PairedVectors:
            rows = {m: layers[m](x) if m in layers else x for m, x in pairs.vectors.items()}
            return PairedVectors(rows)

        own = inner(stamps_by_language(self.data, self.without))
        other = {"clip art": Moments.of(inner(self._art()))}
        whole = Training(own, Moments.of(own), other).weighted((("clip art", settings.clip_art),))
        cca = CCA(ridge=settings.ridge, power=settings.power, components=DIM).fit_moments(whole)
        heads: dict[str, Head] = {}
        for view, head in cca.heads_.items():
            assert isinstance(head, LinearHead)
            layer = layers.get(view)
            heads[view] = layer.head(head.mean, head.weight) if layer else head
        kept = ~np.isin(self.data.sound_keys, list(self.without))
        heads["audio"] = self._sounds(heads["text"], kept, settings.sound_ridge)
        return heads

    def _sounds(self, text: Head, kept: Any, ridge: float) -> LinearHead:
        """Ridge regression onto unit vectors of a clip's own caption and of all languages."""
        own = text(self.data.sounds.vectors["text"][kept])
        target = l2_normalize(own + text(sound_targets(self.data)[kept])).astype(np.float64)
        return onto(target, self.data.sounds.vectors["audio"][kept], ridge)

    def _art(self) -> PairedVectors:
        return self.data.clip_art.take(~np.isin(self.data.families, list(self.families)))

    def model(self, heads: Mapping[str, Head], like: Model) -> Model:
        """With banks of the same rows as those of another model."""
        rows = np.array([name not in self.without for name in self.data.stamps.ids])
        art = self._art()
        some = thin(np.arange(len(art)), BANK - min(int(rows.sum()), BANK // 2))
        banks = {
            m: heads[m](np.concatenate([self.data.stamps.vectors[m][rows], art.vectors[m][some]]))
            for m in ("text", "image")
        }
        place = {name: row for row, name in enumerate(self.data.sounds.ids)}
        clips = [place[name] for name in like.ids["audio"]]
        banks["audio"] = heads["audio"](self.data.sounds.vectors["audio"][clips])
        return replace(like, heads=heads, banks=banks)


def beside(heads: Mapping[str, Head], linear: Mapping[str, Head], share: float) -> dict[str, Head]:
    """Both side by side; sounds nearly in the linear part alone."""
    shares = {"text": share, "image": share, "audio": SOUND_SHARE}
    return {m: ConcatHead([heads[m], linear[m]], [s, 1 - s]) for m, s in shares.items()}


def models(deal: Deal, settings: StarterSettings) -> dict[str, Model]:
    """Every kind of heads."""
    shipped = fit(deal.data, deal.without, deal.families, settings)
    text = deal.heads(settings, deal.layers(("text",)))
    both = deal.heads(settings, deal.layers(("text", "image")))
    kinds: dict[str, Mapping[str, Head]] = {"Gaussian units for text": text}
    kinds |= {f"side by side, {s:g}": beside(text, shipped.heads, s) for s in SHARES}
    kinds["Gaussian units for text and pictures"] = both
    made = {name: deal.model(heads, shipped) for name, heads in kinds.items()}
    return {"linear, as shipped": shipped, **made}


def measured(
    deal: Deal, model: Model, strength: float, names: PairedVectors | None
) -> dict[str, float]:
    """R@10 by direction and kind, of titles of clip art, and of names of photographs."""
    found = {
        str(kind): figures(one, strength).r10
        for kind, one in directions(deal.data, model, deal.held).items()
    }
    pictures = [r for kind, r in found.items() if kind.startswith(str(TEXT_TO_IMAGE))]
    found["16 languages"] = float(np.mean(pictures))
    art = clip_art_pairs(deal.data, model, deal.families, 500)
    found["titles"] = figures(art, strength).r10
    if names is not None:
        one = seen(model, "text", names.vectors["text"], "image", names.vectors["image"])
        found["names of photographs"] = figures(one, strength).r10
    return found


def raced(
    deals: Iterable[Deal], settings: StarterSettings, names: PairedVectors | None
) -> dict[str, dict[str, float]]:
    """Means over deals, by kind of heads."""
    runs: dict[str, list[dict[str, float]]] = {}
    for deal in deals:
        for kind, model in models(deal, settings).items():
            runs.setdefault(kind, []).append(measured(deal, model, settings.csls_strength, names))
    return {kind: _means(rows) for kind, rows in runs.items()}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: round(float(np.mean([row[name] for row in rows if name in row])), 4) for name in names
    }


def main() -> None:
    """Race all kinds of heads on inner deals, then measure them on the galleries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--qabcs", type=Path, help="usr/share/qabcs of the Debian package")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER, space=True)
    data = corpus()
    report = Space.load("starter").report
    assert isinstance(report, StarterReport)
    names = None
    if arguments.qabcs:
        known = {view: data.encoders.encoders[view] for view in ("text", "image")}
        photos = photographs(arguments.qabcs)
        names = prepare(photos, known, by_group=False, cache=default_cache()).pairs
    without = gallery(data, 0)
    left = sorted(set(data.stamps.ids) - without)
    inner = (Deal(data, _dealt(left, seed), without, seed) for seed in range(500, 500 + DEALS))
    found = {"inner deals": raced(inner, report.settings, names)}
    outer = (Deal(data, gallery(data, seed), set(), seed) for seed in range(SEEDS))
    found["galleries"] = raced(outer, report.settings, names)
    for place, rows in found.items():
        for kind, row in rows.items():
            told = {name: row[name] for name in TOLD if name in row}
            print(f"{place}: {kind}", told, flush=True)
    if arguments.json:
        photos_used = 0 if names is None else len(names)
        settings = asdict(report.settings) | {"sharpness": SHARPNESS, "sound share": SOUND_SHARE}
        sizes = {"deals": DEALS, "seeds": SEEDS, "gallery": GALLERY, "photographs": photos_used}
        _machine.write(arguments.json, {"settings": settings, **sizes, "r10": found})


def _dealt(left: list[str], seed: int) -> set[str]:
    return set(np.random.default_rng(seed).permutation(left)[:GALLERY].tolist())


if __name__ == "__main__":
    main()
