import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import DataError, InputError, MissingExtraError
from isthmus.datasets import table
from isthmus.media import decode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "猫 🐈.png"):
        Image.new("RGB", (4, 4), "red").save(tmp_path / name)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def reasons(data) -> dict[str, str]:
    return {failure.source: failure.reason for failure in data.skipped}


def test_csv(folder: Path) -> None:
    path = write(
        folder / "pairs.csv",
        "\ufeffid,caption,image,group,split,language,sensor,price\n"
        'x1,"a cat, red",a.png,cats,train,en,"[1, 2.5]",3\n'
        "x2,一只猫,猫 🐈.png,cats,test,zh,,4\n"
        "x3,alone,,,,,,5\n",
    )
    data = table.load(path)
    first, second, third = data.records
    assert (first.id, first.group, first.split, first.language) == ("x1", "cats", "train", "en")
    assert first.items["text"].captions == ("a cat, red",)
    assert decode(first.items["sensor"]).tolist() == [1, 2.5]
    assert decode(second.items["image"]).getpixel((0, 0)) == (255, 0, 0)
    assert (set(third.items), third.group, third.split) == ({"text"}, None, None)
    assert data.views == ("text", "image", "sensor")
    assert not data.skipped


def test_bad_rows_are_listed_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "empty.png").write_bytes(b"")
    (folder / "words.png").write_text("not a picture")
    path = write(
        folder / "pairs.csv",
        "text,image,vec\none,none.png,\ntwo,../../etc/passwd,\nthree,empty.png,\nfour,words.png,\n"
        'five,http://example.org/a.png,\nsix,a.png,"[1,2]"\n,,\nseven,,"[1,2,3]"\n'
        'eight,,"[0,0]"\n,bad\0.png,\n',
    )
    data = table.load(path)
    assert [record.id for record in data.records] == ["1", "2", "3", "4", "5", "6", "8", "9"]
    assert [sorted(record.items) for record in data.records[5:7]] == [
        ["image", "text", "vec"],
        ["text"],
    ]
    listed = "\n".join(f"{failure.source}: {failure.reason}" for failure in data.skipped)
    for row, part in (
        (1, "cannot be read"),
        (2, "is outside of"),
        (3, "zero bytes"),
        (4, "holds text, need image"),
        (5, "download the file first"),
        (7, "no item"),
        (8, r"shape (3,), need (2,)"),
        (9, "only zeros"),
        (10, "is not a path"),
    ):
        assert any(line.startswith(f"row {row}:") and part in line for line in listed.split("\n"))


def test_two_rows_with_one_id(folder: Path) -> None:
    path = write(folder / "pairs.csv", "id,text\na,one\nb,two\na,three\n")
    with pytest.raises(DataError, match="row 1 and row 3 have the same id 'a'"):
        table.load(path)


def test_columns_can_be_mapped(folder: Path) -> None:
    path = write(folder / "t.tsv", "title\ttitle_zh\tphoto\na cat\t一只猫\ta.png\n")
    data = table.load(path, columns={"title": "text", "title_zh": "text", "photo": "image"})
    assert data.records[0].items["text"].captions == ("a cat", "一只猫")
    assert data.records[0].items["image"].modality == "image"
    with pytest.raises(DataError, match="no column holds a view; it has title, title_zh, photo"):
        table.load(path)
    with pytest.raises(DataError, match="no column 'name'; it has title"):
        table.load(path, columns={"name": "text"})


