from pathlib import Path

import pytest

from isthmus import datasets
from isthmus.core.errors import DataError, MissingDataError


def test_names() -> None:
    known = "hedgewars kaomoji ml-100k nki70 nutrimouse openclipart qabcs shapes shapes-mood"
    assert datasets.names() == [*known.split(), "shapes-motion", "tuxpaint", "wdbc", "wesnoth"]


def test_wrong_names_and_paths(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="Did you mean 'tuxpaint'"):
        datasets.load("tuxpiant")
    (tmp_path / "pairs.csv").write_text("text,image\n")
    with pytest.raises(MissingDataError, match=r"Did you mean '.*/pairs\.csv'"):
        datasets.load(tmp_path / "pair.csv")
    (tmp_path / "pairs.xlsx").write_text("")
    with pytest.raises(DataError, match=r"give a folder, a table \(\.parquet"):
        datasets.load(tmp_path / "pairs.xlsx")


def test_unknown_options(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="shapes has no option 'size'; it has n, seed"):
        datasets.load("shapes", size=3)
    with pytest.raises(DataError, match="has no option 'seed'; it has columns"):
        datasets.load(tmp_path, seed=3)


def test_paths_pick_their_reader(tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_text("a cat")
    (tmp_path / "pairs.csv").write_text("text\na dog\n")
    assert datasets.load(tmp_path / "pairs.csv").records[0].items["text"].captions == ("a dog",)
    assert {record.id for record in datasets.load(str(tmp_path)).records} == {"cat", "pairs"}
