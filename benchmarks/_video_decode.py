"""How fast videos are decoded beside a bare loop of PyAV, and what long ones take of memory.

The bare loop decodes every frame in order and converts those that are asked for: what a person
would write in five lines. Both run in one process, on one thread, in turn.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import Sampling
from isthmus.core.item import MediaItem
from isthmus.media.video import decode_video

REPEATS = 5
SIDE = 224
LONG = {"1 min": 60, "10 min": 600, "2 h": 7200}
"""Seconds."""
LONG_RATE, LONG_KEYS = 10, 250
"""Frames a second of long videos, and from one that needs no other to the next."""
PEAK = """
import re, sys
from pathlib import Path
from isthmus.core.contracts import Sampling
from isthmus.core.item import MediaItem
from isthmus.media.video import decode_video
path, by = Path(sys.argv[1]), sys.argv[2]
item = MediaItem("0", "video", path.name, path)
clip = decode_video(item, side=64, sampling=Sampling(frames=16, by=by))
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(len(clip.frames), int(peak[1]) / 1024)
"""
"""A program that decodes one video and tells its frames, and its own peak memory in MB. Linux
counts the memory of a parent in ``ru_maxrss``."""


def make(path: Path, seconds: float, *, size: tuple[int, int], rate: int, keys: int) -> None:
    """Film noise that moves, in H.264."""
    import av

    rng = np.random.default_rng(0)
    width, height = size
    land = rng.integers(0, 256, (height // 8 + 64, width // 8 + 64, 3), dtype=np.uint8)
    land = land.repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = keys
        stream.codec_context.thread_count = 1
        for number in range(round(seconds * rate)):
            step = number % 256
            pixels = np.ascontiguousarray(land[step : step + height, step : step + width])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def bare(path: Path, numbers: list[int], size: tuple[int, int]) -> np.ndarray:
    """The frames of these numbers, by the plainest loop."""
    import av

    wanted, kept = set(numbers), []
    with av.open(str(path)) as file:
        file.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(file.decode(video=0)):
            if number in wanted:
                kept.append(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))
    return np.stack(kept)


def ratio(path: Path, frames: int, rate: int) -> dict[str, float]:
    """How many times as fast as the bare loop frames are decoded that are alike."""
    item = MediaItem("0", "video", path.name, path)
    sampling = Sampling(frames=frames)
    clip = decode_video(item, side=SIDE, sampling=sampling)
    numbers = np.rint(clip.times * rate).astype(int).tolist()
    size = (clip.frames.shape[2], clip.frames.shape[1])
    away = np.abs(bare(path, numbers, size).astype(np.int16) - clip.frames).max()
    if away > 0:
        raise SystemExit(f"{path.name}: frames differ from those of the bare loop by {away}")
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: decode_video(item, side=SIDE, sampling=sampling),
        "bare": lambda: bare(path, numbers, size),
    }
    for _ in range(REPEATS):
        for name, run in ways.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    middle = {name: float(np.median(values)) for name, values in seconds.items()}
    return {**middle, "frames": len(clip.frames), "ratio": middle["bare"] / middle["ours"]}


def peak(path: Path, by: str) -> dict[str, float]:
    """Peak memory of a process that decodes one video, in MB."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), by], capture_output=True, text=True, check=True
    )
    frames, megabytes = done.stdout.split()
    return {
        "frames": int(frames),
        "peak_mb": float(megabytes),
        "seconds": time.monotonic() - started,
    }


def measure() -> dict[str, Any]:
    """Figures of decoding.

    Returns:
        ``decode_ratio``, the least over samplings of how many times as fast as the bare loop
        videos are decoded; the samplings; and peak memory by length of the video.
    """
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        make(film, 12, size=(960, 540), rate=25, keys=250)
        ratios = {
            "16 of 300 frames": ratio(film, 16, 25),
            "100 of 300 frames": ratio(film, 100, 25),
            "all 300 frames": ratio(film, 300, 25),
        }
        memory = {}
        for name, seconds in LONG.items():
            path = Path(folder) / f"{seconds}.mp4"
            make(path, seconds, size=(96, 64), rate=LONG_RATE, keys=LONG_KEYS)
            memory[name] = {"bytes": path.stat().st_size, "uniform": peak(path, "uniform")}
            memory[name]["shots"] = peak(path, "shots")
            path.unlink()
    return {
        "decode_ratio": min(each["ratio"] for each in ratios.values()),
        "decode_samplings": ratios,
        "decode_memory": memory,
    }


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
