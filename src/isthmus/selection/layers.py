"""Which hidden layer of an encoder to take: that whose neighbours agree best with another view's.

The last layer of a model serves what it was trained for; a middle one often agrees better with
another modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.contracts import Encoder, Layered, Progress
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32
from isthmus.core.record import Dataset
from isthmus.encoders import resolve, split_spec
from isthmus.metrics import mutual_knn
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import prepare

AUTO = "layer=auto"
"""What asks for it, among the options behind an encoder's name."""
RECORDS = 512
"""Of the pairs, so many are looked at: the neighbours of fewer differ too much from run to run."""
LEAST = 16
"""Of fewer pairs no layer can be told from another."""
NEIGHBOURS = 10
"""As where encoders are diagnosed; Huh et al. take ten, too."""


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """Which layer was chosen, and what for.

    Attributes:
        spec: The encoder's name with that layer.
        layer: From 0 for the embeddings to the depth.
        scores: Mutual k-NN with the other views by layer, their mean.
        shuffled: The best that any layer reaches when partners are shuffled.
        records: Of how many pairs.
    """

    spec: str
    layer: int
    scores: tuple[float, ...]
    shuffled: float
    records: int

    @property
    def told(self) -> str:
        """The choice beside the last layer and its null, for people."""
        best, last = self.scores[self.layer], self.scores[-1]
        return (
            f"layer {self.layer} of {len(self.scores) - 1}; mutual k-NN on {self.records} pairs "
            f"{best:.3f} (last layer {last:.3f}, shuffled partners {self.shuffled:.3f})"
        )


class _AllLayers:
    """An encoder whose vectors are those of all layers of another one, side by side."""

    languages: tuple[str, ...] = ()

    def __init__(self, encoder: Any) -> None:
        self._encoder, self._layers = encoder, encoder.depth + 1
        self.id, self.modality = encoder.id, encoder.modality
        self.dim = self._layers * encoder.width
        self.fingerprint = f"{encoder.fingerprint}/layers"
        self.batch_size = getattr(encoder, "batch_size", 32)
        self.image_side = getattr(encoder, "image_side", None)

    def prepare(self, decoded: Any) -> Any:
        return self._encoder.prepare(decoded)

    def encode(self, batch: Sequence[Any]) -> F32:
        layers: F32 = self._encoder.encode_layers(batch)
        return layers.transpose(1, 0, 2).reshape(len(batch), -1)

    def apart(self, vectors: F32) -> F32:
        """``(layers, n, width)`` of what :meth:`encode` gave."""
        return vectors.reshape(len(vectors), self._layers, -1).transpose(1, 0, 2)


def best_layer(
    spec: str,
    pairs: Dataset,
    view: str,
    others: Mapping[str, str | Encoder] | None = None,
    *,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> LayerChoice:
    """The layer whose neighbours agree best with those of the other views, by mutual k-NN.

    Args:
        spec: The encoder's name; ``layer=auto`` in it is left out.
        pairs: Records; at most :data:`RECORDS` of them are looked at.
        view: Which view the encoder reads.
        others: Encoders of the other views by their names; what is missing gets its default.
        cache: Of native vectors.
        progress: Told as work is done.
        seed: Of the sample and of the shuffle.

    Raises:
        InputError: If the encoder has no layers to choose from.
        DataError: If fewer than :data:`LEAST` records have this view and another one.

    References:
        Huh et al., "The platonic representation hypothesis", ICML 2024.
    """
    bare = _without(spec)
    encoder = resolve(bare, {}, modality=pairs.modalities.get(view))
    if not isinstance(encoder, Layered):
        raise InputError(f"{encoder.id}: has no layers to choose from; leave out {AUTO}")
    wrapped = _AllLayers(encoder)
    rng = np.random.default_rng(seed)
    sample = _sample(pairs, view, rng)
    named = {
        other: _without(each) if isinstance(each, str) else each
        for other, each in (others or {}).items()
    }
    ready = prepare(sample, {**named, view: wrapped}, cache=cache, progress=progress)
    found, null, counts = [], [], []
    for other in ready.pairs.views:
        rows = ready.pairs.rows(view, other)
        if other == view or len(rows) < LEAST:
            continue
        layers = wrapped.apart(ready.pairs.vectors[view][rows])
        partner = ready.pairs.vectors[other][rows]
        found.append(_agreement(layers, partner))
        null.append(_agreement(layers, rng.permutation(partner)))
        counts.append(len(rows))
    if not found:
        raise _too_few(pairs, view)
    scores = np.mean(found, axis=0)
    layer = int(scores.argmax())
    shuffled = float(np.mean(null, axis=0).max())
    return LayerChoice(_with(bare, layer), layer, tuple(scores.tolist()), shuffled, max(counts))


def choose_layers(
    data: Dataset,
    encoders: Mapping[str, str | Encoder],
    *,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> tuple[dict[str, str | Encoder], dict[str, LayerChoice]]:
    """Encoders with a layer in place of each ``layer=auto``, one view after the other.

    The layer is chosen on records on which heads are estimated later, so that the estimate is a
    little too good: of 13 layers of noise for 200 pairs the best gives a held-out recall@10 of
    .260 ± .003, one taken blindly .252 ± .003, and chance is .250.

    Args:
        data: Records.
        encoders: By view.
        cache: As for :func:`best_layer`.
        progress: As for :func:`best_layer`.
        seed: As for :func:`best_layer`.

    Returns:
        The encoders, and what was chosen, by view.
    """
    chosen, choices = dict(encoders), {}
    for view, named in encoders.items():
        if not isinstance(named, str) or not asks(named):
            continue
        parts = split_spec(named)
        if len(parts) > 1:
            raise InputError(f"{named}: {AUTO} is for one encoder; name the layer of each part")
        others = {other: each for other, each in chosen.items() if other != view}
        choice = best_layer(named, data, view, others, cache=cache, progress=progress, seed=seed)
        chosen[view], choices[view] = choice.spec, choice
    return chosen, choices


def asks(spec: object) -> bool:
    """Whether an encoder's name leaves its layer to be chosen.

    Examples:
        >>> asks("hf:someone/model?layer=auto"), asks("hf:someone/model?layer=3"), asks("mfcc")
        (True, False, False)
    """
    return isinstance(spec, str) and AUTO in spec.partition("?")[2].split("&")


def _without(spec: str) -> str:
    name, _, query = spec.partition("?")
    rest = "&".join(part for part in query.split("&") if part and part != AUTO)
    return f"{name}?{rest}" if rest else name


def _with(spec: str, layer: int) -> str:
    return f"{spec}{'&' if '?' in spec else '?'}layer={layer}"


def _sample(pairs: Dataset, view: str, rng: np.random.Generator) -> Dataset:
    """At most :data:`RECORDS` of the records that have the view and another one."""
    rows = [
        row
        for row, record in enumerate(pairs.records)
        if view in record.items and len(record.items) > 1
    ]
    if len(rows) < LEAST:
        raise _too_few(pairs, view)
    return pairs.take(sorted(rng.permutation(rows)[:RECORDS].tolist()))


def _too_few(pairs: Dataset, view: str) -> DataError:
    return DataError(
        f"{pairs.name}: {AUTO} for {view} needs {LEAST} records that have another view, too; "
        "name a layer, or leave it out"
    )


def _agreement(layers: F32, partner: F32) -> list[float]:
    """Mutual k-NN of each layer with the vectors of another view."""
    k = max(1, min(NEIGHBOURS, (len(partner) - 1) // 3))
    return [mutual_knn(layer, partner, k, max_rows=None) for layer in layers]
