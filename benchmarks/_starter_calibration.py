"""What the scores of the starter space mean, learned on stamps and clip art left out in turn.

A caption means its stamp and every stamp whose caption names the same. The name of a folder and
what captions name mean all stamps in that folder or with that word. How broad a query is, is told
along a line through native texts; the line by which a query is told was learned without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _starter_corpus import Corpus, texts
from _starter_fit import (
    TEXT_TO_IMAGE,
    Model,
    clip_art_pairs,
    directions,
    families_for,
    fit,
    seen,
)
from _starter_words import meanings, narrowed, wordings
from isthmus.core.linalg import F32, F64
from isthmus.core.paired import PairedVectors
from isthmus.core.view import Direction
from isthmus.pipeline import default_cache
from isthmus.pipeline.splits import fold_labels
from isthmus.selection.breadth import fit_breadth
from isthmus.selection.calibrate import HeldOut, fit_calibration, partner_depth
from isthmus.selection.kinds import class_scale
from isthmus.space.breadth import Breadth
from isthmus.space.calibration import Calibration
from isthmus.space.report import StarterSettings

FOLDS = 5
BROAD = 3
"""Stamps of a fold that a word must mean to be broad there."""

IN_ENGLISH = ("en", "effects")
"""Queries by which the depths of views are told: they compare only where queries are the same."""


@dataclass(frozen=True, eq=False)
class Words:
    """Words as queries.

    Attributes:
        vectors: Native, ``(w, dim)``, of every wording.
        meant: Stamps that each wording means.
        folds: ``(w,)``, the fold whose line is learned without the word.
    """

    vectors: F32
    meant: list[set[str]]
    folds: NDArray[np.intp]


def words_of(data: Corpus, left: list[str]) -> Words:
    """Every wording of the words that mean some of the stamps."""
    asked, meant, folds = [], [], []
    captions = {name: data.captions[name] for name in left}
    queries = [(word, wordings(word), stamps) for word, stamps in meanings(captions).items()]
    queries += [(text, [text], stamps) for text, stamps in narrowed(captions).items()]
    for word, told, stamps in queries:
        asked += told
        meant += [stamps] * len(told)
        folds += [zlib.crc32(word.encode()) % FOLDS] * len(told)
    return Words(
        texts(asked, data.encoders.encoders["text"], default_cache()), meant, np.array(folds)
    )


def breadth(data: Corpus, words: Words, labels: Mapping[str, int], without: int | None) -> Breadth:
    """Learned from captions and words, but those of one fold.

    Captions count as much as words do, and words that mean many stamps as much as the others.
    """
    rows = [i for i, name in enumerate(data.stamps.ids) if labels.get(name, without) != without]
    captions = [x[rows][~np.isnan(x[rows, 0])] for x in data.single.values()]
    kept = words.folds != without
    hundredth = len(labels) / 100
    counts = np.array([len(stamps) / hundredth for stamps in words.meant])[kept]
    broad = counts * hundredth / FOLDS >= BROAD
    some = sum(len(x) for x in captions)
    native = np.concatenate([*captions, words.vectors[kept]])
    weights: F64 = np.concatenate(
        [np.full(some, 1 / some), np.where(broad, 1 / broad.sum(), 1 / (~broad).sum())]
    )
    expected = np.concatenate([np.ones(some), counts])
    return fit_breadth(native, expected, weights * len(native) / 3)


def asked(
    data: Corpus, model: Model, words: Words, lines: list[Breadth], held: list[str], fold: int
) -> dict[Direction, list[HeldOut]]:
    """Words against the held-out stamps: their pictures, English captions and clips."""
    row = {name: i for i, name in enumerate(data.stamps.ids)}
    clips = np.flatnonzero(np.isin(data.sound_keys, held))
    clips = clips[np.unique(data.sound_keys[clips], return_index=True)[1]]
    rows = [row[name] for name in held]
    galleries = {
        "image": (held, data.stamps.vectors["image"][rows]),
        "text": (held, data.single["en"][rows]),
        "audio": (data.sound_keys[clips].tolist(), data.sounds.vectors["audio"][clips]),
    }
    broadness = np.array(
        [lines[own].of(words.vectors[[i]])[0] for i, own in enumerate(words.folds.tolist())],
        dtype=np.float32,
    )
    found: dict[Direction, list[HeldOut]] = {}
    for view, (names, items) in galleries.items():
        relevant = np.array([[name in stamps for name in names] for stamps in words.meant])
        count = relevant.sum(axis=1)
        for kind, some in (("words", (count > 0) & (count < BROAD)), ("groups", count >= BROAD)):
            one = seen(model, "text", words.vectors[some], view, items)
            background = replace(one.background, breadth=broadness[some])
            found.setdefault(Direction("text", view), []).append(
                replace(one, background=background, relevant=relevant[some], kind=kind, fold=fold)
            )
    return found


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A model, asked as an aligner is."""

    model: Model

    def transform(self, x: F32, view: str) -> F32:
        return self.model.heads[view](x)


