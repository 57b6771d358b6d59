"""Interactions: names, times, tables, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.datasets.interactions import Interactions
from isthmus.datasets.movielens import interactions, load


def test_the_latest_of_a_pair_counts() -> None:
    taken = Interactions.of(
        ["ann", "bob", "ann"], ["tea", "tea", "tea"], ratings=[1, 4, 5], times=[9, 2, 3]
    )
    assert len(taken) == 2 and taken.ratings is not None
    assert dict(zip(taken.user.tolist(), taken.ratings.tolist(), strict=True)) == {0: 1.0, 1: 4.0}


def test_later_counts_what_came_after_and_ties_share_a_mean() -> None:
    taken = Interactions.of("aaaab", "wxyzw", times=[1, 5, 5, 9, 3])
    assert taken.later().tolist() == [3.0, 1.5, 1.5, 0.0, 0.0]


def test_a_matrix_of_some_users_is_those_rows() -> None:
    taken = Interactions.of("abcab", "wxywz", known=["v"])
    whole = taken.matrix()
    assert whole.shape == (3, 5) and whole[:, 0].sum() == 0
    assert (taken.matrix(users=np.array([2, 0])) == whole[[2, 0]]).all()


def test_one_user_and_the_others_are_all() -> None:
    taken = Interactions.of("abcab", "wxywz")
    one, rest = taken.of_user("a"), taken.without_user("a")
    assert (one.matrix() + rest.matrix() == taken.matrix()).all() and len(one) == 1
    with pytest.raises(DataError, match=r"'bo'"):
        taken.of_user("bo")


def test_a_table_is_read_by_the_names_that_others_use(tmp_path: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("user_id,item_id,rating,timestamp\n1,a,4,2026-01-02\n2,b,3.5,2026-01-03\n")
    taken = Interactions.read(table)
    assert list(taken.users) == ["1", "2"] and list(taken.items) == ["a", "b"]
    assert taken.times is not None and np.diff(taken.times).tolist() == [86_400.0]
    assert taken.ratings is not None and taken.ratings.tolist() == [4.0, 3.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,thing\n1,a\n", "needs the columns user and item; it has user, thing"),
        ("user,item,rating\n1,a,good\n", "rating: 'good' is no number"),
        ("user,item,time\n1,a,yesterday\n", "or a date such as"),
        ("user,item,rating\n1,a,3\n2,b,\n", "1 row of 2 have no rating"),
        ("user,item\n,a\n", "has no interaction; a row needs a user and an item"),
        ("", "is empty: it has 0 bytes"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text(text)
    with pytest.raises(DataError) as caught:
        Interactions.read(table)
    assert said in str(caught.value)


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="one length"):
        Interactions(["a"], ["x"], np.array([0]), np.array([0, 0]))
    with pytest.raises(DataError, match="not among 1 names"):
        Interactions(["a"], ["x"], np.array([0]), np.array([3]))


def test_films_are_items_of_their_ratings(tmp_path: Path) -> None:
    (tmp_path / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        '1\tA "Quoted" Story\t1995\tComedy Children\'s\n7\tunknown\t\tunknown\n2\tEye\t1994\t\n'
    )
    (tmp_path / "ml-100k.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n9\t2\t3\t88\n9\t7\t1\t89\n"
    )
    films = load(root=tmp_path)
    assert [record.id for record in films.records] == ["1", "2"] and len(films.skipped) == 1
    first = films.records[0]
    assert first.items["text"].captions[0] == 'A "Quoted" Story (1995): Comedy, Children\'s'
    assert first.fields["year"] == 1995.0 and "research" in films.licence
    taken = interactions(root=tmp_path)
    assert list(taken.items) == ["1", "2"] and taken.item.tolist() == [1]
