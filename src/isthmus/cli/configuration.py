"""Defaults of options from files: a project's ``isthmus.toml`` or ``pyproject.toml``, and a user's.

What is typed counts most, then the environment, the project and the user. A project file comes with
a folder, perhaps from a stranger, so it may set only what :data:`PROJECT` names: nothing that runs
code, trusts somebody, names an address or writes a file; and its paths stay in its folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from isthmus.cli.console import (
    CACHE_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SEED_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    err,
    shown,
)
from isthmus.cli.toml_text import line_of
from isthmus.cli.usage import UsageError
from isthmus.cli.zeroshot import SPACE
from isthmus.core.errors import InputError
from isthmus.core.paths import config_file, expanded
from isthmus.core.reading import read_file
from isthmus.core.wording import did_you_mean, without_preamble

NAME, PYPROJECT = "isthmus.toml", "pyproject.toml"
MOST_BYTES = 2**20
"""Of a file; that of a project may hold much else."""
_MOST_DOTS = 100
"""Of a line: the time to read a dotted key grows with the square of its length."""
SHARED = {
    "store": {STORE_OPTION.help},
    "space": {SPACE_OPTION.help, SPACE.help},
    "max-megapixels": {MAX_MEGAPIXELS_OPTION.help},
    "cache": {CACHE_OPTION.help},
    "seed": {SEED_OPTION.help},
}
"""Keys that stand above all tables, and what the options say that they are defaults of: an option
of the same name that means something else is not one of them."""
OFFLINE = "offline"
"""A key above all tables, too: of the option before the command."""
VARIABLES = {
    "store": "ISTHMUS_STORE",
    "max-megapixels": "ISTHMUS_MAX_MEGAPIXELS",
    OFFLINE: "ISTHMUS_OFFLINE",
}
"""Variables of the environment that count instead of a key above all tables."""
_ASKED = {"k", "view", "as", "where", "min-probability", "readout", "words", "exact", "nearest"}
_NAMES = {"language", "templates", "view", "as", "least"}
PROJECT: Mapping[str, frozenset[str]] = {
    "": frozenset({*SHARED, OFFLINE}),
    "index": frozenset({"view", "include", "exclude", "fields", "retry", "read"}),
    "search": frozenset({*_ASKED, "all-copies", "thumbnails"}),
    "explain": frozenset({"as", "item-view", "seed"}),
    "classify": frozenset(
        {*_NAMES, "classes", "classes-file", "shots", "method", "coverage", "glosses", "seed"}
    ),
    "annotate": frozenset({*_NAMES, "labels", "labels-file", "shots", "most", "where"}),
    "diagnose": frozenset({"most", "patience", "groups", "data-option", "column", "seed"}),
    "align": frozenset(
        {"aligner", "param", "groups", "data-option", "column", "readout", "budget", "seed"}
    ),
    "eval": frozenset({"data-option", "column", "seed"}),
    "data.show": frozenset({"data-option", "column"}),
}
"""What a project file may set, by command; the empty name stands for what is above all tables.
Parts of a prompt, such as ``avoid``, are not among it: they may name a file anywhere."""
_PATHS = frozenset(
    {"store", "space", "templates", "classes-file", "labels-file", "shots", "glosses"}
)
"""Keys whose values are paths; a relative one starts at the folder of the file."""
_NO_PATHS = frozenset({"starter"})
_NEVER = frozenset({"help", "version", "no-config"})


@dataclass(frozen=True, slots=True)
class File:
    """A file that sets defaults.

    Attributes:
        path: Where it is.
        project: Whether it is a project's; else it is the user's own.
    """

    path: Path
    project: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A default that a file sets.

    Attributes:
        command: Whose option, such as ``("prompt", "save")``; empty for all that share it.
        key: The option, without dashes before it.
        value: As the option takes it.
        file: Which file.
        line: Where in it; None if it could not be told.
    """

    command: tuple[str, ...]
    key: str
    value: Any
    file: File
    line: int | None

    @property
    def name(self) -> str:
        """As ``isthmus config set`` takes it."""
        return ".".join((*self.command, self.key))

    @property
    def place(self) -> str:
        """The file, and the line where that is known."""
        return str(self.file.path) if self.line is None else f"{self.file.path}, line {self.line}"


def files(start: Path | None = None) -> list[File]:
    """The files that count, the user's first.

    Args:
        start: Where to look for that of the project, and above; default: the working folder.
    """
    found = [File(config_file(), project=False)] if config_file().is_file() else []
    project = project_file(start or Path.cwd())
    return found if project is None else [*found, File(project, project=True)]


