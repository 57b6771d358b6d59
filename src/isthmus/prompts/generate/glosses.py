"""Glosses that a user supplies: what each class means, in a few words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.core.errors import InputError
from isthmus.core.wording import did_you_mean
from isthmus.prompts.templates import PLACE, Templates, language_of

_LARGEST = 1_000_000
"""Bytes of a file of glosses."""


def read_glosses(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read glosses from a TOML file: ``name = "gloss"``, or a list of glosses.

    Raises:
        InputError: If the file cannot be read, or something in it is no gloss.
    """
    where = Path(path).expanduser()
    try:
        data = where.read_bytes()
        if len(data) > _LARGEST:
            raise InputError(f"{where} has {len(data):,} bytes; glosses have {_LARGEST:,} at most")
        document = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f'{where} is not TOML ({error}); write a line for each class: cat = "a small pet"'
        ) from error
    out = {}
    for name, given in document.items():
        texts = given if isinstance(given, list) else [given]
        if not texts or not all(isinstance(each, str) and each.strip() for each in texts):
            raise InputError(f"{where}: {name!r:.80} needs a gloss as text, got {given!r:.80}")
        out[name] = tuple(each.strip() for each in texts)
    return out


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
