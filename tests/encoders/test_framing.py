"""Pictures are cut as torchvision cuts them, to the last bit where that is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import InputError
from isthmus.encoders.framing import Framing, reduced

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def framing(mode: str = "center", size: tuple[int, int] = (32, 32), **more: Any) -> Framing:
    known: dict[str, Any] = {"scale": size, "resample": "bicubic", "mean": MEAN, "std": STD}
    return Framing(size=size, mode=mode, **{**known, **more})  # type: ignore[arg-type]


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def halves(width: int, height: int) -> Image.Image:
    """Black on the left, white on the right."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[:, width // 2 :] = 255
    return Image.fromarray(pixels)


def test_the_middle_is_cut_out_of_the_shorter_side() -> None:
    cut = framing(resample="nearest").prepare(halves(128, 32))
    assert cut.shape == (32, 32, 3)
    assert (cut[:, :16] == 0).all() and (cut[:, 16:] == 255).all()


def test_squashing_keeps_the_whole_picture() -> None:
    cut = framing("squash", size=(8, 4), resample="nearest").prepare(halves(128, 32))
    assert cut.shape == (8, 4, 3)
    assert (cut[:, :2] == 0).all() and (cut[:, 2:] == 255).all()


def test_a_border_fills_what_a_long_picture_leaves() -> None:
    cut = framing("border", resample="nearest", fill=(1, 2, 3)).prepare(halves(64, 16))
    assert (cut[:12] == (1, 2, 3)).all() and (cut[20:] == (1, 2, 3)).all()
    assert (cut[12:20, :16] == 0).all() and (cut[12:20, 16:] == 255).all()


def test_normalised_pixels_have_the_mean_taken_off() -> None:
    grey = np.full((32, 32, 3), 51, dtype=np.uint8)
    made = framing().normalized([grey, grey])
    assert made.shape == (2, 3, 32, 32) and made.dtype == np.float32
    expected = (0.2 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(made[0, :, 3, 5], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"mode": "tile"}, "cut by center, squash, border; got 'tile'"),
        ({"resample": "random"}, "resized by .*; got 'random'"),
        ({"mean": (0.5,)}, "three colours"),
        ({"size": (0, 4)}, "need a size"),
    ],
)
def test_values_that_mean_nothing_are_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        framing(**more)


SHAPES = [(32, 32), (33, 32), (47, 90), (90, 47), (31, 200), (301, 77), (20, 20), (9, 30)]


def torchvision() -> Any:
    """The library, if it is here and fits torch."""
    pytest.importorskip("torchvision", reason="needs torchvision", exc_type=ImportError)
    try:
        import torchvision.transforms as found
    except RuntimeError as error:
        pytest.skip(f"torchvision does not fit torch: {error}")
    return found


@pytest.mark.parametrize("part", [1.0, 0.875, 0.9])
@pytest.mark.parametrize("filter_", ["bicubic", "bilinear"])
def test_a_centre_is_as_torchvision_cuts_it(part: float, filter_: str) -> None:
    t = torchvision()
    scale = reduced((32, 32), part)
    mine = framing(scale=scale, resample=filter_)
    theirs = t.Compose(
        [
            t.Resize(scale[0], interpolation=t.InterpolationMode(filter_)),
            t.CenterCrop((32, 32)),
            t.ToTensor(),
            t.Normalize(MEAN, STD),
        ]
    )
    for shape in SHAPES:
        made = mine.normalized([mine.prepare(noise(*shape))])[0]
        np.testing.assert_array_equal(made, theirs(noise(*shape)).numpy())


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
@pytest.mark.parametrize("part", [1.0, 0.9])
def test_every_mode_is_as_timm_cuts_it(mode: str, size: tuple[int, int], part: float) -> None:
    torchvision()
    data = pytest.importorskip("timm.data", reason="needs isthmus[timm]")
    fill = tuple(round(255 * each) for each in MEAN)
    mine = framing(mode, size, scale=reduced(size, part), fill=fill)
    theirs = data.create_transform(
        (3, *size), crop_pct=part, crop_mode=mode, interpolation="bicubic", mean=MEAN, std=STD
    )
    for shape in SHAPES:
        made = mine.normalized([mine.prepare(noise(*shape))])[0]
        np.testing.assert_array_equal(made, theirs(noise(*shape)).numpy())


def test_a_device_scales_pixels_as_numpy_does() -> None:
    pytest.importorskip("torch", reason="devices are those of torch")
    mine = framing()
    batch = [mine.prepare(noise(50, 60)), mine.prepare(noise(70, 40))]
    found = mine.colours.on(np.stack(batch), "cpu")
    assert found.is_contiguous()
    np.testing.assert_allclose(found.numpy(), mine.normalized(batch), atol=1e-6)
