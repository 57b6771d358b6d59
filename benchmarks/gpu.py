"""Encoders on a GPU: whether vectors are those of the CPU, how fast they run, and what fits.

python benchmarks/gpu.py --json FILE [--only WORDS] [--items N] [--device cpu]

Models of real size are made here with random weights. Each is run by ``hf:`` in float32 on the
CPU, and in float32, bfloat16 and float16 on the GPU, beside a plain loop of transformers over
batches of 32 on the same device in the same precision, in turns: once from files to vectors, by
``encode_items`` and by a loop that opens them itself, and once from things in memory, which are
prepared by this process alone. Then a tensor fills the GPU, to see that batches get smaller and
what is said where nothing fits. With ``--device cpu`` all but that runs anywhere.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import _gpu_models as models
from _machine import spread, version, write
from _needs import need
from isthmus import encoders
from isthmus.core.contracts import batch_size_of
from isthmus.core.linalg import l2_normalize
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.torch_model import _room
from isthmus.pipeline import encode_items

ON_CPU, MIB = 32, 2**20
"""Things that the CPU encodes, and that are encoded one by one and together."""
FEWER = {TEXT: 1, IMAGE: 2, AUDIO: 8}
"""How many times fewer pictures and sounds than texts there are."""
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-3}
"""By how much a number of a unit vector may differ between batches of 1 and of 32."""
TIMED = ("float32", "bfloat16")
"""float16 is compared and run once, and on the CPU, which computes it slowly, not at all."""
FILLED = "DINOv2 base image"
"""The model that is run where memory is short."""
RESERVED = 40.0
"""Seconds that are kept for it."""
BATCH, LEAST = 256, 2
"""Items of its batches, which need 2 GiB and more, and rounds of a row whatever they take."""


def load(folder: Path, case: models.Case, device: str, dtype: str, **more: Any) -> Any:
    """The encoder, by its public name."""
    options = {"device": device, "dtype": dtype, "modality": case.modality, "runtime": "torch"}
    said = "&".join(f"{name}={value}" for name, value in {**options, **more}.items())
    return encoders.load(f"hf:{folder}?{said}")


def prepared(encoder: Any, things: Sequence[Any], case: models.Case) -> list[Any]:
    """What the encoder takes, made in this process."""
    return [encoder.prepare(case.decoded(thing)) for thing in things]


def encoded(encoder: Any, things: Sequence[Any], case: models.Case) -> Any:
    """Vectors of all things, which are prepared one by one and encoded by one call."""
    return encoder.encode(prepared(encoder, things, case))


def unit(vectors: Any) -> Any:
    return l2_normalize(np.asarray(vectors, dtype=np.float64))


def apart(one: Any, other: Any) -> float:
    """Largest difference of a number of unit vectors."""
    return float(np.abs(unit(one) - unit(other)).max())


def least_cosine(one: Any, other: Any) -> float:
    return float((unit(one) * unit(other)).sum(axis=1).min())


def in_turns(
    runs: Sequence[Callable[[], Any]], rounds: int, seconds: float
) -> list[tuple[float, ...]]:
    """Seconds of each run, round by round; two rounds in any case, more while there is time."""
    found: list[tuple[float, ...]] = []
    begun = time.perf_counter()
    while len(found) < rounds and (len(found) < LEAST or time.perf_counter() - begun < seconds):
        took = []
        for run in runs:
            start = time.perf_counter()
            run()
            took.append(time.perf_counter() - start)
        found.append(tuple(took))
    return found


def row(case: models.Case, encoder: Any, count: int, took: list[tuple[float, ...]]) -> Any:
    """Ours, and the plain loop where it was run."""
    ours = [count / each[0] for each in took]
    plain = [count / each[1] for each in took if len(each) > 1]
    ratios = [a / b for a, b in zip(ours, plain, strict=True)] if plain else []
    return {
        "id": case.id,
        "modality": case.modality,
        "dim": encoder.dim,
        "device": encoder.device,
        "dtype": encoder.dtype,
        "items": count,
        "per_second": statistics.median(ours),
        "plain_per_second": statistics.median(plain) if plain else None,
        "ratio": statistics.median(ratios) if plain else None,
        "spread": {"per_second": spread(ours), "ratio": spread(ratios) if plain else None},
        "max_difference": None,
        "least_cosine": None,
    }


def measured(case: models.Case, folder: Path, options: argparse.Namespace) -> Iterator[Any]:
    """Rows of one model: on the CPU, then on the device in each precision."""
    things = case.things(max(4, options.items // FEWER[case.modality]))
    files = [case.file(thing) for thing in things]
    items = [case.item(file, str(number)) for number, file in enumerate(files)]
    few = things[:ON_CPU]
    cpu = load(folder, case, "cpu", "float32")
    reference = encoded(cpu, few, case)
    took = in_turns([partial(encoded, cpu, few, case)], options.rounds, options.each / 2)
    yield row(case, cpu, len(few), took)
    exact = None
    for dtype in TOLERANCE if options.device != "cpu" else TIMED:
        rounds = options.rounds if dtype in TIMED else 1
        encoder = load(folder, case, options.device, dtype)
        encoded(encoder, few, case)
        plain = case.plain(folder, options.device, dtype)
        plain(few)
        begun = time.perf_counter()
        ready = prepared(encoder, things, case)
        between = time.perf_counter()
        vectors = encoder.encode(ready)
        done = time.perf_counter()
        took = in_turns(
            [partial(encoded, encoder, things, case), partial(plain, things)], rounds, options.each
        )
        found = row(case, encoder, len(things), took)
        found["prepare_s"], found["encode_s"] = between - begun, done - between
        if exact is None:
            exact = vectors
            found["max_difference"] = apart(vectors[: len(few)], reference)
        else:
            found["least_cosine"] = least_cosine(vectors, exact)
        alone = np.concatenate([encoder.encode([each]) for each in ready[:ON_CPU]])
        found["batches_differ"] = apart(alone, encoder.encode(ready[:ON_CPU]))
        found["tolerance"] = TOLERANCE[dtype]
        if dtype in TIMED:
            found |= from_files(
                partial(encode_items, items, encoder),
                partial(case.plain(folder, options.device, dtype, files=True), files),
                len(files),
                options,
            )
            found["files_batch"] = batch_size_of(encoder)
        yield found
        del encoder, plain
        tidy(options.device)


def from_files(
    ours: Callable[[], Any], plain: Callable[[], Any], count: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Files a second by both, and their ratio; the first runs, which start things, do not count."""
    ours()
    plain()
    took = in_turns([ours, plain], options.rounds, options.each)
    ratios = [own[1] / own[0] for own in took]
    return {
        "files_per_second": count / statistics.median(each[0] for each in took),
        "plain_files_per_second": count / statistics.median(each[1] for each in took),
        "files_ratio": statistics.median(ratios),
        "files_spread": spread(ratios),
    }


