"""What people ask of a space that has learned from no records: banks are empty."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.selection.joint import GAP, clip, truth_of

from isthmus.core.errors import InputError
from isthmus.core.view import IMAGE, TEXT, Direction
from isthmus.datasets import shapes
from isthmus.metrics import hubness_skew
from isthmus.report import report_on
from isthmus.selection import from_pretrained
from isthmus.server import Settings, create_app
from isthmus.space import Space, evaluate
from isthmus.tasks import SearchOptions, Store, annotate, classify

N = 40
ASKED = "a large red star in the middle"


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """An empty bank must not become a mean of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def scenes() -> shapes.Dataset:
    return shapes.load(n=N, seed=5, languages="en")


@pytest.fixture(scope="module")
def space(scenes: shapes.Dataset) -> Space:
    return from_pretrained(clip(truth_of(scenes), noise=0.1))


@pytest.fixture(scope="module")
def folder(scenes: shapes.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    for record in scenes.records:
        (place / f"{record.id}.png").write_bytes(record.items[IMAGE].payload)  # type: ignore[arg-type]
        (place / f"{record.id}.txt").write_text(record.items[TEXT].captions[0])
    return place


@pytest.fixture(scope="module")
def store(space: Space, folder: Path) -> Store:
    made = Store.in_memory(space)
    report = made.add(folder)
    assert len(report.added) >= N and not report.failures
    return made


def test_a_search_shows_the_models_order_and_no_probability(store: Store, space: Space) -> None:
    found = store.search(ASKED, SearchOptions(k=N, views=(IMAGE,), words=False))
    cosines = [hit.cosine for hit in found.hits]
    assert cosines == sorted(cosines, reverse=True) and len(cosines) == N
    assert all(hit.probability is None and hit.words == "uncalibrated" for hit in found.hits)
    assert not found.nothing and Direction(TEXT, IMAGE) in found.uncalibrated
    assert "this space has seen no pairs of these views" in found.advice
    json.dumps(found.to_json(), allow_nan=False)


def test_only_directions_of_hits_are_said_to_have_no_probability(
    store: Store, folder: Path
) -> None:
    both = store.search(ASKED, k=2 * N, words=False)
    assert {each.gallery for each in both.uncalibrated} == {hit.view for hit in both.hits}
    picture = next(iter(sorted(folder.glob("*.png"))))
    within = store.search(ASKED, within=picture, words=False)
    assert {hit.view for hit in within.hits} == {IMAGE}
    assert list(within.uncalibrated) == [Direction(TEXT, IMAGE)]


def test_views_are_merged_by_what_stands_out_among_items_of_the_store(store: Store) -> None:
    """Texts lie nearer to a text by the gap between the cones, which says nothing of content."""
    assert GAP > 1
    found = store.search(ASKED, SearchOptions(k=20, words=False))
    views = [hit.view for hit in found.hits]
    assert 4 <= views.count(IMAGE) <= 16
    spread = {hit.view: hit.prominence for hit in reversed(found.hits)}
    assert all(np.isfinite(value) and abs(value) < 10 for value in spread.values())


def test_a_hit_is_explained_without_training_pairs(store: Store, folder: Path) -> None:
    hit = store.search(ASKED, SearchOptions(k=1, views=(IMAGE,), words=False)).hits[0]
    told = store.explain(ASKED, hit.id)
    assert told.score == pytest.approx(hit.cosine, abs=1e-5)
    assert told.pairs.ids == [] and told.pairs.residual == pytest.approx(told.score)


def test_classes_are_weighed_with_the_temperature_of_the_model(
    space: Space, folder: Path, scenes: shapes.Dataset
) -> None:
    names = list(shapes.ATTRIBUTES["colour"])
    files = [folder / f"{record.id}.png" for record in scenes.records]
    found = classify(space, files, names)
    truth = [str(record.group).split()[0] for record in scenes.records]
    labels = [each.label for each in found.items]
    assert np.mean([a == b for a, b in zip(labels, truth, strict=True)]) > 0.4  # chance: 1 in 7
    sure = [each.probability for each in found.items]
    assert np.median(sure) > 0.5  # with the scale of other spaces it is about .2


def test_classes_by_examples_need_no_bank(
    space: Space, folder: Path, scenes: shapes.Dataset
) -> None:
    shots: dict[str, list[Path]] = {}
    for record in scenes.records:
        colour = str(record.group).split()[0]
        shots.setdefault(colour, []).append(folder / f"{record.id}.png")
    shots = {colour: files[:2] for colour, files in shots.items() if colour in ("red", "blue")}
    found = classify(space, [shots["red"][0]], shots=shots)
    assert found.items[0].label == "red"


def test_labels_need_probabilities_and_say_so(space: Space, folder: Path) -> None:
    with pytest.raises(InputError, match="no calibration from text to image"):
        annotate(space, sorted(folder.glob("*.png"))[:3], ["a red star", "a blue circle"])


def test_a_saved_store_and_a_server_know_it_too(space: Space, folder: Path, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    with Store.open(tmp_path / "store", space) as made:
        made.add(folder)
        app = create_app(made, Settings())
        with TestClient(app, base_url="http://127.0.0.1") as client:
            answer = client.post("/api/search", json={"query": ASKED, "k": 5}).json()
            assert len(answer["hits"]) == 5 and answer["advice"]
            for page in ("/api/status", "/api/map", "/api/items"):
                assert client.get(page).status_code == 200
            hit = answer["hits"][0]["id"]
            told = client.post("/api/explain", json={"query": ASKED, "item": hit})
            assert told.status_code == 200, told.text
            json.loads(told.text, parse_constant=pytest.fail)
    again = Space.load(tmp_path / "store" / "space")
    assert again.fingerprint == space.fingerprint and len(again.banks[TEXT]) == 0


def test_a_page_on_records_says_what_it_is(
    space: Space, scenes: shapes.Dataset, tmp_path: Path
) -> None:
    from isthmus.pipeline import prepare

    dataset = scenes.select([TEXT, IMAGE])
    pairs = prepare(dataset, {view: space.encoder(view) for view in (TEXT, IMAGE)}).pairs
    found = evaluate(space.heads, space.banks, pairs, csls_strength=space.csls_strength)
    assert found[Direction(TEXT, IMAGE)].instance.r10 > 0.7
    page = report_on(
        tmp_path / "page.html", space, pairs, dataset, title="Scenes", evaluation=found
    ).read_text()
    assert "It learned from no records of yours" in page and "licence: CC0-1.0" in page
    assert "search shows an order, and no probabilities" in page
    x = space.transform(pairs.vectors[TEXT], TEXT) @ space.transform(pairs.vectors[IMAGE], IMAGE).T
    assert np.isfinite(hubness_skew(x))
