"""Checks of a contract that anybody can run on a class of their own, without a test framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol, TypeVar

from isthmus.core.errors import IsthmusError

Subject = TypeVar("Subject", contravariant=True)


class Check(Protocol[Subject]):
    """A function that raises an error if a subject does not do what the function's name says."""

    __name__: str

    def __call__(self, subject: Subject) -> None:
        """Check it."""
        ...


def named(
    checks: Iterable[Check[Subject]], subject: Subject
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every check by name, for a test framework to run one by one."""
    for check in checks:
        yield check.__name__, partial(check, subject)


def run(checks: Iterable[Check[Subject]], subject: Subject) -> None:
    """Run every check.

    Raises:
        AssertionError: Naming the first check that fails.
    """
    for name, check in named(checks, subject):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error


def assert_raises(errors: type[IsthmusError], act: Callable[[], object], *words: str) -> None:
    """An error of one kind whose message says certain words."""
    try:
        act()
    except errors as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"the message {str(error)!r} does not say {missing}"
    else:
        raise AssertionError(f"{errors.__name__} was not raised")
