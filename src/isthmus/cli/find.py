"""``isthmus find``: a picture in a video."""

from __future__ import annotations

import math
from pathlib import Path

import typer

from isthmus.cli.console import JSON_OPTION, TRUST_OPTION, out, print_json, shown
from isthmus.cli.search import EXIT_NOTHING
from isthmus.core.errors import InputError
from isthmus.core.fields import clock
from isthmus.core.options import parse_moment


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
    start: str | None = typer.Option(
        None, "--from", metavar="TIME", help="Look only from there on: seconds, or as in 1:30."
    ),
    stop: str | None = typer.Option(
        None, "--to", metavar="TIME", help="Look only up to there: seconds, or as in 1:02:05."
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

    span = _span(start, stop)
    known = None if space is None else Space.load(space, trust=trust or ())
    found = find_frame(picture, video, space=known, span=span)
    if as_json:
        print_json({"picture": str(picture), "video": str(video), **found.to_json()})
    else:
        if found.nothing:
            out().print("The video does not show this picture. The frames that are least unlike:")
        for place in found.places:
            mark = "" if place.matches else " (no match)"
            when = clock(place.time, digits=2)
            since = f" from {clock(span[0], digits=2)}" if span and span[0] else ""
            line = f"{when}  frame {place.frame:,}{since}  alike {place.score:.2f}{mark}"
            out().print(shown(line))
    if found.nothing:
        raise typer.Exit(EXIT_NOTHING)


def _span(start: str | None, stop: str | None) -> tuple[float, float] | None:
    """The part that is looked at; None is all of it."""
    if start is None and stop is None:
        return None
    first = 0.0 if start is None else parse_moment(start, "--from")
    last = math.inf if stop is None else parse_moment(stop, "--to")
    if last <= first:
        raise InputError(f"--to must be later than --from, got {stop} and {start or 0}")
    return first, last
