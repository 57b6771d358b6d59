"""Glosses that a user supplies: what each class means, in a few words."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import did_you_mean
from isthmus.prompts.templates import PLACE, Templates, language_of

_LARGEST = 1_000_000
"""Bytes of a file of glosses."""


def read_glosses(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read glosses of classes from a file.

    Args:
        path: A TOML file (``name = "gloss"``, or a list of glosses), a JSON file (an object of the
            same), or a CSV or TSV file with a class and a gloss in each row. It may have the header
            ``class,gloss``; several rows of one class are several glosses.

    Raises:
        InputError: If the file cannot be read, or something in it is no gloss.
    """
    where = expanded(path)
    kind = where.suffix.lower()
    if kind not in _READERS:
        raise InputError(f"{where}: glosses are a .toml, .json, .csv or .tsv file")
    try:
        data = where.read_bytes()
        if len(data) > _LARGEST:
            raise InputError(f"{where} has {len(data):,} bytes; glosses have {_LARGEST:,} at most")
        document = _READERS[kind](data.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror or error})") from error
    except (ValueError, csv.Error, RecursionError) as error:  # of TOML, JSON and UTF-8
        raise InputError(
            f"{where} is not {kind[1:].upper()} ({error}); {_EXAMPLES[kind]}"
        ) from error
    if not isinstance(document, Mapping):
        raise InputError(f"{where} holds no glosses by name; {_EXAMPLES[kind]}")
    out = {}
    for name, given in document.items():
        texts = given if isinstance(given, list) else [given]
        if not texts or not all(isinstance(each, str) and each.strip() for each in texts):
            raise InputError(f"{where}: {name!r:.80} needs a gloss as text, got {given!r:.80}")
        out[name] = tuple(each.strip() for each in texts)
    return out


def _rows(text: str, delimiter: str) -> dict[str, list[str]]:
    """Glosses of a table with a class and a gloss in each row."""
    found: dict[str, list[str]] = {}
    table = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    for number, row in enumerate(table, 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2:
            raise ValueError(f"row {number} has {len(row)} cells, need a class and a gloss")
        if number == 1 and [cell.strip().lower() for cell in row] == _HEADER:
            continue
        found.setdefault(row[0].strip(), []).append(row[1])
    return found


_HEADER = ["class", "gloss"]
_READERS: Mapping[str, Callable[[str], object]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".csv": lambda text: _rows(text, ","),
    ".tsv": lambda text: _rows(text, "\t"),
}
_EXAMPLES = {
    ".toml": 'write a line for each class: cat = "a small pet"',
    ".json": 'write an object: {"cat": "a small pet"}',
    ".csv": "write a row for each class: cat,a small pet",
    ".tsv": "write a row for each class, with a tab between: cat\ta small pet",
}


def from_glosses(
    names: Sequence[str],
    glosses: Mapping[str, Sequence[str]],
    templates: Templates,
    modality: str,
) -> dict[str, tuple[str, ...]]:
    """Prompts of classes from their glosses: ``name: gloss`` in each sentence, and bare.

    Args:
        names: Of the classes; one without a gloss gets no prompt.
        glosses: By name.
        templates: Sentences.
        modality: Of the items.

    Raises:
        InputError: If a gloss is of none of the classes.
    """
    if strange := [name for name in glosses if name not in names]:
        raise InputError(
            f"there is a gloss of {strange[0]!r:.80}, which is none of the classes."
            f"{did_you_mean(strange[0], names)}"
        )
    out = {}
    for name in names:
        sentences = templates.of(language_of(name), modality)
        said = (f"{name}: {gloss}" for gloss in glosses.get(name, ()))
        out[name] = tuple(each.replace(PLACE, text) for text in said for each in sentences)
    return out
