"""``timm:``: image models of timm, of a folder or of the Hugging Face hub, before the classifier.

Wightman, "PyTorch Image Models", 2019. All pretrained models of timm are on the hub under
``timm/NAME``, each with a ``config.json`` that says how pictures are prepared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.extras import require
from isthmus.core.linalg import F32
from isthmus.core.view import IMAGE
from isthmus.encoders.base import check_image
from isthmus.encoders.framing import Framing, Mode, reduced
from isthmus.encoders.hf.files import Folder, open_folder
from isthmus.encoders.torch_model import (
    Module,
    Running,
    Tensor,
    TorchModel,
    check_running,
    transformer_memory,
)
from isthmus.encoders.vision import require_vision

EXTRA = "timm"
_ORGANISATION = "timm"
_PREFIXES = ("local-dir:", "hf-hub:", "hf_hub:")
"""What timm itself writes before a folder or a name of the hub."""
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIDE, _CROP, _FILTER, _MODE = 224, 0.875, "bicubic", "center"
"""timm's own, where a configuration leaves them open; so are the colours above."""
_PATCH = 14
"""The smallest patches that are common, for memory only."""


def modalities(name: str, **_: object) -> tuple[str, ...]:
    """Models of timm read images."""
    return (IMAGE,)


def load(
    name: str,
    *,
    modality: str | None = None,
    size: int | None = None,
    dim: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    threads: int | None = None,
    batch_size: int = 0,
    revision: str = "",
) -> TimmEncoder:
    """The encoder of a model of timm.

    Args:
        name: ``"vit_small_patch14_dinov2.lvd142m"``, ``ORG/NAME`` on the hub, or a folder that
            holds ``config.json`` and weights.
        modality: ``"image"``, if anything.
        size: Pixels a side; default: what the model was trained with.
        dim: Length of the vectors, where the files do not tell it right.
        device: See :data:`isthmus.encoders.torch_device.DEVICES`.
        dtype: See :data:`isthmus.encoders.torch_model.DTYPES`.
        threads: Of torch; default: as it is.
        batch_size: Items a batch; 0 for as many as the memory has room for.
        revision: A branch, a tag or a commit of the hub; its commit is in the fingerprint.

    Raises:
        InputError: If an option fits not.
        MissingDataError: If the model is not here and cannot be fetched.
    """
    called = f"timm:{name}"
    running = check_running(
        called, device=device, dtype=dtype, threads=threads, batch_size=batch_size, extra=EXTRA
    )
    if modality not in (None, IMAGE):
        raise InputError(f"{called} reads images, and not {modality!r}")
    if size is not None and size < 1:
        raise InputError(f"{called}: size must be 1 pixel or more, got {size}")
    return TimmEncoder(called, _open(name, revision), running, size=size, dim=dim)


