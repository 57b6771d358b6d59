"""The sound of a video, as a part of it in the view of sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from isthmus.core.errors import MediaError
from isthmus.core.view import AUDIO, VIDEO
from isthmus.pipeline import WORKERS
from isthmus.space import Space
from isthmus.store import part_id
from isthmus.tasks.retrieval.part import Part


def sound_track(whole: Part, space: Space) -> Iterator[Part]:
    """The sound of a video; nothing of anything else, and of a video that has none.

    Args:
        whole: An item.
        space: Of its views that read sound, the only one is meant or, of several, the one that is
            called ``audio``.
    """
    views = [view for view, modality in space.modalities.items() if modality == AUDIO]
    view = views[0] if len(views) == 1 else AUDIO
    if whole.item.modality != VIDEO or view not in views:
        return
    sound = replace(whole.item, modality=AUDIO)
    try:
        seconds = WORKERS.seconds(sound)
    except MediaError:  # it has no sound that can be decoded, and is found by its pictures
        return
    yield Part(sound, view, part_id(whole.id, AUDIO), seconds=seconds)
