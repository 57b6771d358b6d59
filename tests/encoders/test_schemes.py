import sys
from types import ModuleType

import numpy as np
import pytest

from isthmus import encoders
from isthmus.core.errors import InputError, UntrustedError

ADDRESS = "http://localhost:8080/v1"


class Tower:
    """One half of a model that reads words and pictures."""

    languages = ()
    dim = 2

    def __init__(self, name, modality):
        self.id, self.modality, self.fingerprint = f"fake:{name}", modality, f"{name} {modality}"

    def prepare(self, decoded):
        return decoded

    def encode(self, batch):
        return np.ones((len(batch), 2), dtype=np.float32)


def load(name, *, modality: str | None = None, revision: str = "") -> Tower:
    if modality is None:
        raise InputError(f"fake:{name} reads text and image; write fake:{name}?modality=text")
    return Tower(name + revision, modality)


def modalities(name, revision: str = ""):
    return ("text", "image")


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    module = ModuleType("fake_scheme")
    module.load, module.modalities = load, modalities
    monkeypatch.setattr(load, "__module__", "fake_scheme")
    monkeypatch.setitem(sys.modules, "fake_scheme", module)
    for scheme in ("fake", "http"):
        monkeypatch.setitem(encoders.SCHEMES._targets, scheme, "fake_scheme:load")
    encoders._build_once.cache_clear()
    yield
    encoders._build_once.cache_clear()


def test_a_model_with_several_towers_reads_what_is_asked():
    assert encoders.modalities("fake:owner/model") == ("text", "image")
    assert encoders.modalities("fake:owner/model?modality=image") == ("image",)
    assert encoders.modalities("mfcc") == ("audio",)
    with pytest.raises(InputError, match=r"write fake:owner/model\?modality=text"):
        encoders.load("fake:owner/model")
    assert encoders.load("fake:owner/model?modality=image").modality == "image"
    made = encoders.resolve("fake:owner/model", {}, modality="text")
    assert made.modality == "text"
    assert encoders.recipe_of(made).options == '{"modality": "text"}'
    said = encoders.resolve("fake:owner/model?modality=image", {}, modality="text")
    assert said.modality == "image"


def test_options_of_a_scheme_are_checked():
    with pytest.raises(InputError, match="'size'; its options: modality, revision"):
        encoders.load("fake:m?size=3")
    with pytest.raises(InputError, match="revision"):
        encoders.load("fake:m?modality=text", revision=3)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("mfcc+whisper-tiny", ["mfcc", "whisper-tiny"]),
        ("fake:a+b/model", ["fake:a+b/model"]),
        ("fake:a+mfcc", ["fake:a", "mfcc"]),
        ("mfcc+fake:a+b?x=1", ["mfcc", "fake:a+b?x=1"]),
        ("fake:a+own.module:Class", ["fake:a", "own.module:Class"]),
        (ADDRESS + "?model=a", [ADDRESS + "?model=a"]),
    ],
)
def test_a_plus_in_a_path_joins_nothing(spec, parts):
    assert encoders.split_spec(spec) == parts


def test_an_address_keeps_its_scheme():
    assert encoders.load(ADDRESS, modality="text").id == f"fake:{ADDRESS}"


def test_what_a_space_names_may_not_run_code_that_comes_with_a_model():
    asked = [("fake:m?trust_remote_code=1", {}), ("fake:m", {"trust_remote_code": True})]
    for spec, options in [*asked, ("fake:m?trust-remote-code=true", {})]:
        with pytest.raises(UntrustedError, match="run code that comes with the model"):
            encoders.resolve(spec, options, trust=())
    assert encoders.resolve("fake:m", {"modality": "text"}, trust=()).modality == "text"


def test_what_a_space_names_sends_nothing_to_a_server_that_is_not_trusted():
    for trust in ((), ("my_package",), ("http://localhost:80",), ("https://localhost:8080",)):
        with pytest.raises(UntrustedError, match="sends what it encodes to http://localhost:8080"):
            encoders.resolve(ADDRESS, {"modality": "text"}, trust=trust)
    made = encoders.resolve(ADDRESS, {"modality": "text"}, trust=("http://localhost:8080",))
    assert made.modality == "text"
    with pytest.raises(UntrustedError):
        encoders.resolve(f"mfcc+{ADDRESS}", {}, trust=())
