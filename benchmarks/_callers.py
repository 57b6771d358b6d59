"""Callers of a server: searchers, followers of a run, and people who ask for too much and leave."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "brown", "old", "small", "large")
THINGS = ("cat", "dog", "boat", "car", "tree", "house", "bird", "fish", "flower", "train")
PLACES = ("on a hill", "at sea", "in the rain", "by night", "in a garden", "on a road", "alone")
QUERIES = [
    f"a {colour} {thing} {place}" for colour in COLOURS for thing in THINGS for place in PLACES
]
LONGEST = 10_000
"""Characters of a text that a request may have."""


def message(words: str) -> bytes:
    """A search as bytes on the wire."""
    body = json.dumps({"query": words, "k": 10}).encode()
    head = f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + body


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    """One answer over a connection that stays open: its first line."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length, head
    await reader.readexactly(int(length[1]))
    return head.partition(b"\r\n")[0]


async def load(host: str, port: int, clients: int, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of every answer, and how many were no answers, of clients that never rest."""
    texts = itertools.cycle(QUERIES)
    end = time.perf_counter() + seconds
    took: list[float] = []
    errors = 0

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(host, port)
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                line = await ask(reader, writer, message(next(texts)))
            except (OSError, asyncio.IncompleteReadError):  # the server closed it
                errors += 1
                reader, writer = await asyncio.open_connection(host, port)
                continue
            took.append((time.perf_counter() - start) * 1e3)
            errors += b"200" not in line
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return took, errors


def request(path: str, body: object = None, method: str = "") -> bytes:
    """A request as bytes on the wire."""
    data = b"" if body is None else json.dumps(body).encode()
    method = method or ("POST" if data else "GET")
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(data)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + data


async def told(host: str, port: int, path: str, body: object = None, method: str = "") -> Any:
    """The JSON of one answer."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request(path, body, method))
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length, head
    data = await reader.readexactly(int(length[1]))
    writer.close()
    assert b" 20" in head.partition(b"\r\n")[0], data
    return json.loads(data)


async def explain_and_leave(
    host: str, port: int, item: str, callers: int, seconds: float
) -> Mapping[str, int]:
    """Ask for explanations of the longest text, all at a time, and leave after some seconds.

    Returns:
        First lines of answers that came before, and how often.
    """
    words = itertools.cycle(QUERIES)
    came: dict[str, int] = {}

    async def caller() -> None:
        text = ""
        while len(text) < LONGEST:
            text += f" {next(words)}"
        terms = [{"text": text[:LONGEST]}]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request("/api/explain", {"terms": terms, "item": item}))
        line = "left"
        with contextlib.suppress(TimeoutError):
            line = (await asyncio.wait_for(reader.readline(), seconds)).decode().strip()
        came[line] = came.get(line, 0) + 1
        writer.transport.abort()

    await asyncio.gather(*(caller() for _ in range(callers)))
    return came


async def index_for(host: str, port: int, folder: Path, seconds: float, job: list[str]) -> int:
    """Index the folders in a folder, six a run; returns how many items that added."""
    end, added = time.perf_counter() + seconds, 0
    places = sorted(map(str, folder.iterdir()))
    while places and time.perf_counter() < end:
        now = await told(host, port, "/api/jobs", {"paths": places[:6]})
        job[:], places = [now["id"]], places[6:]
        while now["state"] == "running":
            await asyncio.sleep(1.0)
            now = await told(host, port, f"/api/jobs/{now['id']}")
            if time.perf_counter() > end:
                await told(host, port, f"/api/jobs/{now['id']}", method="DELETE")
        added += now["added"]
    return added


async def follow(
    host: str, port: int, job: list[str], seconds: float, count: int
) -> Mapping[str, int]:
    """Follow the run that is under way with many streams, each over a connection of its own.

    Returns:
        How many events came, and how many connections failed or were refused.
    """
    end = time.perf_counter() + seconds
    found = {"events": 0, "errors": 0}

    async def follower() -> None:
        while time.perf_counter() < end:
            if not job:
                await asyncio.sleep(0.5)
                continue
            try:
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(request(f"/api/jobs/{job[0]}/events"))
                line = await reader.readline()
                found["errors"] += b" 200 " not in line
                while time.perf_counter() < end and line:
                    line = await asyncio.wait_for(reader.readline(), end - time.perf_counter())
                    found["events"] += line.startswith(b"data: ")
                    if line.startswith(b"0"):  # the run has ended
                        break
                writer.close()
            except TimeoutError:
                writer.close()
            except OSError:
                found["errors"] += 1
            await asyncio.sleep(0.5)

    await asyncio.gather(*(follower() for _ in range(count)))
    return found


async def soaked(
    host: str, port: int, folder: Path, *, clients: int, streams: int, seconds: float
) -> dict[str, Any]:
    """Searchers, while a folder is indexed and many follow."""
    job: list[str] = []
    (took, errors), added, followed = await asyncio.gather(
        load(host, port, clients, seconds),
        index_for(host, port, folder, seconds, job),
        follow(host, port, job, seconds, streams),
    )
    return {
        "searches": len(took),
        "errors": errors,
        "added": added,
        "followed": dict(followed),
        **{f"p{q}_ms": float(np.percentile(took, q)) for q in (50, 99)},
    }
