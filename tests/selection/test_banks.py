from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.selection import align
from isthmus.selection.folds import bank_rows
from isthmus.space import Space


def rows(n: int, names: bool = True) -> PairedVectors:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 4))
    vectors = {m: z @ rng.normal(size=(4, d)) for m, d in {"image": 9, "text": 7}.items()}
    return PairedVectors(vectors, ids=[f"r{i}" for i in range(n)] if names else ())


def test_bank_ids_name_the_records_whose_vectors_stand_in_the_bank(tmp_path: Path) -> None:
    pairs = rows(40)
    space = align(pairs, aligner="ridge", nested=False)
    row = space.bank_ids["image"].index("r7")
    expected = space.transform(pairs.vectors["image"][[7]], "image")[0]
    np.testing.assert_allclose(space.banks["image"][row], expected, atol=1e-6)
    loaded = Space.load(space.save(tmp_path / "s"))
    assert loaded.bank_ids == space.bank_ids


def test_rows_without_ids_keep_their_numbers() -> None:
    assert align(rows(30, names=False), aligner="ridge", nested=False).bank_ids["text"] == [
        f"row {row}" for row in range(30)
    ]


def test_thinning_keeps_records_with_more_modalities_first() -> None:
    here = {"text": np.ones(40, dtype=bool), "image": np.arange(40) % 4 == 1}
    pairs = PairedVectors(dict(rows(40).vectors), here)
    kept = bank_rows(pairs, "text", limit=16)
    assert len(kept) == 16 and set(np.flatnonzero(here["image"])) <= set(kept)
    assert bank_rows(pairs, "text", limit=5).tolist() == [1, 9, 17, 29, 37]  # evenly of ten
    assert bank_rows(pairs, "image", limit=16).tolist() == np.flatnonzero(here["image"]).tolist()


def test_spaces_without_ids_are_kept_and_wrong_ids_are_refused(tmp_path: Path) -> None:
    space = align(rows(30), aligner="ridge", nested=False)
    bare = Space(space.heads, space.banks, space.encoders)
    assert Space.load(bare.save(tmp_path / "s")).bank_ids == {"image": [], "text": []}
    with pytest.raises(DataError, match="30 rows, but 2 ids"):
        Space(space.heads, space.banks, space.encoders, bank_ids={"text": ["a", "b"]})
