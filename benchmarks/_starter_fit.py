"""The heads and banks of the starter space, and what a search sees of rows that they left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from _starter_corpus import Corpus, sound_targets, stamps_by_language
from _starter_gaussian import beside, onto
from _starter_nonsense import direction
from _starter_words import same_kind
from isthmus.aligners import CCA
from isthmus.aligners.heads import LinearHead
from isthmus.core.contracts import Head
from isthmus.core.linalg import F32
from isthmus.core.rows import thin
from isthmus.core.view import Direction
from isthmus.moments import Moments
from isthmus.selection.calibrate import HeldOut
from isthmus.selection.folds import Training
from isthmus.space.breadth import Breadth
from isthmus.space.calibration import Background, native_nearness, nearness
from isthmus.space.report import StarterSettings

GALLERY, DIM = 130, 256
BANK = 1500
TEXT_TO_IMAGE = Direction("text", "image")
SENTENCES = 3
"""How often a sentence of captions counts where a caption counts once: there are fewer."""


class Kind(NamedTuple):
    """A direction for one kind of query or sound: a language, or what else they are."""

    direction: Direction
    name: str

    def __str__(self) -> str:
        return f"{self.direction} ({self.name})"


@dataclass(frozen=True, eq=False)
class Model:
    """Heads and banks, with the rows behind the banks; what tells nonsense and broad queries."""

    heads: Mapping[str, Head]
    banks: Mapping[str, F32]
    ids: Mapping[str, list[str]]
    native: F32 | None
    breadth: Breadth | None = None


def fit(
    data: Corpus,
    without: set[str],
    families: set[Any],
    settings: StarterSettings,
    *,
    telling: bool = False,
) -> Model:
    """Fit on everything but some stamps, with their clips, and some families of clip art."""
    stamps = data.stamps.take(np.array([name not in without for name in data.stamps.ids]))
    art = data.clip_art.take(~np.isin(data.families, list(families)))
    kept = ~np.isin(data.sound_keys, list(without))
    whole = _moments(data, frozenset(without), frozenset(families), settings.clip_art)
    cca = CCA(ridge=settings.ridge, power=settings.power, components=DIM).fit_moments(whole)
    linear: dict[str, LinearHead] = {}
    for m in ("text", "image"):
        head = cca.heads_[m]
        assert isinstance(head, LinearHead)
        linear[m] = head
    audio = data.sounds.vectors["audio"][kept]
    meant, text_head = sound_targets(data)[kept], linear["text"]
    target = (meant - text_head.mean).astype(np.float64) @ text_head.weight
    linear["audio"] = onto(target, audio, settings.sound_ridge)
    heads = beside(linear, data, without, families, settings)
    sound_ids = [name for name, keep in zip(data.sounds.ids, kept, strict=True) if keep]
    half = BANK // 2
    some_art = thin(np.arange(len(art)), BANK - min(len(stamps), half))
    # One clip a caption: many of one caption would be one another's nearest.
    first = np.unique(data.sound_keys[kept], return_index=True)[1]
    effects = np.flatnonzero(data.sound_languages[kept] == "effects")
    some_sounds = np.union1d(first, effects)
    banks = {
        m: np.concatenate([heads[m](stamps.vectors[m]), heads[m](art.vectors[m][some_art])])
        for m in ("text", "image")
    }
    names = [f"{data.captions[name]} ({name})" for name in stamps.ids]
    names += [art.ids[row] for row in some_art]
    return Model(
        heads,
        {**banks, "audio": heads["audio"](audio[some_sounds])},
        {"text": names, "image": names, "audio": [sound_ids[row] for row in some_sounds]},
        _direction(data, without, families) if telling else None,
    )


def _direction(data: Corpus, without: set[str], families: set[Any]) -> F32:
    """What tells nonsense from captions, and from sentences of captions, that are not left out."""
    kept = ~np.isin(data.families, list(families))
    art = [data.titles[kept], data.clip_art.vectors["text"][kept]]
    known = ~np.isin(data.sentence_keys, list(without)).any(axis=1)
    captions = [stamps_by_language(data, without).vectors["text"], *art]
    captions += [data.sentences[known]] * SENTENCES
    return direction(np.concatenate(captions), data.nonsense)


@lru_cache(maxsize=1)
def _whole(data: Corpus) -> tuple[Moments, Moments]:
    """Of all stamps, and of all clip art."""
    return Moments.of(stamps_by_language(data, set())), Moments.of(data.clip_art)


@lru_cache(maxsize=4)
def _moments(
    data: Corpus, without: frozenset[str], families: frozenset[Any], weight: float
) -> Moments:
    """All moments but those of some stamps and families of clip art, which has a weight.

    What is left out is subtracted: moments are sums.
    """
    stamps, art = _whole(data)
    if without:
        stamps -= Moments.of(stamps_by_language(data, set(data.stamps.ids) - without))
    if families:
        art -= Moments.of(data.clip_art.take(np.isin(data.families, list(families))))
    return Training(data.stamps, stamps, {"clip art": art}).weighted((("clip art", weight),))


def seen(model: Model, query: str, x: F32, item: str, y: F32) -> HeldOut:
    """What a search sees of held-out queries and items."""
    queries, items = model.heads[query](x), model.heads[item](y)
    return HeldOut(
        queries @ items.T,
        nearness(items, model.banks[query]),
        Background(
            nearness(queries, model.banks[item]),
            nearness(queries, model.banks[query]),
            None if query != "text" or model.native is None else native_nearness(x, model.native),
            None if query != "text" or model.breadth is None else model.breadth.of(x),
        ),
    )


def directions(data: Corpus, model: Model, held: set[str]) -> dict[Kind, HeldOut]:
    """Every direction of held-out stamps; row i belongs to column i, and so does its kind."""

    def between(a: str, x: F32, b: str, y: F32, names: Iterable[str]) -> HeldOut:
        captions = [data.captions.get(name, name) for name in names]
        return replace(seen(model, a, x, b, y), relevant=same_kind(captions))

    stamps = np.array(data.stamps.ids)
    rows = np.array([i for i, name in enumerate(data.stamps.ids) if name in held])
    image = data.stamps.vectors["image"]
    found: dict[Kind, HeldOut] = {}
    for language, text in data.single.items():
        there = rows[~np.isnan(text[rows, 0])]
        both = (text[there], image[there])
        names = stamps[there]
        found[Kind(Direction("text", "image"), language)] = between(
            "text", both[0], "image", both[1], names
        )
        found[Kind(Direction("image", "text"), language)] = between(
            "image", both[1], "text", both[0], names
        )
    one, other = data.single["en"], data.single["zh"]
    both_known = rows[~np.isnan(other[rows, 0])]
    for name, x, y in (("en→zh", one, other), ("zh→en", other, one)):
        found[Kind(Direction("text", "text"), name)] = between(
            "text", x[both_known], "text", y[both_known], stamps[both_known]
        )
    place = {name: i for i, name in enumerate(data.stamps.ids)}
    for language in dict.fromkeys(data.sound_languages):
        clips = np.flatnonzero(
            (data.sound_languages == language) & np.isin(data.sound_keys, list(held))
        )
        clips = clips[np.unique(data.sound_keys[clips], return_index=True)[1]]
        if len(clips) < GALLERY // 10:
            continue
        audio, text = data.sounds.vectors["audio"][clips], data.sounds.vectors["text"][clips]
        names = data.sound_keys[clips]
        found[Kind(Direction("text", "audio"), language)] = between(
            "text", text, "audio", audio, names
        )
        found[Kind(Direction("audio", "text"), language)] = between(
            "audio", audio, "text", text, names
        )
        drawn = np.array([i for i, c in enumerate(clips) if data.sound_keys[c] in place], int)
        told = drawn[~np.isnan(one[[place[name] for name in names[drawn]], 0])]
        if language not in ("en", "effects") and len(told) >= GALLERY // 10:
            # People ask in their language for what is said in another.
            asked = one[[place[name] for name in names[told]]]
            found[Kind(Direction("text", "audio"), f"en→{language}")] = between(
                "text", asked, "audio", audio[told], names[told]
            )
        if len(drawn) < GALLERY // 10:
            continue
        pictures = image[[place[data.sound_keys[clips[i]]] for i in drawn]]
        found[Kind(Direction("image", "audio"), language)] = between(
            "image", pictures, "audio", audio[drawn], names[drawn]
        )
        found[Kind(Direction("audio", "image"), language)] = between(
            "audio", audio[drawn], "image", pictures, names[drawn]
        )
    return found


def clip_art_pairs(data: Corpus, model: Model, families: set[Any], most: int) -> HeldOut:
    """Titles against pictures of families that were left out."""
    rows = thin(np.flatnonzero(np.isin(data.families, list(families))), most)
    found = seen(model, "text", data.titles[rows], "image", data.clip_art.vectors["image"][rows])
    titles = np.array([data.clip_art.ids[row].rpartition(" (")[0].lower() for row in rows])
    return replace(found, relevant=titles[:, None] == titles[None, :])


def gallery(data: Corpus, seed: int) -> set[str]:
    """The stamps that the protocol holds out."""
    order = np.random.default_rng(seed).permutation(len(data.stamps.ids))
    return {data.stamps.ids[i] for i in order[:GALLERY]}


def families_for(data: Corpus, seed: int, records: int = 500) -> set[Any]:
    """Small families of clip art, about so many pictures."""
    names, counts = np.unique(data.families, return_counts=True)
    order = np.random.default_rng(1000 + seed).permutation(np.flatnonzero(counts <= 20))
    enough = np.searchsorted(np.cumsum(counts[order]), records) + 1
    return set(names[order[:enough]])
