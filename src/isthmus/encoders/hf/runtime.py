"""What runs a tower: torch, or onnxruntime where an exported graph gave the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.paths import cache_dir
from isthmus.encoders.base import check_vectors, usable_cores
from isthmus.encoders.onnx_session import open_session, parts_of
from isthmus.encoders.passes import Passes, light
from isthmus.encoders.torch_model import Running, batches

RUNTIMES = ("auto", "torch", "onnx")
"""``onnx`` exports a model once, compares vectors and runs the graph; ``auto`` runs a graph that
is there already, on the CPU, and torch where there is none."""


class _Inputs(Protocol):
    together: tuple[int, int]

    def length(self, piece: Any) -> int: ...

    def alike(self, piece: Any) -> Any: ...

    def arrays(self, pieces: list[Any]) -> dict[str, Array]: ...

    def counts(self, pieces: list[Any]) -> Array | None: ...


class Graph:
    """A tower as a graph that onnxruntime runs on the CPU.

    Args:
        path: Of the file that :func:`isthmus.encoders.exporting.export` wrote.
        name: Of the encoder.
        running: How it is run.
    """

    def __init__(self, path: Path, name: str, running: Running) -> None:
        threads = running.threads or usable_cores()

        def opened(threads: int) -> Any:
            return open_session(str(path), who=name, extra="onnx", threads=threads)

        self._passes = Passes(opened, threads, apart=light(parts_of(path)))
        self._most = running.batch_size
        self._name = name

    def vectors(self, inputs: _Inputs, pieces: Sequence[Any], dim: int) -> F32:
        """Vectors of pieces, ``(len(pieces), dim)`` float32, as the model gives them."""
        out = np.zeros((len(pieces), dim), dtype=np.float32)
        lengths = [inputs.length(piece) for piece in pieces]
        keys = [inputs.alike(piece) for piece in pieces]
        most = self._most or self._passes.share(len(pieces), inputs.together)
        parts = batches(lengths, keys, most=most)

        def forward(session: Any, rows: Array) -> Array:
            some = [pieces[row] for row in rows]
            counts = inputs.counts(some)
            feed = dict(inputs.arrays(some))
            if counts is not None:
                feed["counts"] = np.asarray(counts, dtype=np.int64)
            names = {each.name for each in session.get_inputs()}
            given = {name: each for name, each in feed.items() if name in names}
            (made,) = session.run(None, given)
            return np.asarray(made)

        for rows, vectors in zip(parts, self._passes.each(forward, parts), strict=True):
            out[rows] = vectors
        return check_vectors(out, self._name)


def check_runtime(name: str, runtime: str, running: Running) -> str:
    """Refuse what is no runtime, or one that cannot run as asked.

    Raises:
        InputError: If it is unknown, or onnxruntime is asked for half precision or a GPU.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"{name}: runtime must be one of {', '.join(RUNTIMES)}, got {runtime!r}")
    on_cpu = running.device in ("auto", "cpu") and running.dtype == "float32"
    if runtime == "onnx" and not on_cpu:
        raise InputError(
            f"{name}: runtime=onnx runs in float32 on the CPU; leave out device and dtype, or use "
            "runtime=torch"
        )
    return runtime


def graph_for(
    name: str,
    fingerprint: str,
    options: dict[str, Any],
    *,
    runtime: str,
    running: Running,
    device: Callable[[], str],
) -> Graph | None:
    """The graph to run; None for torch.

    Args:
        name: What loads the encoder.
        fingerprint: Of the encoder; names its graph in the cache.
        options: To load it.
        runtime: One of :data:`RUNTIMES`.
        running: How it is run.
        device: Where torch would run.

    Raises:
        InputError: If ``runtime`` is ``onnx``, and the encoder cannot be exported.
        IsthmusError: If it is, and the export fails or gives other vectors.
    """
    from isthmus.encoders.exporting import export
    from isthmus.encoders.onnx_file import MODEL

    if runtime == "torch" or running.dtype != "float32":
        return None
    folder = graph_folder(fingerprint)
    if not (folder / MODEL).is_file():
        if runtime == "auto":
            return None
        plain = {**options, "runtime": "torch", "device": "cpu"}
        export(name, folder, options=plain, overwrite=True)  # another process may be first
    elif runtime == "auto" and device() != "cpu":
        return None
    return Graph(folder / MODEL, name, running)


def graph_folder(fingerprint: str) -> Path:
    """Where the graph of an encoder is, if it was exported and its vectors agreed."""
    return cache_dir() / "models" / f"hf-{fingerprint}"