def project_file(start: Path) -> Path | None:
    """The nearest file of a project in a folder or above it, not above the user's home.

    A file that belongs to another user is passed over, since anybody may write into ``/tmp``.
    """
    for folder in (start, *start.parents):
        for path in (folder / NAME, folder / PYPROJECT):
            if _is_ours(path) and (path.name == NAME or _has_table(path)):
                return path
        if folder == Path.home():
            break
    return None


def read(root: Any, given: list[File]) -> list[Setting]:
    """What files set, in the order in which it counts: what comes later counts more.

    Args:
        root: The command line.
        given: Files, the user's first.

    Raises:
        InputError: If one cannot be read, or sets what it cannot or may not set; the message names
            the file, the line and what there is.
    """
    found: list[Setting] = []
    for file in given:
        text = text_of(file.path)
        settings = settings_of(root, file, text)
        # What stands above the tables is for all commands, so it counts less than a table.
        found += sorted(settings, key=lambda each: len(each.command))
    return found


def settings_of(root: Any, file: File, text: str) -> list[Setting]:
    """What a text sets as the content of a file; raises what :func:`read` raises."""
    document = _document(file.path, text)
    if file.path.name == PYPROJECT:
        document = document.get("tool", {}).get("isthmus", {})
        if not isinstance(document, dict):
            raise InputError(f"{file.path}: tool.isthmus is no table")
    return list(_Reader(root, file, text).table(document, (), root))


def default_map(root: Any, settings: list[Setting]) -> dict[str, Any]:
    """Settings by command and parameter, as ``Context.default_map`` takes them."""
    made: dict[str, Any] = {}
    for setting in settings:
        for path, command in commands(root):
            option = options_of(command).get(setting.key)
            mine = setting.command == path
            if not setting.command and option is not None:
                # A variable of the environment is not seen by the option itself.
                mine = option.help in SHARED[setting.key] and not by_environment(setting.key)
            if mine and option is not None:
                place = made
                for name in path:
                    place = place.setdefault(name, {})
                place[option.name] = _typed(setting.value)
    return made


def is_offline(settings: list[Setting]) -> bool:
    """Whether files say that nothing is fetched, and the environment says nothing."""
    said = [each.value for each in settings if each.key == OFFLINE and not each.command]
    return bool(said and said[-1]) and not by_environment(OFFLINE)


def by_environment(key: str) -> str | None:
    """The variable that counts instead of a key above all tables, if it is set."""
    variable = VARIABLES.get(key)
    return variable if variable is not None and os.environ.get(variable) else None


def prefix(file: File) -> tuple[str, ...]:
    """The tables of a file in which the tables of isthmus stand."""
    return ("tool", "isthmus") if file.path.name == PYPROJECT else ()


