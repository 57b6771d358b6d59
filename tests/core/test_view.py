import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import InputError
from isthmus.core.view import Direction, View, ViewPair, all_directions

NAMES = st.text(min_size=1)


@given(NAMES, NAMES)
def test_directions_and_pairs_survive_any_name(a: str, b: str) -> None:
    direction = Direction(a, b)
    assert Direction.from_json(direction.to_json()) == direction
    assert direction.reverse.reverse == direction
    assert ViewPair.from_json(direction.pair.to_json()) == direction.reverse.pair
    assert hash(direction.pair) == hash(direction.reverse.pair)


def test_what_a_text_could_not_tell_apart() -> None:
    assert Direction("EEG→left", "right") != Direction("EEG", "left→right")
    assert str(Direction("EEG→left", "right")) == str(Direction("EEG", "left→right"))
    assert ViewPair("EEG–left", "x") != ViewPair("EEG", "left–x")


def test_every_direction_of_three_views() -> None:
    found = [str(each) for each in all_directions(["a", "b", "c"])]
    assert found == ["a→b", "a→c", "b→a", "b→c", "c→a", "c→b"]


@pytest.mark.parametrize(
    ("text", "name", "modality"),
    [
        ("image", "image", "image"),
        ("photo a:image", "photo a", "image"),
        ("10:30 clip:audio", "10:30 clip", "audio"),
        ("sensor:vector", "sensor", "vector"),
    ],
)
def test_views_as_they_are_typed(text: str, name: str, modality: str) -> None:
    view = View.parse(text)
    assert (view.name, view.modality) == (name, modality)
    assert View.parse(str(view)) == view


def test_views_that_are_none() -> None:
    with pytest.raises(InputError, match="view 'photo': there is no modality 'picture'"):
        View.parse("photo:picture")
    with pytest.raises(InputError, match="needs a name"):
        View(" ", "text")
