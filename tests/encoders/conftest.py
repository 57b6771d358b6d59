"""Folders of tiny models that several tests of loaders read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts."""
    from tests.encoders import hf_models as tiny

    return tiny.text_model("Bert")(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts and pictures."""
    from tests.encoders import hf_models as tiny

    return tiny.clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture
def copy(bert: Path, tmp_path: Path) -> Path:
    """A folder of a model that a test may change."""
    return Path(shutil.copytree(bert, tmp_path / "copy"))
