"""Encoders as ONNX files: written if their vectors agree, and nothing left behind if not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.encoders.exportable import Honest

from isthmus.core.errors import InputError, IsthmusError
from isthmus.encoders import load
from isthmus.encoders.efficientnet import lite0
from isthmus.encoders.exporting import Exportable, export, made_up, write

pytest.importorskip("onnx", reason="graphs are written by onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime runs them")

HERE = "tests.encoders.exportable"


def test_what_agrees_is_written_and_gives_the_same_vectors(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "mean"
    done = export(f"{HERE}:Honest", folder)
    assert done.difference < 1e-6 < done.tolerance == 1e-5
    assert (done.modality, done.dim, done.items) == ("image", 3, 32)
    assert sorted(each.name for each in folder.iterdir()) == ["model.isthmus.json", "model.onnx"]
    assert [each.name for each in folder.parent.iterdir()] == ["mean"]
    first, second = Honest(), load(f"onnx:{folder}")
    pictures = made_up("image")
    a = first.encode([first.prepare(each) for each in pictures])
    b = second.encode([second.prepare(each) for each in pictures])
    np.testing.assert_allclose(a, b, atol=1e-6)
    with pytest.raises(InputError, match="already holds an export; replace it with overwrite=True"):
        export(f"{HERE}:Honest", folder)
    again = export(f"{HERE}:Honest", folder, overwrite=True)
    assert again.model == done.model and again.size == done.size


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("Liar", r"differ by up to \d\.\de-04, and 1e-05 is allowed, so nothing was written"),
        ("Nothing", "differ by up to inf"),
        ("Longer", "other vectors|says dim 4"),
        ("Refuses", "failed: refuses: leave out the option"),
        ("Dies", "failed: RuntimeError: out of everything"),
    ],
)
def test_what_differs_or_fails_leaves_nothing_behind(tmp_path: Path, name: str, match: str) -> None:
    with pytest.raises(IsthmusError, match=match):
        export(f"{HERE}:{name}", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    code = f"""
