"""Prompts that nobody typed: from captions near by, glosses and language models, and their test."""

from isthmus.prompts.generate.glosses import from_glosses, read_glosses
from isthmus.prompts.generate.judge import Judged, judge
from isthmus.prompts.generate.language_model import Asked, LanguageModel, ask_about
from isthmus.prompts.generate.phrases import Captions, from_captions, telling_words

__all__ = [
    "Asked",
    "Captions",
    "Judged",
    "LanguageModel",
    "ask_about",
    "from_captions",
    "from_glosses",
    "judge",
    "read_glosses",
    "telling_words",
]
