"""Where hf: finds a model, what it refuses, and that a caption is never more than text."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="models of transformers run on torch")
pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")

from tests.encoders import hf_models as tiny

from isthmus import encoders
from isthmus.core.contracts import Encoder, Joint
from isthmus.core.errors import (
    InputError,
    IntegrityError,
    MissingDataError,
    MissingExtraError,
    UntrustedError,
)
from isthmus.encoders import hf
from isthmus.encoders.hf import files
from isthmus.encoders.hf.families import FAMILIES

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with one model, laid out as the hub does: links to blobs."""
    place = tmp_path / "hub" / "models--someone--bert"
    snapshot = place / "snapshots" / COMMIT
    for folder in (place / "refs", place / "blobs", snapshot):
        folder.mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for path in bert.iterdir():
        blob = place / "blobs" / path.name
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(blob)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    return place


@pytest.fixture
def strange(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with code beside it that leaves a mark when it runs."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = copy.rename(tmp_path / f"strange_{abs(hash(tmp_path))}")  # modules are kept by name
    (folder / "strange.py").write_text(_CODE.format(mark=str(folder / "ran")))
    return folder


def change(folder: Path, **values: Any) -> None:
    """Change values of a model's configuration; None takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def test_a_model_with_several_towers_is_asked_for_by_modality(clip: Path) -> None:
    assert encoders.modalities(f"hf:{clip}") == ("text", "image")
    with pytest.raises(InputError, match=r"reads text and image; add \?modality=text or \?modal"):
        encoders.load(f"hf:{clip}")
    with pytest.raises(InputError, match="reads text and image, and not audio"):
        encoders.load(f"hf:{clip}?modality=audio")
    found = encoders.load(f"hf:{clip}?modality=image&layer=-2&pool=mean")
    assert isinstance(found, Encoder)
    assert isinstance(found, Joint)
    assert (found.modality, found.dim) == ("image", 32)


def test_a_folder_is_named_from_where_one_stands(bert: Path, monkeypatch: Any) -> None:
    whole = hf.load(str(bert))
    monkeypatch.chdir(bert.parent)
    assert hf.load("./bert").fingerprint == hf.load("bert").fingerprint == whole.fingerprint


def test_making_an_encoder_imports_no_library(clip: Path) -> None:
    """A child that prepares pictures would wait seconds for it."""
    code = f"""
import sys
import numpy as np
from PIL import Image
from isthmus.encoders import load

made = load("hf:{clip}?modality=image")
prepared = made.prepare(Image.new("RGB", (50, 40)))
heavy = {{"torch", "transformers", "torchvision", "huggingface_hub"}} & set(sys.modules)
print(made.dim, prepared.shape, sorted(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "20 (32, 32, 3) []"


def test_the_hubs_cache_is_read_without_a_connection(hub: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(socket, "socket", _refuse)
    made = hf.load("someone/bert")
    assert made.options() == {"modality": "text", "revision": COMMIT}
    assert np.isfinite(made.encode([("a red dog",)])).all()
    assert hf.load("someone/bert", **made.options()).fingerprint == made.fingerprint


def test_the_commit_is_part_of_the_fingerprint(hub: Path) -> None:
    first = hf.load("someone/bert").fingerprint
    other = COMMIT[::-1]
    (hub / "snapshots" / other).symlink_to(hub / "snapshots" / COMMIT)
    (hub / "refs" / "main").write_text(other)
    assert hf.load("someone/bert").fingerprint != first
    assert hf.load("someone/bert", revision=COMMIT).fingerprint == first


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_every_file_of_a_folder_is_part_of_the_fingerprint(copy: Path, file: str) -> None:
    before = hf.load(str(copy)).fingerprint
    (copy / "README.md").write_text("says nothing of vectors")
    assert hf.load(str(copy)).fingerprint == before
    with (copy / file).open("a") as handle:
        handle.write(" ")
    assert hf.load(str(copy)).fingerprint != before


def test_what_is_not_in_the_cache_is_not_fetched_while_offline(hub: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(socket, "socket", _refuse)
    with pytest.raises(MissingDataError, match=r"hf:no/such is not in .*hub, and nothing is fetch"):
        hf.load("no/such")
    (hub / "snapshots" / COMMIT / "model.safetensors").unlink()
    assert hf.modalities("someone/bert") == ("text",)
    with pytest.raises(MissingDataError, match="nothing is fetched while offline"):
        hf.load("someone/bert")


def test_what_is_not_here_is_fetched_into_the_cache(
    bert: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """Small files first, then weights as safetensors; the snapshot's name is its commit."""
    import huggingface_hub

    for name in ("ISTHMUS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    asked: list[list[str]] = []

    def snapshot_download(name: str, *, allow_patterns: list[str], **_: Any) -> str:
        snapshot = tmp_path / "models--someone--new" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True, exist_ok=True)
        asked.append(allow_patterns)
        for pattern in allow_patterns:
            for path in bert.glob(pattern):
                (snapshot / path.name).write_bytes(path.read_bytes())
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert hf.modalities("someone/new") == ("text",)
    assert not any("safetensors" in pattern for pattern in asked[0])
    assert hf.load("someone/new").options()["revision"] == COMMIT
    assert any("safetensors" in pattern for pattern in asked[-1])
    assert not any("bin" in pattern for patterns in asked for pattern in patterns)


def test_a_connection_that_fails_is_one_line(tmp_path: Path, monkeypatch: Any) -> None:
    import huggingface_hub

    for name in ("ISTHMUS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    def fails(*_: Any, **__: Any) -> str:
        raise ConnectionError("no route\nand a long story")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails)
    with pytest.raises(MissingDataError, match=r"cannot be fetched: no route$"):
        hf.load("someone/new")


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(MissingDataError, match=r"hf:./no-such: there is no such folder"):
        hf.load("./no-such")
    with pytest.raises(InputError, match="need a folder, or a name on the Hugging Face hub"):
        hf.load("two words")


def test_a_folder_without_a_model(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(MissingDataError, match=r"there is no config\.json in"):
        hf.load(str(tmp_path))
    (copy / "model.safetensors").unlink()
    with pytest.raises(MissingDataError, match=r"no model\.safetensors and no pytorch_model\.bin"):
        hf.load(str(copy))


def test_damaged_weights_are_one_line(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match=r"its weights .* cannot be read \(.*fetch the model"):
        hf.load(str(copy)).encode([("a dog",)])


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    change(copy, num_hidden_layers=5)
    with pytest.raises(IntegrityError, match=r"weights lack .*layer.* more, so they are of"):
        hf.load(str(copy)).encode([("a dog",)])


def test_bin_weights_are_read_without_running_what_they_hold(copy: Path) -> None:
    import torch
    from safetensors.torch import load_file

    expected = hf.load(str(copy)).encode([("a dog",)])
    state = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    np.testing.assert_allclose(hf.load(str(copy)).encode([("a dog",)]), expected, atol=1e-6)
    torch.save({**state, "trap": _Trap(copy / "sprung")}, copy / "pytorch_model.bin")
    with pytest.raises(IntegrityError, match="cannot be read"):
        hf.load(str(copy)).encode([("a dog",)])
    assert not (copy / "sprung").exists()


class _Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_unknown_type_names_those_that_are_known(copy: Path) -> None:
    change(copy, model_type="llama")
    with pytest.raises(InputError, match=r"type 'llama' are not known; .*clip, .*whisper"):
        hf.load(str(copy))


def test_a_strangers_code_is_not_run(strange: Path) -> None:
    """Code beside the model runs with the flag, and never without."""
    change(strange, model_type="strange", auto_map=_STRANGE)
    with pytest.raises(UntrustedError, match=r"code .*strange\.Model.* add \?trust_remote_code"):
        hf.load(str(strange))
    assert not (strange / "ran").exists()
    made = hf.load(str(strange), trust_remote_code=True)
    assert made.options()["trust_remote_code"] is True
    assert made.encode([("a dog",)]).shape == (1, 32)
    assert (strange / "ran").exists()


def test_code_of_a_known_type_is_run_only_with_the_flag(strange: Path) -> None:
    """A known type is read by the library's own class; whoever sets the flag means the code."""
    change(strange, auto_map=_STRANGE)
    assert hf.load(str(strange)).encode([("a dog",)]).shape == (1, 32)
    assert "trust_remote_code" not in hf.load(str(strange)).options()
    assert not (strange / "ran").exists()
    hf.load(str(strange), trust_remote_code=True).encode([("a dog",)])
    assert (strange / "ran").exists()


_STRANGE = {"AutoConfig": "strange.Config", "AutoModel": "strange.Model"}
_CODE = """
from pathlib import Path
from transformers import BertConfig, BertModel

Path({mark!r}).touch()


class Config(BertConfig):
    model_type = "strange"


class Model(BertModel):
    config_class = Config
"""


def test_code_is_not_run_for_a_space_even_if_its_options_ask(copy: Path) -> None:
    for spec, options in (
        (f"hf:{copy}?trust_remote_code=true", {}),
        (f"hf:{copy}", {"trust_remote_code": True}),
    ):
        with pytest.raises(UntrustedError, match="asks to run code that comes with the model"):
            encoders.resolve(spec, options, trust=())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("pool=middle", "pool must be one of mean, cls, last, max, got 'middle'"),
        ("layer=9", "layer must be 0 to 3 or -1 to -4, got 9"),
        ("layer=auto", "layer=auto: it is chosen on pairs"),
        ("layer=top", "layer=top: need a number"),
        ("device=tpu", "device must be one of auto, cpu, cuda, mps, got 'tpu'"),
        ("dtype=half", "dtype must be one of float32, float16, bfloat16, auto, got 'half'"),
        ("threads=0", "threads must be 1 to 256, got 0"),
        ("batch_size=-1", "batch_size must be 1 or more, or 0"),
        ("revision=main", "a folder has no revision"),
        ("depth=3", "unexpected keyword argument 'depth'; its options: modality, pool"),
    ],
)
def test_options_that_do_not_fit_are_one_line(bert: Path, options: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        encoders.load(f"hf:{bert}?{options}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_here(bert: Path) -> None:
    import torch

    missing = next(
        name
        for name, here in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
        )
        if not here
    )
    with pytest.raises(InputError, match=f"finds no {missing} device here; use device=auto"):
        hf.load(str(bert), device=missing).encode([("a dog",)])


def test_pictures_that_only_torchvision_prepares(tmp_path: Path) -> None:
    folder = tiny.picture_model("ViT", "ViTImageProcessor")(tmp_path / "vit")
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"image_processor_type": "OwlViTImageProcessor"}
    path.write_text(json.dumps(settings))
    with pytest.raises(InputError, match=r"prepared by OwlViTImageProcessor, which .*torchvis"):
        hf.load(str(folder))
    with pytest.raises(InputError, match="reads image, so it takes no prompt"):
        hf.load(str(tiny.dinov3(tmp_path / "dinov3")), prompt="a ")


def test_settings_of_pictures_are_found_where_later_releases_write_them(
    clip: Path, tmp_path: Path
) -> None:
    """In one file for all processors of a model."""
    folder = tmp_path / "later"
    folder.mkdir()
    for path in clip.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    whole = {"image_processor": settings, "processor_class": "CLIPProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(whole))
    image = tiny.picture(90, 60)
    before, after = (hf.load(str(each), modality="image") for each in (clip, folder))
    np.testing.assert_array_equal(after.prepare(image), before.prepare(image))


def test_old_configurations_say_sizes_in_two_places(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    for path in clip.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    sizes = config["text_config"]
    change(folder, text_config={"model_type": "clip_text_model"}, text_config_dict=sizes)
    made = hf.load(str(folder), modality="text", layer=1)
    assert (made.depth, made.dim) == (3, 32)


def test_defaults_are_those_of_the_library() -> None:
    """A configuration leaves out what equals them."""
    import transformers

    for kind, towers in FAMILIES.items():
        whole = transformers.AutoConfig.for_model(kind)
        for tower in towers:
            part = getattr(whole, tower.section) if tower.section else whole
            sizes = [tower.width, tower.depth, tower.heads] if tower.layers else []
            for size in [*sizes, *([tower.positions[0]] if tower.modality == "text" else [])]:
                assert size.default == getattr(part, size.key), (kind, size)
            own = getattr(whole, tower.size.key, None) or getattr(part, tower.size.key, None)
            assert (tower.size.default or tower.width.default) == own, (kind, tower.size)


def test_a_missing_package_names_the_extra(bert: Path, monkeypatch: Any) -> None:
    made = hf.load(str(bert))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"Run: pip install 'isthmus\[hf\]'"):
        made.encode([("a dog",)])


@pytest.mark.parametrize(
    ("file", "settings", "message"),
    [
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, ""),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}, ""),
        ("1_Pooling/config.json", {"pooling_mode_weightedmean_tokens": True}, "pools by pooling"),
    ],
)
def test_sentence_transformers_says_how_a_model_pools(
    copy: Path, file: str, settings: dict[str, Any], message: str
) -> None:
    expected = hf.load(str(copy), pool="cls").encode([("a red dog",)])
    (copy / file).parent.mkdir()
    (copy / file).write_text(json.dumps(settings))
    if message:
        with pytest.raises(InputError, match=message):
            hf.load(str(copy))
        return
    np.testing.assert_allclose(hf.load(str(copy)).encode([("a red dog",)]), expected, atol=1e-6)


def test_a_tokenizer_without_a_limit_reads_as_much_as_its_model(copy: Path) -> None:
    expected = hf.load(str(copy)).encode([("a red dog",)])
    path = copy / "tokenizer_config.json"
    no_limit = 1000000000000000019884624838656  # what transformers writes where no length is set
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": no_limit}))
    np.testing.assert_allclose(hf.load(str(copy)).encode([("a red dog",)]), expected, atol=1e-6)


def test_a_models_own_prompt_is_used_by_its_name(copy: Path) -> None:
    (copy / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "the dog "}})
    )
    named = hf.load(str(copy), prompt="query").encode([("jumps",)])
    written = hf.load(str(copy), prompt="the dog ").encode([("jumps",)])
    np.testing.assert_allclose(named, written, atol=1e-6)


