"""Frozen dataclasses as JSON documents and back; a document that does not fit is refused.

Own code, since the libraries for this (cattrs, pydantic, msgspec) know no mappings whose keys are
directions: here such a mapping becomes a list of rows, ``{"direction": {…}, …}``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import TypeAlias, TypeVar, get_args, get_origin

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.view import Direction, ViewPair

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can hold."""

T = TypeVar("T")

_KEYS: Mapping[object, str] = {Direction: "direction", ViewPair: "pair"}
"""Keys of a mapping that become a field of a row, and what that field is called."""
_PLAIN: Mapping[object, set[type]] = {str: {str}, int: {int}, float: {float, int}}
"""What a list in a document may hold to be taken as it is, by what is wanted of each."""
_VALUE = "value"
"""Field of a row for a value that has no fields of its own."""


def to_document(value: object) -> Json:
    """A dataclass, or what dataclasses hold, as JSON.

    Args:
        value: Numbers, texts, None, sequences, mappings and dataclasses of them. A mapping from
            :class:`Direction` or :class:`ViewPair` becomes a list of rows.

    Raises:
        ArtifactError: For any other value.

    Examples:
        >>> to_document({Direction("text", "image"): 0.5})
        [{'direction': {'query': 'text', 'gallery': 'image'}, 'value': 0.5}]
    """
    return _written(value, object)


def to_object(value: object) -> dict[str, Json]:
    """The same of one dataclass, whose document is an object."""
    kind: object = type(value)
    return {name: _written(getattr(value, name), hint) for name, hint in _hints(kind).items()}


def from_document(kind: type[T], document: Json, where: str) -> T:
    """What :func:`to_document` wrote, checked as it is read.

    Args:
        kind: A dataclass whose fields are annotated with what the document may hold:
            ``float``, ``str | None``, ``tuple[X, ...]``, ``Sequence[X]``, ``tuple[X, Y]``,
            ``Literal``, ``Mapping[Direction, X]`` or other dataclasses; ``object`` stands for any
            JSON.
        document: As parsed.
        where: What it is a part of, for messages.

    Raises:
        ArtifactError: If a key is unknown, one without a default is missing, or a value is of
            another type.

    Examples:
        >>> from_document(Direction, {"query": "text"}, "a row")
        Traceback (most recent call last):
        isthmus.core.errors.ArtifactError: a row: the key 'gallery' is missing
    """
    return typing.cast(T, _read(kind, document, where))


