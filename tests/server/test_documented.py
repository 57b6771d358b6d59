"""The examples of the page on the API run, one after the other, against a server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_api_run(address: str, tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 6
    script = tmp_path / "example.py"
    text = "\n".join(EXAMPLES)
    assert "http://127.0.0.1:8765" in text
    script.write_text(text.replace("http://127.0.0.1:8765", address.rstrip("/")), encoding="utf-8")
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "{'status': 'ok'" in done.stdout and "done" in done.stdout, done.stdout
