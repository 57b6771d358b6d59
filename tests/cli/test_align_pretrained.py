from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shapes", "--fix", "image"], "--fix needs a space whose heads are there"),
        (["--texts", "a.txt"], "--texts needs a space whose heads are there"),
        ([], "there is nothing to make a space from"),
        (["--pretrained", "color-hog"], "color-hog reads image only, so there is nothing to join"),
        (["--pretrained", "x", "--aligner", "cca"], "--aligner says how heads are learned"),
        (["--pretrained", "x", "--readout", "semantic"], "--readout says how heads are learned"),
        (["--pretrained", "x", "--report", "r.html"], "--report shows records"),
        (["--pretrained", "no/such:Thing"], "InputError"),
        (["--pretrained", "nosuch"], "'nosuch' is no folder, and no model has this name."),
        (
            ["--pretrained", "."],
            "'.' holds no space, and no model has this name. If a model of transformers lies in "
            "it, write hf:.. Give",
        ),
    ],
)
def test_mistakes_are_told_before_any_work(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run("align", *arguments, "-o", "space", cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_a_model_becomes_a_space_that_can_be_searched(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="models of transformers run on torch")
    pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")
    from tests.encoders import hf_models as tiny

    model = f"hf:{tiny.clip(tmp_path / 'clip')}"
    done = run("align", "--pretrained", model, "-o", tmp_path / "space")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "licence: not known" in text and "Heads that stay as they were: text, image" in text
    assert "There are no probabilities: search shows an order." in text
    (tmp_path / "notes").mkdir()
    for place, words in enumerate(("a red kangaroo", "the lazy dog", "a boat sings")):
        (tmp_path / "notes" / f"{place}.txt").write_text(words)
    store = tmp_path / "store"
    done = run("index", tmp_path / "notes", "--store", store, "--space", tmp_path / "space")
    assert done.returncode == 0, done.stderr
    done = run("search", "the lazy dog", "--store", store)
    assert done.returncode == 0 and "uncalibrated" in done.stdout + done.stderr
