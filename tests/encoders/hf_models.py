"""Tiny models with random weights, made with the real classes and saved with their processors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WORDS = [
    "a",
    "red",
    "kangaroo",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "and",
    "sings",
    "to",
    "boat",
]
TINY = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
PICTURE = {**TINY, "image_size": 32, "patch_size": 8}
WAVE = {
    **TINY,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 4, 4),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_feat_extract_layers": 3,
}


def _library() -> Any:
    import transformers

    return transformers


def picture_class(name: str) -> Any:
    """The processor of a family that needs PIL alone: by another name since transformers 5."""
    library = _library()
    try:
        return getattr(library, f"{name}Pil")
    except AttributeError:
        return getattr(library, name)


def tokenizer(*, first: str = "[CLS]", last: str = "[SEP]", pad: str = "[PAD]", most: int = 24):
    """Words to numbers, with a mark before and behind."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    marks = dict.fromkeys((pad, first, last, "[UNK]"))
    vocabulary = {word: i for i, word in enumerate([*marks, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])],
    )
    return _library().PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token=pad,
        eos_token=last,
        bos_token=first,
        cls_token=first,
        sep_token=last,
        unk_token="[UNK]",
        model_max_length=most,
    )


def _save(model: Any, folder: Path, *processors: Any) -> Path:
    for parameter in model.parameters():  # some start as constants, which would hide mistakes
        parameter.data += 0.05 * _noise(parameter)
    model.eval().save_pretrained(folder)
    for each in processors:
        each.save_pretrained(folder)
    return folder


def _noise(parameter: Any) -> Any:
    import torch

    return torch.randn_like(parameter)


def clip(folder: Path, *, side: int = 32, dim: int = 20) -> Path:
    t = _library()
    picture = {**PICTURE, "image_size": side}
    text = {**TINY, "vocab_size": 40, "max_position_embeddings": 24, "bos_token_id": 1}
    ends = {"eos_token_id": 2, "pad_token_id": 0}
    config = t.CLIPConfig(text_config={**text, **ends}, vision_config=picture, projection_dim=dim)
    processor = picture_class("CLIPImageProcessor")(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    return _save(t.CLIPModel(config), folder, tokenizer(), processor)


def siglip(folder: Path, *, second: bool = False) -> Path:
    t = _library()
    text = {**TINY, "vocab_size": 40, "max_position_embeddings": 16}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    picture = dict(PICTURE)
    if second:
        del picture["image_size"]
        picture["num_patches"] = 16
    kind = "Siglip2" if second else "Siglip"
    config = getattr(t, f"{kind}Config")(text_config={**text, **ends}, vision_config=picture)
    sized = {"patch_size": 8, "max_num_patches": 16} if second else {}
    exact = {} if second else {"size": {"height": 32, "width": 32}}
    processor = picture_class(f"{kind}ImageProcessor")(**sized, **exact)
    return _save(getattr(t, f"{kind}Model")(config), folder, tokenizer(most=16), processor)


def siglip2(folder: Path) -> Path:
    return siglip(folder, second=True)


def text_model(kind: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        t = _library()
        sizes = {**TINY, "vocab_size": 40, "max_position_embeddings": 26, "pad_token_id": 0}
        if kind == "DistilBert":
            sizes = {"dim": 32, "hidden_dim": 48, "n_layers": 3, "n_heads": 4, "vocab_size": 40}
            sizes |= {"max_position_embeddings": 26, "pad_token_id": 0}
        if kind == "Electra":
            sizes["embedding_size"] = 16
        if kind == "ModernBert":
            sizes |= {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
        config = getattr(t, f"{kind}Config")(**sizes)
        return _save(getattr(t, f"{kind}Model")(config), folder, tokenizer())

    return make


def picture_model(kind: str, processor: str, **more: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        t = _library()
        config = getattr(t, f"{kind}Config")(**PICTURE, **more)
        exact = {"height": 32, "width": 32}
        size = {"shortest_edge": 40} if processor == "BitImageProcessor" else exact
        sized = {"size": size}
        if processor in ("BitImageProcessor", "DeiTImageProcessor"):
            sized["crop_size"] = exact
        made = picture_class(processor)(**sized)
        return _save(getattr(t, f"{kind}Model")(config), folder, made)

    return make


def dinov3(folder: Path) -> Path:
    """Its processor needs torchvision, so its settings are written by hand."""
    t = _library()
    config = t.DINOv3ViTConfig(**PICTURE, num_register_tokens=2)
    _save(t.DINOv3ViTModel(config), folder)
    settings = {
        "image_processor_type": "DINOv3ViTImageProcessorFast",
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def videomae(folder: Path) -> Path:
    t = _library()
    config = t.VideoMAEConfig(**PICTURE, num_frames=4, use_mean_pooling=False)
    processor = picture_class("VideoMAEImageProcessor")(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    return _save(t.VideoMAEModel(config), folder, processor)


def whisper(folder: Path) -> Path:
    t = _library()
    config = t.WhisperConfig(
        vocab_size=40,
        d_model=32,
        encoder_layers=3,
        encoder_attention_heads=4,
        decoder_layers=1,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        num_mel_bins=16,
        max_source_positions=100,
        decoder_start_token_id=1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    extractor = t.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    return _save(t.WhisperModel(config), folder, extractor)


def wave_model(kind: str, norm: str = "group") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        t = _library()
        config = getattr(t, f"{kind}Config")(**WAVE, vocab_size=10, feat_extract_norm=norm)
        extractor = t.Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer")
        return _save(getattr(t, f"{kind}Model")(config), folder, extractor)

    return make


def ast(folder: Path) -> Path:
    t = _library()
    config = t.ASTConfig(**TINY, patch_size=8, num_mel_bins=32, max_length=64)
    extractor = t.ASTFeatureExtractor(num_mel_bins=32, max_length=64)
    return _save(t.ASTModel(config), folder, extractor)


def clap(folder: Path, *, fused: bool = False) -> Path:
    t = _library()
    text = {**TINY, "vocab_size": 40, "max_position_embeddings": 26, "pad_token_id": 0}
    sound = {
        "num_mel_bins": 16,
        "spec_size": 64,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "window_size": 4,
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "depths": [1, 1],
        "num_attention_heads": [2, 4],
        "num_hidden_layers": 2,
        "enable_fusion": fused,
    }
    config = t.ClapConfig(text_config=text, audio_config=sound, projection_dim=20)
    extractor = t.ClapFeatureExtractor(
        feature_size=16, max_length_s=1, truncation="fusion" if fused else "rand_trunc"
    )
    return _save(t.ClapModel(config), folder, tokenizer(), extractor)


def captions(count: int, seed: int = 0) -> list[str]:
    """Texts of one word to more than a model reads."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 28, size=count)
    return [" ".join(random.choice(WORDS, size=length)) for length in lengths]


def picture(width: int, height: int, seed: int = 0) -> Any:
    from PIL import Image

    random = np.random.default_rng(seed)
    small = random.integers(0, 256, size=(7, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def pictures(count: int) -> list[Any]:
    """Wide, tall, small and large ones."""
    random = np.random.default_rng(5)
    sides = random.integers(11, 120, size=(count, 2)).tolist()
    return [picture(width, height, seed) for seed, (width, height) in enumerate(sides)]


def sound(seconds: float, rate: int, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    time = np.arange(max(1, int(seconds * rate))) / rate
    tone = 0.3 * np.sin(2 * np.pi * random.integers(100, 900) * time)
    return np.asarray(tone + 0.1 * random.standard_normal(len(time)), dtype=np.float32)
