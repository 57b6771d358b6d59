"""Data sets by name, folder, table or archive.

Each kind has a module with a ``load`` function; :func:`load` picks the module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from isthmus.core.artifact import DOCUMENT, kind_of
from isthmus.core.errors import DataError, MissingDataError
from isthmus.core.paths import exists, expanded, why_missing
from isthmus.core.record import Dataset
from isthmus.core.registry import Registry
from isthmus.core.validate import check_kind
from isthmus.core.wording import did_you_mean
from isthmus.datasets.fetch import find, get

__all__ = ["find", "get", "has_columns", "has_option", "load", "names"]

_NAMED: Registry[Callable[..., Dataset]] = Registry("data set")
for _name in (
    "hedgewars",
    "kaomoji",
    "nki70",
    "nutrimouse",
    "openclipart",
    "qabcs",
    "shapes",
    "tuxpaint",
    "wdbc",
    "wesnoth",
):
    _NAMED.add(_name, f"isthmus.datasets.{_name}:load")
_NAMED.add("ml-100k", "isthmus.datasets.movielens:load")
_NAMED.add("shapes-mood", "isthmus.datasets.moods:load")
_NAMED.add("shapes-motion", "isthmus.datasets.motions:load")

_TABLE = "isthmus.datasets.table:load"
_BY_SUFFIX = {
    ".csv": _TABLE,
    ".json": _TABLE,
    ".jsonl": _TABLE,
    ".npy": _TABLE,
    ".npz": _TABLE,
    ".parquet": _TABLE,
    ".tsv": _TABLE,
    ".tar": "isthmus.datasets.webdataset:load",
    ".tgz": "isthmus.datasets.webdataset:load",
    ".tar.gz": "isthmus.datasets.webdataset:load",
}
_PACKED = (".zip", ".7z", ".rar")
_KINDS = "a folder, a table (.parquet .csv .tsv .jsonl .json .npz) or a WebDataset .tar"


def names() -> list[str]:
    """The names that :func:`load` knows, sorted."""
    return _NAMED.names()


def load(spec: str | Path, **options: Any) -> Dataset:
    """Load a data set.

    Args:
        spec: A name (see :func:`names`), a folder, a table or a WebDataset tar. Where a
            folder has the name of a data set, write ``./name`` for the folder.
        **options: Those of the module that reads it, for example
            ``load("tuxpaint", languages=("en", "zh"))``.

    Returns:
        Its records, and under ``skipped`` whatever could not become one, with the reason.

    Raises:
        MissingDataError: If the data set is known but not on this machine; the message
            says how to get it.
        DataError: If there is no such data set or option, or nothing usable is in it.

    Examples:
        >>> len(load("shapes", n=12))
        12
    """
    name, loader, arguments = _loader(spec)
    made = _call(name, loader, options, *arguments)
    return replace(made, columns=dict(options["columns"])) if options.get("columns") else made


def has_columns(spec: str | Path) -> bool:
    """Whether a data set has columns that ``load(spec, columns=…)`` can name views after.

    Raises:
        DataError: If there is no such data set.
    """
    return has_option(spec, "columns")


def has_option(spec: str | Path, name: str) -> bool:
    """Whether ``load(spec, name=…)`` can be asked for.

    Raises:
        DataError: If there is no such data set.
    """
    return name in inspect.signature(_loader(spec)[1]).parameters


def _loader(spec: str | Path) -> tuple[str, Callable[..., Dataset], tuple[Path, ...]]:
    """What a data set is called, what loads it, and from where."""
    if isinstance(spec, str) and spec in _NAMED:
        return spec, _NAMED.get(spec), ()
    check_kind(
        spec,
        (str, Path),
        "a data set",
        need="a name, or the path of a folder, a table or a tar",
        example="load_dataset('shapes'), or load_dataset('my-folder')",
    )
    path = expanded(spec)
    if not exists(path):
        raise _unknown(spec)
    if what := _no_data(path):
        raise DataError(f"{path} {what}; give {_KINDS}")
    if path.is_dir():
        target = "isthmus.datasets.folder:load"
    else:
        name = path.name.lower()
        targets = [t for suffix, t in _BY_SUFFIX.items() if name.endswith(suffix)]
        if not targets:
            raise DataError(f"{path} is not a data set that isthmus reads; give {_KINDS}")
        target = targets[0]
    return str(path), _NAMED.get(target), (path,)


def _call(
    name: str, loader: Callable[..., Dataset], options: dict[str, Any], *args: Any
) -> Dataset:
    signature = inspect.signature(loader)
    wrong = [option for option in options if option not in signature.parameters]
    if wrong:
        known = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
        hint = did_you_mean(wrong[0], known)
        raise DataError(f"{name} has no option {wrong[0]!r}; it has {', '.join(known)}.{hint}")
    return loader(*args, **options)


def _no_data(path: Path) -> str:
    """What a place is that people take for a data set; empty if it may be one."""
    if path.suffix.lower() in _PACKED:
        return "is an archive that isthmus does not read. Unpack it, and give its folder"
    if kind := kind_of(path):
        return f"is a {kind}, and not a data set"
    return "is a store, and not a data set" if (path / "space" / DOCUMENT).is_file() else ""


def _unknown(spec: str | Path) -> MissingDataError:
    hint = did_you_mean(spec, names()) or why_missing(spec)
    return MissingDataError(
        f"there is no data set and no path {str(spec)!r}.{hint} "
        f"Names: {', '.join(names())}; or give {_KINDS}"
    )
