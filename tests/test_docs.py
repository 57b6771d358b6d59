"""The README and the pages: their examples run, their generated parts are fresh."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _examples(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


EXAMPLES = _examples("README.md")


def test_the_readme_has_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_readme_run(number: int, tmp_path: Path, starter: None) -> None:
    done = _run(EXAMPLES[number], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_example_of_the_page_on_finding_runs(starter: None, tmp_path: Path) -> None:
    from isthmus.datasets import load
    from isthmus.media import decode

    (tmp_path / "photos").mkdir()
    for number, record in enumerate(load("shapes", n=6).records):
        decode(record.items["image"]).save(tmp_path / "photos" / f"{number}.png")
    decode(load("shapes", n=7).records[-1].items["image"]).convert("RGB").save(
        tmp_path / "query.jpg"
    )
    done = _run(_examples("docs/finding.md")[0], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_example_on_vectors_runs(tmp_path: Path) -> None:
    done = _run(_examples("docs/how-to-data.md")[1], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_example_on_diagnosis_runs(tmp_path: Path) -> None:
    done = _run(_examples("docs/diagnose.md")[0], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "diagnosis.html").stat().st_size > 10_000


def _run(example: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "example.py"
    script.write_text(example, encoding="utf-8")
    command = [sys.executable, str(script)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def test_the_page_of_the_command_line_is_fresh() -> None:
    """If this fails: python docs/cli.py."""
    assert (
        subprocess.run([sys.executable, str(ROOT / "docs" / "cli.py"), "--check"]).returncode == 0
    )


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
