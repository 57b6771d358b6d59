"""Weights of a model: read whole, of the right shapes, and never by running what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isthmus.core.errors import InputError, IntegrityError, UntrustedError
from isthmus.encoders.hf.families import Tower
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.hf.library import quiet, transformers
from isthmus.encoders.torch_model import Module

_LAYER = re.compile(r"(?<=\.)(\d+|\{[^}]*\})(?=\.)")
"""The number of a layer in the name of a weight, or several numbers in a report."""
_STEEPEST = 100.0
"""The logarithm of a scale, or a bias, at most: those of models are about 5 and −17."""
_UNUSED = ("pooler.", "position_ids", "masked_spec_embed", "decoder.")
"""Parts whose weights may be missing, since nothing of ours reads what they make: poolers that
only a classifier trained, a mask for training, a decoder."""


def read_model(
    folder: Folder, tower: Tower, *, remote: bool = False, overrides: dict[str, Any] | None = None
) -> Module:
    """Read the part of a model that reads one modality.

    Args:
        folder: Of its files.
        tower: Which part.
        remote: Whether code that comes with the model may be run.
        overrides: Numbers of the configuration that this part does not find in its section.

    Returns:
        A ``torch.nn.Module`` in float32 on the CPU.

    Raises:
        IntegrityError: If the weights are damaged, or not those of this model.
    """
    library = transformers(folder.name)
    import torch

    files = folder.weights()
    maker = getattr(library, tower.model, None)
    if maker is None:
        raise InputError(
            f"{folder.name}: transformers {library.__version__} has no {tower.model}; "
            "run: pip install -U transformers"
        )
    try:
        with quiet():
            model, told = maker.from_pretrained(
                str(folder.path),
                dtype=torch.float32,  # else releases differ in what they make of half precision
                local_files_only=True,
                trust_remote_code=remote,
                use_safetensors=files[0].suffix == ".safetensors",
                weights_only=True,
                output_loading_info=True,
                **(overrides or {}),
            )
    except ImportError as error:
        raise InputError(f"{folder.name}: its code needs a package: {_first(error)}") from error
    except Exception as error:  # a file of any content: each library has its own
        raise IntegrityError(
            f"{folder.name}: its weights {files[0]} cannot be read ({_first(error)}); fetch the "
            "model again"
        ) from error
    _check_fit(folder, tower, model, told)
    return getattr(model, tower.keep) if tower.keep else model


def _check_fit(folder: Folder, tower: Tower, model: Module, told: Mapping[str, Any]) -> None:
    """Refuse weights of another model than that of the configuration."""
    if strays := surplus(model, told.get("unexpected_keys", ())):
        raise IntegrityError(
            f"{folder.name}: its weights hold {strays[0]}, which is of no layer that "
            f"{folder.path / 'config.json'} knows{_hint(folder)}"
        )
    missing = [key for key in told["missing_keys"] if _matters(key, tower)]
    wrong = [str(key[0]) for key in told.get("mismatched_keys", ())]
    if missing or wrong:
        what = f"lack {missing[0]}" if missing else f"have another shape for {wrong[0]}"
        more = len(missing) + len(wrong) - 1
        raise IntegrityError(
            f"{folder.name}: its weights {what}{f' and {more} more' if more else ''}, so they are "
            f"of another model than {folder.path / 'config.json'} says{_hint(folder)}"
        )


def surplus(model: Module, unexpected: Iterable[str]) -> list[str]:
    """Weights that are named as those of a model's own layers, but of layers that it has not.

    Args:
        model: Of transformers.
        unexpected: Names of weights in its files that it does not use.
    """
    own = {_LAYER.sub("N", key) for key in model.state_dict()}
    before = f"{getattr(model, 'base_model_prefix', '')}."
    plain = {key: _LAYER.sub("N", key) for key in unexpected}
    return [key for key, name in plain.items() if {name, name.removeprefix(before)} & own]


def scalar(folder: Folder, *names: str) -> float | None:
    """A weight that is one number; None if there is none of these names.

    Args:
        folder: Of the files.
        *names: The first that is there is read.
    """
    for path in folder.weights():
        for name in names:
            found = _one(path, name)
            if found is None:
                continue
            if not abs(found) <= _STEEPEST:  # nor NaN
                raise IntegrityError(f"{path} is damaged: its {name} is {found}")
            return found
    return None


def _one(path: Path, name: str) -> float | None:
    import torch

    try:
        if path.suffix == ".bin":
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return float(state[name].reshape(-1)[0]) if name in state else None
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            if name not in file.keys():  # noqa: SIM118 - it is no mapping
                return None
            return float(file.get_tensor(name).reshape(-1)[0])
    except Exception as error:  # as in read_model
        raise IntegrityError(
            f"{path} cannot be read ({_first(error)}); fetch the model again"
        ) from error


def check_code(folder: Folder, *, trusted: bool) -> None:
    """Refuse to run the code that comes with a model, unless the user trusts it.

    Raises:
        UntrustedError: If the user did not say so.
    """
    if not trusted:
        code = folder.json("config.json")["auto_map"]["AutoModel"]
        raise UntrustedError(
            f"{folder.name}: runs code that comes with it ({_named(code)}), so nothing was loaded. "
            "If you have read that code and trust it, add ?trust_remote_code=true"
        )


def _named(code: Any) -> str:
    return str(code[0] if isinstance(code, list) and code else code)


def _hint(folder: Folder) -> str:
    if folder.json("config.json").get("auto_map"):
        return "; it brings code of its own, which ?trust_remote_code=true would run"
    return "; fetch it again"


def _matters(key: str, tower: Tower) -> bool:
    unused = any(part in key for part in _UNUSED)
    return not unused or (tower.output != "" and "pooler." in key)


def _first(error: BaseException) -> str:
    return (
        next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        or type(error).__name__
    )
