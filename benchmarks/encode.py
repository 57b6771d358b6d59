"""How fast the starter encoders run, against the loop that one would write at first.

python benchmarks/encode.py --json FILE
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _machine import spread, write
from _needs import STARTER, need
from isthmus import datasets, encoders
from isthmus.core.contracts import Encoder
from isthmus.core.item import MediaItem, Waveform
from isthmus.encoders.base import usable_cores
from isthmus.encoders.efficientnet import LITE0
from isthmus.media import decode
from isthmus.pipeline.encode import encode_items

SEED = 0
BATCH = 32


def timed(run: Callable[..., Any], *arguments: Any) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def plain_loop() -> Callable[[Sequence[Path]], Any]:
    """Pillow, squash to 224, PyTorch in batches of 32: the same weights, the same threads."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    torch.set_num_threads(usable_cores())
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(LITE0.weights(), weights_only=True))
    network.eval()

    def pixels(path: Path) -> Any:
        image = Image.open(path).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        flat = Image.alpha_composite(white, image).convert("RGB")
        squashed = flat.resize((224, 224), Image.Resampling.BICUBIC)
        return (np.asarray(squashed, dtype=np.float32).transpose(2, 0, 1) - 127) / 128

    def run(paths: Sequence[Path]) -> Any:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(paths), BATCH):
                x = np.stack([pixels(path) for path in paths[start : start + BATCH]])
                rows.append(network.extract_features(torch.from_numpy(x)).mean((2, 3)).numpy())
        return np.concatenate(rows)

    return run


def images(count: int, repetitions: int) -> dict[str, Any]:
    """Images a second, the plain loop and ``encode_items`` in turns."""
    records = datasets.load("tuxpaint").records[:count]
    items = [record.items["image"] for record in records]
    paths = [item.payload for item in items if isinstance(item.payload, Path)]
    plain, encoder = plain_loop(), encoders.load("efficientnet-lite0")
    plain(paths[:BATCH])
    encode_items(items[:BATCH], encoder)
    slow, fast = [], []
    for _ in range(repetitions):
        slow.append(timed(plain, paths))
        fast.append(timed(encode_items, items, encoder))
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return {
        "images": len(items),
        "image_plain_s": spread(slow),
        "image_encode_items_s": spread(fast),
        "image_per_second": len(items) / float(np.median(fast)),
        "image_speedup": spread(ratios)["median"],
        "image_speedup_spread": spread(ratios),
    }


def sound(seconds: float, repetitions: int) -> dict[str, Any]:
    """A short spoken caption with its window cut against padded to 30 s."""
    clips = (
        decode(r.items["audio"]) for r in datasets.load("tuxpaint", part="speech-text").records
    )
    long = next(clip for clip in clips if clip.seconds >= seconds)
    clip = Waveform(long.samples[: int(seconds * long.rate)], long.rate)
    cut, full = (encoders.load(f"whisper-tiny?window={w}") for w in ("cut", "full"))

    def whole(encoder: Encoder, clip: Waveform) -> Any:
        return encoder.encode([encoder.prepare(clip)])

    took: dict[str, list[float]] = {"cut": [], "full": []}
    for encoder in (cut, full):
        whole(encoder, clip)
    for _ in range(repetitions):
        for name, encoder in (("cut", cut), ("full", full)):
            took[name].append(timed(whole, encoder, clip))
    ratios = [a / b for a, b in zip(took["full"], took["cut"], strict=True)]
    return {
        "audio_clip_s": clip.seconds,
        "audio_cut_s": spread(took["cut"]),
        "audio_full_s": spread(took["full"]),
        "audio_speedup": spread(ratios)["median"],
        "audio_speedup_spread": spread(ratios),
    }


def captions(count: int, repetitions: int) -> dict[str, Any]:
    """Distinct captions in many languages, and one caption at a time."""
    records = datasets.load("tuxpaint", languages="all").records
    distinct = sorted({text for r in records for text in r.items["text"].captions})
    rng = np.random.default_rng(SEED)
    chosen = [distinct[i] for i in rng.permutation(len(distinct))[:count]]
    if len(chosen) < count:
        raise SystemExit(f"need {count} distinct captions, found {len(chosen)}")
    items = [MediaItem.from_text(text) for text in chosen]
    encoder = encoders.load("universal")
    encoder.encode([("warm up",)])
    took = [timed(encode_items, items, encoder) for _ in range(repetitions)]
    single = [timed(encoder.encode, [(text,)]) * 1e3 for text in chosen[:200]]
    return {
        "captions": len(items),
        "captions_10k_s": spread(took)["median"],
        "captions_10k_s_spread": spread(took),
        "text_ms": float(np.median(single)),
        "text_ms_p95": float(np.percentile(single, 95)),
        "text_calls": len(single),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER)
    load = os.getloadavg()[0]
    results = {
        "seed": SEED,
        **captions(10_000, min(options.repetitions, 3)),
        **sound(1.3, 3 * options.repetitions),
        **images(options.images, options.repetitions),
    }
    for name in ("image_speedup", "audio_speedup", "captions_10k_s", "text_ms"):
        print(f"{name}: {results[name]:.2f}")
    if options.json:
        write(options.json, results, load_1min=load)


if __name__ == "__main__":
    main()
