"""The README and the pages: their examples run, and what they name is there."""

from __future__ import annotations

import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import typer.main
from tests.cli.running import run as isthmus
from tests.tasks.reviews import write_reviews

from isthmus.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", _text(page), flags=re.MULTILINE | re.DOTALL)


def _commands() -> list[tuple[str, str]]:
    """Every command line of isthmus that a page shows, with its page."""
    return [
        (page, line)
        for page in PAGES
        for block in _blocks(page, "sh")
        for line in block.splitlines()
        if line.startswith("isthmus ")
    ]


def test_pages_have_examples() -> None:
    assert len(_blocks("README.md", "python")) >= 2
    assert len(_commands()) >= 40


@pytest.mark.parametrize("number", range(len(_blocks("README.md", "python"))))
def test_examples_of_the_readme_run(number: int, tmp_path: Path, starter: None) -> None:
    _run(_blocks("README.md", "python")[number], tmp_path)


def test_the_example_on_moments_runs(tmp_path: Path) -> None:
    _run(_blocks("docs/concepts.md", "python")[0], tmp_path)


def test_the_example_on_searching_runs(starter: None, tmp_path: Path) -> None:
    _draw(tmp_path / "photos", 6, ".png")
    _draw(tmp_path, 1, ".jpg")
    (tmp_path / "0.jpg").rename(tmp_path / "query.jpg")
    assert ".png" in _run(_blocks("docs/finding.md", "python")[0], tmp_path)


def test_the_example_on_long_things_runs(starter: None, tmp_path: Path) -> None:
    assert _run(_blocks("docs/long.md", "python")[0], tmp_path) == "1 True\n"


def test_the_examples_on_prompts_run(starter: None, tmp_path: Path) -> None:
    _draw(tmp_path / "photos", 6, ".png")
    first, second = _blocks("docs/prompts.md", "python")
    said = _run(first + second, tmp_path).splitlines()
    assert said[0] == '"a star" + 0.8*style:"red" + 0.2*style:"黑色" - "circles"'
    assert len(said) == 7 and said[-1] == "3"


def test_the_example_on_predicting_runs(tmp_path: Path) -> None:
    table = write_reviews(tmp_path / "reviews.csv", 60)
    table.write_text(table.read_text(encoding="utf-8").replace(",mood", ",sentiment", 1))
    example = _blocks("docs/predict.md", "python")[0].replace('"universal"', '"tfidf"')
    _run(example.replace('="shop"', '="shop", fusions=["late"]'), tmp_path)


def test_the_example_on_classifying_runs(starter: None, tmp_path: Path) -> None:
    _draw(tmp_path, 1, ".jpg")
    (tmp_path / "0.jpg").rename(tmp_path / "photo.jpg")
    _run(_blocks("docs/classify.md", "python")[0], tmp_path)


QUICK = ["-e", "text=tfidf", "-e", "image=color-hog", "--aligner", "cca", "--no-cache"]
"""What the tutorial leaves to isthmus, which takes minutes."""


def test_the_tutorial_runs(starter: None, tmp_path: Path) -> None:
    """Every command after the installation, in its order, on files that its first example makes."""
    draw, search = _blocks("docs/tutorial.md", "python")
    _run(draw.replace("n=180", "n=60").replace("150", "48").replace("[:20]", "[:3]"), tmp_path)
    said = {}
    for block in _blocks("docs/tutorial.md", "sh")[1:]:
        for line in block.splitlines():
            words = shlex.split(line, comments=True)[1:]
            done = isthmus(*words, *(QUICK if words[0] == "align" else ()), cwd=tmp_path)
            assert done.returncode in (0, 5), f"{line}: {done.stderr}"  # 5: nothing matches
            said.setdefault(words[0], done.stdout + done.stderr)
    assert "48 records" in said["data"] and "48 text–image" in said["data"]
    assert "Next best" in said["align"] or "Chosen: cca" in said["align"]
    assert "text→image" in said["eval"] and "learned from" not in said["eval"]
    assert (tmp_path / "why.html").stat().st_size > 10_000
    assert len(_run(search, tmp_path).splitlines()) == 5


