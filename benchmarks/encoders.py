"""How fast every encoder runs here, beside the plain loop of its own library, in turns.

python benchmarks/encoders.py --json FILE [--only WORDS] [--resume] [--threads N]

Each row is one encoder: pictures, texts or seconds of sound a second from files to vectors through
``encode_items``, and through the loop that the library's documentation shows, with the same
weights and as many threads. Models of ``hf:``, ``st:`` and ``onnx:`` are made here with random
weights, since speed does not depend on what they have learned. Beside the clock stands the time
of processors, of the children that decode as well: other work on the machine hardly changes it.

Then large photographs are indexed twice, decoded in full and at the scale that encoders ask for,
with the distance between the vectors of both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import _encoder_media as media
import _encoder_models as models
from _machine import spread, write
from _needs import STARTER, need
from isthmus import encoders
from isthmus.core.contracts import Encoder, Fitted, image_side_of
from isthmus.core.item import MediaItem
from isthmus.core.linalg import l2_normalize
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.base import usable_cores
from isthmus.encoders.exporting import export
from isthmus.pipeline import WORKERS, encode_items

SIZES = ((12, 4000, 3000), (24, 6000, 4000))
"""Megapixels, width and height of the large photographs."""


@dataclass(frozen=True)
class Entry:
    """One row to be measured.

    Attributes:
        label: What the row is called; folders of this run mean nothing to a reader.
        spec: As for :func:`isthmus.encoders.load`.
        modality: What it reads.
        plain: Makes the library's own loop; None where no library has one.
    """

    label: str
    spec: str
    modality: str
    plain: Callable[[], models.Loop] | None = None


@dataclass(frozen=True)
class Took:
    """Seconds of one run."""

    wall: float
    cpu: float


def entries(root: Path, threads: int, wanted: Callable[[str], bool]) -> Iterator[Entry]:
    """All encoders that can run here and whose names are wanted; each is made when asked."""
    known = [
        Entry("universal", "universal", TEXT, models.universal_loop),
        Entry("tfidf", "tfidf", TEXT),
        Entry("efficientnet-lite0", f"efficientnet-lite0?threads={threads}", IMAGE,
              models.efficientnet_loop),
        Entry("efficientnet-lite2", f"efficientnet-lite2?threads={threads}", IMAGE),
        Entry("color-hog", "color-hog", IMAGE),
        Entry("whisper-tiny", f"whisper-tiny?threads={threads}", AUDIO, models.whisper_loop),
        Entry("mfcc", "mfcc", AUDIO),
    ]  # fmt: skip
    yield from (entry for entry in known if wanted(entry.label))
    for name, make in models.MODELS.items():
        towers = ("", " image", " text")
        if not any(wanted(f"{s}: {name}{tower}") for s in ("hf", "onnx", "st") for tower in towers):
            continue
        made = make(root, media.VOCABULARY)
        for modality in made.modalities:
            several = f"&modality={modality}" if len(made.modalities) > 1 else ""
            label = f"{name} {modality}" if several else name
            spec = f"hf:{made.folder}?threads={threads}{several}"
            plain = partial(models.plain_loop, made, modality)
            if wanted(f"hf: {label}"):
                yield Entry(f"hf: {label}", spec, modality, plain)
            target = root / f"onnx-{made.folder.name}-{modality}"
            if wanted(f"onnx: {label}") and exported(label, spec, target):
                yield Entry(f"onnx: {label}", f"onnx:{target}?threads={threads}", modality, plain)
        if made.kind == "bert" and wanted(f"st: {name}"):
            folder = models.sentence_folder(made, root)
            spec = f"st:{folder}?threads={threads}"
            yield Entry(f"st: {name}", spec, TEXT, partial(models.sentence_loop, folder))


def exported(label: str, spec: str, target: Path) -> Path | None:
    """An ONNX export; None, and a line that says why, where it is refused."""
    try:
        done = export(spec, target, overwrite=True)
    except Exception as error:  # noqa: BLE001  whatever it is, the other rows are measured
        print(f"onnx: {label} was not exported: {error}", flush=True)
        return None
    print(f"onnx: {label} differs by {done.difference:.1e}", flush=True)
    return target


def processors() -> float:
    """Seconds of processors that this process and the children that decode have used."""
    ticks = 0
    for pid in WORKERS.pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def timed(run: Callable[[], Any]) -> Took:
    wall, cpu = time.perf_counter(), processors()
    run()
    return Took(time.perf_counter() - wall, processors() - cpu)


def row(entry: Entry, items: Sequence[MediaItem], amount: float, rounds: int) -> dict[str, Any]:
    """One encoder, beside its library's loop where there is one, in turns."""
    encoder: Encoder = encoders.load(entry.spec)
    if isinstance(encoder, Fitted):
        encoder.fit([text for item in items for text in item.captions])
    first = timed(lambda: encode_items(items[:1], encoder))
    encode_items(items, encoder)  # children start
    given = [item.captions[0] if item.modality == TEXT else item.payload for item in items]
    loop = entry.plain() if entry.plain else None
    if loop is not None:
        loop(given[: models.BATCH])
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: encode_items(items, encoder)))
        if loop is not None:
            plain.append(timed(lambda: loop(given)))
    found: dict[str, Any] = {
        "id": entry.label,
        "modality": entry.modality,
        "dim": encoder.dim,
        "per_second": amount / statistics.median(each.wall for each in ours),
        "plain_per_second": None,
        "first_ms": 1e3 * first.wall,
        "wall_s": spread([each.wall for each in ours]),
        "cpu_s": spread([each.cpu for each in ours]),
    }
    if plain:
        pairs = list(zip(plain, ours, strict=True))
        found["plain_per_second"] = amount / statistics.median(each.wall for each in plain)
        found["times"] = spread([a.wall / b.wall for a, b in pairs])
        found["times_cpu"] = spread([a.cpu / b.cpu for a, b in pairs])
    return found


