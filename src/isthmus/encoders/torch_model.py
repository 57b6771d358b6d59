"""What encoders that run on torch share: device, precision, threads, batches, and one lock.

A loader checks its options by :func:`check_running`, which imports nothing, and hands a function
that reads the weights to :class:`TorchModel`. That reads them when something is first encoded and
runs them in batches whose size fits the memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.base import check_threads, check_vectors
from isthmus.encoders.colours import Coloured
from isthmus.encoders.torch_device import (
    check_device,
    is_full,
    present,
    room_for_model,
    safe_dtype,
    torch_for,
)
from isthmus.encoders.torch_exact import exact

T = TypeVar("T")
Module = Any
"""``torch.nn.Module``, or the module torch; mypy does not follow them."""
Tensor = Any
"""``torch.Tensor``."""

DTYPES = ("float32", "float16", "bfloat16", "auto")
"""In which precision; ``auto`` is bfloat16 on a CUDA device that computes in it, as it has the
range of float32 and so never overflows, and float32 elsewhere."""

_MOST = {"cpu": 32, "mps": 64, "cuda": 256}
"""Items a batch where ``batch_size`` is 0, on each device, if the memory has room for them."""
_AT_A_TIME = {TEXT: 512, IMAGE: 128, AUDIO: 64}
"""Items that an encoder on a GPU is handed at a time; of videos, which are large, 32."""
_SHARE = 4
"""A batch may take one part in so many of the memory that is free: others need some, too."""
_LEAST_BYTES = 2**26
"""It may take so many in any case, since a machine that looks full can often drop files."""
_TORCH = threading.RLock()
"""One model runs on the CPU at a time: it uses all cores, and torch's count of threads belongs to
the whole process."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a model is run; :func:`check_running` makes it.

    Attributes:
        device: One of :data:`~isthmus.encoders.torch_device.DEVICES`, or a CUDA device by its
            number: ``"cuda:1"``.
        dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"``.
        threads: Of torch on the CPU; None leaves them as they are.
        batch_size: Items a batch; 0 for as many as the memory has room for.
    """

    device: str = "auto"
    dtype: str = "float32"
    threads: int | None = None
    batch_size: int = 0

    def options(self) -> dict[str, Any]:
        """What changes vectors: the precision, unless it is float32."""
        return {} if self.dtype == "float32" else {"dtype": self.dtype}


def check_running(
    encoder: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    threads: int | None = None,
    batch_size: int = 0,
    extra: str = "hf",
) -> Running:
    """Check the options that every encoder on torch has.

    torch is imported only for ``dtype="auto"`` on a device other than the CPU.

    Args:
        encoder: Who has them, for the message.
        device: See :data:`isthmus.encoders.torch_device.DEVICES`.
        dtype: See :data:`DTYPES`.
        threads: 1 to 256.
        batch_size: 0 or more.
        extra: The extra of isthmus that installs torch.

    Raises:
        InputError: If one is unknown, or the device is asked for and not here.
    """
    check_device(encoder, device)
    if dtype not in DTYPES:
        raise InputError(f"{encoder}: dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if batch_size < 0:
        raise InputError(
            f"{encoder}: batch_size must be 1 or more, or 0 for as many as fit; got {batch_size}"
        )
    if threads is not None:
        check_threads(threads, encoder)
    if dtype == "auto":
        dtype = safe_dtype(encoder, device, extra)
    return Running(device, dtype, threads, batch_size)


class TorchModel:
    """A torch model that is read once, when it is first needed, and run by one thread at a time.

    Args:
        encoder: Whose it is, for messages.
        read: Reads the weights and returns a ``torch.nn.Module`` in float32 on the CPU; torch can
            be imported when it is called. It raises the errors of a file that cannot be used.
        running: How to run it.
        extra: The extra of isthmus that installs torch.
    """

    def __init__(
        self, encoder: str, read: Callable[[], Module], running: Running, *, extra: str = "hf"
    ) -> None:
        self.encoder = encoder
        self.running = running
        self._read, self._extra = read, extra
        self._module: Module = None
        self._device = ""
        self._loading = threading.RLock()
        self._lock = threading.RLock()

    @property
    def device(self) -> str:
        """Where it runs: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

        Raises:
            InputError: If the device that was asked for is not here.
        """
        if not self._device:
            self._device = present(self.encoder, self.running.device, self._extra)
        return self._device

    def module(self) -> Module:
        """The module on its device, in its precision, ready to be run but not under a lock."""
        with self._loading:
            if self._module is None:
                torch, module = torch_for(self.encoder, self._extra), self._read()
                with room_for_model(self.encoder, self.device):
                    module = module.to(device=self.device, dtype=_dtype(torch, self.running))
                self._module = module.eval().requires_grad_(requires_grad=False)
            return self._module

    def on_cpu(self) -> Module:
        """The module on the CPU in float32: another one, if this one is elsewhere or in half."""
        if self.device == "cpu" and self.running.dtype == "float32":
            return self.module()
        return self._read().eval().requires_grad_(requires_grad=False)

    def at_a_time(self, modality: str, usual: int) -> int:
        """Items that an encoder shall be handed at a time; the model is not loaded for that.

        Args:
            modality: Of the items.
            usual: How many on the CPU, if the user names no ``batch_size``.
        """
        if self.running.batch_size:
            return self.running.batch_size
        device = self.running.device
        if device == "auto":
            device = self.device if find_spec("torch") else "cpu"
        return usual if device == "cpu" else _AT_A_TIME.get(modality, 32)

    @property
    def in_a_batch(self) -> int:
        """Items of a batch at most."""
        return self.running.batch_size or _MOST[self.device.partition(":")[0]]

    def on_device(self, arrays: Mapping[str, Array]) -> dict[str, Tensor]:
        """Arrays as tensors on the device; those of floats in the model's precision."""
        torch = torch_for(self.encoder, self._extra)
        found = {}
        for name, array in arrays.items():
            tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
            floats = tensor.is_floating_point()
            found[name] = tensor.to(_dtype(torch, self.running)) if floats else tensor
        return found

    def pixels(self, batch: Sequence[Array], settings: Coloured) -> Tensor:
        """Pixels of one size as the model takes them, on its device and in its precision.

        Args:
            batch: ``(height, width, 3)`` each.
            settings: What becomes of them.

        Returns:
            ``(len(batch), 3, height, width)``.
        """
        if self.device == "cpu":
            return self.on_device({"x": settings.normalized(batch)})["x"]
        torch = torch_for(self.encoder, self._extra)
        return settings.colours.on(np.stack(batch), self.device).to(_dtype(torch, self.running))

    def vectors(
        self,
        items: Sequence[T],
        forward: Callable[[Module, list[T]], Tensor],
        *,
        dim: int,
        length: Callable[[T], int] = lambda item: 1,
        memory: Callable[[int], int] = lambda length: 0,
        alike: Callable[[T], Hashable] = lambda item: 0,
        most: int | None = None,
    ) -> F32:
        """Encode items in batches of similar length, the longest first.

        Args:
            items: What ``forward`` takes.
            forward: The module and the items of a batch to a tensor ``(b, dim)``; it runs without
                gradients.
            dim: Length of the vectors.
            length: Of an item, such as its tokens; items of a batch are filled up to the longest.
            memory: Bytes that one item of such a length takes while it is run.
            alike: Only items of equal keys share a batch. Give the length itself where a model
                makes other vectors of what is filled up.
            most: Items that ``forward`` takes at most, where the user names no ``batch_size``;
                default: what suits the device.

        Returns:
            ``(len(items), dim)`` float32, in the order of ``items``.

        Raises:
            InputError: If even one item needs more memory than the device has, or the vectors are
                of no use.
        """
        out = np.zeros((len(items), dim), dtype=np.float32)
        if not items:
            return out
        module = self.module()
        rows_of = batches(
            [length(item) for item in items],
            [alike(item) for item in items],
            most=self.running.batch_size or most or self.in_a_batch,
            room=0 if self.running.batch_size else _room(self.device),
            memory=memory,
        )
        with self._running():
            for rows in rows_of:
                out[rows] = self._forward(module, [items[row] for row in rows], forward)
        return check_vectors(out, self.encoder)

    def _forward(
        self, module: Module, batch: list[T], forward: Callable[[Module, list[T]], Tensor]
    ) -> F32:
        """One batch; halved as often as the device's memory runs out."""
        torch = torch_for(self.encoder, self._extra)
        try:
            found: F32 = forward(module, batch).float().cpu().numpy()
            return found
        except RuntimeError as error:
            if not is_full(error):
                raise
            if len(batch) == 1:
                raise InputError(
                    f"{self.encoder}: {self.device} has not enough memory for one item; use "
                    "device=cpu, or a smaller model"
                ) from error
        torch.cuda.empty_cache()
        half = len(batch) // 2
        parts = (batch[:half], batch[half:])
        return np.concatenate([self._forward(module, part, forward) for part in parts])

    @contextmanager
    def _running(self) -> Iterator[None]:
        """For one thread: no gradients, the model's own count of threads, and full float32."""
        torch = torch_for(self.encoder, self._extra)
        lock = _TORCH if self.device == "cpu" else self._lock
        with lock, torch.inference_mode(), exact(torch):
            before = torch.get_num_threads()
            if self.running.threads is not None:
                torch.set_num_threads(self.running.threads)
            try:
                yield
            finally:
                if self.running.threads is not None:
                    torch.set_num_threads(before)


