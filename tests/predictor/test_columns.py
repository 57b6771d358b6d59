"""Plain columns as vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isthmus.core.errors import ArtifactError, DataError
from isthmus.core.fields import Value
from isthmus.core.record import Record
from isthmus.predictor.columns import Columns, names_of


def records(**columns: list[Value | None]) -> list[Record]:
    rows = zip(*columns.values(), strict=True)
    return [
        Record(
            str(i), {}, fields={n: v for n, v in zip(columns, row, strict=True) if v is not None}
        )
        for i, row in enumerate(rows)
    ]


def test_numbers_are_scaled_by_median_and_quartiles() -> None:
    rows = records(age=[1.0, 2.0, 3.0, 4.0, 5.0, 1e3, 1e6])
    made = Columns.fit(rows, ["age"])
    x = made.transform(rows)
    scale = (502.5 - 2.5) / 1.349
    assert x[:5, 0] == pytest.approx((np.arange(1, 6) - 4) / scale)
    assert x[5, 0] == pytest.approx(996 / scale)
    assert x[6, 0] == 3.0  # a typing error, which nothing else comes near to
    assert made.features == (("age", "age"), ("", "constant"))


def test_a_heavy_tail_keeps_its_order_and_one_typing_error_does_no_harm() -> None:
    honest: list[Value | None] = [float(np.exp(v)) for v in np.linspace(-3, 3, 41)]
    made = Columns.fit(records(x=honest), ["x"])
    tail = made.transform(records(x=honest))[30:40, 0]
    assert (np.diff(tail) > 0).all() and tail[-1] > 3
    for wrong in (500.0, 1e6, 1e30):
        spoilt: list[Value | None] = [*honest[:-1], wrong]
        again = Columns.fit(records(x=spoilt), ["x"]).transform(records(x=spoilt))
        assert again[:-1, 0] == pytest.approx(made.transform(records(x=honest))[:-1, 0])
        assert again[-1, 0] == again[-2, 0]


@pytest.mark.parametrize("value", [1e300, -float("inf"), 10**400])
def test_numbers_beyond_all_bounds_are_refused_by_record(value: float) -> None:
    made = Columns.fit(records(x=[1.0, 2.0, 4.0]), ["x"])
    with pytest.raises(DataError, match=r"record '1': the number in the column 'x' lies beyond 1e"):
        made.transform(records(x=[1.0, value]))
    with pytest.raises(DataError, match=r"record '2': .*use a larger unit, or leave it out"):
        Columns.fit(records(x=[1.0, 2.0, value]), ["x"])


def test_half_equal_numbers_are_scaled_by_their_deviation() -> None:
    rows = records(n=[0.0] * 9 + [10.0])
    assert Columns.fit(rows, ["n"]).numbers[0].scale == pytest.approx(3.0)


def test_missing_numbers_are_the_median_and_marked() -> None:
    rows = records(age=[1.0, None, 3.0])
    made = Columns.fit(rows, ["age"])
    assert made.transform(rows).tolist()[1] == [0.0, 1.0, 1.0]
    assert made.present(rows).tolist() == [True, False, True]
    assert made.notes(rows[1]) == ["age is missing"]


def test_categories_are_one_hot_and_a_new_one_is_other() -> None:
    rows = records(race=["elf", "orc", "elf", "orc", "troll"])
    made = Columns.fit(rows, ["race"])
    assert [what for _, what in made.features] == [
        "race = elf", "race = orc", "race = other", "constant",
    ]  # fmt: skip
    assert made.transform(rows)[:, :3].tolist() == [
        [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip
    new = records(race=["drake"])
    assert made.transform(new)[0].tolist() == [0, 0, 1, 1]
    assert made.notes(new[0]) == ["race: 'drake' is new, taken as 'other'"]


def test_a_category_that_was_never_missing_is_then_what_it_is_on_average() -> None:
    made = Columns.fit(records(race=["elf", "orc", "elf", "orc", "elf", "elf"]), ["race"])
    assert made.transform([Record("x", {})])[0] == pytest.approx([4 / 6, 2 / 6, 0, 1])


def test_no_row_is_all_zeros() -> None:
    rows = records(age=[2.0, 2.0, 4.0], race=["a", None, "a"])
    made = Columns.fit(rows, ["age", "race"])
    assert made.transform([Record("x", {})]).any()


def test_columns_that_say_nothing_are_left_out() -> None:
    n = 40
    rows = records(
        same=["a"] * n,
        name=[f"name {i}" for i in range(n)],
        age=[float(i % 7) for i in range(n)],
    )
    made = Columns.fit(rows, ["same", "name", "age", "gone"])
    assert made.names == ("age",)
    assert "'a' in every record" in made.left_out["same"]
    assert made.left_out["name"] == (
        "it has 40 different values in 40 records; to read it as a view of texts: "
        "columns={'name': 'text'} of the data set"
    )
    assert made.left_out["gone"] == "it is empty in every record"
    with pytest.raises(DataError, match="no column says anything about a record: same: it is 'a'"):
        Columns.fit(rows, ["same"])


def test_a_text_where_numbers_were_is_refused() -> None:
    made = Columns.fit(records(age=[1.0, 2.0]), ["age"])
    with pytest.raises(DataError, match=r"record '0': the column 'age' held numbers .* 'old'"):
        made.transform(records(age=["old"]))


def test_columns_survive_json() -> None:
    rows = records(age=[1.0, None, 3.0, 8.0], race=["a", "b", "a", "b"])
    made = Columns.fit(rows, ["age", "race"])
    again = Columns.from_document(json.loads(json.dumps(made.document())), "columns")
    assert again.transform(rows).tolist() == made.transform(rows).tolist()
    assert again.features == made.features and again.typical.tolist() == made.typical.tolist()
    with pytest.raises(ArtifactError, match="the key 'numbers' is missing"):
        Columns.from_document({}, "columns")


def test_names_by_pattern() -> None:
    rows = records(age=[1.0], g1=[2.0], g2=[3.0], y=["a"])
    assert names_of(rows, ["g*"]) == ["g1", "g2"]
    assert names_of(rows, without=["y"]) == ["age", "g1", "g2"]
    with pytest.raises(DataError, match=r"no column is called 'agee'.*Did you mean 'age'"):
        names_of(rows, ["agee"])
