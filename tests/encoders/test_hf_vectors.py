"""Vectors of hf: are those of the library's own forward pass, whatever batch an item is in."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("torch", reason="models of transformers run on torch")
pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")

from tests.encoders import hf_models as tiny

from isthmus.core.item import Waveform
from isthmus.core.linalg import l2_normalize
from isthmus.encoders import hf

TOLERANCE = 1e-5
COMPARED = 9
"""Of texts and pictures, how many the library encodes, too, one by one."""
MAKERS: dict[str, Callable[[Path], Path]] = {
    "clip": tiny.clip,
    "siglip": tiny.siglip,
    "siglip2": tiny.siglip2,
    "clap": tiny.clap,
    "clap-fused": lambda folder: tiny.clap(folder, fused=True),
    "bert": tiny.text_model("Bert"),
    "roberta": tiny.text_model("Roberta"),
    "xlm-roberta": tiny.text_model("XLMRoberta"),
    "camembert": tiny.text_model("Camembert"),
    "distilbert": tiny.text_model("DistilBert"),
    "mpnet": tiny.text_model("MPNet"),
    "electra": tiny.text_model("Electra"),
    "modernbert": tiny.text_model("ModernBert"),
    "vit": tiny.picture_model("ViT", "ViTImageProcessor"),
    "deit": tiny.picture_model("DeiT", "DeiTImageProcessor"),
    "dinov2": tiny.picture_model("Dinov2", "BitImageProcessor"),
    "registers": tiny.picture_model(
        "Dinov2WithRegisters", "BitImageProcessor", num_register_tokens=2
    ),
    "dinov3": tiny.dinov3,
    "whisper": tiny.whisper,
    "wav2vec2": tiny.wave_model("Wav2Vec2"),
    "hubert": tiny.wave_model("Hubert"),
    "wavlm": tiny.wave_model("WavLM", "layer"),
    "ast": tiny.ast,
    "videomae": tiny.videomae,
}
TEXTS = ["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "electra"]
TEXTS += ["modernbert"]
WAVES = ["wav2vec2", "hubert", "wavlm"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, made once."""
    import torch

    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    torch.set_num_threads(1)

    def made(name: str) -> Path:
        folder = place / name
        return folder if folder.is_dir() else MAKERS[name](folder)

    return made


def encoder(folder: Path, **options: Any) -> hf.HfEncoder:
    return hf.load(str(folder), **options)


@lru_cache(maxsize=32)
def own(folder: Path) -> Any:
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model.requires_grad_(requires_grad=False)


@lru_cache(maxsize=32)
def tokenizer(folder: Path) -> Any:
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder)


def array(found: Any) -> Any:
    """A tensor as an array; releases differ in what a function for features returns."""
    import torch

    tensor = found if isinstance(found, torch.Tensor) else found.pooler_output
    return tensor.detach().numpy()


def check(made: hf.HfEncoder, decoded: list[Any], expected: list[Any]) -> None:
    """The encoder's vectors equal what the library gave, in batches of 1 and of 32."""
    prepared = [made.prepare(each) for each in decoded]
    together = np.concatenate(
        [made.encode(prepared[i : i + 32]) for i in range(0, len(decoded), 32)]
    )
    assert together.dtype == np.float32
    assert together.shape == (len(decoded), made.dim)
    assert_allclose(together[: len(expected)], np.concatenate(expected), atol=TOLERANCE)
    alone = np.concatenate([made.encode([each]) for each in prepared])
    assert_allclose(together, alone, atol=TOLERANCE)
    assert np.std(together, axis=0).max() > 100 * TOLERANCE  # vectors of different items differ


def tokens(folder: Path, text: str, **options: Any) -> Any:
    found = tokenizer(folder)([text], truncation=True, return_tensors="pt", **options)
    found.pop("token_type_ids", None)
    return found


