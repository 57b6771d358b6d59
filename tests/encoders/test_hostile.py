"""Folders of models that are damaged, or made to harm: refused with an error that names them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="models of transformers run on torch")
pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")

from tests.encoders import hf_models as tiny

from isthmus import encoders
from isthmus.audit.encoder_check import check_encoder
from isthmus.core.errors import ArtifactError, InputError, IntegrityError

INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.text_model("Bert")(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture
def copy(bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert, tmp_path / "copy"))


def vector(spec: str) -> Any:
    made = encoders.load(spec)
    return made.encode([made.prepare("a red dog")])


def change(path: Path, **values: Any) -> None:
    """Set fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("scheme", ["hf", "st"])
@pytest.mark.parametrize(
    "names",
    [
        {"a": "../../etc/passwd"},
        {"a": "/etc/passwd"},
        {"a": "../other.safetensors"},
        {"a": "part.safetensors", "b": 5},
        {"a": None},
        {"a": "x" * 5000 + ".safetensors"},
        {"a": "x\0y.safetensors"},
        ["part.safetensors"],
        {},
        None,
    ],
)
def test_an_index_names_only_weights_beside_it(
    copy: Path, scheme: str, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "model.safetensors").rename(copy / "part.safetensors")
    (copy / INDEX).write_text(json.dumps({"weight_map": names}))
    monkeypatch.setattr(
        "isthmus.encoders.hf.files.file_hash", lambda path: pytest.fail(f"{path} was hashed")
    )
    with pytest.raises(ArtifactError, match=INDEX):
        encoders.load(f"{scheme}:{copy}")


def test_an_index_of_weights_beside_it_is_read(copy: Path) -> None:
    from safetensors import safe_open

    with safe_open(copy / "model.safetensors", framework="pt") as file:
        keys = list(file.keys())
    (copy / "model.safetensors").rename(copy / "part-1.safetensors")
    shards = dict.fromkeys(keys, "part-1.safetensors")
    (copy / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    made = encoders.load(f"hf:{copy}")
    assert made.encode([made.prepare("a red dog")]).any()


@pytest.mark.parametrize("scheme", ["hf", "st"])
def test_half_a_surrogate_pair_is_read_as_what_cannot_be(bert: Path, scheme: str) -> None:
    made = encoders.load(f"{scheme}:{bert}")
    broken, known = made.prepare("a dog \ud800"), made.prepare("a dog \ufffd")
    assert broken == known
    assert (made.encode([broken]) == made.encode([known])).all()


@pytest.mark.parametrize("scheme", ["hf", "st"])
def test_weights_of_more_layers_than_the_configuration_says_are_refused(
    copy: Path, scheme: str
) -> None:
    change(copy / "config.json", num_hidden_layers=1)
    with pytest.raises(IntegrityError, match=r"weights hold encoder\.layer\..*of no layer"):
        vector(f"{scheme}:{copy}")


@pytest.mark.parametrize("scheme", ["hf", "st"])
@pytest.mark.parametrize(("factor", "says"), [(0.0, "only zeros"), (float("nan"), "NaN")])
def test_weights_that_give_no_vectors_are_damaged(
    copy: Path, scheme: str, factor: float, says: str
) -> None:
    from safetensors.torch import load_file, save_file

    weights = {key: each * factor for key, each in load_file(copy / "model.safetensors").items()}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=f"copy gives.*{says}.*damaged"):
        vector(f"{scheme}:{copy}")
    with pytest.raises(InputError, match="damaged"):
        check_encoder(f"{scheme}:{copy}", seconds=0.01)
