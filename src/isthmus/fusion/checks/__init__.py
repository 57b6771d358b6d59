"""What every fusion must do, as checks that anybody can run on a fusion of their own.

They need neither a test framework nor data; a check that fails raises ``AssertionError`` and says
what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isthmus.core import checking
from isthmus.fusion.checks import contract, kinds
from isthmus.fusion.checks.subject import Check, Factory, Subject, planted

__all__ = ["check_fusion", "checks_for", "planted"]

_CHECKS: tuple[Check, ...] = (*contract.CHECKS, *kinds.CHECKS)


def check_fusion(factory: Factory) -> None:
    """Run every check on a fusion.

    Args:
        factory: Makes a new, unfitted fusion; a class will do.

    Raises:
        AssertionError: Naming the first check that fails.

    Examples:
        >>> from isthmus.fusion import FUSIONS
        >>> check_fusion(FUSIONS.get("late"))
    """
    checking.run(_CHECKS, Subject(factory))


def checks_for(factory: Factory) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every check by name, for a test framework to run one by one.

    Args:
        factory: Makes a new, unfitted fusion; a class will do.
    """
    return checking.named(_CHECKS, Subject(factory))
