"""Encoders to ONNX files, kept only if a check of vectors passes: ``isthmus export``.

The graph is written in a child process, which keeps torch, its threads and what it prints out of
the caller's. Then the encoder and the file encode the same made-up items, ragged ones, one by one
and together.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from isthmus.core.contracts import Encoder, Progress, untold
from isthmus.core.document import to_object
from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import Waveform
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paths import expanded
from isthmus.core.staging import staging
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.core.wording import way
from isthmus.encoders import load
from isthmus.encoders.child import run_child
from isthmus.encoders.onnx_file import MODEL, Description
from isthmus.encoders.onnx_file import load as load_file
from isthmus.encoders.onnx_file.description import ENDING
from isthmus.encoders.vectors import VectorEncoder

TOLERANCE = 1e-5
"""By how much a number of a unit vector may differ: as much as batches may change it."""
ITEMS = 32
"""Made-up items of the check."""
_WORDS = ("a", "red", "kangaroo", "jumps", "over", "7", "雨", "дом", "naïve", "—", "?!", "the", "x")
_SEED = 0


@runtime_checkable
class Exportable(Protocol):
    """An encoder that can be written as an ONNX file."""

    def to_onnx(self, folder: Path) -> Description:
        """Write ``model.onnx``, and beside it the files that its description names.

        Args:
            folder: Where to; it is there and empty.

        Returns:
            What :mod:`isthmus.encoders.onnx_file` needs to know of it.

        Raises:
            InputError: If an option of this encoder has no place in a graph.
        """
        ...


@dataclass(frozen=True)
class Exported:
    """What :func:`export` wrote.

    Attributes:
        model: The file.
        modality: What it reads.
        dim: Length of its vectors.
        size: Bytes of all files.
        difference: The largest between numbers of unit vectors of the encoder and of the file.
        tolerance: The largest that is allowed.
        items: On how many made-up items it was found, one by one and together.
    """

    model: Path
    modality: str
    dim: int
    size: int
    difference: float
    tolerance: float
    items: int


def export(
    spec: str,
    folder: Path | str,
    *,
    options: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write an encoder as an ONNX file with a description, for ``onnx:FOLDER``.

    Args:
        spec: As for :func:`isthmus.encoders.load`.
        folder: Where to. It may hold an earlier export and nothing else.
        options: Further options of that encoder.
        tolerance: The largest difference of a number of a unit vector.
        overwrite: Whether an earlier export is replaced.
        progress: Told when what was asked is checked and the work begins.

    Returns:
        Where it is, and by how much its vectors differ.

    Raises:
        InputError: If the encoder cannot be exported, or the folder holds something else, or an
            earlier export that is not to be replaced.
        IsthmusError: If the export fails, or its vectors differ by more than ``tolerance``; then
            nothing is written.
    """
    target = expanded(folder)
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must be between 0 and 1, got {tolerance}")
    _check_target(target, overwrite=overwrite)
    _check_model(spec)
    encoder = load(spec, **(options or {}))
    if not isinstance(encoder, Exportable):
        raise InputError(
            f"the encoder {spec!r} cannot be exported to ONNX; efficientnet-lite0, "
            "efficientnet-lite2, and those by hf: can"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    (progress or untold)("write and compare", 0, 1)
    with staging(target) as place:
        made = place / "made"
        made.mkdir()
        _run_child(spec, options or {}, made)
        difference = _difference(encoder, made)
        if not difference <= tolerance:
            raise IsthmusError(
                f"the ONNX file of {spec} gives other vectors than the encoder: they differ by up "
                f"to {difference:.1e}, and {tolerance:.0e} is allowed, so nothing was written"
            )
        size = sum(each.stat().st_size for each in made.iterdir())
        if target.exists():
            shutil.rmtree(target)
        made.replace(target)
    return Exported(
        target / MODEL, encoder.modality, encoder.dim, size, difference, tolerance, ITEMS
    )


def write(encoder: Encoder, folder: Path) -> Description:
    """Write an encoder and its description into an empty folder, in this process and unchecked.

    Raises:
        InputError: If it cannot be exported.
    """
    if not isinstance(encoder, Exportable):
        raise InputError(f"the encoder {encoder.id!r} cannot be exported to ONNX")
    description = encoder.to_onnx(folder)
    document = {name: value for name, value in to_object(description).items() if value is not None}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MODEL).with_suffix(ENDING).write_text(f"{text}\n", encoding="utf-8")
    return description


