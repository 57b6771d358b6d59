"""``isthmus find``: a picture in a video."""

from __future__ import annotations

import math
from pathlib import Path

import typer

from isthmus.cli.console import JSON_OPTION, TRUST_OPTION, out, print_json, shown
from isthmus.cli.search import EXIT_NOTHING
from isthmus.core.fields import clock


def command(
    picture: Path = typer.Argument(help="A picture."),
    video: Path = typer.Argument(help="A video, an animated picture or a folder of frames."),
    *,
    space: str | None = typer.Option(
        None,
        "--space",
        metavar="DIR",
        help="Folder of a space of pictures, or 'starter', that the frames are compared in, too.",
    ),
    start: float | None = typer.Option(
        None, "--from", min=0, metavar="SECONDS", help="Look only from there on."
    ),
    stop: float | None = typer.Option(
        None, "--to", min=0, metavar="SECONDS", help="Look only up to there."
    ),
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Find the frame of a video that a picture was taken from, or the one most like it.

    The picture may have been resized, or saved with loss. If the video does not show it, the
    command ends with exit code 5.
    """
    from isthmus.space import Space
    from isthmus.tasks.retrieval.find_frame import find_frame

    known = None if space is None else Space.load(space, trust=trust or ())
    part = start or 0.0, math.inf if stop is None else stop
    span = None if start is None and stop is None else part
    found = find_frame(picture, video, space=known, span=span)
    if as_json:
        print_json({"picture": str(picture), "video": str(video), **found.to_json()})
    else:
        if found.nothing:
            out().print("The video does not show this picture. The frames that are least unlike:")
        for place in found.places:
            mark = "" if place.matches else " (no match)"
            when = clock(place.time, exact=True)
            since = f" from {clock(start, exact=True)}" if start else ""
            line = f"{when}  frame {place.frame:,}{since}  alike {place.score:.2f}{mark}"
            out().print(shown(line))
    if found.nothing:
        raise typer.Exit(EXIT_NOTHING)
