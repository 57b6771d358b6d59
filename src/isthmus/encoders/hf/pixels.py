"""Pictures and frames to pixels, as the PIL back-end of transformers makes them.

It is done here by PIL and numpy, from the settings beside the model: a child that decodes
pictures would need seconds to import transformers. Tests compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.view import IMAGE
from isthmus.encoders.base import check_image
from isthmus.encoders.colours import Colours, Tensor
from isthmus.encoders.passes import PICTURES
from isthmus.encoders.strangers import LARGEST, check_whole, strange

if TYPE_CHECKING:
    from isthmus.encoders.torch_model import TorchModel

Pixels = NDArray[Any]

BACK_END = "PIL, 1"
"""Raise the number when pixels change, by this code or by a release of Pillow."""

_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BILINEAR, _BICUBIC = 2, 3  # as PIL numbers them
_SHORT, _EXACT = {"shortest_edge": 224}, {"height": 224, "width": 224}
_CROP = {"do_center_crop": True, "crop_size": _EXACT}

_DEFAULTS: Mapping[str, dict[str, Any]] = {
    "CLIP": {"size": _SHORT, "resample": _BICUBIC, "stats": _CLIP, **_CROP},
    "Bit": {"size": _SHORT, "resample": _BICUBIC, "stats": _CLIP, **_CROP},
    "Siglip": {"size": _EXACT, "resample": _BICUBIC, "stats": _HALF},
    "Siglip2": {"resample": _BILINEAR, "stats": _HALF, "patches": True},
    "ViT": {"size": _EXACT, "resample": _BILINEAR, "stats": _HALF},
    "DeiT": {
        "size": {"height": 256, "width": 256},
        "resample": _BICUBIC,
        "stats": _HALF,
        **_CROP,
    },
    "DINOv3ViT": {"size": _EXACT, "resample": _BILINEAR, "stats": _IMAGENET, "floats": True},
    "VideoMAE": {"size": _SHORT, "resample": _BILINEAR, "stats": _HALF, **_CROP},
}
"""What transformers' processors do where a file leaves it open, by the start of their names."""

_OF_MODEL = {
    "clip": "CLIP",
    "siglip": "Siglip",
    "siglip2": "Siglip2",
    "vit": "ViT",
    "deit": "DeiT",
    "dinov2": "Bit",
    "dinov2_with_registers": "Bit",
    "dinov3_vit": "DINOv3ViT",
    "videomae": "VideoMAE",
}
_ENDINGS = ("ImageProcessor", "FeatureExtractor", "VideoProcessor")


