"""How fast the server answers, next to its parts, and how the page feels.

python benchmarks/server.py --json FILE

The store holds jittered copies of the starter space's own vectors. The bare encoder
and scorer run in one process, as a loop over the same queries: once with the exact scorer over
all rows, once with the index, one search a view. Server and loops take turns.
The load comes from another process with one thread. With ``--page`` a store of drawn pictures is
indexed, and Chromium types, waits and scrolls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from _machine import spread, write
from _needs import STARTER, need
from isthmus.core.linalg import l2_normalize
from isthmus.space import Space
from isthmus.store import Entry, HubnessCorrection
from isthmus.store.scorer import best, products
from isthmus.tasks import Store

SEED, CLIENTS, HALF = 0, 16, 200
SHARES = {"image": 0.6, "text": 0.3, "audio": 0.1}
COLOURS = ("red", "green", "blue", "yellow", "black", "white", "brown", "old", "small", "large")
THINGS = ("cat", "dog", "boat", "car", "tree", "house", "bird", "fish", "flower", "train")
PLACES = ("on a hill", "at sea", "in the rain", "by night", "in a garden", "on a road", "alone")
QUERIES = [
    f"a {colour} {thing} {place}" for colour in COLOURS for thing in THINGS for place in PLACES
]


def fill(folder: Path, n: int) -> None:
    """A store of ``n`` rows that look like those of the starter space."""
    rng, space = np.random.default_rng(SEED), Space.load("starter")
    names = list(SHARES)
    with Store.open(folder, space) as store:
        for start in range(0, n, 20_000):
            count = min(20_000, n - start)
            kinds = rng.choice(len(names), count, p=list(SHARES.values()))
            x = np.empty((count, space.dim), dtype=np.float32)
            hubness = np.empty((count, len(space.views)), dtype=np.float32)
            for code, name in enumerate(names):
                rows, bank = np.flatnonzero(kinds == code), space.banks[name]
                near = bank[rng.integers(0, len(bank), len(rows))]
                noise = rng.standard_normal(near.shape) * (0.5 / space.dim**0.5)
                x[rows] = l2_normalize(near + noise)
                hubness[rows] = space.hubness(x[rows], name)
            entries = [
                Entry(
                    f"{start + i:032x}",
                    names[kinds[i]],
                    f"/media/{i % 97}/{THINGS[i % 10]} {start + i}.png",
                    f"{COLOURS[i % 7]} {THINGS[i % 10]} {start + i}",
                    added=1.7e9,
                    size=1,
                )
                for i in range(count)
            ]
            store.backend.add(entries, x, hubness)
        store.backend.optimize()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """The command in a process of its own: host and port."""
    command = [sys.executable, "-m", "isthmus", "serve", "--store", str(folder), "--port", "0"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://([\d.]+):(\d+)/", line)
        assert found, line
        yield found[1], int(found[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


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
            line = await ask(reader, writer, message(next(texts)))
            took.append((time.perf_counter() - start) * 1e3)
            errors += b"200" not in line
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return took, errors


class Bare:
    """The encoder and the scorer of the store, one query after the other."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder)
        self._next = itertools.cycle(QUERIES)
        entries = [entry.id for entry in self.store.backend.entries()]
        found = self.store.backend.vectors(entries)
        self.x = np.stack([found[each] for each in entries])
        for _ in range(20):
            self.query()

    def encode(self) -> Any:
        """One query as a vector."""
        return self.store.space.embed([next(self._next)], "text").vectors[0]

    def query(self) -> None:
        """The best ten of each view."""
        vector, space = self.encode(), self.store.space
        correction = HubnessCorrection("text", space.csls_strength)
        for view in space.views:
            self.store.backend.search(vector, 10, view=view, correction=correction)

    def exact(self) -> None:
        """The best ten of all rows by the exact scorer."""
        best(products(self.x, self.encode()), 10)


