"""Spaces that are saved with half the digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load
from tests.space.forging import made

from isthmus.aligners.heads import head_from_state
from isthmus.core.artifact import TENSORS
from isthmus.space import Space


def test_heads_are_halved_where_nothing_is_lost(tmp_path: Path) -> None:
    space = made()
    document, tensors = space.heads["text"].state()
    tensors = {name: x.astype(np.float16).astype(np.float32) for name, x in tensors.items()}
    space.heads["text"] = head_from_state("linear", document, tensors)
    folder = space.save(tmp_path / "space", compact=True)
    kept = load((folder / TENSORS).read_bytes())
    assert kept["head.0.weight"].dtype == np.float16
    assert kept["head.1.1.weight"].dtype == np.float32  # float16 would lose digits
    again = Space.load(folder)
    assert again.fingerprint == space.fingerprint
    for view, head in space.heads.items():
        x = np.random.default_rng(0).normal(size=(5, head.input_dim)).astype(np.float32)
        assert np.array_equal(again.heads[view](x), head(x))


def test_numbers_that_half_the_digits_cannot_hold_stay(tmp_path: Path) -> None:
    space = made()
    document, tensors = space.heads["text"].state()
    space.heads["text"] = head_from_state(
        "linear", document, tensors | {"mean": np.full(8, 1e6, np.float32)}
    )
    folder = space.save(tmp_path / "space", compact=True)
    assert load((folder / TENSORS).read_bytes())["head.0.mean"].dtype == np.float32
    assert Space.load(folder).fingerprint == space.fingerprint