def batches(
    lengths: Sequence[int],
    keys: Sequence[Hashable] | None = None,
    *,
    most: int,
    room: int = 0,
    memory: Callable[[int], int] = lambda length: 0,
) -> list[NDArray[np.intp]]:
    """Rows of items sorted by length and cut into batches, the longest first.

    Args:
        lengths: Of every item.
        keys: Only items of equal keys share a batch; None for one key.
        most: Items a batch.
        room: Bytes a batch; 0 for no bound. One item is always a batch.
        memory: Bytes that one item of a length takes.

    Returns:
        Each row once.

    Examples:
        >>> [rows.tolist() for rows in batches([2, 9, 3, 8], most=2)]
        [[1, 3], [2, 0]]
        >>> [rows.tolist() for rows in batches([4, 4, 4], most=8, room=8, memory=lambda n: n)]
        [[0, 1], [2]]
    """
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys or [0] * len(lengths)):
        groups.setdefault(key, []).append(row)
    found = []
    for rows in groups.values():
        rows.sort(key=lambda row: -lengths[row])
        while rows:
            each = memory(lengths[rows[0]])
            count = min(most, max(1, room // each)) if room and each else most
            found.append(np.array(rows[:count], dtype=np.intp))
            rows = rows[count:]
    return found


def transformer_memory(width: int, heads: int) -> Callable[[int], int]:
    """Bytes that a transformer takes for one item, by its length in tokens.

    A layer holds about 16 numbers a token and channel (input, queries, keys, values, output, and
    twice the four-fold hidden layer) and a square of attention a head.

    Args:
        width: Channels.
        heads: Of attention.
    """

    def bytes_of(length: int) -> int:
        return 4 * length * (16 * width + heads * length)

    return bytes_of


def _dtype(torch: Module, running: Running) -> Any:
    return getattr(torch, running.dtype)


def _room(device: str) -> int:
    """Bytes that a batch may take: a share of what is free on the device, or kept by torch."""
    if device.startswith("cuda"):
        import torch

        free = int(torch.cuda.mem_get_info(device)[0])
        free += int(torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
        return max(free // _SHARE, _LEAST_BYTES)
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _number(Path("/sys/fs/cgroup/memory.max"))  # of a container
    if (found := _field(Path("/proc/meminfo"), "MemAvailable:")) is not None:
        free = found * 1024
    if limit is not None:
        used = _number(Path("/sys/fs/cgroup/memory.current")) or 0
        cached = _field(Path("/sys/fs/cgroup/memory.stat"), "file") or 0
        free = min(free, limit - used + cached)
    return max(free // _SHARE, _LEAST_BYTES)


def _field(path: Path, name: str) -> int | None:
    """A number behind its name in a file of such lines."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return None
    return next((int(line[1]) for line in lines if line[:1] == [name]), None)


def _number(path: Path) -> int | None:
    """A number in a file; None where there is no such file, or it says ``max``."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
