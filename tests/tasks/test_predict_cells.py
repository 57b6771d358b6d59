"""Cells of tables that cannot be learned from, and what a user hears of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus as ist
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.predictor.asked import Asked


@pytest.mark.parametrize("lost", [0, 8])
def test_lost_cells_are_told_where_there_is_no_signal(tmp_path: Path, lost: int) -> None:
    rng = np.random.default_rng(0)
    cells = [f"{rng.normal():.3f}{'e300' if i >= lost else ''}" for i in range(40)]
    lines = [f"{cell},{rng.normal():.3f},{'ab'[i % 2]}" for i, cell in enumerate(cells)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["far,near,y", *lines]) + "\n", encoding="utf-8")
    row = rf"t\.csv, row {lost + 1}, column far: .* lies beyond 1e\+30"
    with pytest.raises(NoSignalError, match=row):
        ist.predict.fit(None, path, "y", fusions=["late"], folds=3)
    if not lost:
        with pytest.raises(DataError, match="far: no cell of it can be read"):
            ist.predict.fit(None, path, "y", columns=["far"], fusions=["late"], folds=3)


def test_a_target_of_which_no_cell_can_be_read_is_not_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i / 7},{i + 1}e200\n" for i in range(40)), "utf-8")
    said = r"no cell of the column 'y' can be read. t\.csv, row 1, column y: 1e200 lies beyond"
    with pytest.raises(DataError, match=said):
        ist.predict.fit(None, path, "y")


def test_the_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    cells = ["old" if i > 20 else f"{i / 3}" for i in range(40)]
    path.write_text("x,y\n" + "".join(f"{i / 7},{cell}\n" for i, cell in enumerate(cells)), "utf-8")
    with pytest.raises(DataError, match="'y' holds 'old', which is no number"):
        ist.predict.fit(None, path, "y", kind="number")


@pytest.mark.parametrize("target", [None, 5, b"y", {"y": 1}], ids=str)
def test_a_target_that_is_none_is_refused(tmp_path: Path, target: Any) -> None:
    with pytest.raises(InputError, match="the target is the name of a column, or one value a"):
        ist.predict.fit(None, tmp_path / "t.csv", target)


def test_a_predictor_remembers_which_columns_have_decimal_commas(tmp_path: Path) -> None:
    """Saved and loaded, it reads points of a new table as what they were when it learned."""
    rng = np.random.default_rng(0)

    def german(number: float) -> str:
        return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))

    def written(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    incomes = rng.uniform(100, 9000, size=60)
    pairs = [(x, 2 * x + rng.normal() * 300 + 2000) for x in incomes]
    train = written("t.csv", "income;price", *(f"{german(x)};{german(y)}" for x, y in pairs))
    made = ist.predict.fit(None, train, "price", fusions=["late"], folds=3)
    made.save(tmp_path / "p")
    again = ist.Predictor.load(tmp_path / "p")
    assert again.asked.kinds == {"income": "decimal comma", "price": "decimal comma"}
    new = written("n.csv", "income", "5.000", "2.500", "5.000,00")
    short, other, whole = (answer.value for answer in again.predict(new))
    assert short == whole != other
    assert again.predict({"income": "5.000"})[0].value == whole
    unread = again.dataset(written("m.csv", "income", "5.5", "5")).records[0].unread
    said = "m.csv, row 1, column income: '5.5' is not a number such as 1234,5; write 5,5"
    assert unread == {"income": said}
    with pytest.raises(DataError, match=r"row 1, column income: need a number such as 1234,5"):
        again.predict({"income": "5.5"})


def test_a_column_that_is_read_in_no_known_way_is_refused() -> None:
    said = "column x: need one of number, decimal comma, date, category, got 'words'"
    with pytest.raises(InputError, match=said):
        Asked("y", "number", "d", kinds={"x": "words"})