@dataclass(frozen=True, slots=True)
class PixelSettings:
    """How a picture becomes pixels.

    Attributes:
        size: Height and width to scale to; one number for the shorter side; None for as it is.
        resample: The filter, as PIL numbers it.
        crop: Height and width to cut from the middle, filled up with black.
        scale: What grey levels are multiplied with.
        mean: Is then taken from each colour.
        std: Each is then divided by it.
        floats: Whether numbers are scaled first and resized then, without rounding.
        patch: Side of the patches that are handed to the model; 0 where it cuts them itself.
        patches: How many at most; the picture keeps its aspect ratio.
    """

    size: tuple[int, int] | int | None
    resample: int
    crop: tuple[int, int] | None
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    floats: bool = False
    patch: int = 0
    patches: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any], model_type: str, name: str) -> PixelSettings:
        """Read the settings that come with a model.

        Args:
            settings: Of its processor.
            model_type: Of its configuration, for settings that name no processor.
            name: Of the encoder, for messages.

        Raises:
            InputError: If it is a processor that only torchvision can imitate.
            ArtifactError: If a setting is no number of its range.
        """
        with strange(f"{name}: how it prepares pictures"):
            found = cls._read(settings, model_type, name)
        _check(found, name)
        return found

    @classmethod
    def _read(cls, settings: Mapping[str, Any], model_type: str, name: str) -> PixelSettings:
        known = _defaults(settings, model_type, name)
        mean, std = known["stats"]
        crop = settings.get("crop_size", known.get("crop_size"))
        size = settings.get("size", known.get("size"))
        patch = settings.get("patch_size", 16) if known.get("patches") else 0
        if not settings.get("do_resize", True):
            size = None
        cut = settings.get("do_center_crop", known.get("do_center_crop", False))
        if not settings.get("do_rescale", True):
            scale = 1.0
        else:
            scale = float(settings.get("rescale_factor", 1 / 255))
        if not settings.get("do_normalize", True):
            mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        else:
            mean, std = settings.get("image_mean") or mean, settings.get("image_std") or std
        exact = "shortest_edge" not in known.get("size", {})
        return cls(
            None if patch else _size(size, exact=exact, name=name),
            int(settings.get("resample", known["resample"])),
            _height_width(crop, name) if cut and crop else None,
            scale,
            _by_colour(mean),
            _by_colour(std),
            floats=bool(known.get("floats")),
            patch=int(patch),
            patches=int(settings.get("max_num_patches", 256)) if patch else 0,
        )

    def describe(self) -> dict[str, Any]:
        """All that changes pixels, for a fingerprint."""
        return {**asdict(self), "back-end": BACK_END}

    @property
    def colours(self) -> Colours:
        """What is done with what :meth:`prepare` gives."""
        return Colours(1.0 if self.floats else self.scale, self.mean, self.std)

    @property
    def image_side(self) -> int | None:
        """The shorter side, in pixels, of which a picture needs no more; None for all."""
        if self.patch:
            return 2 * self.patch * math.isqrt(self.patches)
        if self.size is None:
            return None
        # A JPEG may be decoded smaller than it is stored, down to twice what is needed.
        return 2 * (self.size if isinstance(self.size, int) else max(self.size))

    def prepare(self, image: Any) -> Pixels:
        """Resize and crop a picture.

        Args:
            image: ``PIL.Image.Image`` in RGB.

        Returns:
            ``(height, width, 3)``, uint8, or float32 where ``floats`` is set.
        """
        target = self._target(image.height, image.width)
        if self.floats:
            pixels: Pixels = _resized_floats(image, target, self.resample, self.scale)
        else:
            resized = image if target is None else _resized(image, target, self.resample)
            pixels = np.asarray(resized, dtype=np.uint8)
        return pixels if self.crop is None else _cropped(pixels, self.crop)

    def normalized(self, batch: Sequence[Pixels]) -> F32:
        """Pixels of one size as the model takes them: ``(n, 3, height, width)``."""
        stacked = np.stack(batch)
        if self.floats:
            mean, std = (np.array(x, dtype=np.float32) for x in (self.mean, self.std))
            return np.ascontiguousarray(((stacked - mean) / std).transpose(0, 3, 1, 2))
        # One multiplication and one addition in place, within 1e-6 of what the library computes.
        out = np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)).astype(np.float32)
        factor, shift = self.colours.line()
        out *= factor
        out -= shift
        return out

    def arrays(self, batch: Sequence[Pixels]) -> dict[str, Array]:
        """What a model of pictures is called with."""
        if not self.patch:
            return {"pixel_values": self.normalized(batch)}
        values = np.zeros((len(batch), self.patches, 3 * self.patch**2), dtype=np.float32)
        mask = np.zeros((len(batch), self.patches), dtype=np.int64)
        shapes = np.zeros((len(batch), 2), dtype=np.int64)
        for row, pixels in enumerate(batch):
            cut = _patches(self.normalized([pixels])[0], self.patch)
            values[row, : len(cut)], mask[row, : len(cut)] = cut, 1
            shapes[row] = pixels.shape[0] // self.patch, pixels.shape[1] // self.patch
        return {"pixel_values": values, "pixel_attention_mask": mask, "spatial_shapes": shapes}

    def tokens(self, pixels: Pixels, patch: int) -> int:
        """How many patches a picture has for a model that cuts such."""
        return self.patches or max(1, pixels.shape[-3] * pixels.shape[-2] // max(1, patch) ** 2)

    def _target(self, height: int, width: int) -> tuple[int, int] | None:
        if self.patch:
            return _size_for_patches(height, width, self.patch, self.patches)
        if not isinstance(self.size, int):
            return self.size
        short, long = min(height, width), max(height, width)
        longer = int(self.size * long / short)
        return (self.size, longer) if height <= width else (longer, self.size)


class PictureInputs:
    """Pictures for a model.

    Args:
        name: Of the encoder.
        settings: How they are prepared.
        patch: Side of the model's patches, for the memory that they take.
    """

    modality = IMAGE
    batch_size = 32
    together = PICTURES

    def __init__(self, name: str, settings: PixelSettings, patch: int) -> None:
        self.name, self.settings, self._patch = name, settings, patch
        self.image_side = settings.image_side

    def describe(self) -> dict[str, Any]:
        """What changes pixels."""
        return {"pixels": self.settings.describe(), "side": self.image_side}

    def prepare(self, decoded: object) -> Pixels:
        """Pixels ``(height, width, 3)``."""
        return self.settings.prepare(check_image(decoded, self.name))

    def pieces(self, prepared: Sequence[Pixels]) -> list[list[Pixels]]:
        """One piece a picture."""
        return [[pixels] for pixels in prepared]

    def length(self, piece: Pixels) -> int:
        """Patches."""
        return self.settings.tokens(piece, self._patch)

    def alike(self, piece: Pixels) -> tuple[int, ...]:
        """Only pictures of one size share a batch."""
        return () if self.settings.patch else piece.shape

    def weight(self, piece: Pixels) -> float:
        """One piece is all."""
        return 1.0

    def arrays(self, pieces: list[Pixels]) -> dict[str, Array]:
        """What the model is called with."""
        return self.settings.arrays(pieces)

    def tensors(self, pieces: list[Pixels], model: TorchModel) -> dict[str, Tensor]:
        """The same on the model's device."""
        if self.settings.patch:
            return model.on_device(self.arrays(pieces))
        return {"pixel_values": model.pixels(pieces, self.settings)}

    def counts(self, pieces: list[Pixels]) -> Array | None:
        """Patches of each picture that are no filling; None where all are."""
        side = self.settings.patch
        if not side:
            return None
        return np.array([p.shape[0] // side * (p.shape[1] // side) for p in pieces])


def _defaults(settings: Mapping[str, Any], model_type: str, name: str) -> dict[str, Any]:
    said = settings.get("image_processor_type") or settings.get("feature_extractor_type")
    said = said or settings.get("video_processor_type") or ""
    kind = str(said).removesuffix("Fast").removesuffix("Pil")
    for ending in _ENDINGS:
        kind = kind.removesuffix(ending)
    kind = kind or _OF_MODEL.get(model_type, "ViT")
    if kind not in _DEFAULTS:
        raise InputError(
            f"{name}: its pictures are prepared by {said}, which isthmus does not know without "
            f"torchvision; it knows those of {', '.join(_DEFAULTS)}. Use st: or timm: for it"
        )
    return _DEFAULTS[kind]


def _size(size: Any, *, exact: bool, name: str) -> tuple[int, int] | int | None:
    if size is None:
        return None
    if isinstance(size, int):
        return (size, size) if exact else size
    if isinstance(size, Mapping) and "shortest_edge" in size and size.get("longest_edge") is None:
        return int(size["shortest_edge"])
    return _height_width(size, name)


def _height_width(size: Any, name: str) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if isinstance(size, Mapping) and "shortest_edge" in size:
        return int(size["shortest_edge"]), int(size["shortest_edge"])
    try:
        return int(size["height"]), int(size["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: pictures of the size {size!r} are not known") from error


def _check(found: PixelSettings, name: str) -> None:
    """Refuse settings that no picture can be prepared with."""
    size = found.size if isinstance(found.size, tuple) else (found.size,)
    for side in (*size, *(found.crop or ())):
        if side is not None:
            check_whole(name, side, 1, LARGEST, "its pictures have a side")
    check_whole(name, found.resample, 0, 5, "its pictures have resample")
    if found.patch:
        check_whole(name, found.patch, 1, LARGEST, "its pictures have patch_size")
        check_whole(name, found.patches, 1, LARGEST, "its pictures have max_num_patches")
    for what, numbers in (("image_mean", found.mean), ("image_std", found.std)):
        sound = all(type(each) in (int, float) and math.isfinite(each) for each in numbers)
        if len(numbers) not in (1, 3) or not sound or (what == "image_std" and min(numbers) <= 0):
            raise ArtifactError(
                f"{name}: its pictures have {what}={numbers!r:.60}; need one number or three"
                + (", all above 0" if what == "image_std" else "")
            )


def _by_colour(numbers: Any) -> tuple[float, ...]:
    """One number for all colours counts for each."""
    return (numbers,) * 3 if isinstance(numbers, int | float) else tuple(numbers)


def _resized(image: Any, target: tuple[int, int], resample: int) -> Any:
    return image.resize((target[1], target[0]), resample=resample)


def _resized_floats(image: Any, target: tuple[int, int] | None, resample: int, scale: float) -> F32:
    """Resize each colour without rounding, as torchvision does tensors of floats."""
    from PIL import Image

    pixels = (np.asarray(image, dtype=np.float64) * scale).astype(np.float32)
    if target is None:
        return pixels
    planes = [
        np.asarray(_resized(Image.fromarray(plane), target, resample), dtype=np.float32)
        for plane in np.ascontiguousarray(pixels.transpose(2, 0, 1))
    ]
    return np.stack(planes, axis=-1)


def _cropped(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle; a smaller picture is filled up with zeros, one more of them before."""
    missing = [max(0, want - have) for want, have in zip(size, pixels.shape[:2], strict=True)]
    if any(missing):
        around = [(math.ceil(more / 2), more - math.ceil(more / 2)) for more in missing]
        pixels = np.pad(pixels, [*around, (0, 0)])
    top, left = ((have - want) // 2 for want, have in zip(size, pixels.shape[:2], strict=True))
    return np.ascontiguousarray(pixels[top : top + size[0], left : left + size[1]])


def _patches(image: F32, side: int) -> F32:
    """``(3, h, w)`` to ``(patches, side · side · 3)``, row by row."""
    colours, height, width = image.shape
    cut = image.reshape(colours, height // side, side, width // side, side)
    return cut.transpose(1, 3, 2, 4, 0).reshape(-1, side * side * colours)


def _size_for_patches(height: int, width: int, patch: int, most: int) -> tuple[int, int]:
    """The largest size of about this aspect ratio that has at most so many patches.

    It is searched for as transformers does, since its last digits decide.
    """
    low, high, step = 1e-6, 100.0, 1e-5

    def scaled(scale: float) -> tuple[int, int]:
        return tuple(  # type: ignore[return-value]
            max(patch, math.ceil(side * scale / patch) * patch) for side in (height, width)
        )

    while high - low >= step:
        scale = (low + high) / 2
        tall, wide = scaled(scale)
        if (tall // patch) * (wide // patch) <= most:
            low = scale
        else:
            high = scale
    return scaled(low)
