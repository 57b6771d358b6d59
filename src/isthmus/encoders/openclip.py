"""``openclip:``: models of OpenCLIP, by their own names, of a folder or of the Hugging Face hub.

Cherti et al., "Reproducible Scaling Laws for Contrastive Language-Image Learning", CVPR 2023.
Each name with its ``pretrained`` tag stands for a repository on the hub.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash, fingerprint
from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paths import cache_dir
from isthmus.core.view import IMAGE, TEXT
from isthmus.core.wording import did_you_mean
from isthmus.encoders.base import (
    check_captions,
    check_image,
    modality_among,
    offline,
    pool_captions,
)
from isthmus.encoders.framing import Framing, Mode
from isthmus.encoders.hf.files import Folder, open_folder
from isthmus.encoders.hf.weights import scalar
from isthmus.encoders.parts import Parts
from isthmus.encoders.torch_model import (
    Module,
    Running,
    Tensor,
    TorchModel,
    check_running,
    transformer_memory,
)
from isthmus.encoders.vision import require_vision
from isthmus.encoders.windows import A_TOKEN, window_for
from isthmus.encoders.words import text_parts

EXTRA = "openclip"
CONFIG = "open_clip_config.json"
_MODES: Mapping[str, Mode] = {"shortest": "center", "longest": "border", "squash": "squash"}
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Means and deviations of colours where the configuration names none."""
_CONTEXT, _WIDTH, _PATCH, _HEAD = 77, 768, 16, 64
"""OpenCLIP's own numbers of tokens, channels, pixels a patch and channels a head."""
_PREFERRED = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
"""Which of several files of weights OpenCLIP reads."""


@dataclass(frozen=True, slots=True)
class OpenClipFiles(Folder):
    """Where a model of OpenCLIP lies."""

    CONFIGS: ClassVar[tuple[str, ...]] = (CONFIG,)
    WEIGHTS: ClassVar[tuple[str, ...]] = ("open_clip*.safetensors", "open_clip*.bin", "*.bin")

    def weights(self) -> list[Path]:
        """The one file that OpenCLIP reads.

        Raises:
            MissingDataError: If there is none.
        """
        if known := next((name for name in _PREFERRED if self.has(name)), None):
            return [self.path / known]
        endings = (".safetensors", ".bin", ".pth")
        others = [path for path in self.path.iterdir() if path.suffix in endings]
        if not others:
            raise MissingDataError(f"{self.name}: there are no weights in {self.path}")
        return [min(others, key=lambda path: (path.suffix != ".safetensors", path))]


def modalities(name: str, **_: object) -> tuple[str, ...]:
    """Models of OpenCLIP read texts and images."""
    return (TEXT, IMAGE)


def load(
    name: str,
    *,
    modality: str | None = None,
    pretrained: str = "",
    prompt: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
    threads: int | None = None,
    batch_size: int = 0,
    revision: str = "",
) -> OpenClipEncoder:
    """The encoder of one tower of a model of OpenCLIP.

    Args:
        name: ``"ViT-B-32"`` with ``pretrained``, ``ORG/NAME`` on the hub, or a folder that holds
            ``open_clip_config.json``; what OpenCLIP writes before them, ``hf-hub:`` and
            ``local-dir:``, may stand there, too.
        modality: ``"text"`` or ``"image"``.
        pretrained: The tag of the weights, for a name of OpenCLIP's own.
        prompt: Put before every text, such as ``"a photo of "``.
        device: See :data:`isthmus.encoders.torch_device.DEVICES`.
        dtype: See :data:`isthmus.encoders.torch_model.DTYPES`.
        threads: Of torch; default: as it is.
        batch_size: Items a batch; 0 for as many as the memory has room for.
        revision: A branch, a tag or a commit of the hub; its commit is in the fingerprint.

    Raises:
        InputError: If an option fits not, or no modality is named.
        MissingDataError: If the model is not here and cannot be fetched.
        MissingExtraError: If OpenCLIP is needed to tell what the name means and is not installed.
    """
    called = f"openclip:{name}"
    running = check_running(
        called, device=device, dtype=dtype, threads=threads, batch_size=batch_size, extra=EXTRA
    )
    reads = modality_among(called, (TEXT, IMAGE), modality)
    if prompt is not None and reads != TEXT:
        raise InputError(f"{called}: a prompt stands before texts, and this reads {reads}")
    folder = _open(name, pretrained, revision)
    return OpenClipEncoder(called, folder, reads, running, pretrained, prompt or "")


