"""Opening a file with the program that the system has for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from isthmus.core.errors import InputError, MissingDataError
from isthmus.media.formats import SUFFIXES, TEXT_SUFFIXES

_RUN = frozenset({".svg", ".svgz"})
"""Drawings are opened by browsers, which run what is in them."""
_SAFE = (SUFFIXES | TEXT_SUFFIXES) - _RUN
"""Ends of names that a system opens in a viewer. It goes by the name, not by the content: what is
called ``notes.desktop`` or ``notes.bat`` would be run."""


def check_viewer() -> None:
    """Refuse where nobody would see anything.

    Raises:
        InputError: If there is no display.
    """
    if sys.platform not in ("darwin", "win32") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise InputError("--open needs a display, and there is none here; leave --open out")


def open_page(path: Path) -> None:
    """Open a page that isthmus has written."""
    _open(path.resolve())


def open_media(path: Path) -> None:
    """Open a file of the user's.

    Raises:
        InputError: If its name does not say that it is a picture, a recording, a video or a text:
            the system might run it.
    """
    path = path.resolve()  # a link may have a harmless name
    if path.suffix.lower() not in _SAFE:
        raise InputError(
            f"{path} is not opened: the system may run a file of that name, or what is in it; open "
            "it yourself"
        )
    _open(path)


def _open(path: Path) -> None:
    """Start the viewer, and do not wait for it; no shell sees the name, which begins with /."""
    if sys.platform == "win32":
        os.startfile(path)
        return
    program = "open" if sys.platform == "darwin" else "xdg-open"
    nowhere = subprocess.DEVNULL
    try:
        subprocess.Popen(
            [program, str(path)],
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,  # Ctrl-C here does not end it
        )
    except FileNotFoundError as error:
        raise MissingDataError(f"there is no program {program!r}; open {path} yourself") from error
