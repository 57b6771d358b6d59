"""What the starter space is made from: Tux Paint and Open Clip Art.

The rows of the image encoder's own classifier could teach more, but the names of its classes come
in no package of the set-up, and their definitions are sentences of WordNet, which have no place in
this repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _starter_nonsense import nonsense
from _starter_sentences import sentences
from isthmus.core.contracts import Encoder
from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.view import IMAGE
from isthmus.datasets import load
from isthmus.encoders import DEFAULTS
from isthmus.encoders.universal import LANGUAGES
from isthmus.pipeline import Prepared, default_cache, encode_items, prepare
from isthmus.pipeline.cache import VectorCache


@dataclass(frozen=True, eq=False)
class Corpus:
    """All pairs as native vectors; ``key`` names the stamp or the family of pictures.

    Attributes:
        stamps: Pictures and captions of 16 languages averaged.
        single: Captions of one language for the same stamps, by language; NaN rows are absent.
        sounds: Clips and their captions, with the stamp they belong to.
        captions: English, of the stamps.
        clip_art: Pictures of Open Clip Art; their text is the title beside title and keywords.
        titles: Of clip art alone, which is what people type.
        sentences: Made of captions, ``(n, 512)``.
        sentence_keys: The two stamps of each sentence, ``(n, 2)``.
        nonsense: Texts that ask for nothing, ``(n, 512)``.
        families: Of clip art.
    """

    stamps: PairedVectors
    single: Mapping[str, F32]
    sounds: PairedVectors
    sound_keys: NDArray[Any]
    sound_languages: NDArray[Any]
    captions: Mapping[str, str]
    clip_art: PairedVectors
    titles: F32
    sentences: F32
    sentence_keys: NDArray[Any]
    nonsense: F32
    families: NDArray[Any]
    encoders: Prepared
    audio: Prepared


def corpus(image: str = DEFAULTS[IMAGE]) -> Corpus:
    """Encode everything, from the cache where known.

    Args:
        image: Encoder of pictures.
    """
    cache = default_cache()
    stamps = prepare(load("tuxpaint", languages=LANGUAGES), {"image": image}, cache=cache)
    row = {name: i for i, name in enumerate(stamps.pairs.ids)}
    single: dict[str, F32] = {}
    for language in LANGUAGES:
        found = prepare(load("tuxpaint", languages=language).select(["text"]), cache=cache).pairs
        vectors = np.full_like(stamps.pairs.vectors["text"], np.nan)
        vectors[[row[name] for name in found.ids]] = found.vectors["text"]
        single[language] = vectors
    parts, tags = [], []
    for language in LANGUAGES:
        try:
            data = load("tuxpaint", part="speech-text", language=language, limit=None)
        except DataError:  # nobody speaks it
            continue
        parts.append(prepare(data, cache=cache))
        tags.append(language)
    parts.append(prepare(load("tuxpaint", part="sound-text"), cache=cache))
    tags.append("effects")
    sounds = [p.pairs.take(p.pairs.rows("text", "audio")) for p in parts]
    told = sentences(captions)
    clip_art, titles, links = _clip_art(stamps.encoders, cache)
    return Corpus(
        stamps.pairs,
        single,
        _stacked(sounds, tags),
        _keys(sounds),
        np.concatenate([[t] * len(s) for s, t in zip(sounds, tags, strict=True)]),
        _english(),
        clip_art,
        titles,
        texts([text for text, _ in told], stamps.encoders["text"], cache),
        np.array([names for _, names in told]),
        texts(nonsense(), stamps.encoders["text"], cache),
        links,
        stamps,
        parts[0],
    )


@lru_cache(maxsize=1)
def sound_targets(data: Corpus) -> F32:
    """What each clip is mapped onto: its own caption, and as much what all languages say of it."""
    own = l2_normalize(data.sounds.vectors["text"])
    place = {name: i for i, name in enumerate(data.stamps.ids)}
    known = np.flatnonzero(np.isin(data.sound_keys, data.stamps.ids))
    stamps = [place[name] for name in data.sound_keys[known].tolist()]
    meant = own.copy()
    meant[known] += l2_normalize(data.stamps.vectors["text"][stamps])
    return np.asarray(l2_normalize(meant), dtype=np.float32)


def stamps_by_language(data: Corpus, without: set[str]) -> PairedVectors:
    """One row for each caption of a stamp: what differs between languages is noise."""
    kept = np.array([name not in without for name in data.stamps.ids])
    text, image = [], []
    for vectors in data.single.values():
        there = kept & ~np.isnan(vectors[:, 0])
        text.append(vectors[there])
        image.append(data.stamps.vectors["image"][there])
    return PairedVectors({"text": np.concatenate(text), "image": np.concatenate(image)})


def _keys(sounds: Sequence[PairedVectors]) -> NDArray[Any]:
    """The stamp of each clip; of several stamps with one caption, the one that has a picture."""
    first = {caption: name for name, caption in reversed(_english().items())}
    captions = _english("speech-text", "fr") | _english("speech-text", "es")
    captions |= _english("speech-text", "ru") | _english("speech-text", "en")
    captions |= _english("speech-text", "nl") | _english("sound-text", None)
    names = [name.partition("#")[0] for s in sounds for name in s.ids]
    return np.array([first.get(captions.get(name, ""), name) for name in names])


def _english(part: str = "image-text", language: str | None = None) -> dict[str, str]:
    """English captions by stamp."""
    options: dict[str, Any] = {"limit": None, "language": language} if language else {}
    records = load("tuxpaint", part=part, languages="en", **options).records
    return {r.id.partition("#")[0]: r.items["text"].captions[0] for r in records}


def captions(language: str) -> dict[str, str]:
    """Captions of the stamps in one language."""
    records = load("tuxpaint", languages=language).records
    return {record.id: record.items["text"].captions[0] for record in records}


def _clip_art(
    encoders: Mapping[str, Encoder], cache: VectorCache
) -> tuple[PairedVectors, F32, NDArray[np.intp]]:
    """Open Clip Art, its titles alone, and its families; without pictures that show nothing."""
    loaded = load("openclipart")
    ready = prepare(loaded, encoders, cache=cache)
    known = {r.id: r.items["text"].captions[0] for r in loaded.records if "text" in r.items}
    image = ready.pairs.vectors["image"]
    rows = ready.pairs.rows("text", "image")
    rows = rows[~np.isclose(image[rows], _nothing(encoders["image"]), atol=1e-4).all(axis=1)]
    names = [ready.pairs.ids[row] for row in rows]
    whole = [known[name] for name in names]
    titles = [caption.split(", ")[0] for caption in whole]
    both = texts(list(zip(titles, whole, strict=True)), encoders["text"], cache)
    ids = [f"{title} ({name})" for title, name in zip(titles, names, strict=True)]
    made = PairedVectors({"text": both, "image": image[rows]}, {}, ids)
    return made, texts(titles, encoders["text"], cache), ready.links[rows]


def _nothing(encoder: Encoder) -> F32:
    """What a picture looks like that is transparent all over."""
    from PIL import Image

    return encoder.encode([encoder.prepare(Image.new("RGB", (64, 64), "white"))])[0]


def texts(asked: Sequence[Any], encoder: Encoder, cache: VectorCache) -> F32:
    """Native vectors of texts."""
    items = [MediaItem.from_text(text) for text in asked]
    return encode_items(items, encoder, cache=cache).vectors


def _stacked(parts: Sequence[PairedVectors], tags: Sequence[str]) -> PairedVectors:
    vectors = {m: np.concatenate([p.vectors[m] for p in parts]) for m in ("text", "audio")}
    ids = [f"{name} ({tag})" for p, tag in zip(parts, tags, strict=True) for name in p.ids]
    return PairedVectors(vectors, {}, ids)
