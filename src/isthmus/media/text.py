"""Captions and text files."""

from __future__ import annotations

import codecs
import unicodedata

from isthmus.core.errors import CorruptMediaError, EmptyMediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload

BLANK = "holds no text, only blanks"
"""Why a text is not used in which nothing is said."""
_KEPT = "\t\n\r"


def decode_text(item: MediaItem, limits: Limits = DEFAULT) -> tuple[str, ...]:
    """The captions of an item, cleaned: no control characters, no blank ones.

    Args:
        item: Captions, or a text file in UTF-8 or in UTF-16 with a byte order mark; a file
            is one caption. Of a file with a ``span`` it is those characters.
        limits: ``max_characters`` holds for each caption.

    Returns:
        At least one caption.

    Raises:
        EmptyMediaError: If nothing but blanks is left.
        CorruptMediaError: If a file is not in one of these encodings.
        MediaTooLargeError: If a caption is too long.
    """
    parts = item.captions or (_part(item, limits),)
    longest = max(map(_length, parts))
    if longest > limits.max_characters:
        raise MediaTooLargeError(
            item.source,
            f"has {longest:,} characters, the limit is {limits.max_characters:,}; split it into "
            "paragraphs, one item each",
        )
    cleaned = tuple(text for part in parts if (text := clean(part)))
    if not cleaned:
        raise EmptyMediaError(item.source, BLANK)
    return cleaned


def long_text(item: MediaItem, limits: Limits = DEFAULT) -> str:
    """All that a text item says, however long, as it lies there: spans count its characters.

    Args:
        item: One caption or a text file, as in :func:`decode_text`.
        limits: ``max_long_characters`` holds for it.

    Raises:
        CorruptMediaError: If a file is not in one of the known encodings.
        MediaTooLargeError: If it is too long.
    """
    if item.captions:
        return item.captions[0] if len(item.captions) == 1 else ""
    most = limits.max_long_characters
    text = _read(item, limits, most)
    if len(text) > most:
        raise MediaTooLargeError(
            item.source,
            f"has {len(text):,} characters, the limit is {most:,}; split it into several files",
        )
    return text


def _part(item: MediaItem, limits: Limits) -> str:
    if item.span is None:
        return _read(item, limits, limits.max_characters)
    start, stop = map(int, item.span)
    return _read(item, limits, limits.max_long_characters)[start:stop]


def _length(text: str) -> int:
    """Characters as encoders see them: a sign that stands for a phrase counts as the phrase."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFKC", text))


def clean(text: str) -> str:
    r"""Drop control characters and lone surrogates and trim; nothing visible, nothing left.

    Examples:
        >>> clean("  a\x00 red\x1b kangaroo\n")
        'a red kangaroo'
        >>> clean("\u200b\u3000")
        ''
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    kept = "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cs"))
    visible = any(unicodedata.category(c)[0] not in "ZC" for c in kept)
    return kept.strip() if visible else ""


def _read(item: MediaItem, limits: Limits, most: int) -> str:
    with open_payload(item, limits) as handle:
        enough = 4 * (most + 2)  # bytes of the longest text, with its mark
        data = handle.read(enough + 1)
    if len(data) > enough:
        raise MediaTooLargeError(
            item.source,
            f"has more than {most:,} characters, which is the limit; split it "
            "into paragraphs, one item each",
        )
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptMediaError(
            item.source, f"is not text in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
