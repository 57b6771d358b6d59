"""Import of optional dependencies, with one line that says how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType

from isthmus.core.errors import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module or say which extra brings it.

    Args:
        module: Dotted name of the module, for example ``"onnxruntime"``.
        extra: The extra of isthmus that installs it, for example ``"starter"``.
        purpose: What needs it, as the subject of a sentence.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise  # the module is there, something that it needs is not
        raise MissingExtraError(
            f"{purpose} needs the package {top!r}, which is not installed. "
            f"Run: pip install 'isthmus[{extra}]'"
        ) from error
