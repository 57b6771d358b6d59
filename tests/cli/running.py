"""The command line in this process: as in a shell, without the second that Python takes to start.

What only a process of its own can show (signals, terminals, what is imported) starts one.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from isthmus.cli.console import guarded
from isthmus.cli.main import app


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run(
    *arguments: str | Path, cwd: Path | None = None, encoding: str = "utf-8", **environment: str
) -> Done:
    """Run ``isthmus`` with arguments as typed; what it does not catch is raised here."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["isthmus", *map(str, arguments)])
        if cwd is not None:
            patch.chdir(cwd)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = guarded(app)
    said = []
    for stream in (out, err):
        stream.flush()
        stream.buffer.seek(0)
        said.append(stream.buffer.read().decode(encoding))
    return Done(code, *said)
