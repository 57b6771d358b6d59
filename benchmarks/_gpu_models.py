"""Models of real size with random weights, made things for them, and the plain loops on a GPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

import _encoder_media as media
import _encoder_models as models
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.view import AUDIO, IMAGE, TEXT

SIDE, SECONDS = 256, 5
"""Pixels of a picture and seconds of a sound."""


@dataclass(frozen=True)
class Case:
    """A model and what it reads.

    Attributes:
        id: What it is like.
        modality: What it reads.
        make: Writes it into a folder with its processor.
        encode: The library's own call: model, processor and a batch to vectors on the device.
        model: Its class in transformers.
        processor: Likewise; empty for the tokenizer.
        rate: Hz that it hears.
    """

    id: str
    modality: str
    make: Callable[[Path], Any]
    encode: Callable[[Any, Any, list[Any]], Any]
    model: str
    processor: str = ""
    rate: int = 16_000

    @property
    def name(self) -> str:
        """Of its folder; two towers of one model share it."""
        return self.id.lower().replace(" ", "-").replace("/", "-")

    def things(self, count: int) -> list[Any]:
        """Texts, pictures or samples."""
        if self.modality == TEXT:
            return list(media.captions(count))
        rng = np.random.default_rng(media.SEED)
        if self.modality == IMAGE:
            return [media.photograph(rng, SIDE, SIDE) for _ in range(count)]
        return [_sound(rng, self.rate) for _ in range(count)]

    def decoded(self, thing: Any) -> Any:
        """What an encoder prepares."""
        if self.modality == TEXT:
            return (thing,)
        return thing if self.modality == IMAGE else Waveform(thing, self.rate)

    def file(self, thing: Any) -> bytes:
        """The same as the bytes of a file."""
        out = BytesIO()
        if self.modality == TEXT:
            out.write(thing.encode())
        elif self.modality == IMAGE:
            thing.save(out, "JPEG", quality=90)
        else:
            import soundfile

            soundfile.write(out, thing, self.rate, format="WAV")
        return out.getvalue()

    def item(self, file: bytes, name: str) -> MediaItem:
        """What the pipeline reads."""
        if self.modality == TEXT:
            return MediaItem.from_text(file.decode())
        return MediaItem.from_bytes(file, self.modality, source=name)

    def opened(self, file: bytes) -> Any:
        """The thing again, as a loop of one's own opens it."""
        if self.modality == TEXT:
            return file.decode()
        if self.modality == IMAGE:
            from PIL import Image

            return Image.open(BytesIO(file)).convert("RGB")
        import soundfile

        return soundfile.read(BytesIO(file), dtype="float32")[0]

    def plain(
        self, folder: Path, device: str, dtype: str, *, files: bool = False
    ) -> Callable[[Sequence[Any]], Any]:
        """Batches of 32 in the order given, as the library's documentation does it.

        Args:
            folder: Of the model.
            device: Of torch.
            dtype: Of the weights.
            files: Whether what is given are files, which are opened, too.
        """
        import torch
        import transformers as t

        kind = getattr(torch, dtype)
        made = getattr(t, self.model).from_pretrained(folder, dtype=kind).eval().to(device)
        reader = self._reader(t).from_pretrained(folder)

        def encode(batch: Sequence[Any]) -> Any:
            things = [self.opened(each) for each in batch] if files else list(batch)
            return self.encode(made, reader, things).float().cpu()

        return models.batched(encode)

    def _reader(self, t: Any) -> Any:
        if not self.processor:
            return t.AutoTokenizer
        pil = self.modality == IMAGE and importlib.util.find_spec("torchvision") is None
        return getattr(t, f"{self.processor}{'Pil' if pil else ''}")


def _sound(rng: np.random.Generator, rate: int) -> Any:
    at = np.arange(SECONDS * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * rng.integers(100, 2000) * at)
    return (tone + 0.05 * rng.normal(size=len(at))).astype(np.float32)


def _dinov2(folder: Path) -> None:
    import transformers as t

    config = t.Dinov2Config(image_size=518, patch_size=14)
    processor = getattr(t, "BitImageProcessorPil", None) or t.BitImageProcessor
    read = processor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224})
    _save(t.Dinov2Model(config), read, folder)


