"""What files say of themselves, in the entries of a store."""

from __future__ import annotations

from dataclasses import replace

from isthmus.core.fields import WORDS, Fields
from isthmus.core.view import TEXT
from isthmus.store import Entry, whole_id


def with_fields(entry: Entry, fields: Fields) -> Entry:
    """An entry with the fields of its file, whose title and artist are found as words, too.

    Args:
        entry: Whose text is the words of its name, unless it is a text or has words of its own.
        fields: In place of those that it has.
    """
    if entry.modality == TEXT or entry.origin or entry.id != whole_id(entry.id):
        return replace(entry, fields=fields)
    name = entry.text.partition("\n")[0]
    words = " ".join(str(value) for field, value in fields if field in WORDS)
    return replace(entry, fields=fields, text=f"{name}\n{words}" if words else name)
