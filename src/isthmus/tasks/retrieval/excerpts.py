"""What is shown of a text: the stretch that holds the words of a query, else its beginning."""

from __future__ import annotations

from collections.abc import Set

from isthmus.core.sentences import pieces
from isthmus.core.view import TEXT
from isthmus.media.passages import headings
from isthmus.prompts.prompt import Prompt
from isthmus.store.patterns import folded
from isthmus.store.words import words
from isthmus.tasks.retrieval.spans import OVERLAP


def words_sought(prompt: Prompt) -> frozenset[str]:
    """The words of what a prompt looks for."""
    return frozenset(
        word
        for term in prompt.terms
        if term.weight > 0 and term.item is not None and term.item.modality == TEXT
        for caption in term.item.captions
        for word in words(folded(caption))
    )


def excerpt(text: str, sought: Set[str], most: int) -> str:
    """A stretch of a text, with ``…`` where more stands before or behind it.

    It begins with the sentence that holds most of the words, where long words count more than
    short ones. Where none does, it begins with the first heading, if what stands before that may
    belong to the passage before, and else with the text.

    Args:
        text: Of an item or of a passage.
        sought: Words of the query, folded.
        most: Characters.

    Examples:
        >>> excerpt("Cats sleep. Dogs bark at night. Birds sing.", {"dogs"}, 20)
        '… Dogs bark at night. …'
    """
    text = text.strip()
    if len(text) <= most:
        return text
    starts = [start for start, _ in pieces(text, 0, len(text), most)]
    ends = [*starts[1:], len(text)]
    held = [
        sum(len(word) for word in sought & set(words(folded(text[start:stop]))))
        for start, stop in zip(starts, ends, strict=True)
    ]
    begin = starts[held.index(max(held))]
    if not max(held):
        begin = next((start for start in headings(text) if start <= OVERLAP * len(text)), begin)
    # near the end, more of what stands before is shown
    begin = min(begin, next(start for start in ends if len(text) - start <= most))
    shown = text[begin : begin + most].rstrip()
    return f"{'… ' if begin else ''}{shown}{' …' if begin + most < len(text) else ''}"


def shown_text(text: str, sought: Set[str], most: int) -> str:
    """The words of a name, on a line of their own, and an excerpt of what follows them.

    Args:
        text: As of a hit.
        sought: Words of the query, folded.
        most: Characters of the excerpt.
    """
    name, line, content = text.partition("\n")
    return f"{name}\n{excerpt(content, sought, most)}" if line else excerpt(name, sought, most)
