"""Frames pooled over time: formulas, order, who may be named, one way in both processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus import encoders
from isthmus.audit import check_encoder
from isthmus.core.contracts import Joint, Sampling, joint_of, sampling_of, window_of
from isthmus.core.errors import InputError, UntrustedError
from isthmus.core.item import Clip
from isthmus.core.linalg import F32, l2_normalize
from isthmus.datasets import motions
from isthmus.encoders.frames import SHARPNESS, FramesEncoder, temporal_basis
from isthmus.encoders.parts import AdditiveParts, parts_of

HOG = "image=color-hog"
POOLS = ("mean", "max", "attention", "order")


def clip(motion: str = "right", seed: int = 0) -> Clip:
    frames = motions.film(motions.MovingScene("star", "red", motion), np.random.default_rng(seed))
    return Clip(frames, np.arange(len(frames)) / motions.RATE, len(frames) / motions.RATE)


def backwards(one: Clip) -> Clip:
    return Clip(one.frames[::-1], one.times, one.seconds)


def encoded(spec: str, one: Clip) -> F32:
    encoder = encoders.load(spec)
    return encoder.encode([encoder.prepare(one)])[0]


class Bright:
    """Three numbers of a picture, in a space that it shares with others."""

    id, modality, dim, fingerprint, languages = "bright", "image", 3, "bright-1", ()
    joint, logit_scale, logit_bias = "of colours", 10.0, -1.0

    def prepare(self, decoded: Any) -> Any:
        return np.asarray(decoded, dtype=np.float32).mean(axis=(0, 1))

    def encode(self, batch: Any) -> F32:
        return np.stack(batch)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e4), min_size=3, max_size=30, unique=True))
def test_the_polynomials_of_time_are_orthonormal_and_of_their_degree(times: list[float]) -> None:
    when = np.array(sorted(times)) + np.arange(len(times))  # a second apart at least
    basis = temporal_basis(when)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(basis[:, 0], 1 / np.sqrt(len(when)), atol=1e-9)
    for degree in (1, 2):
        fitted = np.polynomial.Polynomial.fit(when, basis[:, degree], degree)(when)
        np.testing.assert_allclose(fitted, basis[:, degree], atol=1e-6)
        assert basis[-1, degree] > 0


def test_fewer_times_than_degrees_leave_columns_empty() -> None:
    np.testing.assert_allclose(temporal_basis(np.array([4.0])), [[1, 0, 0]])
    np.testing.assert_allclose(temporal_basis(np.array([4.0, 4.0]))[:, 1:], 0)
    two = temporal_basis(np.array([1.0, 2.0]))
    np.testing.assert_allclose(two, [[0.5**0.5, -(0.5**0.5), 0], [0.5**0.5, 0.5**0.5, 0]])


def test_pooling_is_the_formula_of_the_docstring() -> None:
    one, hog = clip(), encoders.load("color-hog")
    made = encoders.load(f"frames?{HOG}&n=5").prepare(one)
    x = l2_normalize(hog.encode(list(made[0])).astype(np.float64))
    times = made[1]
    mean = x.mean(axis=0)
    weights = np.exp(SHARPNESS * x @ (mean / np.linalg.norm(mean)))
    centred = (times - times.mean()) / np.sqrt(((times - times.mean()) ** 2).sum())
    expected = {
        "mean": mean,
        "max": x.max(axis=0),
        "attention": weights @ x / weights.sum(),
    }
    for pool, vector in expected.items():
        np.testing.assert_allclose(encoded(f"frames?{HOG}&n=5&pool={pool}", one), vector, atol=1e-6)
    ordered = encoded(f"frames?{HOG}&n=5&pool=order", one).reshape(3, hog.dim)
    np.testing.assert_allclose(ordered[0], mean, atol=1e-6)
    np.testing.assert_allclose(ordered[1], centred @ x / np.sqrt(5), atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
def test_only_order_tells_a_film_from_the_film_backwards(pool: str) -> None:
    one = clip()
    there, back = (encoded(f"frames?{HOG}&pool={pool}", each) for each in (one, backwards(one)))
    if pool != "order":
        np.testing.assert_allclose(there, back, atol=1e-6)
        return
    first, second = there.reshape(3, -1), back.reshape(3, -1)
    np.testing.assert_allclose(first[[0, 2]], second[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(first[1], -second[1], atol=1e-6)
    assert np.linalg.norm(first[1]) > 0.1


def test_a_black_frame_counts_less_with_attention_than_in_the_mean() -> None:
    one = clip()
    frames = one.frames[:8].copy()
    frames[3] = 0
    black = encoders.load("color-hog")
    dark = l2_normalize(black.encode([np.zeros((64, 64, 3), dtype=np.uint8)]))[0]
    spoilt = Clip(frames, one.times[:8], 1.0)
    shares = [encoded(f"frames?{HOG}&pool={pool}", spoilt) @ dark for pool in ("attention", "mean")]
    assert shares[0] < 0.5 * shares[1]


def test_a_linear_head_over_order_is_one_map_a_frame_that_changes_with_time() -> None:
    one, rng = clip(), np.random.default_rng(1)
    hog = encoders.load("color-hog")
    frames, times, _ = encoders.load(f"frames?{HOG}").prepare(one)
    x = l2_normalize(hog.encode(list(frames)).astype(np.float64))
    head = rng.standard_normal((3, 7, hog.dim))
    basis = temporal_basis(times) / np.sqrt(len(times))
    by_time = sum(
        np.einsum("k,kod->od", weights, head) @ vector
        for weights, vector in zip(basis, x, strict=True)
    )
    whole = np.concatenate(head, axis=1) @ encoded(f"frames?{HOG}", one)
    np.testing.assert_allclose(whole, by_time, atol=1e-4)


@pytest.mark.parametrize("pool", POOLS)
def test_the_parts_are_frames_that_sum_to_the_vector(pool: str) -> None:
    encoder, one = encoders.load(f"frames?{HOG}&pool={pool}"), clip()
    found = parts_of(encoder, one)
    assert isinstance(found, AdditiveParts)
    np.testing.assert_allclose(found.total, encoded(f"frames?{HOG}&pool={pool}", one), atol=1e-6)
    np.testing.assert_allclose(found.shares.sum(axis=0), 1)
    assert len(found.places) == 8
    assert (found.places[0].start, found.places[-1].end) == (0.0, one.seconds)


def test_batches_do_not_matter_and_one_frame_is_enough() -> None:
    assert check_encoder(f"frames?{HOG}", seconds=0.01).steady
    single = Clip(clip().frames[:1], np.zeros(1), 0.0)
    vector = encoded(f"frames?{HOG}", single).reshape(3, -1)
    assert vector[0].any()
    assert not vector[1:].any()


def test_one_frame_is_the_middle_one() -> None:
    one = clip("up")
    middle = Clip(one.frames[8:9], one.times[8:9], one.seconds)
    spec = f"frames?{HOG}&n=1"
    np.testing.assert_array_equal(encoded(spec, one), encoded(spec, middle))


def test_what_it_asks_of_the_decoder() -> None:
    made = encoders.load(f"frames?{HOG}&n=6&by=shots&window=3")
    assert sampling_of(made) == Sampling(6, "shots")
    assert window_of(made) == 3.0
    assert made.image_side == encoders.load("color-hog").image_side


def test_every_option_changes_the_fingerprint() -> None:
    options = ("n=9", "pool=mean", "pool=max", "by=shots", "window=7")
    specs = [f"frames?{HOG}", *(f"frames?{HOG}&{each}" for each in options)]
    specs.append("frames?image=efficientnet-lite0")
    assert len({encoders.load(spec).fingerprint for spec in specs}) == len(specs)


def test_means_of_a_joint_model_stay_in_its_space() -> None:
    for pool, joint in (("mean", "of colours"), ("attention", "of colours"), ("order", "")):
        made = FramesEncoder(Bright(), pool=pool)  # type: ignore[arg-type]
        assert joint_of(made) == joint
        assert not joint or (isinstance(made, Joint) and made.logit_scale == 10.0)


def test_an_encoder_of_ones_own_can_be_handed_in() -> None:
    made = encoders.load("frames", image=Bright(), pool="mean")
    assert (made.dim, made.options()) == (3, {})
    assert encoders.recipe_of(made) is None


def test_a_space_keeps_which_encoder_of_pictures_it_was() -> None:
    assert encoders.load("frames?image=color-hog&n=4").options() == {"image": "color-hog"}
    spec = "color-hog+efficientnet-lite0?mirror=1"
    made = encoders.load("frames", image=spec)
    assert made.options() == {"image": spec}
    assert encoders.load("frames").options() == {"image": encoders.default_for("image")}


def test_what_is_kept_goes_by_the_default_of_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = encoders.load("frames").options()
    monkeypatch.setattr(encoders, "default_for", lambda modality: "color-hog")
    assert encoders.load("frames").options() == {"image": "color-hog"} != usual


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("frames?image=mfcc", "must be an encoder of pictures, got mfcc, which reads audio"),
        ("frames?image=5", "must be an encoder of pictures, got 5"),
        ("frames?image=frames", "image cannot be 'frames'"),
        (f"frames?{HOG}&n=0", "n must be 1 to 256 frames, got 0"),
        (f"frames?{HOG}&window=0", "window must be some seconds, got 0"),
        (f"frames?{HOG}&pool=median", "pool"),
        ("frames?image=colour-hog", "Did you mean 'color-hog'"),
    ],
)
def test_messages_say_what_is_wrong(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        encoders.load(spec)


@pytest.mark.parametrize("image", ["os:system", "color-hog+os:system", "http://localhost:1/v1"])
def test_a_space_cannot_name_code_or_a_server_as_encoder_of_pictures(image: str) -> None:
    with pytest.raises(UntrustedError):
        encoders.resolve("frames", {"image": image}, trust=())
    if "+" not in image:
        with pytest.raises(UntrustedError):
            encoders.resolve(f"frames?image={image}", {}, trust=())


def test_what_is_no_video_is_refused() -> None:
    made = encoders.load(f"frames?{HOG}")
    with pytest.raises(InputError, match="frames reads videos, got ndarray"):
        made.prepare(np.zeros((2, 4, 4, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="needs frames"):
        made.prepare(Clip(np.zeros((0, 4, 4, 3), dtype=np.uint8), np.zeros(0), 0.0))
    with pytest.raises(InputError, match="and in order"):
        made.prepare(Clip(np.zeros((2, 4, 4, 3), dtype=np.uint8), np.array([1.0, 0.0]), 1.0))
