"""Whether hits of broad and of narrow queries are called what they are.

Run ``python benchmarks/relevance.py --qabcs FOLDER --json FILE``. ``relevance_queries.toml`` holds
30 broad and 100 narrow queries, each with its rule for which items are right; it was written before
anything was measured, and nothing learns from it. They are put to the shipped space on the 130 Tux
Paint stamps that it never saw, and on the 328 photographs of the Debian package ``qabcs-data``
(``apt-get download qabcs-data`` and ``dpkg-deb -x``; the folder is ``usr/share/qabcs``). Items are
searched by what they show, not by their names. ECE is over the ten best hits of every query, in 15
bins of equal count.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import _machine
from _needs import STARTER, need
from isthmus.core.linalg import F32
from isthmus.datasets import load
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.pipeline import default_cache
from isthmus.prompts import Prompt
from isthmus.space import Space
from isthmus.store import Entry, MemoryBackend
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.search import search

QUERIES = Path(__file__).with_name("relevance_queries.toml")
GALLERY, SHOWN = 130, 10
LIKELY = 0.5
WRONG = 0.15
"""Share of wrong hits that a bar may let through where the most right ones are looked for."""
COLOURED = 1 / 3
"""Share of a picture's pixels from which it is of a colour."""
HUES = {"red": (-15, 15), "yellow": (40, 70), "green": (80, 165)}
"""In degrees."""


def stamps() -> dict[str, Path]:
    """The stamps that the shipped space never saw, by name."""
    records = load("tuxpaint").records
    held = np.random.default_rng(0).permutation(len(records))[:GALLERY]
    return {records[row].id: Path(str(records[row].items["image"].payload)) for row in held}


def photographs(folder: Path) -> dict[str, Path]:
    """The pictures of qabcs, by category and name."""
    base = folder / "abcs" / "all" / "pics"
    found = {str(p.relative_to(base).with_suffix("")): p for p in sorted(base.glob("*/*.png"))}
    if not found:
        raise SystemExit(f"{base} holds no pictures; unpack the Debian package qabcs-data")
    return found


def is_coloured(path: Path, colour: str) -> bool:
    """Whether a colour covers a third of what is not transparent."""
    from PIL import Image

    picture = Image.open(path).convert("RGBA")
    picture.thumbnail((128, 128))
    there = np.asarray(picture)[..., 3] > 127
    hue, saturation, value = np.moveaxis(np.asarray(picture.convert("RGB").convert("HSV")), -1, 0)
    low, high = HUES[colour]
    degrees = (hue / 255 * 360 - low) % 360
    strong = (saturation / 255 > 0.4) & (value / 255 > 0.25)
    shown = strong & (degrees <= high - low) & there
    return bool(shown.sum() >= COLOURED * max(int(there.sum()), 1))


def right(rule: Mapping[str, Any], items: Mapping[str, Path]) -> set[str]:
    """Names of the items that a query means."""
    if "colour" in rule:
        return {name for name, path in items.items() if is_coloured(path, rule["colour"])}
    return {name for name in items if any(fnmatchcase(name, glob) for glob in rule["items"])}


def store_of(space: Space, items: Mapping[str, Path]) -> MemoryBackend:
    """A store of pictures without words."""
    done = space.embed(list(items.values()), "image", cache=default_cache())
    vectors: F32 = done.vectors
    backend = MemoryBackend(space.dim, space.views)
    entries = [Entry(name, "image", "image", name) for name in items]
    backend.add(entries, vectors, space.hubness(vectors, "image"))
    return backend


def asked(
    space: Space, backend: MemoryBackend, rules: Sequence[Mapping[str, Any]], items: Any
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Probability and truth of the hits shown, ``(q, 10)``, and how many queries get nothing."""
    options = SearchOptions(views="image", words=False, k=SHOWN)
    said, true, nothing = [], [], 0
    for rule in rules:
        meant = right(rule, items)
        found = search(space, backend, Prompt.text(rule["text"]), options)
        said.append([hit.probability for hit in found.hits])
        true.append([hit.id in meant for hit in found.hits])
        nothing += found.nothing
    return np.array(said, dtype=np.float64), np.array(true), nothing


def figures(said: NDArray[np.float64], true: NDArray[np.bool_], nothing: int) -> dict[str, Any]:
    """What holds of hits that were shown."""
    likely = said >= LIKELY
    return {
        "queries": len(said),
        "right_called_likely": round(float(likely[true].mean()), 4),
        "wrong_called_likely": round(float(likely[~true].mean()), 4),
        "right_above_best_bar": round(most_right(said, true), 4),
        "ece": round(expected_calibration_error(said.ravel(), true.ravel()), 4),
        "right_of_ten": round(float(true.mean()), 4),
        "first_right": round(float(true[:, 0].mean()), 4),
        "said": round(float(said.mean()), 4),
        "nothing_matches": nothing,
    }


def most_right(said: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The largest share of right hits above a bar that at most so many wrong ones pass.

    The bar is set on these very hits, so no calibration that keeps their order can do better.
    """
    bar = np.quantile(said[~true], 1 - WRONG, method="higher")
    return float((said[true] > bar).mean())


def measured(space: Space, folder: Path) -> dict[str, Any]:
    """All kinds of queries on both collections, and on both together."""
    queries = tomllib.loads(QUERIES.read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    runs: dict[str, list[tuple[Any, Any, int]]] = {}
    for name, items in (("tuxpaint", stamps()), ("qabcs", photographs(folder))):
        backend = store_of(space, items)
        for kind, rules in queries[name].items():
            run = asked(space, backend, rules, items)
            runs.setdefault(kind, []).append(run)
            found[f"{name} {kind}"] = figures(*run)
    for kind, parts in runs.items():
        said, true = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
        found[kind] = figures(said, true, sum(part[2] for part in parts))
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--qabcs", type=Path, default=Path("/usr/share/qabcs"))
    parser.add_argument("--space", default="starter")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER, space=True)
    found = measured(Space.load(arguments.space), arguments.qabcs)
    for name, row in found.items():
        print(f"{name:16}", row)
    if arguments.json:
        _machine.write(arguments.json, found)


if __name__ == "__main__":
    main()
