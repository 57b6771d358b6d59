"""Descriptions of classes by a language model behind an OpenAI-compatible address."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.core.document import Json
from isthmus.core.errors import InputError, RemoteError
from isthmus.core.record import Failure
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.core.web import Endpoint

QUESTIONS = {
    IMAGE: ("Describe what {} looks like.", "How can you identify {} in a picture?"),
    AUDIO: ("Describe what {} sounds like.", "How can you identify {} in a recording?"),
    VIDEO: ("Describe what {} looks like in a video.", "How can you identify {} in a video?"),
    TEXT: ("Describe what a text about {} says.", "What does {} mean?"),
}
"""Pratt et al., "What does a platypus look like? (CuPL)", ICCV 2023."""
_ASKED = "Answer in {n} short sentences, one a line, each of them about {name}. No other text."
MOST = 5
"""Sentences of each answer that are kept."""
_SHORTEST, _LONGEST = 8, 300
"""Characters of a sentence that is kept."""
_BULLET = re.compile(r"^\s*(?:[-*•·]|\(?\d{1,2}[.)])\s*")
_REFUSAL = re.compile(
    r"\b(?:i['\u2019]m sorry|i (?:cannot|can['\u2019]t|am unable)|as an ai|language model)\b",
    re.IGNORECASE,
)
_LETTERS = 0.6
"""Share of letters and spaces from which a line reads as a sentence."""


@dataclass(frozen=True)
class LanguageModel:
    """A language model behind an address that speaks ``/v1/chat/completions``.

    Attributes:
        address: Such as ``http://localhost:11434/v1``.
        model: Its name there.
        key: Sent as a bearer token if there is one.
        timeout: Seconds that an answer may take.

    Raises:
        InputError: If the address is no http address, or the time is none.
    """

    address: str
    model: str
    key: str = ""
    timeout: float = 60.0

    def __post_init__(self) -> None:
        self._endpoint()
        if not self.model.strip():
            raise InputError("a language model needs a name")

    def __repr__(self) -> str:
        """Without the key."""
        return f"LanguageModel({self.address!r}, {self.model!r})"

    def ask(self, question: str) -> str:
        """One answer.

        Raises:
            InputError: If there is none, or it is not of the protocol.
        """
        body: dict[str, Json] = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
        }
        endpoint = self._endpoint()
        try:
            return self._content(endpoint.ask("/chat/completions", body))
        except RemoteError as error:
            raise InputError(str(error)) from error

    def _endpoint(self) -> Endpoint:
        return Endpoint(self.address, "language model", self.key, self.timeout)

    def _content(self, data: bytes) -> str:
        try:
            content = json.loads(data)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            said = self._endpoint().quoted(data, 80)
            raise InputError(
                f"the language model at {self.address} does not speak /chat/completions: it "
                f"answers {said!r}"
            ) from error
        if not isinstance(content, str):
            return ""
        return content.encode("utf-8", "replace").decode("utf-8")  # without half characters


@dataclass(frozen=True)
class Asked:
    """What a language model said of classes.

    Attributes:
        prompts: Sentences by class name; none for a class that it said nothing useful of.
        dropped: What was not kept of its answers, and why.
    """

    prompts: dict[str, tuple[str, ...]]
    dropped: tuple[Failure, ...]


def ask_about(names: Sequence[str], model: LanguageModel, modality: str) -> Asked:
    """Have a language model describe classes.

    Args:
        names: Of the classes.
        model: Which.
        modality: Of the items that are classified.

    Returns:
        Sentences; refusals, empty answers and what does not read as a sentence are dropped.

    Raises:
        InputError: If the model cannot be reached or does not speak the protocol.
    """
    prompts: dict[str, tuple[str, ...]] = {}
    dropped: list[Failure] = []
    for name in names:
        kept: dict[str, None] = {}
        for question in QUESTIONS.get(modality, QUESTIONS[TEXT]):
            asked = f"{question.format(name)} {_ASKED.format(n=MOST, name=name)}"
            lines = model.ask(asked).splitlines()
            told = [_BULLET.sub("", line).strip() for line in lines if line.strip()]
            dropped += [
                Failure(name, f"{why}: {line[:80]!r}") for line in told if (why := _nonsense(line))
            ]
            if not told:
                dropped.append(Failure(name, "the language model answered nothing"))
            good = [_about(name, line) for line in told if not _nonsense(line)]
            kept.update(dict.fromkeys(good[:MOST]))
        prompts[name] = tuple(kept)
    return Asked(prompts, tuple(dropped))


def _nonsense(line: str) -> str:
    """Why a line is no description; empty if it may be one."""
    if _REFUSAL.search(line):
        return "a refusal"
    if not _SHORTEST <= len(line) <= _LONGEST:
        return f"{len(line)} characters"
    if sum(c.isalpha() or c.isspace() for c in line) < _LETTERS * len(line):
        return "no sentence"
    return ""


def _about(name: str, line: str) -> str:
    """A sentence that names its class."""
    return line if name.casefold() in line.casefold() else f"{name}: {line}"