def test_the_tutorial_on_labels_runs(starter: None, tmp_path: Path) -> None:
    """Every command in its order, between the examples that draw and sort."""
    draw, sort, python = _blocks("docs/label.md", "python")
    names, examples, checked, kept = _blocks("docs/label.md", "sh")
    said = []
    for step in (draw, names, sort, examples, checked, kept):
        if step in (draw, sort):
            _run(step, tmp_path)
            continue
        for line in step.splitlines():
            done = isthmus(*shlex.split(line)[1:], cwd=tmp_path)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            said.append(done.stdout)
    first, second, third = (
        (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        for name in ("names", "examples", "checked")
    )
    assert "Nobody knows yet" in first and "12 left-out examples" in second
    assert "48 items with known classes" in third
    assert "Labels of 60 items are kept in my-store" in said[4]
    assert len((tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()) == 61
    accuracy, labelled, label = _run(python, tmp_path).splitlines()
    assert float(re.findall(r"value=([\d.]+)", accuracy)[0]) > 0.8 and labelled == "60"
    assert label in ("circle", "cross", "hexagon", "square", "star", "triangle")


def test_the_example_on_columns_runs(tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text("ask,reply\nWho?,Me.\nWhen?,Now.\n", encoding="utf-8")
    shown = _run(_blocks("docs/how-to-data.md", "python")[0], tmp_path)
    assert "question" in shown and "answer" in shown


def test_the_example_on_vectors_runs(tmp_path: Path) -> None:
    assert float(_run(_blocks("docs/how-to-data.md", "python")[2], tmp_path)) == 1.0


def test_the_commands_on_vectors_run(tmp_path: Path) -> None:
    _run(_blocks("docs/how-to-data.md", "python")[1], tmp_path)
    lines = [line for page, line in _commands() if page.endswith("how-to-data.md")]
    said = {}
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        if "vectors.npz" in line or "query.npy" in line or "cat-7" in line:
            quick = ["--aligner", "cca"] if words[0] == "align" else []
            done = isthmus(*words, *quick, cwd=tmp_path)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            said[line] = done.stdout
    first, second, third = (text for line, text in said.items() if " search " in line)
    assert "vectors.npz/text/cat-7" in first.splitlines()[0] and first == second
    assert "vectors.npz/text/cat-7" in third


def test_the_example_on_diagnosis_runs(tmp_path: Path) -> None:
    _run(_blocks("docs/diagnose.md", "python")[0], tmp_path)
    assert (tmp_path / "diagnosis.html").stat().st_size > 10_000


def test_the_example_on_encoders_runs(tmp_path: Path) -> None:
    assert _run(_blocks("docs/encoders.md", "python")[0], tmp_path) == "True 26\n"


def test_the_example_on_joining_without_pairs_runs(tmp_path: Path) -> None:
    rows = """
import numpy as np
from isthmus import PairedVectors

rng = np.random.default_rng(0)
x = rng.normal(size=(240, 6)) ** 3
turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
rows = PairedVectors({"a": x, "b": x @ turn})
"""
    _run(rows + _blocks("docs/unpaired.md", "python")[0], tmp_path)


def _draw(folder: Path, count: int, suffix: str) -> None:
    """Drawn scenes as files ``0.png``, ``1.png`` and so on."""
    from isthmus.datasets import load
    from isthmus.media import decode

    folder.mkdir(exist_ok=True)
    for number, record in enumerate(load("shapes", n=count).records):
        picture = decode(record.items["image"]).convert("RGB")
        picture.save(folder / f"{number}{suffix}")


def _run(example: str, folder: Path) -> str:
    """What an example prints, run in this process; it must end well."""
    script, out = folder / "example.py", io.StringIO()
    script.write_text(example, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.chdir(folder)
        runpy.run_path(str(script), run_name="__main__")
    return out.getvalue()


@pytest.mark.parametrize(("page", "line"), _commands())
def test_commands_have_the_options_that_pages_name(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    path = ["isthmus"]
    while (name := words[0]) in (known := getattr(command, "commands", {})):
        command, path, words = known[name], [*path, name], words[1:]
        if not words:
            break
    assert len(path) > 1 or name.startswith("-"), f"{page}: there is no command {name!r}"
    if len(path) > 1:
        command.make_context(" ".join(path), words)


def test_the_page_of_the_command_line_is_fresh() -> None:
    """If this fails: python docs/cli.py."""
    assert (
        subprocess.run([sys.executable, str(ROOT / "docs" / "cli.py"), "--check"]).returncode == 0
    )


def test_the_page_of_the_ablation_is_made_from_its_figures() -> None:
    """If this fails: python benchmarks/ablation.py --json … --page docs/ablation.md."""
    import json

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from ablation import page

    results = json.loads(_text("benchmarks/results/ablation.json"))
    assert _text("docs/ablation.md") == page(results)


@pytest.mark.parametrize("page", ["docs/sentiment.md", "docs/diagnosis.md"])
def test_worked_pages_are_made_from_their_figures(page: str) -> None:
    """If this fails: python benchmarks/worked.py --json … --resume --pages."""
    import json

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from _worked_page import commands, renewed

    held = json.loads(_text("benchmarks/results/worked.json"))
    assert _text(page) == renewed(_text(page), held)
    assert set(commands(_text(page))) <= set(held["printed"])


def test_the_commands_on_moods_run(tmp_path: Path) -> None:
    """As the page has them, with quick encoders and late fusion alone."""
    quick = ("-e", "image=color-hog", "-e", "audio=mfcc", "--fusion", "late", "--no-cache")
    lines = [line for page, line in _commands() if page.endswith("sentiment.md")]
    for line in (line for line in lines if "shapes-mood" in line):
        words = shlex.split(line)[1:]
        done = isthmus(*words, *quick, "--data-option", "n=60", cwd=tmp_path)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert "60 records" in done.stdout and "late" in done.stdout


def test_the_commands_and_the_example_on_survival_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On patients that are made up here, in the form of the real ones."""
    rng = np.random.default_rng(0)
    lines = ["time,event,Diam,N,ER,Grade,Age,G1,G2"]
    for _ in range(60):
        gene, other = rng.normal(size=2)
        time, event = 6 * rng.exponential(np.exp(-1.5 * gene)), int(rng.random() < 0.8)
        facts = [
            rng.choice(names)
            for names in (
                (">2cm", "<=2cm"),
                ("1-3", ">=4"),
                ("Positive", "Negative"),
                ("Poorly diff", "Well diff"),
            )
        ]
        lines.append(f"{time},{event},{','.join(facts)},{rng.integers(30, 60)},{gene},{other}")
    place = tmp_path / "data" / "nki70"
    place.mkdir(parents=True)
    (place / "breast_cancer_nki70.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr("isthmus.datasets.fetch.data_dir", lambda: tmp_path / "data")
    lines = [line for page, line in _commands() if page.endswith("diagnosis.md")]
    (line,) = (line for line in lines if "fit nki70" in line)
    done = isthmus(*shlex.split(line)[1:], "--fusion", "late", "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "AUC at horizon" in done.stdout
    assert (tmp_path / "relapse.html").stat().st_size > 10_000
    card = (tmp_path / "relapse/README.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^> (.*)$", _text("docs/diagnosis.md"), flags=re.MULTILINE)
    assert " ".join(quoted) in card
    said = _run(_blocks("docs/diagnosis.md", "python")[0], tmp_path)
    assert "('genes',)" in said and "[('genes', " in said


def test_contributing_lists_the_layers_that_are_checked() -> None:
    contract = tomllib.loads(_text("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    block = _text("CONTRIBUTING.md").partition("## Know the layers")[2].split("```")[1]
    assert [re.split(r"  +", line)[0] for line in block.split("\n")[1:-1]] == contract["layers"]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = _text(page)
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)", text):
        assert (folder / target).exists(), target
    named = re.findall(r"`((?:benchmarks|deploy|docs|src|tests|\.ci)/[\w./-]*)`", text)
    for path in (path for path in named if "my_" not in path):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", re.findall(r"`(\w+\.py)`", _text("docs/results.md")))
def test_benchmarks_that_the_results_name_are_there(name: str) -> None:
    assert (ROOT / "benchmarks" / name).exists()
    assert (ROOT / "benchmarks" / "results" / name).with_suffix(".json").exists()
