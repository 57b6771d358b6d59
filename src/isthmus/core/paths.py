"""Where isthmus keeps what it fetches and what it computes."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Vectors and exported models: ``$ISTHMUS_CACHE``, else the platform's cache folder."""
    return _folder("ISTHMUS_CACHE", "user_cache_path")


def data_dir() -> Path:
    """Data sets that were fetched: ``$ISTHMUS_DATA``, else the platform's data folder."""
    return _folder("ISTHMUS_DATA", "user_data_path")


def _folder(variable: str, function: str) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser()
    import platformdirs

    path: Path = getattr(platformdirs, function)("isthmus", appauthor=False)
    return path
