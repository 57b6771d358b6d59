"""Prompts that are saved in a space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.space.forging import forge, forge_tensors, made

from isthmus.core.artifact import DOCUMENT
from isthmus.core.errors import InputError
from isthmus.prompts import LearnedPrompt
from isthmus.prompts.typed import PARTS
from isthmus.space import Space
from isthmus.space.prompts import MOST, changed
from isthmus.tasks import Store

ROW = np.eye(1, 4, dtype=np.float32)


def test_they_come_back_as_they_were_saved(tmp_path: Path) -> None:
    space = made()
    again = Space.load(space.save(tmp_path / "space", compact=True))
    assert list(again.prompts) == ["ink", "colours"]
    for name, prompt in space.prompts.items():
        found = again.prompts[name]
        assert (found.part, found.view) == (prompt.part, prompt.view)
        assert (found.examples, found.background) == (prompt.examples, prompt.background)
        assert np.array_equal(found.rows, prompt.rows)


def test_they_are_no_part_of_the_fingerprint(tmp_path: Path) -> None:
    """A store is bound to it, and its vectors stay valid."""
    space = made()
    before = space.fingerprint
    with Store.open(tmp_path / "store", space) as store:
        store.save_prompts({"more": LearnedPrompt("context", "text", ROW, 1), "ink": None})
        assert store.space.fingerprint == before
    with Store.open(tmp_path / "store", made()) as store:
        assert list(store.space.prompts) == ["colours", "more", "ink"]  # and of what is given
    with Store.open(tmp_path / "store") as store:
        assert list(store.space.prompts) == ["colours", "more"]


def test_spaces_of_before_have_none_and_write_none(tmp_path: Path) -> None:
    folder = made().save(tmp_path / "space")
    forge(folder, lambda document: document.pop("prompts") and None)
    forge_tensors(folder, prompt__0=None, prompt__1=None)
    old = Space.load(folder)
    assert old.prompts == {}
    document = json.loads((old.save(tmp_path / "again") / DOCUMENT).read_bytes())["document"]
    assert "prompts" not in document


def test_two_programs_save_in_one_store(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store", made()) as one, Store.open(tmp_path / "store") as other:
        one.save_prompts({"first": LearnedPrompt("style", "text", ROW, 1)})
        other.save_prompts({"second": LearnedPrompt("style", "text", ROW, 1)})
        assert {"first", "second"} < set(other.space.prompts)


def test_a_store_in_memory_keeps_them_while_it_lives() -> None:
    store = Store.in_memory(made())
    store.save_prompts({"first": LearnedPrompt("style", "text", ROW, 1)})
    assert list(store.space.prompts) == ["ink", "colours", "first"]
    with pytest.raises(InputError, match=r"no prompt is saved as 'firs'\. Did you mean 'first'"):
        store.save_prompts({"firs": None})


def test_a_prompt_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    first, second = (LearnedPrompt("style", "text", ROW, n) for n in (1, 2))
    with Store.open(tmp_path / "store", made()) as store, Store.open(tmp_path / "store") as other:
        store.save_prompts({"é": first})
        for each, name in ((store, "é"), (other, "e\u0301")):
            with pytest.raises(InputError, match=r"@é is saved already; .* overwrite=True"):
                each.save_prompts({"new": second, name: second})
        assert Store.open(tmp_path / "store").space.prompts["é"].examples == 1
        assert "new" not in store.space.prompts
        other.save_prompts({"é": second}, overwrite=True)
        assert Store.open(tmp_path / "store").space.prompts["é"].examples == 2
        other.save_prompts({"é": None})
        other.save_prompts({"é": first})
    memory = Store.in_memory(made())
    with pytest.raises(InputError, match="@ink is saved already"):
        memory.save_prompts({"ink": first})


@pytest.mark.parametrize("name", ["", "two words", "a/b", "@ink", "a" * 81, "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InputError, match="the name of a prompt has 1 to 80 letters"):
        changed({}, {name: LearnedPrompt("style", "text", ROW, 1)})


def test_a_prompt_of_another_space_is_not_saved(tmp_path: Path) -> None:
    space = made()
    for view, row in (("smell", ROW), ("text", np.eye(1, 5, dtype=np.float32))):
        space.prompts["odd"] = LearnedPrompt("style", view, row, 1)
        with pytest.raises(InputError, match="the prompt 'odd' was learned in another space"):
            space.save(tmp_path / "space")
    assert not (tmp_path / "space").exists()


def test_names_of_any_language_and_no_more_than_a_space_keeps() -> None:
    one = LearnedPrompt("style", "text", ROW, 1)
    assert list(changed({}, {"水彩": one, "ink-2.b_c": one})) == ["水彩", "ink-2.b_c"]
    with pytest.raises(InputError, match=f"a space keeps {MOST} prompts"):
        changed({f"p{n}": one for n in range(MOST)}, {"more": one})


@pytest.mark.parametrize("part", PARTS)
def test_what_is_learned_is_what_the_formula_says(part: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    like, unlike, typical = rows[:3], rows[3:], rows.mean(axis=0)
    found = LearnedPrompt.learn(like, "v", part=part, typical=typical, background=unlike)
    assert (found.examples, found.background) == (3, 3)
    alone = LearnedPrompt.learn(like, "v", part=part, typical=typical)
    if found.guides:
        centred = like - typical
        assert np.allclose(centred @ alone.rows.T @ alone.rows, centred, atol=1e-5)
        centred = like - unlike.mean(axis=0)
        assert np.allclose(centred @ found.rows.T @ found.rows, centred, atol=1e-5)
        return
    mean = like.mean(axis=0)
    assert np.allclose(alone.rows[0], mean / np.linalg.norm(mean), atol=1e-6)
    mean = mean - unlike.mean(axis=0)
    assert np.allclose(found.rows[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_examples_that_say_nothing() -> None:
    rows = np.eye(2, 4, dtype=np.float32)
    zero = np.zeros(4, dtype=np.float32)
    with pytest.raises(InputError, match="no different from the background"):
        LearnedPrompt.learn(rows, "v", typical=zero, background=rows[::-1])
    with pytest.raises(InputError, match="cancel each other out"):
        LearnedPrompt.learn(np.stack([rows[0], -rows[0]]), "v", typical=zero)
    with pytest.raises(InputError, match="do not differ from a typical item"):
        LearnedPrompt.learn(rows[:1], "v", part="ignore", typical=rows[0])
    with pytest.raises(InputError, match="differ in all 4 dimensions"):
        LearnedPrompt.learn(np.eye(4, dtype=np.float32), "v", part="only", typical=zero)


def test_an_open_store_sees_what_others_save_and_forget(tmp_path: Path) -> None:
    mine = LearnedPrompt("style", "text", ROW, 1)
    with Store.open(tmp_path / "store", made()) as one, Store.open(tmp_path / "store") as other:
        other.space.prompts["mine"] = mine  # put into memory only
        one.save_prompts({"first": mine, "ink": None})
        other._prompts.look()
        assert set(other.space.prompts) == {"colours", "first", "mine"}
        assert np.array_equal(other.space.prompts["first"].rows, ROW)
        one.save_prompts({"first": None, "mine": LearnedPrompt("context", "text", ROW, 1)})
        other._prompts.look()
        assert set(other.space.prompts) == {"colours", "mine"}
        assert other.space.prompts["mine"] is mine  # its own counts before that of others
        other.save_prompts({"mine": None})
        one._prompts.look()
        assert set(one.space.prompts) == set(other.space.prompts) == {"colours"}


def test_a_folder_is_read_once_a_change_and_never_fails_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store" / "space"
    with Store.open(tmp_path / "store", made()) as store, Store.open(tmp_path / "store") as other:
        read: list[Path] = []
        load = Space.load

        def counted(path: Path, **more: object) -> Space:
            read.append(path)
            return load(path, **more)

        other.save_prompts({"first": LearnedPrompt("style", "text", ROW, 1)})
        monkeypatch.setattr(Space, "load", counted)
        for _ in range(3):
            store._prompts.look()
        assert read == [folder] and "first" in store.space.prompts
        folder.rename(folder.with_name("away"))  # as in the moment of being replaced
        store._prompts.look()
        folder.mkdir()
        (folder / DOCUMENT).write_text("{")
        store._prompts.look()
        assert set(store.space.prompts) == {"ink", "colours", "first"}


def test_a_name_is_kept_composed_however_it_is_written() -> None:
    known = changed({}, {"cafe\u0301": LearnedPrompt("style", "text", ROW, 1)})
    assert list(known) == ["caf\u00e9"]
    assert changed(known, {"cafe\u0301": None}) == {}
