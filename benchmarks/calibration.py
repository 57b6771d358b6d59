"""Whether probabilities mean what they say, and whether nonsense is told from questions.

Run ``python benchmarks/calibration.py --json FILE``. Under the ``image-text`` protocol ``align``
sees 540 pairs and calibrates itself on folds of them; the gallery of 130 is only measured on. ECE
is over the ten best hits of every query, in 15 bins of equal count. Galleries of other sizes are
parts of that one, or that one hidden among clip art. Nonsense queries come from a
generator that nothing was fitted to; what tells them comes with the package and was learned from
the captions of all stamps but the gallery of seed 0.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _everyday import EVERYDAY
from _needs import STARTER, need
from _starter_corpus import captions
from _starter_words import same_kind
from isthmus.core.linalg import F32
from isthmus.core.view import Direction
from isthmus.datasets import load
from isthmus.encoders.universal import LANGUAGES
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.prompts import Prompt
from isthmus.selection import align
from isthmus.selection.calibrate import shown_hits
from isthmus.space import Space
from isthmus.store import Entry, MemoryBackend
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.search import search

GALLERY, PAIRS, NONSENSE, COVERAGE = 130, 540, 200, 0.9
FUNCTION_WORDS = (  # noqa: SIM905
    "the of and to in is that it was for as with his they at be this from have or by had not but "
    "what all were when we there can an your which their if do will each about how then them"
).split()
ABSTRACT = (  # noqa: SIM905
    "liability jurisprudence amortization bureaucracy paradigm epistemology subsidy covenant "
    "arbitration invoice heuristic syllogism tariff mortgage dividend quarterly compliance audit"
).split()
HAN = (
    "的了是在不有和这为上个我以要他时来用们到作于出就分对成会可主发"
    "年动同也能下过说产种面而方后定行所然事"
)


def nonsense(rng: np.random.Generator, count: int) -> dict[str, list[str]]:
    """Queries that mean nothing, or nothing that a picture shows."""

    def joined(words: Sequence[str], low: int, high: int) -> str:
        return " ".join(rng.choice(words, rng.integers(low, high)))

    def letters(alphabet: str) -> str:
        return "".join(rng.choice(list(alphabet), rng.integers(4, 10)))

    keys = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    each = count // 5
    return {
        "random letters": [
            " ".join(letters(string.ascii_lowercase) for _ in range(rng.integers(1, 4)))
            for _ in range(each)
        ],
        "keyboard": [letters(keys[rng.integers(3)]) for _ in range(each)],
        "function words": [joined(FUNCTION_WORDS, 3, 7) for _ in range(each)],
        "abstract words": [joined(ABSTRACT, 2, 5) for _ in range(each)],
        "Chinese characters": [
            "".join(rng.choice(list(HAN), rng.integers(4, 9))) for _ in range(each)
        ],
    }


SIZES = (10, 20, 65, 130, 1130, 5130)


def by_size(space: Space, text: F32, image: F32, crowd: F32) -> dict[str, dict[str, float]]:
    """ECE of the hits shown from galleries of other sizes, told of the size and not."""
    calibration = space.calibration[Direction("text", "image")]
    column = space.views.index("text")
    found = {}
    for size in SIZES:
        queries = text[:size]
        items = np.concatenate([image, crowd])[:size]
        hubness = space.hubness(items, "image")[:, column]
        background = space.query_background(queries, "text", "image")
        cosine = queries @ items.T
        plain, told = (
            expected_calibration_error(
                *shown_hits(calibration.probability(cosine, hubness, background, n))
            )
            for n in (None, size)
        )
        found[str(size)] = {"ece": told, "ece_not_told": plain}
    return found


def gallery_of(space: Space, image: F32) -> MemoryBackend:
    """A store of pictures that have nothing to be found by but what they show."""
    backend = MemoryBackend(space.dim, space.views)
    entries = [Entry(f"{row}", "image", "image", f"{row}") for row in range(len(image))]
    backend.add(entries, image, space.hubness(image, "image"))
    return backend


def answered(space: Space, texts: Sequence[str], backend: MemoryBackend) -> float:
    """Share of queries that a search finds a match for among pictures."""
    options = SearchOptions(views="image", words=False)
    found = [search(space, backend, Prompt.text(text), options) for text in texts]
    return float(np.mean([not each.nothing for each in found]))


def familiar(space: Space, texts: Sequence[str], backend: MemoryBackend) -> float:
    """Share of queries that are not out of the distribution of the space."""
    options = SearchOptions()
    encoded = (EncodedQuery.of(space, backend, Prompt.text(text), options) for text in texts)
    return float(np.mean([not each.out_of_distribution for each in encoded]))


def run(ready: Prepared, seed: int, crowd: F32) -> dict[str, Any]:
    """One gallery; ``crowd`` are pictures of clip art."""
    order = np.random.default_rng(seed).permutation(len(ready.pairs))
    test, train = order[:GALLERY], order[GALLERY : GALLERY + PAIRS]
    space = align(ready.take(train), nested=False, seed=seed)
    found: dict[str, Any] = {"seed": seed, "chosen": space.report.chosen.label}
    vectors = {m: space.transform(ready.pairs.vectors[m][test], m) for m in ("text", "image")}
    for a, b in (("text", "image"), ("image", "text")):
        x, y = vectors[a], vectors[b]
        direction = Direction(a, b)
        calibration = space.calibration[direction]
        hubness = space.hubness(y, b)[:, space.views.index(a)]
        probability = calibration.probability(x @ y.T, hubness, space.query_background(x, a, b))
        inside = probability >= calibration.conformal(COVERAGE)
        found[str(direction)] = {
            "ece_before": expected_calibration_error(*shown_hits(np.clip(x @ y.T, 0, 1))),
            "ece": expected_calibration_error(*shown_hits(probability)),
            "ece_all_pairs": expected_calibration_error(
                probability.ravel(), np.eye(len(x), dtype=bool).ravel()
            ),
            "coverage": float(np.diagonal(inside).mean()),
            "set_size": float(inside.sum(axis=1).mean()),
        }
    found["gallery_size"] = by_size(
        space, vectors["text"], vectors["image"], space.transform(crowd, "image")
    )
    english = captions("en")
    own = [english[ready.pairs.ids[row]] for row in test]
    return found | decisions(space, own, vectors["image"], seed)


def decisions(space: Space, own: Sequence[str], image: F32, seed: int) -> dict[str, Any]:
    """Share of true captions kept, of nonsense refused, and of plain queries that are familiar.

    Whether a plain query has a match is not known, only that it should not be taken for nonsense.
    """
    backend = gallery_of(space, image)
    kinds = nonsense(np.random.default_rng(90_000 + seed), NONSENSE)
    refused = {kind: 1 - answered(space, texts, backend) for kind, texts in kinds.items()}
    return {
        "true_kept": answered(space, own, backend),
        "nonsense_refused": float(np.mean(list(refused.values()))),
        "nonsense_refused_by_kind": refused,
        "everyday_familiar": {
            language: familiar(space, texts, backend) for language, texts in EVERYDAY.items()
        },
    }


def starter() -> dict[str, Any]:
    """The shipped space on the stamps that were left out of it, by language of the queries."""
    space, cache = Space.load("starter"), default_cache()
    stamps = prepare(load("tuxpaint"), cache=cache)
    held = np.random.default_rng(0).permutation(len(stamps.pairs.ids))[:GALLERY]
    image = dict(zip(stamps.pairs.ids, stamps.pairs.vectors["image"], strict=True))
    names = {stamps.pairs.ids[row] for row in held}
    calibration = space.calibration[Direction("text", "image")]
    english, found = captions("en"), dict[str, Any]()
    for language in LANGUAGES:
        texts = prepare(load("tuxpaint", languages=language), cache=cache).pairs
        here = [row for row, name in enumerate(texts.ids) if name in names]
        if len(here) < GALLERY // 2:
            continue
        known = captions(language)
        x = space.transform(texts.vectors["text"][here], "text")
        y = space.transform(np.stack([image[texts.ids[row]] for row in here]), "image")
        hubness = space.hubness(y, "image")[:, space.views.index("text")]
        told = space.query_background(x, "text", "image", texts.vectors["text"][here])
        p = calibration.probability(x @ y.T, hubness, told, len(y))
        relevant = same_kind([english[texts.ids[row]] for row in here])
        found[language] = {
            "ece": expected_calibration_error(*shown_hits(p, relevant)),
            "coverage": float((np.diagonal(p) >= calibration.conformal(COVERAGE)).mean()),
            **decisions(space, [known[texts.ids[row]] for row in here], y, 0),
        }
    return found


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means and deviations over the galleries; both directions together where there are two."""

    def spread(values: Sequence[float]) -> dict[str, float]:
        return {
            "mean": round(float(np.mean(values)), 4),
            "sd": round(float(np.std(values, ddof=1)), 4),
        }

    both = [one[name] for one in runs for name in ("text→image", "image→text")]
    out = {key: spread([each[key] for each in both]) for key in both[0]}
    for key in ("nonsense_refused", "true_kept"):
        out[key] = spread([one[key] for one in runs])
    out["gallery_size"] = {
        size: {key: spread([one["gallery_size"][size][key] for one in runs]) for key in keys}
        for size, keys in runs[0]["gallery_size"].items()
    }
    out["everyday_familiar"] = {
        language: spread([one["everyday_familiar"][language] for one in runs])
        for language in EVERYDAY
    }
    kinds = runs[0]["nonsense_refused_by_kind"]
    out["nonsense_refused_by_kind"] = {
        kind: spread([one["nonsense_refused_by_kind"][kind] for one in runs]) for kind in kinds
    }
    return out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    need(datasets=("tuxpaint", "openclipart"), encoders=STARTER, space=True)
    ready = prepare(load("tuxpaint"), by_group=False, cache=default_cache())
    art = prepare(load("openclipart"), cache=default_cache()).pairs
    rows = np.random.default_rng(0).permutation(art.rows("image"))[: max(SIZES)]
    crowd = art.vectors["image"][rows]
    runs = [run(ready, seed, crowd) for seed in range(arguments.seeds)]
    found = summary(runs)
    for name, value in found.items():
        print(f"{name:28} {value}")
    shipped = starter()
    for language, row in shipped.items():
        print(language, {key: value for key, value in row.items() if "kind" not in key})
    if arguments.json:
        result = {
            key: found[key]["mean"] for key in ("ece", "coverage", "nonsense_refused", "true_kept")
        }
        result |= {"spread": found, "starter": shipped, "runs": runs}
        _machine.write(arguments.json, result)


if __name__ == "__main__":
    main()
