import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem
from isthmus.media import Limits, decode
from isthmus.media.image import decode_image


def item(data: bytes) -> MediaItem:
    return MediaItem.from_bytes(data, "image", source="photo.png")


def saved(image: Image.Image, format: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def noise(width: int = 64, height: int = 48) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("format", "tolerance"), [("PNG", 0), ("WEBP", 0), ("GIF", 40), ("JPEG", 40)]
)
def test_pixels_come_through(format: str, tolerance: int) -> None:
    smooth = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    options = {"lossless": True} if format == "WEBP" else {}
    decoded = decode(item(saved(smooth, format, **options)))
    assert (decoded.mode, decoded.size) == ("RGB", (64, 48))
    gap = np.abs(np.asarray(decoded, dtype=int) - np.asarray(smooth, dtype=int))
    assert gap.max() <= tolerance


@pytest.mark.parametrize("size", [(15_200, 15_200), (20_990, 29_700), (12_000, 8_000)])
def test_an_image_bomb_is_refused_from_its_header(size, recwarn) -> None:
    bomb = item(png_claiming(*size))
    tracemalloc.start()
    with pytest.raises(MediaTooLargeError, match=r"declares [\d,]+ megapixels, the limit is 50"):
        decode(bomb)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    assert not recwarn.list


def test_the_limit_can_be_set() -> None:
    data = saved(noise())
    with pytest.raises(MediaTooLargeError):
        decode(item(data), Limits(max_pixels=64 * 48 - 1))
    assert decode(item(data), Limits(max_pixels=64 * 48)).size == (64, 48)
    with pytest.raises(MediaTooLargeError, match="bytes, the limit is 100"):
        decode(item(data), Limits(max_file_bytes=100))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.9, 0.5, 0.1])
def test_truncated(format: str, part: float) -> None:
    data = saved(noise(), format)
    with pytest.raises(CorruptMediaError):
        decode(item(data[: int(len(data) * part)]))


def test_damaged_bytes_are_a_typed_error_or_a_picture() -> None:
    rng = np.random.default_rng(1)
    whole = saved(noise())
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), 4):
            data[place] ^= int(rng.integers(1, 256))
        try:
            assert decode(item(bytes(data))).mode == "RGB"
        except MediaError as error:
            assert error.source == "photo.png"


def test_nothing_to_see() -> None:
    with pytest.raises(EmptyMediaError, match="1×1"):
        decode(item(saved(Image.new("RGB", (1, 1)))))
    with pytest.raises(EmptyMediaError, match="zero bytes"):
        decode(item(b""))
    assert decode(item(saved(Image.new("RGB", (2, 1))))).size == (2, 1)


def test_postscript_behind_another_name(tmp_path: Path) -> None:
    eps = tmp_path / "photo.png"
    eps.write_bytes(saved(noise(), "EPS"))
    with pytest.raises(UnsupportedMediaError, match="PostScript"):
        decode(MediaItem.from_path(eps, "image"))


def test_a_recording_is_no_picture() -> None:
    with pytest.raises(UnsupportedMediaError, match="not a picture but flac"):
        decode(item(b"fLaC" + bytes(60)))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode: str) -> None:
    clear = Image.new(mode, (4, 4), (0,) * len(mode))
    assert decode(item(saved(clear))).getpixel((0, 0)) == (255, 255, 255)


def test_half_transparent_black_becomes_grey() -> None:
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert decode(item(saved(half))).getpixel((0, 0)) == (127, 127, 127)


def outline(colour: tuple[int, int, int], ground: tuple[int, int, int, int]) -> bytes:
    drawn = Image.new("RGBA", (64, 64), ground)
    drawn.paste((*colour, 255), (8, 8, 56, 56))
    return saved(drawn)


@pytest.mark.parametrize("colour", [(255, 255, 255), (248, 250, 240)])
def test_a_white_drawing_on_transparency_can_be_seen(colour: tuple[int, int, int]) -> None:
    picture = decode(item(outline(colour, (255, 255, 255, 0))))
    assert picture.getpixel((20, 20)) == colour
    assert max(picture.getpixel((2, 2))) < 128


@pytest.mark.parametrize("colour", [(255, 255, 0), (200, 200, 200), (0, 0, 0)])
def test_what_shows_on_white_stays_on_white(colour: tuple[int, int, int]) -> None:
    picture = decode(item(outline(colour, (255, 255, 255, 0))))
    assert picture.getpixel((20, 20)) == colour
    assert picture.getpixel((2, 2)) == (255, 255, 255)


def test_a_white_drawing_with_a_dark_rim_stays_on_white() -> None:
    drawn = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    drawn.paste((0, 0, 0, 255), (8, 8, 56, 56))
    drawn.paste((255, 255, 255, 255), (10, 10, 54, 54))
    assert decode(item(saved(drawn))).getpixel((2, 2)) == (255, 255, 255)


def test_a_white_page_without_transparency_stays_white() -> None:
    page = decode(item(outline((250, 250, 250), (255, 255, 255, 255))))
    assert page.getpixel((2, 2)) == (255, 255, 255)


def test_palette_with_a_transparent_colour() -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert decode(item(saved(palette))).getpixel((0, 0)) == (10, 20, 30)
    assert decode(item(saved(palette, transparency=1))).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled() -> None:
    deep = Image.fromarray(np.full((4, 4), 32_896, dtype=np.uint16))
    assert decode(item(saved(deep))).getpixel((0, 0)) == (128, 128, 128)


def test_cmyk() -> None:
    red, green, blue = decode(
        item(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    ).getpixel((3, 3))
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    from PIL import ImageOps

    picture = Image.new("RGB", (64, 32), "blue")
    picture.paste("red", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert decode(item(data)).tobytes() == expected.convert("RGB").tobytes()


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(item(data)).getpixel((0, 0)) == (255, 0, 0)


def test_jpeg_is_decoded_smaller_but_never_below_the_target() -> None:
    data = saved(noise(1600, 1200), "JPEG")
    assert decode_image(item(data), target=224).size == (400, 300)
    assert decode(item(data), image_side=224).size == (400, 300)
    assert decode(item(data)).size == (1600, 1200)


def test_names_in_any_script(tmp_path: Path) -> None:
    path = tmp_path / "红袋鼠 🦘.png"
    path.write_bytes(saved(noise()))
    path.chmod(0o444)
    assert decode(MediaItem.from_path(path, "image")).size == (64, 48)
    path.chmod(0o644)
    path.unlink()
    with pytest.raises(MediaError, match=r"🦘\.png: cannot be read"):
        decode(MediaItem("0", "image", str(path), path))


def test_video_and_unknown_modalities() -> None:
    with pytest.raises(UnsupportedMediaError, match="is not a video but text"):
        decode(MediaItem.from_bytes(b"x", "video", source="a.mp4"))
    with pytest.raises(UnsupportedMediaError, match="no decoder for 'smell'"):
        decode(MediaItem.from_bytes(b"x", "smell", source="rose"))
    vector = MediaItem.from_vector(np.arange(3.0), source="rose")
    assert decode(vector).tolist() == [0, 1, 2]
