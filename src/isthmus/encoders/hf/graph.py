"""The towers of transformers as ONNX graphs: vectors out of what the model is called with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.linalg import Array
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.hf.families import CLS, Tower
from isthmus.encoders.hf.pixels import PictureInputs
from isthmus.encoders.hf.pooling import Choice, pooled
from isthmus.encoders.hf.slimming import slimmed
from isthmus.encoders.hf.sounds import SoundInputs
from isthmus.encoders.hf.texts import TextInputs
from isthmus.encoders.onnx_file import MODEL
from isthmus.encoders.onnx_file.description import (
    FORMAT,
    AudioInput,
    Description,
    ImageInput,
    TextInput,
)
from isthmus.encoders.torch_model import Module, Tensor

OUTPUT, COUNTS = "vector", "counts"
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_HOP, _FRAME = 160, 400
"""Samples of Whisper's spectrogram, the only one that :mod:`isthmus.encoders.onnx_file` makes."""


def needs_counts(tower: Tower, choice: Choice) -> bool:
    """Whether pooling has to know how many tokens are no filling."""
    own = choice.own and tower.output
    return not own and (choice.pool or tower.pool) != CLS


def write_graph(
    name: str,
    module: Module,
    inputs: Any,
    *,
    tower: Tower,
    choice: Choice,
    depth: int,
    folder: Path,
) -> list[str]:
    """Write ``model.onnx``: what the model is called with in, vectors ``(b, dim)`` out.

    Args:
        name: Of the encoder.
        module: The model, in float32 on the CPU.
        inputs: What makes tensors of pieces.
        tower: Which part of a model it is.
        choice: What vectors are made of.
        depth: Layers of the model.
        folder: Where to.

    Returns:
        Names of the graph's inputs.
    """
    torch = require("torch", extra="hf", purpose=f"exporting {name}")
    for package in ("onnx", "onnxscript"):
        require(package, extra="onnx", purpose=f"exporting {name}")
    pieces = _two_pieces(inputs)
    called: dict[str, Array] = dict(inputs.arrays(pieces))
    counts = inputs.counts(pieces)
    if counts is not None and needs_counts(tower, choice):
        called[COUNTS] = np.asarray(counts, dtype=np.int64)
    names = list(called)
    graph = _graph(torch, module, names, tower=tower, choice=choice, depth=depth)
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(each)) for each in called.values())
    along = torch.export.Dim.DYNAMIC
    more = {1: along} if _ragged(inputs) else {}
    shapes = tuple({0: along, **(more if each.ndim > 1 else {})} for each in tensors)
    with torch.inference_mode():
        if inputs.modality != AUDIO:  # no vector of sounds is one token's
            graph = _captured(torch, graph, tensors, shapes)
        torch.onnx.export(
            graph,
            tensors,
            str(folder / MODEL),
            input_names=names,
            output_names=[OUTPUT],
            dynamic_shapes=(shapes,),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return names


def _captured(torch: Module, graph: Module, tensors: tuple[Tensor, ...], shapes: Any) -> Module:
    """A program without what its vectors do not need; the graph where torch captures none so."""
    try:
        program = torch.export.export(graph, tensors, dynamic_shapes=(shapes,), strict=False)
        return slimmed(torch, program)
    except Exception:  # noqa: BLE001  whatever stops it, torch.onnx knows other ways
        return graph


def _graph(
    torch: Module, module: Module, names: Sequence[str], *, tower: Tower, choice: Choice, depth: int
) -> Module:
    """A module that takes tensors in the order of their names, and gives vectors."""
    hidden = choice.layer not in (None, depth)

    class Vectors(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *tensors: Tensor) -> Tensor:
            given = dict(zip(names, tensors, strict=True))
            real = given.pop(COUNTS, None)
            output = self.module(**given, output_hidden_states=hidden, return_dict=True)
            return pooled(output, tower, choice, depth, real)

    return Vectors().eval()


def described(
    name: str, inputs: Any, names: Sequence[str], folder: Path, **fields: Any
) -> Description:
    """What has to be known of a graph; writes the tokenizer beside it.

    Args:
        name: Of the encoder.
        inputs: What prepares its items.
        names: Of the graph's inputs.
        folder: Of the graph.
        **fields: Further ones of the description.

    Raises:
        InputError: If items are prepared in a way that no description has words for.
    """
    known = {**fields, "counts": COUNTS if COUNTS in names else "", "output": OUTPUT}
    if isinstance(inputs, TextInputs):
        return Description(FORMAT, "text", text=_text(inputs, names, folder), **known)
    if isinstance(inputs, PictureInputs):
        return Description(FORMAT, "image", image=_image(inputs), **known)
    if isinstance(inputs, SoundInputs):
        return Description(FORMAT, "audio", audio=_audio(inputs, names), **known)
    raise InputError(f"{name}: an encoder of {inputs.modality} cannot be exported")


def _text(inputs: TextInputs, names: Sequence[str], folder: Path) -> TextInput:
    """How texts are prepared; writes the tokenizer.

    Raises:
        InputError: If the tokenizer is none of the library ``tokenizers``.
    """
    tokenizer = inputs._loaded()
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise InputError(
            f"{inputs.name}: its tokenizer is written in Python ({type(tokenizer).__name__}), and "
            "cannot be exported"
        )
    backend.save(str(folder / "tokenizer.json"))
    settings = inputs.settings
    return TextInput(
        settings.longest,
        full=settings.full,
        pad=int(tokenizer.pad_token_id or 0),
        lower=settings.lower,
        prompt=settings.prompt,
        mask="attention_mask" if "attention_mask" in names else "",
        types="token_type_ids" if "token_type_ids" in names else "",
    )


def _image(inputs: PictureInputs) -> ImageInput:
    """How pictures are prepared.

    Raises:
        InputError: If their number of pixels differs, which no exported graph bears.
    """
    own = inputs.settings
    fixed = own.crop is not None or isinstance(own.size, tuple)
    if own.patch or own.size is None or not fixed or own.resample not in _FILTERS:
        raise InputError(
            f"{inputs.name}: its pictures keep their shape, and a graph is of one shape; it cannot "
            "be exported"
        )
    shorter = isinstance(own.size, int)
    return ImageInput(
        (own.size, own.size) if isinstance(own.size, int) else own.size,
        fit="shorter" if shorter else "stretch",
        crop=own.crop,
        interpolation=_FILTERS[own.resample],  # type: ignore[arg-type]
        scale=own.scale,
        mean=tuple(map(float, own.mean)),  # type: ignore[arg-type]
        std=tuple(map(float, own.std)),  # type: ignore[arg-type]
        floats=own.floats,
    )


def _audio(inputs: SoundInputs, names: Sequence[str]) -> AudioInput:
    """How sounds are prepared.

    Raises:
        InputError: If it is by a spectrogram other than Whisper's.
    """
    own, extractor = inputs.settings, inputs._loaded()
    whisper = own.kind == "whisper"
    if not whisper and own.kind not in ("wav2vec2", "hubert", "wavlm"):
        raise InputError(f"{inputs.name}: sounds of {own.kind} models cannot be exported")
    if whisper and (extractor.n_fft, extractor.hop_length) != (_FRAME, _HOP):
        raise InputError(f"{inputs.name}: its spectrogram is not Whisper's; it cannot be exported")
    return AudioInput(
        own.rate,
        own.window,
        shortest=own.shortest,
        full=whisper,
        standardize=bool(getattr(extractor, "do_normalize", False)),
        mels=int(extractor.feature_size) if whisper else 0,
        token=2 * _HOP if whisper else 0,
        input=names[0],
    )


def _two_pieces(inputs: Any) -> list[Any]:
    """Two pieces of two lengths, where lengths differ."""
    if inputs.modality == TEXT:
        return list(inputs.tokens(["a red kangaroo jumps", "a cat"]))
    if inputs.modality == IMAGE:
        from PIL import Image

        return [inputs.prepare(Image.new("RGB", (64, 48), colour)) for colour in ("red", "blue")]
    rng = np.random.default_rng(0)
    length = max(inputs.settings.shortest, inputs.settings.rate // 2)
    return [rng.standard_normal(length).astype(np.float32) for _ in range(2)]


def _ragged(inputs: Any) -> bool:
    """Whether batches differ in more than the number of items."""
    if inputs.modality == TEXT:
        return not bool(inputs.settings.full)
    return bool(inputs.modality != IMAGE and inputs.settings.kind != "whisper")
