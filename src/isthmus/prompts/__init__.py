"""What steers a space: prompts, templates, and methods that learn from a few examples.

``transfer`` and ``stability`` are modules here; their functions of that name are
:func:`transfer_prompts` and :func:`measure_stability`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.prompts.calibration import conformal_cut, fit_temperature
    from isthmus.prompts.choice import Choice, Tried, choose
    from isthmus.prompts.figures import Figures
    from isthmus.prompts.generate.glosses import from_glosses, read_glosses
    from isthmus.prompts.generate.judge import Judged, judge
    from isthmus.prompts.generate.language_model import Asked, LanguageModel, ask_about
    from isthmus.prompts.generate.phrases import Captions, from_captions, telling_words
    from isthmus.prompts.guide import Guide, subspace
    from isthmus.prompts.hierarchy import Level, levels
    from isthmus.prompts.learned import LearnedPrompt
    from isthmus.prompts.methods import METHODS, method
    from isthmus.prompts.methods.base import FewShot, LeavesOut
    from isthmus.prompts.options import PromptParts
    from isthmus.prompts.prompt import Prompt
    from isthmus.prompts.stability import Stability, StabilityRow, Trials
    from isthmus.prompts.stability import stability as measure_stability
    from isthmus.prompts.support import Support, prototype
    from isthmus.prompts.templates import Templates, language_of, random_prompts
    from isthmus.prompts.templates import load as load_templates
    from isthmus.prompts.term import Term
    from isthmus.prompts.transfer.library import Library, Source
    from isthmus.prompts.transfer.starts import STARTS, Start
    from isthmus.prompts.transfer.transfer import Transfer, Trial
    from isthmus.prompts.transfer.transfer import transfer as transfer_prompts
    from isthmus.prompts.vectors import (
        LearnedVectors,
        TrainedVectors,
        Unseen,
        class_vectors,
        judge_unseen,
        learn_vectors,
    )

__all__ = [
    "METHODS",
    "STARTS",
    "Asked",
    "Captions",
    "Choice",
    "FewShot",
    "Figures",
    "Guide",
    "Judged",
    "LanguageModel",
    "LearnedPrompt",
    "LearnedVectors",
    "LeavesOut",
    "Level",
    "Library",
    "Prompt",
    "PromptParts",
    "Source",
    "Stability",
    "StabilityRow",
    "Start",
    "Support",
    "Templates",
    "Term",
    "TrainedVectors",
    "Transfer",
    "Trial",
    "Trials",
    "Tried",
    "Unseen",
    "ask_about",
    "choose",
    "class_vectors",
    "conformal_cut",
    "fit_temperature",
    "from_captions",
    "from_glosses",
    "judge",
    "judge_unseen",
    "language_of",
    "learn_vectors",
    "levels",
    "load_templates",
    "measure_stability",
    "method",
    "prototype",
    "random_prompts",
    "read_glosses",
    "subspace",
    "telling_words",
    "transfer_prompts",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Asked": "isthmus.prompts.generate.language_model",
        "Captions": "isthmus.prompts.generate.phrases",
        "Choice": "isthmus.prompts.choice",
        "FewShot": "isthmus.prompts.methods.base",
        "Figures": "isthmus.prompts.figures",
        "Guide": "isthmus.prompts.guide",
        "Judged": "isthmus.prompts.generate.judge",
        "LanguageModel": "isthmus.prompts.generate.language_model",
        "LearnedPrompt": "isthmus.prompts.learned",
        "LearnedVectors": "isthmus.prompts.vectors",
        "LeavesOut": "isthmus.prompts.methods.base",
        "Level": "isthmus.prompts.hierarchy",
        "Library": "isthmus.prompts.transfer.library",
        "METHODS": "isthmus.prompts.methods",
        "Prompt": "isthmus.prompts.prompt",
        "PromptParts": "isthmus.prompts.options",
        "STARTS": "isthmus.prompts.transfer.starts",
        "Source": "isthmus.prompts.transfer.library",
        "Stability": "isthmus.prompts.stability",
        "StabilityRow": "isthmus.prompts.stability",
        "Start": "isthmus.prompts.transfer.starts",
        "Support": "isthmus.prompts.support",
        "Templates": "isthmus.prompts.templates",
        "Term": "isthmus.prompts.term",
        "TrainedVectors": "isthmus.prompts.vectors",
        "Transfer": "isthmus.prompts.transfer.transfer",
        "Trial": "isthmus.prompts.transfer.transfer",
        "Trials": "isthmus.prompts.stability",
        "Tried": "isthmus.prompts.choice",
        "Unseen": "isthmus.prompts.vectors",
        "ask_about": "isthmus.prompts.generate.language_model",
        "choose": "isthmus.prompts.choice",
        "class_vectors": "isthmus.prompts.vectors",
        "conformal_cut": "isthmus.prompts.calibration",
        "fit_temperature": "isthmus.prompts.calibration",
        "from_captions": "isthmus.prompts.generate.phrases",
        "from_glosses": "isthmus.prompts.generate.glosses",
        "judge": "isthmus.prompts.generate.judge",
        "judge_unseen": "isthmus.prompts.vectors",
        "language_of": "isthmus.prompts.templates",
        "learn_vectors": "isthmus.prompts.vectors",
        "levels": "isthmus.prompts.hierarchy",
        "load_templates": "isthmus.prompts.templates:load",
        "measure_stability": "isthmus.prompts.stability:stability",
        "method": "isthmus.prompts.methods",
        "prototype": "isthmus.prompts.support",
        "random_prompts": "isthmus.prompts.templates",
        "read_glosses": "isthmus.prompts.generate.glosses",
        "subspace": "isthmus.prompts.guide",
        "telling_words": "isthmus.prompts.generate.phrases",
        "transfer_prompts": "isthmus.prompts.transfer.transfer:transfer",
    },
)
