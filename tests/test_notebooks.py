"""The notebooks of the documentation run, and none of their outputs is kept."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").iterdir())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert path.suffix == ".py" and path.read_text(encoding="utf-8").startswith("# %% [markdown]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    runpy.run_path(str(path))
    assert "%" in capsys.readouterr().out  # each says how good it is


def test_every_notebook_is_in_the_documentation() -> None:
    pages = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"- notebooks/{path.name}\n" in pages for path in NOTEBOOKS)
