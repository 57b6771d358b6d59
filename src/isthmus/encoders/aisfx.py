"""aiSFX: sound effects to features of a network that learned to sort them.

Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries", ISMIR
2022. The weights (CC BY 4.0) were learned from the categories of libraries of sound effects, not
from speech or music. They come in the package ``aisfx``, of which only the weights are used: its
requirements ask for a NumPy of 2022.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import MissingExtraError
from isthmus.core.linalg import F32, F64
from isthmus.core.view import AUDIO
from isthmus.encoders.base import check_sound, check_threads, verified
from isthmus.encoders.export import SOUND_EFFECTS, exported
from isthmus.encoders.onnx_session import open_session
from isthmus.encoders.parts import AdditiveParts, Span
from isthmus.encoders.passes import Passes
from isthmus.encoders.windows import window_for

CHECKPOINT_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"

RATE = 44_100
FRAME, HOP, BANDS = 2048, 1024, 96
BLOCK, STEP = 100, 50
"""Frames that the network takes at a time, and from the start of one block to the next: half of it,
as in the paper."""
MAX_SECONDS = 300
_LOUDEST = 9.457798957824707
"""Largest value of the spectrograms that the network was trained on, by which it divides."""
_TOGETHER = 8
"""Blocks in one forward pass."""


class SoundEffectsEncoder:
    """Means over blocks of 2.3 s: 512 numbers.

    Clips are brought to one peak. The last block is filled with silence; what follows after five
    minutes is not heard.

    Args:
        threads: Forward passes at a time, each on one core; default: the cores of this machine.
    """

    id = "aisfx"
    modality = AUDIO
    dim = 512
    languages: tuple[str, ...] = ()
    batch_size = 16
    window = window_for(AUDIO)

    def __init__(self, *, threads: int | None = None) -> None:
        self._graph = {"encoder": self.id, "weights": CHECKPOINT_SHA256, "graph": "max, mean, 1"}
        self.fingerprint = fingerprint(
            {
                **self._graph,
                "blocks": [RATE, FRAME, HOP, BANDS, BLOCK, STEP, MAX_SECONDS],
                "sound": "peak 1, log mel, mean over blocks, 1",
            }
        )
        self._passes = Passes(self._opened, check_threads(threads, self.id))

    def prepare(self, decoded: Any) -> F32:
        """Blocks ``(n, 100, 96)`` float32 of the log-mel spectrogram."""
        samples = check_sound(decoded, self.id, RATE)[: MAX_SECONDS * RATE]
        frames = log_mel(samples / max(float(np.abs(samples).max()), 1e-9))
        count = max(1, math.ceil((len(frames) - BLOCK) / STEP) + 1)
        missing = max(0, (count - 1) * STEP + BLOCK - len(frames))
        padded = np.pad(frames, ((0, missing), (0, 0)))
        return np.stack([padded[i * STEP : i * STEP + BLOCK] for i in range(count)])

    def encode(self, batch: Sequence[F32]) -> F32:
        """Vectors ``(len(batch), 512)`` float32, not normalised."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        features = self._features(np.concatenate(batch))
        ends = np.cumsum([len(blocks) for blocks in batch])[:-1]
        return np.stack([part.mean(axis=0) for part in np.split(features, ends)])

    def split(self, decoded: Any) -> AdditiveParts:
        """The blocks that the vector is the mean of; each overlaps the next by half."""
        blocks = self.prepare(decoded)
        vectors: F64 = self._features(blocks).astype(np.float64) / len(blocks)
        length = min(len(decoded.samples) / decoded.rate, float(MAX_SECONDS))
        starts = [i * STEP * HOP / RATE for i in range(len(blocks))]
        places = [Span(start, min(start + BLOCK * HOP / RATE, length)) for start in starts]
        return AdditiveParts(places, vectors, np.full_like(vectors, 1 / len(blocks)))

    def _features(self, blocks: F32) -> F32:
        """``(n, 512)`` of blocks, a few at a time."""
        groups = [blocks[i : i + _TOGETHER] for i in range(0, len(blocks), _TOGETHER)]
        return np.concatenate(list(self._passes.each(_forward, groups)))

    def _opened(self, threads: int) -> Any:
        model = exported(
            fingerprint(self._graph),
            architecture=SOUND_EFFECTS,
            weights=weights(),
            sha256=CHECKPOINT_SHA256,
            size=BANDS,
        )
        return open_session(str(model), who=self.id, extra="starter", threads=threads)


def _forward(session: Any, blocks: F32) -> F32:
    found: F32 = session.run(None, {"x": blocks})[0]
    return found


def weights() -> Path:
    """The file of weights, after its hash was checked.

    Raises:
        MissingExtraError: If the package is not installed.
        IntegrityError: If the file is not the one that was published.
    """
    found = importlib.util.find_spec("aisfx")
    if found is None or found.origin is None:
        raise MissingExtraError(
            "the encoder 'aisfx' needs the package 'aisfx', which is not installed. "
            "Run: pip install --no-deps aisfx==0.1.2"
        )
    return verified(Path(found.origin).parent / "models" / "checkpoint.pth", CHECKPOINT_SHA256)


def log_mel(samples: F32) -> F32:
    """Logarithms of the power in mel bands.

    Args:
        samples: ``(n,)`` at 44,100 Hz, in −1…1.

    Returns:
        ``(1 + n // 1024, 96)`` float32, 0 where it is silent and about 1 at the loudest.
    """
    count = 1 + len(samples) // HOP
    padded = np.pad(np.asarray(samples, dtype=np.float32), (FRAME // 2, FRAME // 2 + HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP][:count]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1))
    power = spectrum.astype(np.float32) ** 2 @ _filters().T
    return np.asarray(np.log10(1e4 * power + 1) / _LOUDEST, dtype=np.float32)


@lru_cache(maxsize=1)
def _filters() -> F32:
    """``(96, 1025)``, triangles on the mel scale of HTK, each of sum 1."""

    def mel(hertz: Any) -> F64:
        return np.asarray(2595 * np.log10(1 + np.asarray(hertz, dtype=np.float64) / 700))

    edges = np.linspace(0.0, float(mel(RATE / 2)), BANDS + 2)[:, None]
    bins = mel(np.fft.rfftfreq(FRAME, 1 / RATE))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True), dtype=np.float32)
