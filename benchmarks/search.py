"""How fast and how completely a store of many vectors is searched, next to bare libraries.

python benchmarks/search.py --json FILE

The vectors are those of the Tux Paint pictures and of their captions in every language, in a
space made by CCA; copies are jittered until there are enough. Half of the rows are pictures, half
are captions, and so are the queries. Every engine searches all rows for the best ten. The search
parameter of a peer is the smallest that reaches the recall of isthmus. Engines take turns, so
that whatever else the machine does slows all of them alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _machine import spread, write
from _needs import STARTER, need
from _reopened import K, reopened, resident
from isthmus import encoders
from isthmus.aligners import CCA
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32, l2_normalize
from isthmus.datasets import load
from isthmus.pipeline import default_cache, encode_items, prepare
from isthmus.store import Entry, HubnessCorrection, open_backend
from isthmus.store.filters import parse
from isthmus.store.lance import LanceBackend

SEED, DIM = 0, 256
JITTER = 0.5
"""Length of what is added to a unit vector: a copy has a cosine of about 0.9 to its original."""
QUERIES = 200
VIEWS = ("text", "image")
Find = Callable[[F32], Sequence[int]]


@dataclass
class Engine:
    """One way of searching, ready to be asked."""

    name: str
    find: Find
    build_s: float
    rss_mb: float
    setting: int | None = None


def real() -> dict[str, F32]:
    """Vectors of every distinct caption and every picture in a space of 256 dimensions."""
    pairs = prepare(load("tuxpaint"), cache=default_cache()).pairs
    aligner = CCA(components=DIM).fit(pairs)
    records = load("tuxpaint", languages="all").records
    captions = sorted({text for r in records for text in r.items["text"].captions})
    items = [MediaItem.from_text(text) for text in captions]
    native = encode_items(items, encoders.load("universal"), cache=default_cache()).vectors
    return {
        "text": aligner.transform(native, "text"),
        "image": aligner.transform(pairs.vectors["image"], "image"),
    }


def jittered(x: F32, n: int, rng: np.random.Generator) -> F32:
    """Copies of rows, each moved in a direction of its own."""
    out = np.empty((n, DIM), dtype=np.float32)
    for start in range(0, n, 50_000):
        some = x[rng.integers(0, len(x), min(50_000, n - start))]
        noise = rng.standard_normal(some.shape, dtype=np.float32) * (JITTER / DIM**0.5)
        out[start : start + len(some)] = l2_normalize(some + noise)
    return out


def data(n: int) -> tuple[F32, NDArray[np.intp], F32]:
    """Rows ``(n, 256)``, the view of each, and queries of both views."""
    rng, vectors = np.random.default_rng(SEED), real()
    halves = [jittered(vectors[m], n // 2, rng) for m in VIEWS]
    order = rng.permutation(2 * (n // 2))
    queries = [jittered(vectors[m], QUERIES // 2, rng) for m in VIEWS]
    kinds = np.repeat([0, 1], n // 2)[order]
    return np.concatenate(halves)[order], kinds, np.concatenate(queries)


def measured(name: str, make: Callable[[], Find]) -> Engine:
    """Build an engine, with the time and the memory that it takes."""
    before, start = resident(), time.perf_counter()
    find = make()
    took = time.perf_counter() - start
    print(f"  {name}: built in {took:.1f} s", flush=True)
    return Engine(name, find, took, resident() - before)


def recall(find: Find, queries: F32, truth: Sequence[set[int]]) -> float:
    """Share of the exact best ten that are found."""
    found = (len(best & set(map(int, find(q)))) for q, best in zip(queries, truth, strict=True))
    return sum(found) / (K * len(queries))


def tuned(
    engine: Engine,
    change: Callable[[int], None],
    settings: Sequence[int],
    queries: F32,
    truth: Sequence[set[int]],
    least: float,
) -> Engine:
    """Set the smallest search parameter that reaches a recall."""
    for setting in settings:
        change(setting)
        engine.setting = setting
        if recall(engine.find, queries, truth) >= least:
            break
    return engine


def filled(folder: Path, x: F32, kinds: NDArray[np.intp]) -> LanceBackend:
    """A store on disk with all rows, ids being row numbers."""
    store = open_backend(folder, DIM, VIEWS, "benchmark")
    rng = np.random.default_rng(SEED)
    for start in range(0, len(x), 50_000):
        rows = range(start, min(start + 50_000, len(x)))
        entries = [
            Entry(str(i), VIEWS[kinds[i]], VIEWS[kinds[i]], f"/{i % 97}/{i % 7}.png", size=i)
            for i in rows
        ]
        hubness = rng.uniform(0.2, 0.4, size=(len(entries), 2)).astype(np.float32)
        store.add(entries, x[start : start + len(entries)], hubness)
    return store


def of_isthmus(folder: Path, x: F32, kinds: NDArray[np.intp]) -> tuple[list[Engine], LanceBackend]:
    """The store's own exact and indexed search."""
    before = resident()
    store = filled(folder, x, kinds)
    memory = resident() - before

    def index() -> Find:
        store.optimize()
        return lambda q: [int(each) for each in store.search(q, K).ids]

    indexed = measured("isthmus", index)
    indexed.rss_mb += memory

    def exact(q: F32) -> list[int]:
        return [int(each) for each in store.search(q, K, exact=True).ids]

    return [Engine("isthmus exact", exact, 0.0, memory), indexed], store


