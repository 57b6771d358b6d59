"""Where the files of a model are: a folder, or the cache of the Hugging Face hub.

A name is looked up without ``huggingface_hub``, whose import takes as long as decoding a hundred
pictures, since every child that prepares items asks. Its cache has a documented layout:
``models--ORG--NAME/refs/REVISION`` holds a commit, and ``snapshots/COMMIT`` the files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.extras import require
from isthmus.core.paths import expanded, why_missing
from isthmus.core.reading import read_json
from isthmus.encoders.base import file_hash, offline

CONFIG = "config.json"
_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SMALL = ("README.md", "*.json", "*.txt", "*.model", "*.py")
_ELSEWHERE = ("onnx/*", "openvino/*", "*/onnx/*", "original/*")
READ = (".json", ".txt", ".model", ".py", ".safetensors", ".bin")
"""Endings of the files that change what a model does."""
_HEAVY = (".safetensors", ".bin")
INDEX = ".index.json"
"""Ending of a file that says which weights are in which of several files."""
_SHARD = re.compile(r"[\w-][\w.-]{0,200}\.(safetensors|bin)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a model on this machine.

    Attributes:
        name: As the user wrote it, with its scheme: ``"hf:intfloat/e5-small"``.
        path: Of the folder.
        commit: The revision of the hub that it holds; empty for a folder of the user's.
    """

    CONFIGS: ClassVar[tuple[str, ...]] = (CONFIG,)
    """One of these files each such model has."""
    WEIGHTS: ClassVar[tuple[str, ...]] = ("*.safetensors", "pytorch_model*.bin")
    """What is fetched of its weights: these, or where that does not make it whole, the next."""

    name: str
    path: Path
    commit: str = ""

    @property
    def is_model(self) -> bool:
        """Whether one of :data:`CONFIGS` is there."""
        return any(map(self.has, self.CONFIGS))

    def json(self, file: str) -> dict[str, Any]:
        """What a file of the model's holds; empty where there is none.

        Raises:
            ArtifactError: If it is damaged.
        """
        try:
            # The hub's cache is of links.
            found = read_json((self.path / file).resolve(), foreign=True)
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict):
            raise ArtifactError(f"{self.name}: {file} holds no JSON object")
        return found

    def has(self, file: str) -> bool:
        """Whether there is such a file."""
        return (self.path / file).is_file()

    def weights(self) -> list[Path]:
        """Files of weights: safetensors, or where there are none, ``.bin``.

        Raises:
            MissingDataError: If there are none.
        """
        for stem, ending in (("model", ".safetensors"), ("pytorch_model", ".bin")):
            if self.has(f"{stem}{ending}"):
                return [self.path / f"{stem}{ending}"]
            if self.has(f"{stem}{ending}{INDEX}"):
                names = self.shards(f"{stem}{ending}{INDEX}")
                if missing := [name for name in names if not self.has(name)]:
                    raise MissingDataError(f"{self.name}: {self.path / missing[0]} is missing")
                return [self.path / name for name in names]
        raise MissingDataError(
            f"{self.name}: there is no model.safetensors and no pytorch_model.bin in {self.path}"
        )

    def shards(self, file: str) -> list[str]:
        """The files of weights that an index names, all of them beside it.

        Raises:
            ArtifactError: If it names anything else; nothing of that is opened.
        """
        found = self.json(file).get("weight_map")
        names = list(found.values()) if isinstance(found, dict) else []
        if not names:
            raise ArtifactError(f"{self.name}: {file} names no files of weights")
        for name in names:
            if not isinstance(name, str) or not _SHARD.fullmatch(name):
                raise ArtifactError(
                    f"{self.name}: {file} names {name!r:.80}, which is no file of weights beside it"
                )
        return sorted(set(names))

    def identity(self) -> str:
        """Names the content: the commit, or hashes of the files that the model is read from."""
        if self.commit:
            return self.commit
        used = set(self.weights())
        hashes = {
            str(path.relative_to(self.path)): file_hash(path)
            for path in sorted({*self.files(), *used})
            if path.is_file()
            and (path in used or (path.suffix in READ and path.suffix not in _HEAVY))
        }
        return fingerprint({"files": hashes})

    def files(self) -> list[Path]:
        """What may lie beside the weights and change what the model does."""
        return [*self.path.iterdir(), *self.path.glob("*_Pooling/config.json")]


