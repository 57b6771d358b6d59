"""How to classify: every option once, for Python and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from isthmus.core.errors import InputError
from isthmus.core.options import changed
from isthmus.core.validate import check_number
from isthmus.core.wording import did_you_mean, way
from isthmus.prompts.methods import METHODS

if TYPE_CHECKING:
    from isthmus.prompts.generate import Captions

AUTO = "auto"
Prompts = Literal["templates", "name", "random"]


def check_least(least: float) -> None:
    """Refuse a least probability that is none.

    Raises:
        InputError: If it does not lie in 0 … 1.
    """
    if not 0 <= check_number(least, "least") <= 1:
        raise InputError(f"least must lie in 0 … 1, got {least}")


def check_most(most: int | None) -> None:
    """Refuse a number of labels that is none.

    Raises:
        InputError: If it is neither None nor a whole number from 1 on.
    """
    if most is not None and (not isinstance(most, int) or most < 1):
        raise InputError(f"most must be a whole number from 1 on, or None, got {most!r:.40}")


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions:
    """How to classify.

    Attributes:
        prompts: What class words are put into: the sentences of the language; nothing; or random
            words and characters, which are the null of the sentences.
        language: Of class words, as a BCP 47 tag; empty to tell it from their script.
        templates: A TOML file with sentences of your own; empty for none.
        method: Id of a few-shot method, or ``"auto"``.
        view: That the items belong to; needed where several views read their modality.
        asked_as: View that reads the words; needed where several views read text.
        coverage: Share of items whose set of labels shall hold the true one.
        none: Share of items of the classes that may be told to be none of these.
        least: An item whose best probability is below it is none of these.
        glosses: A file with glosses of the classes, from which prompts are made; see
            :func:`isthmus.prompts.read_glosses`. Empty for none.
        llm: Address of a language model that describes the classes, such as
            ``http://localhost:11434/v1``; empty for none. Its key is taken from the environment
            variable ``ISTHMUS_LLM_KEY``.
        llm_model: Its name there.
        captions: Texts near the examples, from which prompts are made; see
            :func:`isthmus.tasks.captions_of`.
        keep_generated: Whether generated prompts are used even if nothing says that they help.

    Raises:
        InputError: If one of them cannot be used.
    """

    prompts: Prompts = "templates"
    language: str = ""
    templates: str | Path = ""
    method: str = AUTO
    view: str = ""
    asked_as: str = ""
    coverage: float = 0.9
    none: float = 0.05
    least: float = 0.0
    glosses: str | Path = ""
    llm: str = ""
    llm_model: str = ""
    captions: Captions | None = None
    keep_generated: bool = False

    def __post_init__(self) -> None:
        names = [AUTO, *(each.name for each in METHODS)]
        for name, given, known in (
            ("prompts", self.prompts, list(get_args(Prompts))),
            ("method", self.method, names),
        ):
            if given not in known:
                hint = did_you_mean(given, known)
                raise InputError(f"{name} must be one of {', '.join(known)}, got {given!r}.{hint}")
        for name in ("coverage", "none"):
            check_number(getattr(self, name), name)
        for name, share in (("coverage", self.coverage), ("none", self.none)):
            if not 0 < share < 1:
                raise InputError(f"{name} must lie between 0 and 1, got {share}")
        check_least(self.least)
        if bool(self.llm) != bool(self.llm_model):
            own = way(
                python="llm='http://localhost:11434/v1', llm_model='llama3.2'",
                shell="--llm http://localhost:11434/v1 --llm-model llama3.2",
            )
            raise InputError(f"a language model has an address and a name; give both: {own}")
        if self.keep_generated and not self.sources:
            own = way(python="glosses='glosses.toml'", shell="--glosses glosses.toml")
            raise InputError(f"there are no generated prompts to keep; give a source: {own}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Where generated prompts come from."""
        given = {
            "glosses": bool(self.glosses),
            "language model": bool(self.llm),
            "captions": self.captions is not None,
        }
        return tuple(name for name, there in given.items() if there)

    @classmethod
    def of(cls, options: Self | None = None, /, **changes: Any) -> Self:
        """Options, some of them changed by name.

        Raises:
            InputError: If there is no option of a name, or ``options`` are others.
        """
        return changed(
            cls, options, changes, "classify(space, 'photos', 'labels.txt', prompts='name')"
        )