def of_lancedb(folder: Path, x: F32) -> tuple[Engine, dict[str, int]]:
    """LanceDB with its IVF index, asked for row numbers."""
    import lancedb
    import pyarrow as pa
    from lancedb.index import IvfFlat

    blocks = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), DIM)
    table = lancedb.connect(str(folder)).create_table("rows", pa.table({"vector": blocks}))
    chosen = {"nprobes": 1}

    def make() -> Find:
        table.create_index(
            "vector",
            config=IvfFlat(distance_type="dot", num_partitions=round(4 * len(x) ** 0.5)),
        )
        return find

    def find(q: F32) -> list[int]:
        query = table.search(q).distance_type("dot").nprobes(chosen["nprobes"]).limit(K)
        found = query.with_row_id(True).select([]).to_arrow()
        return list(found["_rowid"].to_pylist())

    return measured("lancedb IVF_FLAT", make), chosen


def of_faiss(x: F32, kind: str) -> tuple[Engine, Callable[[int], None]]:
    """An inverted file or a graph of faiss, building on every core and asked on one."""
    import faiss

    if kind == "IVF":
        cells = round(4 * len(x) ** 0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIM), DIM, cells, faiss.METRIC_INNER_PRODUCT)
        name = "nprobe"
    else:
        index, name = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT), "efSearch"

    def make() -> Find:
        if kind == "IVF":
            rows = np.random.default_rng(SEED).permutation(len(x))[: 50 * index.nlist]
            index.train(x[rows])
        index.add(x)
        return lambda q: index.search(q[None], K)[1][0]

    def change(setting: int) -> None:
        setattr(index if kind == "IVF" else index.hnsw, name, setting)

    return measured(f"faiss {kind}", make), change


def of_usearch(x: F32) -> tuple[Engine, Callable[[int], None]]:
    """The graph of usearch with its own defaults."""
    from usearch.index import Index

    index = Index(ndim=DIM, metric="ip", dtype="f32")

    def make() -> Find:
        index.add(np.arange(len(x)), x)
        return lambda q: index.search(q, K, threads=1).keys

    def change(setting: int) -> None:
        index.expansion_search = setting

    return measured("usearch", make), change


def in_turns(engines: Sequence[Engine], queries: F32, rounds: int) -> dict[str, list[float]]:
    """Median milliseconds of a query, once a round; all engines answer in every round."""
    medians: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            took = []
            for query in queries:
                start = time.perf_counter()
                engine.find(query)
                took.append(time.perf_counter() - start)
            medians[engine.name].append(float(np.median(took)) * 1e3)
    return medians


def narrowed(store: LanceBackend, queries: F32) -> list[dict[str, Any]]:
    """Recall and time of searches of one view, corrected for hubness, and with filters."""
    correction = HubnessCorrection("text", 0.7)
    cases: dict[str, dict[str, Any]] = {
        "view": {"view": "image"},
        "hubness": {"correction": correction},
        "view and hubness": {"view": "image", "correction": correction},
        "filter, 1 in 7": {"where": parse('path~"3.png"')},
        "filter, 1 in 97": {"where": parse('path~"/5/*"')},
    }
    rows = []
    for name, options in cases.items():
        store.search(queries[0], K, **options)
        hits, took, exactly = 0, [], []
        for query in queries:
            start = time.perf_counter()
            found = store.search(query, K, **options)
            between = time.perf_counter()
            exact = store.search(query, K, exact=True, **options)
            took.append(between - start)
            exactly.append(time.perf_counter() - between)
            hits += len(set(found.ids) & set(exact.ids))
        rows.append(
            {
                "n": len(store),
                "search": name,
                "recall_at_10": hits / (K * len(queries)),
                "p50_ms": float(np.median(took)) * 1e3,
                "exact_p50_ms": float(np.median(exactly)) * 1e3,
            }
        )
    return rows


