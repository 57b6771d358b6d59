"""Class prompts that nobody typed, used only if they beat random words on examples left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64
from isthmus.core.record import Failure
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.pipeline import VectorCache
from isthmus.prompts.figures import Figures
from isthmus.prompts.generate import (
    Captions,
    LanguageModel,
    ask_about,
    from_captions,
    from_glosses,
    judge,
    read_glosses,
)
from isthmus.prompts.support import Support, prototype
from isthmus.prompts.templates import load
from isthmus.space import Space
from isthmus.store import is_whole
from isthmus.tasks.zeroshot.classes import ClassSpec
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.results import GeneratedPrompts

if TYPE_CHECKING:
    from isthmus.tasks.retrieval.store import Store

LLM_KEY = "ISTHMUS_LLM_KEY"
"""Environment variable with the key of the language model; the command line takes none."""
_Prompts = dict[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Generator:
    """Makes prompts of classes for items of one modality.

    Attributes:
        space: That reads them.
        specs: The classes, each with words.
        words_view: That reads words.
        modality: Of the items.
        options: Which sources there are.
        cache: Of native vectors.
        fixed: What needs no examples: glosses, and what a language model said.
        notes: What of it was dropped.
    """

    space: Space
    specs: Sequence[ClassSpec]
    words_view: str
    modality: str
    options: ClassifyOptions
    cache: VectorCache | None
    fixed: _Prompts
    notes: list[str]

    @classmethod
    def of(
        cls,
        space: Space,
        specs: Sequence[ClassSpec],
        words_view: str,
        modality: str,
        options: ClassifyOptions,
        cache: VectorCache | None,
        progress: Progress | None,
    ) -> Generator:
        """Read glosses and ask the language model, once.

        Raises:
            InputError: If a class has no words or two have the same, a gloss is of no class, or the
                language model does not answer.
        """
        if bare := [spec.name for spec in specs if not spec.words]:
            raise InputError(
                f"prompts are generated from the words of classes, and {bare[0]!r:.80} has none; "
                "give it a name"
            )
        names = [spec.words[0] for spec in specs]
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise InputError(
                f"two classes are called {twice[0]!r:.80} in words; give each words of its own to "
                "generate prompts for them"
            )
        near = options.captions
        if near is not None and near.vectors.shape[1] != space.dim:
            raise InputError(
                f"captions have {near.vectors.shape[1]} dimensions, the space has {space.dim}; "
                "take them from a store of this space"
            )
        made = cls(space, specs, words_view, modality, options, cache, {}, [])
        made._add_glosses(names)
        made._add_answers(names, progress or untold)
        return made

    @property
    def names(self) -> list[str]:
        """Of the classes, in words."""
        return [spec.words[0] for spec in self.specs]

    def improved(self, support: Support) -> tuple[Support, GeneratedPrompts]:
        """The same with generated prompts in place of its words, if they are kept.

        They are kept if they surely beat as many random words on examples that are left out, and
        the sentences that are used otherwise are not right more often. Without examples nothing is
        known of them, so they are not kept unless the options say so.

        Args:
            support: Words and examples of one view.
        """
        keep, judged, sentences = self.options.keep_generated, None, None
        good, why = False, "not kept: there are no examples to judge them by"
        if len(support.items):
            judged = judge(self.names, support, self._made, self._embed)
            sentences = Figures.of(support.zero_shot(support.items), support.labels).accuracy
            good, why = judged.kept, judged.reason
            if good and judged.generated.accuracy < sentences:
                good, why = False, f"{why}, but sentences with the names are right more often"
        if keep and not good:
            why = f"{why}; kept as you asked" if judged else "kept as you asked, without examples"
        used = self._made(support) if good or keep else {}
        told = GeneratedPrompts(
            self.options.sources,
            good or keep,
            why,
            used,
            None if judged is None else judged.generated.accuracy,
            None if judged is None else judged.null,
            sentences,
        )
        return (self._with(support, used) if told.kept else support), told

    def _add_glosses(self, names: Sequence[str]) -> None:
        if not self.options.glosses:
            return
        spoken = {spec.name: spec.words[0] for spec in self.specs}
        glosses = read_glosses(self.options.glosses)
        found = {spoken.get(name, name): texts for name, texts in glosses.items()}
        templates = load(self.options.templates or None)
        self._extend(from_glosses(names, found, templates, self.modality))

    def _add_answers(self, names: Sequence[str], progress: Progress) -> None:
        if not self.options.llm:
            return
        model = LanguageModel(self.options.llm, self.options.llm_model, os.environ.get(LLM_KEY, ""))
        dropped: list[Failure] = []
        for done, name in enumerate(names, 1):
            asked = ask_about([name], model, self.modality)
            self._extend(asked.prompts)
            dropped += asked.dropped
            progress("ask the language model", done, len(names))
        if dropped:
            first = f"{dropped[0].source}: {dropped[0].reason}"
            what = count(len(dropped), "line")
            self.notes.append(f"{what} of the language model were dropped; {first}")

    def _extend(self, made: _Prompts) -> None:
        for name, texts in made.items():
            self.fixed[name] = (*self.fixed.get(name, ()), *texts)

    def _made(self, support: Support) -> _Prompts:
        """Further words of each class, and its generated prompts."""
        near: _Prompts = {}
        if self.options.captions is not None and len(support.items):
            near = from_captions(
                self.names,
                support.items,
                support.labels,
                self.options.captions,
                load(self.options.templates or None),
                self.modality,
            )
        return {
            spec.words[0]: (
                *spec.words[1:],
                *self.fixed.get(spec.words[0], ()),
                *near.get(spec.words[0], ()),
            )
            for spec in self.specs
        }

    def _embed(self, texts: Sequence[str]) -> F64:
        done = self.space.embed(list(texts), self.words_view, cache=self.cache)
        return done.vectors.astype(np.float64)

    def _with(self, support: Support, made: _Prompts) -> Support:
        rows = [prototype(self._embed([name, *made.get(name, ())])) for name in self.names]
        return replace(support, words=np.vstack(rows))


def captions_of(store: Store) -> Captions:
    """The texts of a store, as captions that lie near the items of other views.

    Raises:
        InputError: If it holds none.
    """
    rows = store.backend.snapshot()
    entries = [entry for entry in rows.entries() if entry.modality == TEXT and is_whole(entry.id)]
    if not entries:
        raise InputError(
            f"{store.folder or 'the store'} holds no texts to take captions from; index some with: "
            "isthmus index PATHS"
        )
    known = rows.vectors([entry.id for entry in entries])
    texts = tuple(entry.text.partition("\n")[2] or entry.text for entry in entries)
    return Captions(texts, np.stack([known[entry.id] for entry in entries]).astype(np.float64))
