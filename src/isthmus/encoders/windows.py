"""How much of a long item one vector is of, where the item is indexed by span."""

from __future__ import annotations

from isthmus.core.view import AUDIO, TEXT, VIDEO

LETTERS = 500
"""Characters of a passage of text: a paragraph or two."""
SECONDS = 5.0
"""Of a span of video."""
HEARD = 2.0
"""Seconds of a span of sound: that of most clips that the starter space has learned from."""
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
        (500.0, 231.0, inf)
    """
    return min(_WINDOWS.get(modality, float("inf")), most)
