"""``layer=auto`` on the command line: chosen before the fit, told, and remembered."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from tests.cli.running import run
from tests.selection import test_layers as deep

from isthmus.space import Space


def test_align_chooses_a_layer_and_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "users_deep", deep)
    table = tmp_path / "numbers.csv"
    with table.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        writer.writerows([i, i] for i in range(90))
    asked = ["align", table, "--out", tmp_path / "space", "--no-cache", "--aligner", "cca"]
    asked += ["--param", "ridge=3", "-e", "question=users_deep:Deep?layer=auto"]
    asked += ["-e", f"answer=users_deep:Deep?layer={deep.GOOD}"]
    done = run(*asked)
    assert done.returncode == 0, done.stderr
    assert f"question: layer {deep.GOOD} of 4; mutual k-NN on 90 pairs 1.000 (last" in done.stdout
    space = Space.load(tmp_path / "space", trust=["users_deep"])
    assert space.encoders["question"].spec == f"users_deep:Deep?layer={deep.GOOD}"
    again = run(*asked, "--overwrite", "--json")
    assert json.loads(again.stdout)
