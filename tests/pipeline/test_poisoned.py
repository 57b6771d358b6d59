"""The Python API decodes nothing in the process that calls it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media import made
from tests.poison import DECODERS, PoisonError, poison

from isthmus import Space, Store
from isthmus.audit.diagnose import diagnose
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.datasets import load as load_dataset
from isthmus.encoders import load
from isthmus.encoders.classic import ColorHogEncoder, MfccEncoder
from isthmus.media import decode
from isthmus.media.source import item_from_path
from isthmus.pipeline import WORKERS, encode_items, prepare
from isthmus.report import write_diagnosis
from isthmus.report.pages.explanation.page import write_explanation
from isthmus.selection import align
from isthmus.tasks.retrieval.frames import match, rank_clips

CLASSIC = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="5" height="9"/></svg>'
)


@pytest.fixture
def folder(tmp_path: Path, scenes: Dataset) -> Path:
    """Forty records, by stem: a picture, a sound and a caption."""
    root = tmp_path / "records"
    root.mkdir()
    for number, record in enumerate(scenes.records[:40]):
        (root / f"{number}.png").write_bytes(record.items["image"].read())
        (root / f"{number}.wav").write_bytes(record.items["audio"].read())
        (root / f"{number}.txt").write_text(record.items["text"].captions[0], encoding="utf-8")
    return root


@pytest.fixture
def formats(tmp_path: Path) -> list[Path]:
    """A file of each format; made before decoders are poisoned."""
    folder = tmp_path / "formats"
    folder.mkdir()
    written = {name: make(6) for name, make in made.PICTURES.items()}
    written |= {name: make() for name, make in (made.UNTURNED | made.SOUNDS).items()}
    for name, data in written.items():
        (folder / f"a.{name}").write_bytes(data)
    return sorted(folder.iterdir())


def test_the_poison_works_here_and_not_in_children(
    formats: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    scenes: Dataset,
    tmp_path: Path,
) -> None:
    ran: Iterator[list[str]] = poison.__wrapped__(monkeypatch)  # type: ignore[attr-defined]
    told = next(ran)
    path = tmp_path / "a.svg"
    path.write_bytes(SVG)
    items = [scenes.records[0].items["image"], scenes.records[0].items["audio"]]
    items += [item_from_path(path) for path in formats]
    for item in (*items, item_from_path(path)):
        WORKERS.decode(item)
        assert told == []
        with pytest.raises(PoisonError):
            decode(item)
        assert len(told) == 1
        told.clear()
    with pytest.raises(PoisonError):
        Image.open("no matter which")
    with pytest.raises(AssertionError, match=r"PIL\.Image\.open by"):
        next(ran)
    assert len(DECODERS) == len(set(DECODERS))


def test_each_format(formats: list[Path], poison: list[str]) -> None:
    for path in formats:
        WORKERS.decode(item_from_path(path))


def test_encoding(media: Path, scenes: Dataset, poison: list[str]) -> None:
    """Files and bytes, of encoders that a child can load and of objects of the user's."""
    pictures = [item_from_path(path) for path in sorted(media.glob("*.png"))]
    sounds = [item_from_path(path) for path in sorted(media.glob("*.wav"))]
    for data in (SVG, gzip.compress(SVG)):
        pictures += [MediaItem.from_bytes(data, "image", source="drawing")]
    pictures.append(scenes.records[0].items["image"])
    for encoder in (load("color-hog"), ColorHogEncoder(), load("color-hog+color-hog")):
        assert encode_items(pictures, encoder).ok.all()
    for encoder in (load("mfcc"), MfccEncoder()):
        assert encode_items(sounds, encoder).ok.all()


@pytest.mark.usefixtures("starter")
def test_the_starter_encoders(media: Path, poison: list[str]) -> None:
    pictures = [item_from_path(path) for path in sorted(media.glob("*.png"))[:2]]
    sounds = [item_from_path(path) for path in sorted(media.glob("*.wav"))[:2]]
    assert encode_items(pictures, load("efficientnet-lite0")).ok.all()
    assert encode_items(sounds, load("whisper-tiny")).ok.all()


def test_a_space_and_what_is_said_of_it(folder: Path, tmp_path: Path, poison: list[str]) -> None:
    made = prepare(load_dataset(folder), CLASSIC)
    assert made.failures == []
    space = align(made, aligner="ridge", seed=0)
    write_diagnosis(tmp_path / "diagnosis.html", diagnose(made, seed=0))
    done = space.embed([folder / "1.png", folder / "2.png"], "image")
    assert done.ok.all() and np.isfinite(done.vectors).all()


def test_a_store(space: Space, media: Path, tmp_path: Path, poison: list[str]) -> None:
    with Store.in_memory(space) as store:
        added = store.add(media)
        assert (len(added.added), added.failures) == (36, [])
        found = store.search(media / "图1.png", k=3, views="image").hits
        assert Path(found[0].source) == media / "图1.png"
        assert store.search("a large red circle", k=3).hits
        for query, item in (("图2.png", "声2.wav"), ("声2.wav", "词2.txt"), ("词2.txt", "图2.png")):
            made = store.explain(media / query, item_from_path(media / item))
            assert made.query.values.size and made.item.values.size
            page = write_explanation(tmp_path / "why.html", made).read_text(encoding="utf-8")
            assert ("data:audio" in page) == (".wav" in query + item)
            assert ("data:image/webp" in page) == (".png" in query + item)


def test_frames(space: Space, media: Path, poison: list[str]) -> None:
    pytest.importorskip("skimage", reason="the extra 'matching' is not installed")
    frames = [item_from_path(media / f"图{number}.png") for number in range(4)]
    for by in ("ssim", "space", "both"):
        assert match(frames[2], frames, by=by, space=space).best == 2
    order, _ = rank_clips(frames[1], [frames[2:], frames[:2]], by="ssim")
    assert order.tolist() == [1, 0]
