"""What stands beside an ONNX file: what it reads, how that is prepared, and what comes out.

It is JSON, ``model.isthmus.json`` or ``model.json`` beside ``model.onnx``; ``isthmus export``
writes it, or a person does::

    {
      "format": 1, "modality": "image", "dim": 512,
      "image": {"size": [224, 224], "fit": "shorter", "crop": [224, 224],
                "interpolation": "bicubic",
                "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
      "output": "vector"
    }
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isthmus.core.document import from_document, to_object
from isthmus.core.errors import InputError, MissingDataError
from isthmus.core.reading import read_json
from isthmus.core.view import AUDIO, IMAGE, TEXT

FORMAT = 1
ENDING = ".isthmus.json"
"""Instead of ``.onnx``; ``.json`` is read where there is no such file."""
_MOST_SIDE = 4096
_MOST_TOKENS = 65_536
_MOST_DIM = 65_536
_LAST_TOKEN = 9_999_999
_RATES = (1000, 192_000)
_MOST_SAMPLES = 60_000_000


@dataclass(frozen=True)
class ImageInput:
    """How a picture is prepared.

    Attributes:
        size: Height and width to scale to; with ``shorter``, both are the shorter side.
        fit: ``stretch`` to the size; ``shorter`` keeps the aspect ratio; ``pad`` puts the picture
            in the middle of a square.
        crop: Height and width that are cut from the middle, filled up with black.
        interpolation: When it is scaled.
        scale: What grey levels from 0 to 255 are multiplied with.
        mean: Is then taken from each colour.
        std: Each is then divided by it.
        floats: Whether numbers are scaled before the picture is, without rounding.
        fill: Grey level beside a padded picture.
        dtype: Of the tensor; ``uint8`` takes grey levels as they are.
        layout: ``nchw`` or ``nhwc``.
        input: Name of the graph's input.
    """

    size: tuple[int, int]
    fit: Literal["stretch", "shorter", "pad"] = "stretch"
    crop: tuple[int, int] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    floats: bool = False
    fill: int = 255
    dtype: Literal["float32", "uint8"] = "float32"
    layout: Literal["nchw", "nhwc"] = "nchw"
    input: str = "pixel_values"

    def __post_init__(self) -> None:
        for field, sides in (("size", self.size), ("crop", self.crop or (1, 1))):
            _check(field, min(sides), 1, _MOST_SIDE)
            _check(field, max(sides), 1, _MOST_SIDE)
        _check("fill", self.fill, 0, 255)
        if self.fit != "stretch" and self.size[0] != self.size[1]:
            raise InputError(f"size must be twice the same where fit is {self.fit!r}")
        if min(self.std) <= 0:
            raise InputError(f"std must be above 0, got {list(self.std)}")


@dataclass(frozen=True)
class TextInput:
    """How a text is prepared.

    Attributes:
        longest: Tokens of a text, marks of its start and end among them; the rest is cut off.
        tokenizer: File of the library ``tokenizers`` in the same folder.
        full: Whether every text is filled up to ``longest``, instead of to the longest of a batch.
        pad: Token that fills up.
        lower: Whether letters are made small.
        prompt: What stands before every text.
        ids: Name of the graph's input for tokens.
        mask: Of that which tells tokens from filling; empty for none.
        types: Of that for segments, all 0; empty for none.
    """

    longest: int
    tokenizer: str = "tokenizer.json"
    full: bool = False
    pad: int = 0
    lower: bool = False
    prompt: str = ""
    ids: str = "input_ids"
    mask: str = "attention_mask"
    types: str = ""

    def __post_init__(self) -> None:
        _check("longest", self.longest, 1, _MOST_TOKENS)
        _check("pad", self.pad, 0, _LAST_TOKEN)
        if Path(self.tokenizer).name != self.tokenizer:
            raise InputError(f"tokenizer must be a file in the same folder, got {self.tokenizer!r}")


@dataclass(frozen=True)
class AudioInput:
    """How a sound is prepared: as samples, or as the logarithm of a mel spectrogram.

    Attributes:
        rate: Hz.
        window: Samples of a window; longer sounds are cut, and vectors of windows averaged.
        shortest: Samples that a window has at least; silence fills it up.
        full: Whether every window is filled up to ``window``.
        windows: How many of a sound are heard at most.
        standardize: Whether each window is brought to mean 0 and variance 1.
        mels: Bands of the spectrogram; 0 for samples. It is that of Whisper.
        token: Samples of which the model makes a token, to tell tokens from filling; 0 where the
            graph takes no counts.
        input: Name of the graph's input.
    """

    rate: int
    window: int
    shortest: int = 400
    full: bool = False
    windows: int = 10
    standardize: bool = False
    mels: int = 0
    token: int = 0
    input: str = "input_values"

    def __post_init__(self) -> None:
        _check("rate", self.rate, *_RATES)
        _check("window", self.window, 1, _MOST_SAMPLES)
        _check("shortest", self.shortest, 1, self.window)
        _check("windows", self.windows, 1, 1000)
        _check("mels", self.mels, 0, 512)
        _check("token", self.token, 0, self.window)
        if self.mels and not self.full:
            raise InputError("full must be true where mels are given")


@dataclass(frozen=True)
class Description:
    """All that has to be known of an ONNX file.

    Attributes:
        format: Version of this description, 1.
        modality: What it reads; the section of that name says how it is prepared.
        dim: Length of its vectors.
        image: Of pictures.
        text: Of texts.
        audio: Of sounds.
        output: Name of the graph's output: vectors ``(b, dim)``, or tokens ``(b, t, dim)``.
        pool: How tokens become one vector: ``none`` where the graph gives vectors, ``mean`` over
            those that are no filling, or ``cls`` for the first.
        counts: Name of the graph's input for how many tokens are no filling; empty for none.
        unit: Whether vectors are brought to length 1.
        languages: BCP 47 tags.
        name: Of the model.
        licence: Under which it may be used.
        source: Where it comes from.
        joint: Names the space in which its vectors lie with those of other files; empty for none.
        logit_scale: By what that model multiplies cosines.
        logit_bias: What it then adds.
    """

    format: int
    modality: Literal["text", "image", "audio"]
    dim: int
    image: ImageInput | None = None
    text: TextInput | None = None
    audio: AudioInput | None = None
    output: str = "vector"
    pool: Literal["none", "mean", "cls"] = "none"
    counts: str = ""
    unit: bool = False
    languages: tuple[str, ...] = ()
    name: str = ""
    licence: str = ""
    source: str = ""
    joint: str = ""
    logit_scale: float = 1.0
    logit_bias: float = 0.0

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise InputError(f"format must be {FORMAT}, got {self.format}; use another release")
        _check("dim", self.dim, 1, _MOST_DIM)
        if not 0 < self.logit_scale < math.inf:
            raise InputError(f"logit_scale must be a number above 0, got {self.logit_scale}")
        if not math.isfinite(self.logit_bias):
            raise InputError(f"logit_bias must be a number, got {self.logit_bias}")
        given = {IMAGE: self.image, TEXT: self.text, AUDIO: self.audio}
        if given[self.modality] is None:
            raise InputError(f"it reads {self.modality}, so it needs the section {self.modality!r}")

    def identity(self) -> dict[str, object]:
        """All that changes vectors."""
        spoken = ("languages", "name", "licence", "source", "joint", "logit_scale", "logit_bias")
        return {name: value for name, value in to_object(self).items() if name not in spoken}


def description_file(model: Path) -> Path:
    """Where the description of a file is.

    Raises:
        MissingDataError: If there is none.
    """
    near = [model.with_suffix(ENDING), model.with_suffix(".json")]
    for path in near:
        if path.is_file():
            return path
    raise MissingDataError(
        f"there is no {near[0].name} beside {model}, to say what it reads and how that is "
        "prepared; write it, or make both by: isthmus export"
    )


def read_description(model: Path) -> Description:
    """The description beside a file.

    Raises:
        MissingDataError: If there is none.
        ArtifactError: If it is damaged, or a field does not fit; it names file and field.
    """
    path = description_file(model)
    return from_document(Description, read_json(path.resolve()), str(path))


def _check(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputError(f"{field} must be {least:,} to {most:,}, got {value:,}")
