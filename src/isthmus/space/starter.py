"""The space that comes with the package: text, pictures and sound for the starter encoders."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

NAME = "starter"
"""What :meth:`isthmus.Space.load` and ``--space`` call it."""


def folder() -> Path:
    """Where it lies; made by ``make starter``."""
    return Path(str(resources.files("isthmus") / "space" / "_starter"))
