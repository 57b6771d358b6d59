"""Prompts: what steers a space, and the mathematics of it on vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.prompts.guide import Guide, subspace
    from isthmus.prompts.learned import LearnedPrompt
    from isthmus.prompts.options import PromptParts
    from isthmus.prompts.prompt import Prompt
    from isthmus.prompts.term import Term

__all__ = [
    "Guide",
    "LearnedPrompt",
    "Prompt",
    "PromptParts",
    "Term",
    "subspace",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Guide": "isthmus.prompts.guide",
        "LearnedPrompt": "isthmus.prompts.learned",
        "Prompt": "isthmus.prompts.prompt",
        "PromptParts": "isthmus.prompts.options",
        "Term": "isthmus.prompts.term",
        "subspace": "isthmus.prompts.guide",
    },
)
