"""A table of LanceDB may name other places for its rows; a store's never does."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.making import DIM, VIEWS, rows

from isthmus.core.errors import ArtifactError
from isthmus.store import open_backend

lancedb = pytest.importorskip("lancedb")


def test_a_table_that_keeps_rows_elsewhere_is_not_opened(tmp_path: Path) -> None:
    entries, x, h = rows(3)
    with closing(open_backend(tmp_path / "victim", DIM, VIEWS, "f" * 32)) as victim:
        victim.add(entries, x, h)
    with closing(open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)) as store:
        store.add(entries[:1], x[:1], h[:1])
    tables = tmp_path / "s" / "tables"
    shutil.rmtree(tables / "items.lance")
    source = tmp_path / "victim" / "tables" / "items.lance"
    lancedb.connect(str(tables)).clone_table("items", str(source), is_shallow=True)
    with pytest.raises(ArtifactError, match="keeps rows in another folder"):
        open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)