def commands(root: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    for name, command in root.commands.items():
        if getattr(command, "commands", None) is None:
            yield (name,), command
        else:
            yield from (((name, *path), inner) for path, inner in commands(command))


def options_of(command: Any) -> dict[str, Any]:
    """The options of a command by the names of their keys."""
    found = {}
    for each in command.params:
        if each.param_type_name == "option":
            found[max(each.opts, key=len).lstrip("-")] = each
    return {name: option for name, option in found.items() if name not in _NEVER}


class _Reader:
    """Reads the tables of one file.

    Args:
        root: The command line.
        file: Which file.
        text: What is in it.
    """

    def __init__(self, root: Any, file: File, text: str) -> None:
        self._root, self._file, self._text = root, file, text

    def table(self, table: Mapping[str, Any], path: tuple[str, ...], at: Any) -> Iterator[Setting]:
        """The settings of a table, and of those in it."""
        inner = getattr(at, "commands", None) or {}
        for name, value in table.items():
            key = name.replace("_", "-")
            if isinstance(value, dict) and name in inner:
                yield from self.table(value, (*path, name), inner[name])
            elif isinstance(value, dict):
                hint = did_you_mean(name, inner)
                known = f"; there are {', '.join(inner)}" if inner else ""
                raise self._error(path, name, f"there is no command {name!r}{known}.{hint}")
            else:
                line = self._line(path, name)
                given = self._value(path, key, value, at)
                yield Setting(path, key, given, self._file, line)

    def _value(self, path: tuple[str, ...], key: str, value: Any, at: Any) -> Any:
        """A value as its option takes it."""
        known = self._keys(path, at)
        if key not in known:
            where = f"in [{'.'.join(path)}]" if path else "above the tables"
            hint = did_you_mean(key, known)
            listed = ", ".join(known)
            raise self._error(path, key, f"there is no key {key!r} {where}; keys: {listed}.{hint}")
        if self._file.project and key not in PROJECT.get(".".join(path), ()):
            raise self._error(
                path,
                key,
                f"{key} may not be set by the file of a project, which may be a stranger's. Set it "
                f"in your own file: isthmus config set {'.'.join((*path, key))} VALUE",
            )
        option, context = known[key]
        if key == OFFLINE or option.is_flag:
            if not isinstance(value, bool):
                raise self._error(path, key, f"{key} is true or false, got {value!r}")
            return value
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float) for each in several) or (
            isinstance(value, list) and not option.multiple
        ):
            kind = "a list" if option.multiple else "one value"
            raise self._error(path, key, f"{key} takes {kind}, got {value!r:.80}")
        plain = [self._path(path, key, each) if key in _PATHS else each for each in several]
        ready = plain if option.multiple else plain[0]
        try:
            option.process_value(context, _typed(ready))
        except UsageError as error:
            said = without_preamble(str(error.format_message())).removesuffix(".")
            raise self._error(path, key, said) from error
        return ready

    def _keys(self, path: tuple[str, ...], at: Any) -> dict[str, Any]:
        """The options that may be set here, each with a context of its command."""
        if path:
            context = typer.Context(at, info_name=path[-1])
            return {key: (option, context) for key, option in options_of(at).items()}
        known: dict[str, Any] = {}
        for words, command in commands(self._root):
            for key, option in options_of(command).items():
                if option.help in SHARED.get(key, ()):
                    known[key] = (option, typer.Context(command, info_name=words[-1]))
        known[OFFLINE] = (None, None)
        return known

    def _path(self, path: tuple[str, ...], key: str, value: Any) -> Any:
        """A path from the folder of the file; that of a project does not lead out of it."""
        if value in _NO_PATHS or not isinstance(value, str):
            return value
        home = self._file.path.parent.resolve()
        place = home / expanded(value)
        if self._file.project and not place.resolve().is_relative_to(home):
            raise self._error(
                path, key, f"{value!r} leads out of the folder of the project; give a path in it"
            )
        return str(place)

    def _line(self, path: tuple[str, ...], key: str) -> int | None:
        return line_of(self._text, (*prefix(self._file), *path, key))

    def _error(self, path: tuple[str, ...], key: str, said: str) -> InputError:
        line = self._line(path, key)
        place = f"{self._file.path}, line {line}" if line else str(self._file.path)
        return InputError(f"{place}: {said}")


def _typed(value: Any) -> Any:
    """A value as it would be typed; a flag is true or false."""
    if isinstance(value, list):
        return [str(each) for each in value]
    return value if isinstance(value, bool) else str(value)


def _is_ours(path: Path) -> bool:
    """Whether there is a file that this user, or the owner of the machine, has written."""
    try:
        owners = {path.stat().st_uid, path.lstat().st_uid}  # of the file, and of a link to it
    except OSError:
        return False
    if not path.is_file():
        return False
    if owners <= {0, os.getuid()}:
        return True
    err().print(f"[dim]{shown(str(path))} belongs to another user, so it is not read.[/]")
    return False


def _has_table(path: Path) -> bool:
    """Whether a ``pyproject.toml`` is about isthmus; one that is damaged is another tool's."""
    text = text_of(path)
    if "isthmus" not in text:
        return False
    try:
        return "isthmus" in _document(path, text).get("tool", {})
    except InputError:
        return False


def _document(path: Path, text: str) -> dict[str, Any]:
    """A text as TOML.

    Raises:
        InputError: If it is none, or made to take long.
    """
    lines = text.splitlines()
    if dotted := next((n for n, each in enumerate(lines, 1) if each.count(".") > _MOST_DOTS), 0):
        raise InputError(f"{path}: line {dotted} has more than {_MOST_DOTS} dots; break it up")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"{path} is no TOML: its lists or tables nest too deep") from error
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of 5,000 digits
        raise InputError(f"{path} is no TOML: {error}") from error


def text_of(path: Path) -> str:
    """What is in a file; raises what :func:`read` raises."""
    # A user may well keep such files elsewhere and link to them.
    data = read_file(path.resolve(), most=MOST_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8; save it as UTF-8") from error
