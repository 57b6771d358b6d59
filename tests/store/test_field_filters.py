"""Filters over what files say of themselves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import InputError
from isthmus.core.fields import FIELDS
from isthmus.store import Entry
from isthmus.store.field_filters import kilometres
from isthmus.store.filters import parse

PHOTO = Entry(
    "1",
    "photo",
    "image",
    "/a/1.jpg",
    fields=(
        ("title", "Vollmond über Łódź"),
        ("taken", "2025-06-30T23:59:30"),
        ("camera", "NIKON D750"),
        ("lat", 48.2082),
        ("lon", 16.3738),
        ("width", 6016),
    ),
)
SONG = Entry("2", "sound", "audio", "/a/2.mp3", fields=(("artist", 'The "Who"'), ("duration", 61)))
BARE = Entry("3", "sound", "audio", "/a/3.mp3")


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("taken>2025", ""),
        ("taken>=2025", "1"),
        ("taken>2025-05", "1"),
        ("taken:2025-06", "1"),
        ("taken<2025-06-30", ""),
        ("taken<=2025-06-30", "1"),
        ("taken>2025-06-30T23:58", "1"),
        ("taken>2025-06-30t23:59", ""),
        ("title~vollmond", "1"),
        ("title~LODZ", ""),
        ('title~"über łódź"', "1"),
        ("camera~nikon and width>=6016", "1"),
        ('camera:"nikon d750"', "1"),
        ("camera:nikon", ""),
        (r'artist:"the \"who\""', "2"),
        ("duration>60", "2"),
        ("duration>61", ""),
        ("duration<=61.0", "2"),
        ("not duration>60", "13"),
        ("lat>48 and lon<17", "1"),
        ("lat>-90", "1"),
        ("near:48.2,16.4,10km", "1"),
        ("near:48.2082,16.3738,1m", "1"),
        ("near:48.2,16.4,500m", ""),
        ("not near:-48,16,5km", "123"),
        ("has:duration or has:camera", "12"),
        ("not has:taken and modality:audio", "23"),
    ],
)
def test_what_passes(text: str, passing: str) -> None:
    test = parse(text)
    assert "".join(each.id for each in (PHOTO, SONG, BARE) if test.matches(each)) == passing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taken>June", "taken needs a date such as 2026, 2026-01"),
        ("taken>=2025-13", "taken: there is no such date as 2025-13"),
        ("taken:2025-02-30T12", "taken: there is no such date as 2025-02-30T12"),
        ("taken~2025", "taken takes : <"),
        ("duration>long", "duration is length in seconds; it needs a number, got 'long'"),
        ("duration>1e9", "it needs a number"),
        ("duration>nan", "it needs a number"),
        ("camera>nikon", "camera can be compared with : or ~"),
        ("near:vienna", "near needs latitude, longitude and distance, such as near:48.2,16.4,10km"),
        ("near:91,0,1km", "there is no place at latitude 91"),
        ("near>48,16,1km", "got near>48,16,1km"),
        ("has:duratoin", "files have no field 'duratoin'.*Did you mean 'duration'"),
        ("has~camera", "has takes :"),
        ("artits:x", "no field 'artits'.*Did you mean 'artist'"),
    ],
)
def test_what_cannot_be_compared_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)


def test_an_unknown_field_lists_those_of_files_too() -> None:
    with pytest.raises(InputError) as error:
        parse("colour:red")
    assert all(name in str(error.value) for name in (*FIELDS, "near", "has", "path"))


PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(PLACES, PLACES)
def test_distances_are_those_of_the_law_of_cosines(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    """Sinnott, "Virtues of the haversine", 1984: the law of cosines fails only for small angles."""
    (lat, lon), (other, away) = (map(math.radians, each) for each in (a, b))
    cosine = math.sin(lat) * math.sin(other)
    cosine += math.cos(lat) * math.cos(other) * math.cos(away - lon)
    arc = math.acos(max(-1.0, min(1.0, cosine)))
    assert kilometres(a, b) == pytest.approx(6371.0088 * arc, abs=0.2)
    assert kilometres(a, b) == pytest.approx(kilometres(b, a))
