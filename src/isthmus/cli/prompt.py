"""``isthmus prompt``: learn prompts from examples, and save, list, show, copy, forget them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus import space as spaces
from isthmus import tasks
from isthmus.cli.console import (
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    out,
    print_json,
    shown,
)
from isthmus.cli.opening import has_store, open_store
from isthmus.cli.usage import example
from isthmus.core.errors import FingerprintError, InputError
from isthmus.core.locking import lock_for
from isthmus.core.paths import expanded, is_folder
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.prompts import Prompt, Term
from isthmus.prompts.prompt import typed_terms
from isthmus.prompts.typed import SAVED, PartName, composed
from isthmus.space.prompts import Changes, changed, check_new
from isthmus.space.starter import NAME as STARTER

if TYPE_CHECKING:
    from isthmus.prompts import LearnedPrompt
    from isthmus.store import Reader

app = typer.Typer(
    no_args_is_help=True, help="Learn prompts from examples, and use them again as @NAME."
)
NAME = typer.Argument(help="Of the prompt: letters, digits, _ . and -, without @.")
_NEAREST = 3


@app.command(epilog=example("prompt save"))
def save(
    name: str = NAME,
    more: list[Path] = typer.Argument(None, metavar="FILES", help="More files for --like."),
    *,
    like: list[str] = typer.Option(
        ..., "--like", help="An example: a file, a folder of files, or words. Repeatable."
    ),
    unlike: list[str] = typer.Option(
        None, "--unlike", "--dislike", help="Something that is not meant, as in --like. Repeatable."
    ),
    part: PartName = typer.Option(
        "style",
        help="What the prompt says. style, context and content are looked for; ignore and only say "
        "which differences count.",
    ),
    view: str | None = typer.Option(
        None,
        "--as",
        help="View of the examples, if several views have the same modality. Of a folder, only "
        "files of it are taken.",
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing prompt."),
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Learn a prompt from examples, and save it in the space of a store.

    It is the mean of the examples, less the mean of what --unlike names. Use it in a search as
    @NAME or with an option such as --style @NAME.
    """
    allow_megapixels(max_megapixels)
    with _opened(store, space, trust or (), changing=True) as place:
        typed = _Typed(place.space.views, view and place.space.modalities.get(view))
        if not overwrite:
            check_new(place.space.prompts, [name])  # before anything is learned
        learned = tasks.learn_prompt(
            place.space,
            typed.things([*like, *map(str, more or ())], "--like"),
            part=part,
            unlike=typed.things(unlike, "--unlike") if unlike else None,
            view=view,
            rows=place.rows,
        )
        place.save({name: learned}, overwrite=overwrite)
    if as_json:
        print_json(_row(name, learned))
        return
    made = count(learned.examples, "example")
    out().print(f"Saved {SAVED}{name} from {made}. {_use(name, part, store, space)}", markup=False)


def _use(name: str, part: PartName, store: Path | None, space: str | None) -> str:
    """How to use a prompt that was just saved."""
    if space is not None:
        copy = f"isthmus prompt copy {name} --from {shlex.quote(space)} --store DIR"
        return f"Stores that you make from {space} will know it; for one that is there: {copy}"
    use = f"{SAVED}{name}" if part == "content" else f"QUERY --{part} {SAVED}{name}"
    return f"Use it: isthmus search {use}{_option(store, space)}"


def _option(store: Path | None, space: str | None) -> str:
    """What names the same place in another command."""
    if space is not None:
        return f" --space {shlex.quote(space)}"
    usual = store is None or store == tasks.default_store()
    return "" if usual else f" --store {shlex.quote(str(store))}"


