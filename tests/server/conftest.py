"""A store on disk with hostile names in it, and servers around it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'server' is not installed")
import uvicorn
from starlette.testclient import TestClient
from tests.conftest import SETTLED
from tests.server.theatre import Theatre, build
from tests.waiting import PATIENCE, until

from isthmus.core.record import Dataset
from isthmus.media import decode
from isthmus.server import Settings, create_app
from isthmus.space import Space
from isthmus.tasks import Store

HOSTILE = (
    "<script>window.attacked=1<!-- .png",
    "\"><img src=x onerror='window.attacked=2'>.png",
    "' onmouseover='window.attacked=3' x='.png",
    "<svg onload=window.attacked=4>.png",
    "javascript:window.attacked=5.png",
    "{{constructor.constructor('window.attacked=6')()}}.png",
    "${window.attacked=7}.png",
    "<iframe srcdoc='<script>parent.attacked=8<!-- '>.png",
    "&lt;script&gt;window.attacked=9&lt;.png",
    "\u202egnp.<script>window.attacked=10.png",
    "<a href=javascript:window.attacked=11>x<a>.png",
    "<style>*{background:url(https:evil)}.png",
    "<math><mi xlink:href=javascript:window.attacked=13>.png",
    "<input autofocus onfocus=window.attacked=14>.png",
    "<details open ontoggle=window.attacked=15>.png",
    "<body onload=window.attacked=16>.png",
    "<template><script>window.attacked=17.png",
    "<base href=https:evil>.png",
    "<meta http-equiv=refresh content=0>.png",
    "\\u003cscript\\u003ewindow.attacked=20.png",
)


@dataclass(frozen=True)
class Place:
    """A folder of media and the store that holds it."""

    media: Path
    store: Path


@pytest.fixture(scope="session")
def place(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Twenty-four scenes as pictures, sounds and texts; some of the names attack."""
    import soundfile

    root = tmp_path_factory.mktemp("served").resolve()
    media = root / "媒体"
    media.mkdir()
    for number, record in enumerate(scenes.records[80:104]):
        picture = decode(record.items["image"])
        name = HOSTILE[number] if number < len(HOSTILE) else f"图{number}.png"
        picture.save(media / name, "PNG")
        sound = decode(record.items["audio"])
        soundfile.write(media / f"声{number}.wav", sound.samples, sound.rate)
        caption = record.items["text"].captions[0]
        if number < 3:
            caption += f" {HOSTILE[number]}"
        (media / f"词{number}.txt").write_text(caption, encoding="utf-8")
    with Store.open(root / "store", space) as store:
        store.add(media)
    return Place(media, root / "store")


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    """Long things, and parts of them."""
    return build(tmp_path_factory.mktemp("theatre").resolve(), **SETTLED)


@pytest.fixture(scope="session")
def client(place: Place) -> Iterator[TestClient]:
    """An application in this process."""
    with Store.open(place.store) as store, asked(store) as made:
        yield made


@contextmanager
def asked(store: Store, **settings: Any) -> Iterator[TestClient]:
    app = create_app(store, Settings(**settings))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


@contextmanager
def beside(store: Store, *, predictors: Any = None, **settings: Any) -> Iterator[str]:
    """A server in a thread of this process, which starts in a tenth of the time: its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = create_app(store, Settings(port=port, **settings), predictors=predictors)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_level="warning", ws="none"))
        app.state.stopping = lambda: server.should_exit
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


WITH_LIMIT = """
import sys
from isthmus.server import Settings, serve
from isthmus.tasks import Store

seconds = float(sys.argv[2])
settings = Settings(port=0, header_seconds=seconds, body_seconds=seconds)
with Store.open(sys.argv[1]) as store:
    serve(store, settings, ready=lambda address: print(address, flush=True))
"""


def served(store: Path, *options: str, token: str = "") -> Any:
    """``isthmus serve`` as its own process: the address, and the process."""
    return _running("-m", "isthmus", "serve", "--store", str(store), "--port", "0", *options,
                    token=token)  # fmt: skip


def served_with_limit(store: Path, seconds: float) -> Any:
    """The same with another limit on how long a request may take to come."""
    return _running("-c", WITH_LIMIT, str(store), str(seconds))


@contextmanager
def _running(*arguments: str, token: str = "") -> Iterator[tuple[str, Any]]:
    environment = {**os.environ, "ISTHMUS_TOKEN": token, "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+/", line)
        assert found, line
        yield found[0], process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def address(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in a process of its own, on a copy of the store."""
    copy = tmp_path_factory.mktemp("copy") / "store"
    shutil.copytree(place.store, copy)
    with served(copy, "--allow", str(place.media)) as (found, _):
        yield found