def rate(work: Callable[[], None], seconds: float) -> float:
    """Repetitions a second."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - start)


def latency(host: str, port: int, bare: Bare, rounds: int) -> dict[str, Any]:
    """Median milliseconds of a text query, and of the encoder alone, in turns."""
    answers, encoder = [], []
    for _ in range(rounds):
        took, _ = asyncio.run(load(host, port, 1, 3.0))
        answers.append(float(np.median(took)))
        times = []
        for _ in range(200):
            start = time.perf_counter()
            bare.encode()
            times.append((time.perf_counter() - start) * 1e3)
        encoder.append(float(np.median(times)))
    beyond = [a - e for a, e in zip(answers, encoder, strict=True)]
    return {
        "query_p50_ms": spread(answers),
        "encoder_p50_ms": spread(encoder),
        "beyond_encoder_ms": spread(beyond),
    }


def throughput(host: str, port: int, bare: Bare, rounds: int, seconds: float) -> dict[str, Any]:
    """Queries a second with many clients, over those of the bare loops."""
    rates, exact, indexed, errors, slowest = [], [], [], 0, []
    for _ in range(rounds):
        took, wrong = asyncio.run(load(host, port, CLIENTS, seconds))
        rates.append(len(took) / seconds)
        slowest.append(float(np.percentile(took, 99)))
        errors += wrong
        exact.append(rate(bare.exact, min(seconds, 15.0)))
        indexed.append(rate(bare.query, min(seconds, 15.0)))
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "errors": errors,
        "queries_per_s": spread(rates),
        "encoder_and_exact_scorer_per_s": spread(exact),
        "encoder_and_index_per_s": spread(indexed),
        "ratio_to_exact": spread([a / b for a, b in zip(rates, exact, strict=True)]),
        "ratio_to_index": spread([a / b for a, b in zip(rates, indexed, strict=True)]),
        "p99_ms": spread(slowest),
    }


def half_sent(host: str, port: int, rounds: int) -> dict[str, Any]:
    """What a user waits for while two hundred requests never end, over what he waits for else."""
    ratios, closed = [], []
    idle_all, busy_all = [], []
    parts = [message("x")[:30], message("x")[:-5]]
    for _ in range(rounds):
        idle, _ = asyncio.run(load(host, port, 1, 6.0))
        started = time.perf_counter()
        held = []
        for number in range(HALF):
            made = socket.create_connection((host, port), timeout=30)
            made.sendall(parts[number % 2])
            held.append(made)
        busy, wrong = asyncio.run(load(host, port, 1, 6.0))
        assert not wrong
        for made in held:
            with contextlib.suppress(ConnectionResetError):
                while made.recv(4096):
                    pass
        closed.append(time.perf_counter() - started)
        idle_all.append(float(np.percentile(idle, 99)))
        busy_all.append(float(np.percentile(busy, 99)))
        ratios.append(busy_all[-1] / idle_all[-1])
    return {
        "requests": HALF,
        "closed_after_s": spread(closed),
        "idle_p99_ms": spread(idle_all),
        "p99_ms": spread(busy_all),
        "ratio": spread(ratios),
    }


def page(root: Path, n: int, rounds: int) -> dict[str, Any]:
    """Typing and scrolling in Chromium, on a store of ``n`` drawn pictures and short texts."""
    from playwright.sync_api import sync_playwright

    from indexing import draw

    folder, store = root / "files", root / "page-store"
    draw(folder, n)
    command = [sys.executable, "-m", "isthmus", "index", str(folder), "--store", str(store)]
    subprocess.run([*command, "--json"], check=True, stdout=subprocess.DEVNULL)
    waits, longest, shown = [], [], []
    with serving(store) as (host, port), sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for number in range(rounds):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.add_init_script(
                "window.long = []; new PerformanceObserver((list) => window.long.push("
                "...list.getEntries().map((e) => e.duration))).observe({type: 'longtask'});"
            )
            tab.goto(f"http://{host}:{port}/")
            tab.wait_for_selector(".tile .open")
            before = tab.get_attribute("#results", "data-answers")
            tab.type("#q", f"{COLOURS[number]} {THINGS[number]}", delay=40)
            start = time.perf_counter()
            tab.wait_for_selector(f'#results:not([data-answers="{before}"])', state="attached")
            if tab.locator(".state button").count():
                tab.click(".state button")
            tab.wait_for_selector(".tile .open")
            waits.append(time.perf_counter() - start)
            tab.wait_for_timeout(500)
            tab.evaluate("window.long.length = 0")
            for _ in range(260):
                tab.mouse.wheel(0, 400)
                tab.wait_for_timeout(30)
                if tab.locator(".tile").count() >= 1000:
                    break
            for _ in range(120):
                tab.mouse.wheel(0, 900)
                tab.wait_for_timeout(16)
            shown.append(tab.locator(".tile").count())
            longest.append(float(tab.evaluate("Math.max(0, ...window.long)")))
            tab.close()
        browser.close()
    return {
        "items": n,
        "first_result_s": spread(waits),
        "results_scrolled": shown,
        "longest_task_ms": spread(longest),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--page", type=int, default=10_000, help="items of the page; 0: no page")
    options = parser.parse_args()
    need(
        encoders=STARTER,
        packages=("faiss", "fastapi", "lancedb", "mcp", "uvicorn"),
        space=True,
        chromium=bool(options.page),
    )
    load_before = os.getloadavg()[0]
    root = Path(tempfile.mkdtemp(prefix="isthmus-server-"))
    results: dict[str, Any] = {"seed": SEED, "rows": options.rows}
    try:
        fill(root / "store", options.rows)
        bare = Bare(root / "store")
        with serving(root / "store") as (host, port):
            asyncio.run(load(host, port, 2, 3.0))
            results["latency"] = latency(host, port, bare, options.rounds)
            print(results["latency"], flush=True)
            results["half_sent"] = half_sent(host, port, options.rounds)
            print(results["half_sent"], flush=True)
            found = throughput(host, port, bare, options.rounds, options.seconds)
            results["throughput"] = found
            print(found, flush=True)
        if options.page:
            results["page"] = page(root, options.page, options.rounds)
            print(results["page"], flush=True)
        if options.json:
            write(options.json, results, load_1min=load_before)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
