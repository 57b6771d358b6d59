"""Whether a map learned from captions brings Japanese and Korean to where other languages are.

Run ``python benchmarks/starter_written.py --cldr FOLDER --emoji FONT --json FILE``, with the folder
of annotations from Debian's ``unicode-cldr-core`` and the font of ``fonts-noto-color-emoji``.
A ridge regression takes vectors of the captions of Tux Paint stamps in one language to the mean of
their captions in the others. It is judged on stamps that were held out of it, on inner deals of
those that the starter space knows; and on emoji by their names, which nobody learned from.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_corpus import Corpus, corpus
from _starter_fit import TEXT_TO_IMAGE, directions, families_for, fit, gallery
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.encoders import load
from isthmus.space import Space
from isthmus.space.report import StarterReport
from starter import figures

LANGUAGES = ("ja", "ko")
RIDGES = (10.0, 5.0, 3.0, 1.0, 0.3)
DEALS, HELD = 4, 130
FIRST_EMOJI = 0x1F300
NEAREST = 10

Map = Callable[[F32], F32]


def learned(data: Corpus, language: str, without: set[str], ridge: float) -> Map:
    """The map of a language, from the stamps that are not left out.

    Args:
        data: Of the stamps.
        language: Whose captions are moved.
        without: Stamps that are left out.
        ridge: Penalty of what is changed, in mean variances.
    """
    kept = ~np.isin(data.stamps.ids, list(without))
    own = data.single[language]
    others = [x for name, x in data.single.items() if name != language]
    target = np.nanmean(np.stack(others), axis=0)
    rows = kept & ~np.isnan(own[:, 0])
    x, y = own[rows].astype(np.float64), target[rows].astype(np.float64)
    middle, aim = x.mean(axis=0), y.mean(axis=0)
    about = x - middle
    covariance: F64 = about.T @ about / len(about)
    size = len(covariance)
    penalty = ridge * np.trace(covariance) / size * np.eye(size)
    change = np.linalg.solve(covariance + penalty, about.T @ (y - aim - about) / len(about))

    def move(vectors: F32) -> F32:
        return np.asarray((vectors - middle) @ (np.eye(size) + change) + aim, dtype=np.float32)

    return move


def on_stamps(data: Corpus, report: StarterReport) -> list[dict[str, Any]]:
    """R@10 of held-out stamps as captions are, and moved by each map."""
    outside = gallery(data, 0)
    rest = np.array([name for name in data.stamps.ids if name not in outside])
    found: dict[tuple[str, float], list[float]] = {}
    for deal in range(DEALS):
        held = set(np.random.default_rng(900 + deal).permutation(rest)[:HELD].tolist())
        without = held | outside
        model = fit(data, without, families_for(data, 50 + deal), report.settings)
        for ridge in (np.inf, *RIDGES):
            moved = dict(data.single)
            if np.isfinite(ridge):
                for name in LANGUAGES:
                    moved[name] = learned(data, name, without, ridge)(data.single[name])
            seen = directions(replace(data, single=moved), model, held)
            for kind, each in seen.items():
                if kind.direction == TEXT_TO_IMAGE and kind.name in LANGUAGES:
                    value = figures(each, report.settings.csls_strength).r10
                    found.setdefault((kind.name, ridge), []).append(value)
    return [row("stamps", *key, values) for key, values in found.items()]


def row(what: str, language: str, ridge: float, values: list[float]) -> dict[str, Any]:
    """One figure; no ridge stands for captions as they are."""
    return {
        "data": what,
        "language": language,
        "ridge": ridge if np.isfinite(ridge) else None,
        "r10": round(float(np.mean(values)), 4),
        "sd": round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else None,
    }


def names(folder: Path, language: str) -> Mapping[str, str]:
    """What emoji are called, by sign."""
    tree = ET.parse(folder / f"{language}.xml")
    named = (each for each in tree.iter("annotation") if each.get("type") == "tts")
    return {str(each.get("cp")): each.text or "" for each in named}


def on_emoji(data: Corpus, space: Space, folder: Path, font: Path) -> list[dict[str, Any]]:
    """R@10 of pictures of emoji by their names, as they are and moved."""
    from PIL import Image, ImageDraw, ImageFont

    told = {language: names(folder, language) for language in LANGUAGES}
    signs = [
        sign
        for sign in told[LANGUAGES[0]]
        if len(sign) == 1
        and ord(sign) >= FIRST_EMOJI
        and all(sign in each for each in told.values())
    ]
    shape, reader = ImageFont.truetype(str(font), 109), load(space.encoders["image"].spec)
    pictures = []
    for sign in signs:
        picture = Image.new("RGB", (136, 128), "white")
        ImageDraw.Draw(picture).text((0, 0), sign, font=shape, embedded_color=True)
        pictures.append(reader.prepare(picture))
    parts = [reader.encode(pictures[at : at + 32]) for at in range(0, len(pictures), 32)]
    items = l2_normalize(space.heads["image"](np.concatenate(parts)))
    texts, found = load(space.encoders["text"].spec), []
    for language in LANGUAGES:
        vectors = texts.encode([(told[language][sign],) for sign in signs])
        for ridge in (np.inf, *RIDGES):
            moved = vectors
            if np.isfinite(ridge):
                moved = learned(data, language, gallery(data, 0), ridge)(vectors)
            scores = l2_normalize(space.heads["text"](moved)) @ items.T
            scores -= np.sort(scores, axis=0)[-NEAREST:].mean(axis=0) / 2  # hubs are found by all
            better = (scores > np.diag(scores)[:, None]).sum(axis=1)
            found.append(row(f"{len(signs)} emoji", language, ridge, [float((better < 10).mean())]))
    return found


def main() -> None:
    """Measure on both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cldr", type=Path, help="folder with ja.xml and ko.xml")
    parser.add_argument("--emoji", type=Path, help="NotoColorEmoji.ttf")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER, space=True)
    data, space = corpus(), Space.load("starter")
    assert isinstance(space.report, StarterReport)
    rows = on_stamps(data, space.report)
    if arguments.cldr and arguments.emoji:
        rows += on_emoji(data, space, arguments.cldr, arguments.emoji)
    for each in rows:
        print(each)
    if arguments.json:
        _machine.write(arguments.json, {"deals": DEALS, "gallery": HELD, "rows": rows})


if __name__ == "__main__":
    main()
