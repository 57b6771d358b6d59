"""Write ``docs/reference/cli.md`` from the command line itself; ``--check`` tells a stale page."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
import typer.main

from isthmus.cli.main import app

PAGE = Path(__file__).parent / "reference" / "cli.md"


def page() -> str:
    """The page, from the help texts of every command."""
    root = typer.main.get_command(app)
    parts = [
        "# Command line",
        "",
        "This page is made from the `--help` texts. Every command that prints results takes "
        "`--json`.",
    ]
    parts += ["", "These options stand before the command.", "", "| | |", "|---|---|"]
    parts += _options(root)
    context = typer.Context(root, info_name="isthmus")
    for path, command in _walk(root, ("isthmus",)):
        if getattr(command, "commands", None):
            continue
        parts += ["", f"## {' '.join(path)}", "", *_help(command, context, path)]
    return "\n".join(parts) + "\n"


def _walk(command: object, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], object]]:
    found = [(path, command)]
    for name, child in getattr(command, "commands", {}).items():
        found += _walk(child, (*path, name))
    return found


def _help(command: object, context: object, path: tuple[str, ...]) -> list[str]:
    lines = ["\n".join(line.strip() for line in str(command.help).strip().splitlines()), ""]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([*path, *(p.name.upper() for p in arguments), "[OPTIONS]"])
    lines += ["```sh", usage, "```", "", "| | |", "|---|---|"]
    return [*lines, *_options(command)]


def _options(command: object) -> list[str]:
    """A row for each argument and option."""
    lines = []
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    for param in command.params:
        if param.name in ("help", "install_completion", "show_completion"):
            continue
        names = [*param.opts, *param.secondary_opts]
        name = param.name.upper() if param in arguments else ", ".join(names)
        text = (param.help or "").replace("|", "\\|")
        default = param.default
        if param not in arguments and default not in (None, False, ...) and not callable(default):
            text += f" Default: `{default}`."
        lines.append(f"| `{name}` | {text} |")
    return lines


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
