"""Pixels of every kind against numbers: profiles, depths, transparency, CMYK, TIFF."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.media import made

from isthmus.core.errors import CorruptMediaError
from isthmus.core.item import MediaItem
from isthmus.media import colour, decode

ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
"""Of sRGB to XYZ for a white of D50, as ICC profiles of sRGB have it."""


def shown(data: bytes) -> Image.Image:
    image = decode(MediaItem.from_bytes(data, "image", source="photo"))
    assert image.mode == "RGB"
    return image


def pixel(data: bytes, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    return shown(data).getpixel(place)


def profile(
    primaries: tuple[tuple[float, ...], ...] | None, gamma: float, space: bytes = b"RGB "
) -> bytes:
    """An ICC profile of three primaries, or of grey, and one gamma."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    label = b"test\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(label)) + label + b"\0" * 78),
        (b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)),
    ]
    if primaries is None:
        tags.append((b"kTRC", curve))
    else:
        for letter, values in zip(b"rgb", primaries, strict=True):
            tags.append((bytes([letter]) + b"XYZ", b"XYZ \0\0\0\0" + fixed(*values)))
            tags.append((bytes([letter]) + b"TRC", curve))
    at, table, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags:
        body += b"\0" * (-len(body) % 4)
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    head = struct.pack(">I4sI4s4s4s", at + len(data), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def in_srgb(values: tuple[int, ...], primaries: object, gamma: float) -> tuple[int, ...]:
    """The same colour in sRGB, by the definitions of both."""
    linear = (np.array(values) / 255) ** gamma
    xyz = np.array(primaries).T @ linear
    out = np.clip(np.linalg.inv(SRGB) @ xyz, 0, 1)
    encoded = np.where(out <= 0.0031308, 12.92 * out, 1.055 * out ** (1 / 2.4) - 0.055)
    return tuple(np.rint(255 * encoded).astype(int))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize(("primaries", "gamma"), [(ADOBE, 2.19921875), (PROPHOTO, 1.8)])
def test_a_profile_is_applied(form: str, primaries: object, gamma: float) -> None:
    values = (150, 120, 90)
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}
    options |= {"AVIF": {"quality": 100}, "HEIF": {"quality": -1}}
    data = made.saved(
        Image.new("RGB", (32, 32), values),
        form,
        icc_profile=profile(primaries, gamma),
        **options.get(form, {}),
    )
    expected = in_srgb(values, primaries, gamma)
    assert np.abs(np.array(expected) - values).max() > 5
    assert np.abs(np.array(pixel(data, (9, 9))) - expected).max() <= 3


def test_profiles_with_transparency_palettes_and_grey() -> None:
    adobe, values = profile(ADOBE, 2.19921875), (150, 120, 90)
    expected = np.array(in_srgb(values, ADOBE, 2.19921875))
    clear = Image.new("RGBA", (4, 4), (*values, 255))
    clear.putpixel((0, 0), (*values, 0))
    data = made.saved(clear, "PNG", icc_profile=adobe)
    assert pixel(data) == (255, 255, 255)
    assert np.abs(np.array(pixel(data, (1, 1))) - expected).max() <= 2
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *values])
    assert np.abs(pixel(made.saved(palette, "PNG", icc_profile=adobe)) - expected).max() <= 2
    grey = made.saved(Image.new("L", (4, 4), 128), "PNG", icc_profile=profile(None, 1.0, b"GRAY"))
    assert pixel(grey) == (188, 188, 188)  # half the light
    deep = Image.fromarray(np.full((4, 4), 128 * 257, dtype=np.uint16))
    deep = made.saved(deep, "PNG", icc_profile=profile(None, 1.0, b"GRAY"))
    assert pixel(deep) == (188, 188, 188)


def test_a_camera_may_name_adobe_rgb_in_exif_alone() -> None:
    exif, values = Image.Exif(), (150, 120, 90)
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    picture = Image.new("RGB", (16, 16), values)
    expected = in_srgb(values, ADOBE, 2.19921875)
    named = made.saved(picture, "JPEG", quality=100, exif=exif)
    assert np.abs(np.array(pixel(named)) - expected).max() <= 2
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}
    assert pixel(made.saved(picture, "JPEG", quality=100, exif=exif)) == pytest.approx(
        values, abs=1
    )


