"""A prompt as vectors of a space: what searches, classes and annotations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.view import TEXT
from isthmus.core.wording import nearest, way
from isthmus.prompts.guide import Guide, subspace
from isthmus.prompts.japanese import in_both_spellings, note
from isthmus.prompts.learned import LearnedPrompt
from isthmus.prompts.prompt import Prompt, Things, examples_of
from isthmus.prompts.term import Term
from isthmus.prompts.typed import GUIDES, SAVED, PartName, composed
from isthmus.space import Space
from isthmus.store import Reader
from isthmus.tasks.retrieval.views import item_view
from isthmus.tasks.retrieval.within import held_under

_CANCELLED = 1e-3
"""Length of the sum of all parts, of which those sought sum to 1, below which they cancel."""
_LISTED = 5


@dataclass(frozen=True, eq=False)
class EncodedPrompt:
    """A prompt as vectors of a space. Guides are done: its vectors are projected.

    Attributes:
        terms: Those that are looked for or avoided, ``t`` of them.
        vectors: ``(t, dim)`` unit vectors.
        unguided: ``(t, dim)``, the same before they were projected.
        views: Of the terms.
        natives: What the encoder gave for each term, ``(1, native dim)``, and below it what it gave
            for each spelling where there are several. None where it was not asked: for items of a
            store and saved prompts.
        guide: What the vectors were projected by; None for nothing.
    """

    terms: Sequence[Term]
    vectors: F32
    unguided: F32
    views: Sequence[str]
    natives: Sequence[F32 | None]
    guide: Guide | None = None

    @classmethod
    def of(
        cls,
        space: Space,
        prompt: Prompt,
        *,
        rows: Reader | None = None,
        asked_as: Sequence[str] = (),
    ) -> EncodedPrompt:
        """Encode every term.

        Args:
            space: Of the vectors, and of saved prompts.
            prompt: What is looked for.
            rows: A store, for terms that are items of it.
            asked_as: Views that terms may belong to, where they name none.

        Raises:
            InputError: If an item is not in the store or cannot be encoded, may belong to several
                views, or a prompt of a name is not saved; if guides leave nothing, or the parts
                cancel each other.
        """
        named = [_named(rows, term, asked_as) for term in prompt.terms]
        terms = Prompt([_resolved(space, term) for term in named]).terms
        source = _Source(space, rows, asked_as)
        found = [term for term in terms if not term.guides]
        encoded = [source.encoded(term) for term in found]
        unguided = vectors = np.stack([vector for vector, _, _ in encoded])
        guide = _guide(source, [term for term in terms if term.guides])
        if guide is not None:
            vectors = guide.project(unguided)
            if not vectors.any(axis=1).all():
                raise InputError(
                    f"nothing is left of {prompt} once it is guided; ignore less, or ask for "
                    "something that its guide speaks of"
                )
        views, natives = [view for _, view, _ in encoded], [native for *_, native in encoded]
        made = cls(tuple(found), vectors, unguided, views, natives, guide)
        length = float(np.linalg.norm(made.weights @ vectors))
        if length < _CANCELLED or _all_avoided(terms):
            raise InputError(
                f"the parts of {prompt} cancel each other, so nothing is looked for; leave one "
                "out, or give it another weight"
            )
        return made

    @cached_property
    def weights(self) -> F32:
        """``(t,)``, of the terms, scaled so that the positive ones sum to 1."""
        weights = np.array([term.weight for term in self.terms], dtype=np.float32)
        return np.asarray(weights / weights[weights > 0].sum(), dtype=np.float32)

    def cosines(self, items: F32) -> F32:
        """``(n, t)`` of unit vectors ``(n, dim)`` with each term, where they are compared."""
        guide = self.guide
        seen = guide.project(items) if guide is not None and guide.changes_items else items
        return np.asarray(seen @ self.vectors.T, dtype=np.float32)

    @property
    def is_calibrated(self) -> bool:
        """Whether calibrations hold for it: nothing in it was learned or projected."""
        return self.guide is None and not any(term.saved for term in self.terms)


def spelling_note(space: Space, prompt: Prompt, asked_as: Sequence[str] = ()) -> str:
    """How a prompt was asked beside how it was typed, or how it could be; empty for neither.

    Args:
        space: That was searched by it.
        prompt: What was asked.
        asked_as: Views that terms may belong to, where they name none.
    """
    source, told = _Source(space, None, asked_as), []
    for term in prompt.terms:
        if term.item is not None and term.item.modality == TEXT:
            encoder = space.encoder(source.view(term, term.item))
            told.append(note([term.item], encoder))
    return "; ".join(each for each in dict.fromkeys(told) if each)


def learn_prompt(
    space: Space,
    like: Things,
    *,
    part: PartName = "style",
    unlike: Things = None,
    view: str | None = None,
    rows: Reader | None = None,
) -> LearnedPrompt:
    """A part of a prompt that says "like these", in closed form.

    Keep it under a name with ``space.prompts[name] = …``, or in a store with
    :meth:`isthmus.Store.save_prompts`; then ``"@name"`` is a part of a prompt.

    Args:
        space: Whose encoders and heads are used.
        like: Examples of one view, as for :class:`isthmus.Prompt`.
        part: What it says.
        unlike: Things of the same view from which they are set apart.
        view: Theirs, where several views read their modality.
        rows: A store, for examples that are items of it.

    Returns:
        The mean of the examples, less the mean of what is unlike them, or for what guides their
        subspace; see :meth:`isthmus.prompts.LearnedPrompt.learn`.

    Raises:
        InputError: If there is no example, one cannot be used, or they are of several views.

    Examples:
        >>> learn_prompt(space, [Path("a.png"), Path("b.png")])  # doctest: +SKIP
    """
    source = _Source(space, rows, () if view is None else (view,))
    found = [_examples(source, things) for things in (like, unlike) if things is not None]
    views = list(dict.fromkeys(name for _, names in found for name in names))
    if len(views) != 1:
        raise InputError(
            f"examples are of one view, got {' and '.join(views) or 'none'}; learn a prompt from "
            "those of each, and use them together: "
            + way(python="style=['@a', '@b']", shell="--style @a --style @b")
        )
    background = found[1][0] if len(found) > 1 else None
    return LearnedPrompt.learn(
        found[0][0], views[0], part=part, typical=space.typical(views[0]), background=background
    )


def nearest_records(space: Space, prompt: LearnedPrompt, k: int) -> dict[str, list[str]]:
    """The training records that are most like a learned prompt.

    Args:
        space: Of the prompt.
        prompt: The prompt.
        k: How many of each view.

    Returns:
        Ids by view, best first; of a prompt that guides those that are longest in its subspace.
        Views whose records have no names are left out.
    """
    found: dict[str, list[str]] = {}
    for view, ids in space.bank_ids.items():
        along = space.banks[view] @ prompt.rows.T
        score = np.linalg.norm(along, axis=1) if prompt.guides else along[:, 0]
        if ids:
            found[view] = [ids[i] for i in np.argsort(-score, kind="stable")[:k]]
    return found


def _examples(source: _Source, things: Things) -> tuple[F32, list[str]]:
    """Things as vectors ``(n, dim)``, and the views that are among them."""
    rows = source.examples(examples_of(things))
    return np.concatenate([x for x, _ in rows]), [view for _, view in rows]


def _all_avoided(terms: Sequence[Term]) -> bool:
    """Whether everything that is looked for is avoided, too: the usual weights leave half of it."""
    sought = {replace(term, weight=1.0) for term in terms if term.weight > 0 and not term.guides}
    return sought <= {replace(term, weight=1.0) for term in terms if term.weight < 0}


def saved_prompt(space: Space, name: str) -> LearnedPrompt:
    """A prompt that was saved in a space.

    Raises:
        InputError: If there is none of that name.
    """
    name = composed(name)
    if name in space.prompts:
        return space.prompts[name]
    near = nearest(name, space.prompts)
    some = ", ".join(f"@{each}" for each in list(space.prompts)[:_LISTED])
    hint = f"did you mean @{near}?" if near else f"there are {some}." if some else "there is none."
    raise InputError(
        f"no prompt is saved as {SAVED}{name}; {hint} Words are put in quotes: '\"@{name}\"'"
    )


def _named(rows: Reader | None, term: Term, asked_as: Sequence[str]) -> Term:
    """A term whose item of the store is given by its id, where it was given by its name.

    Args:
        rows: Of the store, if there is one.
        term: Any.
        asked_as: Views that it may belong to; none stands for all.

    Raises:
        InputError: If several items have the name.
    """
    if not term.stored or rows is None or rows.known([term.stored]):
        return term
    held = held_under(rows, term.stored)
    known = rows.get(list(held.alike))
    alike = {n: s for n, s in held.alike.items() if not asked_as or known[n].view in asked_as}
    return replace(term, stored=replace(held, alike=alike).only or term.stored)


def _resolved(space: Space, term: Term) -> Term:
    """A term that says what the saved prompt says that it names."""
    if not term.saved:
        return term
    known = saved_prompt(space, term.saved)
    if term.part == "content" and known.part != "content":
        return replace(term, part=known.part)
    if known.guides and not term.guides:
        raise InputError(
            f"{SAVED}{term.saved} says what to {known.part}, so it cannot be a {term.part}; write "
            f"{SAVED}{term.saved} alone, or {known.part}:{SAVED}{term.saved}"
        )
    return term


@dataclass(frozen=True)
class _Source:
    """Where vectors come from."""

    space: Space
    rows: Reader | None
    asked_as: Sequence[str]

    def encoded(self, term: Term) -> tuple[F32, str, F32 | None]:
        """A term as a vector ``(dim,)``, its view, and its native vectors; see :attr:`natives`."""
        if term.saved:
            known = saved_prompt(self.space, term.saved)
            return known.rows[0], known.view, None
        if term.item is None:
            vector, view = self.stored(term.stored)
            return vector, view, None
        view = self.view(term, term.item)
        if term.vectors is not None:
            vector, native = term.vectors
            return vector, view, native
        item = in_both_spellings(term.item, self.space.encoder(view))
        ways = item.captions if item is not term.item else ()
        rows, encoded = self.embedded([item, *map(MediaItem.from_text, ways)], view)
        return rows[0], view, encoded

    def stored(self, name: str) -> tuple[F32, str]:
        """The vector of an item of the store, and its view."""
        entry = None if self.rows is None else self.rows.get([name]).get(name)
        if self.rows is None or entry is None:
            raise InputError(f"the store holds no item {name!r}")
        return self.rows.vectors([name])[name], entry.view

    def view(self, term: Term, item: MediaItem) -> str:
        return item_view(self.space, item, self.asked_as, named=term.view)

    def embedded(self, items: Sequence[MediaItem], view: str) -> tuple[F32, F32 | None]:
        """Items as vectors of the space, and what their encoder gave."""
        done = self.space.embed(items, view)
        if not done.ok.all():
            fault = items[int(np.argmin(done.ok))].source
            raise InputError(f"{fault} cannot be searched by: {done.failures[0].reason}")
        return done.vectors, done.native

    def examples(self, terms: Sequence[Term]) -> list[tuple[F32, str]]:
        """Each wording of each term as vectors ``(n, dim)``, and their view; encoded together."""
        made: list[tuple[F32, str]] = []
        waiting: dict[str, list[MediaItem]] = {}
        for term in terms:
            if term.item is None or term.vectors is not None:
                vector, view, _ = self.encoded(term)
                made.append((vector[None], view))
                continue
            view = self.view(term, term.item)
            items = [MediaItem.from_text(each) for each in term.item.captions] or [term.item]
            encoder = self.space.encoder(view)
            waiting.setdefault(view, []).extend(in_both_spellings(i, encoder) for i in items)
        return made + [(self.embedded(items, view)[0], view) for view, items in waiting.items()]


def _guide(source: _Source, terms: Sequence[Term]) -> Guide | None:
    if not terms:
        return None
    ignore, only = (_directions(source, terms, part) for part in GUIDES)
    return Guide.of(ignore, only)


def _directions(source: _Source, terms: Sequence[Term], part: PartName) -> F32 | None:
    """Directions ``(r, dim)`` that one kind of guide speaks of; None where there is none."""
    mine = [term for term in terms if term.part == part]
    known = [saved_prompt(source.space, term.saved).rows for term in mine if term.saved]
    found = source.examples([term for term in mine if not term.saved])
    if found:
        typical = [np.tile(source.space.typical(view), (len(rows), 1)) for rows, view in found]
        known.append(subspace(np.concatenate([rows for rows, _ in found]), np.concatenate(typical)))
    return np.concatenate(known) if known else None
