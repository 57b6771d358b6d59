"""A space built from the parts of another one, with views replaced or added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from isthmus.core.contracts import Encoder, Head
from isthmus.core.linalg import F32
from isthmus.core.view import Direction
from isthmus.space import EncoderRef, Space
from isthmus.space.calibration import Calibration
from isthmus.space.report import AnyReport


@dataclass(eq=False)
class SpaceBuilder:
    """The parts of a space, to be changed before it is made; see :class:`isthmus.Space`."""

    base: Space
    heads: dict[str, Head]
    refs: dict[str, EncoderRef]
    banks: dict[str, F32]
    bank_ids: dict[str, Sequence[str]]
    native_banks: dict[str, F32]
    calibration: dict[Direction, Calibration]
    encoders: dict[str, Encoder] = field(default_factory=dict)

    @classmethod
    def of(cls, space: Space) -> Self:
        """All parts of a space, its encoders included where they are loaded."""
        return cls(
            space,
            dict(space.heads),
            dict(space.encoders),
            dict(space.banks),
            dict(space.bank_ids),
            dict(space.native_banks),
            dict(space.calibration),
            dict(space.loaded),
        )

    def add(self, view: str, head: Head, ref: EncoderRef) -> None:
        """A new view, or another head for one that there is; what was known of that is dropped."""
        self.heads[view], self.refs[view] = head, ref
        self.banks[view] = np.zeros((0, head.output_dim), np.float32)
        self.bank_ids[view] = ()
        self.native_banks.pop(view, None)
        self.encoders.pop(view, None)
        self.calibration = {
            way: each
            for way, each in self.calibration.items()
            if view not in (way.query, way.gallery)
        }

    def attach(self, view: str, encoder: Encoder) -> None:
        """Use an encoder that is loaded."""
        self.encoders[view] = encoder

    def know(self, view: str, bank: F32, ids: Sequence[str], native: F32) -> None:
        """Give a view a bank where it has none, and likewise a native one.

        Args:
            view: Whose it is.
            bank: ``(b, k)``, vectors of the space.
            ids: Of the records behind its rows.
            native: ``(b, dim)``, native vectors of unit length.
        """
        if not len(self.banks[view]):
            self.banks[view], self.bank_ids[view] = bank, ids
            self.native_banks.setdefault(view, native)

    def keeps(self, view: str) -> bool:
        """Whether a view has the head that it had."""
        return view in self.base.heads and self.heads[view] is self.base.heads[view]

    def calibrate(self, learned: Mapping[Direction, Calibration]) -> None:
        """Calibrate directions that are not calibrated yet."""
        self.calibration = {**learned, **self.calibration}

    def space(self, report: AnyReport | None = None) -> Space:
        """The space, with the encoders that are loaded."""
        made = Space(
            self.heads,
            self.banks,
            self.refs,
            report=report,
            csls_strength=self.base.csls_strength,
            bank_ids=self.bank_ids,
            calibration=self.calibration,
            native_banks=self.native_banks,
            breadths={v: each for v, each in self.base.breadths.items() if self.keeps(v)},
            prompts=self.base.prompts,
        )
        for view, encoder in self.encoders.items():
            made.attach(encoder, view)
        return made
