"""The image: what its Dockerfile runs is what CI runs, and what it copies is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_every_step_of_the_image_is_a_script_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = re.findall(r"^RUN (.*)$", DOCKERFILE, flags=re.MULTILINE)
    assert len(steps) == 2
    for step in steps:
        script = next(part for part in json.loads(step) if part.startswith("/src/"))
        name = script.removeprefix("/src/")
        assert (ROOT / name).is_file()
        assert re.search(rf"^ +.*{re.escape(name)}( |$)", ci, flags=re.MULTILINE), name


def test_the_image_gets_what_the_install_needs() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert {"src", "deploy", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_image_serves_to_those_who_show_a_token() -> None:
    from isthmus.server import Settings

    command = json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, flags=re.MULTILINE)[-1])
    assert command[:3] == ["serve", "--host", "0.0.0.0"]
    assert Settings(host="0.0.0.0", token="x" * 16).exposed
    assert "USER 1000:1000" in DOCKERFILE
    assert "ISTHMUS_TOKEN=" not in DOCKERFILE