class TimmEncoder:
    """Images to what a model of timm hands to its classifier; :func:`load` makes it."""

    modality = IMAGE
    languages: tuple[str, ...] = ()

    def __init__(
        self, called: str, folder: Folder, running: Running, *, size: int | None, dim: int | None
    ) -> None:
        self.id = called
        self.folder: Path | None = folder.path
        self.dtype = running.dtype
        whole = folder.json("config.json")
        own = whole.get("pretrained_cfg", whole)
        if not isinstance(own, Mapping) or "architecture" not in {**own, **whole}:
            raise InputError(
                f"{called} is no model of timm: its config.json names no architecture. Use hf: for "
                "models of transformers"
            )
        self._chosen = {"size": size, "dim": dim}
        self._commit, self._running = folder.commit, running
        self._framing = _framing(own, size, called)
        self.image_side = self._framing.image_side
        self.dim = dim or _width(folder, whole, own)
        self.fingerprint = fingerprint(
            {
                "scheme": "timm",
                "files": folder.identity(),
                "pixels": self._framing.describe(),
                "side": self.image_side,
                "dtype": running.dtype,
                "version": 1,
            }
        )
        fixed = size if own.get("fixed_input_size") else None
        self._model = TorchModel(called, lambda: _read(folder, fixed), running, extra=EXTRA)

    @property
    def batch_size(self) -> int:
        """Items that it is handed at a time."""
        return self._model.at_a_time(IMAGE, 32)

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._model.device

    def options(self) -> dict[str, Any]:
        """What :func:`load` needs to make it again."""
        return {
            **{name: value for name, value in self._chosen.items() if value is not None},
            **self._running.options(),
            **({"revision": self._commit} if self._commit else {}),
        }

    def prepare(self, decoded: object) -> NDArray[np.uint8]:
        """Pixels ``(height, width, 3)`` uint8."""
        return self._framing.prepare(check_image(decoded, self.id))

    def encode(self, batch: Sequence[NDArray[np.uint8]]) -> F32:
        """Vectors ``(len(batch), dim)`` float32, not normalised."""
        tokens = self._framing.size[0] * self._framing.size[1] // _PATCH**2
        return self._model.vectors(
            batch,
            self._forward,
            dim=self.dim,
            length=lambda _: tokens,
            memory=transformer_memory(self.dim, max(1, self.dim // 64)),
        )

    def _forward(self, model: Module, batch: list[NDArray[np.uint8]]) -> Tensor:
        pixels = self._model.pixels(batch, self._framing)
        found = model(pixels)
        if found.ndim != 2 or found.shape[1] != self.dim:
            raise InputError(
                f"{self.id} gives vectors of {tuple(found.shape[1:])} numbers, and not of "
                f"{self.dim}; add ?dim={found.shape[1]}"
            )
        return found


def _read(folder: Folder, size: int | None) -> Module:
    require_vision(folder.name, EXTRA, "timm")
    import timm

    more = {} if size is None else {"img_size": size}
    try:
        return timm.create_model(f"local-dir:{folder.path}", pretrained=True, num_classes=0, **more)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArtifactError(
            f"{folder.name} cannot be read from {folder.path}: {said:.300}"
        ) from error


def _open(name: str, revision: str) -> Folder:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    local = Path(name).expanduser().is_dir()
    plain = not local and "/" not in name and not name.startswith(("~", "."))
    try:
        return open_folder("timm", f"{_ORGANISATION}/{name}" if plain else name, revision)
    except MissingDataError:
        require("timm", extra=EXTRA, purpose=f"the encoder 'timm:{name}'")
        raise


def _framing(own: Mapping[str, Any], size: int | None, called: str) -> Framing:
    """What ``timm.data.resolve_model_data_config`` reads from a configuration."""
    try:
        _, height, width = own.get("input_size") or (3, _SIDE, _SIDE)
        sides = (size, size) if size is not None else (int(height), int(width))
        mean, std = own.get("mean") or _IMAGENET[0], own.get("std") or _IMAGENET[1]
        return Framing(
            size=sides,
            scale=reduced(sides, float(own.get("crop_pct") or _CROP)),
            mode=cast(Mode, own.get("crop_mode") or _MODE),
            resample=own.get("interpolation") or _FILTER,
            mean=tuple(map(float, mean)),
            std=tuple(map(float, std)),
            fill=tuple(round(255 * float(each)) for each in mean),  # type: ignore[arg-type]
        )
    except (TypeError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{called}: {error}") from error
        raise ArtifactError(f"{called}: its config.json says nothing usable of pictures") from error


def _width(folder: Folder, whole: Mapping[str, Any], own: Mapping[str, Any]) -> int:
    """How wide the input of the classifier is, by its weights; else what the file says.

    ``num_features`` is the width before a head that some models have before the classifier.
    """
    named = own.get("classifier")
    classifier = named[0] if isinstance(named, list) and named else named
    path = next(iter(folder.weights()))
    if path.suffix == ".safetensors" and isinstance(classifier, str):
        from safetensors import safe_open

        with safe_open(path.resolve(), framework="numpy") as tensors:
            if f"{classifier}.weight" in set(tensors.keys()):
                return int(tensors.get_slice(f"{classifier}.weight").get_shape()[1])
    width = whole.get("num_features")
    if not isinstance(width, int) or width < 1:
        raise InputError(
            f"{folder.name}: its files do not tell how long its vectors are; add ?dim=N"
        )
    return width
