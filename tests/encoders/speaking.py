"""Servers on this machine that speak the dialects, and that fail as real ones do."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import soundfile
from PIL import Image

DIM = 6
Reply = tuple[int, object, dict[str, str]]
"""Status, what is sent as JSON (bytes as they are), and headers."""
Answer = Callable[[str, dict[str, Any]], Reply]


def vector_of(content: object, dim: int = DIM) -> list[float]:
    """What the fake model makes of something: the same each time."""
    seed = int.from_bytes(hashlib.sha256(repr(content).encode()).digest()[:8], "little")
    row = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return [float(value) for value in row]


def unit(content: object) -> np.ndarray:
    row = np.array(vector_of(content), dtype=np.float32)
    return row / np.linalg.norm(row)


def seen_in(uri: str) -> object:
    """What a data URI holds: pixels or samples, as a server would read them."""
    head, _, data = uri.partition(",")
    raw = base64.b64decode(data, validate=True)
    if head == "data:audio/wav;base64":
        samples, rate = soundfile.read(io.BytesIO(raw), dtype="int16")
        return rate, samples.tolist()
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(raw))).tolist()


def contents_of(path: str, body: dict[str, Any]) -> Sequence[object]:
    """What a request asks about, whatever its dialect; refuses what no dialect says."""
    if path == "/embed":
        assert set(body) == {"inputs", "truncate"} and body["truncate"] is True
        return list(body["inputs"])
    assert path.endswith("/embeddings")
    if "messages" in body:
        (message,) = body["messages"]
        assert message["role"] == "user"
        parts = message["content"]
        if parts[0]["type"] == "image_url":
            said = [part["text"] for part in parts[1:]]
            return [(seen_in(parts[0]["image_url"]["url"]), *said)]
        (part,) = parts
        assert set(part) == {"type", "text"}
        return [part["text"]]
    items = body["input"]
    assert isinstance(items, list) and items
    if isinstance(items[0], dict):  # jina
        assert body["embedding_type"] == "float"
        return [
            each["text"] if "text" in each else seen_in(f"data:image/png;base64,{each['image']}")
            for each in items
        ]
    assert body["encoding_format"] == "float"
    if body.get("modality", "text") != "text":
        return [seen_in(each) for each in items]
    assert all(isinstance(each, str) for each in items)
    return items


def speaks(path: str, body: dict[str, Any]) -> Reply:
    """A server that works, and answers in another order than it was asked."""
    rows = [vector_of(each, body.get("dimensions", DIM)) for each in contents_of(path, body)]
    if path == "/embed":
        return 200, rows, {}
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    return 200, {"object": "list", "data": data[::-1], "model": body["model"], "usage": {}}, {}


class Log(list):
    """Requests as path, body and headers, in the order in which they came."""

    @property
    def contents(self) -> list[object]:
        return [each for path, body, _ in self for each in contents_of(path, body)]


@contextmanager
def server(answer: Answer = speaks) -> Iterator[tuple[str, Log]]:
    """The address of a server, without a path, and what it was asked."""
    log, lock = Log(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                log.append((self.path, body, dict(self.headers)))
                status, document, headers = answer(self.path, body)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", log
    finally:
        http.shutdown()
        http.server_close()


def failing(failures: Sequence[Reply], then: Answer = speaks) -> Answer:
    """A server that fails in these ways, one after another, and works then."""
    left = list(failures)

    def answer(path: str, body: dict[str, Any]) -> Reply:
        return left.pop(0) if left else then(path, body)

    return answer
