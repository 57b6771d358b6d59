"""Sentences that class names are put into, by language and by what is classified."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import did_you_mean, way

ANY = "any"
"""Templates for items of every modality that has none of its own."""
PLACE = "{}"
"""What stands for the name."""
_FILE, _WORDS = "templates.toml", "words.txt"
_RANDOM = 15
"""Random prompts of each kind, as in WaffleCLIP."""
_WORDS_EACH = 2
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SCRIPTS = (("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh"))
_OTHERS = (("CYRILLIC", "ru"),)


@dataclass(frozen=True)
class Templates:
    """Sentences with a place for a name.

    Attributes:
        known: By language (BCP 47 tag), by modality or :data:`ANY`.
    """

    known: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that there are templates for."""
        return tuple(self.known)

    def of(self, language: str, modality: str) -> tuple[str, ...]:
        """The sentences of a language for items of a modality.

        Raises:
            InputError: If there are none in this language.

        Examples:
            >>> load().of("zh", "image")[1]
            '一张{}的图片'
        """
        tag = language if language in self.known else language.partition("-")[0]
        if tag not in self.known:
            hint = did_you_mean(language, self.known)
            own = way(python="templates='mine.toml'", shell="--templates mine.toml")
            raise InputError(
                f"there are no templates in the language {language!r}; languages: "
                f"{', '.join(self.known)}.{hint} Or write some in a file of your own: {own}"
            )
        kinds = self.known[tag]
        return kinds.get(modality) or kinds.get(ANY) or (PLACE,)

    def prompts(self, name: str, language: str, modality: str) -> tuple[str, ...]:
        """A name in every sentence of a language; a name that is a sentence stays as it is.

        Examples:
            >>> load().prompts("cats", "en", "text")[1]
            'a text about cats'
        """
        return tuple(each.replace(PLACE, name) for each in self.of(language, modality))


def load(own: str | Path | None = None) -> Templates:
    """The templates that come with isthmus, and those of a file.

    Args:
        own: A TOML file: a table for each language, in it a list of sentences for each modality
            or ``any``. What it has replaces what there is for that language and modality.

    Raises:
        InputError: If the file cannot be read, or a sentence has no place for the name.
    """
    known = {language: dict(kinds) for language, kinds in _shipped().items()}
    if own is not None:
        for language, kinds in _read(expanded(own)).items():
            known.setdefault(language, {}).update(kinds)
    return Templates(known)


def random_prompts(name: str, *, seed: int = 0, each: int = _RANDOM) -> tuple[str, ...]:
    """The null of every template: a name beside random words, and beside random characters.

    For one seed every name gets the same ones, so that they say nothing of any class.

    Args:
        name: Of a class.
        seed: Of the words and characters.
        each: Prompts with words; there are as many with characters.

    References:
        Roth et al., "Waffling around for performance", ICCV 2023.
    """
    return tuple(f"{name}, {tail}" for tail in _tails(seed, each))


def language_of(name: str) -> str:
    """The language of a name as far as its script tells it, else ``"en"``.

    Examples:
        >>> language_of("猫"), language_of("いぬ"), language_of("кошка"), language_of("Katze")
        ('zh', 'ja', 'ru', 'en')
    """
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in name if letter.isalpha()}
    for script, language in (*_SCRIPTS, *_OTHERS):
        if script in scripts:
            return language
    return "en"


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Common English words of many kinds that come with isthmus, in the order of the alphabet."""
    return tuple((resources.files(__package__) / _WORDS).read_text(encoding="utf-8").split())


@lru_cache(maxsize=8)
def _tails(seed: int, each: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    tails = [" ".join(rng.choice(words(), _WORDS_EACH)) for _ in range(each)]
    for _ in range(each):
        lengths = rng.integers(3, 8, _WORDS_EACH)
        tails.append(" ".join("".join(rng.choice(list(_LETTERS), n)) for n in lengths))
    return tuple(tails)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, dict[str, tuple[str, ...]]]:
    text = (resources.files(__package__) / _FILE).read_text(encoding="utf-8")
    return _checked(tomllib.loads(text), _FILE)


def _read(path: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    try:
        return _checked(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML ({error})") from error


def _checked(document: Mapping[str, Any], source: str) -> dict[str, dict[str, tuple[str, ...]]]:
    out: dict[str, dict[str, tuple[str, ...]]] = {}
    for language, kinds in document.items():
        if not isinstance(kinds, Mapping):
            raise InputError(f"{source}: need a table for each language, such as [en]: {language}")
        out[language] = {kind: _sentences(f, source, language) for kind, f in kinds.items()}
    return out


def _sentences(given: Any, source: str, language: str) -> tuple[str, ...]:
    sentences: Sequence[Any] = given if isinstance(given, list) else [given]
    for each in sentences:
        if not isinstance(each, str) or PLACE not in each:
            raise InputError(f"{source}: [{language}] {each!r} has no {PLACE} for the name")
    return tuple(sentences)
