"""Tables of measurements: NKI-70, nutrimouse, breast cancer Wisconsin."""

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, MissingDataError
from isthmus.core.record import Dataset
from isthmus.datasets import nki70, nutrimouse, wdbc

NKI70 = """time,event,Diam,N,ER,Grade,Age,TSPYL5,DIAPH3
7.5,0,<=2cm,1-3,Positive,Intermediate,50,-0.2,0.1
0.5,1,>2cm,>=4,Negative,,39,0.4,0.1
"""
WDBC = """diagnosis,radius_mean,area_mean,radius_sd,area_sd,radius_peak,area_peak
1,18,1001,1,150,25,2019
0,13,566,0.3,23,15,711
"""


def vectors(data: Dataset, view: str) -> list[list[float]]:
    return [
        np.asarray(record.items[view].payload, dtype=float).round(4).tolist()
        for record in data.records
    ]


def test_nki70(tmp_path: Path) -> None:
    (tmp_path / "breast_cancer_nki70.csv").write_text(NKI70)
    data = nki70.load(root=tmp_path, scaled=False)
    assert vectors(data, "genes") == [[-0.2, 0.1], [0.4, 0.1]]
    assert data.records[0].fields == {
        "time": 7.5,
        "event": 0.0,
        "age": 50.0,
        "diameter": "<=2cm",
        "nodes": "1-3",
        "oestrogen receptor": "Positive",
        "grade": "Intermediate",
    }
    assert "grade" not in data.records[1].fields
    # a gene that never varies is not divided by nothing
    assert vectors(nki70.load(root=tmp_path), "genes") == [[-1, 0], [1, 0]]


def test_wdbc(tmp_path: Path) -> None:
    (tmp_path / "breast_cancer_diagnostic.csv").write_text(WDBC)
    data = wdbc.load(root=tmp_path)
    assert set(data.views) == {"mean", "error", "worst"}
    assert vectors(data, "worst") == [[1, 1], [-1, -1]]
    assert [record.fields["diagnosis"] for record in data.records] == ["malignant", "benign"]


def test_nutrimouse(tmp_path: Path) -> None:
    for name, text in {
        "gene": '"ACC1","FAS"\n-1,-2\n1,2\n',
        "lipid": '"C14.0"\n0.3\n0.6\n',
        "diet": '"diet"\n"lin"\n"fish"\n',
        "genotype": '"genotype"\n"wt"\n"ppar"\n',
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    data = nutrimouse.load(root=tmp_path, scaled=False)
    assert vectors(data, "genes") == [[-1, -2], [1, 2]]
    assert data.records[1].fields == {"diet": "fish", "genotype": "ppar"}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"breast_cancer_nki70\.csv cannot be read"):
        nki70.load(root=tmp_path)
    path = tmp_path / "breast_cancer_nki70.csv"
    path.write_text(NKI70.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="has no rows"):
        nki70.load(root=tmp_path)
    path.write_text(NKI70.replace("0.4", "high"))
    with pytest.raises(DataError, match="need numbers in TSPYL5"):
        nki70.load(root=tmp_path)
    with pytest.raises(MissingDataError, match="there is no folder"):
        wdbc.load(root=tmp_path / "none")
