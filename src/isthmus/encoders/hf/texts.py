"""Captions to tokens; a caption is always text, whatever it looks like."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.linalg import Array
from isthmus.core.view import TEXT
from isthmus.encoders.base import check_captions
from isthmus.encoders.hf.families import Tower
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.hf.library import quiet, transformers
from isthmus.encoders.passes import TEXTS
from isthmus.encoders.strangers import strange
from isthmus.encoders.windows import A_TOKEN

Tokens = Mapping[str, Sequence[int]]
Captions = tuple[str, ...]

_UNMASKED = ("siglip", "siglip2")
"""Models that were trained on texts of full length, and see what fills them up."""
_LOWER = ("siglip", "siglip2")
"""Models that were trained on small letters; not every release of their tokenizers makes them."""


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How a caption becomes tokens.

    Attributes:
        longest: Tokens of a text; what follows is cut off.
        full: Whether every text is filled up to ``longest``, without a mask.
        lower: Whether letters are made small.
        prompt: What stands before every text.
        known: How many tokens the model has; 0 where its configuration does not say.
    """

    longest: int
    full: bool
    lower: bool
    prompt: str
    known: int = 0

    @classmethod
    def of(
        cls, folder: Folder, tower: Tower, config: Mapping[str, Any], prompt: str | None
    ) -> TextSettings:
        """Read the settings that come with a model.

        Args:
            folder: Of its files.
            tower: That reads text.
            config: Of the tower.
            prompt: The name of one of the model's own prompts, or what to put before every text.
        """
        size, unused = tower.positions
        bounds = [size.of(config) - unused]
        for file, key in (
            ("tokenizer_config.json", "model_max_length"),
            ("sentence_bert_config.json", "max_seq_length"),
        ):
            found = folder.json(file).get(key)
            if isinstance(found, int | float) and found > 0:
                bounds.append(int(found))
        known = str(config.get("model_type", "")).partition("_")[0]
        own = folder.json("config_sentence_transformers.json").get("prompts", {})
        said = "" if prompt is None else str(own.get(prompt, prompt))
        tokens = config.get("vocab_size") or 0
        return cls(min(bounds), known in _UNMASKED, known in _LOWER, said, tokens)


class TextInputs:
    """Captions for a model.

    Args:
        folder: Of the tokenizer's files.
        settings: How captions become tokens.
        remote: Whether code that comes with the model may be run.
    """

    modality = TEXT
    batch_size = 256
    together = TEXTS

    def __init__(self, folder: Folder, settings: TextSettings, *, remote: bool = False) -> None:
        self.name = folder.name
        self.settings = settings
        self.takes = float(A_TOKEN * settings.longest)
        self._folder, self._remote = folder, remote
        self._tokenizer: Any = None
        self._lock = threading.RLock()

    def describe(self) -> dict[str, Any]:
        """What changes tokens, beyond the tokenizer's files."""
        settings = self.settings
        return {
            "tokens": [settings.longest, settings.full, settings.lower, settings.prompt],
            "captions": "unit mean",
        }

    def prepare(self, decoded: object) -> Captions:
        """The captions without blank ones."""
        return check_captions(decoded, self.name)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of every text."""
        settings = self.settings
        said = [settings.prompt + text for text in texts]
        if settings.lower:
            said = [text.lower() for text in said]
        with self._lock:  # what truncates is a state of the tokenizer
            found = self._loaded()(
                said,
                truncation=True,
                max_length=settings.longest,
                padding="max_length" if settings.full else False,
                return_attention_mask=not settings.full,
            )
        names = list(found)
        return [{name: found[name][row] for name in names} for row in range(len(said))]

    def length(self, piece: Tokens) -> int:
        """Tokens."""
        return len(piece["input_ids"])

    def alike(self, piece: Tokens) -> int:
        """Texts of any length share a batch: the attention's mask hides what fills them up."""
        return 0

    def arrays(self, pieces: list[Tokens]) -> dict[str, Array]:
        """What the model is called with: texts filled up behind to the longest."""
        longest = max(map(self.length, pieces))
        with self._lock:
            filler = {"input_ids": self._loaded().pad_token_id or 0}
        arrays: dict[str, Array] = {}
        for name in pieces[0]:
            rows = np.full((len(pieces), longest), filler.get(name, 0), dtype=np.int64)
            for row, piece in enumerate(pieces):
                rows[row, : len(piece[name])] = piece[name]
            arrays[name] = rows
        if (most := int(arrays["input_ids"].max())) >= (self.settings.known or most + 1):
            raise ArtifactError(
                f"{self.name}: its tokenizer makes the token {most}, but the model has only "
                f"{self.settings.known}"
            )
        return arrays

    def counts(self, pieces: list[Tokens]) -> Array | None:
        """Tokens of each text that are no filling."""
        return np.array([self.length(piece) for piece in pieces])

    def cut(self, run: str) -> list[str]:
        """A run of a script without blanks, cut into the pieces of the tokenizer."""
        with self._lock:
            offsets = self._loaded()(run, add_special_tokens=False)
            pieces = self._loaded().convert_ids_to_tokens(offsets["input_ids"])
        return [bare for piece in pieces if (bare := piece.removeprefix("##").replace("▁", ""))]

    def _loaded(self) -> Any:
        if self._tokenizer is None:
            library = transformers(self.name)
            try:
                with strange(f"{self.name}: its tokenizer in {self._folder.path}"), quiet():
                    self._tokenizer = library.AutoTokenizer.from_pretrained(
                        str(self._folder.path),
                        local_files_only=True,
                        trust_remote_code=self._remote,
                    )
            except ArtifactError as error:
                if isinstance(error.__cause__, ImportError):
                    raise InputError(
                        f"{self.name}: its tokenizer needs a package: {error.__cause__}"
                    ) from error
                raise
        return self._tokenizer
