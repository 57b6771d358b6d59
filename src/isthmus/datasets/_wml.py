"""A small reader of WML, the language in which Battle for Wesnoth writes its data.

A text is first expanded (``#define`` and ``{MACRO arguments}``), then read into a tree of tags.
Own code: the game's reader is a part of the game, and no kept package reads WML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from isthmus.core.errors import DataError

_MAX_DEPTH = 60
_MAX_TAGS = 100  # open at a time
_MAX_CHARACTERS = 50_000_000
"""Of everything expanded: a few macros that call each other can ask for any length."""
_SPECIAL = re.compile(r'["#{]|<<')
_DIRECTIVE = re.compile(
    r"#(define|undef|ifdef|ifndef|ifver|ifnver|ifhave|ifnhave|else|endif|arg)\b"
)
_BRANCH = re.compile(r"#(?:(ifn?def|ifn?ver|ifn?have)|(else)|(endif))\b")
_BLANKS = re.compile(r"\s*+")
_TAG = re.compile(r"\[(/|\+)?([\w$ ]++)\]")
_KEY = re.compile(r"([\w ,$\t]++)=")
_JOIN = re.compile(r"\s*+\+\s*+")
_DOMAIN = "\ufdd0"
"""Marks a text that is to be translated; a character that no text has."""


@dataclass(frozen=True, slots=True)
class Macro:
    """What a ``#define`` says.

    Attributes:
        names: Of its arguments.
        body: What stands for it, not yet expanded.
    """

    names: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Tag:
    """``[name]`` with what stands in it.

    Attributes:
        name: Without brackets.
        values: Text by key.
        tags: In the order of the file.
    """

    name: str
    values: dict[str, str] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)

    def get(self, key: str, default: str = "") -> str:
        """The text of a key, without the mark of what is to be translated."""
        return self.values.get(key, default).removeprefix(_DOMAIN)

    def all(self, *names: str) -> list[Tag]:
        """Its tags of these names."""
        return [tag for tag in self.tags if tag.name in names]

    def merged(self, other: Tag) -> Tag:
        """This tag with the values of another over it, tags of one name merged in order.

        It is what the game does where a unit says that it inherits from another.
        """
        mine = [Tag(t.name, dict(t.values), list(t.tags)) for t in self.tags]
        places: dict[str, list[int]] = {}
        for place, tag in enumerate(mine):
            places.setdefault(tag.name, []).append(place)
        for tag in other.tags:
            if waiting := places.get(tag.name):
                place = waiting.pop(0)
                mine[place] = mine[place].merged(tag)
            else:
                mine.append(tag)
        kept = [tag for tag in mine if tag.get("__remove") != "yes"]
        return Tag(self.name, {**self.values, **other.values}, kept)


class Macros:
    r"""Macros by name, and the texts in which they stand.

    Attributes:
        known: What was defined so far.
        unknown: Names that were called and never defined; they stand for nothing.

    Examples:
        >>> macros = Macros()
        >>> macros.expand("#define BOW SOUND\nsound={SOUND}.ogg #enddef")
        ''
        >>> macros.expand("{BOW twang}")
        'sound=twang.ogg'
    """

    def __init__(self) -> None:
        self.known: dict[str, Macro] = {}
        self.unknown: set[str] = set()
        self._spent = 0

    def read(self, text: str) -> Tag:
        """Expand a text and read its tags.

        Returns:
            A tag without a name that holds them.

        Raises:
            DataError: If macros call each other without end, or tags lie too deep in each other.
        """
        return parse(self.expand(text))

    def expand(self, text: str, arguments: Mapping[str, str] | None = None, depth: int = 0) -> str:
        """A text without comments and directives, with what its macros stand for.

        Args:
            text: As it stands in a file.
            arguments: What stands for a name before any macro does.
            depth: How many macros lie around it.

        Raises:
            DataError: If macros call each other without end.
        """
        return "".join(self._pieces(text, dict(arguments or {}), depth))

    def _pieces(self, text: str, arguments: dict[str, str], depth: int) -> Iterator[str]:
        if depth > _MAX_DEPTH:
            raise DataError(f"macros of WML call each other more than {_MAX_DEPTH} deep")
        place, quoted = 0, False
        while match := _SPECIAL.search(text, place):
            yield self._spend(text[place : match.start()])
            place, what = match.end(), match[0]
            if what == '"':
                quoted = not quoted
                yield what
            elif what == "{":
                end = _closing(text, place)
                yield self._call(text[place:end], arguments, depth)
                place = end + 1
            elif quoted:
                yield what
            elif what == "<<":
                end = _find(text, ">>", place)
                yield self._spend(f'"{text[place:end].replace(chr(34), chr(34) * 2)}"')
                place = end + 2
            else:
                place = self._directive(text, match.start(), arguments, depth)
        yield self._spend(text[place:])

    def _spend(self, piece: str) -> str:
        self._spent += len(piece)
        if self._spent > _MAX_CHARACTERS:
            raise DataError(f"WML that expands to more than {_MAX_CHARACTERS:,} characters")
        return piece

    def _directive(self, text: str, start: int, arguments: dict[str, str], depth: int) -> int:
        """Do what a ``#`` says; where to read on."""
        end = _find(text, "\n", start)
        match = _DIRECTIVE.match(text, start)
        if match is None:
            return end
        words = text[match.end() : end].split()
        match match[1]:
            case "define" if words:
                stop = _find(text, "#enddef", match.end())
                begin = min(end, stop)
                body = text[begin:stop].strip("\r\n").rstrip()
                self.known[words[0]] = Macro(tuple(words[1:]), body)
                return stop + len("#enddef")
            case "undef" if words:
                self.known.pop(words[0], None)
            case "arg" if words:
                stop = _find(text, "#endarg", match.end())
                if words[0] not in arguments:
                    default = text[min(end, stop) : stop].strip()
                    arguments[words[0]] = self.expand(default, arguments, depth + 1)
                return stop + len("#endarg")
            case "else":  # of a branch that was taken
                return _after_branch(text, end, stop_at_else=False)
            case "ifdef" | "ifndef" as kind if words:
                if (words[0] in self.known) != (kind == "ifdef"):
                    return _after_branch(text, end, stop_at_else=True)
            case "ifver" | "ifhave":  # nothing is known of versions and other packages
                return _after_branch(text, end, stop_at_else=True)
        return end

    def _call(self, inner: str, arguments: dict[str, str], depth: int) -> str:
        words = list(_words(inner))
        if not words:
            return ""
        name, given = words[0], words[1:]
        if not given and name in arguments:
            return self._spend(arguments[name])
        macro = self.known.get(name)
        if macro is None:
            self.unknown.add(name)
            return ""
        values = [self.expand(_bare(word), arguments, depth + 1) for word in given]
        own = dict(zip(macro.names, values, strict=False))
        for value in values[len(macro.names) :]:
            key, equals, default = value.partition("=")
            if equals:
                own[key] = default
        return self.expand(macro.body, own, depth + 1)