def test_what_is_in_srgb_already_is_not_copied() -> None:
    noise = np.random.default_rng(0).integers(0, 256, size=(24, 32, 3), dtype=np.uint8)
    for form in ("JPEG", "PNG", "WEBP"):
        picture = Image.open(io.BytesIO(made.saved(Image.fromarray(noise), form)))
        stored = colour.Stored.of(picture)
        picture.load()
        expected = np.asarray(picture.convert("RGB"))
        assert colour.to_rgb(picture, stored) is picture
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_bad_profiles_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    good = profile(ADOBE, 2.19921875)
    values = (150, 120, 90)
    shifted = in_srgb(values, ADOBE, 2.19921875)
    picture = Image.new("RGB", (4, 4), values)
    bad = [b"no profile", good[:200], good[:140] + bytes(len(good) - 140)]
    bad += [profile(None, 2.2, b"GRAY"), profile(ADOBE, 2.2, b"CMYK")]
    for data in bad:
        assert pixel(made.saved(picture, "PNG", icc_profile=data)) == values
    assert pixel(made.saved(picture, "PNG", icc_profile=good)) == pytest.approx(shifted, abs=2)
    monkeypatch.setattr(colour, "MAX_PROFILE", len(good) - 1)
    assert pixel(made.saved(picture, "PNG", icc_profile=good)) == values


def test_a_profile_of_srgb_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    data = made.saved(Image.fromarray(pixels), "PNG", icc_profile=srgb)
    assert np.array_equal(np.asarray(shown(data)), pixels)


# --- transparent colours of PNG, which are told in the depth of the file


@pytest.mark.parametrize(
    ("depth", "row", "clear", "seen"),
    [
        (1, b"\x40", 1, [0, 255]),
        (2, b"\x10", 1, [0, 255]),
        (2, b"\x60", 0, [85, 170]),
        (4, b"\x5a", 5, [255, 170]),
        (8, b"\x05\x64", 5, [255, 100]),
        (16, struct.pack(">HH", 5, 20_000), 5, [255, 78]),
        (16, struct.pack(">HH", 6, 65_535), 5, [0, 255]),
    ],
)
def test_a_transparent_grey(depth: int, row: bytes, clear: int, seen: list[int]) -> None:
    data = made.png((2, 1), depth, 0, row, made.chunk(b"tRNS", struct.pack(">H", clear)))
    assert np.asarray(shown(data))[0, :, 0].tolist() == seen


def test_a_transparent_colour_of_sixteen_bits() -> None:
    clear = made.chunk(b"tRNS", struct.pack(">HHH", 20_000, 256, 60_000))
    row = struct.pack(">6H", 20_000, 256, 60_000, 30_000, 256, 60_000)
    pixels = np.asarray(shown(made.png((2, 1), 16, 2, row, clear)))[0]
    assert pixels[0].tolist() == [255, 255, 255]
    assert np.abs(pixels[1].astype(int) - [117, 1, 233]).max() <= 1


def test_sixteen_bits_a_channel() -> None:
    grey = made.png((1, 2), 16, 4, struct.pack(">HH", 32_896, 32_896))  # half transparent
    assert np.abs(np.array(pixel(grey)) - 191).max() <= 1
    rgba = made.png((1, 2), 16, 6, struct.pack(">4H", 20_000, 40_000, 60_000, 65_535))
    assert np.abs(np.array(pixel(rgba)) - [78, 156, 233]).max() <= 1


# --- TIFF


