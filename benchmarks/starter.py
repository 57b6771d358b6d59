"""Make the space that is shipped with the package, measure it, and write both down.

``make starter`` runs it with ``--write --json benchmarks/results/starter.json``. ``--calibrate``
keeps the heads and learns only anew what their scores mean.

Text and pictures are joined by CCA on the moments of the Tux Paint stamps, one row for each
language that a stamp is captioned in, and of Open Clip Art with a weight; sound is mapped by ridge
regression onto what its captions are in that space. The same is done with what Gaussian units say,
and both heads stand side by side. Nonsense is told from questions along a
direction of native texts, which stands in the space as a native bank of one row.

The gallery of the ``image-text`` protocol's seed 0, 130 stamps with all their clips, is left out
of everything, the choice of settings included, so that anyone can check the figures. Settings are
chosen on inner deals of the other stamps.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_calibration import calibrations
from _starter_corpus import Corpus, corpus
from _starter_fit import (
    GALLERY,
    TEXT_TO_IMAGE,
    Kind,
    Model,
    clip_art_pairs,
    directions,
    families_for,
    fit,
    gallery,
)
from isthmus.aligners.heads import head_from_state
from isthmus.core.contracts import Head
from isthmus.core.linalg import F32, Array
from isthmus.core.version import __version__
from isthmus.core.view import Direction, ViewPair
from isthmus.metrics import retrieval_report
from isthmus.selection.calibrate import HeldOut
from isthmus.space import EncoderRef, Space
from isthmus.space.calibration import Calibration
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

SEEDS = 5
DEALS = 4
GRID = {
    "ridge": (0.5, 1.0),
    "power": (0.5, 0.75),
    "clip_art": (1.5, 2.5),
    "sound_ridge": (0.1, 0.3),
    "csls_strength": (0.5, 1.0),
    "gaussian": (0.0, 0.5, 0.75),
}
BEFORE = "efficientnet-lite0", StarterSettings(1.0, 0.75, 1.5, 0.3, 1.0)
"""The encoder of pictures and the settings of the starter space of release 0.1."""


def figures(found: HeldOut, strength: float) -> GalleryFigures[float]:
    """R@1 and R@10 by the instance read-out with some CSLS strength, and the gallery."""
    hubness = found.background.nearest[:, None] + found.hubness[None, :]
    score = 2 * found.cosine - np.float32(strength) * hubness
    report = retrieval_report(score, np.arange(len(score)))
    return GalleryFigures(report.r1, report.r10, len(score))


def choose(data: Corpus, without: set[str]) -> tuple[StarterSettings, list[dict[str, Any]]]:
    """The best settings on inner deals of the stamps that are not held out."""
    left = sorted(set(data.stamps.ids) - without)
    scores: dict[StarterSettings, list[list[float]]] = {}
    for deal in range(DEALS):
        held = set(np.random.default_rng(500 + deal).permutation(left)[:GALLERY])
        families = families_for(data, 500 + deal)
        grid = {name: values for name, values in GRID.items() if name != "csls_strength"}
        for values in itertools.product(*grid.values()):
            settings = StarterSettings(**dict(zip(grid, values, strict=True)))
            model = fit(data, without | held, families, settings)
            seen = directions(data, model, held)
            art = clip_art_pairs(data, model, families, 500)
            for strength in GRID["csls_strength"]:
                found = {kind: figures(one, strength).r10 for kind, one in seen.items()}
                text = [r for kind, r in found.items() if kind.direction == TEXT_TO_IMAGE]
                sound = [r for kind, r in found.items() if kind.direction.gallery == "audio"]
                row = [float(np.mean(text)), figures(art, strength).r10, float(np.mean(sound))]
                own = replace(settings, csls_strength=strength)
                scores.setdefault(own, []).append(row)
    means = {settings: np.mean(rows, axis=0) for settings, rows in scores.items()}
    best = max(means, key=lambda settings: float(means[settings].mean()))
    rows = [
        {**asdict(settings), "r10": mean.round(4).tolist(), "score": round(float(mean.mean()), 4)}
        for settings, mean in means.items()
    ]
    return best, rows


def measured(data: Corpus, settings: StarterSettings) -> dict[Kind, GalleryFigures[Spread]]:
    """The recipe on the galleries of all seeds: mean and deviation of every direction."""
    runs: dict[Kind, list[GalleryFigures[float]]] = {}
    for seed in range(SEEDS):
        held, families = gallery(data, seed), families_for(data, seed)
        model = fit(data, held, families, settings)
        for kind, found in directions(data, model, held).items():
            runs.setdefault(kind, []).append(figures(found, settings.csls_strength))
        art = clip_art_pairs(data, model, families, 500)
        titles = Kind(TEXT_TO_IMAGE, "Open Clip Art titles")
        runs.setdefault(titles, []).append(figures(art, settings.csls_strength))
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
    banks = {m: _rounded(x) for m, x in model.banks.items()}
    native = model.native
    natives = {} if native is None else {"text": _rounded(native)}
    return Space(
        {m: _compact(head) for m, head in model.heads.items()},
        banks,
        refs,
        report=report,
        bank_ids=model.ids,
        calibration=calibration,
        csls_strength=report.settings.csls_strength,
        native_banks=natives,
        breadths={} if model.breadth is None else {"text": model.breadth},
    )


def _rounded(x: Array) -> F32:
    return np.asarray(x, np.float16).astype(np.float32)


def _compact(head: Head) -> Head:
    """With the digits that float16 holds, so that it takes half the room."""
    document, tensors = head.state()
    rounded = {name: _rounded(x) for name, x in tensors.items()}
    return head_from_state(head.kind, document, rounded)


def recalibrated(data: Corpus) -> Space:
    """The shipped space with the heads that it has, and what its scores mean learned anew."""
    space = Space.load(folder())
    report = space.report
    assert isinstance(report, StarterReport)
    space.calibration, line = calibrations(data, gallery(data, 0), report.settings)
    space.breadths = {"text": line}
    errors = {way: CalibrationError(**each.ece) for way, each in space.calibration.items()}
    space.report = replace(report, calibration=errors)
    return space


def main() -> None:
    """Choose, fit, calibrate, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--write", action="store_true", help="replace the space in the package")
    parser.add_argument(
        "--calibrate", action="store_true", help="keep heads and banks; only learn probabilities"
    )
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER)
    data = corpus()
    if arguments.calibrate:
        space = recalibrated(data)
        print({str(way): each.ece for way, each in space.calibration.items()})
        if arguments.write:
            space.save(folder(), compact=True)
        if arguments.json:
            known = json.loads(arguments.json.read_text(encoding="utf-8"))
            assert space.report is not None
            _machine.write(arguments.json, known | {"report": space.report.to_json()})
        return
    without = gallery(data, 0)
    settings, tried = choose(data, without)
    print("chosen", settings)
    model = fit(data, without, set(), settings, telling=True)
    shipped = {
        kind: figures(one, settings.csls_strength)
        for kind, one in directions(data, model, without).items()
    }
    calibration, line = calibrations(data, without, settings)
    model = replace(model, breadth=line)
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
        others = {"before": before(), "linear": rival(data, linear(tried))}
        _machine.write(arguments.json, result | others)


def before() -> dict[str, Any]:
    """The recipe of release 0.1 on the same galleries."""
    image, settings = BEFORE
    return {"image": image} | rival(corpus(image), settings)


def linear(tried: list[dict[str, Any]]) -> StarterSettings:
    """The best of linear heads alone, by the same inner deals."""
    alone = [row for row in tried if row["gaussian"] == 0]
    best = max(alone, key=lambda row: float(row["score"]))
    names = [field.name for field in fields(StarterSettings)]
    return StarterSettings(**{name: best[name] for name in names})


def rival(data: Corpus, settings: StarterSettings) -> dict[str, Any]:
    """Another recipe on the same galleries."""
    rows = measured(data, settings)
    for kind, row in rows.items():
        print(f"rival: {kind!s:36} R@1 {row.r1.mean:.3f} R@10 {row.r10.mean:.3f}")
    figures = {
        str(kind): {"r1": asdict(row.r1), "r10": asdict(row.r10)} for kind, row in rows.items()
    }
    return {"settings": asdict(settings), "rows": figures}


if __name__ == "__main__":
    main()