def _wav2vec2(folder: Path) -> None:
    import transformers as t

    _save(t.Wav2Vec2Model(t.Wav2Vec2Config()), t.Wav2Vec2FeatureExtractor(), folder)


def _clap(folder: Path) -> None:
    import transformers as t

    _save(t.ClapModel(t.ClapConfig()), t.ClapFeatureExtractor(truncation="rand_trunc"), folder)


def _save(model: Any, processor: Any, folder: Path) -> None:
    for each in (model.eval(), processor):
        each.save_pretrained(folder)


def _moved(model: Any, values: Any) -> Any:
    return values.to(device=model.device, dtype=model.dtype)


def _tensor(output: Any) -> Any:
    return getattr(output, "pooler_output", output)  # releases differ


def _tokens(model: Any, tokenizer: Any, batch: list[str]) -> Any:
    read = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
    return {name: read[name].to(model.device) for name in ("input_ids", "attention_mask")}


def _clip_text(model: Any, tokenizer: Any, batch: list[str]) -> Any:
    return _tensor(model.get_text_features(**_tokens(model, tokenizer, batch)))


def _bert_mean(model: Any, tokenizer: Any, batch: list[str]) -> Any:
    read = _tokens(model, tokenizer, batch)
    mask = read["attention_mask"][..., None]
    return (model(**read).last_hidden_state * mask).sum(1) / mask.sum(1)


def _clip_image(model: Any, processor: Any, batch: list[Any]) -> Any:
    pixels = processor(images=batch, return_tensors="pt")["pixel_values"]
    return _tensor(model.get_image_features(pixel_values=_moved(model, pixels)))


def _first_token(model: Any, processor: Any, batch: list[Any]) -> Any:
    pixels = processor(images=batch, return_tensors="pt")["pixel_values"]
    return model(_moved(model, pixels)).last_hidden_state[:, 0]


def _whisper_mean(model: Any, extractor: Any, batch: list[Any]) -> Any:
    read = extractor(batch, sampling_rate=16_000, return_tensors="pt")["input_features"]
    return model.get_encoder()(_moved(model, read)).last_hidden_state.mean(1)


def _wave_mean(model: Any, extractor: Any, batch: list[Any]) -> Any:
    read = extractor(batch, sampling_rate=16_000, return_tensors="pt", padding=True)
    return model(_moved(model, read["input_values"])).last_hidden_state.mean(1)


def _clap_sound(model: Any, extractor: Any, batch: list[Any]) -> Any:
    read = extractor(batch, sampling_rate=48_000, return_tensors="pt")
    longer = read["is_longer"].to(model.device)
    features = _moved(model, read["input_features"])
    return _tensor(model.get_audio_features(input_features=features, is_longer=longer))


_CLIP = partial(models.clip, words=media.VOCABULARY)
_BERT = partial(models.bert, words=media.VOCABULARY, width=768, layers=12, heads=12)

CASES: Mapping[str, Case] = {
    f"{case.id} {case.modality}": case
    for case in (
        Case("CLIP ViT-B/32", IMAGE, _CLIP, _clip_image, "CLIPModel", "CLIPImageProcessor"),
        Case("CLIP ViT-B/32", TEXT, _CLIP, _clip_text, "CLIPModel"),
        Case("DINOv2 base", IMAGE, _dinov2, _first_token, "Dinov2Model", "BitImageProcessor"),
        Case("BERT base", TEXT, _BERT, _bert_mean, "BertModel"),
        Case("Whisper tiny", AUDIO, models.whisper, _whisper_mean, "WhisperModel",
             "WhisperFeatureExtractor"),
        Case("wav2vec 2 base", AUDIO, _wav2vec2, _wave_mean, "Wav2Vec2Model",
             "Wav2Vec2FeatureExtractor"),
        Case("CLAP", AUDIO, _clap, _clap_sound, "ClapModel", "ClapFeatureExtractor", 48_000),
    )
}  # fmt: skip
