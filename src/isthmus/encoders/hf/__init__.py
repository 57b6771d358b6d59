"""Models of the library transformers, by a name on the Hugging Face hub or a folder: ``hf:``.

CLIP, SigLIP, SigLIP 2, CLAP; BERT, RoBERTa, XLM-R, DistilBERT, MPNet and their like, E5 and BGE
among them; ViT, DeiT, DINOv2, DINOv3; Whisper, wav2vec 2, HuBERT, WavLM, AST; VideoMAE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from isthmus.core.errors import InputError
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders.hf.encoder import HfEncoder
from isthmus.encoders.hf.families import FAMILIES, REMOTE, Tower
from isthmus.encoders.hf.files import Folder, image_settings, open_folder, sound_settings
from isthmus.encoders.hf.pixels import PictureInputs, PixelSettings
from isthmus.encoders.hf.pooling import check_choice, own_pool
from isthmus.encoders.hf.sounds import SoundInputs, SoundSettings
from isthmus.encoders.hf.texts import TextInputs, TextSettings
from isthmus.encoders.hf.videos import FrameInputs
from isthmus.encoders.hf.weights import check_code
from isthmus.encoders.strangers import check_config
from isthmus.encoders.torch_model import check_running

__all__ = ["HfEncoder", "load", "modalities"]

AUTO = "auto"
"""As a layer: the one whose vectors agree best with the other view's, chosen on the pairs."""


def load(
    name: str,
    *,
    modality: str | None = None,
    pool: str = "",
    layer: int | str | None = None,
    prompt: str | None = None,
    revision: str = "",
    device: str = "auto",
    dtype: str = "float32",
    threads: int | None = None,
    batch_size: int = 0,
    runtime: str = "auto",
    trust_remote_code: bool = False,
) -> HfEncoder:
    """An encoder that transformers runs; its weights are read when something is first encoded.

    Args:
        name: ``ORG/NAME`` on the hub, or a folder. What is in the hub's cache is not fetched.
        modality: What it shall read, where the model reads several: CLIP ``text`` or ``image``.
        pool: How tokens become one vector: ``mean``, ``cls``, ``last`` or ``max``; default: the
            model's own way. Dense layers of sentence-transformers behind it are left to ``st:``.
        layer: The hidden layer to take instead of the output: 0 is that of the embeddings, −1
            the last. ``"auto"`` is chosen by ``isthmus align`` on the pairs.
        prompt: What to put before every text, or the name of one of the model's own prompts. E5
            needs ``query: `` for what is asked and ``passage: `` for what is found.
        revision: Of the hub: a branch, a tag or a commit.
        device: See :data:`isthmus.encoders.torch_device.DEVICES`.
        dtype: See :data:`isthmus.encoders.torch_model.DTYPES`.
        threads: Of torch on the CPU; default: as torch has it.
        batch_size: Items a batch; 0 for as many as the memory has room for.
        runtime: ``torch``; ``onnx``, a graph that is exported once and checked; or ``auto``: such
            a graph on the CPU where there is one.
        trust_remote_code: Run code that comes with a model of texts or images.

    Returns:
        The encoder. Vectors of CLIP, SigLIP and CLAP, and those of texts, have unit length.

    Raises:
        InputError: If an option does not fit the model, or its type is unknown.
        MissingDataError: If the model is not on this machine and cannot be fetched.
        ArtifactError, UntrustedError: If a file is damaged, or it needs code that is not trusted.
    """
    folder = open_folder("hf", name, revision)
    config = folder.json("config.json")
    tower = _tower(folder, config, modality, trusted=bool(trust_remote_code))
    depth, remote = tower.depth.of(tower.part(config)), trust_remote_code and _brings_code(config)
    return HfEncoder(
        folder,
        tower,
        config,
        _inputs(folder, tower, config, prompt, remote=remote),
        choice=check_choice(folder.name, tower, depth, pool, _layer(folder, layer)),
        running=check_running(
            folder.name, device=device, dtype=dtype, threads=threads, batch_size=batch_size
        ),
        runtime=runtime,
        remote=remote,
        prompt=prompt,
    )


