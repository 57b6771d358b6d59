"""What servers want to be asked, and how they answer: one dialect each, named by the user.

| dialect | asked at | carries |
|---|---|---|
| ``openai`` | ``ADDRESS/embeddings`` | texts: ``{"input": […]}`` |
| ``tei`` | ``ADDRESS/embed`` | texts: ``{"inputs": […]}``; the answer is a list of vectors |
| ``infinity`` | ``ADDRESS/embeddings`` | texts, or data URIs with ``"modality"`` beside them |
| ``vllm`` | ``ADDRESS/embeddings`` | ``{"messages": […]}``, one item a request |
| ``jina`` | ``ADDRESS/embeddings`` | ``{"input": [{"text": …} | {"image": …}]}`` |

Sources: the OpenAI reference of ``/v1/embeddings``; ``router/src/http/types.rs`` of
text-embeddings-inference; ``fastapi_schemas/pymodels.py`` of infinity;
``entrypoints/pooling`` and ``examples/pooling/embed/vision_embedding_online.py`` of vLLM; the
examples of the Jina embeddings API.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.document import Json
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.core.view import AUDIO, IMAGE, TEXT

Content = str | bytes
"""A text, the bytes of a PNG, or those of a WAV."""
_MEDIA_TYPES = {IMAGE: "image/png", AUDIO: "audio/wav"}
_NUMBERS = {float, int, type(None)}
"""What stands in a vector; some servers write null for NaN."""


@dataclass(frozen=True)
class Query:
    """What a request asks for besides its items.

    Attributes:
        model: Its name at the server.
        modality: Of the items.
        dimensions: To which vectors shall be cut; 0 for as they are.
        prompt: In front of texts; beside pictures where the dialect can carry both.
    """

    model: str
    modality: str
    dimensions: int = 0
    prompt: str = ""


@dataclass(frozen=True)
class Dialect:
    """How one kind of server is asked.

    Attributes:
        name: What the user types behind ``dialect=``.
        address: One that works, for messages.
        path: Behind the address.
        modalities: Of items that a request can carry.
        body: A request for some items.
        items: Of a request that are sent together, unless the user says otherwise.
        most: Of a request that may be sent together; None for any number.
        names_model: Whether a request has to name a model.
        cuts: Whether a request can ask for ``dimensions``.
        bare: Whether the answer is a list of vectors, without indices.
    """

    name: str
    address: str
    path: str
    modalities: tuple[str, ...]
    body: Callable[[Sequence[Content], Query], dict[str, Json]]
    items: int = 32
    most: int | None = None
    names_model: bool = True
    cuts: bool = True
    bare: bool = False


def _texts(items: Sequence[Content], query: Query) -> list[str]:
    return [query.prompt + _text(item) for item in items]


def _text(item: Content) -> str:
    if not isinstance(item, str):
        raise TypeError(f"need a text, got {type(item).__name__}")
    return item


def data_uri(item: Content, modality: str) -> str:
    """Bytes as an address that holds them: ``"data:image/png;base64,…"`` (RFC 2397)."""
    return f"data:{_MEDIA_TYPES[modality]};base64,{_base64(item)}"


def _base64(item: Content) -> str:
    if not isinstance(item, bytes):
        raise TypeError(f"need bytes, got {type(item).__name__}")
    return b64encode(item).decode()


def _named(query: Query, **fields: Json) -> dict[str, Json]:
    cut: dict[str, Json] = {"dimensions": query.dimensions} if query.dimensions else {}
    return {"model": query.model, **fields, **cut}


def _openai(items: Sequence[Content], query: Query) -> dict[str, Json]:
    return _named(query, input=_texts(items, query), encoding_format="float")


def _tei(items: Sequence[Content], query: Query) -> dict[str, Json]:
    return {"inputs": _texts(items, query), "truncate": True}


def _infinity(items: Sequence[Content], query: Query) -> dict[str, Json]:
    """A text that looks like an address stays a text, since the modality says so."""
    if query.modality == TEXT:
        sent = _texts(items, query)
    else:
        sent = [data_uri(item, query.modality) for item in items]
    return _named(query, input=sent, modality=query.modality, encoding_format="float")


def _vllm(items: Sequence[Content], query: Query) -> dict[str, Json]:
    (item,) = items
    content: list[Json] = []
    if query.modality == IMAGE:
        content.append({"type": "image_url", "image_url": {"url": data_uri(item, IMAGE)}})
        if query.prompt:
            content.append({"type": "text", "text": query.prompt})
    else:
        content.append({"type": "text", "text": query.prompt + _text(item)})
    messages: Json = [{"role": "user", "content": content}]
    return _named(query, messages=messages, encoding_format="float")


def _jina(items: Sequence[Content], query: Query) -> dict[str, Json]:
    sent: Json
    if query.modality == IMAGE:
        sent = [{"image": _base64(item)} for item in items]
    else:
        sent = [{"text": text} for text in _texts(items, query)]
    return _named(query, input=sent, embedding_type="float")


DIALECTS = {
    each.name: each
    for each in (
        Dialect("openai", "http://localhost:8000/v1", "/embeddings", (TEXT,), _openai),
        Dialect(
            "tei", "http://localhost:8080", "/embed", (TEXT,), _tei,
            names_model=False, cuts=False, bare=True,
        ),
        Dialect(
            "infinity", "http://localhost:7997", "/embeddings", (TEXT, IMAGE, AUDIO), _infinity,
            cuts=False,
        ),
        Dialect(
            "vllm", "http://localhost:8000/v1", "/embeddings", (TEXT, IMAGE), _vllm,
            items=1, most=1,
        ),
        Dialect("jina", "https://api.jina.ai/v1", "/embeddings", (TEXT, IMAGE), _jina),
    )
}  # fmt: skip
"""By name."""


def dialect_of(name: str, address: str) -> Dialect:
    """The dialect that the user named; it is never guessed.

    Raises:
        InputError: If it is not known, or none is named.
    """
    if name in DIALECTS:
        return DIALECTS[name]
    known = "; ".join(f"dialect={each.name} ({each.address})" for each in DIALECTS.values())
    said = f"does not know the dialect {name!r:.40}" if name else "needs a dialect"
    raise InputError(
        f"encoder '{address:.120}' {said}: what the server speaks. Write one behind '?', with the "
        f"address that goes with it: {known}"
    )


def rows_of(data: bytes, dialect: Dialect) -> list[F32]:
    """The vectors of an answer, in the order of what was asked.

    Args:
        data: The answer.
        dialect: In which it is.

    Returns:
        Vectors ``(dim,)`` float32, as many as there are; they may differ in length, and hold NaN.

    Raises:
        ValueError: If the answer is not in the dialect.
    """
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    vectors: list[Any] = document if dialect.bare else _in_order(document)
    if not isinstance(vectors, list):
        raise ValueError("no list of vectors")
    return [_row(vector) for vector in vectors]


def _in_order(document: Any) -> list[Any]:
    try:
        by_index = {_whole(each["index"]): each["embedding"] for each in document["data"]}
        count = len(document["data"])
    except (LookupError, TypeError) as error:
        raise ValueError("no data with index and embedding") from error
    if sorted(by_index) != list(range(count)):
        raise ValueError("an index is missing or there twice")
    return [by_index[i] for i in range(count)]


def _whole(index: Any) -> int:
    if type(index) is not int:
        raise ValueError("an index is no whole number")
    return index


def _row(vector: Any) -> F32:
    if not isinstance(vector, list) or not set(map(type, vector)) <= _NUMBERS:
        raise ValueError("a vector is no list of numbers")
    try:
        with np.errstate(over="ignore"):
            return np.array(vector, dtype=np.float64).astype(np.float32)
    except OverflowError as error:
        raise ValueError("a number is too large") from error
