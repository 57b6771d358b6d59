"""What the folder of a sentence-transformers model says of it, before any weight is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from isthmus.core.errors import ArtifactError, InputError, MissingDataError, UntrustedError
from isthmus.core.reading import read_json
from isthmus.core.view import AUDIO, IMAGE, MEDIA_MODALITIES, TEXT, VIDEO
from isthmus.encoders.hf.files import Folder
from isthmus.encoders.strangers import check_config, check_whole

MODULES = "modules.json"
_EXPORTS = {"onnx", "openvino"}
_INDEXES = (".safetensors.index.json", ".bin.index.json")
SETTINGS = "config_sentence_transformers.json"
_BERT = "sentence_bert_config.json"
_METHOD = re.compile(r"forward|get_[a-z]+_features")
"""What may be called of a transformer."""
_OWN = "sentence_transformers."
_TRANSFORMERS = ("Transformer", "CLIPModel")
_ROUTERS = ("Router", "Asym")
_WEIGHTY = (*_TRANSFORMERS, "Dense", "StaticEmbedding", "WordEmbeddings", "LSTM", "CNN")
"""Modules that have weights of their own."""
_KEEP_WIDTH = ("Normalize", "Dropout", "LayerNorm", "WeightedLayerPooling")
"""Modules whose output is as wide as their input."""
_READERS = {
    TEXT: ("tokenizer", "tokenizer_class"),
    IMAGE: ("image_processor", "image_processor_type"),
    AUDIO: ("feature_extractor", "feature_extractor_type"),
    VIDEO: ("video_processor", "video_processor_type"),
}
"""The part of a processor that reads a modality, and the field that names its class."""
_OLD_IMAGE = "CLIP", "ViT", "Siglip", "Bit"
"""Feature extractors of old releases that read images begin so."""
_JOINT = ("clip", "siglip", "siglip2", "clap", "chinese_clip", "align", "altclip", "blip-2")


@dataclass(frozen=True, slots=True)
class _Module:
    """One step of the model: its class and the folder of its files."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class SentenceFiles(Folder):
    """Where a model of sentence-transformers lies: each of its modules may have a folder."""

    CONFIGS: ClassVar[tuple[str, ...]] = (MODULES, "config.json")
    WEIGHTS: ClassVar[tuple[str, ...]] = (
        "*.safetensors",
        "*/pytorch_model.bin",  # of a last layer, in repositories that were converted by halves
        "*pytorch_model*.bin",
    )

    def weights(self) -> list[Path]:
        """Files of weights in any folder: safetensors, and ``.bin`` where a folder has no other.

        Raises:
            MissingDataError: If a module that needs weights has none.
            ArtifactError: If an index names files elsewhere, which the library would open.
        """
        every = self.files()
        for index in (each for each in every if each.name.endswith(_INDEXES)):
            self.shards(str(index.relative_to(self.path)))
        found = [path for path in every if path.suffix == ".safetensors"]
        covered = {path.parent for path in found}
        found += [
            path
            for path in every
            if path.name.startswith("pytorch_model")
            and path.suffix == ".bin"
            and path.parent not in covered
        ]
        covered = {path.parent for path in found}
        for kind, path in listed_modules(self):
            if kind in _WEIGHTY and self.path / path not in covered:
                raise MissingDataError(f"{self.name}: there are no weights in {self.path / path}")
        return found

    def files(self) -> list[Path]:
        """All files but those of exports to other run times."""
        return [
            path
            for path in self.path.rglob("*")
            if path.is_file() and not _EXPORTS & set(path.relative_to(self.path).parts)
        ]


