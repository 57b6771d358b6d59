"""An encoder behind an address: what it is sent, and what is made of the answers."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError, IsthmusError, PartlyEncodedError, RemoteError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.core.web import Endpoint
from isthmus.encoders.base import check_captions, check_image, check_sound, offline
from isthmus.encoders.remote.asking import Asker
from isthmus.encoders.remote.dialects import Content, Dialect, Query
from isthmus.encoders.windows import window_for

LARGEST = 64 * 2**20
"""Bytes of an answer: 512 vectors of 4,096 numbers, 22 characters each, are 46 MB."""
MOST_DIM = 65_536
"""Numbers of a vector."""
_A_KEY = re.compile(r"[A-Z][A-Z0-9_]*")
_PROBE_SIDE = 224
"""Pixels a side of the picture by which the length of vectors is found: some models refuse less."""


@dataclass(frozen=True)
class Settings:
    """Options of an encoder behind an address.

    Attributes:
        key: Name of the environment variable that holds the key; empty for none.
        batch_size: Items a request.
        threads: Requests at a time.
        timeout: Seconds that an answer may take.
        retries: Tries after the first.
        revision: What the user calls this state of the server's model.
        side: Longer side in pixels that a picture is sent with, at most: twice what most models
            look at.
        rate: Hz that sound is sent with: what CLAP hears.
        logit_scale: By what the model multiplies cosines: where the training of CLIP clips it
            (Radford et al., ICML 2021).
    """

    key: str = ""
    batch_size: int = 32
    threads: int = 4
    timeout: float = 60.0
    retries: int = 5
    revision: str = ""
    side: int = 768
    rate: int = 48_000
    logit_scale: float = 100.0


class RemoteEncoder:
    """Vectors from a server, in one of the :data:`~isthmus.encoders.remote.dialects.DIALECTS`.

    Pictures are sent as PNG of their decoded pixels, shrunk to ``side``, so that every server sees
    what other encoders see. The fingerprint names the address, the model and all that is sent;
    whether the server changes its model behind them, nobody can see from here: then give another
    ``revision``.

    Args:
        address: Of the server, without the path of the dialect.
        dialect: What it speaks.
        query: What it is asked for.
        settings: How it is asked.
        dim: Length of its vectors; 0 asks the server when it is first needed.

    Raises:
        InputError: If the address or a setting cannot be used.
    """

    languages: tuple[str, ...] = ()
    logit_bias = 0.0

    def __init__(
        self, address: str, dialect: Dialect, query: Query, settings: Settings, *, dim: int = 0
    ) -> None:
        self.id = f"{address}?dialect={dialect.name}" + (
            f"&model={query.model}" * bool(query.model)
        )
        self.address, self.dialect, self.query, self.settings = address, dialect, query, settings
        self.modality = query.modality
        self.batch_size = settings.batch_size * settings.threads
        self.window = window_for(self.modality)
        self.image_side = 2 * settings.side if self.modality == IMAGE else None
        self.logit_scale = settings.logit_scale
        self._endpoint("")  # a wrong address or time is told at once
        model = {
            "encoder": "http",
            "address": address.rstrip("/"),
            "dialect": dialect.name,
            "model": query.model,
            "dimensions": query.dimensions,
            "revision": settings.revision,
        }
        self.joint = fingerprint(model) if len(dialect.modalities) > 1 else ""
        self.fingerprint = fingerprint(
            {**model, "modality": self.modality, "prompt": query.prompt, "sent": self._sent_as()}
        )
        self._dim = dim
        self._asking = threading.Lock()
        self._asker = Asker(dialect, query, settings.retries)

    @property
    def dim(self) -> int:
        """Length of its vectors; one small request finds it where nobody said it.

        Raises:
            RemoteError: If the server cannot be asked.
        """
        with self._asking:
            if not self._dim:
                self._dim = self._found()
        return self._dim

    def options(self) -> dict[str, Any]:
        """What :func:`load` needs to make it again, without any key."""
        usual = Settings(batch_size=self.dialect.items)
        own = {
            name: value
            for name, value in asdict(self.settings).items()
            if value != getattr(usual, name)
        }
        asked = {name: value for name, value in asdict(self.query).items() if value}
        return {"dialect": self.dialect.name, **asked, "dim": self.dim, **own}

    def prepare(self, decoded: object) -> tuple[str, ...] | bytes:
        """What is sent: captions, the bytes of a PNG, or those of a WAV."""
        if self.modality == TEXT:
            return check_captions(decoded, self.id)
        if self.modality == IMAGE:
            return _png(check_image(decoded, self.id), self.settings.side)
        return _wav(check_sound(decoded, self.id, self.settings.rate), self.settings.rate)

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors ``(len(batch), dim)`` float32; of captions unit vectors, else as they come.

        Raises:
            InputError: If the server refuses an item of the batch.
            PartlyEncodedError: If it has vectors of some items, and then refuses one or fails.
            RemoteError: If it is of no use to go on.
        """
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        captions = [item if isinstance(item, tuple) else (item,) for item in batch]
        contents: list[Content] = list(dict.fromkeys(c for item in captions for c in item))
        known, error = self._asked(contents)
        vectors = np.full((len(batch), self.dim), np.nan, dtype=np.float32)
        for row, item in enumerate(captions):
            if all(content in known for content in item):
                own = np.stack([known[content] for content in item])
                vectors[row] = own[0] if self.modality != TEXT else _pooled(own)
        if error is None:
            return vectors
        if not known:
            raise error
        raise PartlyEncodedError(str(error), vectors=vectors, cause=error)

    def _asked(self, contents: Sequence[Content]) -> tuple[dict[Content, F32], IsthmusError | None]:
        """Vectors by what they are of, and what stopped it."""
        endpoint, dim, size = self._reachable(), self.dim, self.settings.batch_size
        requests = [contents[start : start + size] for start in range(0, len(contents), size)]

        def ask(part: Sequence[Content]) -> list[F32 | IsthmusError]:
            return self._asker.vectors(endpoint, part, dim)

        if self.settings.threads == 1 or len(requests) == 1:
            rows = _until_hopeless(ask, requests)
        else:
            rows = _side_by_side(ask, requests, self.settings.threads)
        known: dict[Content, F32] = {}
        stopped: list[IsthmusError] = []
        for content, row in zip(contents, rows, strict=False):
            if isinstance(row, IsthmusError):
                stopped.append(row)
            else:
                known[content] = row
        # What ends the run is told before what only some items suffer.
        stopped.sort(key=lambda error: isinstance(error, InputError))
        return known, stopped[0] if stopped else None

    def _found(self) -> int:
        """The length of vectors, by one small request."""
        made: tuple[str, ...] | bytes = ("a test",)
        if self.modality == IMAGE:
            from PIL import Image

            made = self.prepare(Image.new("RGB", (_PROBE_SIDE, _PROBE_SIDE), "grey"))
        elif self.modality == AUDIO:
            made = _wav(np.zeros(self.settings.rate, dtype=np.float32), self.settings.rate)
        content = made[0] if isinstance(made, tuple) else made
        (row,) = self._asker.vectors(self._reachable(), [content], 0)
        if isinstance(row, IsthmusError):
            raise RemoteError(str(row)) from row
        dim = len(row)
        if not 1 <= dim <= MOST_DIM:
            raise RemoteError(
                f"the encoder {self.id!r} gives vectors of {dim:,} numbers; need 1 to {MOST_DIM:,}"
            )
        return dim

    def _reachable(self) -> Endpoint:
        """The server with the key, where it may be asked.

        Raises:
            RemoteError: If nothing may leave this machine, or there is no key.
        """
        name = self.settings.key
        key = os.environ.get(name, "") if name else ""
        if name and not key:
            raise RemoteError(
                f"the encoder {self.id!r} needs a key, and the environment variable {name} is not "
                f"set. Set it to the key of that server: export {name}=…"
            )
        endpoint = self._endpoint(key)
        if offline() and not endpoint.loopback:
            raise RemoteError(
                f"the encoder {self.id!r} is on another machine, and nothing may leave this one "
                "(--offline, or ISTHMUS_OFFLINE or HF_HUB_OFFLINE is set)"
            )
        return endpoint

    def _endpoint(self, key: str) -> Endpoint:
        return Endpoint(self.address, "encoder", key, self.settings.timeout, LARGEST)

    def _sent_as(self) -> str:
        if self.modality == IMAGE:
            return f"PNG, longer side at most {self.settings.side}, bicubic, 1"
        if self.modality == AUDIO:
            return f"WAV, 16 bits, {self.settings.rate} Hz, 1"
        return "texts, mean of unit vectors, 1"


