"""Records that are the same, or nearly, stay on one side of every split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import isthmus as ist
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.pipeline.splits import Together
from isthmus.predictor.columns import Columns
from isthmus.tasks.predict.doubles import PLAIN, notes_of, together

LATE = {"fusions": ["late"], "folds": 3}


def plain(rows: Sequence[Sequence[Value]], folds: int = 5) -> Together:
    """Links of records of plain columns alone."""
    names = [f"c{place}" for place in range(len(rows[0]))]
    records = [
        Record(str(i), {}, fields=dict(zip(names, row, strict=True))) for i, row in enumerate(rows)
    ]
    columns = Columns.fit(records, names)
    pairs = PairedVectors({"columns": columns.transform(records)})
    return together(records, pairs, {"columns": columns}, {}, folds)


def test_doubled_rows_stay_together() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    made = plain([*x.tolist(), *(x * (1 + 2e-10)).tolist()])
    assert made.links[:30].tolist() == made.links[30:].tolist()
    assert made.joined == {PLAIN: 60} and made.apart == {PLAIN: 0}
    assert notes_of(made) == [
        "60 records say the same as another one, or nearly: they stay on one side of every split"
    ]
    other = plain([*x.tolist(), *(x * (1 + 1e-6)).tolist()])
    assert len(np.unique(other.links)) == 60 and notes_of(other) == []


def test_copies_of_a_rare_class_stay_together() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    rows = [*x.tolist(), *x[:10].tolist() * 9]
    made = plain(rows)
    assert len(np.unique(made.links)) == 100 and made.joined[PLAIN] == 100


def test_few_values_are_equal_by_chance_and_are_told() -> None:
    rng = np.random.default_rng(0)
    sex, age = rng.integers(0, 2, 400), rng.integers(30, 70, 400)
    made = plain([["fm"[s], float(a)] for s, a in zip(sex, age, strict=True)])
    assert len(np.unique(made.links)) == 400 and made.joined[PLAIN] == 0
    (note,) = notes_of(made)
    assert note.startswith(f"{made.apart[PLAIN]} records say the same as another one, and do not")
    assert made.apart[PLAIN] > 300 and "group='COLUMN'" in note


def test_one_category_is_not_held_out_whole() -> None:
    made = plain([["abcdefgh"[i % 8], "xy"[i % 8 > 3]] for i in range(80)])
    assert len(np.unique(made.links)) == 80 and made.apart[PLAIN] == 80


def test_equal_rows_never_glue_more_than_a_fold_together() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    x[:30] = 0
    x[98:] = x[96:98]
    made = plain(x.tolist())
    assert np.bincount(made.links).max() == 2
    assert made.joined[PLAIN] == 4 and made.apart[PLAIN] == 30


def test_near_vectors_of_an_encoder_and_equal_ones_of_the_user() -> None:
    x = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    again = x + 2e-3 * np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    pairs = PairedVectors({"photo": np.vstack([x, again])})
    records = [
        Record(str(i), {"photo": MediaItem.from_vector(v, source=str(i))})
        for i, v in enumerate(pairs.vectors["photo"])
    ]
    near = together(records, pairs, {}, {"photo": True}, 5)
    assert near.links[:40].tolist() == near.links[40:].tolist() and near.joined == {"photo": 80}
    assert "80 records have the same photo as another one, or nearly" in notes_of(near)[0]
    assert len(np.unique(together(records, pairs, {}, {"photo": False}, 5).links)) == 80


def test_a_text_with_one_blank_more_stays_with_its_double() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join(rng.choice(words, 6)) + (" good" if i % 2 else " bad") for i in range(30)]
    doubled = [*texts, *(text.replace(" ", "  ", 1) for text in texts)]
    records = [
        Record(str(i), {"text": MediaItem.from_text(text)}, fields={"y": "ab"[i % 2]})
        for i, text in enumerate(doubled)
    ]
    made = ist.predict.fit({"text": "tfidf"}, Dataset("d", records), "y", **LATE)
    assert made.report is not None
    assert (made.report.data.groups, made.report.data.doubled) == (30, 60)
    assert any("60 records have the same text as another one" in n for n in made.asked.notes)
