"""What everything that is fitted shares: hyper-parameters under the names of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar, Self

from isthmus.core.errors import InputError
from isthmus.core.wording import did_you_mean


class Estimator:
    """Keeps the arguments of ``__init__`` under their names, as scikit-learn estimators do.

    Attributes:
        name: The id users type.
        noun: What it is, for messages: ``"aligner"``.
    """

    name: ClassVar[str]
    noun: ClassVar[str]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Hyper-parameters by name, as they were given.

        Args:
            deep: Has no effect; scikit-learn passes it.
        """
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change hyper-parameters; what was learned stays until the next ``fit``.

        Raises:
            InputError: If there is no such hyper-parameter, or its value cannot be used.
        """
        check_names(type(self).name, type(self), params)
        vars(self).update(vars(type(self)(**{**self.get_params(), **params})))
        return self

    def clone(self) -> Self:
        """A new one with the same hyper-parameters that has learned nothing."""
        return type(self)(**{name: _unfitted(value) for name, value in self.get_params().items()})

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.get_params().items())
        return f"{type(self).__name__}({inner})"


def check_names(name: str, kind: type[Estimator], params: Mapping[str, object]) -> None:
    """Refuse hyper-parameters that an estimator does not have.

    Raises:
        InputError: Naming the first one, and those that there are.
    """
    known = signature(kind).parameters
    wrong = [param for param in params if param not in known]
    if wrong:
        hint = did_you_mean(wrong[0], known)
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise InputError(f"{kind.noun} {name!r} has no {wrong[0]!r}; {there}.{hint}")


def _unfitted(value: object) -> object:
    """A hyper-parameter without what was learned: estimators may hold other estimators."""
    if isinstance(value, Estimator):
        return value.clone()
    if isinstance(value, list | tuple) and any(isinstance(each, Estimator) for each in value):
        return type(value)(_unfitted(each) for each in value)
    return value
