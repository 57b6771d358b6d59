"""Files of a space and a store that are damaged or forged: a typed error that names them, or none.

``ISTHMUS_FUZZ=10000`` runs so many mutations instead of a few.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.running import run
from tests.fuzzing import copied, fuzzed, garbled, mutated, set_at, tried
from tests.space.forging import forge, forge_tensors, made, refit, refit_anyway

from isthmus.core.artifact import DOCUMENT, TENSORS
from isthmus.core.errors import ArtifactError, IsthmusError
from isthmus.space import Space
from isthmus.tasks import Store

QUERIES = {"text": "a fox", "sensor": np.ones(5, dtype=np.float32)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made().save(tmp_path_factory.mktemp("made") / "space")


@pytest.fixture
def space(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "space"))


def use(folder: Path) -> None:
    """Load a space, and do with it what commands do."""
    loaded = Space.load(folder)
    for view in loaded.views:
        loaded.encoder(view)
        rows = loaded.transform(np.ones((2, loaded.heads[view].input_dim)), view)
        assert np.isfinite(rows).all()
        near = loaded.query_background(rows[:1], view, view)
        for each in loaded.calibration.values():
            chance = each.probability(np.ones(1), np.ones(1), near, 99)
            assert ((chance >= 0) & (chance <= 1)).all()
            each.conformal(0.9)
        loaded.score(rows, view, rows, view)
    for view in set(loaded.views) & set(QUERIES):
        loaded.embed([QUERIES[view]], view)
    assert repr(loaded)
    loaded.save(folder.parent / "again")


HEAD = ("views", 0, "head")
ENCODER = ("views", 0, "encoder")
PROMPT = ("prompts", 0)
LEARNED = ("calibration", 0, "learned")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: {}, "the key 'views' is missing"),
        (lambda d: [], "is damaged"),
        (set_at("views", []), "1 to 127 views"),
        (set_at("views", {}), "need list"),
        (set_at("csls_strength", "x"), "csls_strength: need float, got 'x'"),
        (set_at("csls_strength", 2), "must be 0 to 1, got 2"),
        (set_at("csls_strength", True), "need float"),
        (set_at(*HEAD, "kind", "../../etc/passwd"), r"unknown kind of head '\.\./\.\./etc/passwd'"),
        (set_at(*HEAD, "kind", ["linear"]), "need str"),
        (set_at(*HEAD, "kind", "mlp"), "the key 'sharpness' is missing"),
        (set_at(*HEAD, "state", {"a": 1}), "the key 'a' is unknown"),
        (set_at("views", 1, "head", "state", "parts", 0, "state", "k", 0), "at least 1"),
        (set_at("views", 1, "head", "state", "weights", [1.0]), "a weight for each part"),
        (set_at("views", 1, "view", "text"), "each of a name of its own"),
        (set_at("views", 1, "view", " "), "a view needs a name"),
        (set_at(*ENCODER, "modality", "smell"), "no modality 'smell'"),
        (set_at(*ENCODER, "dim", 9), "takes 8 numbers, its encoder gives 9"),
        (set_at(*ENCODER, "dim", 8.0), "need int"),
        (set_at(*ENCODER, "options", []), "need dict"),
        (set_at("views", 0, "bank_ids", ["a"]), "12 rows, but 1 id;"),
        (set_at(*LEARNED, "weights", [1.0]), "weights cannot be"),
        (set_at(*LEARNED, "weights", [1e300] * 4), "weights or intercept cannot be"),
        (set_at(*LEARNED, "gallery", 0), "gallery or pairs"),
        (set_at(*LEARNED, "true_probabilities", [0.5, 0.1]), "do not ascend"),
        (set_at("calibration", 0, "direction", "query", "smell"), "not both are views"),
        (set_at("report", {"kind": "aligned", "report": {}}), "the key 'data' is missing"),
        (set_at("report", 3), "its kind is not known"),
        (set_at("prompts", {}), "need list"),
        (set_at(*PROMPT, "name", "../x"), r"the name of a prompt has 1 to 80 letters"),
        (set_at(*PROMPT, "name", "a" * 81), r"the name of a prompt has 1 to 80 letters"),
        (set_at(*PROMPT, "name", "colours"), "each of a name of its own"),
        (set_at(*PROMPT, "part", "spell"), "need one of 'content', 'style'"),
        (set_at(*PROMPT, "view", "smell"), "of the view 'smell', which the space has not"),
        (set_at(*PROMPT, "examples", 0), "at least one example, got 0"),
        (set_at(*PROMPT, "background", -1), "got 3 and -1"),
        (set_at(*PROMPT, "examples", "3"), "need int"),
        (set_at(*PROMPT, "more", 1), "the key 'more' is unknown"),
        (set_at("prompts", 1, "part", "style"), "must be orthonormal, and one"),
    ],
)
def test_a_document_that_does_not_fit(space: Path, change: Any, says: str) -> None:
    forge(space, change)
    with pytest.raises(IsthmusError, match=says) as caught:
        Space.load(space)
    assert isinstance(caught.value, ArtifactError)
    assert str(space) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"head__0__weight": np.ones((7, 4), "f4")}, r"weight: need the shape \(d=8, k\)"),
        ({"head__0__weight": np.ones((8, 4), "i4")}, "need floats, got int32"),
        ({"head__0__weight": np.full((8, 4), np.nan, "f4")}, "NaN or infinite"),
        ({"head__0__weight": np.full((8, 4), 1e300)}, "NaN or infinite"),
        (
            {"head__0__weight": np.ones((8, 3), "f4"), "bank__0": np.ones((12, 3), "f4")},
            "spaces of different dimensions",
        ),
        ({"head__0__weight": np.ones((8, 0), "f4")}, "need the shape"),
        ({"head__0__weight": None}, "'weight' is missing"),
        ({"head__0__more": np.ones(1, "f4")}, "'more' is unknown"),
        ({"head__1__7__mean": np.ones(1, "f4")}, "arrays of no part"),
        ({"bank__0": None}, "got nothing"),
        ({"bank__0": np.ones((0, 4), "f4")}, r"got float32 \(0, 4\)"),
        ({"bank__0": np.full((12, 4), np.inf, "f4")}, "NaN or infinite"),
        ({"native__0": np.ones((6, 9), "f2")}, r"need floats \(rows, 8\)"),
        ({"prompt__0": None}, r"the prompt 'ink': need floats \(rows, 4\), got nothing"),
        ({"prompt__0": np.ones((1, 3), "f4")}, r"got float32 \(1, 3\)"),
        ({"prompt__0": np.ones((1, 4), "i4")}, r"got int32 \(1, 4\)"),
        ({"prompt__0": np.ones((1, 4), "f4")}, "must be orthonormal"),
        ({"prompt__0": np.full((1, 4), np.nan, "f4")}, "must be orthonormal"),
        ({"prompt__0": np.full((1, 4), 1e300)}, "must be orthonormal"),
        ({"prompt__0": np.zeros((0, 4), "f4")}, "must be orthonormal"),
        ({"prompt__1": np.eye(5, 4, dtype="f4")}, "must be orthonormal"),
    ],
)
def test_tensors_that_do_not_fit(space: Path, changes: dict[str, Any], says: str) -> None:
    forge_tensors(space, **changes)
    with pytest.raises(ArtifactError, match=says) as caught:
        Space.load(space)
    assert str(space) in str(caught.value)


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        ("state", {"encoder": "tfidf", "dim": 8, "vocabulary": "ab"}, "need list"),
        ("state", {"encoder": "tfidf", "dim": 8, "vocabulary": ["a", "a"]}, "2 words need idf"),
        ("state", {"encoder": "tfidf", "dim": "8", "vocabulary": []}, "need int"),
        ("state", {"vocabulary": []}, "'encoder' is missing"),
    ],
)
def test_what_an_encoder_learned_has_types(space: Path, where: str, value: Any, says: str) -> None:
    forge(space, set_at(*ENCODER, where, value))
    loaded = Space.load(space)
    with pytest.raises(ArtifactError, match=says):
        loaded.encoder("text")


def _unusual(kind: str, path: Path) -> None:
    """Put something else in the place of a file."""
    whole = path.read_bytes()
    path.unlink()
    if kind == "link":
        path.with_name("elsewhere").write_bytes(whole)
        path.symlink_to("elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "deep":
        path.write_bytes(b"[" * 2_000_000)
    elif kind == "header":
        path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    else:
        path.write_bytes(b'{"document": {}}')


UNUSUAL = ("link", "pipe", "folder", "deep", "header", "empty")


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("name", [DOCUMENT, TENSORS])
def test_a_file_of_a_space_that_is_none(space: Path, name: str, kind: str) -> None:
    _unusual(kind, space / name)
    with pytest.raises(ArtifactError, match=name) as caught:
        Space.load(space)
    assert str(space) in str(caught.value)
    done = run("embed", space, "a fox", "--view", "text", "--json")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


@pytest.fixture(scope="module")
def store(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stored")
    (root / "texts").mkdir()
    for number, caption in enumerate(("a red fox", "a blue whale", "a green frog")):
        (root / "texts" / f"{number}.txt").write_text(caption)
    with Store.open(root / "store", Space.load(saved)) as opened:
        assert len(opened.add(root / "texts").added) == 3
    return root / "store"


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("name", ["store.json", f"space/{DOCUMENT}", f"space/{TENSORS}"])
def test_a_file_of_a_store_that_is_none(store: Path, tmp_path: Path, name: str, kind: str) -> None:
    folder = shutil.copytree(store, tmp_path / "store")
    _unusual(kind, folder / name)
    for arguments in (("doctor",), ("status",), ("search", "fox"), ("serve", "--port", "0")):
        done = run(*arguments, "--store", folder)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
        assert Path(name).name in done.stderr


@pytest.mark.parametrize("name", ["space", "tables", "tables/items.lance", "lock", "epoch"])
def test_links_of_a_store_are_not_followed(store: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(store, tmp_path / "store")
    path = folder / name
    if not path.exists():
        path.touch()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=f"{name} is a link"):
        Store.open(folder)


@fuzzed(0.5)
@given(st.data())
def test_fuzzed_documents_whose_checksums_fit(
    saved: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with copied(saved, tmp_path_factory) as folder:
        whole = json.loads((saved / DOCUMENT).read_bytes())
        whole["document"] = mutated(data.draw, whole["document"])
        try:
            refit(folder, whole)
        except UnicodeEncodeError:
            return
        tried(lambda: use(folder))


@fuzzed(0.2)
@given(st.data())
def test_fuzzed_bytes_of_a_space(
    saved: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with copied(saved, tmp_path_factory) as folder:
        path = folder / data.draw(st.sampled_from((DOCUMENT, TENSORS)))
        path.write_bytes(garbled(data.draw, path.read_bytes()))
        if path.name == TENSORS and data.draw(st.booleans()):  # an attacker can hash, too
            refit_anyway(folder)
        tried(lambda: use(folder))


@fuzzed(0.3)
@given(st.data())
def test_fuzzed_files_of_a_store(
    store: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with copied(store, tmp_path_factory) as folder:
        files = sorted(
            path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock",)
        )
        path = data.draw(st.sampled_from(files))
        path.write_bytes(garbled(data.draw, path.read_bytes()))

        def action() -> None:
            with Store.open(folder) as opened:
                opened.status()
                opened.search("a fox")
                opened.check(deep=True)

        tried(action)
