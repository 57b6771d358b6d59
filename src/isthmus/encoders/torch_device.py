"""Where a model runs: which devices there are, what they compute in, and when they are full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isthmus.core.errors import InputError
from isthmus.core.extras import require

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where a model runs; ``auto`` takes the first of cuda, mps and cpu that is here."""

_FULL = ("out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED", "can't allocate memory")
"""How torch and the libraries below it say that memory has run out, where no class says it."""


def torch_for(encoder: str, extra: str) -> Any:
    """The module torch.

    Raises:
        MissingExtraError: If it is not installed.
    """
    return require("torch", extra=extra, purpose=f"the encoder {encoder!r}")


def check_device(encoder: str, device: str) -> None:
    """Refuse what names no device, whether or not it is here.

    Raises:
        InputError: If it is none of :data:`DEVICES`, nor ``cuda`` with a number.
    """
    if device in DEVICES or re.fullmatch(r"cuda:(0|[1-9][0-9]*)", device):
        return
    numbered = "; only cuda takes a number: cuda:0, cuda:1 and so on" if ":" in device else ""
    raise InputError(
        f"{encoder}: device must be one of {', '.join(DEVICES)}, got {device!r}{numbered}"
    )


def present(encoder: str, device: str, extra: str) -> str:
    """The device to use; one that was asked for must be here.

    Raises:
        InputError: If it is not.
    """
    torch = torch_for(encoder, extra)
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, usable in here.items() if usable)
    kind, _, number = device.partition(":")
    if not here[kind]:
        raise InputError(
            f"{encoder}: torch {torch.__version__} finds no {kind} device here; use device=auto"
        )
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(
            f"{encoder}: there is no device {device!r}; torch finds {torch.cuda.device_count()} "
            "of that kind, counted from 0"
        )
    return device


def safe_dtype(encoder: str, device: str, extra: str) -> str:
    """Half precision where it cannot overflow and the device itself computes in it."""
    if device == "cpu":
        return "float32"
    torch, where = torch_for(encoder, extra), present(encoder, device, extra)
    if not where.startswith("cuda"):
        return "float32"
    with room_for_model(encoder, where), torch.cuda.device(where):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float32"


def is_full(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory has run out."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return any(said in str(error) for said in _FULL)


@contextmanager
def room_for_model(encoder: str, device: str) -> Iterator[None]:
    """While weights move to a device: one error if its memory has no room for them.

    Raises:
        InputError: In place of what torch raises then.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_full(error):
            raise
        raise InputError(
            f"{encoder}: there is not enough memory on {device} to load the model; use "
            "?device=cpu or ?dtype=float16, or close other programs that use the device"
        ) from error
