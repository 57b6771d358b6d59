"""Models of sentence-transformers as their library reads them, but never with weights missing."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isthmus.core.errors import ArtifactError, InputError, IntegrityError
from isthmus.core.extras import require
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.hf.library import quiet
from isthmus.encoders.hf.weights import surplus
from isthmus.encoders.sentence_folder import untrusted

EXTRA = "st"
_LIBRARY = "transformers"
_LOST = re.compile(r"^(\S+)\s*\|\s*(?:MISSING|MISMATCH)", re.MULTILINE)
"""A row of the report of transformers on weights that it made up."""
_MORE = re.compile(r"^(\S.*?)\s*\|\s*UNEXPECTED", re.MULTILINE)
"""A row on weights that it did not use; of several layers in one, as ``layer.{1, 2}.weight``."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_UNUSED = ("pooler.", "position_ids", "masked_spec_embed")
"""Weights that nothing reads: poolers of classifiers, and masks for training."""


def read_model(folder: Folder, *, trust: bool) -> Any:
    """Read a model in float32 on the CPU, from its folder alone.

    Args:
        folder: Where it is.
        trust: Whether code that comes with it may run.

    Returns:
        A ``SentenceTransformer``.

    Raises:
        MissingExtraError: If the library is not installed.
        IntegrityError: If weights are missing: the library would take random ones.
        ArtifactError: If it cannot be read.
        UntrustedError: If it needs code of its own and that is not trusted.
    """
    purpose = f"the encoder {folder.name!r}"
    library = require("sentence_transformers", extra=EXTRA, purpose=purpose)
    torch = require("torch", extra=EXTRA, purpose=purpose)
    try:
        with quiet(), _reports() as told:
            model = library.SentenceTransformer(
                str(folder.path),
                device="cpu",
                local_files_only=True,
                trust_remote_code=trust,
                model_kwargs={"dtype": torch.float32},
            )
    except ImportError as error:
        raise InputError(f"{folder.name} needs a package: {_first(error)}") from error
    except Exception as error:  # a file of any content: each library has its own
        if "trust_remote_code" in str(error):
            raise untrusted(folder.name, _first(error)) from error
        raise ArtifactError(
            f"{folder.name} cannot be read from {folder.path}: {_first(error)}"
        ) from error
    lost = [key for text in told for key in _LOST.findall(_COLOUR.sub("", text))]
    lost = [key for key in lost if not any(part in key for part in _UNUSED)]
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise IntegrityError(
            f"{folder.name}: its weights lack {lost[0]}{more}, so they are of another model than "
            f"{folder.path / 'config.json'} says; fetch it again"
        )
    unused = [key for text in told for key in _MORE.findall(_COLOUR.sub("", text))]
    inner = [each for each in model.modules() if hasattr(each, "base_model_prefix")]
    if strays := [key for each in inner for key in surplus(each, unused)]:
        raise IntegrityError(
            f"{folder.name}: its weights hold {strays[0]}, which is of no layer that its "
            "config.json knows; fetch it again"
        )
    return model


@contextmanager
def _reports() -> Iterator[list[str]]:
    """Collects what the library warns of, in place of printing it."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    logger = logging.getLogger(_LIBRARY)
    before, level = list(logger.handlers), logger.level
    logger.handlers = [Keep()]
    logger.setLevel(logging.WARNING)
    try:
        yield told
    finally:
        logger.handlers = before
        logger.setLevel(level)


def _first(error: BaseException) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)[:300]
