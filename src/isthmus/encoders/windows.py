"""How much of a long item one vector is of, where the item is indexed by span."""

from __future__ import annotations

from isthmus.core.view import AUDIO, TEXT, VIDEO

LETTERS = 500
"""Characters of a passage of text: a paragraph or two."""
SECONDS = 5.0
"""Of a span of video."""
HEARD = 2.0
"""Seconds of a span of sound. Of 30 clips of Tux Paint behind one another, the right one was the
top span, of whisper-tiny, with spans of 5, 3, 2 and 1 s in 42, 54, 65 and 57 of 100 cases for
effects and in 55, 59, 73 and 86 for spoken words. A recording that is longer has spans that begin
where sounds begin, and others of half a window."""
A_TOKEN = 3
"""Characters that a token of a model has at least, in most languages."""

_WINDOWS = {TEXT: float(LETTERS), AUDIO: HEARD, VIDEO: SECONDS}


def window_for(modality: str, most: float = float("inf")) -> float:
    """The window of an encoder: that of its modality, or what its model takes if that is less.

    Args:
        modality: That it reads.
        most: Seconds, or characters, that the model takes at once.

    Returns:
        Seconds or characters; infinite for what has no length, such as pictures.

    Examples:
        >>> window_for("text"), window_for("text", 77 * A_TOKEN), window_for("image")
        (500.0, 231, inf)
    """
    return min(_WINDOWS.get(modality, float("inf")), most)
