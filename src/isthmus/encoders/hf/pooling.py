"""Tokens to one vector: which layer, and how its tokens are pooled."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.core.errors import InputError
from isthmus.core.view import TEXT
from isthmus.encoders.hf.families import CLS, LAST, MAX, MEAN, POOLS, Tower
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.torch_model import Tensor

_SAID = {
    "cls": CLS,
    "mean": MEAN,
    "max": MAX,
    "lasttoken": LAST,
    "pooling_mode_cls_token": CLS,
    "pooling_mode_mean_tokens": MEAN,
    "pooling_mode_max_tokens": MAX,
    "pooling_mode_lasttoken": LAST,
}
"""How sentence-transformers writes ours."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a vector is made of.

    Attributes:
        pool: How tokens are pooled; empty for the model's own way.
        layer: Which hidden layer, from 0 for the embeddings to the depth; None for the output.
    """

    pool: str = ""
    layer: int | None = None

    @property
    def own(self) -> bool:
        """Whether it is the model's own output."""
        return not self.pool and self.layer is None


def check_choice(name: str, tower: Tower, depth: int, pool: str, layer: int | None) -> Choice:
    """Check what a user asks for.

    Args:
        name: Of the encoder.
        tower: That is asked.
        depth: How many layers it has.
        pool: One of :data:`POOLS`, or empty.
        layer: From 0 to ``depth``, or from −1 for the last one down; None for the output.

    Raises:
        InputError: If there is no such layer or no such token.
    """
    may = [
        each
        for each in POOLS
        if (each != CLS or tower.prefix or tower.modality == TEXT)
        and (each != LAST or tower.modality == TEXT)
    ]
    if pool and pool not in may:
        raise InputError(f"{name}: pool must be one of {', '.join(may)}, got {pool!r}")
    if layer is None and not pool:
        return Choice()
    if not tower.layers:
        raise InputError(
            f"{name}: its layers are of different widths, so neither pool nor layer can be chosen"
        )
    if layer is not None and not -depth - 1 <= layer <= depth:
        raise InputError(f"{name}: layer must be 0 to {depth} or -1 to {-depth - 1}, got {layer}")
    return Choice(pool, layer if layer is None else layer % (depth + 1))


def own_pool(folder: Folder, tower: Tower) -> str:
    """How a model of texts pools: as sentence-transformers has noted it, else by the mean.

    Raises:
        InputError: If it is noted, and in no way that isthmus knows.
    """
    found = folder.json("1_Pooling/config.json") if tower.modality == TEXT else {}
    if not found or tower.output:
        return tower.pool
    modes = [key for key, on in found.items() if key.startswith("pooling_mode_") and on is True]
    modes = modes or [str(found.get("pooling_mode", ""))]
    if len(modes) != 1 or modes[0] not in _SAID:
        raise InputError(
            f"{folder.name}: pools by {' and '.join(modes)}; name one of {', '.join(POOLS)} by "
            "?pool=, or load it by st:"
        )
    return _SAID[modes[0]]


def pooled(output: Tensor, tower: Tower, choice: Choice, depth: int, counts: Tensor) -> Tensor:
    """Vectors ``(b, d)`` of what a model returned.

    Args:
        output: Of the model, with hidden states if a layer before the last is asked for.
        tower: Which model.
        choice: What is asked for.
        depth: How many layers it has.
        counts: Tokens of each item that count, ``(b,)``; None for all.

    Raises:
        TypeError: If the model returned something else than a release that is known does.
    """
    import torch

    if choice.own and tower.output:
        found = getattr(output, tower.output)
        if not isinstance(found, torch.Tensor):
            raise TypeError(f"{tower.model} returned a {type(found).__name__} as {tower.output}")
        return found
    if choice.layer in (None, depth):  # releases differ in what they call the last hidden state
        hidden = output.last_hidden_state
    else:
        hidden = output.hidden_states[choice.layer]
    return _pool(hidden, choice.pool or tower.pool, tower, counts)


def _pool(hidden: Tensor, pool: str, tower: Tower, counts: Tensor) -> Tensor:
    import torch

    if pool == CLS:
        return hidden[:, 0]
    hidden = hidden[:, tower.prefix :]
    tokens = hidden.shape[1]
    if counts is None:
        counts = torch.full((hidden.shape[0],), tokens, device=hidden.device)
    if pool == LAST:
        return hidden[torch.arange(hidden.shape[0], device=hidden.device), counts - 1]
    real = (torch.arange(tokens, device=hidden.device)[None] < counts[:, None])[..., None]
    if pool == MAX:
        return hidden.masked_fill(~real, -torch.inf).amax(dim=1)
    sums = (hidden * real).sum(dim=1, dtype=torch.float32)  # in float16 it could overflow
    return (sums / counts[:, None]).to(hidden.dtype)