import os, signal
from isthmus.encoders import exporting
exporting._run_child = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
exporting.export("{HERE}:Honest", "out")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [each.name[:13] for each in tmp_path.iterdir()] == [".out-staging-"]
    export(f"{HERE}:Honest", tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_larger_tolerance_is_the_users_choice(tmp_path: Path) -> None:
    done = export(f"{HERE}:Liar", tmp_path / "out", tolerance=1e-2)
    assert 1e-5 < done.difference <= done.tolerance == 1e-2


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 'notes\.txt', which is no export"):
        export(f"{HERE}:Honest", tmp_path)
    with pytest.raises(InputError, match="is a file"):
        export(f"{HERE}:Honest", tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(InputError, match="cannot be exported"):
        export("mfcc", tmp_path / "new")
    with pytest.raises(InputError, match="tolerance must be between"):
        export(f"{HERE}:Honest", tmp_path / "new", tolerance=0)


def test_a_mirrored_encoder_has_no_place_in_a_graph(tmp_path: Path) -> None:
    encoder = lite0(mirror=True)
    assert isinstance(encoder, Exportable)
    with pytest.raises(InputError, match="mirror=1 encodes each picture twice"):
        write(encoder, tmp_path)


@pytest.mark.parametrize("modality", ["text", "image", "audio"])
def test_made_up_items_are_ragged_and_the_same_each_time(modality: str) -> None:
    def sizes() -> list[Any]:
        made = made_up(modality)
        if modality == "text":
            return [len(each[0].split()) for each in made]
        return [each.size if modality == "image" else len(each.samples) for each in made]

    first = sizes()
    assert len(first) == 32 and first == sizes()
    assert len(set(first)) > 20
    with pytest.raises(InputError, match="made up"):
        made_up("video")


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a tiny model of transformers once."""
    pytest.importorskip("transformers", reason="the models are of transformers")
    pytest.importorskip("onnxscript", reason="torch exports by onnxscript")
    from tests.encoders import hf_models

    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            makers = {
                "bert": hf_models.text_model("Bert"),
                "clip": hf_models.clip,
                "sound": hf_models.wave_model("Wav2Vec2"),
                "vit": hf_models.picture_model("ViT", "ViTImageProcessor"),
            }
            made[kind] = makers[kind](tmp_path_factory.mktemp(kind))
        return made[kind]

    return make


def test_a_tower_of_pictures_is_written(tower: Any, tmp_path: Path) -> None:
    encoder = load(f"hf:{tower('clip')}", modality="image", runtime="torch")
    write(encoder, tmp_path)
    file = load(f"onnx:{tmp_path}")
    pictures = made_up("image")
    a = encoder.encode([encoder.prepare(each) for each in pictures])
    b = file.encode([file.prepare(each) for each in pictures])
    np.testing.assert_allclose(a, b, atol=1e-5)
    alone = np.vstack([file.encode([file.prepare(each)]) for each in pictures])
    np.testing.assert_allclose(alone, b, atol=1e-5)
    assert file.joint == encoder.joint != "" and file.logit_scale == encoder.logit_scale
    np.testing.assert_allclose(np.linalg.norm(b, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "options", "hides"), [("vit", {}, False), ("bert", {"pool": "cls"}, True)]
)
def test_a_first_token_is_all_that_the_last_layer_makes(
    tower: Any, tmp_path: Path, kind: str, options: dict[str, str], hides: bool
) -> None:
    import onnx

    encoder = load(f"hf:{tower(kind)}", runtime="torch", device="cpu", **options)
    write(encoder, tmp_path)
    file = load(f"onnx:{tmp_path}")
    items = made_up(encoder.modality)
    expected = encoder.encode([encoder.prepare(each) for each in items])
    prepared = [file.prepare(each) for each in items]
    np.testing.assert_allclose(file.encode(prepared), expected, atol=1e-5)
    alone = np.vstack([file.encode([each]) for each in prepared])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    sizes = {each.name: each.type.tensor_type.shape.dim for each in graph.value_info}
    steps = [each for each in graph.node if each.op_type == "MatMul"]
    alone_there = [step for step in steps if sizes[step.output[0]][1].dim_value == 1]
    assert len(alone_there) == 4  # the query, what attention gives, and the two steps behind it
    assert any(each.op_type == "IsNaN" for each in graph.node) == hides  # masks alone need it


@pytest.mark.parametrize("pool", ["mean", "max"])
@pytest.mark.parametrize("captured", [True, False])
def test_a_tower_of_pictures_is_written_whatever_is_pooled(
    tower: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: str, captured: bool
) -> None:
    from isthmus.encoders.hf import graph

    def never(*_: object) -> Any:
        raise RuntimeError("cannot be slimmed")

    if not captured:
        monkeypatch.setattr(graph, "slimmed", never)
    encoder = load(f"hf:{tower('vit')}", runtime="torch", device="cpu", pool=pool)
    write(encoder, tmp_path)
    file = load(f"onnx:{tmp_path}")
    pictures = made_up("image", 5)
    expected = encoder.encode([encoder.prepare(each) for each in pictures])
    prepared = [file.prepare(each) for each in pictures]
    np.testing.assert_allclose(file.encode(prepared), expected, atol=1e-5)
    np.testing.assert_allclose(file.encode(prepared[:1]), expected[:1], atol=1e-5)


def test_a_tower_of_sounds_is_written(tower: Any, tmp_path: Path) -> None:
    encoder = load(f"hf:{tower('sound')}", runtime="torch", device="cpu")
    write(encoder, tmp_path)
    file = load(f"onnx:{tmp_path}")
    sounds = made_up("audio", 8)
    expected = encoder.encode([encoder.prepare(each) for each in sounds])
    found = file.encode([file.prepare(each) for each in sounds])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_tower_of_texts_is_exported_once_and_run_in_place_of_torch(
    tower: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isthmus.encoders.hf import runtime

    def here(spec: str, options: Any, folder: Path) -> None:  # a child imports torch again
        write(load(spec, **options), folder)

    monkeypatch.setattr("isthmus.encoders.exporting._run_child", here)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    name = f"hf:{tower('bert')}"
    texts = made_up("text")
    torch = load(name, runtime="torch", device="cpu")
    expected = torch.encode([torch.prepare(each) for each in texts])
    waiting = load(name, runtime="auto", device="cpu")
    assert waiting.fingerprint == torch.fingerprint
    waiting.encode([("a dog",)])
    assert waiting._graph is None  # nothing is exported unless it is asked for

    graph = load(name, runtime="onnx")
    found = graph.encode([graph.prepare(each) for each in texts])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert graph._model._module is None  # torch was not needed for it
    assert graph.fingerprint == torch.fingerprint and "runtime" not in graph.options()

    folder = runtime.graph_folder(torch.fingerprint)
    document = json.loads((folder / "model.isthmus.json").read_text())
    assert document["counts"] == "counts" and document["text"]["mask"] == "attention_mask"
    file = load(f"onnx:{folder}")
    np.testing.assert_allclose(file.encode(texts), expected, atol=1e-5)
    alone = np.vstack([file.encode([each]) for each in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5)

    def no_export(*_: Any, **__: Any) -> None:
        raise AssertionError("it was exported again")

    monkeypatch.setattr("isthmus.encoders.exporting.export", no_export)
    later = load(name, runtime="auto", device="cpu", threads=1)
    np.testing.assert_allclose(later.encode(texts), expected, atol=1e-5)
    assert later._graph is not None
    with pytest.raises(InputError, match="runtime must be one of"):
        load(name, runtime="fast")
    with pytest.raises(InputError, match="runs in float32 on the CPU"):
        load(name, runtime="onnx", dtype="bfloat16")