class SentenceFolder:
    """The modules of a model, what they read and how wide their vectors are.

    Args:
        folder: Where it is.
        trust: Whether code that comes with it may run.

    Raises:
        ArtifactError: If a file is damaged.
        UntrustedError: If it needs code of its own and that is not trusted.
        InputError: If it is a model of another kind, such as a cross-encoder.
    """

    def __init__(self, folder: Folder, *, trust: bool) -> None:
        self.folder = folder
        self.settings = folder.json(SETTINGS)
        kind = self.settings.get("model_type", "SentenceTransformer")
        if kind != "SentenceTransformer":
            raise InputError(
                f"{folder.name} is a {kind}, which gives no single vector; need a "
                "SentenceTransformer"
            )
        self._modules = [_Module(kind, path) for kind, path in listed_modules(folder, trust=trust)]
        self._check()

    def _check(self) -> None:
        """Refuse settings that no model can have, or that call more than a model of it."""
        name, cut = self.folder.name, self.settings.get("truncate_dim")
        if cut is not None:
            check_whole(name, cut, 1, 2**20, f"{SETTINGS} says truncate_dim")
        for path in sorted(self.folder.path.rglob("*.json")):
            file = str(path.relative_to(self.folder.path))
            if path.name == "config.json":
                check_config(name, self.folder.json(file), file)
            if path.name == _BERT:
                ways = self.folder.json(file).get("modality_config") or {}
                if not isinstance(ways, dict):
                    raise ArtifactError(f"{name}: {file} has no object as modality_config")
                for way in ways.values():
                    method = way.get("method") if isinstance(way, dict) else way
                    if not isinstance(method, str) or not _METHOD.fullmatch(method):
                        raise ArtifactError(
                            f"{name}: {file} calls {method!r:.60}, which makes no vectors"
                        )

    @property
    def plain(self) -> bool:
        """Whether its first step takes texts only as they are: none of them opens a file."""
        return self.modalities == (TEXT,)

    @cached_property  # it is asked for with every text
    def modalities(self) -> tuple[str, ...]:
        """What it reads, in the order text, image, audio, video."""
        found = self._reads(self._modules[0])
        return tuple(each for each in MEDIA_MODALITIES if each in found)

    @property
    def prompts(self) -> Mapping[str, str]:
        """Its own prompts by name, those that are not empty."""
        given = self.settings.get("prompts") or {}
        return {str(name): text for name, text in given.items() if isinstance(text, str) and text}

    def dim(self, modality: str, truncated: int | None) -> int | None:
        """Length of its vectors; None where the files do not tell it."""
        cut = truncated or self.settings.get("truncate_dim")
        width = self._width(self._modules, modality)
        return min(width, int(cut)) if width and cut else width

    def config(self, modality: str) -> dict[str, Any]:
        """The configuration of the transformer that reads a modality; empty where there is none."""
        first = self._first(modality)
        return self.folder.json(_inside(first.path, "config.json")) if first else {}

    def sound(self) -> Mapping[str, Any]:
        """How sounds are prepared."""
        first = self._first(AUDIO)
        return self._processor(first.path, AUDIO) if first else {}

    def weights_beside(self, modality: str) -> str:
        """The folder, below that of the model, of the transformer that reads a modality."""
        first = self._first(modality)
        return first.path if first else ""

    def _reads(self, module: _Module) -> set[str]:
        if module.kind in _ROUTERS:
            return set().union(*(self._reads(route[0]) for route in self._routes(module)))
        if module.kind == "CLIPModel":
            return {TEXT, IMAGE}
        if module.kind != "Transformer":
            return {TEXT}
        own = self._own(module).get("modality_config")
        if isinstance(own, dict):
            return set(own) & set(MEDIA_MODALITIES)
        return self._by_processor(module)

    def _by_processor(self, module: _Module) -> set[str]:
        """What the files of its processor say, as saved before modalities were."""
        tokenizers = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
        found = {each for each in (IMAGE, AUDIO, VIDEO) if self._processor(module.path, each)}
        if any(self.folder.has(_inside(module.path, file)) for file in tokenizers):
            model = str(self.folder.json(_inside(module.path, "config.json")).get("model_type", ""))
            if not found or model in _JOINT:
                found.add(TEXT)
        return found or {TEXT}

    def _processor(self, path: str, modality: str) -> Mapping[str, Any]:
        """The settings of the part of a processor that reads a modality; empty for none."""
        part, field = _READERS[modality]
        whole = self.folder.json(_inside(path, "processor_config.json")).get(part)
        if isinstance(whole, dict):
            return whole
        file = "video_preprocessor_config.json" if modality == VIDEO else "preprocessor_config.json"
        old = self.folder.json(_inside(path, file))
        if field in old:
            named = str(old[field])
            pictures = named.startswith(_OLD_IMAGE) and modality == AUDIO
            return {} if pictures else old
        named = str(old.get("feature_extractor_type", ""))
        return old if modality == IMAGE and named.startswith(_OLD_IMAGE) else {}

    def _first(self, modality: str) -> _Module | None:
        """The transformer that reads a modality."""
        first = self._modules[0]
        if first.kind in _ROUTERS:
            first = self._route(first, modality)[0]
        return first if first.kind in _TRANSFORMERS else None

    def _route(self, module: _Module, modality: str) -> list[_Module]:
        """The steps that a modality takes; for several tasks, those of the first."""
        routes = self._routes(module)
        return next((steps for steps in routes if modality in self._reads(steps[0])), routes[0])

    def _routes(self, module: _Module) -> list[list[_Module]]:
        config = self.folder.json(_inside(module.path, "router_config.json"))
        types, structure = config.get("types", {}), config.get("structure", {})
        routes = list(structure.values()) if isinstance(structure, dict) else []
        if not routes or not isinstance(types, dict):
            raise ArtifactError(f"{self.folder.name}: its router names no routes")
        for steps in routes:
            known = (
                isinstance(steps, list)
                and steps
                and all(
                    isinstance(step, str) and step in types and ".." not in step for step in steps
                )
            )
            if not known:
                raise ArtifactError(
                    f"{self.folder.name}: a route of its router is {steps!r:.60}, which are no "
                    "steps that have a type"
                )
        return [
            [
                _Module(str(types[step]).rpartition(".")[2], _inside(module.path, step))
                for step in steps
            ]
            for steps in routes
        ]

    def _width(self, modules: Sequence[_Module], modality: str) -> int | None:
        """How wide the last module is that changes it."""
        for module in reversed(modules):
            if module.kind in _KEEP_WIDTH:
                continue
            config = self.folder.json(_inside(module.path, "config.json"))
            if module.kind == "Dense":
                return _number(config.get("out_features"))
            if module.kind == "Pooling":
                return _pooled(config)
            if module.kind in _ROUTERS:
                return self._width(self._route(module, modality), modality)
            if module.kind in _TRANSFORMERS:
                return self._transformer_width(module, config, alone=len(modules) == 1)
            return None
        return None

    def _transformer_width(
        self, module: _Module, config: Mapping[str, Any], *, alone: bool
    ) -> int | None:
        output = self._own(module).get("module_output_name", "token_embeddings")
        if module.kind == "CLIPModel" or output == "sentence_embedding":
            return _number(config.get("projection_dim") or config.get("hidden_size"))
        whole = alone and not self.folder.has(MODULES)
        return _number(config.get("hidden_size")) if whole else None

    def _own(self, module: _Module) -> dict[str, Any]:
        return self.folder.json(_inside(module.path, _BERT))


