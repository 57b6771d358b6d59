"""Where training that may be killed keeps what it needs to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.artifact import DOCUMENT, Tensors, load_artifact, save_artifact
from isthmus.core.errors import ArtifactError, FingerprintError
from isthmus.core.staging import OLD, left_over, sweep

_KIND = "checkpoint"
_STATE = "training"
"""Folder, inside that of the checkpoint, which is replaced as a whole."""


@dataclass(frozen=True)
class Checkpoint:
    """Where training that may be interrupted keeps what it needs to go on.

    Attributes:
        folder: A folder for this training alone; it is made where it is missing.
        fingerprint: Names the data and the model.
        seconds: At least so long between two writes; 0 writes after every step.
    """

    folder: Path
    fingerprint: str = ""
    seconds: float = 10.0

    def write(
        self,
        identity: Mapping[str, object],
        document: Mapping[str, object],
        arrays: Tensors,
    ) -> None:
        """Write the state of a training, whole or not at all.

        Args:
            identity: Names the training; it can be resumed only under the same.
            document: JSON-serialisable.
            arrays: By name.

        Raises:
            ArtifactError: If it cannot be written.
        """
        save_artifact(self.folder / _STATE, _KIND, {**self._named(identity), **document}, arrays)

    def read(self, identity: Mapping[str, object]) -> tuple[Mapping[str, object], Tensors] | None:
        """The state that was written last without its identity, or None if there is none.

        Raises:
            FingerprintError: If it is that of another training.
            ArtifactError: If it is damaged or of another format.
        """
        state = self.folder / _STATE
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(state)
        try:
            document, arrays = load_artifact(state, _KIND)
        except ArtifactError:
            if any(any(each.rglob(DOCUMENT)) for each in (state, *left_over(state, OLD))):
                raise
            return None
        for name, value in self._named(identity).items():
            if name not in document or document[name] != value:
                raise FingerprintError(
                    f"{self.folder} holds the checkpoint of another training: its {name} is "
                    f"{document.get(name)!r}, not {value!r}; choose another folder, or delete this "
                    "one"
                )
        named = self._named(identity)
        return {name: each for name, each in document.items() if name not in named}, arrays

    def _named(self, identity: Mapping[str, object]) -> dict[str, object]:
        return {**identity, "fingerprint": self.fingerprint}
