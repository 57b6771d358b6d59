"""What the files of a model may say, and one error for all that a library makes of them.

Anyone can put a model on a hub. Its settings are checked before a library reads them, since some
of them would fill the memory or never end; what is left becomes an error that names the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isthmus.core.errors import ArtifactError, IsthmusError

_WIDEST, _DEEPEST, LARGEST = 2**20, 1024, 8192
"""Channels of a token, layers of a model, and pixels of the side of a picture at most."""
_RANGES: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("hidden_size", "dim", "d_model"), (1, _WIDEST)),
    "projection_dim": (0, _WIDEST),
    **dict.fromkeys(("intermediate_size", "hidden_dim"), (1, _WIDEST)),
    "max_position_embeddings": (1, 2**24),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "embedding_size"), (1, _WIDEST)),
    **dict.fromkeys(("num_hidden_layers", "n_layers"), (1, _DEEPEST)),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), (1, _DEEPEST)),
    **dict.fromkeys(("num_attention_heads", "n_heads"), (1, _DEEPEST)),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), (1, _DEEPEST)),
    **dict.fromkeys(("image_size", "patch_size"), (1, LARGEST)),
    **dict.fromkeys(("num_frames", "tubelet_size"), (1, LARGEST)),
    "num_register_tokens": (0, _DEEPEST),
    "vocab_size": (1, 2**24),
}
_SEVERAL = ("image_size", "patch_size", "num_attention_heads", "intermediate_size")
"""Of these there may be a list: one for each side, or for each stage of a model."""
_SECTIONS = ("text_config", "vision_config", "audio_config")


def check_config(name: str, config: Mapping[str, Any], file: str = "config.json") -> None:
    """Refuse the configuration of a transformer that no model can have.

    Args:
        name: Of the encoder.
        config: What the file holds.
        file: For messages.

    Raises:
        ArtifactError: If a size is no whole number of its range, or a section is none.
    """
    kind = config.get("model_type")
    if kind is not None and not isinstance(kind, str):
        raise ArtifactError(f"{name}: {file} says model_type={kind!r:.60}, which is no name")
    for key, (least, most) in _RANGES.items():
        found = config.get(key)
        several = found if isinstance(found, list) and key in _SEVERAL else [found]
        for each in several:
            if each is not None:
                check_whole(name, each, least, most, f"{file} says {key}")
    for section in (*_SECTIONS, *(f"{each}_dict" for each in _SECTIONS)):
        inner = config.get(section)
        if isinstance(inner, Mapping):
            check_config(name, inner, file)
        elif inner is not None:
            raise ArtifactError(f"{name}: {file} says {section}={inner!r:.60}, which is no section")


def check_whole(name: str, value: object, least: int, most: int, what: str) -> int:
    """A whole number of a range.

    Args:
        name: Of the encoder.
        value: What a file says.
        least: Of the range.
        most: Of the range.
        what: The start of the message.

    Raises:
        ArtifactError: If it is none.
    """
    if type(value) is not int or not least <= value <= most:
        raise ArtifactError(
            f"{name}: {what}={value!r:.60}; need a whole number from {least} to {most}"
        )
    return value


@contextmanager
def strange(name: str) -> Iterator[None]:
    """While a library works with the files of a model: what it raises is an error of that model.

    Args:
        name: Of the encoder.

    Raises:
        ArtifactError: In place of anything but errors of isthmus, a lack of memory, and an
            interruption.
    """
    try:
        yield
    except (IsthmusError, MemoryError):
        raise
    except BaseException as error:
        # A file of any content: each library has its own errors. That of code in Rust, such as
        # tokenizers, is no Exception, so that it is known by its name alone.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ArtifactError(
            f"{name} cannot be used: its files are damaged or do not fit together "
            f"({said[:200] or type(error).__name__})"
        ) from error
