"""Heads of the starter space that begin with Gaussian units, to stand beside its linear ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from _starter_corpus import Corpus, sound_targets, stamps_by_language
from isthmus.aligners import CCA
from isthmus.aligners.affine import LinearHead
from isthmus.aligners.heads import ChainHead, ConcatHead
from isthmus.aligners.kernel import Centres, HiddenLayer
from isthmus.core.contracts import Head
from isthmus.core.linalg import F32, F64, l2_normalize, symmetric_eigen
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.moments import Moments
from isthmus.selection.folds import Training
from isthmus.space.report import StarterSettings

VIEWS = ("text", "image")
SHARPNESS, CENTRES, REDUCED, DIM = 3.0, 1300, 256, 256
"""Centres are the stamps and so many of the clip art, in so many principal components. As many as
12 MB have room for; the sharpness was chosen on inner deals."""
SOUND_SHARE = 0.002
"""Of the Gaussian side in heads of sounds: so little that the linear side finds them."""


@dataclass(frozen=True, eq=False)
class _Described:
    """Pairs in the components of the units' kernel."""

    reduced: Mapping[str, LinearHead]
    layers: Mapping[str, HiddenLayer]
    stamps: PairedVectors
    stamp_moments: Moments
    art: Moments


def beside(
    linear: Mapping[str, LinearHead],
    data: Corpus,
    without: set[str],
    families: set[Any],
    settings: StarterSettings,
) -> dict[str, Head]:
    """Linear heads with Gaussian ones of the same pairs beside them.

    Args:
        linear: By view.
        data: What is learned from.
        without: Stamps that are left out.
        families: Families of clip art that are left out.
        settings: ``gaussian`` is the share of the Gaussian side, 0 for none.
    """
    if not settings.gaussian:
        return dict(linear)
    found = _gaussian(data, without, families, settings)
    shares = dict.fromkeys(VIEWS, settings.gaussian) | {"audio": SOUND_SHARE}
    return {
        view: ConcatHead([found[view], head], [shares[view], 1 - shares[view]])
        for view, head in linear.items()
    }


def onto(target: F64, audio: Any, ridge: float) -> LinearHead:
    """Ridge regression of sound on coordinates of the space, those of its captions."""
    mean = audio.mean(axis=0, dtype=np.float64)
    x = audio.astype(np.float64) - mean
    covariance = x.T @ x / len(x)
    penalty = ridge * np.trace(covariance) / len(covariance)
    cross = x.T @ (target - target.mean(axis=0)) / len(x)
    weight = np.linalg.solve(covariance + penalty * np.eye(len(covariance)), cross)
    return LinearHead(mean, weight)


def _gaussian(
    data: Corpus, without: set[str], families: set[Any], settings: StarterSettings
) -> dict[str, Head]:
    """By CCA on what the units say; sounds by regression onto what their captions are."""
    left_out = frozenset(without), frozenset(families)
    weights = settings.ridge, settings.power, settings.clip_art
    heads = dict(_joined(data, *left_out, *weights))
    kept = ~np.isin(data.sound_keys, list(without))
    own = heads["text"](data.sounds.vectors["text"][kept])
    target = l2_normalize(own + heads["text"](sound_targets(data)[kept])).astype(np.float64)
    heads["audio"] = onto(target, data.sounds.vectors["audio"][kept], settings.sound_ridge)
    return heads


@lru_cache(maxsize=4)
def _joined(
    data: Corpus,
    without: frozenset[str],
    families: frozenset[Any],
    ridge: float,
    power: float,
    clip_art: float,
) -> Mapping[str, Head]:
    """Heads of texts and pictures."""
    known = _described(data, without, families)
    training = Training(known.stamps, known.stamp_moments, {"clip art": known.art})
    cca = CCA(ridge=ridge, power=power, components=DIM)
    cca.fit_moments(training.weighted((("clip art", clip_art),)))
    heads: dict[str, Head] = {}
    for view, head in cca.heads_.items():
        assert isinstance(head, LinearHead)
        units = known.layers[view].head(head.mean, head.weight)
        heads[view] = ChainHead([known.reduced[view], units])
    return heads


@lru_cache(maxsize=2)
def _described(data: Corpus, without: frozenset[str], families: frozenset[Any]) -> _Described:
    rows = np.array([name not in without for name in data.stamps.ids])
    art = data.clip_art.take(~np.isin(data.families, list(families)))
    some = thin(np.arange(len(art)), CENTRES)
    reduced, layers = {}, {}
    for view in VIEWS:
        near = [data.stamps.vectors[view][rows], art.vectors[view][some]]
        reduced[view] = _principal(np.concatenate([near[0], art.vectors[view]]))
        centres = Centres.among(reduced[view](np.concatenate(near)), sum(map(len, near)))
        layers[view] = HiddenLayer.around(centres, sharpness=SHARPNESS, linear=0.0)

    def inner(pairs: PairedVectors) -> PairedVectors:
        rows = {view: layers[view](reduced[view](pairs.vectors[view])) for view in VIEWS}
        return PairedVectors(rows)

    stamps = inner(stamps_by_language(data, set(without)))
    return _Described(reduced, layers, stamps, Moments.of(stamps), Moments.of(inner(art)))


def _principal(x: F32) -> LinearHead:
    """Onto the components that vary most."""
    mean = x.mean(axis=0, dtype=np.float64)
    about = x - mean
    vectors = symmetric_eigen(about.T @ about)[1]
    return LinearHead(mean, vectors[:, -REDUCED:])