@app.command("list")
def list_(
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List the saved prompts."""
    with _opened(store, space, trust or ()) as place:
        known = dict(place.space.prompts)
    if as_json:
        print_json({"prompts": [_row(name, each) for name, each in known.items()]})
        return
    for name, each in known.items():
        out().print(f"{SAVED}{name}  {_said(each)}", markup=False)
    if not known:
        save_one = f"isthmus prompt save NAME --like FILES{_option(store, space)}"
        out().print(f"No prompt is saved. Save one with: {save_one}", markup=False)


@app.command(epilog=example("prompt show"))
def show(
    name: str = NAME,
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show a saved prompt: from what it was learned, and which training records are most like it.

    For a prompt that guides, these are the records that differ most in what it speaks of.
    """
    from isthmus.tasks.prompting import nearest_records, saved_prompt

    with _opened(store, space, trust or ()) as place:
        learned = saved_prompt(place.space, name.removeprefix(SAVED))
        near = nearest_records(place.space, learned, _NEAREST)
    if as_json:
        print_json({**_row(name.removeprefix(SAVED), learned), "nearest": near})
        return
    out().print(f"{SAVED}{name.removeprefix(SAVED)}  {_said(learned)}", markup=False)
    for view, names in near.items():
        out().print(f"  {shown(view)}: {shown('; '.join(names))}")


@app.command(epilog=example("prompt copy"))
def copy(
    names: list[str] = typer.Argument(None, help="Of prompts, without @. Default: all."),
    *,
    source: str = typer.Option(
        ..., "--from", metavar="DIR", help="Folder of the store or the space that keeps them."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace existing prompts."),
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Copy saved prompts from a store or a space into a store with the same space.

    A store has a space of its own, so it does not see prompts that are saved elsewhere later.
    """
    from isthmus.tasks.prompting import saved_prompt

    folder = expanded(source)
    kept = spaces.Space.load(folder / "space" if has_store(folder) else source, trust=trust or ())
    if not kept.prompts:
        raise InputError(f"{source} holds no saved prompts")
    plain = [name.removeprefix(SAVED) for name in names or kept.prompts]
    chosen = {name: saved_prompt(kept, name) for name in plain}
    with _opened(store, space, trust or (), changing=True) as place:
        if place.space.fingerprint != kept.fingerprint:
            raise FingerprintError(
                f"the prompts of {source} were learned in another space (fingerprint "
                f"{kept.fingerprint[:12]}, not {place.space.fingerprint[:12]}), so they say "
                f"nothing here; learn them anew: isthmus prompt save {plain[0]} --like FILES"
                f"{_option(store, space)}"
            )
        if not overwrite:
            new = [name for name in chosen if composed(name) not in place.space.prompts]
            others = f"isthmus prompt copy {' '.join(new)} --from {shlex.quote(source)}"
            others = f"name those to copy: {others}{_option(store, space)}" if new else ""
            check_new(place.space.prompts, chosen, instead=others)
        place.save(chosen, overwrite=overwrite)
    if as_json:
        print_json({"prompts": [_row(name, each) for name, each in chosen.items()]})
        return
    listed = ", ".join(f"{SAVED}{name}" for name in chosen)
    out().print(f"Copied {listed} from {source}.", markup=False)


@app.command(epilog=example("prompt forget"))
def forget(
    name: str = NAME,
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    trust: list[str] = TRUST_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Remove a saved prompt."""
    plain = name.removeprefix(SAVED)
    with _opened(store, space, trust or (), changing=True) as place:
        place.save({plain: None})
    if as_json:
        print_json({"forgotten": plain})
        return
    out().print(f"Removed {SAVED}{plain}.", markup=False)


@dataclass(frozen=True)
class _Place:
    """Where prompts are: a store's space, or a space on its own.

    Attributes:
        space: The space.
        store: The store; None for a space on its own.
        folder: Of a space on its own.
    """

    space: spaces.Space
    store: tasks.Store | None
    folder: Path | None = None

    @property
    def rows(self) -> Reader | None:
        """The store's items."""
        return None if self.store is None else self.store.backend.snapshot()

    def save(self, changes: Changes, *, overwrite: bool = False) -> None:
        """Put prompts in, or take them out."""
        if self.store is not None:
            self.store.save_prompts(changes, overwrite=overwrite)
            return
        assert self.folder is not None
        self.space.prompts = changed(self.space.prompts, changes, overwrite=overwrite)
        self.space.save(self.folder)


@contextmanager
def _opened(
    store: Path | None, space: str | None, trust: Sequence[str], *, changing: bool = False
) -> Iterator[_Place]:
    if space is None:
        with open_store(store, trust=trust) as opened:
            yield _Place(opened.space, opened)
        return
    if store is not None:
        raise InputError("a store has its own space; give --store or --space, not both")
    if space == STARTER and not Path(space).is_dir():
        raise InputError(
            "the starter space comes with the package and is not changed; save the prompt in a "
            "store: leave out --space"
        )
    folder = expanded(space)
    with lock_for(folder) if changing else nullcontext():
        yield _Place(spaces.Space.load(space, trust=trust), None, folder)


@dataclass(frozen=True)
class _Typed:
    """Examples as they are typed: words, files, items of the store, or files of a folder.

    Attributes:
        views: Names that may stand before a part.
        modality: Of the files that are taken from folders; None for all but captions of others.
    """

    views: Sequence[str]
    modality: str | None

    def things(self, given: Sequence[str], flag: str) -> list[Term]:
        """What was given with an option."""
        found: list[Term] = []
        for text in given:
            if not text.strip():
                raise InputError(f"{flag} is empty; give words, a file or a folder of files")
            found += self._of(text) if is_folder(text) else typed_terms(text, views=self.views)
        return found

    def _of(self, folder: str) -> list[Term]:
        """The files of a folder; of pictures with captions, which lie beside them, the pictures."""
        from isthmus.media.source import walk

        files = list(walk(expanded(folder)))
        if not files:
            raise InputError(f"the folder {folder!r} holds no files")
        known = {path: Prompt.file(path).terms[0] for path in files}
        read = {path: term.item.modality for path, term in known.items() if term.item is not None}
        stems = {path.with_suffix("") for path, modality in read.items() if modality != TEXT}
        if self.modality is None:
            kept = [p for p in read if read[p] != TEXT or p.with_suffix("") not in stems]
        else:
            kept = [path for path in read if read[path] == self.modality]
        if not kept:
            raise InputError(f"the folder {folder!r} holds no file of {self.modality}")
        if lost := len(files) - len(kept):
            others = "captions" if self.modality is None else f"files that are not {self.modality}"
            err().print(f"[dim]Left out of {shown(folder)}: {lost} {others}.[/]")
        return [known[path] for path in kept]


def _row(name: str, learned: LearnedPrompt) -> dict[str, object]:
    return {
        "name": name,
        "part": learned.part,
        "view": learned.view,
        "examples": learned.examples,
        "background": learned.background,
        "directions": len(learned.rows),
    }


def _said(learned: LearnedPrompt) -> str:
    apart = f", set apart from {learned.background:,}" if learned.background else ""
    size = f", {count(len(learned.rows), 'direction')}" if learned.guides else ""
    made = count(learned.examples, "example")
    return f"{learned.part}{size}, from {made} of {learned.view}{apart}"
