"""Answers as labels of what a store holds, so that searches can filter by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from isthmus.core.errors import InputError
from isthmus.core.fields import acts
from isthmus.core.record import Record
from isthmus.core.wording import way
from isthmus.predictor.answer import Answer
from isthmus.store.filters import comparison
from isthmus.tasks.retrieval.contents import held_items
from isthmus.tasks.zeroshot.annotate import LEAST
from isthmus.tasks.zeroshot.options import check_least
from isthmus.tasks.zeroshot.stored import amend_labels

if TYPE_CHECKING:
    from isthmus.predictor.predictor import Predictor
    from isthmus.tasks.retrieval.store import Store


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """What a store keeps of answers.

    Attributes:
        field: Name before the value in each label: ``label:sentiment=positive``.
        items: Items of the store that are those of the records.
        labelled: Of these, how many got a label.
        where: Filter that finds those with the most frequent label; empty where none got one.
        unsure: How many got none because the predictor abstained or was less sure than asked for.
        absent: Items of the records that the store does not hold.
    """

    field: str
    items: int
    labelled: int
    where: str = ""
    unsure: int = 0
    absent: int = 0

    def to_json(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def keep_answers(
    store: Store,
    predictor: Predictor,
    records: Sequence[Record],
    answers: Sequence[Answer],
    *,
    field: str = "",
    least: float = LEAST,
) -> KeptAnswers:
    """Keep answers as labels ``FIELD=VALUE`` of the items of their records.

    Afterwards a search can ask for ``where="label:sentiment=positive"``. What items had of the
    same field is replaced; they keep their other labels. Where the predictor abstained, or is
    less sure than ``least``, nothing is kept.

    Args:
        store: That holds the items, by their content.
        predictor: That gave the answers.
        records: ``n`` of them.
        answers: Theirs.
        field: Name of the field; default: that of the target.
        least: Answers that are less probable are not kept.

    Raises:
        InputError: If the answers are numbers, which no label holds, or the name of the field
            holds a sign that is not shown.
    """
    check_least(least)
    name = label_field(predictor, field)
    pairs = zip(records, answers, strict=True)
    given = [(v, item, answer) for record, answer in pairs for v, item in record.items.items()]
    rows, views = store.backend.snapshot(), store.space.views
    held = held_items(rows, [(view, item) for view, item, _ in given], views)
    ids = {name: each[2] for names, each in zip(held, given, strict=True) for name in names}
    found = {each: _labels(name, answer, least) for each, answer in ids.items()}
    amend_labels(store, found, [f"{name}={each}" for each in predictor.names], others=False)
    shown = (n for labels in found.values() for n, _ in labels if not any(map(acts, n)))
    often = Counter(shown).most_common(1)
    where = comparison("label", often[0][0]) if often else ""
    unsure = sum(not labels and _said(ids[each]) for each, labels in found.items())
    labelled = sum(bool(labels) for labels in found.values())
    return KeptAnswers(name, len(found), labelled, where, unsure, held.count([]))


def _said(answer: Answer) -> bool:
    """Whether there is something to keep; a record may have no label at all."""
    return answer.value != ()


def label_field(predictor: Predictor, field: str = "") -> str:
    """What stands before the value in each label.

    Args:
        predictor: Whose answers are kept.
        field: As a user named it; empty for the target.

    Raises:
        InputError: If the answers are numbers, which no label holds, or the name holds a sign that
            is not shown, so that nobody could type it.
    """
    if predictor.outcome.kind in ("number", "survival"):
        raise InputError(
            f"a store keeps classes, grades and labels, and {predictor.asked.target!r} is a "
            f"{'date' if predictor.asked.dates else predictor.outcome.kind}; write a table: "
            + way(python="[answer.row() for answer in answers]", shell="--out answers.csv")
        )
    name = field or predictor.asked.target
    if any(map(acts, name)):
        raise InputError(
            f"the field {name!r} of labels holds a sign that is not shown; name another: "
            + way(python="field='mood'", shell="--field mood")
        )
    return name


def _labels(name: str, answer: Answer, least: float) -> list[tuple[str, float]]:
    if answer.abstained:
        return []
    values = answer.value if isinstance(answer.value, tuple) else (str(answer.value),)
    known = [(f"{name}={value}", answer.probabilities[value]) for value in values]
    return [(label, p) for label, p in known if p >= least]
