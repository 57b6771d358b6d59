"""The layer that ``layer=auto`` takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import Layered
from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.selection import align, best_layer, choose_layers
from isthmus.selection.layers import RECORDS

GOOD = 2


class Deep:
    """Texts of a number to vectors: one layer places it, the others are noise of their own."""

    id = "deep"
    modality = "text"
    languages = ()
    depth, width = 4, 8

    def __init__(self, layer: int | None = None, tone: int = 0) -> None:
        self.tone = tone
        self.layer = self.depth if layer is None else layer
        self.dim = self.width
        self.fingerprint = fingerprint({"deep": self.layer})

    def prepare(self, decoded: Any) -> Any:
        return decoded

    def encode(self, batch: Sequence[Any]) -> Any:
        return self.encode_layers(batch)[self.layer]

    def encode_layers(self, batch: Sequence[Any]) -> Any:
        numbers = np.array([int(texts[0]) for texts in batch])
        layers = [self._noise(numbers, seed) for seed in range(self.depth + 1)]
        layers[GOOD] = places()[numbers] + 0.1 * layers[GOOD]
        return np.asarray(layers, dtype=np.float32)

    def _noise(self, numbers: Any, seed: int) -> Any:
        table = np.random.default_rng(100 + seed).normal(size=(4000, self.width))
        return table[numbers]


def places() -> Any:
    """Where each number lies, for both views."""
    return np.random.default_rng(0).normal(size=(4000, Deep.width))


def pairs(n: int, *, shuffled: bool = False) -> Dataset:
    turn = np.random.default_rng(1).normal(size=(Deep.width, 12))
    partner = np.random.default_rng(2).permutation(n) if shuffled else np.arange(n)
    records = [
        Record(
            f"r{i}",
            {
                "text": MediaItem.from_text(str(i)),
                "sensor": MediaItem.from_vector(places()[partner[i]] @ turn, source=f"s{i}"),
            },
        )
        for i in range(n)
    ]
    return Dataset("numbers", records)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "users_deep", sys.modules[__name__])


def test_the_layer_whose_neighbours_agree_is_taken() -> None:
    assert isinstance(Deep(), Layered)
    choice = best_layer("users_deep:Deep?layer=auto", pairs(200), "text")
    assert choice.layer == GOOD
    assert choice.spec == f"users_deep:Deep?layer={GOOD}"
    assert choice.records == 200
    assert choice.scores[GOOD] > 0.3
    others = [score for layer, score in enumerate(choice.scores) if layer != GOOD]
    assert max(others) < 0.1  # chance is 10 of 199
    assert choice.shuffled < 0.1
    assert choice.told.startswith("layer 2 of 4; mutual k-NN on 200 pairs 0.")


def test_without_a_signal_the_best_layer_is_its_own_null() -> None:
    choice = best_layer("users_deep:Deep?layer=auto", pairs(200, shuffled=True), "text")
    assert max(choice.scores) == pytest.approx(choice.shuffled, abs=0.03)


def test_a_sample_stands_for_many() -> None:
    choice = best_layer("users_deep:Deep?layer=auto", pairs(RECORDS + 100), "text")
    assert (choice.layer, choice.records) == (GOOD, RECORDS)


def test_align_takes_it_and_a_space_remembers_it() -> None:
    space = align(
        pairs(90), {"text": "users_deep:Deep?layer=auto"}, aligner="cca", params={"ridge": 3.0}
    )
    reference = space.encoders["text"]
    assert reference.spec == f"users_deep:Deep?layer={GOOD}"
    assert reference.load().layer == GOOD


def test_options_beside_it_stay() -> None:
    chosen, choices = choose_layers(pairs(40), {"text": "users_deep:Deep?layer=auto&tone=3"})
    assert chosen == {"text": f"users_deep:Deep?tone=3&layer={GOOD}"}
    assert list(choices) == ["text"]
    assert choose_layers(pairs(40), {"text": "tfidf"}) == ({"text": "tfidf"}, {})


def test_what_cannot_be_chosen_is_told() -> None:
    with pytest.raises(DataError, match="layer=auto for text needs 16 records that have another"):
        best_layer("users_deep:Deep?layer=auto", pairs(15), "text")
    with pytest.raises(InputError, match="color-hog: has no layers to choose from"):
        best_layer("color-hog?layer=auto", pairs(40), "text")
    with pytest.raises(InputError, match="layer=auto is for one encoder; name the layer of each"):
        choose_layers(pairs(40), {"text": "universal+users_deep:Deep?layer=auto"})
    with pytest.raises(InputError, match="vectors have none; name the layer"):
        align({"text": np.ones((9, 2))}, {"text": "users_deep:Deep?layer=auto"})
