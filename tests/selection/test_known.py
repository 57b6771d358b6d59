"""The starter space as a rival of heads learned from own pairs."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isthmus.aligners.continued import LinearSide
from isthmus.core.errors import NoSignalError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.encoders import DEFAULTS
from isthmus.pipeline import Prepared, prepare
from isthmus.selection import align
from isthmus.selection.candidates import (
    STARTER,
    STARTER_UPDATED,
    Candidate,
    candidates,
    continued,
)
from isthmus.selection.known import known_of, share_known, starter_beside
from isthmus.space import Space, evaluate

NEW = 0.9
"""Noise beside unit vectors of the bank; what is made so is none of them."""


@dataclass
class Encoder:
    """What a :class:`Prepared` needs to know of an encoder."""

    id: str
    modality: str
    dim: int
    fingerprint: str


@pytest.fixture(scope="module")
def shipped() -> Space:
    return Space.load("starter")


def linear(space: Space, view: str) -> LinearSide:
    side = LinearSide.of(space.heads[view])
    assert side is not None
    return side


def native(space: Space, view: str, x: F32) -> F32:
    """Native vectors that the linear side of the head of a view maps to ``x``."""
    head = linear(space, view).head
    return (head.mean + x @ np.linalg.pinv(head.weight)).astype(np.float32)


def prepared(space: Space, noise: float, n: int = 60, fingerprint: str = "") -> Prepared:
    rng = np.random.default_rng(0)
    rows = rng.choice(len(space.banks["text"]), n, replace=False)
    vectors = {}
    for view in ("text", "image"):
        known = linear(space, view).rows(space.banks[view][rows])
        drawn = rng.normal(size=known.shape) / np.sqrt(known.shape[1])
        vectors[view] = native(space, view, l2_normalize(known + noise * drawn))
    encoders = {}
    for view in vectors:
        ref = space.encoders[view]
        encoders[view] = Encoder(view, ref.modality, ref.dim, fingerprint or ref.fingerprint)
    pairs = PairedVectors(vectors, ids=[f"r{i}" for i in range(n)])
    return Prepared("new", pairs, np.arange(n), encoders, dict.fromkeys(vectors, ""))  # type: ignore[arg-type]


def test_it_wins_where_own_pairs_are_few(shipped: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    def few(aligner: str, **options: Any) -> list[Candidate]:
        assert aligner == "auto"
        return candidates("kernel-cca", **options)

    race = sys.modules[align.__module__]
    monkeypatch.setattr(race, "candidates", few)  # quicker than all
    monkeypatch.setattr(race, "continued", lambda known: continued(known)[:3])
    choice = align(prepared(shipped, NEW, n=30), nested=False).report.choice
    parts = (choice.chosen, *choice.chosen.members)
    assert {STARTER, STARTER_UPDATED} & {part.aligner for part in parts}
    score = {row.candidate: row.score for row in choice.tried if row.complete}
    own = max(value for name, value in score.items() if STARTER not in name)
    assert score[STARTER] > own + 0.05


def test_shuffled_pairs_are_refused_all_the_same(shipped: Space) -> None:
    ready = prepared(shipped, NEW)
    order = np.random.default_rng(1).permutation(len(ready.pairs))
    vectors = {**ready.pairs.vectors, "image": ready.pairs.vectors["image"][order]}
    wrong = Prepared("wrong", PairedVectors(vectors), ready.links, ready.encoders, ready.specs)
    with pytest.raises(NoSignalError, match="no better than shuffled"):
        align(wrong, budget=1.0)


@pytest.mark.starter
@pytest.mark.tuxpaint
def test_it_keeps_out_where_it_has_learned_from_the_records(
    starter: None, tuxpaint_root: Path
) -> None:
    some = load("tuxpaint", root=tuxpaint_root).take(np.arange(0, 674, 10))
    ready = prepare(some, {view: DEFAULTS[view] for view in ("text", "image")}, by_group=False)
    known, why = known_of(ready)
    assert known is None
    assert re.fullmatch(r"it has learned from these records: it knows at least \d+% of them", why)


def test_it_keeps_out_where_it_does_not_know_the_encoders(shipped: Space) -> None:
    known, why = known_of(prepared(shipped, NEW, fingerprint="another"))
    assert known is None and why == "it was made for other encoders than that of text"


def test_beside_another_space_it_is_measured_as_by_itself(shipped: Space) -> None:
    ready = prepared(shipped, NEW)
    assert starter_beside(shipped, ready) is None
    another = SimpleNamespace(fingerprint="another")
    own = evaluate(shipped.heads, shipped.banks, ready.pairs, csls_strength=shipped.csls_strength)
    assert shipped.csls_strength != 1
    assert starter_beside(another, ready) == own  # type: ignore[arg-type]


def test_the_starter_knows_pictures_that_it_learned_from_by_other_captions(shipped: Space) -> None:
    assert share_known(shipped, prepared(shipped, NEW)) == 0.0
    names = ("text", "image")
    there = SimpleNamespace(  # heads that change nothing: native vectors are those of the space
        heads=dict.fromkeys(names, lambda x: x),
        banks={view: shipped.banks[view] for view in names},
        modalities={view: view for view in names},
        fingerprint=shipped.fingerprint,
    )
    rows = {view: shipped.banks[view][:40] for view in names}
    rows["text"] = -rows["text"]  # other captions
    ready = SimpleNamespace(pairs=PairedVectors(rows))
    assert share_known(there, ready) > 0.9  # type: ignore[arg-type]
    there.fingerprint = "another"
    assert share_known(there, ready) == 0.0  # type: ignore[arg-type]
