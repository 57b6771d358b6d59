"""What encoders there are: short ids and schemes, what each reads, and what it needs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from isthmus.core.errors import InputError
from isthmus.core.view import AUDIO, IMAGE, TEXT, VECTOR, VIDEO
from isthmus.encoders import ENCODERS, PACKAGES, load


@dataclass(frozen=True, slots=True)
class Entry:
    """One short id or scheme.

    Attributes:
        id: ``"universal"``, or ``"hf:"`` for a scheme.
        example: A whole name that it can be used by.
        reads: Modalities of its models.
        dim: Length of its vectors; None where the model or an option decides.
        languages: BCP 47 tags of a text encoder; empty where the model decides or that has no
            meaning.
        extra: The extra of isthmus that brings what it needs; empty if it needs none.
        missing: Modules that it needs and that are not installed.
    """

    id: str
    example: str
    reads: tuple[str, ...]
    dim: int | None
    languages: tuple[str, ...]
    extra: str
    missing: tuple[str, ...]

    @property
    def installed(self) -> bool:
        """Whether all that it needs is here."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What is known of a scheme before one of its models is."""

    example: str
    reads: tuple[str, ...]
    extra: str
    modules: tuple[str, ...]


_SCHEMES = {
    "hf:": _Scheme(
        "hf:openai/clip-vit-base-patch32",
        (TEXT, IMAGE, AUDIO, VIDEO),
        "hf",
        ("torch", "transformers"),
    ),
    "st:": _Scheme(
        "st:intfloat/multilingual-e5-small",
        (TEXT, IMAGE, AUDIO, VIDEO),
        "st",
        ("torch", "sentence_transformers"),
    ),
    "openclip:": _Scheme(
        "openclip:ViT-B-32?pretrained=laion2b_s34b_b79k",
        (TEXT, IMAGE),
        "openclip",
        ("torch", "open_clip", "torchvision"),
    ),
    "timm:": _Scheme(
        "timm:vit_small_patch14_dinov2.lvd142m",
        (IMAGE,),
        "timm",
        ("torch", "timm", "torchvision"),
    ),
    "onnx:": _Scheme(
        "onnx:models/clip-image/model.onnx",
        (TEXT, IMAGE, AUDIO),
        "onnx",
        ("onnxruntime", "tokenizers"),
    ),
    "http:": _Scheme(
        "http://localhost:8080/v1?dialect=openai&model=e5", (TEXT, IMAGE, AUDIO), "", ()
    ),
    "package.module:": _Scheme(
        "my_package.encoders:MyEncoder", (TEXT, IMAGE, AUDIO, VIDEO, VECTOR), "", ()
    ),
}
"""By what their names begin with; ``https:`` is ``http:``."""

_STARTER = "starter"
_OTHER_EXTRAS = {"e5-small": "e5", "whisper-base": "speech"}
"""Of short ids that the starter extra does not bring."""


def catalogue() -> list[Entry]:
    """All short ids and schemes; no model is read and no heavy library is imported.

    Examples:
        >>> [each.id for each in catalogue() if each.id.startswith("m")]
        ['mfcc', 'motion']
    """
    return [*map(_short, ENCODERS), *(_scheme(name, each) for name, each in _SCHEMES.items())]


def _short(name: str) -> Entry:
    missing = _missing(PACKAGES.get(name, ()))
    extra = _OTHER_EXTRAS.get(name, _STARTER) if name in PACKAGES else ""
    try:
        encoder = load(name)
    except InputError:  # it needs options, as vectors do, which say what it is
        return Entry(name, f"{name}?dim=512&name=mine", (VECTOR,), None, (), extra, missing)
    reads, tags = (encoder.modality,), encoder.languages
    return Entry(name, name, reads, encoder.dim, tags, extra, missing)


def _scheme(name: str, known: _Scheme) -> Entry:
    missing = _missing(known.modules)
    return Entry(name, known.example, known.reads, None, (), known.extra, missing)


def _missing(modules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in modules if importlib.util.find_spec(each) is None)