def class_scales(
    data: Corpus, without: set[str], settings: StarterSettings
) -> dict[Direction, float | None]:
    """How sharply words classify, learned on folders of stamps that are left out whole."""
    names = np.array(data.stamps.ids)
    groups = np.asarray(data.stamps.groups)
    row = {name: i for i, name in enumerate(names.tolist())}
    left = np.flatnonzero(~np.isin(names, list(without)))
    labels = fold_labels(np.unique(groups[left].astype(str), return_inverse=True)[1], folds=FOLDS)
    folds: dict[str, list[tuple[Any, PairedVectors, PairedVectors]]] = {"image": [], "audio": []}
    for fold in range(FOLDS):
        held = left[labels == fold]
        families = families_for(data, 900 + fold, len(held))
        fitted = _Fitted(fit(data, without | set(names[held].tolist()), families, settings))
        clips = np.flatnonzero(np.isin(data.sound_keys, names[held]))
        of_clips = np.array([row[name] for name in data.sound_keys[clips].tolist()], dtype=np.intp)
        items = {
            "image": (held, data.stamps.vectors["image"][held]),
            "audio": (of_clips, data.sounds.vectors["audio"][clips]),
        }
        for view, (stamps, vectors) in items.items():
            told = ~np.isnan(data.single["en"][stamps, 0])
            pairs = {"text": data.single["en"][stamps][told], view: vectors[told]}
            rows = PairedVectors(pairs, groups=groups[stamps][told])
            folds[view].append((fitted, rows, rows))
    return {
        Direction("text", view): class_scale(parts, "text", view) for view, parts in folds.items()
    }


def calibrations(
    data: Corpus, without: set[str], settings: StarterSettings
) -> tuple[dict[Direction, Calibration], Breadth]:
    """Learned on folds of stamps and of clip art, each left out of heads and banks in turn."""
    left = np.array(sorted(set(data.stamps.ids) - without))
    labels = np.random.default_rng(0).permutation(np.arange(len(left)) % FOLDS)
    known = dict(zip(left.tolist(), labels.tolist(), strict=True))
    words = words_of(data, left.tolist())
    lines = [breadth(data, words, known, fold) for fold in range(FOLDS)]
    folds: dict[Direction, list[HeldOut]] = {}
    others: dict[Direction, list[HeldOut]] = {}
    english: dict[Direction, list[HeldOut]] = {}
    for fold in range(FOLDS):
        held = left[labels == fold].tolist()
        families = families_for(data, 900 + fold, len(held))
        model = fit(data, without | set(held), families, settings, telling=True)
        model = replace(model, breadth=lines[fold])
        for kind, one in directions(data, model, set(held)).items():
            folds.setdefault(kind.direction, []).append(replace(one, fold=fold))
            if kind.name in IN_ENGLISH or kind.name.startswith("en→"):
                english.setdefault(kind.direction, []).append(one)
        art = clip_art_pairs(data, model, families, len(held))
        folds[TEXT_TO_IMAGE].append(replace(art, fold=fold))
        for direction, some in asked(data, model, words, lines, held, fold).items():
            others.setdefault(direction, []).extend(some)
    scales, strength = class_scales(data, without, settings), settings.csls_strength
    made = {
        name: replace(
            fit_calibration(found, others=others.get(name, ()), csls_strength=strength),
            class_scale=scales.get(name),
            depth=partner_depth(english.get(name, found), strength),
        )
        for name, found in folds.items()
    }
    return made, breadth(data, words, known, None)
