"""Things of a data set as they are: pictures, players, words."""

from __future__ import annotations

import numpy as np

from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.markup import Markup, el
from isthmus.report.kit.words import captions_of, language_of, short_source

_CAPTIONS = 3  # of one thing, in several languages or ways


def shown(item: MediaItem, caption: str | None, language: str | None, assets: Assets) -> Markup:
    """The thing itself where it can be shown, and the words that belong to it."""
    name = caption or short_source(item)
    if item.modality == TEXT:
        several = captions_of(item)[:_CAPTIONS] or (name,)
        known = language if len(several) == 1 else None
        return el("div", *(words(each, known) for each in several), class_="media text")
    return el(
        "div",
        _itself(item, name, assets),
        words(name, language, "caption"),
        class_=f"media {item.modality}",
    )


def words(said: str, language: str | None, class_: str | None = None) -> Markup:
    """Words marked with their language."""
    return el("span", said, lang=language_of(said, language), dir="auto", class_=class_)


def _itself(item: MediaItem, name: str, assets: Assets) -> Markup:
    if item.modality in (IMAGE, VIDEO):
        return assets.picture(item, name) or absent("no picture to show")
    if item.modality == AUDIO:
        return assets.player(item, name) or absent("no sound to play")
    if isinstance(item.payload, np.ndarray):
        return absent(f"vector of {len(item.payload)} numbers")
    return absent(f"{item.modality} cannot be shown")


def absent(reason: str) -> Markup:
    """Words in the place of what cannot be shown."""
    return el("span", reason, class_="absent")
