"""Filters over entries: a small grammar, never SQL from a user.

``view:image and (path~"animals/*" or not text~kangaroo) and added>2026-01-01``

This is own code because LanceDB filters by SQL, which must not come from a user, and because
entries in memory are filtered alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from isthmus.core.errors import InputError
from isthmus.core.fields import FIELDS as TOLD
from isthmus.core.wording import did_you_mean
from isthmus.store.field_filters import field_test
from isthmus.store.patterns import folded, has_wildcard, path_matcher, text_matcher
from isthmus.store.records import Entry

FIELDS = (
    *("view", "modality", "path", "text", "label", "added", "size", "gone"),
    *(*TOLD, "near", "has"),
)
_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>and|or|not)(?=[\s(]|$)
        |(?P<field>[A-Za-z_]+)\s*(?P<op>:|~|>=|<=|>|<|=)\s*
         (?:"(?:(?P<quoted>(?:\\["\\]|[^"])*+)"|(?P<raw>[^"]*+)")|(?P<bare>[^\s()"]+)))""",
    re.VERBOSE | re.IGNORECASE,
)
_BARE = re.compile(r'[^\s()"]+')
_ESCAPED = re.compile(r'\\(["\\])')
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """What entries have to be like.

    Attributes:
        text: As it was typed.
        test: Whether an entry passes.
        view: The one view that can pass, where the filter says so by itself.
        labels: That it asks for by name.
    """

    text: str
    test: Callable[[Entry], bool]
    view: str | None = None
    labels: tuple[str, ...] = ()

    def matches(self, entry: Entry) -> bool:
        """Whether an entry passes."""
        return self.test(entry)


@lru_cache(maxsize=64)
def parse(text: str) -> Filter:
    r"""Read a filter; equal texts give the same one, so what passes it is looked up once.

    Fields are ``view``, ``modality``, ``path``, ``text``, ``label``, ``added``, ``size`` and
    ``gone``; ``label`` passes if one of the labels of an item does.
    ``:`` and ``=`` compare. ``~`` matches a pattern anywhere in a text, case aside; a path with
    ``*``, ``?`` or ``**`` is matched as by :func:`isthmus.store.patterns.path_matcher`.
    ``<``, ``>``, ``<=``, ``>=`` compare dates (``2026-01-31``) and sizes (``10k``,
    ``5MB``). Parts are joined by ``and``, ``or``, ``not`` and parentheses. A value with blanks,
    parentheses or quotes stands in quotes, where ``\"`` is a quote and ``\\`` a backslash; see
    :func:`comparison`.

    What files say of themselves is asked for by the names of :mod:`isthmus.core.fields`, see
    :func:`isthmus.store.field_filters.field_test`: ``taken>=2025-06 and near:48.2,16.4,10km``.

    Raises:
        InputError: If it is none; the message says where.

    Examples:
        >>> entry = Entry("a", "photo", "image", "/a.png", size=10)
        >>> parse("view:photo and size<1MB").matches(entry)
        True
    """
    return _Parser(text).run()


def comparison(field: str, value: str, op: str = ":") -> str:
    r"""A comparison in the form in which :func:`parse` reads it, whatever the value holds.

    Args:
        field: One of :data:`FIELDS`.
        value: What it is compared with.
        op: How.

    Examples:
        >>> print(comparison("label", "mood=good"), comparison("label", 'a "b"'))
        label:mood=good label:"a \"b\""
    """
    if _BARE.fullmatch(value):
        return f"{field}{op}{value}"
    escaped = re.sub(r'["\\]', r"\\\g<0>", value)
    return f'{field}{op}"{escaped}"'