def check_key_name(name: str) -> str:
    """The name of an environment variable; a key itself is refused, and not repeated.

    Raises:
        InputError: If it may be a key.
    """
    if name and not _A_KEY.fullmatch(name):
        raise InputError(
            "key= takes the NAME of an environment variable in capital letters, such as "
            "key=OPENAI_API_KEY, and never the key itself, since names of encoders are saved"
        )
    return name


_Ask = Callable[[Sequence[Content]], "list[F32 | IsthmusError]"]


def _until_hopeless(ask: _Ask, requests: Sequence[Sequence[Content]]) -> list[F32 | IsthmusError]:
    """Requests one after another, up to the one that ends the run."""
    rows: list[F32 | IsthmusError] = []
    for part in requests:
        rows += ask(part)
        if isinstance(rows[-1], RemoteError):
            break
    return rows


def _side_by_side(
    ask: _Ask, requests: Sequence[Sequence[Content]], threads: int
) -> list[F32 | IsthmusError]:
    pool = ThreadPoolExecutor(min(threads, len(requests)), thread_name_prefix="isthmus-http")
    try:
        return [row for rows in pool.map(ask, requests) for row in rows]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pooled(rows: F32) -> F32:
    """The unit vector of the mean of unit vectors; NaN where a part is."""
    if not np.isfinite(rows).all():
        return np.full(rows.shape[1], np.nan, dtype=np.float32)
    mean = l2_normalize(rows.astype(np.float64)).mean(axis=0, keepdims=True)
    return np.asarray(l2_normalize(mean)[0], dtype=np.float32)


def _png(image: Any, side: int) -> bytes:
    from PIL import Image

    longer = max(image.size)
    if longer > side:
        width, height = (max(1, round(edge * side / longer)) for edge in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _wav(samples: F32, rate: int) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
