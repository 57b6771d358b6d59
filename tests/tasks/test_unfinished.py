"""Notes of indexing runs that did not finish: what they offer, and when they go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli import running

from isthmus.core.errors import ArtifactError
from isthmus.core.wording import speaking
from isthmus.media import DEFAULT
from isthmus.pipeline import WORKERS
from isthmus.space import Space
from isthmus.store.opening import INDEXING
from isthmus.tasks import Store, refresh_fields
from isthmus.tasks.retrieval import refreshing
from isthmus.tasks.retrieval.index import _Run
from isthmus.tasks.retrieval.unfinished import unfinished


@pytest.fixture
def store(space: Space, tmp_path: Path) -> Iterable[Store]:
    """A store on disk, beside the folders big, m3 and m4 of one text each."""
    for name in ("big", "m3", "m4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"a red circle of {name}", encoding="utf-8")
    with Store.open(tmp_path / "s", space) as made:
        yield made


def _killed(store: Store, *paths: Path, **options: object) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_Run, "batch", end)
        store.add(paths, **options)  # type: ignore[arg-type]


def _said(store: Store) -> str:
    with speaking("shell"):
        return store.status().unfinished


def test_a_run_that_finishes_leaves_the_notes_of_others(store: Store, tmp_path: Path) -> None:
    big, m3, m4 = (tmp_path / name for name in ("big", "m3", "m4"))
    _killed(store, big)
    _killed(store, m4)
    assert f"indexing of {m4} has not finished, and 1 earlier run has not." in _said(store)
    store.add(m3)
    assert f"indexing of {m4} has not finished, and 1" in _said(store)
    store.add(m4)
    assert _said(store).startswith(f"indexing of {big} has not finished. If")
    store.add(big, exclude="*.png")
    assert str(big) in _said(store)  # it did not look at all that the other was to
    store.add(tmp_path, exclude="s")
    assert str(big) in _said(store)
    store.add([m3, big])
    assert _said(store) == "" and not (tmp_path / "s" / INDEXING).exists()


def test_of_a_run_only_what_no_later_one_indexed_is_noted(store: Store, tmp_path: Path) -> None:
    big, m3, m4 = (tmp_path / name for name in ("big", "m3", "m4"))
    _killed(store, big, m3, m4)
    store.add(m3)
    assert _said(store).startswith(f"indexing of {big}, {m4} has not finished")
    store.add(big)
    assert _said(store).startswith(f"indexing of {m4} has not finished")
    store.forget(m4)
    assert _said(store) == "" and not (tmp_path / "s" / INDEXING).exists()


def test_a_run_that_is_typed_again_is_noted_once_and_eight_at_most(
    store: Store, tmp_path: Path
) -> None:
    for number in (*range(9), 8):
        _killed(store, tmp_path / "big", exclude=f"{number}*")
    runs = json.loads((tmp_path / "s" / INDEXING).read_text(encoding="utf-8"))["runs"]
    assert [run["exclude"] for run in runs] == [[f"{number}*"] for number in range(8, 0, -1)]


def test_what_was_chosen_is_offered(store: Store, tmp_path: Path) -> None:
    big = tmp_path / "big"
    given = WORKERS.limits
    store.close()
    store = Store.open(tmp_path / "s", trust="mine")
    WORKERS.limit(replace(DEFAULT, max_pixels=100_500_000))
    try:
        _killed(store, big, views="text", exclude="a b*", retry=True, fields=False)
    finally:
        WORKERS.limit(given)
    store.close()
    options = "--exclude 'a b*' --view text --trust mine --retry --no-fields --max-megapixels 100.5"
    assert _said(store).endswith(
        f"go on with: isthmus index {big} --store {tmp_path / 's'} {options}"
    )
    chosen = f"[{str(big)!r}], exclude=['a b*'], views=['text'], retry=True, fields=False"
    assert store.status().unfinished.endswith(f"go on with: store.add({chosen})")


@pytest.mark.parametrize("where", ["add", "refresh_fields"])
def test_fields_that_were_not_read_to_the_end_are_noted(
    store: Store, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    big = tmp_path / "big"
    store.add(big)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(refreshing, "_read", end)
        if where == "add":
            store.add(big, refresh=True)
        else:
            refresh_fields(store, big)
    shell = f"isthmus index {big} --store {tmp_path / 's'} --refresh-fields"
    assert _said(store).endswith(f"{big} has not finished. If it is not running any more, go on "
                                 f"with: {shell}")  # fmt: skip
    python = f"store.add([{str(big)!r}], refresh=True)"
    assert store.search("a red circle").unfinished.endswith(f"go on with: {python}")
    assert store.add(big).fields_changed is None and _said(store)  # it did not read them
    assert store.add(big, refresh=True).fields_changed == 0 and _said(store) == ""


def test_watching_that_is_stopped_notes_what_it_did_not_index(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big, left = tmp_path / "big", tmp_path / "big" / "b.txt"

    def changes(*_: object, **__: object) -> Iterable[set[object]]:
        yield set()
        if not left.exists():
            left.write_text("a blue square", encoding="utf-8")
        raise KeyboardInterrupt

    pytest.importorskip("watchfiles")
    monkeypatch.setattr("watchfiles.watch", changes)
    typed = ("index", big, "--watch", "--store", tmp_path / "s", "--exclude", "*.png")
    assert running.run(*typed).returncode == 130
    way = f"isthmus index {big} --store {tmp_path / 's'} --exclude '*.png'"
    assert _said(store).endswith(f"{big} has not finished. If it is not running any more, go on "
                                 f"with: {way}")  # fmt: skip
    assert running.run(*typed).returncode == 130 and _said(store) == ""


def test_watching_that_is_stopped_when_all_is_indexed_leaves_no_note(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(*_: object, **__: object) -> Iterable[set[object]]:
        (tmp_path / "big" / "b.txt").write_text("a blue square", encoding="utf-8")
        monkeypatch.setattr(_Run, "vanished", end)  # behind the last batch
        yield set()

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    pytest.importorskip("watchfiles")
    monkeypatch.setattr("watchfiles.watch", changes)
    typed = ("index", tmp_path / "big", "--watch", "--store", tmp_path / "s")
    assert running.run(*typed).returncode == 130
    assert len(store) == 2 and _said(store) == ""


def test_a_path_that_is_gone_or_forgotten_is_not_offered(store: Store, tmp_path: Path) -> None:
    big, m3, m4 = (tmp_path / name for name in ("big", "m3", "m4"))
    _killed(store, big, m3, m4)
    m3.rename(tmp_path / "elsewhere")
    assert f"indexing of {big}, {m4} has not" in _said(store) and "m3" not in _said(store)
    store.forget(big)
    assert _said(store).startswith(f"indexing of {m4} has not finished")
    m4.rename(tmp_path / "away")
    assert _said(store) == ""
    (tmp_path / "away").rename(m4)
    (tmp_path / "elsewhere").rename(m3)
    store.forget(tmp_path)
    assert _said(store) == "" and not (tmp_path / "s" / INDEXING).exists()


def test_many_paths_are_counted(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:03}.txt" for number in range(300)]
    for path in paths:
        path.touch()
    run = {"paths": list(map(str, paths)), "fields": False}
    (tmp_path / INDEXING).write_text(json.dumps({"runs": [run]}), encoding="utf-8")
    with speaking("shell"):
        said = unfinished(tmp_path)
    named = ", ".join(map(str, paths[:3]))
    again = f"isthmus index … --store {tmp_path} --no-fields"
    assert said == (
        f"indexing of {named} and 297 more has not finished. If it is not running any more, run "
        f"the same command again: {again}"
    )


def test_status_shows_no_control_signs(store: Store, tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31mred"
    odd.mkdir()
    (odd / "a.txt").write_text("a red circle", encoding="utf-8")
    _killed(store, odd)
    done = running.run("status", "--store", str(tmp_path / "s"))
    assert "\x1b" not in done.stdout and r"a\x1b[31mred has not finished" in done.stdout


def test_a_store_that_cannot_be_written_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("filelock.BaseFileLock.acquire", refused)
    monkeypatch.setattr("isthmus.tasks.retrieval.unfinished.write_atomically", refused)
    with pytest.raises(ArtifactError, match=r"cannot be written .* It can still be searched"):
        store.add(tmp_path / "big")


@pytest.mark.parametrize("kind", ["folder", "text", "refused"])
def test_a_note_that_cannot_be_kept_stops_no_run(
    store: Store, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    note = tmp_path / "s" / INDEXING
    if kind == "folder":
        note.mkdir()
    elif kind == "text":
        note.write_text('{"runs": 7}', encoding="utf-8")
    else:
        monkeypatch.setattr("isthmus.tasks.retrieval.unfinished.write_atomically", refused)
    assert len(store.add(tmp_path / "big").added) == 1
    assert _said(store) == "" and len(store.search("a red circle", k=1).hits) == 1
    store.forget(tmp_path / "big")
    assert len(store) == 0
