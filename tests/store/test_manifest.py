"""A table of LanceDB may name other places for its rows; a store's never does."""

from __future__ import annotations

import math
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.making import DIM, VIEWS, rows

from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.store import open_backend, tables

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


def test_damage_is_not_set_aside_through_a_link(tmp_path: Path) -> None:
    entries, x, h = rows(3)
    with closing(open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)) as store:
        store.add(entries, x, h)
    (tmp_path / "victim").mkdir()
    (tmp_path / "s" / "damaged").symlink_to(tmp_path / "victim")
    with pytest.raises(ArtifactError, match="links inside"):
        open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)


@pytest.mark.parametrize("fault", ["long", "infinite", "span"])
def test_rows_that_no_store_writes_are_refused(tmp_path: Path, fault: str) -> None:
    entries, x, h = rows(3)
    if fault == "span":
        entries[1] = replace(entries[1], span=(math.nan, 1.0))
    elif fault == "long":
        x[1] *= 1e30
    else:
        h[1, 0] = math.inf
    made = tables.item_table(entries, x, h)
    with closing(open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)) as store:
        store.add(entries[:0], x[:0], h[:0])
        store._database.table(tables.ITEMS).add(made)
    with closing(open_backend(tmp_path / "s", DIM, VIEWS, "f" * 32)) as store:
        with pytest.raises(IntegrityError, match="1 row has no unit vector"):
            store.search(x[0], 1)
        assert [each.ids for each in store.check(deep=True, repair=True)] == [[entries[1].id]]
        assert store.check(deep=True) == []
        assert store.search(x[0], 3).ids and len(store) == 2