def listed_modules(folder: Folder, *, trust: bool = True) -> list[tuple[str, str]]:
    """The class and the folder of each module; those of a plain transformer where none is listed.

    Args:
        folder: Where the model is.
        trust: Whether code that comes with it may run.

    Raises:
        ArtifactError: If the list is damaged.
        UntrustedError: If a module is code of the model's and that is not trusted.
    """
    if not folder.has(MODULES):  # it gets the mean of its tokens
        return [("Transformer", "")]
    listed = read_json((folder.path / MODULES).resolve(), foreign=True)
    if not isinstance(listed, list) or not listed or not all(isinstance(m, dict) for m in listed):
        raise ArtifactError(f"{folder.name}: {MODULES} holds no list of modules")
    found = []
    for each in listed:
        kind, path = str(each.get("type", "")), str(each.get("path", ""))
        if not kind.startswith(_OWN) and not trust:
            raise untrusted(folder.name, kind)
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ArtifactError(f"{folder.name}: {MODULES} names a folder outside: {path!r:.80}")
        found.append((kind.rpartition(".")[2], path))
    return found


def untrusted(name: str, code: str) -> UntrustedError:
    """What to say of a model that needs code of its own."""
    return UntrustedError(
        f"{name}: runs code that comes with it ({code:.80}), so nothing was loaded. If you have "
        "read that code and trust it, add ?trust_remote_code=true"
    )


def _pooled(config: Mapping[str, Any]) -> int | None:
    """Width of a pooling: as wide as a token, once for each of its ways."""
    width = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    ways = config.get("pooling_mode")
    if ways is None:
        count = sum(bool(on) for name, on in config.items() if name.startswith("pooling_mode_"))
    else:
        count = 1 if isinstance(ways, str) else len(ways)
    return _number(width * max(1, count)) if isinstance(width, int) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _inside(path: str, file: str) -> str:
    return f"{path}/{file}" if path else file