def large(
    entry: Entry, photographs: Mapping[int, Sequence[MediaItem]], rounds: int
) -> list[dict[str, Any]]:
    """Large photographs in full and at reduced scale: speed, and how far vectors move."""
    found = []
    for megapixels, items in photographs.items():
        both = [encoders.load("_encoder_full:Full", of=entry.spec), encoders.load(entry.spec)]
        full, reduced = (unit(encode_items(items, each).vectors) for each in both)
        took: list[list[Took]] = [[], []]
        for _ in range(rounds):
            for times, encoder in zip(took, both, strict=True):
                times.append(timed(partial(encode_items, items, encoder)))
        apart = 1 - np.sum(full * reduced, axis=1)
        others = (1 - full @ full.T)[~np.eye(len(items), dtype=bool)]
        pairs = list(zip(*took, strict=True))
        found.append(
            {
                "id": entry.label,
                "megapixels": megapixels,
                "photographs": len(items),
                "image_side": image_side_of(both[1]),
                "full_per_second": len(items) / statistics.median(t.wall for t in took[0]),
                "per_second": len(items) / statistics.median(t.wall for t in took[1]),
                "times": spread([a.wall / b.wall for a, b in pairs]),
                "times_cpu": spread([a.cpu / b.cpu for a, b in pairs]),
                "cosine_distance_median": float(np.median(apart)),
                "cosine_distance_max": float(apart.max()),
                "cosine_distance_to_nearest_other": float(others.min()),
            }
        )
        last = found[-1]
        print(
            f"{megapixels} megapixels, {entry.label}: {last['per_second']:.1f} a second, "
            f"{last['times']['median']:.1f} x, processors {last['times_cpu']['median']:.1f} x, "
            f"cosine distance {apart.max():.1e} at most, of others {others.min():.1e} at least",
            flush=True,
        )
    return found


def unit(vectors: Any) -> Any:
    return l2_normalize(vectors.astype(np.float64))


class Results:
    """What is known so far, on disk after every encoder.

    Args:
        path: Of the file; None for none.
        threads: Of every model.
        resume: Whether what is in the file is kept and not measured again.
    """

    def __init__(self, path: Path | None, threads: int, *, resume: bool) -> None:
        self._path, self._threads = path, threads
        self._load = os.getloadavg()[0]
        known: dict[str, Any] = {}
        if resume and path is not None and path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
        self.rows: list[dict[str, Any]] = known.get("rows", [])
        self.photographs: list[dict[str, Any]] = known.get("large_photographs", [])

    def has(self, label: str) -> bool:
        """Whether an encoder was measured."""
        return any(each["id"] == label for each in self.rows)

    def add(self, row: dict[str, Any], photographs: Sequence[dict[str, Any]]) -> None:
        """Keep what was measured of one encoder."""
        self.rows.append(row)
        self.photographs.extend(photographs)
        if self._path:
            results = {
                "seed": media.SEED,
                "threads": self._threads,
                "unit": {TEXT: "texts", IMAGE: "pictures", AUDIO: "seconds of sound"},
                "rows": self.rows,
                "large_photographs": self.photographs,
            }
            write(self._path, results, load_1min=self._load)


def measure(options: argparse.Namespace, root: Path) -> None:
    """Every encoder that is wanted and not known yet."""
    results = Results(options.json, options.threads, resume=options.resume)
    pictures = media.photographs(root / "pictures", options.pictures, 640, 480)
    sounds, seconds = media.recordings(root / "sounds", options.sounds)
    items = {
        TEXT: [MediaItem.from_text(text) for text in media.captions(options.texts)],
        IMAGE: [MediaItem.from_path(path, IMAGE) for path in pictures],
        AUDIO: [MediaItem.from_path(path, AUDIO) for path in sounds],
    }
    amounts = {TEXT: options.texts, IMAGE: options.pictures, AUDIO: seconds}
    photographs = {
        megapixels: [
            MediaItem.from_path(path, IMAGE)
            for path in media.photographs(root / str(megapixels), options.large, width, height)
        ]
        for megapixels, width, height in SIZES
    }

    def wanted(label: str) -> bool:
        return options.only in label and not results.has(label)

    for entry in entries(root, options.threads, wanted):
        m = entry.modality
        found = row(entry, items[m], amounts[m], options.rounds)
        print(told(found), flush=True)
        reduced = large(entry, photographs, max(2, options.rounds // 2)) if m == IMAGE else []
        results.add(found, reduced)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--resume", action="store_true", help="keep what the file has")
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of every model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--sounds", type=int, default=24)
    parser.add_argument("--large", type=int, default=8, help="photographs of each size")
    options = parser.parse_args()
    packages = ("transformers", "sentence_transformers", "tokenizers", "onnxscript")
    need(encoders=STARTER, packages=packages)
    here = str(Path(__file__).parent)  # children load the encoder in full from here
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="isthmus-encoders-") as folder:
        measure(options, Path(folder))


def told(found: dict[str, Any]) -> str:
    said = f"{found['id']}: {found['per_second']:.1f} a second, first {found['first_ms']:.0f} ms"
    if "times" not in found:
        return said
    times, cpu = found["times"], found["times_cpu"]
    return (
        f"{said}; {times['median']:.2f} x the plain loop ({times['min']:.2f} to "
        f"{times['max']:.2f}), by processor time {cpu['median']:.2f} x"
    )


if __name__ == "__main__":
    main()
