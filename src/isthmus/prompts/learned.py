"""Prompts that are learned from examples, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.prompts.guide import subspace
from isthmus.prompts.typed import GUIDES, PARTS, PartName

_ALIKE = 1e-3
"""Length of a difference of means below which there is none."""
_UNIT = 1e-3
"""By how much the rows of a learned prompt may miss being orthonormal, after float16."""


@dataclass(frozen=True, eq=False)
class LearnedPrompt:
    """A part of a prompt that was learned from examples.

    Attributes:
        part: What it says.
        view: Of the examples.
        rows: ``(r, dim)`` float32, orthonormal: one for what is looked for, a basis of the
            subspace for what guides.
        examples: From how many it was learned.
        background: From how many other things they were set apart.

    Raises:
        InputError: If the rows are not orthonormal, or too many, or a number is negative.
    """

    part: PartName
    view: str
    rows: F32
    examples: int
    background: int = 0

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise InputError(f"a prompt says {', '.join(PARTS)}, got {self.part!r:.40}")
        if self.examples < 1 or self.background < 0:
            raise InputError(
                f"a prompt is learned from at least one example, got {self.examples} and "
                f"{self.background} of a background"
            )
        rows = self.rows.astype(np.float64)
        few = rows.ndim == 2 and 1 <= len(rows) <= (rows.shape[1] if self.guides else 1)
        if not few or not np.abs(rows @ rows.T - np.eye(len(rows))).max() < _UNIT:
            raise InputError(
                f"the rows {self.rows.shape} of a learned prompt must be orthonormal"
                + ("" if self.guides else ", and one")
            )

    @property
    def guides(self) -> bool:
        """Whether it says how to compare, and not what to look for."""
        return self.part in GUIDES

    @classmethod
    def learn(
        cls,
        examples: F32,
        view: str,
        *,
        part: PartName = "style",
        typical: F32,
        background: F32 | None = None,
    ) -> LearnedPrompt:
        """A prompt that says "like these".

        For what is looked for it is ``l2(mean(examples) − mean(background))``; without a background
        ``l2(mean(examples))``, the prototype of Snell, Swersky & Zemel, "Prototypical networks for
        few-shot learning", 2017. For what guides it is the subspace of the examples,
        :func:`isthmus.prompts.guide.subspace`.

        Args:
            examples: ``(n, dim)`` unit vectors of the space.
            view: Theirs.
            part: What the prompt says.
            typical: ``(dim,)``, the mean of training items of the view.
            background: ``(m, dim)`` unit vectors of things of the view that are not meant.

        Raises:
            InputError: If the examples are no different from the background, or cannot guide.

        Examples:
            >>> rows = np.eye(2, dtype=np.float32)
            >>> zero = np.zeros(2, dtype=np.float32)
            >>> made = LearnedPrompt.learn(rows[:1], "image", typical=zero, background=rows[1:])
            >>> made.rows.round(2)
            array([[ 0.71, -0.71]], dtype=float32)
        """
        count = 0 if background is None else len(background)
        if part in GUIDES:
            origin = typical if background is None else background.mean(axis=0, dtype=np.float64)
            rows = subspace(examples, np.asarray(origin, dtype=np.float32))
            return cls(part, view, rows, len(examples), count)
        mean = examples.mean(axis=0, dtype=np.float64)
        if background is not None:
            mean = mean - background.mean(axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        if not length > _ALIKE:
            what = "each other out" if background is None else "the background"
            verb = "cancel" if background is None else "are no different from"
            raise InputError(f"the examples {verb} {what}; give other examples")
        row = np.asarray(mean / length, dtype=np.float32)[None]
        return cls(part, view, row, len(examples), count)