MEDIA_LIKE = (
    "http://10.0.0.1/x.png",
    "/etc/hostname",
    "file:///etc/hostname",
    "data:image/png;base64,AAAA",
)


def test_a_caption_is_always_text(clip: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens no file and makes no connection, whatever it looks like."""
    # With a batch size, it need not look up how much memory there is.
    made = [hf.load(str(bert), batch_size=8), hf.load(str(clip), modality="text", batch_size=8)]
    for encoder in made:
        encoder.encode([("a dog",)])  # the model's own files are read
    opened: list[Any] = []
    real = open

    def watched(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(file)
        return real(file, *arguments, **options)

    monkeypatch.setattr("builtins.open", watched)
    monkeypatch.setattr("io.open", watched)
    monkeypatch.setattr("os.open", _refuse)
    monkeypatch.setattr(socket, "socket", _refuse)
    monkeypatch.setattr(socket, "create_connection", _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)
    for encoder in made:
        vectors = encoder.encode([encoder.prepare(caption) for caption in MEDIA_LIKE])
        assert np.isfinite(vectors).all()
    assert opened == []


def _refuse(*arguments: Any, **_: Any) -> Any:
    raise AssertionError(f"was asked to open {arguments}")


def test_hashes_of_large_files_are_kept_until_they_change(tmp_path: Path, monkeypatch: Any) -> None:
    from isthmus.encoders import base

    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(base, "_WORTH_KEEPING", 4)
    file = tmp_path / "weights"
    file.write_bytes(b"12345678")
    first = base.file_hash(file)
    assert first == "ef797c8118f02dfb649607dd5d3f8c7623048c9c063d532cc95c5ed7a898a64f"
    monkeypatch.setattr(base, "file_sha256", _refuse)
    assert base.file_hash(file) == first
    monkeypatch.undo()
    file.write_bytes(b"87654321!")
    assert base.file_hash(file) != first


def test_the_cache_is_where_the_hub_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert files.hub_cache() == Path.home() / ".cache/huggingface/hub"
    monkeypatch.setenv("HF_HOME", "/somewhere")
    assert files.hub_cache() == Path("/somewhere/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/elsewhere")
    assert files.hub_cache() == Path("/elsewhere")
