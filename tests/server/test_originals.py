"""Files of items: only what was indexed is served, from the descriptor that was checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import asked
from tests.tasks.conftest import picture

from isthmus.core import artifact
from isthmus.server import originals
from isthmus.server.originals import ChangedError, OriginalResponse, Originals
from isthmus.space import Space
from isthmus.tasks import Store


@pytest.fixture
def shown(space: Space, tmp_path: Path) -> Iterator[tuple[TestClient, Path, str]]:
    """A server, a picture that it serves, and the URL of its item."""
    path = picture(tmp_path.resolve() / "a.png", seed=1)
    with asked(store := Store.in_memory(space)) as client:
        store.add(path)
        (item,) = store.backend.entries()
        yield client, path, f"/api/items/{item.id}"


def replaced(path: Path, data: bytes) -> None:
    """Another file of that name, as most programs write it."""
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


def other_bytes(path: Path) -> bytes:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    return bytes(data)


@pytest.mark.parametrize("part", ["media", "thumbnail", "loudness"])
@pytest.mark.parametrize("how", ["in place", "replaced", "hard link", "old time"])
def test_other_content_of_that_length_is_not_served(
    shown: tuple[TestClient, Path, str], part: str, how: str
) -> None:
    client, path, url = shown
    if part != "loudness":
        assert client.get(f"{url}/{part}").status_code == 200
    before, data = path.stat(), other_bytes(path)
    if how == "in place":
        path.write_bytes(data)
    elif how == "hard link":
        secret = path.with_name("secret")
        secret.write_bytes(data)
        path.unlink()
        path.hardlink_to(secret)
    else:
        replaced(path, data)
    if how == "old time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    got = client.get(f"{url}/{part}")
    assert got.status_code == 409
    assert got.json()["message"].startswith(f"{path}: has changed since it was indexed")


def test_a_file_that_is_back_is_served_again(shown: tuple[TestClient, Path, str]) -> None:
    client, path, url = shown
    data = path.read_bytes()
    path.unlink()
    gone = client.get(f"{url}/media")
    assert gone.status_code == 410 and "is no longer there" in gone.json()["message"]
    path.write_bytes(data)
    assert client.get(f"{url}/media").content == data
    path.unlink()
    path.with_name("copy").write_bytes(data)
    path.hardlink_to(path.with_name("copy"))  # the same content is the same item
    assert client.get(f"{url}/media").content == data


@pytest.mark.parametrize("what", ["link", "folder", "pipe", "folder on the way"])
def test_what_is_no_file_is_not_waited_for(
    shown: tuple[TestClient, Path, str], what: str, tmp_path: Path
) -> None:
    client, path, url = shown
    kept = path.rename(path.with_name("b.png"))
    if what == "link":
        path.symlink_to(kept)
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        kept.rename(path)
        real = path.parent.rename(path.parent.with_name("elsewhere"))
        path.parent.symlink_to(real)
    got = client.get(f"{url}/media")
    assert got.status_code == 409
    assert got.json()["message"].endswith("is no longer the file that was indexed")


def test_files_are_asked_for_again_and_known_by_their_content(
    shown: tuple[TestClient, Path, str],
) -> None:
    client, path, url = shown
    for part in ("media", "thumbnail"):
        whole = client.get(f"{url}/{part}")
        assert whole.headers["cache-control"] == "private, no-cache"
        tag = whole.headers["etag"]
        assert artifact.content_hash(path.read_bytes()) in tag
        for named in (tag, f'"x", W/{tag}'):
            again = client.get(f"{url}/{part}", headers={"if-none-match": named})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        assert client.get(f"{url}/{part}", headers={"if-none-match": '"x"'}).status_code == 200
    tag = client.get(f"{url}/media").headers["etag"]
    some = {"range": "bytes=2-5", "if-range": tag}
    assert client.get(f"{url}/media", headers=some).content == path.read_bytes()[2:6]
    assert client.get(f"{url}/media", headers={**some, "if-range": '"x"'}).status_code == 200


def test_a_large_file_is_read_once_for_all_its_ranges(
    shown: tuple[TestClient, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, path, url = shown
    read: list[str] = []

    def counted(file: Any) -> str:
        read.append(file.name)
        return artifact.file_content_hash(file)

    monkeypatch.setattr(originals, "file_content_hash", counted)
    monkeypatch.setattr(originals, "_SETTLED", 0)
    data = path.read_bytes()
    for start in range(0, 50, 10):
        got = client.get(f"{url}/media", headers={"range": f"bytes={start}-{start + 9}"})
        assert got.content == data[start : start + 10]
    assert len(read) == 1
    path.touch()
    assert client.get(f"{url}/media").status_code == 200
    assert len(read) == 2


def test_what_is_written_to_a_moment_ago_is_read_again(
    shown: tuple[TestClient, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "_SETTLED", 10**18)  # a busy machine may take minutes to ask
    client, _, url = shown
    assert client.get(f"{url}/media").status_code == 200
    assert not client.app.state.service.originals._known  # a change now could have the same time


def test_an_answer_breaks_off_where_its_file_is_written_to(space: Space, tmp_path: Path) -> None:
    path = picture(tmp_path.resolve() / "a.png", seed=1)
    store = Store.in_memory(space)
    store.add(path)
    (entry,) = store.backend.entries()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        path.write_bytes(other_bytes(path))
        os.utime(path)

    async def receive() -> Any:
        await asyncio.Event().wait()

    original = Originals().open(entry)
    response = OriginalResponse(original, {})
    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    # In a thread: a browser test of this process may have left its event loop running here.
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ChangedError, match="has changed since it was indexed"),
    ):
        pool.submit(asyncio.run, response(scope, receive, send)).result()
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert original.file.closed


def test_a_thumbnail_of_what_changed_meanwhile_is_not_kept(
    shown: tuple[TestClient, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, path, url = shown
    from isthmus.server import previews

    made = previews.WORKERS.thumbnail

    def meanwhile(item: Any, side: int) -> Any:
        replaced(path, other_bytes(path))
        return made(item, side)

    data = path.read_bytes()
    monkeypatch.setattr(previews.WORKERS, "thumbnail", meanwhile)
    assert client.get(f"{url}/thumbnail").status_code == 409
    assert not client.app.state.service.previews._kept
    monkeypatch.undo()
    replaced(path, data)
    assert client.get(f"{url}/thumbnail").status_code == 200
