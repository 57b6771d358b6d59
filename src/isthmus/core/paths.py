"""Where isthmus keeps what it fetches and what it computes."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus.core.wording import did_you_mean


def cache_dir() -> Path:
    """Vectors and exported models: ``$ISTHMUS_CACHE``, else the platform's cache folder."""
    return _folder("ISTHMUS_CACHE", "user_cache_path")


def data_dir() -> Path:
    """Data sets that were fetched: ``$ISTHMUS_DATA``, else the platform's data folder."""
    return _folder("ISTHMUS_DATA", "user_data_path")


def config_file() -> Path:
    """The user's defaults of options: ``$ISTHMUS_CONFIG``, else in the platform's folder."""
    if chosen := os.environ.get("ISTHMUS_CONFIG"):
        return expanded(chosen)
    import platformdirs

    return platformdirs.user_config_path("isthmus", appauthor=False) / "isthmus.toml"


def _folder(variable: str, function: str) -> Path:
    if chosen := os.environ.get(variable):
        return expanded(chosen)
    import platformdirs

    path: Path = getattr(platformdirs, function)("isthmus", appauthor=False)
    return path


def expanded(path: str | Path) -> Path:
    """A path with ``~`` and ``~name`` resolved; as a shell does, that of nobody stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser fails for nobody


def exists(typed: str | Path) -> bool:
    """Whether there is something at a path that a user typed.

    What cannot be a path, because it is too long or has a zero byte, is words: nothing is there.

    Examples:
        >>> exists("dog " * 1_000), exists("/")
        (False, True)
    """
    try:
        return expanded(typed).exists()
    except (OSError, ValueError):
        return False


def is_folder(typed: str | Path) -> bool:
    """Whether there is a folder at a path that a user typed; see :func:`exists`."""
    return exists(typed) and expanded(typed).is_dir()


def why_missing(path: str | Path) -> str:
    """Why a user may find nothing at a path, to put behind a sentence that says so; may be empty.

    Args:
        path: As typed.
    """
    text = str(path)
    if text.startswith(("http:/", "https:/", "ftp:/", "s3:/")):
        return " isthmus reads only files on this machine, so download it first."
    try:
        wanted = expanded(text)
        near = [each.name for each in wanted.parent.iterdir()]
    except ValueError:  # a zero byte
        return ""
    except OSError:
        return f" There is no folder {str(wanted.parent)!r} either."
    if wanted.name in near:
        return " It is a file, not a folder; are two arguments swapped?" if wanted.is_file() else ""
    hint = did_you_mean(wanted.name, near)
    return hint and did_you_mean(text, [str(wanted.parent / each) for each in near])
