"""Encoders in ONNX files: what the description says is done, and what does not fit is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.item import MediaItem, Waveform
from isthmus.encoders import load, modalities
from isthmus.encoders.onnx_file import Description
from isthmus.encoders.onnx_file.inputs import Texts
from isthmus.encoders.onnx_file.sound import log_mel
from isthmus.encoders.onnx_session import parts_of
from isthmus.pipeline import encode_items

onnx = pytest.importorskip("onnx", reason="the graphs are made by onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime runs them")

FLOAT, INT, BYTE = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.UINT8
VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "a": 2, "cat": 3, "dog": 4, "runs": 5}
TABLE = np.random.default_rng(0).standard_normal((len(VOCABULARY), 3)).astype(np.float32)


def graph(folder: Path, nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], **more: Any):
    """A file ``model.onnx`` with these nodes; ``outputs`` and ``constants`` by name."""
    outputs = more.get("outputs", {"vector": ["b", 3]})
    made = onnx.helper.make_graph(
        nodes,
        "made-up",
        [onnx.helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [onnx.helper.make_tensor_value_info(n, FLOAT, s) for n, s in outputs.items()],
        [onnx.numpy_helper.from_array(a, n) for n, a in more.get("constants", {}).items()],
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(made, opset_imports=[opset], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"), **more.get("saved", {}))
    return folder / "model.onnx"


def describe(model: Path, **fields: Any) -> str:
    document = {"format": 1, "dim": 3, **fields}
    model.with_suffix(".isthmus.json").write_text(json.dumps(document))
    return f"onnx:{model}"


node = onnx.helper.make_node


def mean_colour(folder: Path, *, layout: str = "nchw", kind: int = FLOAT) -> Path:
    """The mean of each colour."""
    axes = [2, 3] if layout == "nchw" else [1, 2]
    shape = ["b", 3, "h", "w"] if layout == "nchw" else ["b", "h", "w", 3]
    nodes = [
        node("Cast", ["x"], ["f"], to=FLOAT),
        node("ReduceMean", ["f"], ["vector"], axes=axes, keepdims=0),
    ]
    return graph(folder, nodes, {"x": (kind, shape)})


def embedding(folder: Path, *, pooled: bool = True, typed: bool = False) -> Path:
    """Rows of a table; their mean over what the mask leaves, or the rows themselves."""
    inputs = {"input_ids": (INT, ["b", "t"]), "attention_mask": (INT, ["b", "t"])}
    if typed:
        inputs["token_type_ids"] = (INT, ["b", "t"])
    nodes = [node("Gather", ["table", "input_ids"], ["rows"])]
    if typed:
        nodes += [
            node("Cast", ["token_type_ids"], ["tf"], to=FLOAT),
            node("Unsqueeze", ["tf", "last"], ["tu"]),
            node("Add", ["rows", "tu"], ["tokens"]),
        ]
    else:
        nodes.append(node("Identity", ["rows"], ["tokens"]))
    nodes += [
        node("Cast", ["attention_mask"], ["m"], to=FLOAT),
        node("Unsqueeze", ["m", "last"], ["mu"]),
        node("Mul", ["tokens", "mu"], ["kept"]),
        node("ReduceSum", ["kept", "one"], ["sum"], keepdims=0),
        node("ReduceSum", ["mu", "one"], ["count"], keepdims=0),
        node("Div", ["sum", "count"], ["vector"]),
    ]
    constants = {"table": TABLE, "last": np.array([2]), "one": np.array([1])}
    outputs = {"vector": ["b", 3]} if pooled else {"tokens": ["b", "t", 3]}
    return graph(folder, nodes, inputs, constants=constants, outputs=outputs)


def tokenizer(folder: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="texts are cut by tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(VOCABULARY, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_padding(length=9)  # as many files have it; the description decides
    made.save(str(folder / "tokenizer.json"))


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pictures_are_scaled_cut_and_normalised(tmp_path: Path, layout: str) -> None:
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.25, 0.5]
    image = {"size": [16, 16], "fit": "shorter", "crop": [12, 10], "interpolation": "bilinear"}
    image |= {"mean": mean, "std": std, "layout": layout, "input": "x"}
    encoder = load(describe(mean_colour(tmp_path, layout=layout), modality="image", image=image))
    pictures = [picture(seed, size) for seed, size in enumerate([(40, 30), (20, 60), (16, 16)])]
    found = encoder.encode([encoder.prepare(each) for each in pictures])
    for row, each in zip(found, pictures, strict=True):
        scale = 16 / min(each.size)
        small = each.resize(
            (int(each.width * scale), int(each.height * scale)), Image.Resampling.BILINEAR
        )
        left, top = (small.width - 10) // 2, (small.height - 12) // 2
        cut = np.asarray(small, dtype=np.float64)[top : top + 12, left : left + 10]
        np.testing.assert_allclose(row, (cut.mean((0, 1)) / 255 - mean) / std, atol=1e-5)
    assert encoder.dim == 3 and encoder.image_side == 32 and found.dtype == np.float32


def test_padded_grey_levels_go_in_as_they_are(tmp_path: Path) -> None:
    image = {"size": [20, 20], "fit": "pad", "fill": 7, "dtype": "uint8", "layout": "nhwc"}
    model = mean_colour(tmp_path, layout="nhwc", kind=BYTE)
    encoder = load(describe(model, modality="image", image={**image, "input": "x"}))
    (row,) = encoder.encode([encoder.prepare(Image.new("RGB", (20, 10), (100, 50, 0)))])
    np.testing.assert_allclose(row, (np.array([100, 50, 0]) + 7) / 2, atol=1e-4)


def test_a_text_that_the_tokenizer_cannot_cut_fails_alone(tmp_path: Path) -> None:
    tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    document = json.loads(file.read_text())
    document["model"]["unk_token"] = "[NONE]"
    file.write_text(json.dumps(document))
    encoder = load(describe(embedding(tmp_path), modality="text", text={"longest": 9}))
    with pytest.raises(InputError, match=r"tokenizer\.json cannot cut this text.*UNK"):
        encoder.encode([("zebra",)])
    done = encode_items([MediaItem.from_text(text) for text in ("cat", "zebra", "dog")], encoder)
    assert done.ok.tolist() == [True, False, True] and "cannot cut" in done.failures[0].reason


def test_a_panic_of_the_tokenizer_is_an_error_of_the_text(tmp_path: Path) -> None:
    tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    document = json.loads(file.read_text())
    split = {"type": "Split", "pattern": {"Regex": "(a|a)*$"}, "behavior": "Isolated"}
    document["pre_tokenizer"] = {**split, "invert": False}
    file.write_text(json.dumps(document))
    encoder = load(describe(embedding(tmp_path), modality="text", text={"longest": 9}))
    with pytest.raises(InputError, match="cannot cut this text"):
        encoder.encode([("a" * 40 + "b",)])


@pytest.mark.parametrize("pool", ["none", "mean", "cls"])
def test_texts_are_cut_filled_up_and_pooled(tmp_path: Path, pool: str) -> None:
    model = embedding(tmp_path, pooled=pool == "none")
    tokenizer(tmp_path)
    output = "vector" if pool == "none" else "tokens"
    text = {"longest": 3, "prompt": "a "}
    name = describe(model, modality="text", text=text, output=output, pool=pool)
    encoder = load(name)
    texts = ["cat", "dog runs dog runs", "cat zebra", "dog"] * 10
    together = encoder.encode([encoder.prepare((text,)) for text in texts])
    alone = np.vstack([encoder.encode([(text,)]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    rows = {"cat": [2, 3], "dog runs dog runs": [2, 4, 5], "cat zebra": [2, 3, 1], "dog": [2, 4]}
    for text, vector in zip(texts, together, strict=True):
        tokens = TABLE[rows[text]]
        expected = tokens[0] if pool == "cls" else tokens.mean(axis=0)
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)
    captions = encoder.encode([("cat", "dog")])[0]
    mean = together[0] + together[3]
    np.testing.assert_allclose(captions, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(("batch_size", "passes"), [(0, [8] * 5), (16, [16, 16, 8])])
def test_passes_side_by_side_give_the_vectors_of_their_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, passes: list[int]
) -> None:
    model = embedding(tmp_path)
    tokenizer(tmp_path)
    name = describe(model, modality="text", text={"longest": 3}, output="vector")
    texts = [(f"cat {'dog ' * (i % 3)} x{i}",) for i in range(40)]
    plain = load(name, threads=1).encode(texts)
    sizes = []
    arrays = Texts.arrays

    def seen(self: Texts, pieces: Sequence[Any]) -> Any:
        sizes.append(len(pieces))
        return arrays(self, pieces)

    monkeypatch.setattr(Texts, "arrays", seen)
    parted = load(name, threads=5, batch_size=batch_size).encode(texts)
    np.testing.assert_allclose(parted, plain, atol=1e-6)
    assert sorted(sizes, reverse=True) == passes


def test_samples_are_heard_in_windows(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMax", ["x"], ["high"], axes=[1], keepdims=1),
        node("ReduceMin", ["x"], ["low"], axes=[1], keepdims=1),
        node("ReduceMean", ["x"], ["mid"], axes=[1], keepdims=1),
        node("Concat", ["high", "low", "mid"], ["vector"], axis=1),
    ]
    model = graph(tmp_path, nodes, {"x": (FLOAT, ["b", "n"])})
    audio = {"rate": 8000, "window": 1000, "shortest": 100, "windows": 2, "input": "x"}
    encoder = load(describe(model, modality="audio", audio=audio))
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal(n).astype(np.float32) for n in (1500, 700, 40, 5000)]
    prepared = [encoder.prepare(Waveform(sound, 8000)) for sound in sounds]
    found = encoder.encode(prepared)
    first, second = sounds[0][:1000], sounds[0][1000:]
    expected = [
        (1000 * f(first) + 500 * f(second)) / 1500 for f in (np.max, np.min, np.mean)
    ]  # fmt: skip
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert len(prepared[3]) == 2  # what follows is not heard
    np.testing.assert_allclose(found[2][2], sounds[2].sum() / 100, atol=1e-6)
    alone = np.vstack([encoder.encode([each]) for each in prepared])
    np.testing.assert_allclose(found, alone, atol=1e-6)


def test_the_spectrogram_is_that_of_whisper() -> None:
    module = pytest.importorskip(
        "faster_whisper.feature_extractor", reason="another implementation to compare with"
    )
    samples = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    expected = module.FeatureExtractor()(samples, padding=0)
    np.testing.assert_allclose(log_mel(samples, 16_000, 80), expected[:, :100], atol=1e-4)


PICTURE = {"size": [8, 8], "input": "x"}


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"modality": "image"}, "needs the section 'image'"),
        ({"modality": "smell"}, "modality: need one of 'text', 'image', 'audio'"),
        ({"modality": "image", "image": {"input": "x"}}, "image: the key 'size' is missing"),
        ({"modality": "image", "image": {**PICTURE, "sise": 1}}, "the key 'sise' is unknown"),
        ({"modality": "image", "image": {**PICTURE, "size": [0, 8]}}, "image: size must be 1 to"),
        ({"modality": "image", "image": {**PICTURE, "std": [1, 1, 0]}}, "std must be above 0"),
        (
            {"modality": "image", "image": {**PICTURE, "fit": "pad", "size": [8, 9]}},
            "size must be twice the same",
        ),
        ({"modality": "image", "image": PICTURE, "dim": 0}, "dim must be 1 to 65,536"),
        ({"modality": "image", "image": PICTURE, "format": 2}, "format must be 1, got 2"),
        ({"modality": "text", "text": {"longest": 0}}, "longest must be 1 to"),
        ({"modality": "text", "text": {"longest": 4, "pad": 10**15}}, "pad must be 0 to 9,999,999"),
        ({"modality": "text", "text": {"longest": 4, "pad": -1}}, "pad must be 0 to 9,999,999"),
        ({"modality": "image", "image": PICTURE, "logit_scale": -5.0}, "logit_scale must be a num"),
        ({"modality": "image", "image": PICTURE, "logit_scale": 0.0}, "logit_scale must be a num"),
        (
            {"modality": "text", "text": {"longest": 4, "tokenizer": "../t.json"}},
            "a file in the same folder",
        ),
        (
            {"modality": "audio", "audio": {"rate": 16_000, "window": 900, "mels": 80}},
            "full must be true",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_its_file(
    tmp_path: Path, fields: dict[str, Any], match: str
) -> None:
    name = describe(mean_colour(tmp_path), **fields)
    with pytest.raises(ArtifactError, match=match) as caught:
        load(name)
    assert "model.isthmus.json" in str(caught.value)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="there is no file"):
        load(f"onnx:{tmp_path / 'no.onnx'}")
    model = mean_colour(tmp_path / "a")
    with pytest.raises(MissingDataError, match=r"there is no model\.isthmus\.json beside"):
        load(f"onnx:{model}")
    texts = embedding(tmp_path / "b")
    with pytest.raises(MissingDataError, match=r"tokenizer\.json is missing"):
        load(describe(texts, modality="text", text={"longest": 4}))
    (tmp_path / "b" / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactError, match="is no tokenizer"):
        load(f"onnx:{texts}").encode([("cat",)])
    with pytest.raises(InputError, match="reads text, and not image"):
        load(f"onnx:{texts}?modality=image")
    with pytest.raises(InputError, match="device must be one of auto, cpu, cuda"):
        load(f"onnx:{texts}?device=tpu")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"image": {"size": [8, 8], "input": "y"}}, "asks for the input 'x'.* names y in image"),
        ({"image": PICTURE, "output": "z"}, "output: model.onnx gives vector, and not 'z'"),
        ({"image": PICTURE, "dim": 4}, "gives .1, 3. for 1 items, and .* says dim 4"),
        ({"image": {**PICTURE, "dtype": "uint8"}}, r"cannot be run with x uint8"),
        ({"image": PICTURE, "counts": "n"}, "does not ask for the input 'n'"),
    ],
)
def test_a_graph_that_is_not_as_described_is_refused(
    tmp_path: Path, fields: dict[str, Any], match: str
) -> None:
    encoder = load(describe(mean_colour(tmp_path), modality="image", **fields))
    with pytest.raises(ArtifactError, match=match):
        encoder.encode([encoder.prepare(picture(0))])


def test_a_damaged_graph_is_an_error_of_its_file(tmp_path: Path) -> None:
    model = mean_colour(tmp_path)
    model.write_bytes(model.read_bytes()[:40] + b"\xff" * 40)
    encoder = load(describe(model, modality="image", image=PICTURE))
    with pytest.raises(ArtifactError, match=r"model\.onnx cannot be read"):
        encoder.encode([encoder.prepare(picture(0))])
    model.write_bytes(b"")
    with pytest.raises(ArtifactError, match="is empty"):
        load(f"onnx:{model}?threads=2")


def outside(folder: Path, location: str) -> Path:
    """A graph with a tensor in another file."""
    saved = {
        "save_as_external_data": True,
        "location": "weights.bin",
        "size_threshold": 0,
        "convert_attribute": True,
    }
    (folder / "weights.bin").unlink(missing_ok=True)
    nodes = [
        node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        node("Add", ["m", "c"], ["vector"]),
    ]
    constants = {"c": np.arange(3, dtype=np.float32)}
    model = graph(
        folder, nodes, {"x": (FLOAT, ["b", 3, "h", "w"])}, constants=constants, saved=saved
    )
    if location != "weights.bin":
        made = onnx.load(str(model), load_external_data=False)
        for entry in made.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        model.write_bytes(made.SerializeToString())
    return model


def test_tensors_in_other_files_count_and_must_lie_in_the_folder(tmp_path: Path) -> None:
    model = outside(tmp_path / "in", "weights.bin")
    name = describe(model, modality="image", image=PICTURE)
    assert [path.name for path in parts_of(model)] == ["model.onnx", "weights.bin"]
    first = load(name)
    row = first.encode([np.zeros((8, 8, 3), dtype=np.uint8)])[0]
    np.testing.assert_allclose(row, [0, 1, 2], atol=1e-6)
    weights = tmp_path / "in" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    assert load(name, threads=3).fingerprint != first.fingerprint
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), "a/../../secret.bin"):
        with pytest.raises(ArtifactError, match="outside of its folder"):
            parts_of(outside(tmp_path / "in", location))
    linked = outside(tmp_path / "in", "link.bin")
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ArtifactError, match="outside of its folder"):
        parts_of(linked)


@pytest.mark.parametrize("location", ["w\0b", "w" * 5000, "w/" * 5000 + "w"])
def test_tensors_in_what_no_file_can_be_called_are_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(ArtifactError, match="which no file can be called"):
        parts_of(outside(tmp_path / "in", location))


def test_tensors_of_nodes_are_looked_at_too(tmp_path: Path) -> None:
    model = mean_colour(tmp_path)
    made = onnx.load(str(model))
    value = onnx.numpy_helper.from_array(np.zeros(3, dtype=np.float32))
    value.data_location = onnx.TensorProto.EXTERNAL
    value.ClearField("raw_data")
    value.external_data.add(key="location", value="/etc/hostname")
    made.graph.node.append(node("Constant", [], ["unused"], value=value))
    model.write_bytes(made.SerializeToString())
    with pytest.raises(ArtifactError, match="/etc/hostname"):
        parts_of(model)


def test_names_and_files_make_the_fingerprint(tmp_path: Path) -> None:
    model = mean_colour(tmp_path)
    name = describe(model, modality="image", image=PICTURE, name="one", licence="MIT")
    first = load(name)
    assert modalities(name) == ("image",) == modalities(f"onnx:{tmp_path}")
    assert first.options() == {"modality": "image"}
    describe(model, modality="image", image=PICTURE, name="two")
    assert load(name, threads=1).fingerprint == first.fingerprint
    describe(model, modality="image", image={**PICTURE, "scale": 1.0})
    assert load(name, threads=2).fingerprint != first.fingerprint


def test_an_old_name_of_the_description_is_read(tmp_path: Path) -> None:
    model = mean_colour(tmp_path)
    describe(model, modality="image", image=PICTURE)
    model.with_suffix(".isthmus.json").rename(model.with_suffix(".json"))
    assert load(f"onnx:{tmp_path}").dim == 3


def test_descriptions_are_written_as_they_are_read() -> None:
    from isthmus.core.document import from_document, to_object
    from isthmus.encoders.onnx_file.description import TextInput

    made = Description(1, "text", 8, text=TextInput(12, lower=True), languages=("en", "zh"))
    again = from_document(Description, json.loads(json.dumps(to_object(made))), "x")
    assert again == made
