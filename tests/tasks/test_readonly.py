"""A store on a medium that cannot be written: everything that reads works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import PATIENCE

from isthmus.space import Space
from isthmus.tasks import Store

BOUND = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
"""Runs a command of root's that permissions bind as they bind others."""
READER = """
import json, sys
from pathlib import Path
from isthmus.core.errors import ArtifactError
from isthmus.tasks import Store

folder = Path(sys.argv[1])
try:
    (folder / "probe").touch()
except OSError:
    pass
else:
    sys.exit("the folder can be written to")
with Store.open(folder) as store:
    hits = store.search("a red circle", k=3).hits
    status = store.status()
    damages = [damage.what for damage in store.check(deep=True)]
    refused = []
    for action in (lambda: store.forget(ids=[hits[0].id]), lambda: store.check(repair=True)):
        try:
            action()
        except ArtifactError as error:
            refused.append(str(error))
    print(json.dumps([len(hits), len(store), status.items, damages, refused]))
"""


@pytest.fixture
def frozen(space: Space, media: Path, tmp_path: Path) -> Iterator[Path]:
    """A store that nobody may write to."""
    folder = tmp_path / "store"
    with Store.open(folder, space) as store:
        store.add(media)
    (folder / "lock").unlink()
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_store_that_cannot_be_written_is_searched_counted_and_checked(frozen: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in frozen.rglob("*")}
    command = [sys.executable, "-c", READER, str(frozen)]
    if os.getuid() == 0:
        if shutil.which(BOUND[0]) is None:
            pytest.skip("permissions do not bind root, and there is no setpriv")
        command = [*BOUND, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    hits, items, by_view, damages, refused = json.loads(done.stdout)
    assert (hits, items, damages) == (3, 36, [])
    assert by_view == {"text": 12, "image": 12, "audio": 12}
    assert len(refused) == 2 and all("cannot be written" in text for text in refused)
    assert {path: path.stat().st_mtime_ns for path in frozen.rglob("*")} == before


def test_no_reader_takes_the_lock(
    space: Space, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path / "s", space) as store:
        store.add(media)

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("filelock.BaseFileLock.acquire", refused)
    with Store.open(tmp_path / "s") as again:
        assert len(again.search("a red circle", k=3).hits) == 3
        assert again.check(deep=True) == [] and again.plan([media]).unchanged == 36
