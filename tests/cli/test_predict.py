"""``isthmus predict``: fit, run, eval and explain."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.running import run
from tests.tasks.reviews import write_reviews

import isthmus
from isthmus.cli import predict_run
from isthmus.report.pages.prediction.account import account_page

FIT = ("predict", "fit", "reviews.csv", "--target", "mood", "--encoder", "review=tfidf")
LATE = ("--fusion", "late", "--no-cache")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a predictor."""
    folder = tmp_path_factory.mktemp("cli-predict")
    write_reviews(folder / "reviews.csv", 60)
    done = run(*FIT, "--columns", "facts=price,colour", "--out", "mine", *LATE, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "mood (classes) from review + facts, 60 records" in done.stdout
    assert "majority:" in done.stdout and "Shuffled answers: as good in" in done.stdout
    return folder


def test_run_writes_a_row_for_each_record(home: Path) -> None:
    done = run("predict", "run", "mine", "reviews.csv", "--out", "a.csv", "--no-cache", cwd=home)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((home / "a.csv").open(encoding="utf-8")))
    assert len(rows) == 60 and rows[4]["missing"] == "review"
    assert set(rows[0]) >= {"id", "value", "probability", "sure", "likely", "p(good)"}
    written = (home / "a.csv").read_bytes()
    again = run("predict", "run", "mine", "reviews.csv", "--out", "a.csv", "--no-cache", cwd=home)
    assert again.returncode == 0 and (home / "a.csv").read_bytes() == written
    for name, said in (("reviews.csv", "is read, so"), ("keep.csv", "is no table of this command")):
        (home / "keep.csv").write_text("id,value\n1,mine\n", encoding="utf-8")
        before = (home / name).read_bytes()
        done = run("predict", "run", "mine", "reviews.csv", "--out", name, cwd=home)
        assert done.returncode == 1 and said in done.stderr
        assert (home / name).read_bytes() == before


def test_run_says_whether_cells_or_rows_are_left_out(home: Path) -> None:
    rows = "".join(f"good,many,red,text {n}\n" for n in range(12))
    odd = '{"review": "x"}\n' * 2 + "[1]\n" + '{"price": "dear", "review": "x"}\n'
    for name, table, head in (
        ("cells.csv", f"mood,price,colour,review\n{rows}", "Left out 12 cells:"),
        ("both.jsonl", odd, "Left out 1 row and 1 cell:"),
        ("quote.csv", 'price,review\n5,x\n6,a"b\n7,"c\n', "Please check 1 place:"),
    ):
        (home / name).write_text(table, encoding="utf-8")
        done = run("predict", "run", "mine", name, "--no-cache", cwd=home)
        assert done.returncode == 0 and head in done.stderr, done.stderr
        assert "Left out" in head or "Left out" not in done.stderr
    done = run("predict", "run", "mine", "both.jsonl", "--no-cache", "--json", cwd=home)
    assert [each["what"] for each in json.loads(done.stdout)["left_out"]] == ["row", "cell"]


def test_a_table_of_other_columns_is_told_what_the_predictor_reads(home: Path) -> None:
    (home / "other.csv").write_text("title,photo\na star,0.png\n", encoding="utf-8")
    done = run("predict", "run", "mine", "other.csv", "--no-cache", cwd=home)
    said = done.stderr.replace("\n", " ")
    assert done.returncode == 1 and "contains nothing" not in said
    assert "other.csv has no column that the predictor reads." in said
    assert "It reads review, price, colour; the table has title, photo" in said


def test_run_says_why_it_abstains(home: Path) -> None:
    words = ("predict", "run", "mine", "reviews.csv", "--risk", "0.02", "--no-cache")
    done = run(*words, cwd=home)
    assert "asked for at most 0.02 wrong: " in done.stderr
    assert re.search(r"Of these 60 records it abstains from \d+", " ".join(done.stderr.split()))
    told = json.loads(run(*words, "--json", cwd=home).stdout)["notes"]
    assert told[0].startswith("asked for at most 0.02 wrong")


