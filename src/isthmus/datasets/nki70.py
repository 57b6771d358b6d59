"""NKI-70: breast cancers with clinical findings, 70 genes, and the time until they spread.

144 patients with positive lymph nodes (van de Vijver et al., "A gene-expression signature as a
predictor of survival in breast cancer", NEJM 347, 2002). The data is that of the Python package
``oncodatasets``: fetch it with ``isthmus data get nki70``.
"""

from __future__ import annotations

from pathlib import Path

from isthmus.core.fields import Value
from isthmus.core.record import Dataset
from isthmus.datasets._measured import measured, numbers, read_table
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["load"]

_FILE = "breast_cancer_nki70.csv"
_TEXTS = {"Diam": "diameter", "N": "nodes", "ER": "oestrogen receptor", "Grade": "grade"}
_NUMBERS = {"time": "time", "event": "event", "Age": "age"}


def load(*, scaled: bool = True, root: Path | None = None) -> Dataset:
    """Load the patients.

    The view ``genes`` is the expression of 70 genes as a vector. Fields are ``time`` in years,
    ``event`` (1 where a metastasis was found then, 0 where the patient was only followed so far),
    ``age`` in years, ``diameter``, ``nodes``, ``oestrogen receptor`` and ``grade`` in words.

    Args:
        scaled: Whether each gene is centred and scaled over all records.
        root: The folder with the file in it, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If the file is not what it must be.
    """
    path = locate("nki70", root) / _FILE
    rows = read_table(path)
    genes = [column for column in rows[0] if column not in _TEXTS and column not in _NUMBERS]
    known = numbers(rows, list(_NUMBERS), path)
    fields: list[dict[str, Value]] = []
    for row, values in zip(rows, known, strict=True):
        told: dict[str, Value] = dict(zip(_NUMBERS.values(), map(float, values), strict=True))
        told |= {name: row[column] for column, name in _TEXTS.items() if row.get(column)}
        fields.append(told)
    views = {"genes": numbers(rows, genes, path)}
    return measured("nki70", fields, views, scaled=scaled, licence=SOURCES["nki70"].licence)
