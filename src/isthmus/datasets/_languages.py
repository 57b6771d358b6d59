"""Which of the languages of a data set were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isthmus.core.errors import DataError
from isthmus.core.wording import did_you_mean


def languages_asked(name: str, asked: Sequence[str] | str, known: Iterable[str]) -> tuple[str, ...]:
    """The tags that were asked for, each once, in the order of asking.

    Args:
        name: Of the data set, for messages.
        asked: BCP 47 tags, or tags joined by commas; ``"all"`` stands for all that are known.
        known: Tags that the data set has.

    Raises:
        DataError: If it has one of them not, or none was asked for.

    Examples:
        >>> languages_asked("mine", "de, pt_BR", ("de", "en", "pt-BR"))
        ('de', 'pt-BR')
    """
    there = tuple(known)
    given = asked.split(",") if isinstance(asked, str) else asked
    tags = tuple(dict.fromkeys(tag.strip().replace("_", "-") for tag in given if tag.strip()))
    if tags == ("all",):
        tags = there
    wrong = [tag for tag in tags if tag not in there]
    if wrong or not tags:
        hint = did_you_mean(wrong[0], there) if wrong else ""
        what = f"no language {wrong[0]!r}" if wrong else "no texts without a language"
        raise DataError(f"{name} has {what}; it has {', '.join(there)}.{hint}")
    return tags
