"""Plain columns of tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, InputError
from isthmus.core.record import Dataset
from isthmus.core.wording import speaking
from isthmus.datasets import load
from isthmus.datasets._cells import mended
from isthmus.datasets.kinds import typed

REVIEW = "A long review of a thing that I bought and number {} of many"


def table(folder: Path, *lines: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def column(made: Dataset, name: str) -> list[object]:
    return [record.fields.get(name) for record in made.records]


def test_numbers_truths_and_categories(tmp_path: Path) -> None:
    path = table(tmp_path, "text,age,smokes,race", "a,1.5,true,elf", "b,NA,false,", "c,3,true,orc")
    made = load(path, fields=True)
    assert column(made, "age") == [1.5, None, 3.0]
    assert column(made, "smokes") == ["true", "false", "true"]
    assert column(made, "race") == ["elf", None, "orc"]
    assert made.views == ("text",) and not made.skipped and not made.notes


def test_without_fields_nothing_changes(tmp_path: Path) -> None:
    path = table(tmp_path, "text,age", "a,1", "b,2")
    assert [r.fields for r in load(path).records] == [{}, {}]


def test_a_table_of_plain_columns_alone(tmp_path: Path) -> None:
    path = table(tmp_path, "age,kind", "1,a", "4,b")
    made = load(path, fields=True)
    assert [dict(r.fields) for r in made.records] == [
        {"age": 1.0, "kind": "a"},
        {"age": 4.0, "kind": "b"},
    ]
    assert made.views == ()
    with pytest.raises(DataError, match="no column holds a view"):
        load(path)


def test_named_columns_and_patterns(tmp_path: Path) -> None:
    path = table(tmp_path, "text,g1,g2,age", "a,1,2,3", "b,1.5,2,5")
    assert list(load(path, fields=["g*"]).records[0].fields) == ["g1", "g2"]
    with pytest.raises(DataError, match=r"no column 'agee'; it has .*Did you mean 'age'\?"):
        load(path, fields=["agee"])
    with pytest.raises(InputError, match=r"need a list of columns or True, got a text: \['age'\]"):
        load(path, fields="age")


def test_a_typing_error_is_told_and_missing(tmp_path: Path) -> None:
    rows = [f"{i / 2}" for i in range(20)]
    path = table(tmp_path, "age", *rows, "old")
    made = load(path, fields=True)
    assert column(made, "age")[-2:] == [9.5, None]
    assert [(f.source, f.reason) for f in made.skipped] == [
        (
            "row 21",
            "column age: 'old' is not a number; write a number such as 1234.5, or leave the cell "
            "empty",
        )
    ]


def test_the_sign_for_minus_is_read_as_minus(tmp_path: Path) -> None:
    cells = [f"{i - 5.5}" for i in range(11)]
    made = load(table(tmp_path, "age", *cells), fields=True)
    path = table(tmp_path, "age", *(cell.replace("-", "\u2212") for cell in cells))
    again = load(path, fields=True)
    assert column(again, "age") == column(made, "age") and again.kinds == {"age": "number"}
    assert typed("1e\u22123", "number") == 0.001 and typed("\u2212", "number") is None
    assert mended("\u221212,5 kg") == "write -12.5"


@pytest.mark.parametrize("kind", ["int64", "uint8", "float32", "float64"])
def test_numbers_of_numpy_are_numbers(kind: str) -> None:
    value = np.dtype(kind).type(2)
    assert typed(value, "number") == 2.0 and typed(value, "category") == "2"
    assert typed(np.bool_(True), "category") == "true"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_numbers_beyond_all_bounds_are_told_by_row_and_missing(tmp_path: Path, name: str) -> None:
    cells = [*(f"{i / 2}" for i in range(20)), "1e300", "1" + 400 * "0"]
    lines = ["age", *cells] if name == "t.csv" else [f'{{"age": {cell}}}' for cell in cells]
    path = table(tmp_path, *lines, name=name)
    for made in (load(path, fields=True), load(path, fields={"age": "number"})):
        assert column(made, "age")[-3:] == [9.5, None, None]
        assert [each.source for each in made.skipped] == ["row 21", "row 22"]
        assert all("lies beyond 1e+30; use a larger" in each.reason for each in made.skipped)
        assert len(made.skipped[1].reason) < 120
    for cell in (1e300, 10**400, "1e300", "1" + 400 * "0"):
        with pytest.raises(DataError, match=r"lies beyond 1e\+30"):
            typed(cell, "number")


@pytest.mark.parametrize(
    "cells",
    [
        ["1,234", "2,345", "3"],  # thousands, or decimals
        ["1,5", "2.5", "3"],
        ["1,5", "2,25", "1,234.5"],
        ["0,5", "1.234", "7"],
        [*(f"{n},{n * 37 % 1000:03d}" for n in range(1, 500)), "1,5"],  # one typing error
        ["1,234", *(f"{n},5" for n in range(8))],
        ["1,234" + 100 * ",234", "1,5"],
    ],
)
def test_numbers_with_commas_that_are_not_clear_are_refused(
    tmp_path: Path, cells: list[str]
) -> None:
    """The way out leaves the column out; where it is needed, it is to be written anew."""
    path = table(tmp_path, "text;price", *(f"a{i};{cell}" for i, cell in enumerate(cells)))
    first = cells[0] if len(cells[0]) < 20 else cells[0][:20] + " …"
    said = rf"column price, row 1: the number '{first}' has a comma.*write all numbers .* 1234\.5"
    with pytest.raises(DataError, match=said + r", or leave the column out: \['!price'\]$"):
        load(path, fields=True)
    with speaking("shell"), pytest.raises(DataError, match=said + ".*: --columns '!price'$"):
        load(path, fields=True)
    with pytest.raises(DataError, match=r"no column 'prise'; it has text, price. Did you mean"):
        load(path, fields=["*", "prise"])
    for wanted in (["!price"], ["*", "!pri*"]):
        made = load(path, fields=wanted)
        assert made.views == ("text",) and list(made.left_out) == ["price"] and not made.notes
    with pytest.raises(DataError, match=said + "$"):
        load(path, fields=["price"])
    with pytest.raises(DataError, match=said + "$"):  # a name goes before a pattern
        load(path, fields=["!price", "price"])
    assert load(path, fields=["text"]).views == ("text",)


@pytest.mark.parametrize(
    "last",
    ["1.234,25", "1 234,25", "1'234,25", "1\u2019234,25", "1\u202f234,25", "1234,25", "1,23425e3"],
)
def test_a_column_of_decimal_commas_is_read(tmp_path: Path, last: str) -> None:
    clear = [f"{n},5" for n in range(6)]
    cells = ["\u22121,5", *clear, "0,750", "3", "1,234", "", last]
    path = table(tmp_path, "text;price", *(f"a{i};{cell}" for i, cell in enumerate(cells)))
    for made in (load(path, fields=True), load(path, fields={"price": "decimal comma"})):
        assert column(made, "price") == [
            -1.5,
            *(n + 0.5 for n in range(6)),
            0.75,
            3.0,
            1.234,
            None,
            1234.25,
        ]
        assert made.notes == ["column price: numbers with decimal commas; \u22121,5 is -1.5"]
        assert (made.skipped, made.kinds) == ([], {"price": "decimal comma"})


@pytest.mark.parametrize("cell", ["1.234.567", "1 234 567", "1.234.567,0"])
def test_points_stand_between_thousands_among_decimal_commas(tmp_path: Path, cell: str) -> None:
    cells = [*(f"{n},5" for n in range(20)), cell]
    made = load(table(tmp_path, "a;price", *(f"x;{each}" for each in cells)), fields=True)
    assert column(made, "price")[-1] == 1234567.0 and not made.skipped


def test_a_new_table_is_read_with_the_decimal_sign_that_was_learned(tmp_path: Path) -> None:
    """Points and commas of the new table alone do not decide."""
    made = load(table(tmp_path, "a;v", *(f"x;7.61{n},35" for n in range(9))), fields=True)
    assert made.kinds["v"] == "decimal comma"

    def again(kind: str, *cells: str) -> tuple[list[object], list[str]]:
        path = table(tmp_path, "a;v", *(f"x;{cell}" for cell in cells), name="new.csv")
        read = load(path, fields={"v": kind})
        assert read.kinds == {"v": kind}
        return column(read, "v"), [failure.reason for failure in read.skipped]

    assert again("decimal comma", "5.000", "2,500", "3", "-12.000.000") == (
        [5000.0, 2.5, 3.0, -12e6],
        [],
    )
    values, told = again("decimal comma", "5.000", "0.250", "2,5", "1.000.000")
    assert values == [None, None, 2.5, 1e6]
    assert told == [
        "column v: '5.000' is not a number such as 1234,5; write 5000, or 5,000 if decimals follow",
        "column v: '0.250' is not a number such as 1234,5; write 0,250",
    ]
    values, told = again("number", "1,234", "1,5", "1.5", "1,234,567")
    assert values == [None, None, 1.5, None]
    assert told == [
        "column v: '1,234' is not a number; write 1234, or 1.234 if decimals follow",
        "column v: '1,5' is not a number; write 1.5",
        "column v: '1,234,567' is not a number; write 1234567",
    ]
    assert typed("5.000", "decimal comma") == 5000.0 and typed(5.25, "decimal comma") == 5.25
    with pytest.raises(DataError, match=r"need a number such as 1234,5, got '2\.5'"):
        typed("2.5", "decimal comma")


def test_a_number_of_many_digits_is_told_in_short(tmp_path: Path) -> None:
    rows = (f"x;{cell}" for cell in ["1" * 400 + ",5", "0" * 400 + "2,5", "3,5"] + ["4,5"] * 20)
    made = load(table(tmp_path, "a;v", *rows), fields=True)
    assert made.notes == [f"column v: numbers with decimal commas; {20 * '0'} … is 2.5"]
    assert column(made, "v")[:3] == [None, 2.5, 3.5] and len(str(made.skipped[0])) < 150


@pytest.mark.parametrize("sign", [".", ","])
def test_categories_of_many_numbers_are_told_whatever_their_decimal_sign(
    tmp_path: Path, sign: str
) -> None:
    cells = [*(f"{n}{sign}5" for n in range(15)), "x", "y", "z"]
    made = load(table(tmp_path, "a;v", *(f"x;{cell}" for cell in cells)), fields=True)
    assert made.kinds["v"] == "category"
    assert made.notes == [
        "column v: read as categories, since 3 of 18 cells are no numbers: row 16 'x', row 17 'y', "
        "row 18 'z'. If it counts or measures, write them as numbers"
    ]


def test_a_cell_that_is_no_number_among_decimal_commas_is_told(tmp_path: Path) -> None:
    cells = [*(f"{n},5" for n in range(12)), "2,5 kg"]
    path = table(tmp_path, "text;price", *(f"a{i};{cell}" for i, cell in enumerate(cells)))
    made = load(path, fields=True)
    assert column(made, "price") == [*(n + 0.5 for n in range(12)), None]
    said = "column price: '2,5 kg' is not a number such as 1234,5; write 2,5"
    assert [each.reason for each in made.skipped] == [said]


def test_dates_are_days_or_left_out(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "text,born,seen,stamp,year",
        "a,1970-01-02,1/2/2020,20200131,1999",
        "b,1970-01-11T12:00:00,5/2/2020,20200201,2003",
        "c,1969-12-31,7/8/2021,20210301,1999",
    )
    made = load(path, fields=True)
    assert column(made, "born") == [1.0, 10.5, -1.0]
    assert column(made, "seen") == [None] * 3
    assert column(made, "stamp") == [18292.0, 18293.0, 18687.0]
    assert column(made, "year") == [1999.0, 2003.0, 1999.0]
    assert [note.partition(";")[0] for note in made.notes] == [
        "column born: dates",
        "column seen: left out: dates such as '1/2/2020' may be read in several ways",
        "column stamp: dates as numbers",
    ]


def test_long_texts_are_a_view(tmp_path: Path) -> None:
    path = table(
        tmp_path, "review,stars", *(f"{REVIEW.format(i)},{i % 5 + 0.5}" for i in range(12))
    )
    made = load(path, fields=True)
    assert made.modalities == {"review": "text"}
    assert made.records[3].items["review"].captions == (REVIEW.format(3),)
    assert list(made.records[3].fields) == ["stars"]
    assert made.notes == ["column review: texts; read as the view 'review' of text"]


def test_a_column_that_counts_the_rows_is_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "n,age", *(f"{i},{i * i % 7}" for i in range(9)))
    made = load(path, fields=True)
    assert list(made.records[1].fields) == ["age"]
    assert made.notes[0].startswith("column n: left out: it counts the rows")
    assert made.kinds == {"n": "number", "age": "number"}
    assert "n" in load(path, fields=["n", "age"]).records[0].fields


def test_what_columns_hold_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = [f"{i},{i * i % 7 or ''},{i % 5}" for i in range(30)]
    path = table(tmp_path, "n,age,stars", *rows)
    turned = table(tmp_path, "n,age,stars", *rows[7::-1], *rows[:7:-1], name="turned.csv")
    made, again = load(path, fields=True), load(turned, fields=True)
    assert made.notes == again.notes and "it counts the rows" in made.notes[0]
    assert [*made.records[1].fields] == [*again.records[1].fields] == ["age", "stars"]


def test_lists_of_labels_are_joined(tmp_path: Path) -> None:
    rows = [{"text": "a", "tags": ["x", "y"], "odd": {"a": 1}}, {"text": "b", "tags": ["x"]}]
    path = table(tmp_path, *map(json.dumps, rows), name="t.jsonl")
    made = load(path, fields=True)
    assert column(made, "tags") == ["x|y", "x"]
    assert made.notes == ["column odd: left out: some cells hold a dict"]


def test_metadata_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "b.txt").write_text("good day")
    table(tmp_path, "file_name,stars", "a.txt,1.5", "b.txt,3", name="metadata.csv")
    assert column(load(tmp_path, fields=True), "stars") == [1.5, 3.0]


def test_columns_are_read_again_as_they_were(tmp_path: Path) -> None:
    rows = [f"a,2020-01-0{i},2020010{i},{i}.5,{i}" for i in (1, 2, 4)]
    made = load(table(tmp_path, "text,born,stamp,age,code", *rows), fields=True)
    assert made.kinds == {"born": "date", "stamp": "date", "age": "number", "code": "number"}
    path = table(tmp_path, "text,stamp,age,code", "a,20200103,1,7", "b,20,old,8", name="n.csv")
    again = load(path, fields={**made.kinds, "code": "category"})
    assert dict(again.records[0].fields) == {"stamp": 18264.0, "age": 1.0, "code": "7"}
    assert [failure.reason for failure in again.skipped] == [
        "column stamp: '20' is not a date such as 2026-01-31; write it so, or leave it empty",
        "column age: 'old' is not a number; write a number such as 1234.5, or leave the cell empty",
    ]


def test_a_number_with_a_unit_is_told_with_its_place_and_how_to_write_it(tmp_path: Path) -> None:
    rows = [f"{60 + i / 2}" for i in range(20)]
    path = table(tmp_path, "weight;age", *(f"{row};3" for row in rows), "12,5 kg;4")
    made = load(path, fields=True)
    assert made.records[-1].fields == {"age": 4.0}
    assert made.records[-1].unread == {
        "weight": "t.csv, row 21, column weight: '12,5 kg' is not a number; write 12.5"
    }
    assert made.records[0].unread == {}


def test_many_cells_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    cells = [f"{i}.5" if i % 4 else f"{i},5 kg" for i in range(20)]
    path = table(tmp_path, "weight;age", *(f"{cell};3" for cell in cells))
    made = load(path, fields=True)
    assert made.kinds["weight"] == "category"
    assert made.notes == [
        "column weight: read as categories, since 5 of 20 cells are no numbers: row 1 '0,5 kg', "
        "row 5 '4,5 kg', row 9 '8,5 kg' and 2 more. If it counts or measures, write them as numbers"
    ]


def test_a_column_that_counts_the_rows_is_kept_if_it_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "n,age", *(f"{i},{i * i % 7}" for i in range(1, 9)))
    made = load(path, fields=True)
    assert "n" not in made.records[0].fields
    assert made.notes == ["column n: left out: it counts the rows. To keep it, name it: ['*', 'n']"]
    with speaking("shell"):
        assert load(path, fields=True).notes[0].endswith("name it: --column n")
    kept = load(path, fields=["*", "n"])
    assert column(kept, "n") == [float(i) for i in range(1, 9)]
    assert column(kept, "age") == column(made, "age") and not kept.notes


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet"])
def test_a_table_without_a_byte_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"{name} is empty: it has 0 bytes"):
        load(tmp_path / name, fields=True)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "text,price,price", "a,1,2", "b,2,3")
    with pytest.raises(DataError, match=r"t\.csv has two columns 'price'; rename one of them"):
        load(path, fields=True)


def test_columns_without_a_name_are_told_where_they_hold_something(tmp_path: Path) -> None:
    path = table(tmp_path, ",age,,y,", "0,1.5,3,a,", "1,2.5,,b,", "2,3.5,4,a,")
    made = load(path, fields=True)
    assert made.kinds == {"age": "number", "y": "category"}
    assert made.notes == [
        "2 columns left out, since the header has no name there: place 1, 3; to keep what is in "
        "them, name them"
    ]
