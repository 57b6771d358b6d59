"""Parts of pictures, sounds and texts sum to what the encoder says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import Waveform
from isthmus.encoders import load
from isthmus.encoders.export import with_grid
from isthmus.encoders.parts import AdditiveParts, Span, merged, parts_of, spans

PICTURE = Image.fromarray(
    np.random.default_rng(0).integers(0, 255, (60, 120, 3), dtype=np.uint8), "RGB"
)


def noise(seconds: float) -> Waveform:
    samples = 0.1 * np.random.default_rng(1).normal(size=int(seconds * 16_000))
    return Waveform(samples.astype(np.float32), 16_000)


def check_sum(name: str, decoded: Any) -> AdditiveParts:
    encoder = load(name)
    found = parts_of(encoder, decoded)
    assert isinstance(found, AdditiveParts)
    expected = encoder.encode([encoder.prepare(decoded)])[0]
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(found.total, expected, atol=2e-6 * scale)
    np.testing.assert_allclose(found.shares.sum(axis=0), 1, atol=1e-9)
    whole = found.native(np.ones((1, len(found.places)), dtype=bool), np.ones(encoder.dim))
    np.testing.assert_allclose(whole[0], found.total)
    none = found.native(np.zeros((1, len(found.places)), dtype=bool), np.full(encoder.dim, 3.0))
    np.testing.assert_allclose(none[0], 3.0)
    return found


def test_worked_parts_with_one_taken_away() -> None:
    parts = AdditiveParts(
        [Span(0, 1), Span(1, 2)],
        np.array([[1.0, 4.0], [2.0, 0.0]]),
        np.array([[0.25, 0.5], [0.75, 0.5]]),
    )
    found = parts.native(np.array([[True, False]]), np.array([8.0, 2.0]))
    np.testing.assert_allclose(found, [[1 + 0.75 * 8, 4 + 0.5 * 2]])


def test_parts_in_the_same_place_become_one() -> None:
    a, b = Span(0, 1), Span(1, 2)
    one = AdditiveParts([a, b], np.array([[1.0], [2.0]]), np.array([[0.5], [0.5]]))
    two = AdditiveParts([b], np.array([[5.0, 6.0]]), np.ones((1, 2)))
    both = merged([one, two])
    assert list(both.places) == [a, b]
    np.testing.assert_array_equal(both.vectors, [[1, 0, 0], [2, 5, 6]])


def test_spans_are_a_quarter_second_and_at_most_sixty() -> None:
    places, starts = spans(50, 50)
    assert (len(places), starts[0], places[-1].end) == (4, 0, 1.0)
    assert len(spans(10, 50)[0]) == 1
    long, _ = spans(15_000, 50, first=30)
    assert len(long) == 60 and long[0].start == 30 and long[-1].end == 330


def test_colours_and_edges_belong_to_cells() -> None:
    found = check_sum("color-hog", PICTURE)
    assert len(found.places) == 64
    half = Image.new("RGB", (64, 64), "white")
    half.paste("red", (0, 0, 32, 64))
    red = load("color-hog").split(half)
    bright = red.vectors[:, int(np.argmax(red.vectors[0, :128]))]
    left = np.array([place.column < 4 for place in red.places])
    assert bright[left].min() > 0 and not bright[~left].any()


@pytest.mark.parametrize("seconds", [0.01, 1.3, 20.0])
def test_cepstra_belong_to_spans(seconds: float) -> None:
    check_sum("mfcc", noise(seconds))


def test_an_encoder_without_parts_says_so() -> None:
    encoder = load("vectors", dim=3, name="mine")
    with pytest.raises(InputError, match=r"cannot explain which parts of.*split\(decoded\)"):
        parts_of(encoder, np.ones(3))


@pytest.mark.starter
@pytest.mark.usefixtures("starter")
class TestStarter:
    @pytest.mark.parametrize(
        "name",
        [
            "efficientnet-lite0",
            "efficientnet-lite0?mirror=1",
            "efficientnet-lite2",
            "efficientnet-lite0+color-hog",
        ],
    )
    def test_cells_sum_to_the_vector(self, name: str) -> None:
        check_sum(name, PICTURE)

    def test_padding_is_named_and_cells_are_placed_on_the_picture(self) -> None:
        cells = load("efficientnet-lite0").split(PICTURE).places
        # 120 × 60 fills rows 56 to 168 of 224: 1.75 cells of 32 above and below are white
        padding = [cell.row for cell in cells if cell.padding]
        assert sorted(set(padding)) == [0, 6] and len(padding) == 14
        straddling = next(c for c in cells if (c.row, c.column) == (1, 0))
        np.testing.assert_allclose(straddling.box, (0, 0, 1 / 7, 8 / 112), atol=1e-9)
        area = sum((r - a) * (b - t) for a, t, r, b in (c.box for c in cells if not c.padding))
        assert area == pytest.approx(1)
        assert cells[0].label == "padding (row 1, column 1)"

    @pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite0?mirror=1"])
    @pytest.mark.parametrize(("left", "top"), [(150, 10), (10, 150), (80, 80)])
    def test_cells_lie_about_where_the_picture_changes(
        self, name: str, left: int, top: int
    ) -> None:
        plain = Image.new("RGB", (224, 224), "white")
        marked = plain.copy()
        patch = np.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        marked.paste(Image.fromarray(patch), (left, top))
        encoder = load(name)
        change = np.abs(encoder.split(marked).vectors - encoder.split(plain).vectors).sum(axis=1)
        # features see far, so the centre of the change is drawn to the middle: 2 cells at most
        row, column = (change / change.sum()) @ np.indices((7, 7)).reshape(2, -1).T
        assert abs(column - (left / 32 + 0.5)) < 2 and abs(row - (top / 32 + 0.5)) < 2
        assert np.sign(round(column - 3)) == np.sign(left - 80)
        assert np.sign(round(row - 3)) == np.sign(top - 80)

    def test_mirrored_pictures_have_mirrored_cells(self) -> None:
        encoder = load("efficientnet-lite0?mirror=1")
        flipped = PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        here = encoder.split(PICTURE).vectors.reshape(7, 7, -1)
        there = encoder.split(flipped).vectors.reshape(7, 7, -1)
        np.testing.assert_allclose(here, there[:, ::-1], atol=1e-5)

    @pytest.mark.parametrize(
        ("name", "seconds"), [("whisper-tiny", 0.3), ("whisper-tiny", 1.3), ("whisper-tiny", 31.0)]
    )
    def test_frames_sum_to_the_vector(self, name: str, seconds: float) -> None:
        found = check_sum(name, noise(seconds))
        real = [place for place in found.places if not place.padding]
        assert (real[0].start, real[-1].end) == (0, pytest.approx(seconds))
        silent = [place for place in found.places if place.padding]
        assert len(silent) == 1  # the last window is padded to at least 2 s
        assert silent[0].label == "padding (silence)"
        assert len(real) <= 62

    def test_words_of_a_language_without_blanks(self) -> None:
        encoder = load("universal")
        parts = parts_of(encoder, ("正在吃草的红色大袋鼠",))
        assert [p.label for p in parts.places][:3] == ["正在", "吃", "草"]
        kept = np.ones((1, len(parts.places)), dtype=bool)
        whole = encoder.encode([("正在吃草的红色大袋鼠",)])
        np.testing.assert_allclose(parts.native(kept, np.zeros(512)), whole, atol=1e-6)


@pytest.mark.starter
@pytest.mark.usefixtures("starter")
def test_a_network_that_does_not_end_in_a_mean_is_refused(tmp_path: Any) -> None:
    import onnx

    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    inner = [value("x", 1, [1])], [value("y", 1, [1])]
    graph = onnx.helper.make_graph([node], "g", *inner)
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "m.onnx"))
    with pytest.raises(IsthmusError, match="does not end in a mean"):
        with_grid(tmp_path / "m.onnx")
