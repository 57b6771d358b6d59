"""Checkpoints that are damaged or forged: a typed error that names the folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzzing import EXAMPLES, mutated, set_at
from tests.space.forging import forge, forge_tensors
from tests.training.test_train import ROWS, Line

from isthmus.core.errors import ArtifactError, IntegrityError, IsthmusError
from isthmus.training import Checkpoint, Schedule, train

SHORT = Schedule(epochs=2, batch_size=20)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a training that was not finished."""
    folder = tmp_path_factory.mktemp("kept")
    train(Line(), ROWS, SHORT, checkpoint=Checkpoint(folder, seconds=0), time_limit=0.0)
    forge(folder / "training", set_at("stopped", ""))
    return folder


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (set_at("epoch", "1"), "epoch: need int"),
        (set_at("stopped", "os:system"), "need one of"),
        (set_at("scores", [[1]]), "need 2 values"),
        (set_at("losses", [3]), "need dict"),
        (set_at("sums", {"other": 1.0}), "other phases"),
        (set_at("more", 1), "the key 'more' is unknown"),
    ],
)
def test_a_checkpoint_whose_document_does_not_fit(
    kept: Path, tmp_path: Path, change, says: str
) -> None:
    folder = shutil.copytree(kept, tmp_path / "it")
    forge(folder / "training", change)
    with pytest.raises(ArtifactError, match=f"{folder}.*{says}"):
        train(Line(), ROWS, SHORT, checkpoint=Checkpoint(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"now__fit__w": np.zeros((1, 1), "f4")},
        {"now__fit__w": np.zeros((4, 2))},
        {"best__fit__w": None},
        {"generator": np.zeros(3, "u1")},
        {"generator": None},
        {"order": np.arange(7)},
        {"order": np.full(ROWS, 10**9)},
        {"adam__0__0__exp_avg": np.zeros(3, "f4")},
        {"adam__0__9__exp_avg": np.zeros((4, 2), "f4")},
        {"adam__0__x__exp_avg": np.zeros((4, 2), "f4")},
        {"adam__0__0__other": np.zeros((4, 2), "f4")},
    ],
)
def test_a_checkpoint_whose_tensors_do_not_fit(kept: Path, tmp_path: Path, changes) -> None:
    folder = shutil.copytree(kept, tmp_path / "it")
    forge_tensors(folder / "training", **changes)
    with pytest.raises(IntegrityError, match=f"{folder}.*are not those of this training"):
        train(Line(), ROWS, SHORT, checkpoint=Checkpoint(folder))


@settings(max_examples=EXAMPLES // 10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_fuzzed_checkpoints(
    kept: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = Path(shutil.copytree(kept, tmp_path_factory.mktemp("f") / "it"))
    try:
        forge(folder / "training", lambda document: mutated(data.draw, document))
    except UnicodeEncodeError:
        return
    with suppress(IsthmusError):
        train(Line(), ROWS, SHORT, checkpoint=Checkpoint(folder), time_limit=0.0)
    shutil.rmtree(folder.parent)
