"""``timm:``: vectors are those of the library without its classifier, in any batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.encoders.test_framing import SHAPES, noise

from isthmus import encoders
from isthmus.core.errors import InputError, MissingDataError, MissingExtraError
from isthmus.encoders import vision
from isthmus.encoders.timm import TimmEncoder

CONFIG: dict[str, Any] = {
    "architecture": "resnet18",
    "num_features": 512,
    "pretrained_cfg": {
        "input_size": [3, 64, 64],
        "crop_pct": 0.9,
        "crop_mode": "squash",
        "interpolation": "bilinear",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "classifier": "fc",
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files tell what it is; its weights are no model's."""
    from safetensors.numpy import save_file

    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    weight = np.zeros((10, 48), dtype=np.float32)
    save_file({"fc.weight": weight}, tmp_path / "model.safetensors")
    return tmp_path


def test_its_files_tell_what_it_is_without_the_library(folder: Path) -> None:
    code = (
        "import sys; from isthmus import encoders; from PIL import Image\n"
        f"made = encoders.load({f'timm:{folder}'!r})\n"
        "print(made.dim, made.modality, made.image_side, len(made.fingerprint))\n"
        "print(made.prepare(Image.new('RGB', (90, 30))).shape)\n"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["48 image 142 32", "(64, 64, 3)"], done.stderr
    assert done.returncode == 0


def test_options_make_other_encoders(folder: Path) -> None:
    plain, small = encoders.load(f"timm:{folder}"), encoders.load(f"timm:{folder}?size=32")
    assert isinstance(small, TimmEncoder) and plain.fingerprint != small.fingerprint
    assert small.prepare(Image.new("RGB", (90, 30))).shape == (32, 32, 3)
    assert small.options() == {"size": 32}
    assert encoders.modalities(f"timm:{folder}") == ("image",)
    prefixed = encoders.load(f"timm:local-dir:{folder}")
    assert prefixed.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"architecture": None}, "names no architecture"),
        ({"pretrained_cfg": {**CONFIG["pretrained_cfg"], "crop_mode": "tile"}}, "got 'tile'"),
        (
            {"pretrained_cfg": {**CONFIG["pretrained_cfg"], "classifier": None}, "num_features": 0},
            r"add \?dim=N",
        ),
    ],
)
def test_a_configuration_that_says_too_little_is_told(
    folder: Path, changed: dict[str, Any], says: str
) -> None:
    kept = {name: each for name, each in {**CONFIG, **changed}.items() if each is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    with pytest.raises(InputError, match=says):
        encoders.load(f"timm:{folder}")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"modality": "text"}, "reads images, and not 'text'"),
        ({"size": 0}, "size must be 1 pixel or more"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_options_that_do_not_fit_are_told(folder: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        encoders.load(f"timm:{folder}", **options)


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"])
def test_offline_nothing_is_fetched(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "timm", ModuleType("timm"))  # told of first, if it is missing
    with pytest.raises(MissingDataError, match=r"timm/resnet18\.a1_in1k is not in .* offline"):
        encoders.load(f"timm:{name}")


def test_a_missing_library_is_named_with_the_line_that_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("timm", "torchvision"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            patch.setitem(sys.modules, "timm" if library != "timm" else "torchvision", sys)
            patch.setitem(sys.modules, "torch", sys)
            with pytest.raises(MissingExtraError, match=rf"'{library}', .* 'isthmus\[timm\]'"):
                vision.require_vision(f"timm:{folder}", "timm", "timm")


def test_a_torchvision_that_does_not_fit_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str, **_: str) -> None:
        if module == "timm":
            raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(vision, "require", broken)
    with pytest.raises(MissingExtraError, match=r"torchvision.* does not fit torch"):
        vision.require_vision("timm:x", "timm", "timm")


@pytest.fixture(scope="module")
def timm() -> Any:
    try:
        found = pytest.importorskip("timm", reason="needs isthmus[timm]", exc_type=ImportError)
    except RuntimeError as error:
        pytest.skip(f"needs a torchvision that fits torch: {error}")
    import torch

    torch.set_num_threads(1)
    return found


def saved(timm: Any, folder: Path, architecture: str, **more: Any) -> Path:
    from timm.models._hub import save_for_hf

    model = timm.create_model(architecture, **more)
    save_for_hf(model, folder, safe_serialization=True)
    return folder


@pytest.mark.parametrize(
    ("architecture", "more", "dim"),
    [
        ("test_vit", {}, 64),
        ("test_resnet", {}, 96),
        ("test_efficientnet", {}, 256),
        ("mobilenetv3_small_050", {}, 1024),  # it has a layer between its features and its classes
    ],
)
def test_vectors_are_as_the_library_makes_them(
    timm: Any, tmp_path: Path, architecture: str, more: dict[str, Any], dim: int
) -> None:
    import torch

    folder = saved(timm, tmp_path, architecture, **more)
    made = encoders.load(f"timm:{folder}")
    assert made.dim == dim
    own = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    cut = timm.data.create_transform(**timm.data.resolve_model_data_config(own), is_training=False)
    pictures = [noise(*shape) for shape in SHAPES]
    with torch.inference_mode():
        expected = np.concatenate([own(cut(each)[None]).numpy() for each in pictures])
    prepared = [made.prepare(each) for each in pictures]
    scale = np.linalg.norm(expected, axis=1, keepdims=True)
    for size in (1, 32):
        parts = [made.encode(prepared[i : i + size]) for i in range(0, len(prepared), size)]
        np.testing.assert_allclose(np.concatenate(parts) / scale, expected / scale, atol=1e-5)


def test_a_size_of_the_users_fits_the_model_to_it(timm: Any, tmp_path: Path) -> None:
    folder = saved(timm, tmp_path, "test_vit")
    made = encoders.load(f"timm:{folder}?size=96")
    prepared = made.prepare(noise(120, 130))
    assert prepared.shape == (96, 96, 3) and made.encode([prepared]).shape == (1, 64)


def test_a_wrong_length_says_which_is_right(timm: Any, tmp_path: Path) -> None:
    made = encoders.load(f"timm:{saved(timm, tmp_path, 'test_resnet')}?dim=7")
    with pytest.raises(InputError, match=r"vectors of \(96,\) numbers, and not of 7; .*dim=96"):
        made.encode([made.prepare(noise(40, 40))])