def made_up(modality: str, count: int = ITEMS) -> list[Any]:
    """Items to compare encoders on: of all lengths and shapes, the same each time.

    Args:
        modality: Of the items.
        count: How many.

    Returns:
        What decoding yields: captions, ``PIL.Image.Image``, or :class:`Waveform`.

    Raises:
        InputError: If nothing is made up of this modality.
    """
    rng = np.random.default_rng(_SEED)
    if modality == TEXT:
        lengths = np.unique(np.geomspace(1, 200, count).astype(int), return_inverse=True)
        counts = lengths[0][lengths[1]]
        return [(" ".join(rng.choice(_WORDS, size=n)),) for n in counts]
    if modality == IMAGE:
        return [_picture(rng) for _ in range(count)]
    if modality == AUDIO:
        seconds = np.geomspace(0.1, 12.0, count)
        return [
            Waveform((0.1 * rng.standard_normal(int(s * 16_000))).astype(np.float32), 16_000)
            for s in seconds
        ]
    raise InputError(f"nothing is made up to check encoders of {modality}")


def _picture(rng: np.random.Generator) -> Any:
    """Blots of colour and noise, of any shape."""
    from PIL import Image

    width, height = (int(side) for side in rng.integers(24, 400, size=2))
    blots = rng.integers(0, 256, size=(4, 5, 3), dtype=np.uint8)
    smooth = Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-20, 21, size=(height, width, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8))


def _difference(encoder: Encoder, folder: Path) -> float:
    """The largest difference of unit vectors, when encoded one by one and together."""
    file = load_file(str(folder))
    if (file.modality, file.dim) != (encoder.modality, encoder.dim):
        return float("inf")
    items = made_up(encoder.modality)
    expected = _unit(encoder.encode([encoder.prepare(item) for item in items]))
    prepared = [file.prepare(item) for item in items]
    together = _unit(file.encode(prepared))
    alone = _unit(np.vstack([file.encode([each]) for each in prepared]))
    found = max(np.abs(each - expected).max() for each in (together, alone))
    return float(found) if np.isfinite(found) else float("inf")


def _unit(vectors: F32) -> F32:
    return np.asarray(l2_normalize(vectors), dtype=np.float32)


def _check_model(spec: str) -> None:
    """Refuse what stands for vectors of the user's."""
    if spec.partition("?")[0] == VectorEncoder.id:
        raise InputError(
            "vectors of your own have no model that could be written; to use the model that made "
            "them here, name its class: package.module:Class"
        )


def _check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds anything but an earlier export that may be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the export")
    names = {each.name for each in folder.iterdir()}
    known = {MODEL, Path(MODEL).stem + ENDING, "tokenizer.json"}
    if names - known:
        raise InputError(
            f"{folder} holds {min(names - known)!r}, which is no export; name another folder"
        )
    if names and not overwrite:
        again = way(python="overwrite=True", shell="--overwrite")
        raise InputError(f"{folder} already holds an export; replace it with {again}")


def _run_child(spec: str, options: Mapping[str, Any], folder: Path) -> None:
    asked = json.dumps({"spec": spec, "options": dict(options), "folder": str(folder.resolve())})
    run_child(__name__, [asked], folder / MODEL, f"exporting {spec} to ONNX")


def _main(asked: str) -> None:
    document = json.loads(asked)
    try:
        write(load(document["spec"], **document["options"]), Path(document["folder"]))
    except IsthmusError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(sys.argv[1])
