"""Make the space that is shipped with the package, measure it, and write both down.

``make starter`` runs it with ``--write --json benchmarks/results/starter.json``.

Text and pictures are joined by CCA on the moments of the Tux Paint stamps, one row for each
language that a stamp is captioned in, and of Open Clip Art with a weight; sound is mapped by ridge
regression onto what its captions are in that space. Nonsense is told from questions along a
direction of native texts, which stands in the space as a native bank of one row.

The gallery of the ``image-text`` protocol's seed 0, 130 stamps with all their clips, is left out
of everything, the choice of settings included, so that anyone can check the figures. Settings are
chosen on inner deals of the other stamps.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_corpus import Corpus, corpus
from _starter_nonsense import direction
from isthmus.aligners import CCA
from isthmus.aligners.heads import LinearHead
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.core.version import __version__
from isthmus.core.view import Direction, ViewPair
from isthmus.metrics import retrieval_report
from isthmus.moments import Moments
from isthmus.selection.calibrate import HeldOut, fit_calibration
from isthmus.selection.folds import Training
from isthmus.space import EncoderRef, Space
from isthmus.space.calibration import Background, Calibration, native_nearness, nearness
from isthmus.space.report import (
    CalibrationError,
    GalleryFigures,
    Spread,
    StarterData,
    StarterReport,
    StarterRow,
    StarterSettings,
)
from isthmus.space.starter import folder

GALLERY, SEEDS, DIM = 130, 5, 256
BANK = 1500
DEALS = 4
FOLDS = 5
TEXT_TO_IMAGE = Direction("text", "image")
SENTENCES = 3
"""How often a sentence of captions counts where a caption counts once: there are fewer."""
GRID = {
    "ridge": (1.0,),
    "power": (0.5, 0.75),
    "clip_art": (1.5,),
    "sound_ridge": (0.1, 0.3),
}


class Kind(NamedTuple):
    """A direction for one kind of query or sound: a language, or what else they are."""

    direction: Direction
    name: str

    def __str__(self) -> str:
        return f"{self.direction} ({self.name})"


@dataclass(frozen=True, eq=False)
class Model:
    """Heads and banks, with the rows behind the banks, and what tells nonsense if asked for."""

    heads: Mapping[str, LinearHead]
    banks: Mapping[str, F32]
    ids: Mapping[str, list[str]]
    native: F32 | None


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
    text, audio = data.sounds.vectors["text"][kept], data.sounds.vectors["audio"][kept]
    own = Moments.of(_by_language(data, without))
    other = {"clip art": Moments.of(art)}
    whole = Training(stamps, own, other).weighted((("clip art", settings.clip_art),))
    cca = CCA(ridge=settings.ridge, power=settings.power, components=DIM).fit_moments(whole)
    heads: dict[str, LinearHead] = {}
    for m in ("text", "image"):
        head = cca.heads_[m]
        assert isinstance(head, LinearHead)
        heads[m] = head
    heads["audio"] = _onto(heads["text"], text, audio, settings.sound_ridge)
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
    captions = [_by_language(data, without).vectors["text"], *art]
    captions += [data.sentences[known]] * SENTENCES
    return direction(np.concatenate(captions), data.nonsense)


def _by_language(data: Corpus, without: set[str]) -> PairedVectors:
    """One row for each caption of a stamp: what differs between languages is noise."""
    kept = np.array([name not in without for name in data.stamps.ids])
    text, image = [], []
    for vectors in data.single.values():
        there = kept & ~np.isnan(vectors[:, 0])
        text.append(vectors[there])
        image.append(data.stamps.vectors["image"][there])
    return PairedVectors({"text": np.concatenate(text), "image": np.concatenate(image)})


def _onto(text_head: LinearHead, text: F32, audio: F32, ridge: float) -> LinearHead:
    """Ridge regression of sound on the coordinates of its captions in the space."""
    target = (text - text_head.mean).astype(np.float64) @ text_head.weight
    mean = audio.mean(axis=0, dtype=np.float64)
    x = audio.astype(np.float64) - mean
    covariance = x.T @ x / len(x)
    penalty = ridge * np.trace(covariance) / len(covariance)
    cross = x.T @ (target - target.mean(axis=0)) / len(x)
    weight = np.linalg.solve(covariance + penalty * np.eye(len(covariance)), cross)
    return LinearHead(mean, weight)


def seen(model: Model, query: str, x: F32, item: str, y: F32) -> HeldOut:
    """What a search sees of held-out pairs."""
    queries, items = model.heads[query](x), model.heads[item](y)
    return HeldOut(
        queries @ items.T,
        nearness(items, model.banks[query]),
        Background(
            nearness(queries, model.banks[item]),
            nearness(queries, model.banks[query]),
            None if query != "text" or model.native is None else native_nearness(x, model.native),
        ),
    )


def directions(data: Corpus, model: Model, held: set[str]) -> dict[Kind, HeldOut]:
    """Every direction of held-out stamps; row i belongs to column i."""
    rows = np.array([i for i, name in enumerate(data.stamps.ids) if name in held])
    image = data.stamps.vectors["image"]
    found: dict[Kind, HeldOut] = {}
    for language, text in data.single.items():
        there = rows[~np.isnan(text[rows, 0])]
        both = (text[there], image[there])
        found[Kind(Direction("text", "image"), language)] = seen(
            model, "text", both[0], "image", both[1]
        )
        found[Kind(Direction("image", "text"), language)] = seen(
            model, "image", both[1], "text", both[0]
        )
    one, other = data.single["en"], data.single["zh"]
    both_known = rows[~np.isnan(other[rows, 0])]
    for name, x, y in (("en→zh", one, other), ("zh→en", other, one)):
        found[Kind(Direction("text", "text"), name)] = seen(
            model, "text", x[both_known], "text", y[both_known]
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
        found[Kind(Direction("text", "audio"), language)] = seen(
            model, "text", text, "audio", audio
        )
        found[Kind(Direction("audio", "text"), language)] = seen(
            model, "audio", audio, "text", text
        )
        drawn = np.array([i for i, c in enumerate(clips) if data.sound_keys[c] in place], int)
        if len(drawn) < GALLERY // 10:
            continue
        pictures = image[[place[data.sound_keys[clips[i]]] for i in drawn]]
        found[Kind(Direction("image", "audio"), language)] = seen(
            model, "image", pictures, "audio", audio[drawn]
        )
        found[Kind(Direction("audio", "image"), language)] = seen(
            model, "audio", audio[drawn], "image", pictures
        )
    return found


def clip_art_pairs(data: Corpus, model: Model, families: set[Any], most: int) -> HeldOut:
    """Titles against pictures of families that were left out."""
    rows = thin(np.flatnonzero(np.isin(data.families, list(families))), most)
    return seen(model, "text", data.titles[rows], "image", data.clip_art.vectors["image"][rows])


def figures(found: HeldOut) -> GalleryFigures[float]:
    """R@1 and R@10 by the instance read-out, and the gallery."""
    score = 2 * found.cosine - found.background.nearest[:, None] - found.hubness[None, :]
    report = retrieval_report(score, np.arange(len(score)))
    return GalleryFigures(report.r1, report.r10, len(score))


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


def choose(data: Corpus, without: set[str]) -> tuple[StarterSettings, list[dict[str, Any]]]:
    """The best settings on inner deals of the stamps that are not held out."""
    left = sorted(set(data.stamps.ids) - without)
    rows: list[dict[str, Any]] = []
    for values in itertools.product(*GRID.values()):
        settings = StarterSettings(**dict(zip(GRID, values, strict=True)))
        scores = []
        for deal in range(DEALS):
            rng = np.random.default_rng(500 + deal)
            held = set(rng.permutation(left)[:GALLERY])
            families = families_for(data, 500 + deal)
            model = fit(data, without | held, families, settings)
            found = {kind: figures(h).r10 for kind, h in directions(data, model, held).items()}
            art = figures(clip_art_pairs(data, model, families, 500)).r10
            text = np.mean([r for kind, r in found.items() if kind.direction == TEXT_TO_IMAGE])
            sound = np.mean([r for kind, r in found.items() if kind.direction.gallery == "audio"])
            scores.append([text, art, sound])
        mean = np.mean(scores, axis=0)
        rows.append(
            {**asdict(settings), "r10": mean.round(4).tolist(), "score": float(mean.mean())}
        )
    best = max(rows, key=lambda row: row["score"])
    return StarterSettings(**{name: best[name] for name in GRID}), rows


def calibrations(
    data: Corpus, without: set[str], settings: StarterSettings
) -> dict[Direction, Calibration]:
    """Learned on folds of stamps and of clip art, each left out of heads and banks in turn."""
    left = np.array(sorted(set(data.stamps.ids) - without))
    labels = np.random.default_rng(0).permutation(np.arange(len(left)) % FOLDS)
    folds: dict[Direction, list[HeldOut]] = {}
    for fold in range(FOLDS):
        held = set(left[labels == fold])
        families = families_for(data, 900 + fold, len(held))
        model = fit(data, without | held, families, settings, telling=True)
        for kind, found in directions(data, model, held).items():
            folds.setdefault(kind.direction, []).append(found)
        art = clip_art_pairs(data, model, families, len(held))
        folds[TEXT_TO_IMAGE].append(art)
    return {name: fit_calibration(found) for name, found in folds.items()}


def measured(data: Corpus, settings: StarterSettings) -> dict[Kind, GalleryFigures[Spread]]:
    """The recipe on the galleries of all seeds: mean and deviation of every direction."""
    runs: dict[Kind, list[GalleryFigures[float]]] = {}
    for seed in range(SEEDS):
        held, families = gallery(data, seed), families_for(data, seed)
        model = fit(data, held, families, settings)
        for kind, found in directions(data, model, held).items():
            runs.setdefault(kind, []).append(figures(found))
        art = clip_art_pairs(data, model, families, 500)
        titles = Kind(TEXT_TO_IMAGE, "Open Clip Art titles")
        runs.setdefault(titles, []).append(figures(art))
    return {
        kind: GalleryFigures(
            *(_spread([getattr(one, name) for one in found]) for name in ("r1", "r10", "gallery"))
        )
        for kind, found in runs.items()
    }


def _spread(values: list[float]) -> Spread:
    found = Spread.of(values)
    sd = None if found.sd is None else round(found.sd, 4)
    return Spread(round(found.mean, 4), sd, found.n)


def space_of(
    data: Corpus,
    model: Model,
    report: StarterReport,
    calibration: Mapping[Direction, Calibration],
) -> Space:
    """The space, with the encoders it needs."""
    refs = {
        m: EncoderRef.of(data.encoders.encoders[m], data.encoders.specs[m])
        for m in ("text", "image")
    }
    refs["audio"] = EncoderRef.of(data.audio.encoders["audio"], data.audio.specs["audio"])
    banks = {m: x.astype(np.float16).astype(np.float32) for m, x in model.banks.items()}
    native = model.native
    natives = {} if native is None else {"text": native.astype(np.float16).astype(np.float32)}
    return Space(
        model.heads,
        banks,
        refs,
        report=report,
        bank_ids=model.ids,
        calibration=calibration,
        native_banks=natives,
    )


def main() -> None:
    """Choose, fit, calibrate, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--write", action="store_true", help="replace the space in the package")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER)
    data = corpus()
    without = gallery(data, 0)
    settings, tried = choose(data, without)
    print("chosen", settings)
    model = fit(data, without, set(), settings, telling=True)
    shipped = {kind: figures(h) for kind, h in directions(data, model, without).items()}
    calibration = calibrations(data, without, settings)
    seeds = measured(data, settings)
    report = StarterReport(
        version=__version__,
        settings=settings,
        data=StarterData(
            "Tux Paint stamps, Open Clip Art",
            {
                ViewPair("text", "image"): len(data.stamps) - GALLERY + len(data.clip_art),
                ViewPair("text", "audio"): int((~np.isin(data.sound_keys, list(without))).sum()),
            },
        ),
        rows=tuple(
            StarterRow(kind.direction, kind.name, row, shipped.get(kind))
            for kind, row in seeds.items()
        ),
        calibration={way: CalibrationError(**each.ece) for way, each in calibration.items()},
    )
    space = space_of(data, model, report, calibration)
    if arguments.write:
        space.save(folder(), compact=True)
    for row in report.rows:
        own = "" if row.held_out is None else f" shipped {row.held_out.r10:.3f}"
        name = str(Kind(row.direction, row.kind))
        print(f"{name:36} R@1 {row.seeds.r1.mean:.3f} R@10 {row.seeds.r10.mean:.3f}{own}")
    print({str(way): each.ece for way, each in calibration.items()})
    if arguments.json:
        result = {"report": report.to_json(), "tried": tried, "fingerprint": space.fingerprint}
        _machine.write(arguments.json, result)


if __name__ == "__main__":
    main()
