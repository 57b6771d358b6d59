"""What the folder of a model says of it: its size, its licence, its card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.contracts import Encoder, Filed, Licensed

_CARD = "README.md"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".onnx_data", ".npz", ".msgpack")
_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
_MOST_BYTES = 2**20
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENCE = re.compile(r"^license(_name)?:\s*[\"']?([^\n\"'#]+?)[\"']?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What lies in the folder of a model.

    Attributes:
        folder: Where.
        weight_bytes: Size of its files of weights; if one model lies there in several formats,
            of all of them.
        licence: What its card or its licence file says; empty if neither does.
        card: The model card; None if there is none.
    """

    folder: Path
    weight_bytes: int
    licence: str
    card: Path | None


def model_files(folder: Path) -> ModelFiles:
    """Look into the folder of a model; nothing in it is run or parsed but the card's head.

    Args:
        folder: An existing folder, or a file of weights, which then stands for itself.
    """
    home = folder if folder.is_dir() else folder.parent
    found = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    weights = [path for path in found if path.suffix in _WEIGHTS and path.is_file()]
    card = home / _CARD
    return ModelFiles(
        folder,
        sum(path.stat().st_size for path in weights),
        _licence(home),
        card if card.is_file() else None,
    )


def _licence(folder: Path) -> str:
    """By the front matter of the card as the Hugging Face hub writes it, else by a file's name."""
    head = _FRONT.match(_start(folder / _CARD))
    said = _LICENCE.findall(head[1]) if head else []
    if said:
        return str(max(said)[1]).strip()  # "license: other" stands beside its "license_name"
    for name in _LICENCE_FILES:
        if lines := _start(folder / name).strip().splitlines():
            return lines[0].strip()
    return ""


def _start(path: Path) -> str:
    """The first text of a file; empty if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        return handle.read(_MOST_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")


def licence_of(encoder: Encoder) -> str:
    """Of an encoder's weights, as it says or as its files do; empty where neither does."""
    if isinstance(encoder, Licensed):
        return encoder.licence
    folder = encoder.folder if isinstance(encoder, Filed) else None
    return "" if folder is None else model_files(folder).licence
