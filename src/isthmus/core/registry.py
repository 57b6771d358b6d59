"""Names that users type, resolved to objects that are imported only when asked for.

This is own code because with entry points any installed package could change what a name means.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any, Generic, TypeVar, cast, get_type_hints

from isthmus.core.errors import InputError, UntrustedError
from isthmus.core.wording import did_you_mean, way

T = TypeVar("T")
_ORIGIN = re.compile(r"https?://[^/?#\s]+(\?key=[A-Z][A-Z0-9_]*)?")


class Registry(Generic[T]):
    """Short ids and their ``"package.module:attribute"`` targets.

    An id may also be such a target itself, so that users bring their own classes
    without registering them.

    Args:
        kind: What the names stand for, used in messages: ``"encoder"``.
        contract: What a class that is not registered must declare before it may be called: a
            protocol, whose members it needs, or a base class.

    Examples:
        >>> shapes: Registry[type] = Registry("shape")
        >>> shapes.add("list", "builtins:list")
        >>> shapes.get("list")
        <class 'list'>
    """

    def __init__(self, kind: str, contract: type | None = None) -> None:
        self.kind = kind
        self._contract = contract
        self._targets: dict[str, str] = {}

    def add(self, name: str, target: str) -> None:
        """Let ``name`` stand for ``target``, a ``"package.module:attribute"``."""
        self._targets[name] = target

    def names(self) -> list[str]:
        """All short ids, sorted."""
        return sorted(self._targets)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def check(self, name: str, trust: Sequence[str] | None = None) -> None:
        """Refuse a name that must not be imported; nothing is imported to find out.

        Args:
            name: A short id, or ``"package.module:attribute"``.
            trust: Packages whose code a name from an artefact may stand for; None where the
                user typed the name.

        Raises:
            InputError: If the name is neither registered nor a target.
            UntrustedError: If it is code of a package that is not trusted.
        """
        module, _ = self._target(name)
        if trust is None or name in self._targets:
            return
        if not any(f"{module}.".startswith(f"{package}.") for package in check_trust(trust)):
            package = module.partition(".")[0]
            raise UntrustedError(
                f"{self.kind} {name!r} is code of the package {package!r}, which you have not "
                "trusted, so nothing was imported or run. If you know this package and trust it, "
                "say so: " + way(python=f"trust=[{package!r}]", shell=f"--trust {package}")
            )

    def get(self, name: str, *, trust: Sequence[str] | None = None) -> T:
        """Import what ``name`` stands for.

        Args:
            name: A short id, or ``"package.module:attribute"``.
            trust: As for :meth:`check`.

        Raises:
            InputError: If the name is neither registered nor an importable target, or what it
                stands for does not declare the contract.
            UntrustedError: If it is code of a package that is not trusted.
        """
        self.check(name, trust)
        module, attribute = self._target(name)
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            raise InputError(
                f"{self.kind} {name!r}: there is no module {error.name!r}; install the package "
                f"that brings it (pip install NAME), or let Python find its folder: "
                "PYTHONPATH=FOLDER"
            ) from error
        try:
            value = getattr(found, attribute)
        except AttributeError as error:
            raise InputError(f"{self.kind} {name!r}: {module} has no {attribute!r}") from error
        if self._contract is not None and name not in self._targets:
            self._check_contract(name, value, functions=trust is None)
        return cast(T, value)

    def _target(self, name: str) -> tuple[str, str]:
        module, colon, attribute = self._targets.get(name, name).partition(":")
        if not colon or not all(part.isidentifier() for part in module.split(".")):
            raise InputError(self._unknown(name))
        return module, attribute

    def _check_contract(self, name: str, value: object, *, functions: bool) -> None:
        """Refuse what would be called and only then found to be something else."""
        contract = cast(type, self._contract)
        kind = _returned(value) if functions and isinstance(value, FunctionType) else value
        if not isinstance(kind, type):
            also = f", or a function annotated to return an {contract.__name__}"
            raise InputError(
                f"{self.kind} {name!r} is a {type(value).__name__} and was not called; need a "
                f"class{also if functions else ''}"
            )
        if kind is value and (inspect.isabstract(kind) or getattr(kind, "_is_protocol", False)):
            raise InputError(f"{self.kind} {name!r} is abstract; name a class that implements it")
        if lacks := lacking(kind, contract):
            raise InputError(
                f"{self.kind} {name!r} was not called, because {kind.__name__} lacks "
                f"{', '.join(lacks)}"
            )

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self._targets)
        own = "; or name your own as 'package.module:Class'" if self._contract else ""
        return f"unknown {self.kind} {name!r:.200}.{hint} Known: {', '.join(self.names())}{own}"

    def describe(self) -> dict[str, Any]:
        """Ids and targets, for ``--json`` listings."""
        return dict(sorted(self._targets.items()))


def check_trust(trust: str | Sequence[str]) -> tuple[str, ...]:
    """Names of packages whose code may be loaded, and servers that may be sent what is encoded.

    A server gets no key, unless ``?key=NAME`` behind it names the environment variable.

    Raises:
        InputError: If one of them is neither the name of a package nor ``http(s)://host:port``.

    Examples:
        >>> check_trust("my_package")
        ('my_package',)
    """
    names = (trust,) if isinstance(trust, str) else tuple(trust)
    for name in names:
        if _ORIGIN.fullmatch(name) is None and not all(
            part.isidentifier() for part in name.split(".")
        ):
            raise InputError(
                "need the name of a package to trust, such as my_package, or a server, such as "
                f"http://localhost:8080 or https://api.example.com?key=API_KEY, got {name!r}"
            )
    return names


def lacking(kind: type, contract: type) -> list[str]:
    """What a class does not declare of a contract, found without making an object of it.

    Args:
        kind: The class.
        contract: A protocol, of which every member must be in the class, annotated there or set
            by its ``__init__``; or a base class.

    Examples:
        >>> from collections.abc import Sized
        >>> lacking(dict, Sized), lacking(int, Sized)
        ([], ['the base class Sized'])
    """
    if not getattr(contract, "_is_protocol", False):
        return [] if issubclass(kind, contract) else [f"the base class {contract.__name__}"]
    return [name for name in _members(contract) if not _declares(kind, name)]


def _members(contract: type) -> list[str]:
    methods = [name for name, value in vars(contract).items() if isinstance(value, FunctionType)]
    names = [*inspect.get_annotations(contract), *methods]
    return [name for name in names if not name.startswith("_")]


def _declares(kind: type, name: str) -> bool:
    return any(
        name in vars(base) or name in inspect.get_annotations(base) or name in _set_by_init(base)
        for base in kind.__mro__
    )


def _set_by_init(kind: type) -> tuple[str, ...]:
    made = vars(kind).get("__init__")
    return made.__code__.co_names if isinstance(made, FunctionType) else ()


def _returned(function: FunctionType) -> object:
    """What a function declares to return."""
    try:
        return get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError):  # an annotation that is there for checkers only
        return None