CAPTIONS = tiny.captions(33)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_the_mean_of_their_tokens(model: Any, name: str) -> None:
    folder = model(name)
    reference = own(folder)
    expected = [
        l2_normalize(reference(**tokens(folder, text)).last_hidden_state.mean(1).detach().numpy())
        for text in CAPTIONS[:COMPARED]
    ]
    check(encoder(folder), [(text,) for text in CAPTIONS], expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip", {"padding": "max_length"}),
        ("clap", {}),
        ("siglip", {"padding": "max_length", "return_attention_mask": False}),
        ("siglip2", {"padding": "max_length", "return_attention_mask": False}),
    ],
)
def test_texts_of_joint_models(model: Any, name: str, options: dict[str, Any]) -> None:
    folder = model(name)
    reference = own(folder)
    expected = [
        l2_normalize(array(reference.get_text_features(**tokens(folder, text, **options))))
        for text in CAPTIONS[:COMPARED]
    ]
    check(encoder(folder, modality="text"), [(text,) for text in CAPTIONS], expected)


PICTURES = tiny.pictures(33)
PROCESSORS = {
    "clip": "CLIPImageProcessor",
    "siglip": "SiglipImageProcessor",
    "siglip2": "Siglip2ImageProcessor",
    "vit": "ViTImageProcessor",
    "deit": "DeiTImageProcessor",
    "dinov2": "BitImageProcessor",
    "registers": "BitImageProcessor",
    "videomae": "VideoMAEImageProcessor",
}


def pixels(folder: Path, name: str, image: Any) -> Any:
    return processor(folder, name)(images=[image], return_tensors="pt")


@lru_cache(maxsize=32)
def processor(folder: Path, name: str) -> Any:
    return tiny.picture_class(PROCESSORS[name]).from_pretrained(folder)


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2"])
def test_pictures_of_joint_models(model: Any, name: str) -> None:
    folder = model(name)
    reference = own(folder)
    expected = [
        l2_normalize(array(reference.get_image_features(**pixels(folder, name, image))))
        for image in PICTURES[:COMPARED]
    ]
    check(encoder(folder, modality="image"), PICTURES, expected)


@pytest.mark.parametrize("name", ["vit", "deit", "dinov2", "registers"])
def test_pictures_are_their_first_token(model: Any, name: str) -> None:
    folder = model(name)
    reference = own(folder)
    expected = [
        reference(**pixels(folder, name, image)).last_hidden_state[:, 0].detach().numpy()
        for image in PICTURES[:COMPARED]
    ]
    check(encoder(folder), PICTURES, expected)


def test_dinov3_resizes_without_rounding_as_torchvision_would(model: Any) -> None:
    import torch

    folder = model("dinov3")
    reference = own(folder)
    mean, std = (torch.tensor(x)[:, None, None] for x in _imagenet())
    expected = []
    for image in PICTURES[:COMPARED]:
        values = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
        resized = torch.nn.functional.interpolate(
            values, (32, 32), mode="bilinear", antialias=True, align_corners=False
        )
        expected.append(reference((resized - mean) / std).pooler_output.detach().numpy())
    check(encoder(folder), PICTURES, expected)


