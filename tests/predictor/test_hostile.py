"""Files of a predictor that are damaged or forged: a typed error that names them, or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load
from tests.fusion.planted import product
from tests.fuzzing import copied, fuzzed, garbled, mutated, tried
from tests.predictor.shapes import shape_predictor
from tests.space.forging import forge_tensors, refit, refit_anyway

import isthmus as ist
from isthmus.core.artifact import DOCUMENT, TENSORS
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.fusion import make
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.predictor import Predictor

KINDS = ("shapes", "graph", "number", "labels")
"""Encoders, columns and late fusion; what is trained, and holds another; numbers; labels."""


def vectors(n: int = 40) -> dict[str, F64]:
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=(n, 4)), "b": rng.normal(size=(n, 3))}


def trained_predictor() -> Predictor:
    """With all that a choice reports, and a trained fusion, which the choice would not take."""
    rows, target = product(60)
    x = dict(zip("ab", rows.vectors.values(), strict=True))
    easy = ["high" if value > 0 else "low" for value in x["a"][:, 0]]
    made = ist.predict.fit(None, x, easy, fusions=["late"], folds=3)
    rows = PairedVectors(x)
    fusion = make("graph", folds=2, epochs=20, learning_rate=0.02).fit(rows, target)
    assert fusion.epochs_ > 0
    made.fusion, made.outcome = fusion, Outcome.fit(fusion.scores(rows), target)
    return made


@pytest.fixture(scope="module")
def saved(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    x = vectors()
    y = x["a"][:, 0] + x["b"][:, 1]
    classes = np.where(y > 0, "high", "low").tolist()
    labels = [
        c + ("|left" if left else "") for c, left in zip(classes, x["b"][:, 0] > 0, strict=True)
    ]
    made = {
        "shapes": shape_predictor(scenes.take(range(40))),
        "graph": trained_predictor(),
        "number": ist.predict.fit(None, x, y, fusions=["late"], folds=3),
        "labels": ist.predict.fit(None, x, labels, fusions=["late"], folds=3),
    }
    root = tmp_path_factory.mktemp("made")
    return {name: each.save(root / name) for name, each in made.items()}


def use(folder: Path) -> None:
    """Load a predictor, and do with it what commands do."""
    loaded = Predictor.load(folder)
    n = 3
    rng = np.random.default_rng(1)
    x: dict[str, Any] = {v: rng.normal(size=(n, d)) for v, d in loaded.fusion.views_.items()}
    x = {view: rows for view, rows in x.items() if view in ("a", "b")}
    if not x:
        x = {"text": "a red star"}
    for answer in loaded.predict(x):
        for p in answer.probabilities.values():
            assert 0 <= p <= 1
        assert np.isfinite(answer.sure)
    loaded.explain(x if "text" in x else {view: rows[:1] for view, rows in x.items()})
    loaded.save(folder.parent / "again")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_changed_can_be_used(saved: dict[str, Path], kind: str) -> None:
    use(saved[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_that_do_not_fit_are_refused(
    saved: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    """Each array with a value that is none, and with a row less where that is a fault."""
    for number, (name, x) in enumerate(load((saved[kind] / TENSORS).read_bytes()).items()):
        shorter = x.size > 0 and not name.endswith((".worth", ".answered"))
        changes = [x[:-1]] if shorter else []
        if x.dtype.kind == "f" and x.size:
            bad = x.copy()
            bad.flat[0] = np.nan
            changes.append(bad)
        for place, change in enumerate(changes):
            folder = Path(shutil.copytree(saved[kind], tmp_path / f"{number}-{place}"))
            forge_tensors(folder, **{name.replace(".", "__"): change})
            with pytest.raises(ArtifactError):  # encoders are made when they are needed
                use(folder) if name.startswith("encoder.") else Predictor.load(folder)


@fuzzed(0.5)
@given(st.data())
def test_fuzzed_documents_whose_checksums_fit(
    saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with copied(saved[data.draw(st.sampled_from(KINDS))], tmp_path_factory) as folder:
        whole = json.loads((folder / DOCUMENT).read_bytes())
        whole["document"] = mutated(data.draw, whole["document"])
        try:
            refit(folder, whole)
        except (UnicodeEncodeError, TypeError, ValueError):  # what no document can hold
            return
        tried(lambda: use(folder))


@fuzzed(0.2)
@given(st.data())
def test_fuzzed_bytes(
    saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with copied(saved[data.draw(st.sampled_from(KINDS))], tmp_path_factory) as folder:
        path = folder / data.draw(st.sampled_from((DOCUMENT, TENSORS)))
        path.write_bytes(garbled(data.draw, path.read_bytes()))
        if path.name == TENSORS and data.draw(st.booleans()):  # an attacker can hash, too
            refit_anyway(folder)
        tried(lambda: use(folder))
