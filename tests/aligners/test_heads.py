import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from isthmus.aligners import (
    AffineHead,
    AnchorHead,
    ChainHead,
    ConcatHead,
    LinearHead,
    MLPHead,
    UnitHead,
    head_from_state,
)
from isthmus.aligners.heads import gaussian_units
from isthmus.core.contracts import Head
from isthmus.core.errors import ArtifactError, VectorError


def linear(dim: int = 3, k: int = 2, seed: int = 0) -> LinearHead:
    rng = np.random.default_rng(seed)
    return LinearHead(rng.normal(size=dim), rng.normal(size=(dim, k)))


def anchors() -> AnchorHead:
    return AnchorHead(np.zeros(3), np.eye(3), k=2, power=2.0)


def mlp(k: int = 4) -> MLPHead:
    rng = np.random.default_rng(5)
    weight, bias = rng.normal(size=(3, k)), rng.normal(size=k)
    return MLPHead(np.zeros(3), np.eye(3), weight, bias, sharpness=2.0, linear=0.5)


def test_a_linear_head_worked_by_hand() -> None:
    head = LinearHead(np.array([1.0, 1.0]), np.array([[3.0, 0.0], [0.0, 4.0]]))
    assert np.allclose(head(np.array([[2.0, 2.0], [1.0, 3.0]])), [[0.6, 0.8], [0.0, 1.0]])
    assert (head.input_dim, head.output_dim) == (2, 2)


def test_an_anchor_head_worked_by_hand() -> None:
    found = anchors()(np.array([[2.0, 1.0, -9.0], [3.0, 2.0, 1.0], [-1.0, -1.0, 2.0]]))
    expected = np.array([[4.0, 1.0, 0.0], [9.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_an_mlp_head_worked_by_hand() -> None:
    # x − mean = (3, 4), so its cosines with the centres are 0.6 and 0.8.
    weight = np.array([[1.0, 0.0], [0.0, 2.0]])
    head = MLPHead([1.0, 1.0], np.eye(2), weight, [0.0, 1.0], sharpness=2.0, linear=0.5)
    expected = np.array([np.exp(-0.8) + 0.3, 2 * (np.exp(-0.4) + 0.4) + 1])
    found = head(np.array([[4.0, 5.0]]))[0]
    assert np.allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
    assert (head.input_dim, head.output_dim) == (2, 2)


def test_units_are_gaussians_of_the_distance_between_unit_vectors() -> None:
    x, c = np.array([0.6, 0.8]), np.array([1.0, 0.0])
    found = gaussian_units(np.array(x @ c), sharpness=3.0, linear=0.0)
    assert found == pytest.approx(np.exp(-1.5 * np.square(x - c).sum()))


def test_a_concatenation_averages_cosines() -> None:
    first, second = linear(seed=1), linear(k=4, seed=2)
    head = ConcatHead([first, second], [3.0, 1.0])
    x = np.random.default_rng(3).normal(size=(6, 3))
    unit = head(x)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    expected = 0.75 * first(x) @ first(x).T + 0.25 * second(x) @ second(x).T
    assert np.allclose(unit @ unit.T, expected, atol=1e-6)
    assert (head.input_dim, head.output_dim) == (3, 6)


def affine() -> AffineHead:
    return AffineHead(np.array([1.0, 1.0, 0.0]), np.eye(3), np.array([0.0, 0.0, 5.0]))


def test_a_unit_head_keeps_directions_and_an_affine_head_moves_the_mean() -> None:
    found = UnitHead(2)(np.array([[3.0, 4.0], [0.0, -2.0]]))
    assert np.allclose(found, [[0.6, 0.8], [0.0, -1.0]])
    assert np.allclose(affine()(np.array([[1.0, 1.0, 0.0]])), [[0.0, 0.0, 1.0]])
    assert np.allclose(affine()(np.array([[13.0, 1.0, 0.0]])), [[12 / 13, 0.0, 5 / 13]])


def test_a_chain_applies_one_head_after_another() -> None:
    first, second = linear(k=4, seed=1), linear(dim=4, k=2, seed=2)
    x = np.random.default_rng(3).normal(size=(6, 3))
    head = ChainHead([first, second])
    assert np.array_equal(head(x), second(first(x)))
    assert (head.input_dim, head.output_dim) == (3, 2)
    document, tensors = ChainHead([second, first]).state()
    with pytest.raises(ArtifactError, match="does not take what the one before gives"):
        head_from_state("chain", document, tensors)
    with pytest.raises(ArtifactError, match="dim must be 1 to"):
        head_from_state("unit", {"dim": 0}, {})


@pytest.mark.parametrize(
    "head",
    [
        linear(),
        UnitHead(3),
        affine(),
        ChainHead([UnitHead(3), affine(), linear()]),
        anchors(),
        mlp(),
        ConcatHead([linear(), ConcatHead([anchors(), linear(k=5)], [1, 2])], [1, 9]),
    ],
    ids=["linear", "unit", "affine", "chain", "anchors", "mlp", "nested"],
)
def test_state_survives_json_and_safetensors(head: Head) -> None:
    document, tensors = head.state()
    again = head_from_state(head.kind, json.loads(json.dumps(document)), load(save(tensors)))
    x = np.random.default_rng(0).normal(size=(10, 3))
    assert np.array_equal(again(x), head(x))
    assert type(again) is type(head)
    assert isinstance(head, Head)
    assert all(array.dtype == np.float32 for array in tensors.values())


def test_a_kind_that_this_release_does_not_know() -> None:
    with pytest.raises(ArtifactError, match=r"unknown kind of head 'quantum'.*anchors.*linear"):
        head_from_state("quantum", {}, {})


def test_rows_that_a_head_maps_to_zero_point_nowhere_in_particular() -> None:
    head = LinearHead(np.array([1.0, 2.0]), np.eye(2))
    assert np.allclose(head(np.array([[1.0, 2.0]])), [[np.sqrt(0.5)] * 2])
    assert np.allclose(anchors()(np.array([[-1.0, -1.0, -1.0]])), [[np.sqrt(1 / 3)] * 3])


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e15, 1e30])
def test_vectors_of_any_length_become_unit_vectors(scale) -> None:
    for head in (LinearHead(np.zeros(3), np.eye(3)), anchors(), mlp()):
        found = head(np.array([[2.0, 1.0, 2.0]]) * scale)
        assert np.allclose(found, head(np.array([[2.0, 1.0, 2.0]])), atol=1e-6)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("head", [linear(), anchors(), mlp()], ids=["linear", "anchors", "mlp"])
def test_what_a_head_refuses(head) -> None:
    with pytest.raises(VectorError, match="need dimension 3, got 4"):
        head(np.ones((2, 4)))
    with pytest.raises(VectorError, match="row 1 has NaN"):
        head(np.array([[1.0, 2, 3], [1, np.nan, 3]]))
    with pytest.raises(VectorError, match="row 0 has only zeros"):
        head(np.zeros((1, 3)))
    assert head(np.ones((0, 3), dtype=np.float32)).shape == (0, head.output_dim)