def _imagenet() -> tuple[list[float], list[float]]:
    return [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("name", sorted(PROCESSORS))
def test_pixels_are_those_of_the_processor(model: Any, name: str) -> None:
    folder = model(name)
    modality = {"modality": "image"} if name in ("clip", "siglip", "siglip2") else {}
    made = encoder(folder, **modality)
    for image in PICTURES[:8]:
        wanted = pixels(folder, name, [image] if name == "videomae" else image)
        if name == "videomae":
            clip = np.repeat(np.asarray(image)[None], 4, axis=0)
            found = made._inputs.arrays([made.prepare(clip)])["pixel_values"][:, :1]
        else:
            found = made._inputs.arrays([made.prepare(image)])["pixel_values"]
        assert_allclose(found, wanted["pixel_values"].numpy(), atol=TOLERANCE)


def clips(rate: int, seconds: tuple[float, ...]) -> list[Waveform]:
    return [Waveform(tiny.sound(each, rate, seed), rate) for seed, each in enumerate(seconds)]


SHORT = (0.01, 0.1, 0.5, 0.5, 0.9)


def extracted(folder: Path, clip: Waveform, least: int = 400) -> Any:
    import transformers

    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    samples = np.pad(clip.samples, (0, max(0, least - len(clip.samples))))
    return extractor(samples, sampling_rate=clip.rate, return_tensors="pt")


@pytest.mark.parametrize("name", WAVES)
def test_waves_are_the_mean_of_their_frames(model: Any, name: str) -> None:
    """Group norm sees what fills a batch up, so batches must be of one length."""
    folder = model(name)
    reference = own(folder)
    decoded = clips(16_000, SHORT)
    made = encoder(folder)
    expected = [
        reference(extracted(folder, clip, 0).input_values)
        .last_hidden_state.mean(1)
        .detach()
        .numpy()
        for clip in decoded
    ]
    check(made, decoded, expected)


def test_a_sound_of_one_sample_is_filled_up_to_one_frame(model: Any) -> None:
    made = encoder(model("wav2vec2"))
    assert made.prepare(Waveform(np.ones(1, dtype=np.float32), 16_000))[0].shape == (1,)
    least = made._inputs.settings.shortest
    assert least == ((2 - 1) * 4 + 3 - 1) * 5 + 10  # kernels 10, 3, 2 and strides 5, 4, 4
    vector = made.encode([made.prepare(Waveform(np.ones(1, dtype=np.float32), 16_000))])
    assert np.isfinite(vector).all()


def test_whisper_is_the_mean_over_real_sound(model: Any) -> None:
    folder = model("whisper")
    reference = own(folder)
    decoded = clips(16_000, SHORT)
    expected = []
    for clip in decoded:
        frames = reference.encoder(extracted(folder, clip).input_features).last_hidden_state
        real = max(1, int(np.ceil(clip.seconds * 50)))
        expected.append(frames[:, :real].mean(1).detach().numpy())
    check(encoder(folder), decoded, expected)


def test_long_sounds_are_windows_averaged_by_length(model: Any) -> None:
    made = encoder(model("whisper"))
    (long,) = clips(16_000, (2.5,))  # the tiny model hears 2 s at once
    parts = [Waveform(long.samples[:32_000], 16_000), Waveform(long.samples[32_000:], 16_000)]
    first, second = made.encode([made.prepare(part) for part in parts])
    whole = made.encode([made.prepare(long)])[0]
    assert_allclose(whole, (2.0 * first + 0.5 * second) / 2.5, atol=TOLERANCE)


def test_ast_pools_itself(model: Any) -> None:
    folder = model("ast")
    reference = own(folder)
    decoded = clips(16_000, (0.03, 0.2, 0.4, 0.6))
    expected = [
        reference(extracted(folder, clip).input_values).pooler_output.detach().numpy()
        for clip in decoded
    ]
    check(encoder(folder), decoded, expected)


@pytest.mark.parametrize("name", ["clap", "clap-fused"])
def test_clap_draws_no_lots(model: Any, name: str) -> None:
    """Its extractor calls one short clip of each batch longer than it is, drawn by lot."""
    import torch

    folder = model(name)
    reference = own(folder)
    decoded = clips(48_000, SHORT)
    expected = []
    for clip in decoded:
        called = extracted(folder, clip)
        called["is_longer"] = torch.zeros((1, 1), dtype=torch.bool)
        expected.append(l2_normalize(array(reference.get_audio_features(**called))))
    check(encoder(folder, modality="audio"), decoded, expected)


def test_videos_are_frames_spread_evenly(model: Any) -> None:
    folder = model("videomae")
    reference = own(folder)
    random = np.random.default_rng(0)
    shapes = [(9, 40, 50), (2, 33, 70), (30, 64, 32), (4, 10, 12)]
    decoded = [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    rows = [[0, 3, 5, 8], [0, 0, 1, 1], [0, 10, 19, 29], [0, 1, 2, 3]]
    expected = []
    for frames, chosen in zip(decoded, rows, strict=True):
        called = pixels(folder, "videomae", list(frames[chosen]))
        expected.append(reference(**called).last_hidden_state.mean(1).detach().numpy())
    check(encoder(folder), decoded, expected)


def test_scales_of_joint_models_are_read(model: Any) -> None:
    scale = own(model("clip")).logit_scale
    for modality in ("text", "image"):
        made = encoder(model("clip"), modality=modality)
        assert made.logit_scale == pytest.approx(float(scale.exp()))
        assert made.logit_bias == 0.0
    siglip = encoder(model("siglip"), modality="text")
    assert siglip.logit_bias == pytest.approx(float(own(model("siglip")).logit_bias))
    text, sound = (encoder(model("clap"), modality=m) for m in ("text", "audio"))
    assert sound.logit_scale == pytest.approx(float(own(model("clap")).logit_scale_a.exp()))
    assert text.joint == sound.joint != ""
    assert encoder(model("bert")).joint == ""
    assert encoder(model("clip"), modality="text", layer=1).joint == ""


@pytest.mark.parametrize("name", ["bert", "vit", "whisper", "videomae"])
def test_layers_are_those_of_the_library(model: Any, name: str) -> None:
    """All layers by one pass equal each by its own; the last one is the output."""
    folder = model(name)
    made = encoder(folder)
    random = np.random.default_rng(1)
    decoded: list[Any] = {
        "bert": [(text,) for text in CAPTIONS[:5]],
        "vit": PICTURES[:5],
        "whisper": clips(16_000, SHORT),
        "videomae": list(random.integers(0, 256, (3, 5, 32, 32, 3), dtype=np.uint8)),
    }[name]
    prepared = [made.prepare(each) for each in decoded]
    layers = made.encode_layers(prepared)
    assert layers.shape == (made.depth + 1, len(decoded), made.dim)
    assert_allclose(layers[-1], made.encode(prepared), atol=TOLERANCE)
    for layer in (0, 1, -2):
        single = encoder(folder, layer=layer)
        assert_allclose(layers[layer], single.encode(prepared), atol=TOLERANCE)
        assert single.options()["layer"] == layer % (made.depth + 1)
    assert np.abs(layers[0] - layers[1]).max() > 0.01


def test_a_hidden_layer_of_bert_is_the_library_s(model: Any) -> None:
    folder = model("bert")
    reference = own(folder)
    expected = []
    for text in CAPTIONS[:COMPARED]:
        states = reference(**tokens(folder, text), output_hidden_states=True).hidden_states
        expected.append(l2_normalize(states[1][:, 0].detach().numpy()))
    check(encoder(folder, layer=1, pool="cls"), [(text,) for text in CAPTIONS], expected)


@pytest.mark.parametrize(
    ("pool", "take"),
    [
        ("cls", lambda hidden: hidden[:, 0]),
        ("last", lambda hidden: hidden[:, -1]),
        ("max", lambda hidden: hidden.amax(1)),
    ],
)
def test_pools(model: Any, pool: str, take: Callable[[Any], Any]) -> None:
    folder = model("bert")
    reference = own(folder)
    expected = [
        l2_normalize(take(reference(**tokens(folder, text)).last_hidden_state).detach().numpy())
        for text in CAPTIONS[:COMPARED]
    ]
    check(encoder(folder, pool=pool), [(text,) for text in CAPTIONS], expected)


def test_the_mean_of_a_picture_leaves_its_marks_out(model: Any) -> None:
    """DINOv2 with registers: one token of the class, two registers, then 16 patches."""
    folder = model("registers")
    reference = own(folder)
    expected = [
        reference(**pixels(folder, "registers", image)).last_hidden_state[:, 3:].mean(1)
        for image in PICTURES[:COMPARED]
    ]
    check(encoder(folder, pool="mean"), PICTURES, [each.detach().numpy() for each in expected])


def test_several_captions_are_the_unit_mean(model: Any) -> None:
    made = encoder(model("bert"))
    first, second = CAPTIONS[:2]
    alone = made.encode([made.prepare((first,)), made.prepare((second,))])
    both = made.encode([made.prepare((first, second))])
    assert_allclose(both, l2_normalize(alone.mean(axis=0, keepdims=True)), atol=TOLERANCE)


def test_a_prompt_stands_before_every_text(model: Any) -> None:
    folder = model("bert")
    plain, asked = encoder(folder), encoder(folder, prompt="a red ")
    assert plain.fingerprint != asked.fingerprint
    assert_allclose(
        asked.encode([("kangaroo",)]), plain.encode([("a red kangaroo",)]), atol=TOLERANCE
    )


def test_words_can_be_taken_out(model: Any) -> None:
    made = encoder(model("clip"), modality="text")
    parts = made.split("a red kangaroo")
    kept = np.array([[True, False, True], [True, True, True]])
    expected = made.encode([("a kangaroo",), ("a red kangaroo",)])
    assert_allclose(parts.native(kept, np.zeros(made.dim)), expected, atol=TOLERANCE)


def test_the_options_make_the_same_encoder_again(model: Any) -> None:
    folder = model("clip")
    for options in ({"modality": "text"}, {"modality": "image", "pool": "mean", "layer": -1}):
        made = encoder(folder, **options)
        assert encoder(folder, **made.options()).fingerprint == made.fingerprint


def test_half_precision_is_another_encoder(model: Any) -> None:
    folder = model("bert")
    whole, half = encoder(folder), encoder(folder, dtype="bfloat16")
    assert whole.fingerprint != half.fingerprint
    batch = [(text,) for text in CAPTIONS[:8]]
    cosines = (whole.encode(batch) * half.encode(batch)).sum(axis=1)
    assert 0.99 < cosines.min() < 1 - 1e-7
    assert encoder(folder, dtype="auto", device="cpu").fingerprint == whole.fingerprint


def test_pictures_are_prepared_in_children_and_encoded_by_many_threads(
    model: Any, tmp_path: Path
) -> None:
    """The way of an item: from a file, by a child that makes the encoder, too."""
    from concurrent.futures import ThreadPoolExecutor

    from isthmus import encoders
    from isthmus.core.item import MediaItem
    from isthmus.pipeline.decoding import WORKERS
    from isthmus.pipeline.encode import encode_items

    made = encoders.load(f"hf:{model('clip')}?modality=image")
    items = []
    for row, image in enumerate(PICTURES[:6]):
        image.save(tmp_path / f"{row}.png")
        items.append(MediaItem.from_path(tmp_path / f"{row}.png", "image"))
    expected = made.encode([made.prepare(image) for image in PICTURES[:6]])
    WORKERS._unprepared.clear()
    done = encode_items(items, made)
    assert WORKERS._unprepared == set()
    assert done.failures == []
    assert_allclose(done.vectors, expected, atol=TOLERANCE)
    prepared = [made.prepare(image) for image in PICTURES[:6]]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: made.encode(prepared), range(8)):
            assert_allclose(found, expected, atol=TOLERANCE)


def test_texts_are_encoded_by_many_threads(model: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    made = encoder(model("bert"))
    batches = [[(text,) for text in CAPTIONS[i : i + 4]] for i in range(0, 32, 4)]
    expected = [made.encode(batch) for batch in batches]
    again = encoder(model("bert"))
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(again.encode, batches), expected, strict=True):
            assert_allclose(found, wanted, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["clip", "siglip2", "vit", "dinov3", "videomae"])
def test_pixels_that_are_scaled_on_a_device_give_the_same_vectors(
    model: Callable[[str], Path], name: str
) -> None:
    modality = "video" if name == "videomae" else "image"
    here, there = (encoder(model(name), modality=modality, runtime="torch") for _ in range(2))
    there._model._device = "cpu:0"  # takes the way of a GPU
    decoded: list[Any] = tiny.pictures(5)
    if modality == "video":
        frames = [np.asarray(each.resize((40, 36))) for each in decoded]
        decoded = [np.stack(frames), np.stack(frames[::-1])]
    prepared = [here.prepare(each) for each in decoded]
    assert_allclose(there.encode(prepared), here.encode(prepared), atol=TOLERANCE)
