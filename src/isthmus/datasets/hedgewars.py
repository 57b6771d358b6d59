"""Hedgewars: what 15 voices shout at events of a game.

The data is that of the Debian package ``hedgewars-data`` (GFDL-1.3, GPL-2): fetch it with
``isthmus data get hedgewars``. A file ``VOICE/EVENT.ogg`` is one voice at one event.
"""

from __future__ import annotations

from pathlib import Path

from isthmus.core.errors import DataError, MediaError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import AUDIO
from isthmus.datasets.fetch import SOURCES, locate

__all__ = ["VALENCE", "load"]

# fmt: off
VALENCE = {
    "positive": (
        "Amazing", "Brilliant", "Enemydown", "Excellent", "Firstblood", "Flawless", "Hello",
        "Laugh", "Victory", "Yessir"
    ),
    "negative": (
        "Boring", "Bugger", "Coward", "Cutitout", "Drat", "Gonnagetyou", "Illgetyou",
        "Incoming", "Justyouwait", "Leavemealone", "Missed", "Nooo", "Nutter", "Ohdear", "Ooff",
        "Oops", "Ouch", "Ow", "PoisonMoan", "Revenge", "Runaway", "Sameteam", "Stupid",
        "Takecover", "Traitor", "Uh-oh", "Watchit", "Whatthe", "Youllregretthat"
    ),
}
# fmt: on
"""Events by valence, set by their names before any sound was heard: joy, praise and welcome; and
pain, fear, dismay, insult and threat. Orders, jumps, weapons and farewells have none."""

_VALENCE_OF = {event: valence for valence, events in VALENCE.items() for event in events}


def load(*, root: Path | None = None) -> Dataset:
    """Load the shouts.

    A record is a file. Its view is ``speech``. Its fields are ``voice``, ``event`` without the
    number of a variant, and, where the event has one, ``valence``. The voice is its group;
    recordings that two voices share link them, too.

    Args:
        root: The folder of the voices, where :func:`isthmus.datasets.find` does not find it.

    Raises:
        MissingDataError: If the data is not on this machine.
        DataError: If the folder holds no voices.
    """
    place = locate("hedgewars", root)
    records: list[Record] = []
    skipped: list[Failure] = []
    for path in sorted(place.glob("*/*.ogg")):
        voice, event = path.parent.name, path.stem.rstrip("0123456789")
        try:
            items = {"speech": MediaItem.from_path(path, AUDIO)}
        except MediaError as error:
            skipped.append(Failure(str(path), str(error)))
            continue
        fields: dict[str, Value] = {"voice": voice, "event": event}
        if event in _VALENCE_OF:
            fields["valence"] = _VALENCE_OF[event]
        records.append(Record(f"{voice}/{path.stem}", items, group=voice, fields=fields))
    if not records:
        raise DataError(
            f"{place} holds no voices; it must be the folder with VOICE/EVENT.ogg in it"
        )
    return Dataset("hedgewars", records, skipped, SOURCES["hedgewars"].licence)