def test_eval_and_explain(home: Path) -> None:
    done = run("predict", "eval", "mine", "reviews.csv", "--json", "--no-cache", cwd=home)
    found = json.loads(done.stdout)
    assert found["figures"][0]["metric"] == "accuracy" and found["seen"] == 60
    assert "these figures flatter it" in found["notes"][0]
    done = run("predict", "explain", "mine", "reviews.csv", "--row", "r4", "--no-cache", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "Score of" in done.stdout and "Without review." in done.stdout


@pytest.mark.parametrize("rest", ["run", "eval", "explain --row r4"])
def test_a_swap_says_what_to_type_and_that_works(home: Path, rest: str) -> None:
    command, *more = rest.split()
    done = run("predict", command, "reviews.csv", "mine", *more, "--no-cache", cwd=home)
    right = " ".join(["isthmus predict", command, "mine reviews.csv", *more, "--no-cache"])
    assert f"the predictor comes first, and reviews.csv is none. Write: {right}" in done.stderr
    assert done.returncode == 1 and run(*right.split()[1:], cwd=home).returncode == 0
    assert "is a predictor, and not a store" in run("search", "x", "-s", "mine", cwd=home).stderr
    assert "is a predictor, and not a data" in run("data", "show", "mine", cwd=home).stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*FIT, "--out", "reviews.csv"), 1, "is not a saved predictor"),
        ((*FIT, "--out", "x", "--columns", "a="), 1, "write VIEW=A,B"),
        ((*FIT, "--out", "x", "--space", "s"), 1, "give --space or --encoder, not both"),
        (("predict", "run", "none", "reviews.csv"), 1, "holds no predictor"),
        (("predict", "run", "reviews.csv", "none"), 1, "It is a file, not a folder; are two"),
        (("predict", "run", "mine", "reviews.csv", "--field", "f"), 1, "name it with --store"),
        (("predict", "explain", "mine", "reviews.csv"), 1, "name one: --row ID"),
    ],
)
def test_mistakes(home: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words, cwd=home)
    assert done.returncode == code and said in done.stderr.replace("\n", " ")


