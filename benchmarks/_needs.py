"""What a benchmark needs is looked for before it starts."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from isthmus.datasets.fetch import SOURCES, find
from isthmus.encoders import DEFAULTS, missing_packages
from isthmus.space.starter import folder

STARTER = tuple(DEFAULTS.values())
"""The encoders of isthmus[starter]."""
CHECK_ONLY = "ISTHMUS_BENCH_CHECK"
"""With this variable set, a benchmark ends once it has looked: ``make bench`` asks all first."""
SETUP = "make setup"
PEERS = "pip install -r benchmarks/requirements.txt"
HOW = {
    "cca_zoo": PEERS,
    "mvlearn": f"{PEERS} && pip install --no-deps 'mvlearn>=0.5,<0.6'",
    "ot": PEERS,
    "recpack": "pip install --no-deps recpack pandas",
    "usearch": "pip install usearch",
}
"""Modules that ``make setup`` does not install, and what does."""


def need(
    *,
    datasets: Iterable[str] = (),
    encoders: Iterable[str] = (),
    packages: Iterable[str] = (),
    space: bool = False,
    chromium: bool = False,
) -> None:
    """End with status 2, and a line for each thing that is missing, unless all is there.

    Args:
        datasets: Names; those that are drawn, such as ``shapes``, are always there.
        encoders: As :func:`isthmus.encoders.load` takes them.
        packages: Names of modules.
        space: Whether the space that comes with isthmus is used.
        chromium: Whether pages are opened.
    """
    lines = [
        *_datasets(datasets),
        *_encoders(encoders),
        *_packages(packages),
        *(_space() if space else ()),
        *(_chromium() if chromium else ()),
    ]
    for line in dict.fromkeys(lines):
        print(line, file=sys.stderr)
    if lines:
        raise SystemExit(2)
    if os.environ.get(CHECK_ONLY):
        raise SystemExit(0)


def _datasets(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in SOURCES and find(name) is None:
            yield f"data set {name} is missing; run: isthmus data get {name}"


def _encoders(specs: Iterable[str]) -> Iterator[str]:
    for spec in specs:
        for part in spec.split("+"):
            name = part.partition("?")[0]
            if absent := missing_packages(name):
                yield f"encoder {name} needs {', '.join(absent)}; run: {SETUP}"


def _packages(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            yield f"package {module} is missing; run: {HOW.get(module, SETUP)}"


def _space() -> Iterator[str]:
    if not folder().is_dir():
        yield f"the starter space is missing in {folder()}; run: make starter"


def _chromium() -> Iterator[str]:
    if importlib.util.find_spec("playwright") is None:
        yield f"package playwright is missing; run: {SETUP}"
    elif not shutil.which("chromium"):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            if not Path(playwright.chromium.executable_path).is_file():
                yield "Chromium is missing; run: apt-get install chromium"
