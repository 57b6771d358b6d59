"""Heads outlive the aligner: they are saved exactly, and applied with numpy alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from isthmus.aligners.checks.subject import Check, Subject, planted
from isthmus.aligners.heads import head_from_state

_APPLY = """
import json, sys
import numpy as np
from safetensors.numpy import load_file
from isthmus.aligners.heads import head_from_state
folder = sys.argv[1]
kind, document = json.load(open(folder + "/head.json"))
tensors, rows = load_file(folder + "/head.safetensors"), load_file(folder + "/rows.safetensors")
np.testing.assert_array_equal(head_from_state(kind, document, tensors)(rows["x"]), rows["unit"])
heavy = {"scipy", "sklearn", "torch", "pyarrow"} & set(sys.modules)
assert not heavy, f"applying a head imported {sorted(heavy)}"
"""


def heads_survive_saving(subject: Subject) -> None:
    """State to JSON and safetensors and back gives the same output to the last bit."""
    from safetensors.numpy import load, save

    for m, x in planted().items():
        head = subject.fitted.heads_[m]
        document, tensors = head.state()
        again = head_from_state(head.kind, json.loads(json.dumps(document)), load(save(tensors)))
        assert np.array_equal(again(x), head(x)), f"{m}: the head that came back differs"


def heads_need_only_numpy(subject: Subject) -> None:
    """A new process applies a saved head and has imported no heavy library."""
    from safetensors.numpy import save_file

    x = planted()["a"]
    head = subject.fitted.heads_["a"]
    document, tensors = head.state()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "head.json").write_text(json.dumps([head.kind, document]), encoding="utf-8")
        save_file(tensors, folder / "head.safetensors")
        save_file({"x": x, "unit": head(x)}, folder / "rows.safetensors")
        done = subprocess.run(
            [sys.executable, "-c", _APPLY, name], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr.strip().rpartition("\n")[2]


CHECKS: tuple[Check, ...] = (heads_survive_saving, heads_need_only_numpy)
