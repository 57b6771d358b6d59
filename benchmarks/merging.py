"""How far down a merged list the right item of each view stands.

Run ``python benchmarks/merging.py --json FILE``. One gallery holds the picture, the caption in
another language and the spoken caption of every thing, and each thing is asked for once by its
English caption: the 130 stamps that the starter space has not seen, with Chinese captions and
French speech. ``--qabcs FOLDER``, of the Debian package ``qabcs-data`` (GPL-3+, only measured on),
adds photographs with French names and French spoken words, and the same with noises.

Three orders of the same hits: by probability alone, by turns below what is faint, as a search
does, and by how much a score stands out, which needs no calibration. ``--before FOLDER`` measures
another space, such as an older one, in the same run.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_corpus import captions
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.pipeline import default_cache, encode_items, prepare
from isthmus.pipeline.cache import VectorCache
from isthmus.prompts import Prompt
from isthmus.space import Space
from isthmus.store import Entry, MemoryBackend
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.hits import FAINT, Hit
from isthmus.tasks.retrieval.nearest import nearest
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.search import merged

GALLERY = 130


@dataclass(frozen=True, eq=False)
class Things:
    """What is asked for, and native vectors of what is found, row ``i`` for query ``i``."""

    asked: Sequence[str]
    native: Mapping[str, F32]


def stamps(space: Space, seed: int = 0) -> Things:
    """The stamps that the space was made without, by its own encoders."""
    cache = default_cache()

    def ready(view: str, **options: Any) -> PairedVectors:
        data = load("tuxpaint", **options).select([view])
        return prepare(data, {view: space.encoder(view)}, cache=cache).pairs

    pictures, chinese = ready("image"), ready("text", languages="zh")
    spoken = ready("audio", part="speech-text", limit=None)
    row = {name: i for i, name in enumerate(pictures.ids)}
    row_zh = {name: i for i, name in enumerate(chinese.ids)}
    row_fr = {name.partition("#")[0]: i for i, name in enumerate(spoken.ids)}
    order = np.random.default_rng(seed).permutation(len(pictures.ids))[:GALLERY]
    held = [pictures.ids[i] for i in order]
    names = [name for name in held if name in row_zh and name in row_fr]
    english = captions("en")
    return Things(
        [english[name] for name in names],
        {
            "image": pictures.vectors["image"][[row[name] for name in names]],
            "text": chinese.vectors["text"][[row_zh[name] for name in names]],
            "audio": spoken.vectors["audio"][[row_fr[name] for name in names]],
        },
    )


def qabcs(folder: Path, space: Space, sounds: str, cache: VectorCache) -> Things:
    """Photographs, French names and French spoken words or noises, asked for by English names."""
    root = folder / "abcs"
    english, french, noises = _names(root / "en"), _names(root / "fr"), _noises(root / "en")
    rows = []
    for picture, name in english.items():
        shown = sorted((root / "all/pics").glob(f"*/{picture}.*"))
        other = french.get(picture, "")
        spoken = root / "fr/sounds/words" / f"{other.replace(' ', '_')}.ogg"
        heard = spoken if sounds == "speech" else root / "all/noises" / f"{noises.get(picture)}.ogg"
        if shown and other and heard.is_file():
            rows.append((name, shown[0], other, heard))
    items = {
        "image": [MediaItem.from_path(path, "image") for _, path, _, _ in rows],
        "text": [MediaItem.from_text(other) for _, _, other, _ in rows],
        "audio": [MediaItem.from_path(path, "audio") for *_, path in rows],
    }
    done = {m: encode_items(each, space.encoder(m), cache=cache) for m, each in items.items()}
    ok = np.logical_and.reduce([each.ok for each in done.values()])
    asked = [name for (name, *_), kept in zip(rows, ok, strict=True) if kept]
    return Things(asked, {m: each.vectors[ok] for m, each in done.items()})


def noises(folder: Path) -> list[tuple[str, MediaItem]]:
    """English names of things, and the noise that each makes; one thing a noise."""
    root = folder / "abcs"
    known = _noises(root / "en")
    found: dict[Path, str] = {}
    for picture, name in _names(root / "en").items():
        path = root / "all/noises" / f"{known[picture]}.ogg"
        if path.is_file():
            found.setdefault(path, name)
    return [(name, MediaItem.from_path(path, "audio")) for path, name in found.items()]


def _lines(folder: Path) -> list[list[str]]:
    """``category:letter=name=…=picture=noise`` as parts, of every alphabet of a language."""
    found = []
    for path in sorted(folder.glob("*.properties")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            told = re.match(r"\w+:\w+=(.+)$", line.strip())
            if told:
                found.append(told[1].split("="))
    return found


def _names(folder: Path) -> dict[str, str]:
    """The first name of each picture."""
    found: dict[str, str] = {}
    for name, *rest in _lines(folder):
        picture = rest[1] if len(rest) > 1 and rest[1] else name
        found.setdefault(picture, name.replace("_", " "))
    return found


def _noises(folder: Path) -> dict[str, str]:
    """The noise of each picture."""
    found: dict[str, str] = {}
    for name, *rest in _lines(folder):
        picture = rest[1] if len(rest) > 1 and rest[1] else name
        found.setdefault(picture, rest[2] if len(rest) > 2 and rest[2] else picture)
    return found


def measured(space: Space, things: Things) -> dict[str, Any]:
    """Mean places by each order, and how far the views lie apart."""
    views = tuple(things.native)
    count = len(things.asked)
    backend = MemoryBackend(space.dim, space.views)
    for view, native in things.native.items():
        vectors = space.transform(native, view)
        entries = [Entry(f"{view}:{row}", view, view, f"{row}") for row in range(count)]
        backend.add(entries, vectors, space.hubness(vectors, view))
    options = SearchOptions(views=views, k=len(views) * count, words=False)
    lists: list[tuple[list[list[Hit]], list[float | None]]] = []
    for text in things.asked:
        encoded = EncodedQuery.of(space, backend.snapshot(), Prompt.text(text), options)
        ranked = [nearest(encoded, view) for view in views]
        lists.append((ranked, [encoded.depth(view) for view in views]))
    orders = {
        "probability": [merged(ranked) for ranked, _ in lists],
        "turns": [merged(ranked, depths) for ranked, depths in lists],
        "prominence": [
            merged([[replace(hit, probability=None) for hit in some] for some in ranked])
            for ranked, _ in lists
        ],
    }
    if any(None in depths for _, depths in lists):
        del orders["turns"]  # the space knows no depths: its order is that of probability
    alone = _alone(views, [ranked for ranked, _ in lists])
    return {
        "queries": count,
        "mean_rank_alone": _means(alone),
        "ratio_alone": _ratio(alone),
        "depths": dict(zip(views, lists[0][1], strict=True)),
        "orders": {name: _order(views, hits) for name, hits in orders.items()},
    }


def _alone(views: Sequence[str], ranked: Sequence[Sequence[Sequence[Hit]]]) -> dict[str, list[int]]:
    """Place of the right item within its own view."""
    return {
        view: [_places(some[k])[view, f"{i}"] for i, some in enumerate(ranked)]
        for k, view in enumerate(views)
    }


def _places(hits: Sequence[Hit]) -> dict[tuple[str, str], int]:
    """Place by view and source; copies of a thing are in one place."""
    return {
        (hit.view, name): rank
        for rank, hit in enumerate(hits, 1)
        for name in (hit.source, *hit.copies)
    }


def _order(views: Sequence[str], lists: Sequence[Sequence[Hit]]) -> dict[str, Any]:
    places: dict[str, list[int]] = {view: [] for view in views}
    rises = 0
    for row, hits in enumerate(lists):
        place = _places(hits)
        for view in views:
            places[view].append(place[view, f"{row}"])
        shown = np.array([max(hit.probability or 0.0, FAINT) for hit in hits])
        rises += int((np.diff(shown) > 0).sum())
    return {
        "mean_rank": _means(places),
        "median_rank": {view: float(np.median(found)) for view, found in places.items()},
        "mean_of_all": round(float(np.mean(list(places.values()))), 2),
        "ratio": _ratio(places),
        "in_first_ten": {
            view: round(float(np.mean(np.array(found) <= 10)), 3) for view, found in places.items()
        },
        "hits_shown_likelier_than_the_one_before": rises,
    }


def _means(places: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {view: round(float(np.mean(found)), 2) for view, found in places.items()}


def _ratio(places: Mapping[str, Sequence[int]]) -> float:
    means = [float(np.mean(found)) for found in places.values()]
    return round(max(means) / min(means), 2)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--space", default="starter", help="what to measure")
    parser.add_argument("--before", type=Path, help="another space, such as an older one")
    parser.add_argument("--qabcs", type=Path, help="the folder usr/share/qabcs of qabcs-data")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER, space=arguments.space == "starter")
    spaces = {"now": Space.load(arguments.space)}
    if arguments.before:
        spaces = {"before": Space.load(arguments.before), **spaces}
    found: dict[str, Any] = {}
    for when, space in spaces.items():
        galleries = {"stamps": stamps(space)}
        for sounds in ("speech", "noises") if arguments.qabcs else ():
            galleries[f"qabcs {sounds}"] = qabcs(arguments.qabcs, space, sounds, default_cache())
        for name, things in galleries.items():
            found.setdefault(name, {})[when] = measured(space, things)
            print(name, when, found[name][when])
    if arguments.json:
        _machine.write(arguments.json, {"galleries": found})


if __name__ == "__main__":
    main()