def modalities(
    name: str, *, revision: str = "", trust_remote_code: bool = False, **others: Any
) -> tuple[str, ...]:
    """What a model can read, by its configuration alone.

    Args:
        name: As for :func:`load`.
        revision: As for :func:`load`.
        trust_remote_code: As for :func:`load`.
        **others: Further options of :func:`load`, which change nothing here.

    Raises:
        InputError: As :func:`load`.
    """
    folder = open_folder("hf", name, revision, weights=False)
    config = folder.json("config.json")
    towers = _towers(folder, config, trusted=bool(trust_remote_code))
    return tuple(tower.modality for tower in towers)


def _towers(folder: Folder, config: Mapping[str, Any], *, trusted: bool) -> tuple[Tower, ...]:
    check_config(folder.name, config)
    kind = config.get("model_type") or ""
    if kind in FAMILIES and not (trusted and _brings_code(config)):
        return FAMILIES[kind]
    if _brings_code(config):
        check_code(folder, trusted=trusted)
        reads = IMAGE if image_settings(folder) else TEXT
        return (REMOTE[reads],)
    raise InputError(
        f"{folder.name}: models of the type {kind or 'of none'!r} are not known; those that are: "
        f"{', '.join(sorted(FAMILIES))}"
    )


def _brings_code(config: Mapping[str, Any]) -> bool:
    """Whether code comes with a model; it is run if the user says so, even for a known type."""
    brought = config.get("auto_map")
    return isinstance(brought, dict) and "AutoModel" in brought


def _tower(
    folder: Folder, config: Mapping[str, Any], modality: str | None, *, trusted: bool
) -> Tower:
    towers = {tower.modality: tower for tower in _towers(folder, config, trusted=trusted)}
    if modality is None and len(towers) > 1:
        ways = " or ".join(f"?modality={each}" for each in towers)
        raise InputError(f"{folder.name} reads {' and '.join(towers)}; add {ways} to its name")
    if modality is not None and modality not in towers:
        raise InputError(f"{folder.name} reads {' and '.join(towers)}, and not {modality}")
    tower = towers[modality or next(iter(towers))]
    marks = tower.prefix + tower.registers.of(tower.part(config))
    return replace(tower, pool=own_pool(folder, tower), prefix=marks)


def _inputs(
    folder: Folder,
    tower: Tower,
    config: Mapping[str, Any],
    prompt: str | None,
    *,
    remote: bool,
) -> Any:
    """What prepares the items of a tower."""
    kind, part = str(config.get("model_type", "")), tower.part(config)
    if prompt is not None and tower.modality != TEXT:
        raise InputError(f"{folder.name}: reads {tower.modality}, so it takes no prompt")
    if tower.modality == TEXT:
        settings = TextSettings.of(folder, tower, {"model_type": kind, **part}, prompt)
        return TextInputs(folder, settings, remote=remote)
    if tower.modality == AUDIO:
        return SoundInputs(
            folder, SoundSettings.of(sound_settings(folder), {**part, "model_type": kind})
        )
    pixels = PixelSettings.of(image_settings(folder), kind, folder.name)
    side = int(part.get("patch_size", 16))
    if tower.modality == IMAGE:
        return PictureInputs(folder.name, pixels, side)
    frames, span = int(part.get("num_frames", 16)), int(part.get("tubelet_size", 2))
    return FrameInputs(folder.name, pixels, frames, (side, span))


def _layer(folder: Folder, layer: int | str | None) -> int | None:
    if isinstance(layer, str):
        known = "it is chosen on pairs, by isthmus align" if layer == AUTO else "need a number"
        raise InputError(f"{folder.name}: layer={layer}: {known}")
    return layer
