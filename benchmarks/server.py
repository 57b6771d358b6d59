"""How fast the server answers, next to its parts, and how the page feels.

python benchmarks/server.py --json FILE

The store holds jittered copies of the starter space's own vectors. The bare encoder
and scorer run in one process, as a loop over the same queries: once with the exact scorer over
all rows, once with the index, one search a view. Server and loops take turns.
The load comes from another process with one thread. With ``--page`` a store of drawn pictures is
indexed, and Chromium types, waits and scrolls. With ``--soak SECONDS`` people search for so long
while a folder is indexed and 400 streams follow; before that, 20 callers ask for explanations of
the longest text and leave. ``--only-soak`` leaves out the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
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

from _callers import COLOURS, QUERIES, THINGS, explain_and_leave, load, message, soaked, told
from _machine import spread, write
from _needs import STARTER, need
from isthmus.core.linalg import l2_normalize
from isthmus.space import Space
from isthmus.store import Entry, HubnessCorrection
from isthmus.store.scorer import best, products
from isthmus.tasks import Store

SEED, CLIENTS, HALF, STREAMS, EXPLAINED = 0, 16, 200, 400, 20
_FILES_A_SECOND = 30
"""To be indexed while people search: more than this machine can."""
SHARES = {"image": 0.6, "text": 0.3, "audio": 0.1}


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


def crowds(root: Path, seconds: float, rows: int) -> dict[str, Any]:
    """What searchers wait for beside explanations, and beside streams and indexing."""
    from indexing import draw

    files = root / "soak"
    draw(files, int(_FILES_A_SECOND * seconds))
    with serving(root / "store", "--allow", str(files)) as (host, port):
        asyncio.run(load(host, port, 2, 3.0))
        idle = {n: asyncio.run(load(host, port, n, min(seconds, 20.0)))[0] for n in (1, CLIENTS)}
        calm = {n: float(np.percentile(took, 99)) for n, took in idle.items()}
        results: dict[str, Any] = {"rows": rows, "idle_p99_ms": calm}
        item = asyncio.run(_an_item(host, port, files))
        for clients in (1, CLIENTS):
            found, took, wrong = asyncio.run(_explained(host, port, item, clients))
            busy = float(np.percentile(took, 99))
            time.sleep(5.0)
            results[f"explanations_{clients}_clients"] = {
                "answers": dict(found),
                "errors": wrong,
                "p99_ms": busy,
                "ratio": busy / calm[clients],
                "server_cpu_5_s_later": _cpu_share(),
            }
        print(results, flush=True)
        made = asyncio.run(
            soaked(host, port, files, clients=CLIENTS, streams=STREAMS, seconds=seconds)
        )
        results["soak"] = {**made, "seconds": seconds, "ratio": made["p99_ms"] / calm[CLIENTS]}
    return results


async def _an_item(host: str, port: int, files: Path) -> str:
    """Index one file and name its item."""
    one = next(files.rglob("*.png"))
    job = await told(host, port, "/api/jobs", {"paths": [str(one)]})
    while job["state"] == "running":
        await asyncio.sleep(0.2)
        job = await told(host, port, f"/api/jobs/{job['id']}")
    listed = await told(host, port, "/api/items?view=image&limit=1")
    return str(listed["items"][0]["id"])


async def _explained(host: str, port: int, item: str, clients: int) -> tuple[Any, list[float], int]:
    """Searches of twelve seconds; after one of them, explanations whose callers leave at five."""

    async def explained() -> Any:
        await asyncio.sleep(1.0)
        return await explain_and_leave(host, port, item, EXPLAINED, 5.0)

    found, (took, wrong) = await asyncio.gather(explained(), load(host, port, clients, 12.0))
    return found, took, wrong


def _cpu_share() -> float:
    """Of one core, what the children of this process use in two seconds."""
    import psutil

    family = psutil.Process().children(recursive=True)
    used = [sum(sum(each.cpu_times()[:2]) for each in family)]
    time.sleep(2.0)
    used.append(sum(sum(each.cpu_times()[:2]) for each in family))
    return (used[1] - used[0]) / 2.0


def speed(store: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """How fast it answers, and what half-sent requests change about that."""
    bare = Bare(store)
    results: dict[str, Any] = {}
    with serving(store) as (host, port):
        asyncio.run(load(host, port, 2, 3.0))
        for name, measure in (
            ("latency", lambda: latency(host, port, bare, rounds)),
            ("half_sent", lambda: half_sent(host, port, rounds)),
            ("throughput", lambda: throughput(host, port, bare, rounds, seconds)),
        ):
            results[name] = measure()
            print(results[name], flush=True)
    return results


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--page", type=int, default=10_000, help="items of the page; 0: no page")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds; 300 are usual")
    parser.add_argument("--only-soak", action="store_true", help="leave out the rest")
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
        if not options.only_soak:
            results |= speed(root / "store", options.rounds, options.seconds)
        if options.soak:
            results["soak"] = crowds(root, options.soak, options.rows)
            print(results["soak"], flush=True)
        if options.page and not options.only_soak:
            results["page"] = page(root, options.page, options.rounds)
            print(results["page"], flush=True)
        if options.json:
            write(options.json, results, load_1min=load_before)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