class OpenClipEncoder:
    """One tower of a model of OpenCLIP; :func:`load` makes it. All vectors are of unit length."""

    languages: tuple[str, ...] = ()

    def __init__(
        self,
        called: str,
        folder: Folder,
        modality: str,
        running: Running,
        pretrained: str,
        prompt: str,
    ) -> None:
        self.id = called
        self.modality = modality
        self.folder: Path | None = folder.path
        self.dtype = running.dtype
        self.window = window_for(modality, A_TOKEN * _CONTEXT)
        self._files, self._running = folder, running
        self._pretrained, self._prompt = pretrained, prompt
        config = folder.json(CONFIG)
        self._config = config.get("model_cfg", config)
        dim = self._config.get("embed_dim")
        if not isinstance(dim, int) or dim < 1:
            raise ArtifactError(f"{called}: its {CONFIG} names no embed_dim")
        self.dim = dim
        self._framing = _framing(self._config, config.get("preprocess_cfg", {}), called)
        self.image_side = self._framing.image_side if modality == IMAGE else None
        whole = {"scheme": "openclip", "files": folder.identity(), "dtype": running.dtype}
        self.joint = fingerprint(whole)
        pixels = {"pixels": self._framing.describe(), "side": self.image_side}
        inputs = pixels if modality == IMAGE else {"prompt": prompt}
        self.fingerprint = fingerprint({**whole, "modality": modality, **inputs, "version": 1})
        self._model = _shared(folder, whole["files"], running)
        self._tokenizer: Any = None

    @property
    def batch_size(self) -> int:
        """Items that it is handed at a time."""
        return self._model.at_a_time(self.modality, 32)

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._model.device

    @cached_property
    def logit_scale(self) -> float:
        """By what the model multiplies cosines."""
        found = scalar(self._files, "logit_scale")
        return 1.0 if found is None else math.exp(found)

    @cached_property
    def logit_bias(self) -> float:
        """What it then adds."""
        return scalar(self._files, "logit_bias") or 0.0

    def options(self) -> dict[str, Any]:
        """What :func:`load` needs to make it again."""
        return {
            "modality": self.modality,
            **({"pretrained": self._pretrained} if self._pretrained else {}),
            **({"prompt": self._prompt} if self._prompt else {}),
            **self._running.options(),
            **({"revision": self._files.commit} if self._files.commit else {}),
        }

    def prepare(self, decoded: object) -> Any:
        """Captions, or pixels ``(height, width, 3)`` uint8."""
        if self.modality == TEXT:
            return check_captions(decoded, self.id)
        return self._framing.prepare(check_image(decoded, self.id))

    def encode(self, batch: Sequence[Any]) -> F32:
        """Unit vectors ``(len(batch), dim)`` float32."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        if self.modality == TEXT:
            return pool_captions(batch, self._texts)
        height, width = self._framing.size
        sizes = self._config.get("vision_cfg", {})
        patch = sizes.get("patch_size") or _PATCH
        return self._run(batch, self._images, height * width // patch**2, sizes)

    def split(self, decoded: object) -> Parts:
        """Words of a caption; see :func:`isthmus.encoders.words.text_parts`."""
        return text_parts(self, decoded)

    def _texts(self, texts: list[str]) -> F32:
        sizes = self._config.get("text_cfg", {})
        return self._run(texts, self._captions, sizes.get("context_length", _CONTEXT), sizes)

    def _run(self, items: Sequence[Any], forward: Any, tokens: int, sizes: Any) -> F32:
        width = sizes.get("width", _WIDTH)
        width = width if isinstance(width, int) else _WIDTH  # a ResNet names no number
        found = self._model.vectors(
            items,
            forward,
            dim=self.dim,
            length=lambda _: tokens,
            memory=transformer_memory(width, max(1, width // _HEAD)),
        )
        return l2_normalize(found)

    def _images(self, model: Module, batch: list[NDArray[np.uint8]]) -> Tensor:
        return model.encode_image(self._model.pixels(batch, self._framing))

    def _captions(self, model: Module, batch: list[str]) -> Tensor:
        if self._tokenizer is None:
            with _reading(self._files):
                import open_clip

                self._tokenizer = open_clip.get_tokenizer(f"local-dir:{self._files.path}")
        tokens = self._tokenizer([self._prompt + text for text in batch])
        return model.encode_text(tokens.to(self._model.device))


@lru_cache(maxsize=8)
def _shared(folder: Folder, identity: str, running: Running) -> TorchModel:
    """The model of a folder of this content, once for both of its towers."""

    def read() -> Module:
        require_vision(folder.name, EXTRA, "open_clip")
        import open_clip

        with _reading(folder):
            return open_clip.create_model(f"local-dir:{folder.path}", require_pretrained=True)

    return TorchModel(folder.name, read, running, extra=EXTRA)


@contextmanager
def _reading(folder: Folder) -> Iterator[None]:
    """One line of what went wrong; where nothing may be fetched, the hub's library fetches nothing.

    A text tower of transformers may take its shape or its tokenizer from another repository.
    """
    constants = sys.modules.get("huggingface_hub.constants")
    before = getattr(constants, "HF_HUB_OFFLINE", False)
    try:
        if constants is not None and offline():
            vars(constants)["HF_HUB_OFFLINE"] = True
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, ImportError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArtifactError(
            f"{folder.name} cannot be read from {folder.path}: {said:.300}"
        ) from error
    finally:
        if constants is not None:
            vars(constants)["HF_HUB_OFFLINE"] = before


def _open(name: str, pretrained: str, revision: str) -> Folder:
    bare = name.removeprefix("local-dir:").removeprefix("hf-hub:")
    known = bare != name or "/" in bare or bare.startswith(("~", ".")) or Path(bare).is_dir()
    if known and pretrained:
        raise InputError(
            f"openclip:{name} has weights of its own; leave out pretrained={pretrained}"
        )
    if name.startswith("local-dir:") and not bare.startswith(("/", "~", ".")):
        bare = f"./{bare}"
    if not known:
        bare = _repository(name, pretrained)
    return open_folder("openclip", bare, revision, kind=OpenClipFiles)


def _repository(name: str, tag: str) -> str:
    """The hub's name for one of OpenCLIP's own; kept, so that children need not import it."""
    try:
        release = version("open-clip-torch")
    except PackageNotFoundError:
        release = ""
    named = content_hash(f"{release}|{name}|{tag}".encode())
    kept = cache_dir() / "openclip" / named
    with suppress(OSError):
        if known := kept.read_text(encoding="utf-8"):
            return known
    found = _asked(name, tag)
    with suppress(OSError):  # a cache that cannot be written
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(found, encoding="utf-8")
    return found


def _asked(name: str, tag: str) -> str:
    require_vision(f"openclip:{name}", EXTRA, "open_clip")
    from open_clip import pretrained

    tags = pretrained.list_pretrained_tags_by_model(name)
    if not tags:
        models = sorted({model for model, _ in pretrained.list_pretrained()})
        raise InputError(
            f"OpenCLIP has no model {name!r}.{did_you_mean(name, models)} Name one of its models "
            "with ?pretrained=TAG, a folder, or ORG/NAME on the hub"
        )
    place = pretrained.get_pretrained_cfg(name, tag).get("hf_hub", "") if tag else ""
    if not place:
        lacks = f"has no weights {tag!r}.{did_you_mean(tag, tags)}" if tag else "needs a tag."
        raise InputError(
            f"openclip:{name} {lacks} Add ?pretrained=TAG with one of: {', '.join(tags)}"
        )
    return str(place).rpartition("/")[0]


def _framing(config: Mapping[str, Any], own: Mapping[str, Any], called: str) -> Framing:
    """What ``open_clip.image_transform_v2`` does when nothing is trained."""
    side = config.get("vision_cfg", {}).get("image_size", own.get("size", 224))
    try:
        height, width = (side, side) if isinstance(side, int) else side
        fill = int(own.get("fill_color") or 0)
        return Framing(
            size=(int(height), int(width)),
            scale=(int(height), int(width)),
            mode=_MODES[own.get("resize_mode") or "shortest"],
            resample="bilinear" if own.get("interpolation") == "bilinear" else "bicubic",
            mean=tuple(map(float, own.get("mean") or _CLIP[0])),
            std=tuple(map(float, own.get("std") or _CLIP[1])),
            fill=(fill, fill, fill),
            ratio_resample="bicubic",
        )
    except InputError as error:
        raise InputError(f"{called}: {error}") from error
    except (TypeError, ValueError, KeyError) as error:
        raise ArtifactError(f"{called}: its {CONFIG} says nothing usable of pictures") from error
