"""Vectors of an encoder of the user's, from files to a store that is searched."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import Done, run

import isthmus as ist

N = 150


def arrays() -> dict[str, np.ndarray]:
    """Two views of hidden things, and what the things are called."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(N, 6))
    image = hidden @ rng.normal(size=(6, 30)) + 0.8 * rng.normal(size=(N, 30))
    text = hidden @ rng.normal(size=(6, 20)) + 0.8 * rng.normal(size=(N, 20))
    ids = np.array([f"thing-{i}" for i in range(N)])
    return {"image": image, "text": text, "ids": ids, "weight": hidden[:, 0]}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with arrays, a space of them and a store."""
    folder = tmp_path_factory.mktemp("vectors")
    np.savez(folder / "pairs.npz", **arrays())
    align = ("align", "pairs.npz", "--out", "space", "--aligner", "cca", "-p", "ridge=1")
    assert run(*align, cwd=folder).returncode == 0
    index = ("index", "pairs.npz", "--space", "space", "--store", "store")
    done = run(*index, cwd=folder)
    assert done.returncode == 0 and f"Added {2 * N} items" in done.stdout
    return folder


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """The same in a folder of its own, which may be changed."""
    shutil.copy(made / "pairs.npz", tmp_path)
    shutil.copytree(made / "space", tmp_path / "space")
    run("index", "pairs.npz", "--space", "space", "--store", "store", cwd=tmp_path)
    return tmp_path


def found(done: Done) -> list[str]:
    return [hit["source"].partition("pairs.npz/")[2] for hit in json.loads(done.stdout)["hits"]]


def test_held_out_figures_are_those_of_python(made: Path) -> None:
    known = arrays()
    given = {"image": known["image"], "text": known["text"]}
    there = ist.Space.load(made / "space").report
    here = ist.align(given, aligner="cca", params={"ridge": 1.0}).report
    assert there.held_out == here.held_out
    assert there.held_out[ist.Direction("text", "image")].instance.r10.mean > 0.8


def test_a_folder_of_arrays_gives_the_figures_of_one_file(made: Path, tmp_path: Path) -> None:
    for name, x in arrays().items():
        np.save(tmp_path / f"{name}.npy", np.asfortranarray(x))
    said = [
        json.loads(run("eval", made / "space", data, "--json").stdout)["directions"]
        for data in (made / "pairs.npz", tmp_path)
    ]
    assert said[0] == said[1]


@pytest.mark.parametrize("command", ["eval", "index", "predict", "embed"])
def test_another_dimension_is_refused_with_both_numbers(command: str, mine: Path) -> None:
    known = arrays()
    np.savez(mine / "other.npz", **{**known, "image": known["image"][:, :12]})
    if command == "predict":
        fit = ("predict", "fit", "pairs.npz", "--target", "weight", "--out", "model")
        assert run(*fit, "--budget", "1s", cwd=mine).returncode == 0
    typed = {
        "eval": ("eval", "space", "other.npz"),
        "index": ("index", "other.npz", "--store", "store"),
        "predict": ("predict", "run", "model", "other.npz"),
        "embed": ("embed", "space", "other.npz", "--view", "image", "--out", "out.npz"),
    }[command]
    done = run(*typed, cwd=mine)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "other.npz" in told and "image" in told and "12" in told and "30" in told


def test_vectors_replace_only_vectors_that_were_written_before(mine: Path) -> None:
    np.save(mine / "x.npy", arrays()["image"])
    np.savez(mine / "keep.npz", vectors=np.eye(3))
    before = {path: path.read_bytes() for path in mine.glob("*.np?")}
    embed = ("embed", "space", "--view", "image")
    for given, output, said in (
        ("x.npy", "x.npy", "x.npy is read, so it is not written; give another name"),
        ("pairs.npz/image/thing-1", "pairs.npz", "pairs.npz is read, so it is not written"),
        ("x.npy", "keep.npz", "keep.npz is there and is no file of this command"),
        ("x.npy", "new.npy", "new.npy: give a name that ends with .npz"),
    ):
        done = run(*embed, given, "--out", output, cwd=mine)
        assert done.returncode == 1 and said in done.stderr
    assert before == {path: path.read_bytes() for path in mine.glob("*.np?")}
    for given in ("x.npy", "x.npy/3"):
        assert run(*embed, given, "--out", "new.npz", cwd=mine).returncode == 0
    with np.load(mine / "new.npz", allow_pickle=False) as found:
        assert found["sources"].tolist() == ["x.npy/3"]


def test_a_row_of_a_file_that_is_not_there_is_no_words(made: Path) -> None:
    for typed in ("pair.npz/image/猫-7", "image.npy/7"):
        done = run("search", typed, "--store", "store", cwd=made)
        assert done.returncode == 1
        file = typed.partition("/")[0]
        assert f"there is no file '{file}'; if you mean words, type '\"{typed}\"'" in done.stderr
    said = run("search", "pair.npz/image/7", "--store", "store", cwd=made).stderr
    assert "Did you mean 'pairs.npz'?" in said
    said = run("search", "pairs.npz/image", "--store", "store", cwd=made).stderr
    assert "'pairs.npz/image' names no row; a row is pairs.npz/ARRAY/0; if you mean words" in said


def test_a_vector_finds_across_views_by_file_by_row_and_by_id(made: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "query.npy", arrays()["image"][5])
    asked = ("--view", "text", "--store", "store", "-k", "5", "--json")
    ways = [
        found(run("search", tmp_path / "query.npy", "--as", "image", *asked, cwd=made)),
        found(run("search", "pairs.npz/image/thing-5", *asked, cwd=made)),
        found(run("search", "id:thing-5", "--as", "image", *asked, cwd=made)),
    ]
    assert ways[0] == ways[1] == ways[2]
    assert "text/thing-5" in ways[0]
    space = ist.Space.load(made / "space")
    gallery = space.embed(arrays()["text"], "text").vectors
    query = space.embed(arrays()["image"][5:6], "image").vectors
    best = np.argsort(-space.score(query, "image", gallery, "text")[0], kind="stable")[:5]
    assert ways[0] == [f"text/thing-{i}" for i in best]


def test_things_like_a_row_that_the_store_does_not_hold_are_recommended(
    made: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "other.npz", **{**arrays(), "image": arrays()["image"] + 0.01})
    like = ("recommend", "store", "-k", "1", "--json", "--like")
    done = run(*like, tmp_path / "other.npz" / "image" / "thing-5", cwd=made)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "other.npz/image/thing-5" in said["query"] and len(said["items"]) == 1


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("a dog", "of a view of vectors no words, pictures or sounds are encoded: give a vector"),
        ("query.npy", "the views image and text all read vector; say which one is meant: --as"),
        ("pairs.npz/image/nobody", "there is no row 'nobody'; there are thing-0, thing-1"),
        ("pairs.npz/photo/thing-1", "there are no vectors 'photo'; the file has image, text"),
        ("id:thing-5", "2 files are named 'thing-5'"),
        ("none.npy", "there is no file 'none.npy'"),
        ("pairs.npz", "name a row of one of them, such as pairs.npz/ARRAY/0"),
    ],
)
def test_a_query_that_cannot_be_used_is_told_the_way_out(query: str, told: str, mine: Path) -> None:
    np.save(mine / "query.npy", arrays()["image"][5])
    done = run("search", query, "--store", "store", cwd=mine)
    assert done.returncode != 0 and told in done.stderr.replace("\n", " ")


def test_a_query_of_another_view_is_told_its_dimension(mine: Path) -> None:
    np.save(mine / "query.npy", arrays()["image"][5])
    done = run("search", "query.npy", "--as", "text", "--store", "store", cwd=mine)
    assert "query.npy: has vectors of 30 numbers" in done.stderr and "takes 20" in done.stderr


def test_a_changed_file_is_indexed_again_row_by_row(mine: Path) -> None:
    known = arrays()
    known["ids"][0] = "new-name"
    known["image"][[1, 2]] = known["image"][[2, 1]]
    known["image"][3] = -known["image"][3]
    known["image"][4, 0] = np.nan
    np.savez(mine / "pairs.npz", **{name: x[: N - 1] for name, x in known.items()})
    done = run("index", "pairs.npz", "--store", "store", "--json", cwd=mine)
    said = json.loads(done.stdout)
    assert done.returncode == 4 and said["added"] == 1
    moved = {
        (each["path"].rpartition("/")[2], each["from"].rpartition("/")[2]) for each in said["moved"]
    }
    assert moved == {("new-name", "thing-0"), ("thing-1", "thing-2"), ("thing-2", "thing-1")}
    gone = {path.rpartition("/")[2] for path in said["gone"]}
    assert gone == {"thing-0", f"thing-{N - 1}"}
    (broken,) = said["broken"]
    assert broken["source"].endswith("pairs.npz/image/thing-4") and "NaN" in broken["reason"]
    again = json.loads(run("index", "pairs.npz", "--store", "store", "--json", cwd=mine).stdout)
    assert again["added"] == 0 and again["unchanged"] == 2 * (N - 1)
    assert "no damage" in run("doctor", "--store", "store", "--deep", cwd=mine).stdout
    asked = ("search", "id:thing-2", "--as", "image", "--store", "store", "--view", "text")
    assert found(run(*asked, "--json", cwd=mine))[0] == "text/thing-1"


def test_a_file_that_cannot_be_read_keeps_its_items(mine: Path) -> None:
    (mine / "pairs.npz").write_bytes(b"PK not an archive")
    done = run("index", "pairs.npz", "--store", "store", "--json", cwd=mine)
    said = json.loads(done.stdout)
    assert done.returncode == 4 and not said["gone"]
    assert said["items"] == 2 * N


def test_files_that_cannot_be_read_are_listed_and_those_beside_them_indexed(mine: Path) -> None:
    known, folder = arrays(), mine / "mixed"
    folder.mkdir()
    np.savez(folder / "good.npz", image=known["image"][:3] + 1, text=known["text"][:3] + 1)
    ids = np.array([f"\ud800{row}" for row in range(3)])
    np.savez(folder / "ids.npz", image=known["image"][:3] + 2, ids=ids)
    for name, descr in (("header", b"()"), ("zero", b"'<U0'")):
        header = b"{'descr': %s, 'fortran_order': False, 'shape': (9, 2)}\n" % descr
        length = len(header).to_bytes(2, "little")
        (folder / f"{name}.npy").write_bytes(b"\x93NUMPY\1\0" + length + header)
    done = run("index", "mixed", "--store", "store", "--json", cwd=mine)
    said = json.loads(done.stdout)
    assert done.returncode == 4 and said["added"] == 6
    reasons = {Path(each["source"]).name: each["reason"] for each in said["broken"]}
    assert list(reasons) == ["header.npy", "ids.npz, ids, row 0", "zero.npy"]
    done = run("align", "mixed/ids.npz", "--out", "other", cwd=mine)
    assert done.returncode != 0 and "ids, row 0: is no text" in done.stderr


def test_forgetting_a_file_forgets_its_rows(mine: Path) -> None:
    assert (
        "Removed 1 item"
        in run("forget", "pairs.npz/text/thing-1", "--store", "store", cwd=mine).stdout
    )
    done = run("forget", "pairs.npz", "--store", "store", cwd=mine)
    assert f"Removed {2 * N - 1} items; the store now holds 0" in done.stdout


def test_arrays_of_any_name_belong_to_the_view_that_is_named(mine: Path) -> None:
    np.save(mine / "new.npy", arrays()["image"][:3] + 1)
    done = run("index", "new.npy", "--store", "store", cwd=mine)
    assert (
        done.returncode == 4 and "say which one these files belong to: --view image" in done.stderr
    )
    done = run("index", "new.npy", "--store", "store", "--view", "image", cwd=mine)
    assert done.returncode == 0 and "Added 3 items" in done.stdout
    done = run("index", "pairs.npz", "--store", "store", "--view", "text", "--json", cwd=mine)
    assert json.loads(done.stdout)["unchanged"] == N and done.returncode == 0


def test_a_space_remembers_which_array_was_which_view(tmp_path: Path) -> None:
    known = arrays()
    named = {"pictures": known["image"], "words": known["text"]}
    np.savez(tmp_path / "a.npz", **named)
    columns = ("--column", "pictures=image:vector", "--column", "words=text:vector")
    align = ("align", "a.npz", "--out", "space", "--aligner", "cca", "-p", "ridge=1", *columns)
    assert run(*align, cwd=tmp_path).returncode == 0
    assert run("eval", "space", "a.npz", cwd=tmp_path).returncode == 0
    done = run("index", "a.npz", "--space", "space", "--store", "store", cwd=tmp_path)
    assert done.returncode == 0 and f"Added {2 * N} items" in done.stdout


def test_a_space_without_a_view_of_vectors_passes_files_of_them_over(
    starter: None, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays())
    (tmp_path / "a.txt").write_text("a dog")
    done = run("index", tmp_path, "--store", tmp_path / "store", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["added"] == 1
    assert said["unsupported"][0]["reason"] == "holds vectors, and the space has no view of vectors"


def test_vectors_have_no_model_to_export(tmp_path: Path) -> None:
    done = run("export", "vectors", tmp_path / "made")
    assert done.returncode != 0 and "vectors of your own have no model" in done.stderr