def test_columns_are_views_of_one_modality(folder: Path) -> None:
    path = write(
        folder / "qa.csv",
        "question,reply,reply_zh,front,back,score\n"
        'how many?,three,三,a.png,a.png,"[1, 2]"\n'
        'which colour?,red,,a.png,missing.png,"[3, 4]"\n',
    )
    roles = {
        "question": "question:text",
        "reply": "the answer:text",
        "reply_zh": "the answer:text",
        "front": "photo → a:image",
        "back": "photo – b:image",
        "score": "10:30 sensor:vector",
    }
    data = table.load(path, columns=roles)
    assert data.modalities == {
        "question": "text",
        "the answer": "text",
        "photo → a": "image",
        "photo – b": "image",
        "10:30 sensor": "vector",
    }
    first, second = data.records
    assert first.items["the answer"].captions == ("three", "三")
    assert "photo – b" not in second.items
    assert "missing.png" in reasons(data)["row 2"]
    with pytest.raises(InputError, match="'front': there is no modality 'picture'"):
        table.load(path, columns={"front": "front:picture"})


def test_jsonl(folder: Path) -> None:
    rows = [
        {"caption": ["a cat", "a red cat"], "image": "a.png", "id": 7},
        {"caption": None, "vec": [1.0, float("nan")], "image": "a.png"},
        {"text": float("nan"), "vec": [1, 2]},
    ]
    text = "\n".join(map(json.dumps, rows)) + "\n{broken\n[1]\n"
    data = table.load(write(folder / "a.jsonl", text))
    assert [record.id for record in data.records] == ["7", "2", "3"]
    assert data.records[0].items["text"].captions == ("a cat", "a red cat")
    assert [sorted(record.items) for record in data.records[1:]] == [["image"], ["vec"]]
    assert set(reasons(data)) == {"row 2", "row 4", "row 5"}
    assert len(table.load(write(folder / "a.json", json.dumps(rows)))) == 3
    with pytest.raises(DataError, match="list of objects, got dict"):
        table.load(write(folder / "b.json", "{}"))


