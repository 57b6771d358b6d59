"""``isthmus export``: an encoder as an ONNX file, if its vectors agree."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from isthmus.cli.console import JSON_OPTION, err, out, print_json, shown


def command(
    encoder: str = typer.Argument(help="Id of the encoder, such as efficientnet-lite0."),
    folder: Path = typer.Argument(help="Folder to write."),
    *,
    modality: str = typer.Option(
        "", help="What the encoder shall read, if its model reads several: text, image or audio."
    ),
    tolerance: float | None = typer.Option(
        None,
        min=0.0,
        help="Largest difference of a number of a unit vector. Default: 0.00001.",
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing export."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Write ENCODER as an ONNX file with a description, for any program that runs ONNX.

    The command encodes the same made-up items by the encoder and by the file, one by one and
    together. If their vectors differ, it writes nothing. Use the file as onnx:FOLDER.
    """
    from isthmus.encoders.exporting import TOLERANCE, export

    def begun(*_: object) -> None:
        if not as_json:
            err().print("Writing the file and comparing vectors. This takes about a minute.")

    done = export(
        encoder,
        folder,
        options={"modality": modality} if modality else {},
        tolerance=TOLERANCE if tolerance is None else tolerance,
        overwrite=overwrite,
        progress=begun,
    )
    if as_json:
        document = {
            "encoder": f"onnx:{folder}",
            "model": str(done.model),
            "modality": done.modality,
            "dim": done.dim,
            "bytes": done.size,
            "difference": done.difference,
            "tolerance": done.tolerance,
            "items": done.items,
        }
        print_json(document)
        return
    out().print(
        f"{shown(str(done.model))}: reads {done.modality}, {done.dim} dimensions, "
        f"{done.size / 1e6:,.1f} MB"
    )
    out().print(
        f"Its vectors differ from those of {shown(encoder)} by at most {done.difference:.1e} "
        f"(allowed: {done.tolerance:.0e}) on {done.items} made-up items."
    )
    named = shlex.quote(f"onnx:{folder}")
    out().print(f"Use it as {shown(named)}")
