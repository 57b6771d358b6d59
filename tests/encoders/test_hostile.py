"""Folders of models that are damaged, or made to harm: refused with an error that names them."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="models of transformers run on torch")
pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")

from PIL import Image

from isthmus import encoders
from isthmus.audit.encoder_check import check_encoder
from isthmus.core.errors import ArtifactError, InputError, IntegrityError, IsthmusError
from isthmus.encoders.strangers import strange

INDEX = "model.safetensors.index.json"


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


@pytest.mark.parametrize("scheme", ["hf", "st"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 10**12),
        ("hidden_size", -32),
        ("hidden_size", 0),
        ("hidden_size", "32"),
        ("hidden_size", 32.5),
        ("hidden_size", True),
        ("max_position_embeddings", [1]),
        ("num_hidden_layers", 10**7),
        ("num_hidden_layers", -1),
        ("model_type", ["bert"]),
        ("vision_config", [1]),
        ("vocab_size", 10**12),
    ],
)
def test_sizes_that_no_model_has_are_refused(copy: Path, scheme: str, key: str, value: Any) -> None:
    change(copy / "config.json", **{key: value})
    with pytest.raises(ArtifactError, match=rf"copy: config\.json says {key}="):
        encoders.load(f"{scheme}:{copy}")


@pytest.mark.parametrize("scheme", ["hf", "st"])
@pytest.mark.parametrize(
    "values",
    [
        {"num_attention_heads": 5},
        {"hidden_act": "__import__"},
        {"pad_token_id": 999},
        {"auto_map": "evil.Model"},
        {"architectures": [5]},
        {"layer_norm_eps": "x"},
        {"id2label": [1]},
    ],
)
def test_other_settings_give_vectors_or_an_error_of_ours(
    copy: Path, scheme: str, values: dict[str, Any]
) -> None:
    change(copy / "config.json", **values)
    with suppress(IsthmusError):
        assert vector(f"{scheme}:{copy}").any()


@pytest.mark.parametrize("scheme", ["hf", "st"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(
            pre_tokenizer={
                "type": "Split",
                "pattern": {"Regex": "(("},
                "behavior": "Isolated",
                "invert": False,
            }
        ),
        lambda found: found["model"]["vocab"].update(red=-1),
        lambda found: found["model"]["vocab"].update(red=35_000),
        lambda found: found["model"].update(type="Nothing"),
        lambda found: found.clear(),
    ],
)
def test_a_damaged_tokenizer_is_an_error_that_names_the_model(
    copy: Path, scheme: str, spoil: Any
) -> None:
    found = json.loads((copy / "tokenizer.json").read_text())
    spoil(found)
    (copy / "tokenizer.json").write_text(json.dumps(found))
    with pytest.raises(ArtifactError, match=r"(hf|st):.*copy"):
        vector(f"{scheme}:{copy}")


@pytest.mark.parametrize(
    "values",
    [
        {"size": {"shortest_edge": -5}},
        {"size": {"shortest_edge": 0}},
        {"size": {"shortest_edge": 10**7}},
        {"crop_size": {"height": 10**6, "width": 10**6}},
        {"resample": 99},
        {"resample": "x"},
        {"rescale_factor": "x"},
        {"image_mean": "abc"},
        {"image_mean": [0.5, 0.5]},
        {"image_std": [0, 0, 0]},
        {"image_std": True},
    ],
)
def test_pictures_are_prepared_by_sound_settings_only(
    clip: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(clip, tmp_path / "copy"))
    change(folder / "preprocessor_config.json", **values)
    with pytest.raises(ArtifactError, match=r"copy: (its|how it prepares) pictures"):
        encoders.load(f"hf:{folder}?modality=image")


def test_one_number_counts_for_every_colour(clip: Path, tmp_path: Path) -> None:
    vectors = []
    for name, numbers in (("one", 0.5), ("three", [0.5, 0.5, 0.5])):
        folder = Path(shutil.copytree(clip, tmp_path / name))
        change(folder / "preprocessor_config.json", image_mean=numbers, image_std=numbers)
        made = encoders.load(f"hf:{folder}?modality=image")
        vectors.append(made.encode([made.prepare(Image.new("RGB", (40, 30), "red"))]))
    np.testing.assert_array_equal(*vectors)


def test_settings_of_pictures_that_do_not_fit_the_model_are_an_error(
    clip: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(clip, tmp_path / "copy"))
    (folder / "preprocessor_config.json").unlink()
    made = encoders.load(f"hf:{folder}?modality=image")
    with pytest.raises(ArtifactError, match="do not fit together"):
        made.encode([made.prepare(Image.new("RGB", (40, 30)))])


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config_sentence_transformers.json": {"truncate_dim": "x"}}, "truncate_dim"),
        ({"config_sentence_transformers.json": {"truncate_dim": -3}}, "truncate_dim"),
        ({"router_config.json": {"types": {}, "structure": {"a": ["x"]}}}, "route"),
        ({"router_config.json": {"types": [], "structure": {"a": []}}}, "route"),
        ({"router_config.json": {"types": {}, "structure": {"a": []}}}, "route"),
        ({"router_config.json": {"types": {"x": 1}, "structure": ["x"]}}, "route"),
        (
            {"sentence_bert_config.json": {"modality_config": {"text": {"method": "save"}}}},
            "calls 'save'",
        ),
        ({"sentence_bert_config.json": {"modality_config": [1]}}, "modality_config"),
    ],
)
def test_settings_of_sentence_transformers_are_checked(
    copy: Path, files: dict[str, Any], says: str
) -> None:
    kind = "Router" if "router_config.json" in files else "Transformer"
    module = {"idx": 0, "name": "0", "path": "", "type": f"sentence_transformers.models.{kind}"}
    for file, content in {"modules.json": [module], **files}.items():
        (copy / file).write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=says):
        encoders.load(f"st:{copy}")


def test_panics_of_libraries_are_errors_and_interruptions_are_not() -> None:
    panic = type("PanicException", (BaseException,), {})
    for raised, told in (
        (panic("no entry"), ArtifactError),
        (RuntimeError(), ArtifactError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
        (InputError("ours"), InputError),
    ):
        with pytest.raises(told), strange("hf:x"):
            raise raised


@pytest.mark.parametrize("scale", [1e30, float("nan")])
def test_a_scale_of_cosines_is_a_number_one_can_use(
    clip: Path, tmp_path: Path, scale: float
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(clip, tmp_path / "copy"))
    weights = {**load_file(folder / "model.safetensors"), "logit_scale": torch.tensor(scale)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    made: Any = encoders.load(f"hf:{folder}?modality=image")
    with pytest.raises(ArtifactError, match="logit_scale"):
        assert made.logit_scale
