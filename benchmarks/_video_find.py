"""A picture in a video: the right frame under resizing and loss, and pictures that are not there.

Videos are films of ``shapes-motion`` put one behind the other, and Tux Paint stamps that wander
over a ground. A query is a frame of one, scaled by .25 to 2 and saved as JPEG with a quality of 20
to 90; of one in four the video has black bars that the query lacks. Half as many queries are frames
of films that are not in the video: other scenes, and other stamps. ``measure()`` is called by
``video.py``; by itself, ``python benchmarks/_video_find.py --json FILE`` does the same.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import _machine
from _needs import need
from isthmus.datasets import load, motions
from isthmus.media.source import item_from_path
from isthmus.pipeline import WORKERS
from isthmus.tasks.retrieval.find_frame import MATCHES, find_frame

Frames = NDArray[np.uint8]
FILMS, QUERIES, WITHIN = 30, 24, 2
SCALES, QUALITIES = (0.25, 0.5, 1.0, 2.0), (20, 50, 90)
RATE, SIDE, STEPS = 8, 96, 17
SEED, DEVELOPMENT = 1, 0
"""Seeds: of what is reported, and of what :data:`MATCHES` was chosen on."""


def shapes_films(count: int, rng: np.random.Generator) -> list[Frames]:
    """Films of different scenes."""
    fields = motions.ATTRIBUTES
    scenes = [(s, c, m) for s in fields["shape"] for c in fields["colour"] for m in motions.MOTIONS]
    order = rng.permutation(len(scenes))[:count]
    return [motions.film(motions.MovingScene(*scenes[i]), rng) for i in order]


def stamp_films(count: int, rng: np.random.Generator) -> list[Frames]:
    """Stamps that wander over a ground, a film for each."""
    records = load("tuxpaint").records
    order = rng.permutation(len(records))[:count]
    return [_wandering(WORKERS.small(records[i].items["image"], SIDE), rng) for i in order]


def _wandering(stamp: Image.Image, rng: np.random.Generator) -> Frames:
    ground = tuple(int(c) for c in rng.integers(120, 256, 3))
    stamp.thumbnail((64, 64))
    start, stop = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
    frames = []
    for step in np.linspace(0, 1, STEPS):
        scene = Image.new("RGB", (SIDE, SIDE), ground)
        room = np.array([SIDE - stamp.width, SIDE - stamp.height])
        place = room * (start + step * (stop - start))
        scene.paste(stamp, (int(place[0]), int(place[1])))
        frames.append(np.asarray(scene))
    return np.stack(frames)


def write(frames: Frames, path: Path, *, bars: bool) -> None:
    """Frames as H.264, with black bars above and below where asked."""
    import av

    if bars:
        frames = np.pad(frames, ((0, 0), (16, 16), (0, 0), (0, 0)))
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=Fraction(RATE))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())


def disturbed(frame: Frames, rng: np.random.Generator) -> Image.Image:
    """A frame as somebody kept it: of another size, saved with loss."""
    picture, scale = Image.fromarray(frame), float(rng.choice(SCALES))
    size = (round(picture.width * scale), round(picture.height * scale))
    data = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(
        data, "JPEG", quality=int(rng.choice(QUALITIES))
    )
    return Image.open(data).convert("RGB")


def asked(films: Sequence[Frames], path: Path, seed: int, queries: int) -> Iterator[dict[str, Any]]:
    """Queries of one video: how far off each was, and its score."""
    rng = np.random.default_rng(100 + seed)
    inside, outside = np.concatenate(films[:FILMS]), films[FILMS:]
    for bars in (False, True):
        write(inside, path, bars=bars)
        video = item_from_path(path)
        for number in rng.integers(0, len(inside), queries // 4 if bars else 3 * queries // 4):
            found = find_frame(disturbed(inside[number], rng), video)
            off = abs(found.best.frame - int(number))
            yield {"shown": True, "bars": bars, "off": off, "score": found.best.score}
    write(inside, path, bars=False)
    for film in outside:
        found = find_frame(disturbed(film[STEPS // 2], rng), item_from_path(path))
        yield {"shown": False, "bars": False, "score": found.best.score}


def figures(rows: Sequence[dict[str, Any]], seed: int, frames: int) -> dict[str, Any]:
    """Shares of what was found, and of what should not have been."""
    shown = [row for row in rows if row["shown"]]
    scores = np.array([row["score"] for row in shown])
    absent = np.array([row["score"] for row in rows if not row["shown"]])
    guess = np.random.default_rng(seed).integers(0, frames, (2, 100_000))
    return {
        "frame_found": float(np.mean([row["off"] <= WITHIN for row in shown])),
        "with_bars": float(np.mean([row["off"] <= WITHIN for row in shown if row["bars"]])),
        "said_to_be_shown": float((scores >= MATCHES).mean()),
        "others_said_to_be_shown": float((absent >= MATCHES).mean()),
        "best_threshold": _best(scores, absent),
        "queries": len(shown),
        "others": len(absent),
        "null_frame_at_random": float((np.abs(guess[0] - guess[1]) <= WITHIN).mean()),
    }


def _best(shown: NDArray[Any], absent: NDArray[Any]) -> float:
    """The threshold at which the two kinds of mistakes are fewest together."""
    tried = np.linspace(0.5, 1, 101)
    wrong = [(shown < t).mean() + (absent >= t).mean() for t in tried]
    least = np.flatnonzero(np.isclose(wrong, min(wrong)))
    return float(tried[least].mean())


def measure(seed: int = SEED, queries: int = QUERIES) -> dict[str, Any]:
    """Both kinds of films; ``frame_found`` is of all queries together."""
    rng = np.random.default_rng(seed)
    count = FILMS + queries // 2
    kinds = {"shapes": shapes_films(count, rng), "stamps": stamp_films(count, rng)}
    rows: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, films in kinds.items():
            rows[name] = list(asked(films, Path(folder) / "film.mp4", seed, queries))
    every = [row for some in rows.values() for row in some]
    frames = FILMS * STEPS
    parts = {name: figures(some, seed, frames) for name, some in rows.items()}
    return {**figures(every, seed, frames), "threshold": MATCHES, "frames": frames, **parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--queries", type=int, default=QUERIES)
    given = parser.parse_args()
    need(datasets=("tuxpaint",), packages=("av", "skimage"))
    _machine.write(given.json, measure(given.seed, given.queries))


if __name__ == "__main__":
    main()
