"""What steers a space: prompts, templates, and methods that learn from a few examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.prompts.calibration import conformal_cut, fit_temperature
    from isthmus.prompts.choice import Choice, Tried, choose
    from isthmus.prompts.guide import Guide, subspace
    from isthmus.prompts.hierarchy import Level, levels
    from isthmus.prompts.learned import LearnedPrompt
    from isthmus.prompts.methods import METHODS, FewShot, LeavesOut, method
    from isthmus.prompts.options import PromptParts
    from isthmus.prompts.prompt import Prompt
    from isthmus.prompts.support import Support, prototype
    from isthmus.prompts.templates import Templates, language_of, random_prompts
    from isthmus.prompts.templates import load as load_templates
    from isthmus.prompts.term import Term

__all__ = [
    "METHODS",
    "Choice",
    "FewShot",
    "Guide",
    "LearnedPrompt",
    "LeavesOut",
    "Level",
    "Prompt",
    "PromptParts",
    "Support",
    "Templates",
    "Term",
    "Tried",
    "choose",
    "conformal_cut",
    "fit_temperature",
    "language_of",
    "levels",
    "load_templates",
    "method",
    "prototype",
    "random_prompts",
    "subspace",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Choice": "isthmus.prompts.choice",
        "FewShot": "isthmus.prompts.methods.base",
        "Guide": "isthmus.prompts.guide",
        "LearnedPrompt": "isthmus.prompts.learned",
        "LeavesOut": "isthmus.prompts.methods.base",
        "Level": "isthmus.prompts.hierarchy",
        "METHODS": "isthmus.prompts.methods",
        "Prompt": "isthmus.prompts.prompt",
        "PromptParts": "isthmus.prompts.options",
        "Support": "isthmus.prompts.support",
        "Templates": "isthmus.prompts.templates",
        "Term": "isthmus.prompts.term",
        "Tried": "isthmus.prompts.choice",
        "choose": "isthmus.prompts.choice",
        "conformal_cut": "isthmus.prompts.calibration",
        "fit_temperature": "isthmus.prompts.calibration",
        "language_of": "isthmus.prompts.templates",
        "levels": "isthmus.prompts.hierarchy",
        "load_templates": "isthmus.prompts.templates:load",
        "method": "isthmus.prompts.methods",
        "prototype": "isthmus.prompts.support",
        "random_prompts": "isthmus.prompts.templates",
        "subspace": "isthmus.prompts.guide",
    },
)
