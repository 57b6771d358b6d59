"""``isthmus config``: which defaults count, where they come from, and how to set them."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import typer

from isthmus.cli.configuration import (
    NAME,
    VARIABLES,
    File,
    Setting,
    files,
    prefix,
    project_file,
    read,
    settings_of,
    text_of,
)
from isthmus.cli.console import JSON_OPTION, out, print_json, shown
from isthmus.cli.toml_text import edited
from isthmus.cli.usage import example
from isthmus.core.artifact import write_atomically
from isthmus.core.errors import InputError
from isthmus.core.paths import config_file

app = typer.Typer(
    help="Show and set defaults of options.",
    invoke_without_command=True,
    epilog=example("config show"),
)


@app.callback()
def callback(context: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """Show and set defaults of options; without a command, show them."""
    if context.invoked_subcommand is None:
        show(context, as_json=as_json)


@app.command(epilog=example("config show"))
def show(context: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """Show the defaults that files and the environment set, and where each comes from.

    What you type counts most, then the environment, the file of the project, and your own file.
    """
    found = {each.name: each for each in read(_root(context), files())}  # the last one counts
    rows = [_row(each) for each in found.values() if not _outdone(each)]
    rows += [
        {"key": key, "value": value, "from": variable, "line": None}
        for key, variable in VARIABLES.items()
        if (value := os.environ.get(variable))
    ]
    if as_json:
        print_json({"settings": rows, "files": [str(each.path) for each in files()]})
        return
    console = out()
    for row in rows:
        line = f", line {row['line']}" if row["line"] else ""
        said = f"{row['key']} = {_literal(row['value'])}"
        console.print(f"{shown(said)}  [dim]{shown(str(row['from']))}{line}[/]")
    if not rows:
        console.print("Nothing is set. Set a default with: isthmus config set search.k 20")


@app.command(epilog=example("config path"))
def path(as_json: bool = JSON_OPTION) -> None:
    """Show where the files are: your own, and that of the project in this folder or above it."""
    own, project = config_file(), project_file(Path.cwd())
    if as_json:
        print_json({"own": str(own), "project": None if project is None else str(project)})
        return
    there = "" if own.is_file() else "  (not there yet)"
    out().print(f"your own: {shown(str(own))}{there}")
    out().print(f"of the project: {shown(str(project)) if project else 'none'}")


@app.command("set", epilog=example("config set"))
def set_(
    context: typer.Context,
    key: str = typer.Argument(help="A command and its option, such as search.k, or store."),
    value: list[str] = typer.Argument(help="Its value; several for an option that is repeatable."),
    *,
    project: bool = typer.Option(
        False, "--project", help="Set it in the file of the project instead of your own."
    ),
) -> None:
    """Set a default of an option in your own file, or in that of the project.

    Relative paths start at the folder of the file.
    """
    place = config_file()
    if project:
        place = project_file(Path.cwd()) or Path.cwd() / NAME
    file = File(place, project)
    text = text_of(place) if place.is_file() else ""
    names = (*prefix(file), *key.split("."))
    made = _edited(_root(context), file, text, names, value)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place.resolve(), made.encode())
    out().print(f"Set {shown(key)} in {shown(str(place))}.")


def _edited(root: Any, file: File, text: str, names: tuple[str, ...], typed: list[str]) -> str:
    """The text with a value, as a list, as it is or as a text: whatever its option takes."""
    settings_of(root, file, text)  # a mistake that is there already is told as such
    if not all(each.replace("-", "").replace("_", "").isalnum() for each in names):
        raise InputError(f"{'.'.join(names)!r} is no key; give one such as search.k")
    wrong: InputError | None = None
    for literal in _literals(typed):
        made = edited(text, names, literal)
        if made is None:
            raise InputError(f"{file.path}: {names[-1]} cannot be changed by itself; edit the file")
        try:
            settings_of(root, file, made)
        except InputError as error:
            wrong = wrong or error
        else:
            return made
    said = str(wrong)
    raise InputError(said.partition(": ")[2] if said.startswith(str(file.path)) else said)


def _literals(typed: list[str]) -> list[str]:
    """What may be meant by words: a value of TOML, a text, a list of one; or the list of them."""
    if len(typed) > 1:
        return [_literal(typed)]
    text = _literal(typed[0])
    try:
        plain = tomllib.loads(f"x = {typed[0]}")
    except tomllib.TOMLDecodeError:
        return [text, f"[{text}]"]
    single = len(plain) == 1 and isinstance(plain["x"], bool | int | float) and "\n" not in typed[0]
    return [*([typed[0]] if single else []), text, f"[{text}]"]


def _literal(value: Any) -> str:
    """As TOML writes it, which for texts, numbers, truths and lists of them is as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def _row(setting: Setting) -> dict[str, Any]:
    place = {"from": str(setting.file.path), "line": setting.line}
    return {"key": setting.name, "value": setting.value, **place}


def _outdone(setting: Setting) -> bool:
    """Whether a variable of the environment counts instead."""
    return not setting.command and bool(os.environ.get(VARIABLES.get(setting.key, "")))


def _root(context: typer.Context) -> Any:
    return context.find_root().command
