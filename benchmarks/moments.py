"""What summing moments costs beside the bare matrix products, and whether memory stays flat.

OPENBLAS_NUM_THREADS=2 python benchmarks/moments.py --json FILE
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from _machine import spread, write
from _needs import need
from isthmus.aligners import CCA
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments

SEED = 0
DIMS = {"image": 1280, "text": 512}
CHUNK = 20_000
ALLOWED_RATIO, ALLOWED_GROWTH_MB = 1.3, 200.0


def timed(run: Callable[[], Any]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def draw(rows: int) -> dict[str, np.ndarray]:
    """Rows of both modalities with a shared latent and means of their own, float32."""
    rng = np.random.default_rng(SEED)
    latent = rng.standard_normal((rows, 8), dtype=np.float32)
    out = {}
    for m, d in DIMS.items():
        out[m] = rng.standard_normal((rows, d), dtype=np.float32)
        out[m] += latent @ rng.standard_normal((8, d), dtype=np.float32)
        out[m] += rng.standard_normal(d, dtype=np.float32)
    return out


def products(rows: int, repetitions: int) -> dict[str, Any]:
    """``Moments`` and ``XᵀX, YᵀY, XᵀY`` on whole arrays, in turns."""
    pairs = PairedVectors(draw(rows))
    x, y = pairs.vectors.values()
    results: dict[str, Any] = {"rows": rows, "dims": DIMS}
    moments = {}
    for dtype in ("float32", "float64"):

        def bare(dtype: str = dtype) -> None:
            a, b = x.astype(dtype, copy=False), y.astype(dtype, copy=False)
            for left, right in ((a, a), (b, b), (a, b)):
                left.T @ right

        def ours(dtype: str = dtype) -> None:
            moments[dtype] = Moments.of(pairs, products=dtype)

        bare(), ours()
        took: dict[str, list[float]] = {"bare": [], "moments": []}
        for _ in range(repetitions):
            took["bare"].append(timed(bare))
            took["moments"].append(timed(ours))
        ratios = spread([b / a for a, b in zip(took["bare"], took["moments"], strict=True)])
        name = "gemm_ratio" if dtype == "float32" else "gemm_ratio_float64"
        results[name] = ratios["median"]
        results[f"{name}_spread"] = ratios
        results[f"bare_{dtype}_s"] = spread(took["bare"])
        results[f"moments_{dtype}_s"] = spread(took["moments"])
        results[f"rows_per_second_{dtype}"] = rows / results[f"moments_{dtype}_s"]["median"]
    results["float32_error"] = max(
        float(np.abs(found - exact).max() / np.abs(exact).max())
        for found, exact in zip(_sums(moments["float32"]), _sums(moments["float64"]), strict=True)
    )
    return results


def _sums(moments: Moments) -> list[np.ndarray]:
    return [moments.covariance(m) for m in DIMS] + [moments.cross(*DIMS)]


class Memory(AbstractContextManager["Memory"]):
    """Most anonymous resident memory while a block runs; pages of mapped files are not in it."""

    def __init__(self, every: float = 0.01) -> None:
        self.every = every
        self.most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            self.most = max(self.most, anonymous_mb())


def anonymous_mb() -> float:
    """Anonymous resident memory of this process in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1e3
    raise SystemExit("this benchmark reads RssAnon from /proc/self/status")


def stream(rows: int, scratch: Path | None) -> dict[str, Any]:
    """Sum memory-mapped files larger than a sitting, chunk by chunk."""
    folder = Path(tempfile.mkdtemp(prefix="isthmus-moments-", dir=scratch))
    try:
        need = rows * sum(DIMS.values()) * 4
        free = shutil.disk_usage(folder).free
        if need > 0.8 * free:
            raise SystemExit(f"{folder} has {free / 1e9:.0f} GB free, need {need / 1e9:.0f}")
        _write(folder, rows)
        files = {
            m: np.memmap(folder / m, dtype=np.float32, mode="r", shape=(rows, d))
            for m, d in DIMS.items()
        }
        moments = Moments(DIMS, products="float32")

        def add(start: int) -> None:
            moments.update(PairedVectors({m: x[start : start + CHUNK] for m, x in files.items()}))

        before = anonymous_mb()
        add(0)
        after_first = anonymous_mb()
        began = time.perf_counter()
        with Memory() as memory:
            for start in range(CHUNK, rows, CHUNK):
                add(start)
        seconds = time.perf_counter() - began
        found = CCA(ridge=1.0).fit_moments(moments).correlations_
    finally:
        shutil.rmtree(folder)
    return {
        "stream_rows": rows,
        "stream_gb": need / 1e9,
        "stream_chunk_rows": CHUNK,
        "stream_s": seconds,
        "stream_rows_per_second": (rows - CHUNK) / seconds,
        "stream_count": moments.count(*DIMS),
        "stream_correlations": [round(float(value), 4) for value in found[:10]],
        "rss_anon_before_mb": before,
        "rss_anon_after_first_chunk_mb": after_first,
        "rss_anon_most_mb": memory.most,
        "rss_growth_mb": memory.most - before,
        "rss_growth_counts": "anonymous memory above that before the first chunk, with the sums",
    }


def _write(folder: Path, rows: int) -> None:
    chunk = draw(CHUNK)
    rng = np.random.default_rng(SEED + 1)
    with (folder / "image").open("wb") as image, (folder / "text").open("wb") as text:
        for start in range(0, rows, CHUNK):
            # One draw, shuffled and scaled anew, keeps writing quick and the rows different.
            order = rng.permutation(CHUNK)[: rows - start]
            scale = np.float32(rng.uniform(0.9, 1.1))
            for handle, m in ((image, "image"), (text, "text")):
                handle.write((chunk[m][order] * scale).tobytes())


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--stream-rows", type=int, default=2_000_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--scratch", type=Path, help="folder for 14 GB of temporary files")
    options = parser.parse_args()
    need()
    load = os.getloadavg()[0]
    # Memory first: freed arrays of the other part would make room that hides a growth.
    results = {
        "seed": SEED,
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
        **stream(options.stream_rows, options.scratch),
        **products(options.rows, options.repetitions),
    }
    results["within_limits"] = {
        f"gemm_ratio <= {ALLOWED_RATIO}": results["gemm_ratio"] <= ALLOWED_RATIO,
        f"rss_growth_mb <= {ALLOWED_GROWTH_MB:g}": results["rss_growth_mb"] <= ALLOWED_GROWTH_MB,
    }
    for name in ("gemm_ratio", "gemm_ratio_float64", "float32_error", "rss_growth_mb"):
        print(f"{name}: {results[name]:.3g}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write(options.json, results, load_1min=load)


if __name__ == "__main__":
    main()
