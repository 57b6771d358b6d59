"""Japanese words as dictionaries spell them: しろい クジャク as 白い 孔雀.

Much is typed in kana alone, and text encoders know words best in the spelling of books. A text in
kana is asked in both spellings, whose vectors are averaged as those of several captions are.
Takaoka et al., "Sudachi: a Japanese tokenizer for business", LREC 2018, for the dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError, IsthmusError, MissingDataError
from isthmus.core.extras import require
from isthmus.core.item import MediaItem
from isthmus.core.view import TEXT
from isthmus.media.text import decode_text

EXTRA = "japanese"
"""Of isthmus, which installs the dictionary."""
LANGUAGE = "ja"
"""Of encoders that are asked in both spellings; others may know no kanji."""
_KANA = re.compile("[ぁ-ゖァ-ヺｦ-ﾟ]")
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
    """A Japanese text whose nouns and adjectives in kana are spelled as dictionaries do.

    Raises:
        MissingExtraError: If the dictionary is not installed.
        MissingDataError: If it cannot be read.
    """
    with _LOCK:
        words = _tokenizer().tokenize(text)
        return "".join(
            each.normalized_form()
            if each.part_of_speech()[0] in _SPELLED and has_kana(each.surface())
            else each.surface()
            for each in words
        )


def in_both_spellings(item: MediaItem, encoder: Encoder) -> MediaItem:
    """A text in kana beside how dictionaries spell it; anything else as it is.

    Args:
        item: Of any modality; a file of text counts as what it says.
        encoder: Of the item. Only one that was made for Japanese is asked so.
    """
    if item.modality != TEXT or LANGUAGE not in encoder.languages:
        return item
    texts = _texts(item)
    both = tuple(dict.fromkeys(way for text in texts for way in (text, *_others(text))))
    return item if both == texts else MediaItem.from_text(both, source=item.source)


def note(items: Iterable[MediaItem], encoder: Encoder) -> str:
    """What to tell somebody who asked in kana: the other spelling, or how to get it.

    Args:
        items: What was asked.
        encoder: Of the items.
    """
    if LANGUAGE not in encoder.languages:
        return ""
    typed = [text for item in items for text in _texts(item) if has_kana(text)]
    if typed and not available():
        return (
            "Japanese in kana is found better in the spelling of dictionaries. "
            f"Run: pip install 'isthmus[{EXTRA}]'"
        )
    others = [way for text in typed for way in _others(text) if way != text]
    return f"Asked in this spelling as well: {', '.join(others)}" if others else ""


def _texts(item: MediaItem) -> tuple[str, ...]:
    """What a text says; nothing where it cannot be read, which encoding it tells."""
    if item.captions or item.modality != TEXT:
        return item.captions
    try:
        return decode_text(item)
    except InputError:
        return ()


def _others(text: str) -> tuple[str, ...]:
    """Its other spelling, if it is short and the dictionary is there."""
    if not has_kana(text) or len(text) > _LONGEST or not available():
        return ()
    try:
        return (spelled(text),)
    except IsthmusError:
        return ()


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    sudachipy = require("sudachipy", extra=EXTRA, purpose="another spelling of Japanese")
    require("sudachidict_small", extra=EXTRA, purpose="another spelling of Japanese")
    try:
        return sudachipy.Dictionary(dict="small").tokenizer(mode=sudachipy.SplitMode.C)
    except Exception as error:  # of the library, which knows many
        raise MissingDataError(
            f"the dictionary of Japanese cannot be read ({error}); run: pip install "
            "--force-reinstall sudachidict-small"
        ) from error
