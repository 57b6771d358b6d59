"""Encoders behind an address: ``http://localhost:7997?dialect=infinity&model=NAME``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from isthmus.core.errors import InputError
from isthmus.core.view import TEXT
from isthmus.encoders.remote.dialects import DIALECTS, Dialect, Query, dialect_of
from isthmus.encoders.remote.encoder import MOST_DIM, RemoteEncoder, Settings, check_key_name

__all__ = ["DIALECTS", "RemoteEncoder", "load", "modalities"]

_USUAL = Settings()
_RANGES = {
    "batch_size": (1, 2048),
    "threads": (1, 64),
    "retries": (0, 20),
    "side": (16, 8192),
    "rate": (8000, 192_000),
    "dim": (0, MOST_DIM),
    "dimensions": (0, MOST_DIM),
}


def load(
    name: str,
    *,
    modality: str | None = None,
    dialect: str = "",
    model: str = "",
    dimensions: int = 0,
    dim: int = 0,
    key: str = "",
    batch_size: int = 0,
    timeout: float = _USUAL.timeout,
    retries: int = _USUAL.retries,
    threads: int = _USUAL.threads,
    prompt: str = "",
    revision: str = "",
    side: int = _USUAL.side,
    rate: int = _USUAL.rate,
    logit_scale: float = _USUAL.logit_scale,
) -> RemoteEncoder:
    """An encoder behind an address. Nothing is sent until something is encoded.

    Args:
        name: The address.
        modality: What it shall read; needed where the dialect carries several.
        dialect: What the server speaks: ``openai``, ``tei``, ``infinity``, ``vllm`` or ``jina``.
        model: Its name at the server.
        dimensions: To which the server shall cut its vectors, where it can; 0 for as they are.
        dim: Length of the vectors; 0 asks the server.
        key: Name of the environment variable that holds the key.
        batch_size: Items a request; 0 for what the dialect bears.
        timeout: Seconds that an answer may take.
        retries: Tries after the first, with growing pauses.
        threads: Requests at a time.
        prompt: In front of each text (``"query: "``); beside each picture for ``vllm``.
        revision: What you call this state of the server's model; another one is another encoder.
        side: Longer side in pixels that a picture is sent with, at most.
        rate: Hz that sound is sent with.
        logit_scale: By what the model multiplies cosines, for spaces without pairs.

    Raises:
        InputError: If the dialect is not known or cannot do what is asked.
    """
    spoken = dialect_of(dialect, name)
    who = f"encoder '{name:.120}'"
    read = _modality(who, spoken, modality)
    query = Query(model, read, dimensions, prompt)
    size = batch_size or spoken.items
    _check_query(who, spoken, query, size)
    numbers = {"batch_size": size, "threads": threads, "retries": retries, "side": side}
    _check_numbers(who, {**numbers, "rate": rate, "dim": dim, "dimensions": dimensions})
    if dim and dimensions and dim != dimensions:
        raise InputError(f"{who}: dim={dim} and dimensions={dimensions} differ; leave out dim")
    if not 0 < logit_scale < math.inf:
        raise InputError(f"{who}: logit_scale must be a number above 0, got {logit_scale}")
    settings = Settings(
        check_key_name(key), size, threads, timeout, retries, revision, side, rate, logit_scale
    )
    return RemoteEncoder(name, spoken, query, settings, dim=dim or dimensions)


def _modality(who: str, spoken: Dialect, modality: str | None) -> str:
    """What the encoder shall read."""
    if modality is None:
        if len(spoken.modalities) > 1:
            ways = " or ".join(f"modality={each}" for each in spoken.modalities)
            raise InputError(f"{who}: write what it shall read: {ways}")
        return spoken.modalities[0]
    if modality not in spoken.modalities:
        raise InputError(
            f"{who}: the dialect {spoken.name!r} carries {' and '.join(spoken.modalities)}, not "
            f"{modality}"
        )
    return modality


def _check_query(who: str, spoken: Dialect, query: Query, size: int) -> None:
    """Refuse what the dialect cannot ask for."""
    if not query.model and spoken.names_model:
        raise InputError(f"{who}: name the model at the server: model=NAME")
    if query.dimensions and not spoken.cuts:
        raise InputError(
            f"{who}: the dialect {spoken.name!r} cannot ask for dimensions; leave them out"
        )
    if query.prompt and query.modality != TEXT and spoken.name != "vllm":
        raise InputError(
            f"{who}: a prompt stands in front of texts, and this reads {query.modality}"
        )
    if spoken.most is not None and size > spoken.most:
        raise InputError(
            f"{who}: the dialect {spoken.name!r} takes {spoken.most} item a request; send more "
            "requests at a time: threads=8"
        )


def _check_numbers(who: str, numbers: Mapping[str, int]) -> None:
    for option, value in numbers.items():
        least, most = _RANGES[option]
        if not least <= value <= most:
            raise InputError(f"{who}: {option} must be {least} to {most}, got {value}")


def modalities(name: str, *, dialect: str = "", **_: object) -> tuple[str, ...]:
    """What a server may read: what its dialect carries. Nothing is asked.

    Raises:
        InputError: If the dialect is not known.
    """
    return dialect_of(dialect, name).modalities
