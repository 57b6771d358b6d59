"""Learned prompts with the tasks that they were learned for, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isthmus.core.artifact import load_artifact, save_artifact
from isthmus.core.document import from_document, to_object
from isthmus.core.errors import ArtifactError, FingerprintError, InputError
from isthmus.core.linalg import F64, Array, l2_normalize
from isthmus.core.paths import expanded
from isthmus.core.validate import check_vectors
from isthmus.core.wording import count, did_you_mean
from isthmus.prompts.methods import method
from isthmus.prompts.support import Support
from isthmus.prompts.vectors import class_vectors

KIND = "prompt library"
_LEARNER = method("text+mean")
"""What a source is learned with: its class weights are vectors of the space, and a closed form."""
_NAME, _CLASSES = 200, 10_000
"""Characters of a name, and classes of a source, that a file may have."""


@dataclass(frozen=True, eq=False)
class Source:
    """What was learned for one task.

    Attributes:
        name: Of the task.
        classes: What its ``K`` classes are called.
        words: ``(K, d)`` unit prototypes of the names.
        displacements: ``(K, d)``: learned class vectors minus words.
        shots: How many it learned from.
        items: Content ids of these; empty where an older library does not tell them.

    Raises:
        InputError: If the parts do not fit one another.
    """

    name: str
    classes: tuple[str, ...]
    words: F64
    displacements: F64
    shots: int
    items: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        shape = self.words.shape
        if self.words.ndim != 2 or not self.classes or shape[0] != len(self.classes):
            raise InputError(
                f"{self.name!r:.80}: {count(len(self.classes), 'class', 'classes')}, words {shape}"
            )
        if self.displacements.shape != shape:
            raise InputError(
                f"{self.name!r:.80}: displacements {self.displacements.shape}, words {shape}"
            )
        if not 1 <= len(self.name) <= _NAME or len(self.classes) > _CLASSES:
            raise InputError(
                f"a source needs a name of 1 to {_NAME} characters and at most {_CLASSES:,} "
                f"classes, got {self.name!r:.40} with {len(self.classes):,}"
            )
        if self.shots < 1:
            raise InputError(f"{self.name!r:.80} was learned from {self.shots} shots, need 1")

    @classmethod
    def learn(
        cls, name: str, classes: Sequence[str], support: Support, items: Iterable[str] = ()
    ) -> Source:
        """A source from words and shots, in closed form.

        The class vectors are those of :class:`isthmus.prompts.methods.plain.TextAndMean` with its
        prior, ``l2(c·t_k + n_k·mean_k)``. A class without words or without a shot is left out.

        Args:
            name: Of the task.
            classes: What its ``K`` classes are called.
            support: Words ``(K, d)`` and shots.
            items: Content ids of the shots.

        Raises:
            InputError: If no class has both words and a shot.

        Examples:
            >>> support = Support(np.eye(3)[:2], np.eye(3)[[0, 2]], np.array([0, 1]))
            >>> Source.learn("shapes", ["disc", "ring"], support).displacements[1].round(2)
            array([ 0.  , -0.03,  0.24])
        """
        both = (support.counts > 0) & support.worded
        if not both.any():
            raise InputError(f"{name!r:.80}: no class has both words and a shot; give some")
        learned = class_vectors(_LEARNER, support, _LEARNER.prior)
        return cls(
            name,
            tuple(each for each, use in zip(classes, both, strict=True) if use),
            support.words[both],
            (learned - support.words)[both],
            len(support.items),
            frozenset(items),
        )


@dataclass(frozen=True, eq=False)
class Library:
    """Sources of one space and one view.

    Attributes:
        space: Fingerprint of the space; vectors of another one mean nothing here.
        view: Of the shots.
        dim: Of the space.
        sources: Each of a name of its own.
    """

    space: str
    view: str
    dim: int
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        if len({each.name for each in self.sources}) != len(self.sources):
            raise InputError("two sources of a library have one name; rename one")
        for each in self.sources:
            if each.words.shape[1] != self.dim:
                raise InputError(
                    f"{each.name!r:.80} has {each.words.shape[1]} dimensions, need {self.dim}"
                )

    def with_source(self, source: Source) -> Library:
        """The same with a source, in place of the one of its name."""
        rest = tuple(each for each in self.sources if each.name != source.name)
        return replace(self, sources=(*rest, source))

    def without(self, name: str) -> Library:
        """The same without a source.

        Raises:
            InputError: If there is none of this name.
        """
        names = [each.name for each in self.sources]
        if name not in names:
            raise InputError(f"the library has no source {name!r:.80}.{did_you_mean(name, names)}")
        return replace(self, sources=tuple(each for each in self.sources if each.name != name))

    def check_space(self, space: str, view: str) -> None:
        """Refuse vectors of another space or view.

        Raises:
            FingerprintError: If it is another space.
            InputError: If it is another view.
        """
        if space != self.space:
            raise FingerprintError(
                f"the library was learned in the space {self.space:.12}, and this one is "
                f"{space:.12}; learn its sources again in this space"
            )
        if view != self.view:
            raise InputError(f"the library is of the view {self.view!r:.40}, got {view!r:.40}")

    def save(self, folder: str | Path) -> Path:
        """Write a folder of JSON and safetensors; vectors as float32."""
        target = expanded(folder)
        rows = tuple(
            _Row(each.name, each.classes, each.shots, tuple(sorted(each.items)))
            for each in self.sources
        )
        tensors: dict[str, Array] = {}
        for place, each in enumerate(self.sources):
            for part in _PARTS:
                tensors[f"{part}.{place}"] = getattr(each, part).astype(np.float32)
        save_artifact(
            target, KIND, to_object(_Document(self.space, self.view, self.dim, rows)), tensors
        )
        return target

    @classmethod
    def load(cls, folder: str | Path) -> Library:
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: If there is none, it is damaged, or its parts do not fit.
        """
        where = expanded(folder)
        document, tensors = load_artifact(where, KIND)
        read = from_document(_Document, document, str(where))
        try:
            sources = tuple(
                _source(row, place, tensors, read.dim, where)
                for place, row in enumerate(read.sources)
            )
            return cls(read.space, read.view, read.dim, sources)
        except InputError as error:
            raise ArtifactError(f"{where}: {error}") from error


@dataclass(frozen=True)
class _Row:
    """What a document says of a source; its arrays are ``words.{place}`` and so on."""

    name: str
    classes: tuple[str, ...]
    shots: int
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Document:
    space: str
    view: str
    dim: int
    sources: tuple[_Row, ...]


_PARTS = ("words", "displacements")


def _source(row: _Row, place: int, tensors: dict[str, Array], dim: int, where: Path) -> Source:
    parts = {}
    for part in _PARTS:
        x = tensors.get(f"{part}.{place}")
        if x is None or x.dtype.kind != "f" or x.ndim != 2 or x.shape[1] != dim:
            found = "nothing" if x is None else f"{x.dtype} {x.shape}"
            raise ArtifactError(f"{where}: {part}.{place}: need floats (rows, {dim}), got {found}")
        parts[part] = x.astype(np.float64)
        if not np.isfinite(parts[part]).all():
            raise ArtifactError(f"{where}: {part}.{place} holds numbers that are not finite")
    words = check_vectors(parts["words"], name="words").astype(np.float64)
    unit = np.asarray(l2_normalize(words), dtype=np.float64)
    return Source(
        row.name, row.classes, unit, parts["displacements"], row.shots, frozenset(row.items)
    )