def tidy(device: str) -> None:
    """Hand back what torch keeps of the GPU's memory."""
    import torch

    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()


def chosen(case: models.Case, folder: Path, things: Sequence[Any], device: str) -> Any:
    """What ``auto`` takes, and how exact products are in float32."""
    import torch

    auto = load(folder, case, "auto", "auto")
    exact = load(folder, case, device, "float32")
    seen: list[Any] = []
    exact._model.module().register_forward_pre_hook(
        lambda *_: seen.append(torch.backends.cudnn.allow_tf32)
    )
    reference = encoded(load(folder, case, "cpu", "float32"), things, case)
    found = {"device": auto.device, "dtype": auto.dtype}
    found["matmul_precision"] = torch.get_float32_matmul_precision()
    found["max_difference"] = apart(encoded(exact, things, case), reference)
    found["convolutions_in_tf32"] = seen[0]
    torch.set_float32_matmul_precision("high")  # as a caller may have done
    try:
        found["max_difference_if_caller_allows_tf32"] = apart(
            encoded(exact, things, case), reference
        )
    finally:
        torch.set_float32_matmul_precision("highest")
    return found


@contextmanager
def filled(device: str, leave: int) -> Iterator[None]:
    """The GPU's memory but for so many bytes is taken."""
    import torch

    tidy(device)
    held = []
    if device != "cpu":
        size = torch.cuda.mem_get_info()[0] - leave
        held.append(torch.empty(max(1, size), dtype=torch.uint8, device=device))
    try:
        yield
    finally:
        held.clear()
        tidy(device)


def short_of_memory(case: models.Case, folder: Path, device: str, count: int) -> Iterator[Any]:
    """Batches where memory is ample, little, and none: their sizes, vectors and errors."""
    things = case.things(count)
    encoder = load(folder, case, device, "float32")
    large = load(folder, case, device, "float32", batch_size=BATCH)
    sizes: list[int] = []
    ready = prepared(encoder, things, case)
    for made in (encoder, large):
        made.encode(ready[:1])
        made._model.module().register_forward_pre_hook(
            lambda module, args, given: sizes.append(len(next(iter(given.values())))),
            with_kwargs=True,
        )
    tidy(device)

    def tried(name: str, made: Any) -> dict[str, Any]:
        sizes.clear()
        found: dict[str, Any] = {"id": name, "room_before": _room(device)}
        try:
            vectors = made.encode(ready)
        except Exception as error:  # noqa: BLE001  what is said is what is asked
            found["error"] = f"{type(error).__name__}: {error}"[:400]
            cause = error.__cause__
            found["cause"] = f"{type(cause).__name__}: {cause}"[:400] if cause else None
        else:
            found["max_difference"] = apart(vectors, reference)
        return {**found, "batches": list(sizes), "room_after": _room(device)}

    reference = encoder.encode(ready)
    tidy(device)
    yield tried("ample", encoder)
    yield tried("ample, again", encoder)
    cases: Mapping[str, tuple[int, Any]] = {
        "2 GiB left": (2048, encoder),
        "300 MiB left": (300, encoder),
        f"700 MiB left, batch_size={BATCH}": (700, large),
        f"150 MiB left, batch_size={BATCH}": (150, large),
        f"8 MiB left, batch_size={BATCH}": (8, large),
        "8 MiB left": (8, encoder),
    }
    for name, (left, made) in cases.items():
        with filled(device, left * MIB):
            yield tried(name, made)
    with filled(device, 64 * MIB):
        fresh = load(folder, case, device, "float32", batch_size=64)  # another one
        yield tried("64 MiB left, weights not read yet", fresh)
    yield tried("ample, after all", fresh)


