"""torchvision, which timm and OpenCLIP import: whether it is here and fits torch."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from isthmus.core.errors import MissingExtraError
from isthmus.core.extras import require


def require_vision(encoder: str, extra: str, library: str) -> None:
    """Import a library that needs torchvision, or say in one line what is missing.

    Args:
        encoder: Who needs it.
        extra: The extra of isthmus that brings both.
        library: Its module, such as ``"timm"``.

    Raises:
        MissingExtraError: If one of them is not installed, or torchvision was built for another
            torch.
    """
    purpose = f"the encoder {encoder!r}"
    for module in ("torch", library, "torchvision"):
        try:
            require(module, extra=extra, purpose=purpose)
        except MissingExtraError:
            raise
        except ModuleNotFoundError as error:  # the library imports torchvision first
            if error.name != "torchvision":
                raise
            require("torchvision", extra=extra, purpose=purpose)
        except (RuntimeError, ImportError, OSError) as error:
            raise MissingExtraError(
                f"{purpose} needs torchvision, and {_named('torchvision')} does not fit "
                f"{_named('torch')}. Install the one that was built for it: pip install "
                "--upgrade torchvision, from where torch came from"
            ) from error


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
