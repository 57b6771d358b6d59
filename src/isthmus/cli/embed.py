"""``isthmus embed``: texts, files or folders to vectors of a space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from isthmus import space as spaces
from isthmus.cli.console import (
    CACHE_OPTION,
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    list_left_out,
    out,
    print_json,
    progress_bar,
    rows_of,
)
from isthmus.cli.opening import check_order
from isthmus.cli.outputs import arrays_named, check_output
from isthmus.core.errors import InputError, MediaError
from isthmus.core.linalg import F32
from isthmus.core.paths import exists, expanded, why_missing
from isthmus.core.view import TEXT, VECTOR, no_view
from isthmus.core.wording import count
from isthmus.media.sniff import sniff_path
from isthmus.media.source import is_file, walk
from isthmus.tasks.retrieval.vector_rows import VectorRows
from isthmus.tasks.retrieval.views import WayOut, view_meant

_VECTORS = arrays_named(("vectors", "sources", "view", "space"))
"""What --out is."""


def command(
    space: Path = typer.Argument(help="Folder of the space."),
    inputs: list[str] = typer.Argument(help="Texts, or files and folders."),
    *,
    context: typer.Context,
    view: str = typer.Option(
        None, help="View that the inputs belong to. Default: the one that reads text."
    ),
    output: Path | None = typer.Option(
        None, "--out", "-o", help="Write vectors and their sources to this .npz file."
    ),
    cache: bool = CACHE_OPTION,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Turn INPUTS into unit vectors of a space.

    For a view of text, INPUTS are the texts themselves. For other views, they are files or
    folders. If some inputs cannot be used, the command writes the others and ends with exit
    code 4.
    """
    from isthmus.pipeline import default_cache

    check_order(context)
    if output is None and not as_json:
        raise InputError(
            "name a file for the vectors with --out FILE.npz, or print them with --json"
        )
    check_output(output, _VECTORS, inputs)
    allow_megapixels(max_megapixels)
    loaded = spaces.Space.load(space, trust=trust or ())
    view, things = _inputs(loaded, inputs, view)
    with progress_bar(quiet=as_json) as progress:
        done = loaded.embed(
            things, view, cache=default_cache() if cache else None, progress=progress
        )
    sources = [str(thing) for thing, ok in zip(things, done.ok, strict=True) if ok]
    vectors = done.vectors[done.ok]
    left_out = rows_of(done.failures)
    if not done.ok.any():
        first = done.failures[0]
        raise InputError(f"none of the inputs can be used; {first.source}: {first.reason}")
    if output is not None:
        _write(output, vectors, sources, view, loaded.fingerprint)
    if as_json:
        document = {"space": loaded.fingerprint, "view": view, "left_out": left_out}
        rows = [
            {"source": source, "vector": [round(float(v), 6) for v in vector]}
            for source, vector in zip(sources, vectors, strict=True)
        ]
        print_json({**document, "rows": rows if output is None else len(rows)})
    else:
        list_left_out(left_out)
        out().print(f"{count(len(vectors), 'vector')} of {loaded.dim} dimensions in {output}")
    if left_out:
        raise typer.Exit(EXIT_PARTLY)


def _inputs(
    space: spaces.Space, inputs: Sequence[str], view: str | None
) -> tuple[str, list[str | Path]]:
    """The view that is meant, and the texts or files that belong to it."""
    if view is None:
        view = view_meant(space, TEXT, way_out=WayOut("is meant", "view", "--view"))
    elif view not in space.views:
        raise no_view(view, space.views)
    modality = space.modalities[view]
    if modality != TEXT:
        return view, list(_files(space, inputs, view))
    if any(is_file(text) for text in inputs):
        err().print(
            "A file has this name, but it was read as words. To read files, name their view "
            "with --view."
        )
    return view, list(inputs)


def _write(output: Path, vectors: F32, sources: list[str], view: str, space: str) -> None:
    """Vectors and what they are of, as an .npz file."""
    with output.open("wb") as handle:
        np.savez(
            handle,
            vectors=vectors,
            sources=np.array(sources),
            view=np.array(view),
            space=np.array(space),
        )


def _files(space: spaces.Space, inputs: Sequence[str], view: str) -> list[Path]:
    """Files as they are; of folders those of the modality; of files of vectors their rows."""
    modality, rows = space.modalities[view], VectorRows(space, (view,))

    def fits(path: Path) -> bool:
        try:
            return sniff_path(path) == modality
        except MediaError:
            return False

    files: list[Path] = []
    for text in inputs:
        path = expanded(text)
        if not exists(path) and not is_file(path):
            raise InputError(f"there is no file or folder {text!r}.{why_missing(text)}")
        if modality == VECTOR:
            for each in (row for file in walk(path) for row in rows.paths(file)):
                if isinstance(each, MediaError):
                    raise each
                files.append(each)
            continue
        files += [p for p in walk(path) if fits(p)] if path.is_dir() else [path]
    if not files:
        raise InputError(f"{', '.join(inputs)}: there is no {modality} in it")
    return files