def _written(value: object, hint: object) -> Json:
    if _has_fields(value):
        return to_object(value)
    if isinstance(value, Mapping):
        key = _row_key(hint) or next((_KEYS[type(k)] for k in value if type(k) in _KEYS), None)
        if key is not None:
            return [_row(key, each, inner) for each, inner in value.items()]
        return {str(name): _written(inner, object) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_written(inner, object) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ArtifactError(f"a {type(value).__name__} cannot be written as JSON")


def _row(key: str, name: object, value: object) -> Json:
    rest = to_object(value) if _has_fields(value) else {_VALUE: _written(value, object)}
    return {key: _written(name, object), **rest}


def _has_fields(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _read(kind: object, document: Json, where: str) -> object:
    origin, args = get_origin(kind), get_args(kind)
    if kind is object:
        return document
    if origin in (typing.Union, types.UnionType):
        if document is None and type(None) in args:
            return None
        *others, last = (each for each in args if each is not type(None))
        for each in others:
            with suppress(ArtifactError):
                return _read(each, document, where)
        return _read(last, document, where)
    if origin is typing.Literal:
        if document not in args:
            raise _unfit(where, f"one of {', '.join(map(repr, args))}", document)
        return document
    if origin is tuple and args[-1] is not Ellipsis:
        cells = _expect(list, document, where)
        if len(cells) != len(args):
            raise _unfit(where, f"{len(args)} values", document)
        both = enumerate(zip(args, cells, strict=True))
        return tuple(_read(each, cell, f"{where}[{i}]") for i, (each, cell) in both)
    if origin in (tuple, Sequence):
        if isinstance(document, list) and {*map(type, document)} <= _PLAIN.get(args[0], set()):
            return tuple(document)  # such as ids, of which a space has thousands
        rows = enumerate(_expect(list, document, where))
        return tuple(_read(args[0], row, f"{where}[{i}]") for i, row in rows)
    if origin is Mapping:
        key = _row_key(kind)
        if key is not None:
            return _read_rows(key, args, _expect(list, document, where), where)
        given = _expect(dict, document, where)
        return {name: _read(args[1], inner, f"{where}.{name}") for name, inner in given.items()}
    if is_dataclass(origin or kind):
        return _read_object(kind, document, where)
    if kind is float and isinstance(document, int) and not isinstance(document, bool):
        return document
    return _expect(typing.cast("type[object]", kind), document, where)


def _read_rows(
    key: str, args: tuple[object, ...], rows: Sequence[Json], where: str
) -> dict[object, object]:
    """A mapping from the field called ``key`` of each row to the rest of it."""
    found: dict[object, object] = {}
    for i, row in enumerate(rows):
        place = f"{where}[{i}]"
        rest = dict(_expect(dict, row, place))
        if key not in rest:
            raise ArtifactError(f"{place}: the key {key!r} is missing")
        name = _read(args[0], rest.pop(key), f"{place}.{key}")
        if name in found:
            raise ArtifactError(f"{place}: there are two rows of {name}")
        if is_dataclass(get_origin(args[1]) or args[1]):
            found[name] = _read(args[1], rest, place)
        else:
            _check_keys(rest, (_VALUE,), place)
            found[name] = _read(args[1], rest[_VALUE], f"{place}.{_VALUE}")
    return found


def _read_object(kind: object, document: Json, where: str) -> object:
    given, hints = _expect(dict, document, where), _hints(kind)
    # Releases before a field was added wrote nothing for it.
    _check_keys(given, hints, where, optional=_optional(kind))
    values = {
        name: _read(hint, given[name], f"{where}.{name}")
        for name, hint in hints.items()
        if name in given
    }
    made: type[object] = get_origin(kind) or typing.cast("type[object]", kind)
    try:
        return made(**values)
    except InputError as error:  # of its __post_init__
        raise ArtifactError(f"{where}: {error}") from error


def _check_keys(
    given: Mapping[str, Json],
    known: Iterable[str],
    where: str,
    optional: Set[str] = frozenset(),
) -> None:
    names = list(known)
    for name in names:
        if name not in given and name not in optional:
            raise ArtifactError(f"{where}: the key {name!r} is missing")
    for name in given:
        if name not in names:
            raise ArtifactError(f"{where}: the key {name!r} is unknown; it has {', '.join(names)}")


def _expect(kind: type[T], document: Json, where: str) -> T:
    if not isinstance(document, kind) or (isinstance(document, bool) and kind is not bool):
        raise _unfit(where, kind.__name__, document)
    return document


def _unfit(where: str, needed: str, document: Json) -> ArtifactError:
    return ArtifactError(f"{where}: need {needed}, got {document!r:.40}")


def _row_key(hint: object) -> str | None:
    """What the keys of a mapping are called in its rows; None where it is written as an object."""
    keys = get_args(hint)
    return _KEYS.get(keys[0]) if keys else None


@lru_cache(maxsize=256)
def _hints(kind: object) -> Mapping[str, object]:
    """Types of the fields of a dataclass; those of ``Quality[float]`` with ``float`` put in."""
    origin = get_origin(kind) or kind
    values = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    hints = typing.get_type_hints(origin)
    return {name: _filled(hints[name], values) for name in _names(origin)}


@lru_cache(maxsize=256)
def _optional(kind: object) -> frozenset[str]:
    """Fields of a dataclass that have a default."""
    own = fields(typing.cast("type[typing.Any]", get_origin(kind) or kind))
    return frozenset(
        each.name
        for each in own
        if each.default is not MISSING or each.default_factory is not MISSING
    )


def _names(kind: object) -> list[str]:
    return [each.name for each in fields(typing.cast("type[typing.Any]", kind))]


def _filled(hint: object, values: Mapping[object, object]) -> object:
    if isinstance(hint, TypeVar):
        return values.get(hint, hint)
    inner = getattr(hint, "__parameters__", ())
    if not inner:
        return hint
    return typing.cast("typing.Any", hint)[tuple(values.get(each, each) for each in inner)]