def peers(
    folder: Path, x: F32, queries: F32, truth: Sequence[set[int]], least: float, names: str
) -> list[Engine]:
    """Bare libraries, each at the recall of isthmus."""
    grid = sorted({round(2 ** (i / 4)) for i in range(4, 45)})
    made: list[tuple[Engine, Callable[[int], None]]] = []
    if "lancedb" in names:
        engine, chosen = of_lancedb(folder, x)
        made.append((engine, lambda setting: chosen.update(nprobes=setting)))
    made += [of_faiss(x, kind) for kind in ("IVF", "HNSW") if f"faiss-{kind.lower()}" in names]
    if "usearch" in names:
        made.append(of_usearch(x))
    return [tuned(engine, change, grid, queries, truth, least) for engine, change in made]


def compare(
    n: int, rounds: int, names: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """All engines on ``n`` rows, narrowed searches, and memory of a store opened anew."""
    print(f"{n:,} rows", flush=True)
    x, kinds, queries = data(n)
    tuning, queries = queries[::2], queries[1::2]

    def best(q: F32) -> set[int]:
        return set(np.argpartition(-(x @ q), K)[:K].tolist())

    truth = [best(q) for q in queries]
    folder = Path(tempfile.mkdtemp(prefix="isthmus-search-"))
    try:
        own, store = of_isthmus(folder / "isthmus", x, kinds)
        for query in tuning:
            own[1].find(query)
        least = recall(own[1].find, queries, truth)
        engines = [Engine("numpy product", lambda q: x @ q, 0.0, x.nbytes / 1e6), *own]  # type: ignore[arg-type,return-value]
        engines += peers(folder / "peers", x, queries, truth, least, names)
        _one_thread()
        medians = in_turns(engines, queries, rounds)
        rows = []
        for engine in engines:
            product = engine.name == "numpy product"
            ratios = [a / b for a, b in zip(medians["isthmus"], medians[engine.name], strict=True)]
            rows.append(
                {
                    "n": n,
                    "engine": engine.name,
                    "recall_at_10": 1.0 if product else recall(engine.find, queries, truth),
                    "p50_ms": spread(medians[engine.name])["median"],
                    "build_s": engine.build_s,
                    # Where an earlier engine gave memory back meanwhile, nothing can be said.
                    "rss_mb": engine.rss_mb if engine.rss_mb > 0 else None,
                    "setting": engine.setting,
                    "p50_ms_spread": spread(medians[engine.name]),
                    "isthmus_over_this": spread(ratios)["median"],
                }
            )
            print({key: rows[-1][key] for key in list(rows[-1])[1:6]}, flush=True)
        again = {"n": n, **reopened(folder, DIM, VIEWS, queries)}
        print(again, flush=True)
        return rows, narrowed(store, queries), again
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one_thread() -> None:
    """Let every engine answer on one core, whatever it was built on."""
    import faiss

    faiss.omp_set_num_threads(1)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", default="lancedb,faiss-ivf,faiss-hnsw,usearch")
    options = parser.parse_args()
    peers = ("usearch",) if "usearch" in options.peers else ()
    need(datasets=("tuxpaint",), encoders=STARTER, packages=("faiss", "lancedb", *peers))
    load_before = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    narrow: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    for n in options.rows:
        more, narrower, again = compare(n, options.rounds, options.peers)
        rows, narrow, opened = rows + more, narrow + narrower, [*opened, again]
        if options.json:
            results = {"seed": SEED, "dim": DIM, "jitter": JITTER, "queries": QUERIES // 2}
            write(
                options.json,
                {**results, "rows": rows, "narrowed": narrow, "reopened": opened},
                load_1min=load_before,
            )


if __name__ == "__main__":
    main()
