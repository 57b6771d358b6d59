"""What is liked and disliked, as parts of a prompt: a profile is a prompt of several things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.paths import exists
from isthmus.core.wording import count
from isthmus.media.source import is_file, is_picture
from isthmus.prompts.prompt import MOST_PARTS, Prompt
from isthmus.prompts.term import Term, usual_weight
from isthmus.prompts.typed import STORED, looks_like_a_path, missing_file, unquote
from isthmus.space import Space
from isthmus.store import Reader, item_id
from isthmus.tasks.retrieval.given import no_item
from isthmus.tasks.retrieval.within import of_the_store

if TYPE_CHECKING:
    from PIL.Image import Image

Thing: TypeAlias = "str | Path | MediaItem | Term | Image"
Things: TypeAlias = "Thing | Iterable[Thing]"


@dataclass(frozen=True, eq=False)
class Taste:
    """What somebody likes and dislikes.

    Attributes:
        prompt: One term for each thing; what is disliked has a negative weight.
        names: As the user named them, in that order.
    """

    prompt: Prompt
    names: Sequence[str]

    @classmethod
    def of(cls, space: Space, rows: Reader, liked: Things, disliked: Things = ()) -> Taste:
        """Read what a user handed in.

        A text is the id of an item of the store, ``id:…``, the path of a file, the name of a file
        that the store holds, or words; what stands in quotes is words. A file that the store holds
        is that item.

        Args:
            space: Of the store.
            rows: The store as it is at one moment.
            liked: One thing or several.
            disliked: Likewise.

        Raises:
            InputError: If nothing is liked, something is liked and disliked, an item is not in the
                store, several files of the store have a name, or a file cannot be used.
        """
        chosen: dict[object, tuple[str, Term]] = {}
        for things, avoided in ((liked, False), (disliked, True)):
            for thing in _several(things, "disliked" if avoided else "liked"):
                term = _term(space, rows, thing)
                usual = term.weight == usual_weight(avoided=False)
                if usual and avoided:
                    term = replace(term, weight=usual_weight(avoided=True))
                name = thing if isinstance(thing, str | Path) else term.said
                key = replace(term, weight=1.0)
                if key in chosen and (chosen[key][1].weight < 0) != (term.weight < 0):
                    raise InputError(f"{str(name)!r} is both liked and disliked; leave one out")
                chosen[key] = str(name), term
        terms = [term for _, term in chosen.values()]
        if not any(term.weight > 0 for term in terms):
            raise InputError("nothing is liked; name one thing at least: an id, a path or words")
        if len(terms) > MOST_PARTS:
            raise InputError(
                f"{count(len(terms), 'thing')} are liked or disliked; {MOST_PARTS} can be used, "
                "so give the latest of them"
            )
        return cls(Prompt(terms), [name for name, _ in chosen.values()])


def _several(things: Things, what: str) -> list[Thing]:
    if isinstance(things, str | Path | MediaItem | Term) or is_picture(things):
        return [cast("Thing", things)]
    if not isinstance(things, Iterable) or isinstance(things, Mapping):
        raise InputError(
            f"{what} needs ids, paths or words, got {type(things).__name__}. Write: "
            "store.recommend(liked=['cat.png', 'a red kangaroo'])"
        )
    return list(things)


def _term(space: Space, rows: Reader, thing: Thing) -> Term:
    if isinstance(thing, Term):
        if thing.stored and not rows.known([thing.stored]):
            raise no_item(thing.stored)
        return thing
    if isinstance(thing, str):
        if rows.known([thing]):
            return Term(None, thing)
        if thing.startswith(STORED):
            name = thing.removeprefix(STORED)
            name = unquote(name) or name
            if not rows.known([name]):
                raise no_item(name)
            return Term(None, name)
        if (words := unquote(thing)) is not None:
            return Prompt(words).terms[0]
        if (item := of_the_store(rows, thing)) is not None:
            return Term(None, item)
        if not is_file(thing) and not looks_like_a_path(thing):
            return Prompt(thing).terms[0]
        thing = Path(thing)
    if isinstance(thing, Path):
        if (item := of_the_store(rows, str(thing))) is not None:
            return Term(None, item)
        if not (exists(thing) or is_file(thing)):
            raise missing_file(str(thing))
    return _held(space, rows, Prompt(thing).terms[0])


def _held(space: Space, rows: Reader, term: Term) -> Term:
    """The item of the store that holds the same, where there is one."""
    item = term.item
    if item is None:
        return term
    views = [view for view, modality in space.modalities.items() if modality == item.modality]
    names = [item.id, *(item_id(item.id, view) for view in views)]
    known = rows.known(names)
    return next((Term(None, name, term.weight) for name in names if name in known), term)
