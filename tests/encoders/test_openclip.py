"""``openclip:``: both towers give what the library gives, in any batch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.encoders.test_framing import SHAPES, noise

from isthmus import encoders
from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.encoders import openclip

MODEL = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
PIXELS = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "resize_mode": "longest"}
CAPTIONS = ["a red kangaroo", "http://10.0.0.1/x.png", "/etc/hostname", "the lazy dog " * 20, "x"]


def configured(folder: Path, model: Any = MODEL, pixels: Any = PIXELS) -> Path:
    folder.mkdir(exist_ok=True)
    text = json.dumps({"model_cfg": model, "preprocess_cfg": pixels})
    (folder / "open_clip_config.json").write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files tell what it is; of its weights it has the scale alone."""
    from safetensors.numpy import save_file

    scale = {"logit_scale": np.array(2.0, dtype=np.float32)}
    save_file(scale, configured(tmp_path) / "open_clip_model.safetensors")
    return tmp_path


def test_its_files_tell_what_it_is_without_the_library(folder: Path) -> None:
    code = (
        "import sys; from isthmus import encoders; from PIL import Image\n"
        f"made = encoders.load({f'openclip:{folder}'!r}, modality='image')\n"
        "print(made.dim, made.modality, made.image_side, len(made.fingerprint))\n"
        "print(made.prepare(Image.new('RGB', (90, 30))).shape)\n"
        "assert not {'torch', 'open_clip', 'torchvision'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["24 image 64 32", "(32, 32, 3)"], done.stderr
    assert done.returncode == 0


def test_towers_share_a_space_and_a_scale(folder: Path) -> None:
    pytest.importorskip("torch", reason="reads the scale")
    assert encoders.modalities(f"openclip:{folder}") == ("text", "image")
    text, image = (encoders.load(f"openclip:{folder}?modality={m}") for m in ("text", "image"))
    assert isinstance(text, openclip.OpenClipEncoder)
    assert isinstance(image, openclip.OpenClipEncoder)
    assert text.joint == image.joint != "" and text.fingerprint != image.fingerprint
    assert text.logit_scale == pytest.approx(np.exp(2.0)) and text.logit_bias == 0.0
    said = encoders.load(f"openclip:local-dir:{folder}?modality=text", prompt="a photo of ")
    assert said.fingerprint != text.fingerprint
    assert isinstance(said, openclip.OpenClipEncoder)
    assert said.options() == {"modality": "text", "prompt": "a photo of "}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "reads text, image; say which"),
        ({"modality": "audio"}, "reads text, image, and not 'audio'"),
        ({"modality": "image", "prompt": "a "}, "a prompt stands before texts"),
        ({"modality": "text", "pretrained": "openai"}, "has weights of its own"),
    ],
)
def test_options_that_do_not_fit_are_told(folder: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        encoders.load(f"openclip:{folder}", **options)


def test_damaged_configurations_are_told(folder: Path) -> None:
    configured(folder, model={"vision_cfg": {}})
    with pytest.raises(ArtifactError, match="names no embed_dim"):
        encoders.load(f"openclip:{folder}?modality=text")
    configured(folder, pixels={"resize_mode": "tile"})
    with pytest.raises(ArtifactError, match="says nothing usable of pictures"):
        encoders.load(f"openclip:{folder}?modality=image")
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(MissingDataError, match=r"there is no open_clip_config\.json"):
        encoders.load(f"openclip:{folder}?modality=image&threads=1")


def test_a_name_of_its_own_is_a_repository_and_asked_for_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def known(name: str, tag: str) -> str:
        asked.append((name, tag))
        return "org/tiny"

    monkeypatch.setattr(openclip, "_asked", known)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    with pytest.raises(MissingDataError, match=r"openclip:org/tiny is not in .* while offline"):
        encoders.load("openclip:Tiny-1?pretrained=mine&modality=text")
    commit = "f" * 40
    place = tmp_path / "hub" / "models--org--tiny"
    place.joinpath("snapshots").mkdir(parents=True)
    kept = shutil.ignore_patterns("hub", "cache")
    shutil.copytree(folder, place / "snapshots" / commit, ignore=kept)
    place.joinpath("refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    made = encoders.load("openclip:Tiny-1?pretrained=mine&modality=image")
    assert isinstance(made, openclip.OpenClipEncoder)
    assert made.options() == {"modality": "image", "pretrained": "mine", "revision": commit}
    assert asked == [("Tiny-1", "mine")]


@pytest.fixture(scope="module")
def library() -> Any:
    reason = "needs isthmus[openclip]"
    try:
        found = pytest.importorskip("open_clip", reason=reason, exc_type=ImportError)
    except RuntimeError as error:
        pytest.skip(f"needs a torchvision that fits torch: {error}")
    import torch

    torch.set_num_threads(1)
    return found


@pytest.fixture(scope="module", params=["longest", "shortest", "squash"])
def whole(library: Any, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Path:
    """A model with random weights."""
    from safetensors.torch import save_file

    pixels = {**PIXELS, "resize_mode": request.param, "fill_color": 7}
    folder = configured(tmp_path_factory.mktemp("whole"), pixels=pixels)
    model = library.create_model(f"local-dir:{folder}")
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def test_vectors_are_as_the_library_makes_them(library: Any, whole: Path) -> None:
    import torch

    name = f"local-dir:{whole}"
    model, _, cut = library.create_model_and_transforms(name)
    model.eval()
    pictures = [noise(*shape) for shape in SHAPES]
    with torch.inference_mode():
        tokens = library.get_tokenizer(name)(CAPTIONS)
        said = model.encode_text(tokens, normalize=True).numpy()
        seen = model.encode_image(torch.stack([cut(each) for each in pictures]), normalize=True)
    for modality, items, expected in (("text", CAPTIONS, said), ("image", pictures, seen.numpy())):
        made = encoders.load(f"openclip:{whole}", modality=modality)
        prepared = [made.prepare(each) for each in items]
        for size in (1, 32):
            parts = [made.encode(prepared[i : i + size]) for i in range(0, len(items), size)]
            np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)


def test_weights_of_another_model_are_told(library: Any, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "other")
    configured(tmp_path / "other", model={**MODEL, "embed_dim": 12})
    made = encoders.load(f"openclip:{tmp_path / 'other'}?modality=text")
    with pytest.raises(ArtifactError, match="cannot be read from"):
        made.encode([made.prepare("a dog")])


def test_names_and_tags_that_it_has_not_are_told(
    library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    for name, says in {
        "ViT-B-33": "no model 'ViT-B-33'.* Did you mean 'ViT-B-32'",
        "ViT-B-32": r"needs a tag.* Add \?pretrained=TAG with one of: openai,",
        "ViT-B-32?pretrained=laion": "has no weights 'laion'",
    }.items():
        with pytest.raises(InputError, match=says):
            encoders.load(f"openclip:{name}", modality="text")
