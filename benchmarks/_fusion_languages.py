"""Descriptions in languages that no predictor was trained on: units of Wesnoth, by their race."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from _fusion_sets import Task
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.datasets import load
from isthmus.fusion import Fusion, make
from isthmus.metrics import accuracy
from isthmus.pipeline import default_cache, prepare
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import LATE

LANGUAGES = ("de", "es", "fr", "it", "ja", "pl", "ru", "zh-CN")
"""Those that the text encoder reads and the game is translated to; English is trained on."""
TEXT = "text"


def accuracies(task: Task, seed: int) -> Iterator[tuple[str, float]]:
    """What is asked by name, and the accuracy of late fusion, fitted on English alone.

    Of each language: with the picture, by the text alone, and beside both the same records in
    English, and with texts of that language that are dealt anew.

    Args:
        task: Units with ``image`` and ``text`` in English.
        seed: Of the folds and of the dealing.
    """
    deals = Deals.of(task.rows, task.target, task.links, folds=task.folds, seed=seed)
    fitted = [
        (make(LATE).fit(task.rows.take(s.cut.train), task.target.take(s.cut.train)), s.rows)
        for s in deals.outer
    ]
    rng = np.random.default_rng(seed)
    for language in LANGUAGES:
        texts, there = _texts(task.rows, language)
        dealt = texts.copy()
        dealt[there] = texts[rng.permutation(np.flatnonzero(there))]
        for what, asked in (
            (language, _told(task.rows, texts)),
            (f"{language}, in English", task.rows),
            (f"{language}, texts shuffled", _told(task.rows, dealt)),
        ):
            yield f"image + text: {what}", _right(task, fitted, asked, there)
            yield f"text: {what}", _right(task, fitted, asked.select([TEXT]), there)
        yield f"image: {language}", _right(task, fitted, task.rows.select(["image"]), there)


def _texts(rows: PairedVectors, language: str) -> tuple[F32, NDArray[np.bool_]]:
    """Vectors ``(n, dim)`` of the descriptions in a language, and which records have one."""
    data = load("wesnoth", languages=language).select([TEXT])
    found = prepare(data, cache=default_cache()).pairs
    place = {key: row for row, key in enumerate(found.ids)}
    there = np.array([key in place for key in rows.ids])
    texts = rows.vectors[TEXT].copy()
    texts[there] = found.vectors[TEXT][[place[key] for key in rows.ids if key in place]]
    return texts, there


def _told(rows: PairedVectors, texts: F32) -> PairedVectors:
    return replace(rows, vectors={**rows.vectors, TEXT: texts})


def _right(
    task: Task,
    fitted: list[tuple[Fusion, NDArray[np.intp]]],
    rows: PairedVectors,
    there: NDArray[np.bool_],
) -> float:
    said = np.zeros(len(rows), dtype=np.intp)
    for fusion, held in fitted:
        said[held] = fusion.scores(rows.take(held)).argmax(axis=1)
    return float(accuracy(said[there], task.target.codes[there]))
