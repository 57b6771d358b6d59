"""Japanese captions as they are typed, and asked in the spelling of dictionaries as well.

Run ``python benchmarks/starter_spelling.py --json FILE`` with the extra ``japanese``. Most captions
of Tux Paint stamps in Japanese are in kana alone. The recipe of the starter space is fitted without
the 130 stamps of a gallery, for five galleries; what is compared is how its queries are asked. As
familiar as a query is the most familiar of its spellings.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from _starter_corpus import Corpus, corpus
from _starter_fit import TEXT_TO_IMAGE, Kind, directions, families_for, fit, gallery
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.datasets import load
from isthmus.pipeline import default_cache, encode_items
from isthmus.prompts.japanese import has_kana, in_both_spellings, spelled
from isthmus.space import Space
from isthmus.space.report import StarterReport
from starter import SEEDS, figures

JAPANESE = "ja"


def asked_as(data: Corpus, how: Callable[[MediaItem], MediaItem]) -> F32:
    """Vectors of the Japanese captions, asked in some way, in the rows of the stamps."""
    records = load("tuxpaint", languages=JAPANESE).select(["text"]).records
    items = [how(record.items["text"]) for record in records]
    encoder = data.encoders.encoders["text"]
    found = encode_items(items, encoder, cache=default_cache()).vectors
    row = {name: i for i, name in enumerate(data.stamps.ids)}
    vectors = np.full_like(data.single[JAPANESE], np.nan)
    vectors[[row[record.id] for record in records]] = found
    return vectors


def main() -> None:
    """Measure both ways of asking on the same galleries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER, space=True)
    data, space = corpus(), Space.load("starter")
    report = space.report
    assert isinstance(report, StarterReport)
    least = space.calibration[TEXT_TO_IMAGE].least_native
    assert least is not None
    other = asked_as(data, lambda item: MediaItem.from_text(map(spelled, item.captions)))
    both = asked_as(data, lambda item: in_both_spellings(item, data.encoders.encoders["text"]))
    ways = {
        name: replace(data, single={**data.single, JAPANESE: vectors})
        for name, vectors in (("typed", data.single[JAPANESE]), ("spelled", other), ("both", both))
    }
    rows: dict[str, list[list[float]]] = {name: [] for name in ways}
    for seed in range(SEEDS):
        held, families = gallery(data, seed), families_for(data, seed)
        model = fit(data, held, families, report.settings, telling=True)
        nearest: list[F32] = []
        for name, told in ways.items():
            found = directions(told, model, held)[Kind(TEXT_TO_IMAGE, JAPANESE)]
            figure = figures(found, report.settings.csls_strength)
            assert found.background.native is not None
            nearest.append(found.background.native)
            known = np.maximum.reduce(nearest) if name == "both" else nearest[-1]
            rows[name].append([figure.r1, figure.r10, float((known < least).mean())])
    records = load("tuxpaint", languages=JAPANESE).records
    kana = float(np.mean([has_kana(record.items["text"].captions[0]) for record in records]))
    result: dict[str, Any] = {"share of captions with kana": round(kana, 4)}
    for name, values in rows.items():
        mean, sd = np.mean(values, axis=0).round(4), np.std(values, axis=0, ddof=1).round(4)
        result[name] = {
            figure: {"mean": float(a), "sd": float(b)}
            for figure, a, b in zip(("r1", "r10", "taken for nonsense"), mean, sd, strict=True)
        }
        print(name, result[name])
    if arguments.json:
        _machine.write(arguments.json, result)


if __name__ == "__main__":
    main()