def test_an_account_of_two_classes_names_both_scores(tmp_path: Path) -> None:
    rows = [f"{i % 10},{i % 3},{i % 7 // 3},{5 - i % 4},{i % 5},{i % 6},{'ab'[i % 10 > 4]}"
            for i in range(40)]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(["p,q,r,s,t,u,y", *rows]) + "\n", encoding="utf-8")
    made = run("predict", "fit", "t.csv", "--target", "y", "--out", "mine", *LATE, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = run("predict", "explain", "mine", "t.csv", "--row", "1", "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Score of a: [+−]\d\.\d{4}; b [+−]\d\.\d{4}", done.stdout)
    assert "1 more part;" in done.stdout and "0.0000  what" not in done.stdout
    assert "=None" not in made.stdout
    done = run("predict", "explain", "mine", "t.csv", "--row", "41", "--no-cache", cwd=tmp_path)
    assert done.returncode == 1 and "ids: 1, 2, 3, …, 40" in done.stderr.replace("\n", " ")


def test_the_share_of_vectors_is_that_of_the_item(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    made = isthmus.predict.fit(None, {"a": x}, x[:, 0], fusions=["late"], folds=3)
    account = made.explain({"a": x[:1]})
    predict_run._say_account(account)
    said = " ".join(capsys.readouterr().out.split())
    assert "typical" not in said
    assert "all of it is this item's share: vectors of yours have no parts" in said
    page = account_page(account, made.dataset({"a": x[:1]}).records[0])
    assert "All of it is this item&#x27;s share" in page or "All of it is this item's share" in page


def test_no_minus_before_zero() -> None:
    signed = predict_run._signed
    assert [signed(x) for x in (-0.00001, 0.0, 0.00004, -0.5, 0.25)] == [
        " 0.0000", " 0.0000", " 0.0000", "−0.5000", "+0.2500",
    ]  # fmt: skip


def test_a_column_that_counts_the_rows_is_kept_by_its_name(tmp_path: Path) -> None:
    rows = [f"{i},{i % 10},{'ab'[i > 19]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["n,p,y", *rows]) + "\n", encoding="utf-8")
    fit = ("predict", "fit", "t.csv", "--target", "y", "--out", "mine", *LATE)
    kept = run(*fit, "--column", "n", cwd=tmp_path)
    assert kept.returncode == 0, kept.stderr
    assert "left out" not in kept.stderr and "columns n" not in kept.stderr
    lost = run(*fit, "--overwrite", cwd=tmp_path)
    assert "To keep it, name it: --column n" in lost.stderr.replace("\n", " ")


def test_columns_and_options_of_the_data_are_told_or_remembered(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    (tmp_path / "tables").mkdir()
    pictures.mkdir()
    rows, rng = [], np.random.default_rng(0)
    for n in range(40):
        noise = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        noise[..., n % 2] //= 8
        Image.fromarray(noise).save(pictures / f"{n}.png")
        words = " ".join(rng.choice(["big", "old", "new", "tall", "long", "flat"], 4))
        rows.append(
            f"a {('red', 'blue')[n % 2]} {words} thing {n},{pictures}/{n}.png,{'ab'[n % 2]}"
        )
    for name, head in (("t", "评论,图片,y"), ("u", "words,picture,y")):
        text = "\n".join([head, *rows]) + "\n"
        (tmp_path / "tables" / f"{name}.csv").write_text(text, encoding="utf-8")
    data, root = "tables/t.csv", ("--data-option", f"root={tmp_path}", "--no-cache")
    fit = ("-o", "mine", "--column", "评论=text", "--column", "图片=image", "--target", "y")
    encoders = ("-e", "text=tfidf", "-e", "image=color-hog", "--fusion", "late")
    made = run("predict", "fit", data, *fit, *encoders, *root, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = run("predict", "run", "mine", data, *root, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert not found["left_out"] and not any(each["missing"] for each in found["answers"])
    done = run("predict", "eval", "mine", data, *root, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["figures"][0]["value"] == 1
    row = ("--row", "3", *root)
    done = run("predict", "explain", "mine", data, *row, "--json", cwd=tmp_path)
    assert len(json.loads(done.stdout)["views"]) == 2, done.stderr
    done = run("predict", "explain", "mine", "tables/u.csv", *row, cwd=tmp_path)
    said = " ".join(done.stderr.split())
    assert "no record has the view 'text', which was read from the column '评论'" in said
    assert "name that: --column NAME=text" in said
    lost = ("--column", "word=text")
    for does in (("run",), ("eval",), ("explain", "--row", "3")):
        ask = ("predict", does[0], "mine", "tables/u.csv", *does[1:], *root, *lost)
        done = run(*ask, cwd=tmp_path)
        said = " ".join(done.stderr.split())
        assert done.returncode == 1, done.stdout
        assert "tables/u.csv has no column 'word'; it has words, picture, y." in said
        assert "Did you mean 'words'?" in said
    named = ("--column", "words=text", "--column", "picture=image")
    done = run("predict", "explain", "mine", "tables/u.csv", *row, *named, cwd=tmp_path)
    assert done.returncode == 0 and "no record has" not in done.stderr, done.stderr
    assert "without" not in done.stdout


@pytest.mark.parametrize(
    ("name", "way"),
    [("photo", "--column photo=image"), ("a=b", "rename it to NAME, and give --column NAME=image")],
)
def test_a_column_of_pictures_that_nobody_mapped_is_told(
    tmp_path: Path, name: str, way: str
) -> None:
    rows = [f"{name},price,mood"]
    for i in range(40):
        Image.new("RGB", (8, 8), ("red", "blue")[i % 2]).save(tmp_path / f"p{i}.PNG")
        rows.append(f"p{i}.PNG,{(i * 7) % 11},{('good', 'bad')[i % 2]}")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    done = run("predict", "fit", "t.csv", "--target", "mood", "--out", "p", *LATE, cwd=tmp_path)
    told = f"column {name} names files, which are not read; to read them: {way}"
    assert done.returncode == 3 and told in " ".join(done.stderr.split())


def test_answers_name_the_files_of_their_records(tmp_path: Path) -> None:
    rows = ["photo,price,mood,code"]
    for i in range(40):
        noise = np.random.default_rng(i).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        noise[..., 2 * (i % 2)] = 255
        Image.fromarray(noise).save(tmp_path / f"p{i}.png")
        rows.append(f"p{i}.png,{(i * 7) % 11},{('good', 'bad')[i % 2]},c{i}")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    rows[3] = ",5,good,c2"
    (tmp_path / "new.csv").write_text("\n".join(rows[:4]), encoding="utf-8")
    photo = ("--column", "photo=image", "--encoder", "image=color-hog", "--columns", "facts=price")
    done = run("predict", "fit", "t.csv", "-t", "mood", "-o", "p", *photo, *LATE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    typed = ("predict", "run", "p", "new.csv", "--no-cache")
    done = run(*typed, "--out", "a.csv", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("1 p0.png  good")
    table = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert [row["id"] for row in table] == ["1", "2", "3"]
    assert [row["source"] for row in table] == ["p0.png", "p1.png", ""]
    told = json.loads(run(*typed, "--column", "code=id", "--json", cwd=tmp_path).stdout)
    assert [row["id"] for row in told["answers"]] == ["c0", "c1", "c2"]
    assert told["answers"][1]["source"] == "p1.png"