def told(found: Mapping[str, Any]) -> str:
    said = f"{found['id']} {found['modality']}, {found['device']} {found['dtype']}: "
    said += f"{found['per_second']:.1f} a second"
    if found["ratio"] is not None:
        said += f", {found['ratio']:.2f} x the plain loop; {found['prepare_s']:.2f} s to prepare"
        said += f", {found['encode_s']:.2f} s to encode"
        if "files_per_second" in found:
            said += f", {found['files_per_second']:.1f} files a second"
            said += f", {found['files_ratio']:.2f} x the plain loop over files"
        said += f"; batches differ by {found['batches_differ']:.1e}"
        said += "" if found["batches_differ"] <= found["tolerance"] else " (TOO MUCH)"
    if found["max_difference"] is not None:
        said += f"; from the CPU by {found['max_difference']:.1e}"
    if found["least_cosine"] is not None:
        said += f"; least cosine {found['least_cosine']:.6f}"
    return said


def measure(options: argparse.Namespace, root: Path) -> None:
    """Everything that fits the time; what is known is on disk after every model."""
    begun = time.perf_counter()
    results: dict[str, Any] = {"gpu": gpu(options.device), "rows": [], "failed": {}}
    results["versions"] = {name: version(name) for name in ("transformers", "torchvision")}

    def keep(name: str, run: Callable[[Path], Any]) -> None:
        case = models.CASES[name]
        folder = root / case.name
        try:
            if not folder.exists():
                case.make(folder)
            run(folder)
        except Exception as error:  # noqa: BLE001  the others are measured in any case
            results["failed"][name] = f"{type(error).__name__}: {error}"[:400]
            print(f"{name}: {results['failed'][name]}", flush=True)
        tidy(options.device)
        if options.json:
            write(options.json, results)

    def rows(case: models.Case, folder: Path) -> None:
        for found in measured(case, folder, options):
            results["rows"].append(found)
            print(f"{time.perf_counter() - begun:.0f} s: {told(found)}", flush=True)

    def precision(case: models.Case, folder: Path) -> None:
        results["auto"] = chosen(
            case, folder, case.things(min(ON_CPU, options.items)), options.device
        )
        print("auto:", results["auto"], flush=True)

    def memory(case: models.Case, folder: Path) -> None:
        for found in short_of_memory(case, folder, options.device, min(options.items, BATCH + 64)):
            results.setdefault("memory", []).append(found)
            print("memory:", found, flush=True)

    for name, case in models.CASES.items():
        if options.only not in name:
            continue
        if time.perf_counter() - begun > options.seconds - RESERVED:
            results["failed"][name] = "no time was left"
            print(f"{name}: no time was left", flush=True)
            continue
        keep(name, partial(rows, case))
    if options.only not in FILLED:
        return
    keep(FILLED, partial(precision, models.CASES[FILLED]))
    keep(FILLED, partial(memory, models.CASES[FILLED]))


def gpu(device: str) -> Any:
    """Its name and memory; None for the CPU."""
    import torch

    if device == "cpu":
        return None
    known = torch.cuda.get_device_properties(device)
    return {"name": known.name, "memory_gb": round(known.total_memory / 1e9, 1),
            "cuda": torch.version.cuda}  # fmt: skip


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--device", default="cuda", help="cpu tries the script without a GPU")
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--items", type=int, default=512, help="texts; half as many pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=float, default=7.0, help="seconds of the rounds of a row")
    parser.add_argument(
        "--seconds", type=float, default=225.0, help="of all; no model starts later"
    )
    options = parser.parse_args()
    need(packages=("torch", "transformers", "tokenizers", "soundfile"))
    import torch
    import transformers

    if options.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} finds no cuda device here; --device cpu tries")
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="isthmus-gpu-") as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
