"""``isthmus encoders`` and ``isthmus --offline``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.running import run

from isthmus.encoders import ENCODERS


def test_encoders_are_listed_with_what_they_need() -> None:
    told = run("encoders", "list")
    assert told.returncode == 0
    rows = {line.split()[0]: line for line in told.stdout.splitlines() if line.strip()}
    assert "image" in rows["color-hog"] and "512" in rows["color-hog"]
    assert "text image audio video" in rows["hf:"] and " hf " in rows["hf:"]
    assert "openclip:ViT-B-32?pretrained=laion2b_s34b_b79k" in told.stdout
    listed = json.loads(run("encoders", "list", "--json").stdout)["encoders"]
    assert {each["id"] for each in listed} >= {*ENCODERS, "st:", "timm:"}
    assert all(each["installed"] == (each["missing"] == []) for each in listed)


def test_a_check_tells_what_an_encoder_gives() -> None:
    told = run("encoders", "check", "color-hog", "--seconds", "0")
    assert told.returncode == 0, told.stderr
    for said in ("image", "512", "64 made-up items", "batches do not change vectors"):
        assert said in told.stdout
    found = json.loads(run("encoders", "check", "color-hog", "--seconds", "0", "--json").stdout)
    tower = found["towers"][0]
    assert found["steady"] is True and found["files"] is None
    assert (tower["dim"], tower["batched"]["batch_size"], tower["steady"]) == (512, 64, True)


def test_one_file_says_nothing_of_batches(tmp_path: Path) -> None:
    picture = tmp_path / "one.png"
    Image.new("RGB", (40, 30), "red").save(picture)
    told = run("encoders", "check", "color-hog", str(picture), "--seconds", "0")
    assert told.returncode == 0 and "not tested: that needs two items" in told.stdout, told.stderr


def test_a_check_that_fails_ends_so() -> None:
    name = "tests.audit.test_encoder_check:Lengths?leak=0.5"
    told = run("encoders", "check", name, "--seconds", "0")
    assert told.returncode == 1
    assert "BATCHES CHANGE VECTORS" in told.stdout and "batch_size=1" in told.stderr
    found = run("encoders", "check", name, "--seconds", "0", "--json")
    assert found.returncode == 1 and json.loads(found.stdout)["steady"] is False


def test_a_model_of_a_folder_is_told(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", minversion="6", reason="needs isthmus[st]")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer
    from tests.encoders import hf_models

    parts = Transformer(str(hf_models.clip(tmp_path / "parts")))
    SentenceTransformer(modules=[parts]).save(str(tmp_path / "clip"))
    told = run("encoders", "check", f"st:{tmp_path / 'clip'}", "--seconds", "0", "--json")
    found = json.loads(told.stdout)
    assert [each["modality"] for each in found["towers"]] == ["text", "image"]
    assert len({each["joint"] for each in found["towers"]}) == 1
    assert {each["device"] for each in found["towers"]} == {"cpu"}
    assert found["steady"] is True and found["files"]["weight_bytes"] > 10_000


def test_offline_fetches_nothing_and_ends_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    named = ("encoders", "check", "st:org/some-model")
    told = run("--offline", *named, HF_HUB_CACHE=str(tmp_path))
    assert told.returncode == 1 and "nothing is fetched while offline" in told.stderr
    assert "ISTHMUS_OFFLINE" not in os.environ and "HF_HUB_OFFLINE" not in os.environ
    again = run(*named, HF_HUB_CACHE=str(tmp_path), ISTHMUS_OFFLINE="1")
    assert again.returncode == 1 and "nothing is fetched while offline" in again.stderr
    data = run("--offline", "data", "get", "openclipart", ISTHMUS_DATA=str(tmp_path))
    if not Path("/usr/share/openclipart").is_dir():
        assert data.returncode == 1 and "without --offline" in data.stderr