def parse(text: str) -> Tag:
    r"""The tags of an expanded text; what is not WML is passed over.

    Returns:
        A tag without a name that holds them.

    Raises:
        DataError: If tags lie more than a hundred deep in each other.

    Examples:
        >>> unit = parse('[unit]\nname= _ "Bat"\nx,y=1,2\n[/unit]').tags[0]
        >>> unit.name, unit.get("name"), unit.get("y")
        ('unit', 'Bat', '2')
    """
    open_tags, place = [Tag("")], 0
    while place < len(text):
        place = _end(_BLANKS, text, place)
        if tag := _TAG.match(text, place):
            place = tag.end()
            mark, name = tag[1], tag[2].strip()
            if mark == "/":
                if any(t.name == name for t in open_tags[1:]):
                    while open_tags.pop().name != name:
                        pass
                continue
            earlier = open_tags[-1].all(name) if mark == "+" else []
            fresh = earlier[-1] if earlier else Tag(name)
            if not earlier:
                open_tags[-1].tags.append(fresh)
            open_tags.append(fresh)
            if len(open_tags) > _MAX_TAGS:
                raise DataError(f"WML with tags more than {_MAX_TAGS} deep")
        elif key := _KEY.match(text, place):
            value, place = _value(text, key.end())
            open_tags[-1].values.update(_keyed(key[1], value))
        else:
            place = _find(text, "\n", place) + 1
    return open_tags[0]


def _keyed(keys: str, value: str) -> dict[str, str]:
    names = [name.strip() for name in keys.split(",")]
    if len(names) == 1:
        return {names[0]: value}
    return dict(zip(names, value.split(",", len(names) - 1), strict=False))


def _value(text: str, place: int) -> tuple[str, int]:
    """A value: quoted and bare pieces up to the end of its line, and where the next line is."""
    pieces: list[str] = []
    while place < len(text) and text[place] != "\n":
        if text[place] == '"':
            piece, place = _quoted(text, place + 1)
            pieces.append(piece)
            place = _end(_JOIN, text, place)
        else:
            stop = min(_find(text, "\n", place), _find(text, '"', place))
            pieces.append(text[place:stop].strip())
            place = stop
    if pieces and pieces[0] in ("_", ""):
        mark = _DOMAIN if pieces[0] == "_" else ""
        return mark + "".join(piece for piece in pieces[1:] if piece != "_"), place + 1
    return "".join(pieces), place + 1


def _quoted(text: str, place: int) -> tuple[str, int]:
    """The text up to the quote that closes it; two quotes stand for one."""
    pieces: list[str] = []
    while True:
        end = _find(text, '"', place)
        pieces.append(text[place:end])
        if text[end + 1 : end + 2] != '"':
            return "".join(pieces), end + 1
        pieces.append('"')
        place = end + 2


def _words(inner: str) -> Iterator[str]:
    """The name of a macro and its arguments, which may hold blanks in ``()``, ``""`` and ``{}``."""
    place = 0
    while place < len(inner):
        if inner[place].isspace():
            place += 1
            continue
        start = place
        if inner[place] == "(":
            place = _closing(inner, place + 1, "()") + 1
        else:
            while place < len(inner) and not inner[place].isspace():
                if inner[place] == '"':
                    place = _find(inner, '"', place + 1)
                elif inner[place] == "{":
                    place = _closing(inner, place + 1)
                place += 1
        yield inner[start:place]


def _bare(word: str) -> str:
    return word[1:-1] if word[:1] == "(" and word[-1:] == ")" else word


def _closing(text: str, place: int, pair: str = "{}") -> int:
    """Where a brace is closed; the end of the text where it is not."""
    depth = 1
    for match in re.compile(f"[{re.escape(pair)}]").finditer(text, place):
        depth += 1 if match[0] == pair[0] else -1
        if depth == 0:
            return match.start()
    return len(text)


def _after_branch(text: str, place: int, *, stop_at_else: bool) -> int:
    """Behind the ``#endif`` of a condition, or behind its ``#else``."""
    depth = 1
    for match in _BRANCH.finditer(text, place):
        if match[1]:
            depth += 1
        elif match[3]:
            depth -= 1
        elif stop_at_else and depth == 1:
            return match.end()
        if depth == 0:
            return match.end()
    return len(text)


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    """Behind what matches at a place; the place where nothing does."""
    match = pattern.match(text, place)
    return place if match is None else match.end()


def _find(text: str, what: str, place: int) -> int:
    found = text.find(what, place)
    return found if found >= 0 else len(text)
