"""An encoder in an ONNX file with a description beside it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, Array, l2_normalize
from isthmus.encoders.base import file_hash, pool_captions
from isthmus.encoders.onnx_file.description import Description, description_file
from isthmus.encoders.onnx_file.inputs import Texts, described, inputs_of
from isthmus.encoders.onnx_session import cuda_here, open_session, parts_of
from isthmus.encoders.passes import MOST, Passes, light
from isthmus.encoders.torch_model import batches
from isthmus.encoders.windows import window_for

_REVISION = 1
"""Raise it when vectors change by what is written here."""


class OnnxEncoder:
    """Vectors of a graph that onnxruntime runs; :func:`isthmus.encoders.onnx_file.load` makes it.

    Args:
        name: As the user wrote it, with its scheme.
        path: Of the graph.
        description: Of what it reads and gives.
        threads: Of the CPU.
        batch_size: Items of a run; 0 for as many as are fastest.
        device: Where it runs.

    Raises:
        MissingDataError: If a file is missing.
        ArtifactError: If the graph keeps tensors outside of its folder.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        description: Description,
        *,
        threads: int,
        batch_size: int = 0,
        device: str = "auto",
    ) -> None:
        self.id = name
        self.path, self.description = path, description
        self.modality, self.dim = description.modality, description.dim
        self.languages = description.languages
        self.joint = description.joint
        self.logit_scale, self.logit_bias = description.logit_scale, description.logit_bias
        self._inputs: Any = inputs_of(name, description, path.parent)
        self._most = batch_size
        self.batch_size = max(self._inputs.batch_size, batch_size or MOST)
        self.window = window_for(self.modality, getattr(self._inputs, "takes", float("inf")))
        self.image_side: int | None = getattr(self._inputs, "image_side", None)
        files = parts_of(path)
        self._light = light(files)
        if isinstance(self._inputs, Texts):
            files += self._inputs.files
        self.fingerprint = fingerprint(
            {
                "encoder": "onnx",
                "files": [file_hash(each) for each in files],
                "description": description.identity(),
                "revision": _REVISION,
            }
        )
        self._threads, self._device = threads, device
        self._passes: Passes | None = None
        self._lock = threading.Lock()

    def options(self) -> dict[str, Any]:
        """What :func:`load` needs to make it again."""
        return {"modality": self.modality}

    def prepare(self, decoded: object) -> Any:
        """What :meth:`encode` takes: captions, pixels, or windows of sound."""
        return self._inputs.prepare(decoded)

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors ``(len(batch), dim)`` float32; of texts unit vectors.

        Raises:
            ArtifactError: If the graph does not do what its description says.
        """
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        if isinstance(self._inputs, Texts):
            tokens = self._inputs.tokens
            return pool_captions(batch, lambda texts: _unit(self._run(tokens(texts))))
        pieces = self._inputs.pieces(batch)
        made = self._run([piece for item in pieces for piece in item])
        made = _unit(made) if self.description.unit else made
        weights = [self._inputs.weight(piece) for item in pieces for piece in item]
        flat = np.array(weights, dtype=np.float64)
        starts = np.cumsum([0, *map(len, pieces)])[:-1]
        sums = np.add.reduceat(made * flat[:, None], starts, axis=0)
        found = np.asarray(sums / np.add.reduceat(flat, starts)[:, None], dtype=np.float32)
        return _unit(found) if self.description.unit else found

    def _run(self, pieces: Sequence[Any]) -> F32:
        """Vectors of texts, pictures or windows ``(len(pieces), dim)``, as the graph gives them."""
        out = np.zeros((len(pieces), self.dim), dtype=np.float32)
        lengths = [self._inputs.length(piece) for piece in pieces]
        keys = [self._inputs.alike(piece) for piece in pieces]
        passes = self._ready()
        most = self._most or passes.share(len(pieces), self._inputs.together)
        parts = batches(lengths, keys, most=most)
        given = [[pieces[row] for row in rows] for rows in parts]
        for rows, vectors in zip(parts, passes.each(self._forward, given), strict=True):
            out[rows] = vectors
        return out

    def _forward(self, session: Any, pieces: list[Any]) -> Array:
        feed: dict[str, Array] = self._inputs.arrays(pieces)
        counts = self._inputs.counts(pieces)
        if self.description.counts and counts is not None:
            feed[self.description.counts] = np.asarray(counts, dtype=np.int64)
        try:
            (found,) = session.run([self.description.output], feed)
        except Exception as error:  # onnxruntime has one for each of its states
            raise ArtifactError(
                f"{self.path} cannot be run with {described(feed)} ({_first(error)}); see "
                f"{description_file(self.path)}"
            ) from error
        found = self._pooled(found, counts)
        if found.shape != (len(pieces), self.dim):
            raise ArtifactError(
                f"{self.path} gives {list(found.shape)} for {len(pieces)} items, and "
                f"{description_file(self.path)} says dim {self.dim} and pool "
                f"{self.description.pool!r}"
            )
        return found

    def _pooled(self, found: Any, counts: Array | None) -> Array:
        array = np.asarray(found)
        if self.description.pool == "none" or array.ndim != 3:
            return array
        if self.description.pool == "cls" or counts is None:
            return array[:, 0] if self.description.pool == "cls" else array.mean(axis=1)
        tokens = np.arange(array.shape[1], dtype=np.int64)[None]
        real = np.less(tokens, counts[:, None])[..., None]
        sums = (array * real).sum(axis=1, dtype=np.float64)
        return np.asarray(sums / counts[:, None], dtype=np.float32)

    def _ready(self) -> Passes:
        with self._lock:
            if self._passes is None:
                require("onnxruntime", extra="onnx", purpose=f"the encoder {self.id!r}")
                on_cpu = self._device == "cpu" or not cuda_here()
                self._passes = Passes(self._opened, self._threads, apart=on_cpu and self._light)
            return self._passes

    def _opened(self, threads: int) -> Any:
        told = description_file(self.path)
        try:
            session = open_session(
                str(self.path),
                who=self.id,
                extra="onnx",
                threads=threads,
                device=self._device,
            )
        except (ImportError, InputError):
            raise
        except Exception as error:  # a file of any content
            raise ArtifactError(f"{self.path} cannot be read ({_first(error)})") from error
        needs = {each.name for each in session.get_inputs()}
        gives = self._inputs.names | ({self.description.counts} - {""})
        if needs != gives:
            wrong = sorted(needs - gives) or sorted(gives - needs)
            what = "asks for" if needs - gives else "does not ask for"
            raise ArtifactError(
                f"{self.path} {what} the input {wrong[0]!r}, and {told} names "
                f"{', '.join(sorted(gives))} in {self.modality}"
            )
        outputs = [each.name for each in session.get_outputs()]
        if self.description.output not in outputs:
            raise ArtifactError(
                f"{told}: output: {self.path.name} gives {', '.join(outputs)}, and not "
                f"{self.description.output!r}"
            )
        return session


def _unit(vectors: F32) -> F32:
    return np.asarray(l2_normalize(vectors), dtype=np.float32)


def _first(error: BaseException) -> str:
    return (
        next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        or type(error).__name__
    )[:200]
