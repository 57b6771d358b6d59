"""Stand-ins for CLIP and CLAP: towers that see the truth of drawn scenes, each through noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.core.artifact import content_hash, fingerprint
from isthmus.core.item import Waveform
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.record import Dataset
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.datasets.shapes import ATTRIBUTES
from isthmus.media import decode

WORDS = tuple(word for words in ATTRIBUTES.values() for word in words)
GAP = 1.5
"""How far the cone of a view lies from the origin, where attributes spread by 1."""


class Tower:
    """One view of a model: a random projection of which attributes a scene has.

    Args:
        modality: What it reads.
        model: Names its space; towers of one model share the projection.
        truth: By hash of a decoded picture or sound, what it shows; of texts, which say it.
        noise: How much of each vector says nothing.
        dim: Length of vectors.
    """

    languages: tuple[str, ...] = ()
    batch_size = 64
    logit_scale, logit_bias = 50.0, 0.0
    licence = "CC0-1.0"

    def __init__(
        self,
        modality: str,
        model: str,
        truth: dict[str, str],
        *,
        noise: float = 0.3,
        dim: int = 40,
        joint: str | None = None,
    ) -> None:
        self.id, self.modality, self.dim = model, modality, dim
        self.joint = model if joint is None else joint
        self.fingerprint = fingerprint({"tower": modality, "model": model, "noise": noise})
        self.truth, self.noise = truth, noise
        seed = [ord(letter) for letter in model]
        self.projection = np.random.default_rng(seed).normal(size=(len(WORDS), dim))
        cone = np.random.default_rng([*seed, len(modality), ord(modality[0])]).normal(size=dim)
        self.gap = GAP * cone * np.sqrt(4.0)  # a scene has four attributes

    def prepare(self, decoded: Any) -> tuple[str, str]:
        """What is shown, and what names the item."""
        key = key_of(decoded)
        return self.truth.get(key, key) if self.modality != TEXT else decoded[0], key

    def encode(self, batch: Sequence[tuple[str, str]]) -> F32:
        if not batch:
            return np.zeros((0, self.dim), np.float32)
        has = np.array([[word in said for word in WORDS] for said, _ in batch], dtype=float)
        spread = [
            np.random.default_rng(int(content_hash((self.id + key).encode())[:8], 16))
            for _, key in batch
        ]
        odd = np.array([rng.normal(size=self.dim) for rng in spread])
        rows = has @ self.projection + self.gap + 2 * self.noise * odd
        return np.asarray(3 * l2_normalize(rows), dtype=np.float32)


def key_of(decoded: Any) -> str:
    if isinstance(decoded, tuple):
        return decoded[0]
    held = decoded.samples if isinstance(decoded, Waveform) else np.asarray(decoded)
    return content_hash(np.ascontiguousarray(held).tobytes())


def truth_of(dataset: Dataset) -> dict[str, str]:
    """What every picture and sound of a data set shows, in the words of its caption."""
    return {
        key_of(decode(item)): record.items[TEXT].captions[0]
        for record in dataset.records
        for item in record.items.values()
        if item.modality in (IMAGE, AUDIO)
    }


def clip(truth: dict[str, str], **options: Any) -> dict[str, Tower]:
    return {m: Tower(m, "clip", truth, **options) for m in (TEXT, IMAGE)}


def clap(truth: dict[str, str], **options: Any) -> dict[str, Tower]:
    return {m: Tower(m, "clap", truth, dim=24, **options) for m in (TEXT, AUDIO)}
