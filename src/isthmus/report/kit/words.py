"""How things are called and numbers are said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Record
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.media.text import decode_text

_SINGULAR = {TEXT: "caption", IMAGE: "picture", AUDIO: "recording", VIDEO: "video"}
_LANGUAGES = {
    "ar": "العربية",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "español",
    "fr": "français",
    "he": "עברית",
    "hi": "हिन्दी",
    "it": "italiano",
    "ja": "日本語",
    "ko": "한국어",
    "nl": "Nederlands",
    "pl": "polski",
    "pt": "português",
    "ru": "русский",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "українська",
    "vi": "Tiếng Việt",
    "zh": "中文",
}
_SCRIPTS = (("\u3040", "\u30ff", "ja"), ("\uac00", "\ud7af", "ko"), ("\u4e00", "\u9fff", "zh"))


def thing(modality: str) -> str:
    """One thing of a modality that can be seen or heard: ``"picture"``."""
    return _SINGULAR[modality]


def language_name(tag: str) -> str:
    """What a language calls itself; its tag where that is not known here.

    Examples:
        >>> language_name("fr"), language_name("shs")
        ('français', 'shs')
    """
    return _LANGUAGES.get(tag, _LANGUAGES.get(tag.partition("-")[0], tag))


def language_of(words: str, known: str | None = None) -> str | None:
    """The language to mark words with: the known one, else what their script gives away.

    Examples:
        >>> language_of("一只红袋鼠"), language_of("a kangaroo"), language_of("a 猫")
        ('zh', None, 'zh')
    """
    if known:
        return known
    letters = [c for c in words if c.isalpha()]
    for low, high, tag in _SCRIPTS:
        share = sum(low <= c <= high for c in letters)
        # a few kana make Japanese of Chinese characters; of the others it takes half
        if share and (share * 2 >= len(letters) or (tag == "ja" and share * 5 >= len(letters))):
            return tag
    return None


def captions_of(item: MediaItem) -> tuple[str, ...]:
    """The captions of a text item, read from its file if need be; else none."""
    if item.modality != TEXT or isinstance(item.payload, np.ndarray):
        return ()
    try:
        return decode_text(item)
    except MediaError:
        return ()


def caption_of(item: MediaItem | None, most: int = 3) -> str | None:
    """The captions of a text item as one line, at most ``most`` of them."""
    captions = () if item is None else captions_of(item)
    if not captions:
        return None
    shown = " · ".join(captions[:most])
    more = len(captions) - most
    return f"{shown} · {more} more" if more > 0 else shown


def record_caption(record: Record, most: int = 3) -> str | None:
    """The captions of a record as one line: of its view called text, else of its first of text."""
    texts = [item for item in record.items.values() if item.modality == TEXT]
    return caption_of(record.items.get(TEXT) or next(iter(texts), None), most)


def short_source(item: MediaItem) -> str:
    """The last part of what the user knows an item by."""
    return item.source.replace("\\", "/").rstrip("/").rpartition("/")[2] or item.source


def of_hundred(share: float) -> str:
    """A share in whole hundredths: ``"42 of 100"``; small ones keep a digit.

    Examples:
        >>> of_hundred(0.424), of_hundred(0.0074), of_hundred(1.0)
        ('42 of 100', '0.7 of 100', '100 of 100')
    """
    return f"{hundredths(share)} of 100"


def hundredths(share: float) -> str:
    """A share as a number of hundredths, with a digit after the point below 2."""
    return f"{100 * share:.1f}" if 0 < 100 * share < 2 else f"{100 * share:.0f}"


def signed(value: float, digits: int = 2) -> str:
    """Few digits after the point, with a true minus, and no minus before zero.

    Examples:
        >>> signed(-0.5), signed(-0.001)
        ('−0.50', '0.00')
    """
    rounded = round(value, digits) + 0.0
    return true_minus(f"{rounded:.{digits}f}")


def true_minus(text: str) -> str:
    """Hyphens before numbers as minus signs."""
    return text.replace("-", "−")


def listed(names: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def breakable(name: str) -> str:
    """A name that may break behind a slash."""
    return name.replace("/", "/\u200b")


def signed_share(value: float, digits: int = 2) -> str:
    """With its sign and no more digits than it is worth; zero has no sign.

    Examples:
        >>> signed_share(0.7041), signed_share(-0.0312), signed_share(-0.0001)
        ('+0.70', '−0.03', '0.00')
        >>> signed_share(-0.0012, 3), signed_share(-0.0001, 3)
        ('−0.001', '0.000')
    """
    rounded = round(value, digits)
    sign = "" if rounded == 0 else "+" if rounded > 0 else "−"
    return f"{sign}{abs(rounded):.{digits}f}"