def grey_tiff(values: np.ndarray, order: str = "<", **changed: tuple[int, list[int]]) -> bytes:
    """A row of samples, twice."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = 8 * values.dtype.itemsize
    tags = {256: (4, [len(values)]), 257: (4, [2]), 258: (3, [bits]), 259: (3, [1])}
    tags |= {262: (3, [1]), 277: (3, [1]), 278: (4, [2]), 339: (3, [kind])}
    tags |= {int(name[1:]): value for name, value in changed.items()}
    return made.tiff(tags, values.astype(values.dtype.newbyteorder(order)).tobytes() * 2, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (np.array([0, 32_896, 65_535], dtype=np.uint16), [0, 128, 255]),
        (np.array([0, 0.5, 1], dtype=np.float32), [0, 128, 255]),
        (np.array([0, 100, 255], dtype=np.float32), [0, 100, 255]),
        (np.array([-1000, 0, 1000], dtype=np.float32), [0, 128, 255]),
        (np.array([np.nan, 1, np.inf], dtype=np.float32), [0, 255, 255]),
        (np.array([-3, 0, 3], dtype=np.int16), [0, 128, 255]),
        (np.array([0, 1_000_000, 2_000_000], dtype=np.int32), [0, 128, 255]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, np.ndarray) else "",
)
def test_grey_tiff(order: str, values: np.ndarray, seen: list[int]) -> None:
    row = np.asarray(shown(grey_tiff(values, order)))[0, :, 0].astype(int)
    assert np.abs(row - seen).max() <= 1


def test_tiff_where_zero_is_white_and_twelve_bits() -> None:
    values = np.array([0, 32_896, 65_535], dtype=np.uint16)
    row = np.asarray(shown(grey_tiff(values, t262=(3, [0]))))[0, :, 0].tolist()
    assert row == [255, 127, 0]
    tags = {256: (4, [2]), 257: (4, [1]), 258: (3, [12]), 259: (3, [1]), 262: (3, [1])}
    data = made.tiff({**tags, 277: (3, [1]), 278: (4, [1])}, b"\xff\xf8\x00")  # 4095, 2048
    assert np.asarray(shown(data))[0, :, 0].tolist() == [255, 128]


def test_a_tiff_without_a_single_number() -> None:
    with pytest.raises(CorruptMediaError, match="no value of it is a number"):
        shown(grey_tiff(np.full(4, np.nan, dtype=np.float32)))


def test_more_kinds_of_tiff() -> None:
    scene = made.scene()
    for compression in (None, "tiff_deflate", "packbits", "tiff_lzw"):
        data = made.saved(scene, "TIFF", compression=compression)
        assert np.array_equal(np.asarray(shown(data)), np.asarray(scene))
    pages = made.saved(scene, "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert shown(pages).size == made.SIZE  # the first page
    tiles = {322: (4, [16]), 323: (4, [16]), 324: (4, [300]), 325: (4, [256])}
    tags = {256: (4, [16]), 257: (4, [16]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    data = made.tiff({**tags, 277: (3, [1]), **tiles}, b"")
    data = data.ljust(300, b"\0") + bytes(range(256))
    assert np.asarray(shown(data))[:, :, 0].ravel().tolist() == list(range(256))
    # L = 52.8, a = 8.9, b = 21.2 for a white of D50, by the definition of CIELAB
    lab = made.saved(Image.new("LAB", (4, 4), (135, 137, 149)), "TIFF")
    assert np.abs(np.array(pixel(lab)) - [150, 120, 90]).max() <= 3


# --- CMYK


def test_cmyk_with_and_without_a_profile() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for form, options in (("TIFF", {}), ("JPEG", {"quality": 100})):
        assert np.abs(np.array(pixel(made.saved(ink, form, **options))) - [255, 0, 0]).max() <= 3
    data = made.saved(ink, "JPEG", quality=100, icc_profile=_cmyk_profile())
    assert np.abs(np.array(pixel(data, (4, 4))) - [188, 0, 0]).max() <= 6


def _cmyk_profile() -> bytes:
    """A press whose inks absorb all, on a paper of half the light: a table of two steps a side."""
    corners = np.zeros((2, 2, 2, 2, 3))
    light = np.array([[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7142]])
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        corners[c, m, y, k] = 0.5 * (np.array([1 - c, 1 - m, 1 - y]) * (1 - k)) @ light
    table = np.rint(corners * 32768).astype(">u2").tobytes()
    ramp = struct.pack(">HH", 0, 65_535)
    matrix = struct.pack(
        ">9i", *(65_536 * (row == column) for row in range(3) for column in range(3))
    )
    lut = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + struct.pack(">HH", 2, 2)
    lut += ramp * 4 + table + ramp * 3
    label = b"test\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(label)) + label + b"\0" * 78),
        (b"wtpt", b"XYZ \0\0\0\0" + struct.pack(">3i", 63_190, 65_536, 54_061)),
        (b"A2B0", lut),
        (b"A2B1", lut),
    ]
    at, listed, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags:
        body += b"\0" * (-len(body) % 4)
        listed += name + struct.pack(">II", at + len(data), len(body))
        data += body
    head = struct.pack(
        ">I4sI4s4s4s", at + len(data), bytes(4), 0x02100000, b"prtr", b"CMYK", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63_190, 65_536, 54_061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + listed + data