def test_parquet(folder: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    data = (folder / "a.png").read_bytes()
    columns = {
        "id": [1, 2, 3],
        "text": ["one", None, ""],
        "image": [{"bytes": data, "path": None}, {"bytes": None, "path": "a.png"}, None],
        "vec": [[1.0, 2.0], None, [3.0, 4.0]],
    }
    parquet.write_table(arrow.table(columns), folder / "a.parquet")
    loaded = table.load(folder / "a.parquet")
    assert [sorted(record.items) for record in loaded.records] == [
        ["image", "text", "vec"],
        ["image"],
        ["vec"],
    ]
    assert loaded.records[0].items["image"].id == loaded.records[1].items["image"].id
    assert np.array_equal(decode(loaded.records[2].items["vec"]), [3, 4])
    whole = (folder / "a.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[:-40])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        table.load(folder / "cut.parquet")


def test_parquet_without_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[tables\]'"):
        table.load(write(folder / "a.parquet", "PAR1"))


def test_tables_of_nothing(folder: Path) -> None:
    with pytest.raises(DataError, match="contains nothing that can be used"):
        table.load(write(folder / "a.csv", "text,image\n"))
    with pytest.raises(DataError, match="row 1: has no item"):
        table.load(write(folder / "a.csv", "text,image\n , \n"))
    (folder / "latin.csv").write_bytes("text\ncafé\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        table.load(folder / "latin.csv")


def lost(path: Path) -> list[str]:
    return [f"{each.source}: {each.reason}" for each in table.load(path).skipped]


def captions(path: Path) -> list[tuple[str, ...]]:
    return [record.items["text"].captions for record in table.load(path).records]


def test_tabs_know_no_quotes(folder: Path) -> None:
    rows = ["0\tzero", '1\t"seven inches is long', "2\ttwo", '3\t"open', '4\t"closed"']
    path = write(folder / "one.tsv", "id\ttext\n" + "\n".join(rows) + "\n")
    found = [("zero",), ('"seven inches is long',), ("two",), ('"open',), ('"closed"',)]
    assert captions(path) == found
    assert lost(path) == []


def test_a_quote_that_never_closes_is_named_and_costs_no_row(folder: Path) -> None:
    rows = ["0,zero", '1,"seven inches', "2,two", '3,"open 3', "4,four"]
    path = write(folder / "quote.csv", "id,text\n" + "\n".join(rows) + "\n")
    found = [("zero",), ('"seven inches',), ("two",), ('"open 3',), ("four",)]
    assert captions(path) == found
    first, second = lost(path)
    assert first.startswith("row 2 (line 3): a quote opens that does not close")
    assert second.startswith("row 4 (line 5): a quote opens that does not close")


def test_a_row_that_fits_in_no_way_is_left_out_and_named(folder: Path) -> None:
    path = write(folder / "q.csv", 'id,text\n0,zero\n1,"a, b, c\n2,two\n')
    assert captions(path) == [("zero",), ("two",)]
    assert "row 2 (line 3)" in lost(path)[0]
    assert "left out" in lost(path)[0]


def test_cells_over_several_lines_are_read_and_told_where_they_look_like_rows(
    folder: Path,
) -> None:
    path = write(folder / "lines.csv", 'id,text\n0,"a\nb"\n1,"open\n2,two"\n3,"x ""y"" z"\n')
    assert captions(path) == [("a\nb",), ("open\n2,two",), ('x "y" z',)]
    assert lost(path) == [
        "row 2 (lines 4–5): a cell in quotes holds lines that look like rows; if they are, close "
        "its quote in line 4"
    ]


def test_a_name_of_a_column_may_go_on_in_the_next_line(folder: Path) -> None:
    path = write(folder / "head.csv", 'id,"price\nin euro",text\n0,5,zero\n1,6,one\n')
    assert captions(path) == [("zero",), ("one",)]
    assert lost(path) == []


@pytest.mark.parametrize("rows", ["0,zero\n1,one\n", '0,zero\n1,"one"\n'])
def test_a_quote_in_the_names_that_never_closes_costs_no_row(folder: Path, rows: str) -> None:
    path = write(folder / "head.csv", f'id,text,"x\n{rows}')
    assert captions(path) == [("zero",), ("one",)]


def test_columns_of_one_name_both_count(folder: Path) -> None:
    path = write(folder / "twice.csv", "id,caption,caption\n0,first words,second words\n")
    assert captions(path) == [("first words", "second words")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(folder: Path, separator: str) -> None:
    text = "image-name;x,text\n".replace("image-name;x,", f"id{separator}")
    path = write(folder / "s.csv", text + f"a{separator}a red thing\n")
    assert captions(path) == [("a red thing",)]


def test_a_spreadsheet_may_name_the_separator(folder: Path) -> None:
    path = write(folder / "s.csv", "sep=;\nid;text\na;one, two\n")
    assert captions(path) == [("one, two",)]


def test_one_long_cell_costs_no_other_row(folder: Path) -> None:
    path = write(folder / "long.csv", 'id,text\na,"' + "x" * 140_000 + '"\nb,fine\n')
    assert captions(path)[-1] == ("fine",)


def test_cells_without_a_column_are_named(folder: Path) -> None:
    path = write(folder / "more.csv", "id,text\na,one,lost,too\nb,two,\n")
    assert captions(path) == [("one",), ("two",)]
    told = "row 1 (line 2): has 4 cells, the header has 2; left out: "
    assert lost(path) == [f"{told}lost", f"{told}too"]


def test_a_vector_with_a_hole_is_named(folder: Path) -> None:
    rows = [{"text": f"t{i}", "v": [None if i == 1 else 1.0, 2.0, float(i)]} for i in range(3)]
    rows.append({"text": "t3", "v": "words"})
    path = write(folder / "n.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    data = table.load(path)
    assert ["v" in record.items for record in data.records] == [True, False, True, False]
    assert [each.source for each in data.skipped] == ["row 2", "row 4"]


def test_a_key_that_comes_twice_is_named(folder: Path) -> None:
    path = write(folder / "k.jsonl", '{"text": "a", "text": "b"}\n{"text": "c"}\n')
    assert captions(path) == [("c",)]
    assert lost(path) == ["row 1: is not JSON (the key 'text' is there twice)"]
