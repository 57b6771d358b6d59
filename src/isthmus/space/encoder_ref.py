"""Which encoder a view of a space was made for, and how to get it again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus.core.contracts import Configured, Encoder, Fitted
from isthmus.core.errors import ArtifactError, FingerprintError, InputError, UntrustedError
from isthmus.core.linalg import Array
from isthmus.core.paths import expanded
from isthmus.core.reading import reading
from isthmus.encoders import resolve, split_spec

_PLACED = ("hf", "st", "timm", "openclip", "onnx")
"""Schemes of encoders that may lie in a folder of this machine."""
_MARKED = re.compile(r"(local-dir|hf-hub|hf_hub):")
_OF_MODELS = ("config.json", "modules.json", "open_clip_config.json", "model.onnx")
"""One of these files is in a folder that such an encoder takes for a model."""


@dataclass(frozen=True)
class EncoderRef:
    """Which encoder a view of a space was made for, and how to get it again.

    Attributes:
        spec: What :func:`isthmus.encoders.load` takes; empty for an object of the user's.
        modality: What it reads.
        fingerprint: Of the encoder; another one is refused.
        dim: Length of its vectors.
        options: Further options for loading.
        state: What a fitted encoder learned, as JSON.
        tensors: What a fitted encoder learned, as arrays.
        trust: Packages whose classes ``spec`` may name, besides the registered ids; None where the
            user of this process named the encoder.
        folder: Of the space that was read; None for one that was made in this process.
        owner: What it belongs to, for messages: ``"space"`` or ``"predictor"``.
    """

    spec: str
    modality: str
    fingerprint: str
    dim: int
    options: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    tensors: Mapping[str, Array] = field(default_factory=dict)
    trust: Sequence[str] | None = ()
    folder: Path | None = None
    owner: str = "space"

    @classmethod
    def of(cls, encoder: Encoder, spec: str) -> EncoderRef:
        """Describe an encoder that is at hand; a folder or file is kept by its whole path."""
        state, tensors = encoder.state() if isinstance(encoder, Fitted) else (None, {})
        options = encoder.options() if isinstance(encoder, Configured) else {}
        named = (_placed(spec), encoder.modality, encoder.fingerprint, encoder.dim)
        return cls(*named, options if spec else {}, state, tensors, trust=None)

    def load(self) -> Encoder:
        """The encoder, checked to be the one the space was made for.

        Raises:
            InputError: If it was an object of the user's, which nothing can load, or the user
                named what is no encoder.
            UntrustedError: If it is code of a package that is not trusted; nothing was run.
            ArtifactError: If a space names what is no encoder, or what it learned does not fit.
            FingerprintError: If weights or preprocessing differ from those of the space.
        """
        if not self.spec:
            raise InputError(
                f"the encoder of {self.modality} was a Python object, and a {self.owner} cannot "
                f"load it; attach it: {self.owner}.attach(encoder)"
            )
        if self.folder is None:
            return self._loaded()
        with reading(self.folder):
            return self._loaded()

    def _loaded(self) -> Encoder:
        try:
            encoder = resolve(self.spec, self.options, trust=self.trust, modality=self.modality)
        except UntrustedError as error:
            raise UntrustedError(
                f"{error}; or make the encoder yourself: {self.owner}.attach(encoder)"
            ) from error
        if self.state is not None and isinstance(encoder, Fitted):
            try:
                encoder = encoder.from_state(self.state, self.tensors)
            except (LookupError, TypeError, ValueError) as error:
                raise ArtifactError(
                    f"what the encoder {self.spec} learned cannot be read: {error}"
                ) from error
        self.check(encoder)
        return encoder

    def check(self, encoder: Encoder) -> None:
        """Refuse an encoder that is not the one the space was made for."""
        if encoder.modality != self.modality or encoder.fingerprint != self.fingerprint:
            raise FingerprintError(
                f"the {self.owner} was made with {self.spec or 'an encoder'} "
                f"{self.fingerprint[:12]} for {self.modality}, this is {encoder.id} "
                f"{encoder.fingerprint[:12]} for {encoder.modality}; install the release it was "
                f"made with, or make the {self.owner} again"
            )

    def to_json(self) -> dict[str, Any]:
        """All but the tensors, for the document of a space."""
        return {
            "spec": self.spec,
            "modality": self.modality,
            "fingerprint": self.fingerprint,
            "dim": self.dim,
            "options": dict(self.options),
            "state": self.state,
        }


def _placed(spec: str) -> str:
    """A name of encoders with whole paths, which mean the same wherever the space is read.

    Read elsewhere, ``hf:models/clip`` would be another's model of the hub.
    """
    return "+".join(map(_placed_part, split_spec(spec)))


def _placed_part(part: str) -> str:
    name, mark, query = part.partition("?")
    scheme, colon, rest = name.partition(":")
    if scheme not in _PLACED or not colon:
        return part
    bare = rest[found.end() :] if (found := _MARKED.match(rest)) else rest
    path = expanded(bare)
    try:
        here = path.is_file() or any((path / file).is_file() for file in _OF_MODELS)
    except (OSError, ValueError):  # a name that is no path
        return part
    return f"{scheme}:{path.absolute()}{mark}{query}" if bare and here else part