class _Parser:
    """Recursive descent: ``or`` binds less than ``and``, which binds less than ``not``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0

    def run(self) -> Filter:
        made = self._any()
        if self._text[self._place :].strip():
            raise self._error("and, or, or the end")
        return made

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _either(self._text, parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _both(self._text, parts)

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"the filter nests deeper than {_DEEPEST} levels")
        try:
            if self._word("not"):
                inner = self._one()
                return Filter(self._text, lambda entry: not inner.test(entry))
            token = _TOKEN.match(self._text, self._place)
            if token and token["open"]:
                self._place = token.end()
                made = self._any()
                closing = _TOKEN.match(self._text, self._place)
                if closing is None or not closing["close"]:
                    raise self._error("a closing parenthesis")
                self._place = closing.end()
                return made
            if token is None or not token["field"]:
                raise self._error("a comparison such as view:image")
            self._place = token.end()
            return _comparison(self._text, token)
        finally:
            self._depth -= 1

    def _word(self, word: str) -> bool:
        token = _TOKEN.match(self._text, self._place)
        if token is None or (token["word"] or "").lower() != word:
            return False
        self._place = token.end()
        return True

    def _error(self, need: str) -> InputError:
        rest = self._text[self._place :].strip() or "its end"
        return InputError(
            f"the filter {self._text!r} cannot be read at {rest!r}: need {need}. "
            f"Fields: {', '.join(FIELDS)}"
        )


def _both(text: str, parts: Sequence[Filter]) -> Filter:
    named = {part.view for part in parts if part.view is not None}
    only = named.pop() if len(named) == 1 else None
    return Filter(text, lambda entry: all(part.test(entry) for part in parts), only, _labels(parts))


def _either(text: str, parts: Sequence[Filter]) -> Filter:
    labels = _labels(parts)
    return Filter(text, lambda entry: any(part.test(entry) for part in parts), labels=labels)


def _labels(parts: Sequence[Filter]) -> tuple[str, ...]:
    return tuple(name for part in parts for name in part.labels)


def _comparison(text: str, token: re.Match[str]) -> Filter:
    field, op = token["field"].lower(), token["op"]
    quoted = token["quoted"]
    value = token["bare"] or token["raw"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
    if field not in FIELDS:
        hint = did_you_mean(field, FIELDS)
        raise InputError(f"the filter has no field {field!r}; fields: {', '.join(FIELDS)}.{hint}")
    if (made := field_test(field, op, value)) is not None:
        return Filter(text, made)
    if field in ("added", "size"):
        return Filter(text, _ordered(field, op, value))
    if op not in (":", "=", "~") or (field == "gone" and op == "~"):
        usable = ":" if field == "gone" else ": or ~"
        raise InputError(f"{field} can be compared with {usable}, not with {op!r}")
    if field == "gone":
        wanted = _yes(value)
        return Filter(text, lambda entry: entry.gone == wanted)
    if field == "label":
        return Filter(text, _labelled(op, value), labels=() if op == "~" else (value,))
    get = {"view": _view, "modality": _modality, "path": _path, "text": _words}[field]
    if op == "~":
        return Filter(text, _pattern(get, value))
    same = folded(value)
    only = value if field == "view" else None
    return Filter(text, lambda entry: folded(get(entry)) == same, only)


def _view(entry: Entry) -> str:
    return entry.view


def _modality(entry: Entry) -> str:
    return entry.modality


def _path(entry: Entry) -> str:
    return entry.source


def _words(entry: Entry) -> str:
    return entry.text


def _pattern(get: Callable[[Entry], str], pattern: str) -> Callable[[Entry], bool]:
    """A path with a wildcard is matched name by name, all else anywhere in the text."""
    by_name = get is _path and has_wildcard(pattern)
    match = path_matcher(pattern) if by_name else text_matcher(pattern)
    return lambda entry: match(get(entry))


def _labelled(op: str, value: str) -> Callable[[Entry], bool]:
    """Whether one of the labels is this one, or holds it."""
    same, holds = folded(value), text_matcher(value)

    def test(entry: Entry) -> bool:
        names = (name for name, _ in entry.labels)
        return any(holds(name) if op == "~" else folded(name) == same for name in names)

    return test


def _ordered(field: str, op: str, value: str) -> Callable[[Entry], bool]:
    if op == "~":
        raise InputError(f"{field} takes : < > <= or >=, not '~'")
    low, high = _day(value) if field == "added" else (_bytes(value), _bytes(value))

    def test(entry: Entry) -> bool:
        number = entry.added if field == "added" else float(entry.size)
        match op:
            case ">":
                return number > high
            case ">=":
                return number >= low
            case "<":
                return number < low
            case "<=":
                return number <= high
        return low <= number <= high

    return test


def _day(value: str) -> tuple[float, float]:
    """First and last moment of a day, UTC, or one moment where a time is given."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InputError(f"added needs a date such as 2026-01-31, got {value!r}") from error
    start = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return start, start + (86_400 - 1e-3 if len(value) == len("2026-01-31") else 0.0)


def _bytes(value: str) -> float:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise InputError(f"size needs bytes such as 500, 10k or 5MB, got {value!r}")
    return float(found[1]) * _UNITS[found[2].lower()]


def _yes(value: str) -> bool:
    answers = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value.lower() not in answers:
        raise InputError(f"gone takes yes or no, got {value!r}")
    return answers[value.lower()]