def open_folder(
    scheme: str,
    name: str,
    revision: str = "",
    *,
    weights: bool = True,
    kind: type[Folder] = Folder,
) -> Folder:
    """Find a model on this machine; fetch it if it is not there and may be fetched.

    Args:
        scheme: For messages: ``"hf"``.
        name: A folder, or ``ORG/NAME`` on the hub.
        revision: Of the hub: a branch, a tag or a commit; default: ``main``.
        weights: Whether the weights are needed, too.
        kind: What files the models of the scheme have.

    Raises:
        InputError: If it is neither.
        MissingDataError: If there is no such folder; or it is not in the hub's cache, and nothing
            may be fetched or fetching it failed.
    """
    called = f"{scheme}:{name}"
    folder = expanded(name)
    if _is_path(name) or kind(called, folder).is_model:
        if not folder.is_dir():
            raise MissingDataError(f"{called}: there is no such folder.{why_missing(name)}")
        if revision:
            raise InputError(f"{called}: a folder has no revision; leave out revision={revision}")
        found = kind(called, folder)
    else:
        if not _REPOSITORY.fullmatch(name):
            raise InputError(
                f"{called}: need a folder, or a name on the Hugging Face hub such as "
                f"{scheme}:openai/clip-vit-base-patch32"
            )
        cached = _cached(called, name, revision or "main", kind)
        if cached is None or (weights and not _complete(cached)):
            wanted = cached.commit if cached else revision
            cached = _fetched(called, name, wanted, kind, weights=weights)
        found = cached
    if not found.is_model:
        need = " and no ".join(kind.CONFIGS)
        raise MissingDataError(f"{called}: there is no {need} in {found.path}")
    if weights:
        found.weights()
    return found


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def hub_cache() -> Path:
    """Where the Hugging Face hub keeps what it fetched, by its own variables."""
    for variable, below in (
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ):
        if chosen := os.environ.get(variable):
            return expanded(chosen) / below
    return expanded("~/.cache/huggingface/hub")


def _cached(called: str, name: str, revision: str, kind: type[Folder]) -> Folder | None:
    """What the hub's cache holds of a model; None if it is not there."""
    place = hub_cache() / f"models--{name.replace('/', '--')}"
    commit = revision
    if not _COMMIT.fullmatch(revision):
        reference = place / "refs" / revision
        if not reference.is_file():
            return None
        commit = reference.read_text().strip()
    found = kind(called, place / "snapshots" / commit, commit)
    return found if found.is_model else None


def _complete(folder: Folder) -> bool:
    try:
        folder.weights()
    except MissingDataError:
        return False
    return True


def _fetched(called: str, name: str, revision: str, kind: type[Folder], *, weights: bool) -> Folder:
    """Fetch a model: its small files and, if they are needed, its weights."""
    if offline():
        raise MissingDataError(
            f"{called} is not in {hub_cache()}, and nothing is fetched while offline; fetch it "
            "with a connection, or name a folder"
        )
    hub = require("huggingface_hub", extra="hf", purpose=f"fetching {called}")
    errors = require("huggingface_hub.errors", extra="hf", purpose=f"fetching {called}")

    def snapshot(*patterns: str) -> Folder:
        path = Path(
            hub.snapshot_download(
                name,
                revision=revision or None,
                allow_patterns=list(patterns),
                ignore_patterns=list(_ELSEWHERE),
            )
        )
        return kind(called, path, path.name)

    try:
        found = snapshot(*_SMALL)
        for pattern in kind.WEIGHTS if weights else ():
            if not _complete(found):
                found = snapshot(*_SMALL, pattern)
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise MissingDataError(
            f"{called} is not on this machine, and cannot be fetched: {reason}"
        ) from error
    return found


def image_settings(folder: Folder) -> Mapping[str, Any]:
    """How pictures or frames are prepared, wherever a release of transformers wrote it."""
    return (
        folder.json("preprocessor_config.json")
        or folder.json("video_preprocessor_config.json")
        or _inside(folder, "image_processor", "video_processor")
    )


def sound_settings(folder: Folder) -> Mapping[str, Any]:
    """How sounds are prepared."""
    return folder.json("preprocessor_config.json") or _inside(folder, "feature_extractor")


def _inside(folder: Folder, *names: str) -> Mapping[str, Any]:
    whole = folder.json("processor_config.json")
    return next((whole[name] for name in names if isinstance(whole.get(name), dict)), {})
