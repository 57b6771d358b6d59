"""Japanese words as dictionaries spell them: しろい クジャク as 白い 孔雀.

Much is typed in kana alone, and text encoders know words best in the spelling of books. A text in
kana is asked in both spellings, whose vectors are averaged as those of several captions are.
Takaoka et al., "Sudachi: a Japanese tokenizer for business", LREC 2018, for the dictionary.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

from isthmus.core.extras import require
from isthmus.core.item import MediaItem
from isthmus.prompts.prompt import Prompt

EXTRA = "japanese"
"""Of isthmus, which installs the dictionary."""
_KANA = re.compile("[ぁ-ゖァ-ヺ]")
_SPELLED = frozenset({"名詞", "形容詞", "形状詞"})
"""Nouns and adjectives; kanji of verbs that only help others are rare in books."""
_LONGEST = 2_000
"""Letters of a text that is asked in another spelling, too; what is longer is no query."""
_LOCK = Lock()


def available() -> bool:
    """Whether the dictionary is installed; without it a text is asked as it is."""
    return all(find_spec(each) is not None for each in ("sudachipy", "sudachidict_small"))


def has_kana(text: str) -> bool:
    """Whether a text has letters that only Japanese has.

    Examples:
        >>> has_kana("しろい クジャク"), has_kana("白孔雀")
        (True, False)
    """
    return _KANA.search(text) is not None


def spelled(text: str) -> str:
    """A Japanese text whose nouns and adjectives are spelled as dictionaries do.

    Raises:
        MissingExtraError: If the dictionary is not installed.
    """
    with _LOCK:
        words = _tokenizer().tokenize(text)
        return "".join(
            each.normalized_form() if each.part_of_speech()[0] in _SPELLED else each.surface()
            for each in words
        )


def in_both_spellings(item: MediaItem) -> MediaItem:
    """A text in kana beside how dictionaries spell it; anything else as it is.

    Args:
        item: Of any modality.
    """
    if not any(map(has_kana, item.captions)) or not available():
        return item
    both = [way for text in item.captions for way in (text, *_others(text))]
    return MediaItem.from_text(dict.fromkeys(both), source=item.source)


def note(prompt: Prompt) -> str:
    """What to tell somebody who asked in kana: the other spelling, or how to get it.

    Examples:
        >>> note(Prompt("a duck"))
        ''
    """
    found = [term.item for term in prompt.terms if term.item is not None]
    typed = [text for item in found for text in item.captions if has_kana(text)]
    if not typed:
        return ""
    if not available():
        return (
            "Japanese in kana is found better in the spelling of dictionaries. "
            f"Run: pip install 'isthmus[{EXTRA}]'"
        )
    others = [way for text in typed for way in _others(text) if way != text]
    return f"Asked in this spelling as well: {', '.join(others)}" if others else ""


def _others(text: str) -> tuple[str, ...]:
    return (spelled(text),) if has_kana(text) and len(text) <= _LONGEST else ()


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    sudachipy = require("sudachipy", extra=EXTRA, purpose="another spelling of Japanese")
    require("sudachidict_small", extra=EXTRA, purpose="another spelling of Japanese")
    return sudachipy.Dictionary(dict="small").tokenizer(mode=sudachipy.SplitMode.C)
