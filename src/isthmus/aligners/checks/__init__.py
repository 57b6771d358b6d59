"""What every aligner must do, as checks that anybody can run on an aligner of their own.

They need neither a test framework nor data; a check that fails raises
``AssertionError`` and says what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isthmus.aligners.checks import abilities, contract, inputs, params, saving
from isthmus.aligners.checks.subject import Check, Factory, Subject, planted
from isthmus.core import checking

__all__ = ["check_aligner", "checks_for", "planted"]

_CHECKS: tuple[Check, ...] = (
    *contract.CHECKS,
    *params.CHECKS,
    *inputs.CHECKS,
    *abilities.CHECKS,
    *saving.CHECKS,
)


def check_aligner(factory: Factory) -> None:
    """Run every check on an aligner.

    Args:
        factory: Makes a new, unfitted aligner; a class will do.

    Raises:
        AssertionError: Naming the first check that fails.

    Examples:
        >>> from isthmus.aligners import CCA
        >>> check_aligner(CCA)
    """
    checking.run(_CHECKS, Subject(factory))


def checks_for(factory: Factory) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every check by name, for a test framework to run one by one.

    Args:
        factory: Makes a new, unfitted aligner; a class will do.
    """
    return checking.named(_CHECKS, Subject(factory))
