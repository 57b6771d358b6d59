"""Mistakes of people who read the README once: each gets one message, and what it advises works.

A row is what was typed, what the message must hold, and, of that, what is then run in its place.
"""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.running import run

import isthmus
from isthmus.core.errors import IsthmusError
from isthmus.core.record import Dataset
from isthmus.media import decode
from isthmus.space import Space, evaluate
from isthmus.tasks import Store

PAIRS = 12


@pytest.fixture(scope="module")
def place(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space, a store, photographs with captions, a table with columns of other names."""
    root = tmp_path_factory.mktemp("newcomer")
    photos = root / "photos"
    photos.mkdir()
    rows = [("photo", "title")]
    for number, record in enumerate(scenes.records[80 : 80 + PAIRS]):
        decode(record.items["image"]).save(photos / f"{number}.png")
        caption = record.items["text"].captions[0]
        (photos / f"{number}.txt").write_text(caption, encoding="utf-8")
        rows.append((f"photos/{number}.png", caption))
    decode(record.items["image"]).convert("RGB").save(root / "photo.jpg")
    with (root / "half.csv").open("w", encoding="utf-8", newline="") as handle:
        handle.write("photo,text\n" + "".join(f"photos/{i}.png,a {i}\n" for i in range(12)))
    with (root / "pairs.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(rows)
    same = "".join(f"a dog,photos/{number}.png\n" for number in range(PAIRS))
    (root / "same.csv").write_text(f"text,image\n{same}", encoding="utf-8")
    (root / "one.csv").write_text("text,image\na dog,photos/0.png\n", encoding="utf-8")
    (root / "one.jsonl").write_text('{"a": [1, 2], "b": [3, 4]}\n', encoding="utf-8")
    (root / "photos.zip").write_bytes(b"PK\3\4")
    (root / "alone").mkdir()
    shutil.copy(photos / "0.png", root / "alone" / "0.png")
    (root / "mixed").mkdir()
    (root / "mixed" / "notes.txt").write_text("mine", encoding="utf-8")
    for name in ("a.npy", "b.npy"):
        np.save(root / "mixed" / name, np.eye(4, dtype=np.float32))
    space.save(root / "my-space")
    with Store.open(root / "my-store", space) as store:
        store.add([photos / "0.png", photos / "1.png", photos / "1.txt"])
    return root


ON_THE_COMMAND_LINE = [
    # swapped, or one thing for another
    ("eval pairs.csv my-space", ["the space comes first"], ""),
    (
        "embed 'a red circle' my-space --out a.npz",
        ["the space comes first"],
        "isthmus embed my-space 'a red circle' --out a.npz",
    ),
    (
        "classify red,blue --classes photo.jpg --space my-space",
        ["got red,blue where files stand, and photo.jpg among the names", "follow --classes"],
        "isthmus classify photo.jpg --classes red,blue --space my-space",
    ),
    (
        "classify red blue photo.jpg --space=my-space",
        ["got red, blue where files stand; files and folders come first"],
        "isthmus classify photo.jpg --classes red,blue --space my-space",
    ),
    (
        "classify photos red,blue --space my-space",
        ["got red,blue where files stand"],
        "isthmus classify photos --classes red,blue --space my-space",
    ),
    (
        "classify red --classes photos,blue --space my-space",
        ["got red where files stand, and photos among the names"],
        "isthmus classify photos --classes red,blue --space my-space",
    ),
    (
        "annotate photos/0.png --labels red,photo.jpg --space my-space",
        ["got photo.jpg among the names", "names follow --labels"],
        "isthmus annotate photos/0.png photo.jpg --labels red --space my-space",
    ),
    ("classify none.png --classes red,blue", ["none.png: does not exist"], ""),
    (
        "classify frog photos/99.png toad photo.jpg --space my-space",
        ["got frog, toad where files stand", "There is nothing at photos/99.png. Did you mean"],
        "",
    ),
    (
        "annotate photos/0.png --labels red,photo.jpg,none.png --space my-space",
        ["got photo.jpg among the names", "There is nothing at none.png."],
        "",
    ),
    (
        "classify frog photo.jpg --space my-space",
        ["got frog where files stand", "Name two classes or more, for example: --classes cat,dog"],
        "",
    ),
    (
        "classify photos --classes photo.jpg --space my-space",
        ["got photo.jpg among the names", "Name two classes or more"],
        "",
    ),
    (
        "annotate --labels photo.jpg --space my-space",
        ["got photo.jpg among the names", "Name one label or more"],
        "",
    ),
    (
        "annotate --labels photo.jpg,red --store my-store",
        ["got photo.jpg among the names", "or a store with --store, and not both"],
        "",
    ),
    ("search circle -s my-space", ["is a space, and not a store"], "isthmus index PATHS --space"),
    ("search circle -s pairs.csv", ["is a file; a store is a folder"], ""),
    ('search "" -s my-store', ["InputError: the query is empty; type words, or the path"], ""),
    (
        "search circle -s my-store --within 00.png",
        ["the store holds no file '00.png', and there is none", "Did you mean '0.png'?"],
        "",
    ),
    (
        "search circle -s my-store --within nothing-like-it",
        ["there is none at this path. Give the name or the path of one that a search"],
        "",
    ),
    (
        "search circle -s my-store --within photo.jpg",
        ["no file 'photo.jpg'; index it with: isthmus index photo.jpg --store my-store"],
        "",
    ),
    (
        "search circle -s my-store --within ./photos/",
        ["is a folder, and within takes one file", "write: --where 'path~\"photos/*\"'"],
        "",
    ),
    ("eval my-store photos", ["is a store, and not a space", "my-store/space"], ""),
    ("eval nowhere photos", ["nowhere does not exist", "isthmus align DATA --out nowhere"], ""),
    ("eval my-spice photos", ["does not exist. Did you mean 'my-space'?"], ""),
    ("align my-space --out s", ["is a space, and not a data set"], ""),
    ("index photos -s my-space", ["is a space, and not a store"], ""),
    ("serve my-store", ["my-store is a store; write: --store my-store"], ""),
    (
        "search my-store 'a red circle'",
        ["holds no store. my-store is a store; write: --store my-store"],
        "",
    ),
    # names and options
    ("serach circle", ["Did you mean 'search'?", "Commands: demo,"], ""),
    ("nonsense", ["no such command 'nonsense'", "Commands: demo,"], ""),
    ("search circle -s my-store -m image", ["no option -m. Did you mean '--view'?"], ""),
    ("search circle -s my-store --view picture", ["no view 'picture'", "mean 'image'?"], ""),
    ("search circle -s my-store --views image", ["no option --views", "mean '--view'?"], ""),
    ("search circle -s my-store -k 0", ["'-k'", "greater than or equal to 1"], ""),
    ("search circle -s my-store --readout semantics", ["Did you mean 'semantic'?"], ""),
    ("search circle -s my-store --where nam:x", ["no field 'nam'", "fields: view,"], ""),
    ("search", ["missing argument 'query'", 'isthmus search "a red kangaroo"'], ""),
    ("align photos", ["'--out'", "isthmus align my-folder --out my-space"], ""),
    ("align photos -o s --aligner CCA", ["unknown aligner 'CCA'. Did you mean 'cca'?"], ""),
    ("align photos -o s --aligner cca -p rigde=3", ["Did you mean 'ridge'?"], ""),
    ("align photos -o s -p ridge=3", ["only for one aligner", "--aligner cca"], ""),
    ("align photos -o s --budget -5", ["--budget needs a time such as 30s", "'-5'"], ""),
    ("align photos -o s -e universal", ["VIEW=ID", "--encoder text=universal"], ""),
    ("align photos -o s -e text=univeral", ["Did you mean 'universal'?"], ""),
    ("align photos -o s -e universal=text", ["is a modality", "-e text=universal"], ""),
    ("align photos -o s -e text=my_pkg:X", ["no module 'my_pkg'", "pip", "PYTHONPATH"], ""),
    ("align photos -o s -e texts=tfidf", ["Did you mean 'text'?"], ""),
    ("align photos -o s -e image=tfidf", ["tfidf reads text", "its default encoder is"], ""),
    ("align photos -o my-space", ["already holds a space; replace it with --overwrite"], ""),
    # data
    ("data show pairs.csv", ["it has photo, title"], "--column photo=image --column title=text"),
    ("data show pairs.csv --column titel=text", ["no column 'titel'", "mean 'title'?"], ""),
    ("data show pairs.csv --column title", ["'title'", "--column title=text"], ""),
    ("data show pairs.csv --column title=caption", ["no modality 'caption'", "'text'?"], ""),
    ("data show photos.zip", ["Unpack it"], ""),
    ("data show shape", ["Did you mean 'shapes'?"], ""),
    ("data get tuxpant", ["Did you mean 'tuxpaint'?"], ""),
    ("align alone -o s -e image=color-hog", ["no record has two views", "the same name"], ""),
    ("align mixed -o s", ["two views", "row i of a.npy, b.npy belongs", "nothing else in it"], ""),
    ("align a.npy b.npy -o s", ["DATA is one place: if row i of a.npy, b.npy", "folder"], ""),
    ("align half.csv -o s -e text=tfidf", ["column photo names files", "photo=image"], ""),
    ("eval my-space half.csv", ["two views in common", "names files"], "--column photo=image"),
    (
        "align pairs.csv -o s --column title=image --column photo=text",
        ["no record has two views", "of 12 cells of the column title none is a file"],
        "",
    ),
    ("align one.csv -o s -e text=tfidf -e image=color-hog", ["tfidf", "got 1"], ""),
    ("align same.csv -o s -e text=tfidf -e image=color-hog", ["different captions", "got 1"], ""),
    ("align one.jsonl -o s", ["1 record has two views", "at least 10"], ""),
    # files
    ("search photos/none.png -s my-store", ["no file 'photos/none.png'", "if you mean words"], ""),
    ("search https://a.b/c.png -s my-store", ["download it first"], ""),
    ("search circle -s my-stroe", ["holds no store. Did you mean 'my-store'?"], ""),
    ("index nowhere -s my-store", ["there is no file or folder 'nowhere'"], ""),
    ("index phtos -s my-store", ["Did you mean 'photos'?"], ""),
    ("embed my-space circle", ["--out FILE.npz", "--json"], ""),
    ("explain circle id:none -s my-store", ["holds no item 'none'", "search … --json"], ""),
    ("forget -s my-store", ["--id or --view"], ""),
]


def _said(done: Any) -> str:
    assert "Traceback" not in done.stdout + done.stderr
    return str(done.stderr)


@pytest.mark.parametrize(("typed", "says", "works"), ON_THE_COMMAND_LINE)
def test_on_the_command_line(typed: str, says: list[str], works: str, place: Path) -> None:
    done = run(*shlex.split(typed), cwd=place)
    said = _said(done)
    assert done.returncode in (1, 2)
    assert all(part in said for part in [*says, works]), said
    for python in ("columns=", "by_group", "asked_as", "isthmus.align(", "trust=["):
        assert python not in said
    if typed.startswith(("classify", "annotate")) and not works:
        assert "Write: " not in said
    if works.startswith("isthmus ") and "PATHS" not in works:
        assert run(*shlex.split(works)[1:], cwd=place).returncode == 0
    elif works.startswith("--"):
        assert run(*shlex.split(f"{typed} {works}"), cwd=place).returncode == 0


def test_an_empty_query_is_no_folder(place: Path) -> None:
    done = run("search", "", "-s", "my-store", cwd=place)
    assert done.stderr.count("\n") == 1 and "folder" not in done.stderr


def test_a_swap_says_what_to_type_and_that_works(place: Path) -> None:
    columns = ["--column", "photo=image", "--column", "title=text"]
    done = run("eval", "pairs.csv", "my-space", *columns, cwd=place)
    typed = _said(done).rpartition("Write: ")[2]
    again = run(*shlex.split(typed)[1:], cwd=place)
    assert again.returncode == 0 and "text→image" in again.stdout


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (("classify", "Washington, D.C.", "Paris", "photo.jpg"), ["Washington, D.C.", "Paris"]),
        (("classify", "red,", "blue,", "red", "photo.jpg"), ["red", "blue"]),
        (("classify", "red, blue", "photo.jpg"), ["red", "blue"]),
        (("classify", '"a, b",c', "photo.jpg"), ["a, b", "c"]),
        (("classify", "it's", '5" pipe', '"', "photo.jpg"), ["it's", '5" pipe', '"']),
        (
            ("classify", "Washington, D.C.", "--classes", "photo.jpg,Paris"),
            ["Washington, D.C.", "Paris"],
        ),
        (("classify", "a\nb", "[d]", "--", "-c", "photo.jpg"), ["a\nb", "[d]", "-c"]),
        (("annotate", '"', "photo.jpg"), ['"']),
        (("annotate", '"red,blue', "photo.jpg"), ['"red,blue']),
        (("annotate", "Washington, D.C.", "photo.jpg"), ["Washington, D.C."]),
        (("annotate", "red", "photo.jpg", "--labels", 'photos,"a, b"'), ["red", "a, b"]),
    ],
    ids=lambda value: None if isinstance(value, list) else " ".join(value),
)
def test_names_among_files_are_proposed_as_they_were_typed(
    typed: tuple[str, ...], names: list[str], place: Path
) -> None:
    said = _said(run(typed[0], "--space", "my-space", *typed[1:], cwd=place))
    right = shlex.split(said.partition("Write: ")[2])
    flag = "--classes" if typed[0] == "classify" else "--labels"
    assert next(csv.reader([right[right.index(flag) + 1]])) == names
    done = run(*right[1:], "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[flag.removeprefix("--")] == names


def test_a_space_remembers_what_columns_held(place: Path, tmp_path: Path) -> None:
    columns = {"photo": "image", "title": "text"}
    data = isthmus.load_dataset(place / "pairs.csv", columns=columns)
    encoders, params = {"image": "color-hog", "text": "tfidf"}, {"ridge": 3.0, "power": 1.0}
    isthmus.align(data, encoders, aligner="cca", params=params, nested=False).save(tmp_path / "s")
    typed = ("eval", tmp_path / "s")
    again = run(*typed, "pairs.csv", cwd=place)
    assert again.returncode == 0 and "text→image" in again.stdout, again.stderr
    moved = (place / "pairs.csv").read_text(encoding="utf-8").replace("photo,", "picture,")
    (place / "moved.csv").write_text(moved, encoding="utf-8")
    lost = run(*typed, "moved.csv", cwd=place)
    said = "no record has the view 'image', which was read from the column 'photo'"
    assert lost.returncode == 1 and f"{said}; if it is in another one" in lost.stderr
    assert "--column NAME=image" in lost.stderr
    assert run(*typed, "moved.csv", "--column", "picture=image", cwd=place).returncode == 0


def test_mistakes_are_json_for_machines(place: Path) -> None:
    done = run("search", "circle", "--sotre", "my-store", "--json", cwd=place)
    assert done.returncode == 2 and '"error": "UsageError"' in done.stdout
    assert "Did you mean '--store'?" in done.stdout


def test_isthmus_alone_shows_its_help() -> None:
    done = run()
    assert done.returncode == 2 and "Commands" in done.stdout + done.stderr


def test_what_is_done_but_not_meant_is_said(place: Path) -> None:
    nothing = run("index", "photos", "--include", "*.jpg", "-s", "my-store", cwd=place)
    assert "No file in photos is left by --include '*.jpg'" in nothing.stdout
    folder = run("search", "photos", "-s", "my-store", cwd=place)
    assert "There is a folder 'photos'" in folder.stderr
    assert "isthmus index photos" in folder.stderr
    words = run("embed", "my-space", "photo.jpg", "--out", "v.npz", cwd=place)
    assert words.returncode == 0 and "read as words" in words.stderr


def test_a_table_without_pairs_is_told_before_anything_is_encoded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "isthmus.pipeline.prepared.encode_records", lambda *_, **__: pytest.fail("encoded")
    )
    done = run("align", "half.csv", "-o", "s", "-e", "text=tfidf", cwd=place)
    assert done.returncode == 1 and "encode" not in done.stderr
    assert "half.csv: no record has two views (records: 12 of text)" in done.stderr
    assert "to read them: --column photo=image" in done.stderr
    for encoders in ({"text": "tfidf"}, {"text": "hf:a/b?layer=auto"}):
        with pytest.raises(IsthmusError, match=r"two views .*: columns=\{'photo': 'image'\} of"):
            isthmus.align(place / "half.csv", encoders)


def test_records_that_were_learned_from_are_told(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = run("eval", "my-space", "shapes", "-d", "n=120", "-d", "seed=3", cwd=place)
    assert "learned from 67% of these records" in seen.stderr
    monkeypatch.setattr(
        "isthmus.selection.known.starter_beside",
        lambda loaded, ready: evaluate(loaded.heads, loaded.banks, ready.pairs),
    )
    new = run("eval", "my-space", "photos", cwd=place)
    assert new.returncode == 0 and "learned from" not in new.stderr
    assert "shuffled" not in new.stdout and "The column chance shows R@1 and R@10." in new.stdout
    assert new.stdout.count(".08, .83") == 2  # 1 and 10 of 12, in both directions
    assert "; chance: 0.083, 0.83 (mean of the directions)" in new.stdout


IN_PYTHON = [
    # a space
    ("space.embed('text', ['a dog'])", ["things first"], "space.embed(['a dog'], 'text')"),
    ("space.embed(['a dog'], 'texts')", ["no view 'texts'", "Did you mean 'text'?"], ""),
    ("space.embed(['a dog'], ['text'])", ["name of a view as text", "a list"], ""),
    ("space.embed({'text': 'a dog'}, 'text')", ["a mapping by 'text'", "one view"], ""),
    ("space.embed(None, 'text')", ["got None", "texts, paths"], ""),
    ("space.embed([None], 'text')", ["reads text", "got None"], ""),
    ("space.embed([x[0]], 'image')", ["reads image", "space.transform(vectors, view)"], ""),
    ("sensors.embed(x[:, :3], 'sensor')", ["need dimension 5, got 3"], ""),
    ("sensors.embed([x[0], x[1, :3]], 'sensor')", ["vectors: need rows of one length"], ""),
    ("sensors.embed(np.full((2, 5), np.nan), 'sensor')", ["NaN"], ""),
    ("space.embed(['photos'], 'image')", ["photos: is a folder"], ""),
    ("space.score(x, 'image', 'text', x)", ["name of a view", "an array"], ""),
    ("space.search('a dog')", ["A store searches", "isthmus.Store.open('my-store', space)"], ""),
    ("isthmus.Space.load('my-store')", ["is a store, and not a space"], ""),
    ("isthmus.Space.load('pairs.csv')", ["is a file; a space is a folder", "align"], ""),
    ("isthmus.Space.load(space)", ["need its folder, got a Space"], "Space.load('my-space')"),
    # a store
    ("isthmus.Store.open('my-space')", ["is a space, and not a store"], ""),
    ("isthmus.Store.open('pairs.csv', space)", ["is a file; a store is a folder"], ""),
    ("isthmus.Store.open(space, 'my-store')", ["its folder first, got a Space"], ""),
    (
        "store.search(['a dog', 'a cat'])",
        ["need words, a Path, a picture or a Prompt, got a list"],
        "store.search(Path('photo.jpg'))",
    ),
    ("store.search(x)", ["got an array"], "store.search('a red kangaroo')"),
    ("store.search('dog', 5)", ["got an int"], "store.search('a red kangaroo', k=5)"),
    ("store.search('dog', k=0)", ["k must be at least 1, got 0"], ""),
    ("store.search('dog', k='5')", ["k: need a whole number, got a text. Write: k=5"], ""),
    ("store.search('dog', view='image')", ["no option 'view'", "Did you mean 'views'?"], ""),
    ("store.search('dog', views='images')", ["Did you mean 'image'?"], ""),
    ("store.search('dog', where={'view': 'image'})", ["where: need a filter as text"], ""),
    ("store.search('dog', min_probability=50)", ["between 0 and 1", "is 0.5"], ""),
    ("store.add(5)", ["a path or a list of paths, got an int"], ""),
    ("store.add(picture)", ["a path or a list of paths, got"], ""),
    (
        "store.explain('dog', 'photo.jpg')",
        ["no item 'photo.jpg'", "Path('photo.jpg')"],
        "",
    ),
    ("isthmus.Prompt('')", ["content is empty; give it words, or leave it out"], ""),
    ("isthmus.Prompt('a dog', style=3)", ["style: need words, a Path", "got an int"], ""),
    ("isthmus.Prompt('a dog', style=['ink', ' '])", ["style is empty"], ""),
    ("isthmus.Prompt({'a dog': float('nan')})", ["a weight lies between", "got nan"], ""),
    ("store.search('@ink')", ["no prompt is saved as @ink; there is none."], ""),
    # data
    ("isthmus.align(['a dog', 'a cat'])", ["got a list", "isthmus.align('pairs.csv')"], ""),
    ("isthmus.align(x, y)", ["got an array", "isthmus.align({'sensor': x, 'label': y})"], ""),
    ("isthmus.align([x, y])", ["got a list", "isthmus.align({'sensor': x, 'label': y})"], ""),
    ("isthmus.align(Frame())", ["got a Frame", "to_csv('pairs.csv', index=False)"], ""),
    ("isthmus.align({'a': x})", ["vectors of a alone", "{'sensor': x, 'label': y}"], ""),
    ("isthmus.align({'a': x[0], 'b': y[0]})", ["got shape (5,)"], ""),
    ("isthmus.align({'a': x, 'b': list(range(40))})", ["np.eye(classes)[labels]"], ""),
    ("isthmus.align({'a': x, 'b': ['x'] * 40})", ["got texts", "isthmus.align('pairs.csv')"], ""),
    ("isthmus.align({'a': x, 'b': y[:9]})", ["a has 40, b has 9 rows"], ""),
    ("isthmus.align({'a': x, 'b': y * np.nan})", ["NaN", "drop or repair"], ""),
    ("isthmus.align('photos', ['tfidf'])", ["encoders: need a mapping by view, got a list"], ""),
    ("isthmus.align('photos', {'tfidf': 'text'})", ["is a modality", "{'text': 'universal'}"], ""),
    ("isthmus.align('photos', {'text': object()})", ["need an id or an Encoder"], ""),
    (
        "isthmus.align('pairs.csv')",
        ["it has photo, title"],
        "isthmus.load_dataset('pairs.csv', columns={'photo': 'image', 'title': 'text'})",
    ),
    ("isthmus.load_dataset('pairs.csv', columns=['title'])", ["need a mapping by column"], ""),
    ("isthmus.load_dataset(['a.png'])", ["got a list", "load_dataset('shapes')"], ""),
    ("isthmus.load_dataset('shapes', sed=3)", ["no option 'sed'", "Did you mean 'seed'?"], ""),
    ("isthmus.load_encoder('image')", ["is a modality, and not an encoder", "color-hog"], ""),
    ("isthmus.Record('a', {'text': 'a dog'})", ["text needs a MediaItem"], ""),
    ("isthmus.PairedVectors([x, y])", ["need a mapping by view, got a list"], ""),
    # settings
    ("isthmus.align({'a': x, 'b': y}, aligner=isthmus.CCA())", ["aligner='cca'"], ""),
    ("isthmus.align({'a': x, 'b': y}, aligner='cca2')", ["Did you mean 'cca'?"], ""),
    ("isthmus.align({'a': x, 'b': y}, params={'ridge': 3})", ["aligner='cca'"], ""),
    ("isthmus.align({'a': x, 'b': y}, budget=-3)", ["above 0, got -3. Write: budget=300"], ""),
    ("isthmus.align({'a': x, 'b': y}, budget='5m')", ["got a text. Write: budget=300"], ""),
    ("isthmus.align({'a': x, 'b': y}, seed='x')", ["seed: need a whole number"], ""),
    ("isthmus.align({'a': x, 'b': y}, readout='semantik')", ["mean 'semantic'?"], ""),
]


class Frame:
    """What a table of pandas looks like from outside."""

    def to_csv(self, path: str, index: bool) -> None: ...


@pytest.fixture(scope="module")
def names(place: Path) -> dict[str, Any]:
    """What a newcomer has in a notebook."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(40, 4))
    x, y = hidden @ rng.normal(size=(4, 5)), hidden @ rng.normal(size=(4, 6))
    rows = {"sensor": x, "label": y}
    sensors = isthmus.align(rows, aligner="cca", params={"ridge": 1.0, "power": 1.0}, nested=False)
    return {
        "isthmus": isthmus,
        "np": np,
        "Path": Path,
        "Space": isthmus.Space,
        "load_dataset": isthmus.load_dataset,
        "space": isthmus.Space.load(place / "my-space"),
        "store": isthmus.Store.open(place / "my-store"),
        "picture": Image.open(place / "photo.jpg"),
        "sensors": sensors,
        "x": x,
        "y": y,
        "Frame": Frame,
    }


def _value(typed: str, names: dict[str, Any]) -> Any:
    scope = dict(names)
    exec(f"value = {typed}", scope)
    return scope["value"]


@pytest.mark.parametrize(("typed", "says", "works"), IN_PYTHON)
def test_in_python(
    typed: str,
    says: list[str],
    works: str,
    names: dict[str, Any],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises((IsthmusError, AttributeError)) as caught:
        _value(typed, names)
    said = str(caught.value)
    assert all(part in said for part in [*says, works]), said
    assert "--" not in said.replace("--force", ""), "an option is no use in Python"
    if works:
        assert _value(works, names) is not None


FORGIVEN = [
    ("space.embed('a dog', 'text').vectors", "space.embed(['a dog'], 'text').vectors"),
    ("space.embed('photo.jpg', 'image').vectors", "space.embed(['photo.jpg'], 'image').vectors"),
    (
        "space.embed(Path('photo.jpg'), 'image').vectors",
        "space.embed(['photo.jpg'], 'image').vectors",
    ),
    ("space.embed(picture, 'image').vectors", "space.embed(['photo.jpg'], 'image').vectors"),
    (
        "space.embed(Path('photo.jpg').read_bytes(), 'image').vectors",
        "space.embed(['photo.jpg'], 'image').vectors",
    ),
    ("sensors.embed(x, 'sensor').vectors", "sensors.transform(x, 'sensor')"),
    ("sensors.embed(x[0], 'sensor').vectors", "sensors.transform(x[:1], 'sensor')"),
    ("sensors.embed(list(x), 'sensor').vectors", "sensors.transform(x, 'sensor')"),
    ("sensors.embed(x.tolist(), 'sensor').vectors", "sensors.transform(x, 'sensor')"),
    ("store.search(picture).hits[0].source", "store.search(Path('photo.jpg')).hits[0].source"),
    ("store.search('dog', k=np.int64(1)).hits[0].id", "store.search('dog', k=1).hits[0].id"),
    ("store.plan('photos', include='*.jpg').fresh", "[]"),
    ("len(store.plan('photos', include='1.*').fresh)", "0"),
    ("isthmus.Store.open('my-store', 'my-space').space.fingerprint", "space.fingerprint"),
    ("len(store.forget('photos/none.png'))", "0"),
    ("len(store.forget(ids='none'))", "0"),
    ("store.explain('dog', Path('photo.jpg')).item.view", "'image'"),
]


@pytest.mark.parametrize(("typed", "same"), FORGIVEN)
def test_what_has_one_meaning_is_taken(
    typed: str, same: str, names: dict[str, Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    got, want = _value(typed, names), _value(same, names)
    if isinstance(want, np.ndarray):
        np.testing.assert_allclose(got, want, atol=1e-4)
    else:
        assert got == want


class Tensor:
    """What a tensor of PyTorch looks like from outside."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        return self.rows


def test_tensors_are_vectors(names: dict[str, Any]) -> None:
    sensors, x = names["sensors"], names["x"]
    got = sensors.embed(Tensor(x), "sensor").vectors
    np.testing.assert_allclose(got, sensors.transform(x, "sensor"), atol=1e-4)


def test_a_word_is_never_its_letters(names: dict[str, Any], place: Path) -> None:
    """A bare text for a list of paths once named every folder from the root on."""
    store = names["store"]
    before = len(store)
    assert store.forget(str(place / "photos" / "none.png")).items == []
    assert len(store) == before == 3
