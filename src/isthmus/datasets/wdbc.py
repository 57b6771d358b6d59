"""Breast cancer Wisconsin (diagnostic): 30 measures of cell nuclei of 569 tumours.

Street, Wolberg & Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", 1993. The
data is that of the Python package ``oncodatasets``: fetch it with ``isthmus data get wdbc``.
"""

from __future__ import annotations

from pathlib import Path

from isthmus.core.record import Dataset
from isthmus.datasets._measured import measured, numbers, read_table
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["load"]

_FILE = "breast_cancer_diagnostic.csv"
_DIAGNOSES = {"1": "malignant", "0": "benign"}
_VIEWS = {"mean": "_mean", "error": "_sd", "worst": "_peak"}
"""By view the end of the names of its columns."""


def load(*, scaled: bool = True, root: Path | None = None) -> Dataset:
    """Load the tumours.

    The views ``mean``, ``error`` (of the mean) and ``worst`` (the mean of the three largest) are
    vectors of 10 measures. The field ``diagnosis`` is malignant or benign.

    Args:
        scaled: Whether each measure is centred and scaled over all records; areas are a thousand
            times as large as smoothness.
        root: The folder with the file in it, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If the file is not what it must be.
    """
    path = locate("wdbc", root) / _FILE
    rows = read_table(path)
    views = {
        view: numbers(rows, [column for column in rows[0] if column.endswith(end)], path)
        for view, end in _VIEWS.items()
    }
    fields = [{"diagnosis": _DIAGNOSES.get(row["diagnosis"], row["diagnosis"])} for row in rows]
    return measured("wdbc", fields, views, scaled=scaled, licence=SOURCES["wdbc"].licence)
