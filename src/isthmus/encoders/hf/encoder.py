"""One encoder for every family: what it reads is prepared, run, pooled, and joined to items."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Array, l2_normalize
from isthmus.core.view import TEXT
from isthmus.encoders.base import pool_captions
from isthmus.encoders.hf.families import Config, Tower
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.hf.pooling import Choice, check_choice, pooled
from isthmus.encoders.hf.runtime import Graph, check_runtime, graph_for
from isthmus.encoders.hf.texts import TextInputs
from isthmus.encoders.hf.weights import read_model, scalar
from isthmus.encoders.parts import Parts
from isthmus.encoders.strangers import strange
from isthmus.encoders.torch_model import Module, Running, Tensor, TorchModel, transformer_memory
from isthmus.encoders.windows import window_for
from isthmus.encoders.words import caption_parts

if TYPE_CHECKING:
    from isthmus.encoders.onnx_file import Description

_REVISION = 1
"""Raise it when vectors change by what is written here."""


class Inputs(Protocol):
    """What turns decoded items into what a model of one modality is called with.

    Attributes:
        batch_size: Items that are handed over at a time on the CPU, to be sorted by length.
        together: Fewest and most in a forward pass on a thread of its own.
    """

    batch_size: int
    together: tuple[int, int]

    def describe(self) -> dict[str, Any]:
        """All that changes what the model sees, JSON-serialisable."""
        ...

    def prepare(self, decoded: object) -> Any:
        """What a child process hands over."""
        ...

    def length(self, piece: Any) -> int:
        """Tokens of a piece."""
        ...

    def alike(self, piece: Any) -> Any:
        """Only pieces of equal keys share a batch."""
        ...

    def arrays(self, pieces: list[Any]) -> dict[str, Array]:
        """What the model is called with."""
        ...

    def counts(self, pieces: list[Any]) -> Array | None:
        """Tokens of each piece that count; None for all."""
        ...


class HfEncoder:
    """A model of transformers, or of several towers that part which reads one modality.

    :func:`isthmus.encoders.hf.load` makes it.

    Args:
        folder: Of the model's files.
        tower: Which part.
        config: The whole configuration.
        inputs: What prepares items: :class:`Inputs`, and their pieces.
        choice: What vectors are made of.
        running: How the model is run.
        remote: Whether code that comes with the model may be run.
        runtime: See :data:`isthmus.encoders.hf.runtime.RUNTIMES`.
        prompt: As the user gave it.
    """

    languages: tuple[str, ...] = ()

    def __init__(
        self,
        folder: Folder,
        tower: Tower,
        config: Config,
        inputs: Any,
        *,
        choice: Choice,
        running: Running,
        remote: bool = False,
        runtime: str = "torch",
        prompt: str | None = None,
    ) -> None:
        self.id = folder.name
        self.modality = tower.modality
        self.tower = tower
        self._folder, self._inputs = folder, inputs
        self._choice, self._running, self._remote = choice, running, remote
        self._runtime = check_runtime(folder.name, runtime, running)
        self._loading = threading.Lock()
        self._found: Graph | None = None
        self._prompt = prompt
        part = tower.part(config)
        self.depth = tower.depth.of(part)
        self.width = tower.width.of(part)
        size = tower.size.of(config, part) or self.width
        self.dim = size if choice.own and tower.output else self.width
        self.window = window_for(self.modality, getattr(inputs, "takes", math.inf))
        if (side := getattr(inputs, "image_side", None)) is not None:
            self.image_side = side
        overrides = {"projection_dim": size} if tower.output.endswith("_embeds") else {}
        self._model = TorchModel(
            self.id, lambda: read_model(folder, tower, remote=remote, overrides=overrides), running
        )
        self._memory = transformer_memory(self.width, tower.heads.of(part))
        self.fingerprint = fingerprint(self._described())

    def options(self) -> dict[str, Any]:
        """Options that make this encoder again, wherever its files are."""
        named: dict[str, Any] = {
            "modality": self.modality,
            "revision": self._folder.commit,
            "pool": self._choice.pool,
            "layer": self._choice.layer,
            "prompt": self._prompt,
            **self._running.options(),
        }
        if self._remote:
            named["trust_remote_code"] = True
        return {name: value for name, value in named.items() if value not in ("", None)}

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder.path

    @property
    def batch_size(self) -> int:
        """Items that it is handed at a time."""
        usual: int = self._inputs.batch_size
        if self._runtime == "onnx":
            return self._running.batch_size or usual
        return self._model.at_a_time(self.modality, usual)

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._model.device

    @property
    def dtype(self) -> str:
        """Of its weights."""
        return self._running.dtype

    @property
    def joint(self) -> str:
        """Names the space of the model's towers; empty for a layer or a pooling of one's own."""
        if not (self.tower.joint and self._choice.own):
            return ""
        return f"{self.id}@{self._identity}"

    @cached_property
    def logit_scale(self) -> float:
        """By what the model multiplies cosines; 1 where it was trained for none."""
        if not self.joint:
            return 1.0
        own = "logit_scale_t" if self.modality == TEXT else "logit_scale_a"
        found = scalar(self._folder, "logit_scale", own)
        return 1.0 if found is None else math.exp(found)

    @cached_property
    def logit_bias(self) -> float:
        """What the model then adds."""
        return (scalar(self._folder, "logit_bias") or 0.0) if self.joint else 0.0

    def prepare(self, decoded: object) -> Any:
        """What :meth:`encode` takes: captions, pixels, or windows of sound."""
        return self._inputs.prepare(decoded)

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors ``(len(batch), dim)`` float32; of texts and joint models of unit length."""
        with strange(self.id):
            found: F32 = self._encoded(batch, [self._choice], self.dim)[0]
        return found

    def encode_layers(self, batch: Sequence[Any]) -> F32:
        """Vectors of every hidden layer by one pass: ``(depth + 1, len(batch), width)`` float32.

        The first are those of the embeddings, before any layer.

        Raises:
            InputError: If the layers of this model are not of one width.
        """
        choices = [
            check_choice(self.id, self.tower, self.depth, self._choice.pool, layer)
            for layer in range(self.depth + 1)
        ]
        with strange(self.id):
            return self._encoded(batch, choices, self.width)

    def split(self, decoded: object) -> Parts:
        """Words of a caption, which are taken out one by one; of several captions, each.

        Raises:
            InputError: If it reads no text.
        """
        if not isinstance(self._inputs, TextInputs):
            raise InputError(
                f"the encoder {self.id!r} cannot say which parts of {self.modality} count; use "
                "one that can, such as efficientnet-lite0 or whisper-tiny"
            )
        return caption_parts(self.prepare(decoded), self.encode, self._inputs.cut)

    def to_onnx(self, folder: Path) -> Description:
        """Write the tower as an ONNX graph; see :class:`isthmus.encoders.exporting.Exportable`."""
        from isthmus.encoders.hf.graph import described, write_graph

        if self._running.dtype != "float32":
            raise InputError(f"{self.id}: is exported in float32; leave out dtype")
        names = write_graph(
            self.id,
            self._model.on_cpu(),
            self._inputs,
            tower=self.tower,
            choice=self._choice,
            depth=self.depth,
            folder=folder,
        )
        return described(
            self.id,
            self._inputs,
            names,
            folder,
            dim=self.dim,
            unit=bool(self.joint) and self.modality != TEXT,
            source=self.id,
            joint=self.joint,
            logit_scale=self.logit_scale,
            logit_bias=self.logit_bias,
        )

    @property
    def _graph(self) -> Graph | None:
        """What runs it in place of torch."""
        with self._loading:
            if self._runtime != "torch" and self._found is None:
                self._found = graph_for(
                    self.id,
                    self.fingerprint,
                    self.options(),
                    runtime=self._runtime,
                    running=self._running,
                    device=lambda: self._model.device,
                )
                if self._found is None:
                    self._runtime = "torch"
            return self._found

    @cached_property
    def _identity(self) -> str:
        return self._folder.identity()

    def _described(self) -> dict[str, Any]:
        choice = self._choice
        return {
            "encoder": "hf",
            "model": self._folder.name if self._folder.commit else "",
            "files": self._identity,
            "tower": [self.modality, self.tower.model],
            "vector": [choice.own, choice.pool or self.tower.pool, choice.layer],
            "dtype": self._running.dtype,
            "inputs": self._inputs.describe(),
            "revision": _REVISION,
        }

    def _encoded(self, batch: Sequence[Any], choices: Sequence[Choice], width: int) -> F32:
        """Vectors of several choices, ``(len(choices), len(batch), width)``."""
        if not batch:
            return np.zeros((len(choices), 0, width), dtype=np.float32)
        if isinstance(self._inputs, TextInputs):
            texts = list(dict.fromkeys(text for captions in batch for text in captions))
            made = _unit(self._run(self._inputs.tokens(texts), choices, width))
            return np.stack([_captions(batch, texts, vectors) for vectors in made])
        pieces = self._inputs.pieces(batch)
        made = self._run([piece for item in pieces for piece in item], choices, width)
        if self.joint:
            made = _unit(made)
        weights = [[self._inputs.weight(piece) for piece in item] for item in pieces]
        found = _averaged(made, weights)
        return _unit(found) if self.joint else found

    def _run(self, pieces: Sequence[Any], choices: Sequence[Choice], width: int) -> F32:
        """Vectors of pieces: texts, pictures, windows; ``(len(choices), len(pieces), width)``."""
        inputs: Inputs = self._inputs
        if list(choices) == [self._choice] and (graph := self._graph) is not None:
            return graph.vectors(inputs, pieces, width)[None]
        hidden = any(choice.layer not in (None, self.depth) for choice in choices)

        def forward(module: Module, batch: list[Any]) -> Tensor:
            import torch

            called = self._called(batch)
            if "token_type_ids" not in inspect.signature(module.forward).parameters:
                called.pop("token_type_ids", None)  # some tokenizers make them for any model
            counts = inputs.counts(batch)
            if counts is not None:
                counts = self._model.on_device({"counts": counts})["counts"]
            output = module(**called, output_hidden_states=hidden, return_dict=True)
            made = [pooled(output, self.tower, each, self.depth, counts) for each in choices]
            return torch.cat(made, dim=1)

        found = self._model.vectors(
            pieces,
            forward,
            dim=len(choices) * width,
            length=inputs.length,
            memory=self._memory,
            alike=inputs.alike,
        )
        return found.reshape(len(pieces), len(choices), width).transpose(1, 0, 2)

    def _called(self, pieces: list[Any]) -> dict[str, Tensor]:
        """What the model is called with, on its device."""
        if (tensors := getattr(self._inputs, "tensors", None)) is not None:
            return dict(tensors(pieces, self._model))  # of pixels
        return self._model.on_device(self._inputs.arrays(pieces))


def _captions(batch: Sequence[tuple[str, ...]], texts: Sequence[str], vectors: F32) -> F32:
    """Vectors of items of one or several captions, from those of all texts."""
    row = {text: index for index, text in enumerate(texts)}
    return pool_captions(batch, lambda said: vectors[[row[text] for text in said]])


def _averaged(vectors: F32, weights: Sequence[Sequence[float]]) -> F32:
    """Means over the pieces of each item: ``(c, pieces, d)`` to ``(c, items, d)``."""
    starts = np.cumsum([0, *(len(item) for item in weights)])[:-1]
    flat = np.array([weight for item in weights for weight in item], dtype=np.float64)
    sums = np.add.reduceat(vectors * flat[None, :, None], starts, axis=1)
    totals = np.add.reduceat(flat, starts)
    return np.asarray(sums / totals[None, :, None], dtype=np.float32)


def _unit(vectors: F32) -> F32:
    """Vectors ``(c, n, d)`` of unit length."""
    flat = np.asarray(l2_normalize(vectors.reshape(-1, vectors.shape[-1])), dtype=np.float32)
    return flat.reshape(vectors.shape)
