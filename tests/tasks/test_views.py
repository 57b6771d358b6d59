"""A store of a space whose views share modalities, with names that hold arrows and blanks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ANSWER, BACK, CAPTION, FRONT, VIEWS

from isthmus.core.errors import InputError
from isthmus.core.view import Direction
from isthmus.core.wording import speaking
from isthmus.prompts import Prompt
from isthmus.report.pages.explanation.words import sentences
from isthmus.space import Space
from isthmus.store import content_id, item_id
from isthmus.tasks import Store
from isthmus.tasks.prompting import spelling_note


@pytest.fixture
def store(stored_views: Path, tmp_path: Path) -> Store:
    return Store.open(shutil.copytree(stored_views, tmp_path / "store"))


def test_the_space_has_four_views_of_two_modalities(shared: Space) -> None:
    assert set(shared.views) == set(VIEWS)
    assert shared.modalities == {v: "text" if v in (CAPTION, ANSWER) else "image" for v in VIEWS}


def test_every_view_is_stored_by_itself(store: Store, shared: Space, tmp_path: Path) -> None:
    assert store.status().items == dict.fromkeys(VIEWS, 20)
    store.close()
    with Store.open(tmp_path / "store") as again:
        assert again.status().items == dict.fromkeys(VIEWS, 20)
        assert again.space.fingerprint == shared.fingerprint
        assert {entry.view for entry in again.backend.entries()} == set(VIEWS)


def test_it_is_searched_by_view(store: Store, folders: dict[str, Path]) -> None:
    ranks = []
    for place in range(20):
        words = (folders[CAPTION] / f"{place}.txt").read_text(encoding="utf-8")
        found = store.search(words, k=20, views=BACK, asked_as=CAPTION, words=False).hits
        assert {(hit.view, hit.modality) for hit in found} == {(BACK, "image")}
        assert all(hit.probability is not None for hit in found)
        ranks.append([Path(hit.source).name for hit in found].index(f"{place}.png"))
    assert np.mean(ranks) < 5  # chance is 9.5
    both = store.search(Prompt.file(folders[FRONT] / "3.png", view=FRONT), views=[FRONT, ANSWER])
    assert {hit.view for hit in both.hits} == {FRONT, ANSWER}
    assert both.hits[0].source == str(folders[FRONT] / "3.png")


def test_parts_of_one_query_are_of_several_views(store: Store, folders: dict[str, Path]) -> None:
    front, back = folders[FRONT] / "3.png", folders[BACK] / "3.png"
    made = Prompt.file(front, view=FRONT) + Prompt.file(back, view=BACK)
    typed = Prompt.parse(f'{FRONT}:file:"{front}" + "{BACK}":file:"{back}"', views=VIEWS)
    assert typed == made
    hits = store.search(made, k=5).hits
    assert [hit.id for hit in store.search(str(made), k=5).hits] == [hit.id for hit in hits]
    assert "3" in {Path(hit.source).stem for hit in hits[:2]}


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda s, f: s.search("red"), "which one is meant: asked_as='caption→en'"),
        (lambda s, f: s.search(f[FRONT] / "1.png"), "photo – b and photo_a all read image"),
        (lambda s, f: s.search("red", asked_as=FRONT), "all read text"),
        (lambda s, f: s.search("red", asked_as=[CAPTION, ANSWER]), "all read text"),
        (lambda s, f: s.search(Prompt.text("red", view=FRONT)), "reads image, but this is text"),
        (lambda s, f: s.search(Prompt.text("red", view="x")), "no view 'x'; its views are"),
        (lambda s, f: s.add(f[FRONT]), "belong to: views='photo – b'"),
        (lambda s, f: s.add(f[FRONT], views="x"), "no view 'x'"),
        (lambda s, f: s.explain("red", f[FRONT] / "1.png"), "asked_as="),
    ],
)
def test_what_may_belong_to_several_views_says_the_way_out(
    shared: Space, folders: dict[str, Path], ask: object, says: str
) -> None:
    assert callable(ask)
    with pytest.raises(InputError, match=says):
        ask(Store.in_memory(shared), folders)


def test_a_shell_is_told_what_to_type_there(shared: Space, folders: dict[str, Path]) -> None:
    store = Store.in_memory(shared)
    with speaking("shell"):
        with pytest.raises(InputError, match="which one is meant: --as 'caption→en'"):
            store.search("red")
        with pytest.raises(InputError, match="belong to: --view 'photo – b'"):
            store.add(folders[FRONT])


def test_the_same_content_is_in_each_of_its_views(
    shared: Space, folders: dict[str, Path], tmp_path: Path
) -> None:
    one = folders[FRONT] / "1.png"
    twin = shutil.copy(one, tmp_path / "twin.png")
    with Store.in_memory(shared) as store:
        (first,) = store.add(one, views=FRONT).added
        (second,) = store.add(twin, views=BACK).added
        assert content_id(first) == content_id(second) and first != second
        assert first == item_id(content_id(first), FRONT)
        assert [store.get(each).view for each in (first, second)] == [FRONT, BACK]
        hits = store.search(Prompt.stored(first), views=BACK).hits
        assert [hit.id for hit in hits] == [second]
        assert store.item(second).id == content_id(first)
        assert len(store.forget(views=FRONT)) == 1
        assert [entry.id for entry in store.backend.entries()] == [second]


def test_a_file_that_belongs_to_another_view_now_moves_there(
    shared: Space, folders: dict[str, Path]
) -> None:
    one = folders[FRONT] / "1.png"
    with Store.in_memory(shared) as store:
        store.add(one, views=FRONT)
        assert store.add(one, views=FRONT).unchanged == 1
        report = store.add(one, views=BACK)
        assert (len(report.added), len(report.dropped)) == (1, 1)
        assert store.status().items == {BACK: 1}


def test_items_are_forgotten_by_view(store: Store, folders: dict[str, Path]) -> None:
    assert len(store.forget([folders[FRONT], folders[BACK] / "1.png"], views=BACK)) == 1
    assert len(store.forget(views=ANSWER)) == 20
    assert store.status().items == {FRONT: 20, BACK: 19, CAPTION: 20}


def test_a_note_on_spelling_knows_which_view_a_query_is_of(store: Store) -> None:
    assert spelling_note(store.space, Prompt("red"), (CAPTION,)) == ""
    with pytest.raises(InputError, match="which one is meant"):
        spelling_note(store.space, Prompt("red"))


def test_an_explanation_names_its_views(store: Store, folders: dict[str, Path]) -> None:
    hit = store.search("a large red circle", views=BACK, asked_as=CAPTION, words=False).hits[0]
    made = store.explain("a large red circle", hit.id, asked_as=CAPTION)
    assert (made.query.view, made.item.view) == (CAPTION, BACK)
    assert made.score == pytest.approx(hit.cosine, abs=1e-4)
    assert made.probability == pytest.approx(hit.probability, abs=1e-3)
    assert made.item.baseline + made.item.values.sum() == pytest.approx(made.score, abs=1e-5)
    asked = Prompt.text("a large red circle", view=ANSWER)
    item = replace(store.item(hit.id))
    other = store.explain(asked, item, item_view=FRONT)
    assert (other.query.view, other.item.view) == (ANSWER, FRONT)
    assert other.score != pytest.approx(made.score, abs=1e-3)
    assert "pictures in the training data in the view photo – b." in sentences(made)[0]


def test_a_space_is_saved_with_its_views(shared: Space, tmp_path: Path) -> None:
    again = Space.load(shared.save(tmp_path / "space"))
    assert again.fingerprint == shared.fingerprint and again.modalities == shared.modalities
    assert Direction(CAPTION, BACK) in again.calibration
    assert Direction(FRONT, BACK) in again.calibration
