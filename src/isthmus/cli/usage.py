"""What to say of a command that was typed wrongly: what is wrong, and one that works."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from isthmus.core.paths import is_folder
from isthmus.core.wording import did_you_mean, without_preamble

UsageError: type[typer.BadParameter] = typer.BadParameter.__base__  # type: ignore[assignment]
"""What typer raises for every mistake of usage; it has no public name there."""
EXAMPLES = {
    "demo": "isthmus demo",
    "diagnose": "isthmus diagnose my-folder",
    "align": "isthmus align my-folder --out my-space",
    "eval": "isthmus eval my-space new-folder",
    "embed": 'isthmus embed my-space "a red kangaroo" --out vectors.npz',
    "export": "isthmus export efficientnet-lite0 my-encoder",
    "index": "isthmus index ~/Pictures",
    "search": 'isthmus search "a red kangaroo" --view image',
    "recommend": "isthmus recommend my-store --like cat.png --like 'a red kangaroo'",
    "find": "isthmus find photo.jpg holiday.mp4",
    "classify": "isthmus classify photo.jpg --classes cat,dog",
    "annotate": "isthmus annotate photos/ --labels cat,garden,night --out labels.csv",
    "explain": 'isthmus explain "a red kangaroo" photo.jpg',
    "predict fit": "isthmus predict fit reviews.csv --target sentiment --out my-predictor",
    "predict run": "isthmus predict run my-predictor new.csv --out answers.csv",
    "predict eval": "isthmus predict eval my-predictor test.csv",
    "predict explain": "isthmus predict explain my-predictor new.csv --row 3",
    "prompt save": "isthmus prompt save ink --like drawing-1.png --like drawing-2.png",
    "prompt show": "isthmus prompt show ink",
    "prompt copy": "isthmus prompt copy ink --from my-space --store my-store",
    "prompt forget": "isthmus prompt forget ink",
    "serve": "isthmus serve --store my-store --open",
    "transfer": "isthmus transfer shots/food --from shots/animals",
    "status": "isthmus status --store my-store",
    "forget": "isthmus forget ~/Pictures/private",
    "doctor": "isthmus doctor --store my-store",
    "config show": "isthmus config",
    "config set": "isthmus config set search.k 20",
    "config path": "isthmus config path",
    "encoders check": "isthmus encoders check universal",
    "show": "isthmus data show my-folder",
    "get": "isthmus data get tuxpaint",
}
"""A call of each command that works."""
_OTHER_NAMES = {
    "-m": "--view",
    "--modality": "--view",
    "--images": "--view",
    "--output": "--out",
    "--save": "--out",
    "--top-k": "-k",
    "--limit": "-k",
    "--dir": "--store",
    "--columns": "--column",
    "--examples": "--shots",
    "--tags": "--labels",
    "--method": "--aligner",
    "--timeout": "--budget",
    "--force": "--overwrite",
}
"""What an option is called elsewhere, or was called before."""


def arguments_of(context: typer.Context) -> list[Any]:
    """The arguments of a command, without its options."""
    return [each for each in context.command.params if each.param_type_name == "argument"]


def retyped(context: typer.Context, **changed: Any) -> str:
    """The command as it was typed, but for some parameters.

    Args:
        context: Of the command.
        **changed: What these parameters shall be, by name; an empty list leaves one out.
    """
    words: list[str] = []
    at: Any = context
    while at is not None:
        given = {
            each: changed.get(each.name, at.params.get(each.name))
            for each in at.command.params
            if (at is context and each.name in changed) or _typed(at, each.name)
        }
        named = [at.info_name] if at.parent is not None else ["isthmus"]
        words = [*named, *_words(given), *words]
        at = at.parent
    return shlex.join(words)


def _typed(context: Any, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _words(given: Mapping[Any, Any]) -> list[str]:
    """Arguments, then options, as they are typed."""
    arguments: list[str] = []
    options: list[str] = []
    for each, value in given.items():
        values = [str(v) for v in (value if isinstance(value, list | tuple) else [value])]
        if each.param_type_name == "argument":
            arguments += values
        elif isinstance(value, bool):
            options.append(each.opts[0] if value else each.secondary_opts[0])
        else:
            options += [word for v in values for word in (each.opts[0], v)]
    if any(each.startswith("-") for each in arguments):
        return [*options, "--", *arguments]
    return [*arguments, *options]


def example(command: str) -> str:
    """The end of the help of a command."""
    return f"For example: {EXAMPLES[command]}"


def sentence(error: Any) -> str:
    """One message for a mistake of usage, with an example.

    Args:
        error: A :data:`UsageError`.
    """
    context = error.ctx
    command = None if context is None else context.command
    said = without_preamble(str(error.format_message())).removesuffix(".")
    wrong = getattr(error, "option_name", None)
    if wrong is not None and command is not None:
        said = f"there is no option {wrong}"
        options = [name for each in command.params for name in getattr(each, "opts", ())]
        other = _OTHER_NAMES.get(wrong)
        hint = f" Did you mean {other!r}?" if other in options else did_you_mean(wrong, options)
        said += f".{hint}" if hint else "."
    else:
        said = f"{said[:1].lower()}{said[1:]}{'' if said.endswith('?') else '.'}"
    if command is None:
        return said
    if known := getattr(command, "commands", None):
        return f"{said} Commands: {', '.join(known)}"
    if any("--store" in each.opts for each in command.params):
        said += stores_given(sys.argv[2:])
    if context.info_name == "align":
        said += arrays_given(sys.argv[2:])
    return f"{said} {command.epilog}" if command.epilog else said


def arrays_given(words: Sequence[str]) -> str:
    """What to say of several files of arrays in the place of one; empty for none.

    Args:
        words: Of the command, as typed.
    """
    files = [word for word in words if word.endswith(".npy")]
    if len(files) < 2:
        return ""
    from isthmus.media.arrays import apart

    return f" DATA is one place: {apart(files)}."


def stores_given(words: Sequence[str]) -> str:
    """What to say of a store that was given without the option that takes it; empty for none.

    Args:
        words: Of the command, as typed.
    """
    for before, word in zip(["", *words], words, strict=False):
        if before not in ("--store", "-s") and is_folder(Path(word) / "space"):
            return f" {word} is a store; write: --store {shlex.quote(word)}."
    return ""
