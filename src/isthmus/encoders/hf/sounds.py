"""Sounds to windows, and windows to what a model takes, by transformers' own extractors."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.view import AUDIO
from isthmus.encoders.base import check_sound
from isthmus.encoders.hf.families import Config
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.hf.library import quiet, transformers
from isthmus.encoders.passes import PICTURES

MOST_WINDOWS = 10
"""Of a clip; what follows is not heard, as by whisper-tiny of the starter."""
_WAVES = ("wav2vec2", "hubert", "wavlm")
_SECONDS = {
    "whisper": 30.0,
    "clap": 10.0,
    "clap_audio_model": 10.0,
    "audio-spectrogram-transformer": 10.24,
}
"""Length of a window: what the model was trained with; it fills a shorter one up itself."""
_WAVE_SECONDS = 30.0
"""Models of waves read any length, but attention grows with its square."""
_STEP_SECONDS = 0.02
"""Of a token of Whisper: a hop of 10 ms, halved."""
_HOP = 160
_FRAME = 400
"""Samples of a frame: no extractor makes anything of less."""


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """How a sound is cut.

    Attributes:
        kind: The model's ``model_type``.
        rate: Hz that it reads.
        window: Samples of a window.
        shortest: Samples that a window has at least; silence fills it up.
    """

    kind: str
    rate: int
    window: int
    shortest: int

    @classmethod
    def of(cls, settings: Config, config: Config) -> SoundSettings:
        """Read the settings that come with a model.

        Args:
            settings: Of its feature extractor.
            config: Of the tower that hears.
        """
        kind = str(config.get("model_type", ""))
        rate = int(settings.get("sampling_rate", 48_000 if kind.startswith("clap") else 16_000))
        seconds = _SECONDS.get(kind, _WAVE_SECONDS)
        if kind == "whisper":
            seconds = float(settings.get("chunk_length", seconds))
        elif kind.startswith("clap"):
            seconds = float(settings.get("max_length_s", seconds))
        elif kind not in _WAVES:
            seconds = int(settings.get("max_length", 1024)) * _HOP / rate
        return cls(kind, rate, int(seconds * rate), _shortest(kind, config))


class SoundInputs:
    """Sounds for a model.

    Longer clips are cut into windows, at most ten, whose vectors are averaged by length.

    Args:
        folder: Of the feature extractor's files.
        settings: How they are cut.
    """

    modality = AUDIO
    batch_size = 16
    together = PICTURES

    def __init__(self, folder: Folder, settings: SoundSettings) -> None:
        self.name = folder.name
        self.settings = settings
        self.takes = settings.window / settings.rate
        self._folder = folder
        self._extractor: Any = None
        self._lock = threading.RLock()

    def describe(self) -> dict[str, Any]:
        """What changes what the model hears."""
        return {"sound": asdict(self.settings), "windows": MOST_WINDOWS}

    def prepare(self, decoded: object) -> list[F32]:
        """Windows of samples at the model's rate."""
        settings = self.settings
        samples = check_sound(decoded, self.name, settings.rate)
        starts = range(0, min(len(samples), MOST_WINDOWS * settings.window), settings.window)
        return [samples[start : start + settings.window] for start in starts]

    def pieces(self, prepared: Sequence[list[F32]]) -> list[list[F32]]:
        """One piece a window."""
        return [list(windows) for windows in prepared]

    def length(self, piece: F32) -> int:
        """Tokens, about 50 a second; of a model that fills windows up, always as many."""
        samples = len(piece) if self.settings.kind in _WAVES else self.settings.window
        return max(1, math.ceil(samples / self.settings.rate / _STEP_SECONDS))

    def alike(self, piece: F32) -> int:
        """Models of waves hear what fills a batch up, so their batches are of one length."""
        return max(len(piece), self.settings.shortest) if self.settings.kind in _WAVES else 0

    def weight(self, piece: F32) -> float:
        """Samples."""
        return float(len(piece))

    def arrays(self, pieces: list[F32]) -> dict[str, Array]:
        """What the model is called with."""
        shortest = self.settings.shortest
        padded = [np.pad(piece, (0, max(0, shortest - len(piece)))) for piece in pieces]
        with self._lock:
            rate = self.settings.rate
            found = self._loaded()(padded, sampling_rate=rate, return_tensors="np")
        name = self._loaded().model_input_names[0]
        arrays: dict[str, Array] = {name: np.asarray(found[name], dtype=np.float32)}
        if self.settings.kind.startswith("clap"):
            # The extractor draws by lot one clip of each batch that it calls longer than it is.
            arrays["is_longer"] = np.zeros((len(pieces), 1), dtype=bool)
        return arrays

    def counts(self, pieces: list[F32]) -> Array | None:
        """Tokens that cover real sound; None where all do, or the model fills up itself."""
        if self.settings.kind != "whisper":
            return None
        samples = np.array([len(piece) for piece in pieces])
        return np.ceil(samples / self.settings.rate / _STEP_SECONDS).astype(np.int64)

    def _loaded(self) -> Any:
        if self._extractor is None:
            library = transformers(self.name)
            try:
                with quiet():
                    self._extractor = library.AutoFeatureExtractor.from_pretrained(
                        str(self._folder.path), local_files_only=True
                    )
            except ImportError as error:
                raise InputError(f"{self.name}: hearing needs a package: {error}") from error
            except (OSError, ValueError, KeyError, TypeError) as error:
                reason = next(iter(str(error).splitlines()), "") or type(error).__name__
                raise ArtifactError(
                    f"{self.name}: preprocessor_config.json in {self._folder.path} cannot be "
                    f"read ({reason}); fetch the model again"
                ) from error
        return self._extractor


def _shortest(kind: str, config: Config) -> int:
    """Samples of which a model makes one token."""
    if kind not in _WAVES:
        return _FRAME
    kernels = config.get("conv_kernel", (10, 3, 3, 3, 3, 2, 2))
    strides = config.get("conv_stride", (5, 2, 2, 2, 2, 2, 2))
    samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * int(stride) + int(kernel)
    return samples
