"""Columns and texts that know the target, and those that only seem to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.tasks.tables import rows

import isthmus as ist
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.fusion import Target
from isthmus.tasks.predict.chance import log_chance_of_values
from isthmus.tasks.predict.loading import Columned
from isthmus.tasks.predict.suspects import named_in_texts, suspects, unsuspected
from isthmus.tasks.predict.target import Wanted, read_target


def test_columns_that_know_the_target_are_named() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 10)
    y = [["a", "b", "c"][code] for code in codes]
    data = rows(
        y=y,
        code=[float(10 - code) for code in codes],
        name=[{"a": "x", "b": "y", "c": "z"}[each] for each in y],
        finer=[f"{each}{i % 2}" for i, each in enumerate(y)],
        bound=[float(code * 10 + rng.random()) for code in codes],
        noisy=[float(code + 3 * rng.random()) for code in codes],
        noise=[["p", "q"][i % 2] for i in range(30)],
    )
    target = read_target(data, Wanted("y")).target
    found = suspects(data.records, ["code", "name", "finer", "bound", "noisy", "noise"], target)
    assert found.copies == ("code", "name") and found.perfect == ("finer", "bound")


def test_columns_that_know_a_number_are_named() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=40)
    data = rows(
        y=y.tolist(),
        celsius=(5 + 2 * y).tolist(),
        nearly=(y + 1e-2 * rng.normal(size=40)).tolist(),
        other=rng.normal(size=40).tolist(),
    )
    target = read_target(data, Wanted("y")).target
    found = suspects(data.records, ["celsius", "nearly", "other"], target)
    assert found.copies == ("celsius",) and found.perfect == ("nearly",)


def test_a_copy_is_left_out_unless_it_is_named() -> None:
    rng = np.random.default_rng(0)
    y = ["a", "b"] * 20
    n = [float(rng.normal() + 2 * (each == "a")) for each in y]
    data = rows(y=y, copy=[{"a": 1.0, "b": 0.0}[each] for each in y], n=n)
    late = {"fusions": ["late"], "folds": 3}
    made = ist.predict.fit(None, data, "y", **late)
    assert made.sources.columns["columns"].names == ("n",)
    assert any(
        "column copy left out: it says the same as the target" in x for x in made.asked.notes
    )
    named = ist.predict.fit(None, data, "y", columns=["copy", "n"], **late)
    assert named.sources.columns["columns"].names == ("copy", "n")
    assert any("suspect: column copy tells the target without a" in x for x in named.asked.notes)


def test_copies_with_a_wrong_value_are_named() -> None:
    y = ["a", "b"] * 20
    copy = [{"a": "x", "b": "z"}[each] for each in y]
    copy[7] = "x"
    good = [each if i % 10 else "a" for i, each in enumerate(y)]
    good[1] = good[3] = good[5] = "a"
    rare = ["a"] * 38 + ["b"] * 2
    data = rows(y=y, copy=copy, good=good)
    target = read_target(data, Wanted("y")).target
    found = suspects(data.records, ["copy", "good"], target)
    assert (found.copies, found.perfect, found.nearly) == ((), (), {"copy": 39 / 40})
    data = rows(y=rare, same=["p"] * 39 + ["q"])
    target = read_target(data, Wanted("y")).target
    assert suspects(data.records, ["same"], target).nearly == {}


def test_numbers_in_the_order_of_the_target_are_named() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    wrong = np.exp(-2 * y)
    wrong[3] = 100.0
    data = rows(y=y.tolist(), wrong=wrong.tolist(), good=(y + 0.1 * rng.normal(size=60)).tolist())
    target = read_target(data, Wanted("y")).target
    assert suspects(data.records, ["wrong", "good"], target).nearly == {"wrong": 59 / 60}


@pytest.mark.parametrize("text", ["diagnosis: {}, seen twice", "诊断:{}肿瘤"])
def test_texts_that_name_the_answer_are_suspected(text: str) -> None:
    names = ["恶性", "良性"] if "诊" in text else ["malignant", "non-malignant"]
    y = [names[i % 2] for i in range(40)]
    said = [text.format(each) if i else "no word" for i, each in enumerate(y)]

    def told(texts: Sequence[str]) -> list[str]:
        records = [
            Record(str(i), {"note": MediaItem.from_text(each)}, fields={"y": y[i]})
            for i, each in enumerate(texts)
        ]
        return named_in_texts(
            records, ["note"], read_target(Dataset("d", records), Wanted("y")).target
        )

    (note,) = told(said)
    assert "the texts of note name the answer in 97.5%" in note and "views=['OTHER']" in note
    assert told([f"is it {names[0]} or {names[1]}"] * 40) == []
    assert told([f"{names[0]} as all are"] * 40) == []


def test_an_honest_set_raises_no_suspicion() -> None:
    data = ist.load_dataset("wdbc")
    records = [
        Record(r.id, {}, fields={
            **{f"{v}{j}": float(x) for v, item in r.items.items()
               for j, x in enumerate(np.asarray(item.payload))}, **r.fields})
        for r in data.records
    ]  # fmt: skip
    flat = Dataset("wdbc", records)
    target = read_target(flat, Wanted("diagnosis")).target
    names = [name for name in records[0].fields if name != "diagnosis"]
    found = suspects(records, names, target)
    assert len(names) == 30 and (found.copies, found.perfect, found.nearly) == ((), (), {})


def test_a_column_whose_gaps_tell_the_answer_is_named() -> None:
    """A date of refund, which only those have who were not content; and one with honest gaps."""
    rng = np.random.default_rng(0)
    mood = rng.integers(0, 2, 60)
    records = []
    for row, bad in enumerate(mood.tolist()):
        fields: dict[str, Value] = {"refunded": 700.0 + row} if bad else {}
        fields |= {"age": float(row % 7)} if rng.random() < 0.5 else {}
        records.append(Record(f"r{row}", {}, fields=fields))
    target = Target("classes", mood[:, None].astype(np.float64), ("good", "bad"))
    assert suspects(records, ["refunded", "age"], target).gaps == ("refunded",)


def _rare(rng: np.random.Generator, some: int, n: int) -> NDArray[np.float64]:
    return (rng.permutation(n) < some).astype(np.float64)


def _dealt(kind: str, rng: np.random.Generator) -> tuple[Mapping[str, Sequence[Any]], Target]:
    """Columns and a target that know nothing of each other, though each rule may think so."""
    if kind == "heavy tails":
        x = rng.normal(size=(11, 60))
        x[np.arange(11), rng.integers(60, size=11)] = 1e6
        return {f"c{j}": x[j].tolist() for j in range(10)}, Target("number", x[10][:, None], ("y",))
    if kind == "labels":
        told = np.stack([_rare(rng, 2, 30) for _ in range(8)], axis=1)
        plain = {f"c{j}": rng.normal(size=30).tolist() for j in range(10)}
        return plain, Target("labels", told, tuple("abcdefgh"))
    rare = Target("classes", _rare(rng, 2, 40)[:, None], ("no", "yes"))
    if kind == "pairs":
        return {f"c{j}": [f"v{k}" for k in rng.permutation(40) // 2] for j in range(10)}, rare
    return {f"c{j}": rng.normal(size=40).tolist() for j in range(50)}, rare


@pytest.mark.parametrize("kind", ["heavy tails", "labels", "numbers", "pairs"])
def test_columns_that_tell_a_target_by_chance_are_not_suspected(kind: str) -> None:
    for seed in range(60):
        plain, target = _dealt(kind, np.random.default_rng(seed))
        records = rows(**{name: list(column) for name, column in plain.items()}).records
        found = suspects(records, list(plain), target)
        assert (found.copies, found.perfect, found.nearly, found.gaps) == ((), (), {}, ())


def test_real_columns_are_not_suspected_of_a_shuffled_target() -> None:
    data = ist.load_dataset("wdbc")
    records = [
        replace(r, fields={f"{v}{j}": float(x) for v, item in r.items.items()
                           for j, x in enumerate(np.asarray(item.payload))})
        for r in data.records
    ]  # fmt: skip
    target = read_target(data, Wanted("diagnosis")).target
    for seed in range(20):
        dealt = target.take(np.random.default_rng(seed).permutation(len(records)))
        found = suspects(records, list(records[0].fields), dealt)
        assert (found.copies, found.perfect, found.nearly, found.gaps) == ((), (), {}, ())


@pytest.mark.parametrize(
    ("values", "answers", "wrong"),
    [((2, 2, 2, 2), (2, 6), 0), ((4, 4), (4, 4), 0), ((4, 4), (4, 4), 1), ((1, 3, 4), (2, 6), 1),
     ((2, 2, 3, 1), (2, 3, 3), 0)],
)  # fmt: skip
def test_the_chance_of_values_is_bounded(
    values: Sequence[int], answers: Sequence[int], wrong: int
) -> None:
    """Against all orders of the answers."""
    cells = np.repeat(np.arange(len(values)), values)
    orders = set(permutations(np.repeat(np.arange(len(answers)), answers).tolist()))
    told = sum(
        len(cells) - sum(max(np.bincount(np.array(y)[cells == v])) for v in range(len(values)))
        <= wrong
        for y in orders
    ) / len(orders)
    bound = np.exp(log_chance_of_values(np.array(values), np.array(answers), wrong))
    assert told <= bound
    if not wrong and len(answers) == 2:
        assert bound <= 20 * told


def test_a_column_that_tells_one_label_names_it() -> None:
    rng = np.random.default_rng(0)
    has = rng.integers(0, 2, (60, 3))
    y = ["|".join(n for n, there in zip("abc", row, strict=True) if there) or "z" for row in has]
    data = rows(
        y=y,
        b=[float(row[1]) for row in has],
        both=[f"{row[0]}{row[2]}" for row in has],
        most=[float(row[0]) if i else float(1 - row[0]) for i, row in enumerate(has)],
        noise=rng.normal(size=60).tolist(),
    )
    given = [replace(r, fields={**r.fields, **({"late": "x"} if has[i][2] else {})})
             for i, r in enumerate(data.records)]  # fmt: skip
    data = replace(data, records=given)
    known = read_target(data, Wanted("y"))
    found = suspects(given, ["b", "both", "most", "late", "noise"], known.target)
    assert found.of == {"b": ("b",), "both": ("a", "c"), "most": ("a",), "late": ("c",)}
    notes: list[str] = []
    plain = {"columns": ["b", "both", "most", "late", "noise"]}
    unsuspected(given, plain, Columned.of(None), known.target, notes)
    said = "\n".join(notes)
    assert "column b left out: it says the same as the label 'b', value by value" in said
    assert "column both tells the labels 'a', 'c' without a mistake" in said
    assert "column most tells the label 'a' like a copy with some other values" in said
    assert "column late tells the label 'c' by whether a record has it" in said
    assert "tells the target" not in said
