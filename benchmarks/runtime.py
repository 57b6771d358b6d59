"""How fast towers of transformers run by onnxruntime, against the library's own plain loop.

The models have the sizes of CLIP ViT-B/32 and of MiniLM-L6, and random weights: the time is the
same as with trained ones. Times are of the processor, so with one thread they are what an idle
machine would take. The plain loop is what the library's documentation shows: processor or
tokenizer, model, pooling, in batches of 32 as they come. All have the same threads.

python benchmarks/runtime.py --json FILE
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _machine import spread, write
from _needs import need

SEED = 0
BATCH = 32
WORDS = ("a", "red", "kangaroo", "jumps", "over", "the", "lazy", "dog", "and", "sings", "to", "me")
Run = Callable[[Sequence[Any]], Any]


def timed(run: Run, items: Sequence[Any]) -> float:
    """Seconds of the processor that one call takes: others on the machine do not change them."""
    start = time.process_time()
    run(items)
    return time.process_time() - start


def picture_tower(folder: Path) -> Path:
    """The image tower of CLIP ViT-B/32."""
    import transformers as t

    vision = {"patch_size": 32}  # the rest is the default
    text = {"num_hidden_layers": 1, "vocab_size": 64, "bos_token_id": 1, "eos_token_id": 2}
    config = t.CLIPConfig(text_config=text, vision_config=vision)
    t.CLIPModel(config).eval().save_pretrained(folder)
    maker = getattr(t, "CLIPImageProcessorPil", t.CLIPImageProcessor)
    maker().save_pretrained(folder)
    return folder


def text_tower(folder: Path) -> Path:
    """MiniLM-L6."""
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    marks = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    vocabulary = {word: i for i, word in enumerate([*marks, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    t.PreTrainedTokenizerFast(
        tokenizer_object=made, sep_token="[SEP]", model_max_length=256, **named
    ).save_pretrained(folder)
    config = t.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    t.BertModel(config).eval().save_pretrained(folder)
    return folder


def plain_pictures(folder: Path) -> Run:
    """The library's loop over pictures."""
    import torch
    import transformers as t

    maker = getattr(t, "CLIPImageProcessorPil", t.CLIPImageProcessor)
    processor = maker.from_pretrained(folder)
    model = t.CLIPVisionModelWithProjection.from_pretrained(folder).eval()

    def run(items: Sequence[Any]) -> Any:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                some = processor(images=list(items[start : start + BATCH]), return_tensors="pt")
                found = model(**some).image_embeds
                rows.append(torch.nn.functional.normalize(found).numpy())
        return np.concatenate(rows)

    return run


def plain_texts(folder: Path) -> Run:
    """The library's loop over texts."""
    import torch
    import transformers as t

    tokenizer = t.AutoTokenizer.from_pretrained(folder)
    model = t.AutoModel.from_pretrained(folder).eval()

    def run(items: Sequence[Any]) -> Any:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                said = list(items[start : start + BATCH])
                some = tokenizer(said, padding=True, truncation=True, return_tensors="pt")
                hidden = model(**some).last_hidden_state
                mask = some["attention_mask"][..., None]
                found = (hidden * mask).sum(1) / mask.sum(1)
                rows.append(torch.nn.functional.normalize(found).numpy())
        return np.concatenate(rows)

    return run


def ours(folder: Path, modality: str, runtime: str, threads: int) -> tuple[Run, str]:
    """The encoder of isthmus, and its fingerprint."""
    from isthmus.encoders import load

    options = {"modality": modality, "runtime": runtime, "threads": threads, "device": "cpu"}
    encoder = load(f"hf:{folder}", **options)

    def run(items: Sequence[Any]) -> Any:
        wrapped = [(item,) if modality == "text" else item for item in items]
        return encoder.encode([encoder.prepare(item) for item in wrapped])

    return run, encoder.fingerprint


def pictures(count: int) -> list[Any]:
    """Pictures of a camera's usual size, halved."""
    from PIL import Image

    rng = np.random.default_rng(SEED)
    small = rng.integers(0, 256, size=(count, 12, 16, 3), dtype=np.uint8)
    return [Image.fromarray(each).resize((640, 480)) for each in small]


def texts(count: int) -> list[str]:
    """Texts of 3 to 200 words, most of them short, as captions and paragraphs are mixed."""
    rng = np.random.default_rng(SEED)
    lengths = np.clip(np.exp(rng.normal(2.7, 0.9, size=count)), 3, 200).astype(int)
    return [" ".join(rng.choice(WORDS, size=n)) for n in lengths]


def compare(
    items: Sequence[Any], plain: Run, folder: Path, modality: str, args: Any
) -> dict[str, Any]:
    """Items a second of processor time of each way, measured in turns."""
    by_torch, first = ours(folder, modality, "torch", args.threads)
    by_onnx, second = ours(folder, modality, "onnx", args.threads)
    ways = {"plain": plain, "torch": by_torch, "onnx": by_onnx}
    found = {name: run(items) for name, run in ways.items()}  # warm, and the graph is exported
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.repetitions):
        for name, run in ways.items():
            seconds[name].append(timed(run, items))
    turns = zip(seconds["plain"], seconds["torch"], seconds["onnx"], strict=True)
    ratios = [(a / b, a / c) for a, b, c in turns]
    return {
        "items": len(items),
        "per_second": {
            name: spread([len(items) / s for s in each]) for name, each in seconds.items()
        },
        "torch_times_plain": spread([a for a, _ in ratios]),
        "onnx_times_plain": spread([b for _, b in ratios]),
        "largest_difference": {
            name: float(np.abs(found[name] - found["plain"]).max()) for name in ("torch", "onnx")
        },
        "one_fingerprint": first == second,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", default="benchmarks/results/runtime.json")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--texts", type=int, default=256)
    args = parser.parse_args()
    need(packages=["torch", "transformers", "tokenizers", "onnx", "onnxscript", "onnxruntime"])
    import torch

    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as place:
        os.environ["ISTHMUS_CACHE"] = f"{place}/cache"
        for name in ("image", "text"):
            (Path(place) / name).mkdir()
        image, text = picture_tower(Path(place) / "image"), text_tower(Path(place) / "text")
        results = {
            "threads": args.threads,
            "image": compare(pictures(args.pictures), plain_pictures(image), image, "image", args),
            "text": compare(texts(args.texts), plain_texts(text), text, "text", args),
        }
    write(args.json, results)
    for name in ("image", "text"):
        made = results[name]
        rates = {way: round(each["median"], 1) for way, each in made["per_second"].items()}
        print(name, rates, "onnx / plain:", round(made["onnx_times_plain"]["median"], 2))


if __name__ == "__main__":
    main()
