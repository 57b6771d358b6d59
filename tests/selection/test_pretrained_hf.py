"""Spaces of real classes of transformers, tiny and with random weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="models of transformers run on torch")
pytest.importorskip("transformers", reason="the loader of hf: needs the extra hf")

from tests.encoders import hf_models as tiny

from isthmus.core.errors import InputError, NoSignalError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.datasets import shapes
from isthmus.pipeline import prepare
from isthmus.selection import from_pretrained
from isthmus.space import Space, SpaceReport, evaluate

LEARNED, HELD = 100, 100


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return shapes.load(n=LEARNED + HELD, seed=3, languages="en")


@pytest.fixture(scope="module")
def models(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of tiny models that know the words of scenes."""
    import torch

    said = [record.items[TEXT].captions[0].replace(",", " ,") for record in scenes.records]
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(tiny, "WORDS", sorted({word for text in said for word in text.split()}))
        made = {name: getattr(tiny, name) for name in ("siglip", "clap")}
        made["clip"] = partial(tiny.clip, side=shapes.SIDE, dim=64)
        made["bert"] = tiny.text_model("Bert")
        place = tmp_path_factory.mktemp("models")
        found = {name: f"hf:{make(place / name)}" for name, make in made.items()}
    (place / "clip" / "README.md").write_text("---\nlicense: mit\ntags: [vision]\n---\n# CLIP\n")
    return found


def r10(space: Space, held: Dataset) -> list[float]:
    """Of both directions between sounds and pictures."""
    pairs = prepare(
        held.select([IMAGE, AUDIO]), {view: space.encoder(view) for view in (IMAGE, AUDIO)}
    ).pairs
    found = evaluate(space.heads, space.banks, pairs, csls_strength=space.csls_strength)
    return [row.instance.r10 for row in found.directions.values()]


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_scores_are_in_the_order_of_the_models_own_logits(
    models: dict[str, str], scenes: Dataset, name: str
) -> None:
    import torch
    import transformers

    space = from_pretrained(models[name])
    records = scenes.records[:12]
    texts = [record.items[TEXT] for record in records]
    pictures = [record.items[IMAGE] for record in records]
    rows = {TEXT: space.embed(texts, TEXT), IMAGE: space.embed(pictures, IMAGE)}
    scores = space.score(rows[TEXT].vectors, TEXT, rows[IMAGE].vectors, IMAGE)
    folder = models[name].removeprefix("hf:")
    model: Any = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    words = transformers.AutoTokenizer.from_pretrained(folder)(
        [text.captions[0] for text in texts], padding="max_length", truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    processor = tiny.picture_class({"clip": "CLIP", "siglip": "Siglip"}[name] + "ImageProcessor")
    pixels = processor.from_pretrained(folder)(
        [opened(item) for item in pictures], return_tensors="pt"
    )
    read = ("input_ids", "attention_mask") if name == "clip" else ("input_ids",)
    inputs = {key: words[key] for key in read}
    with torch.no_grad():
        logits = model(**inputs, **pixels).logits_per_text.numpy()
    encoder: Any = space.encoder(TEXT)
    own = encoder.logit_scale * scores / 2 + encoder.logit_bias  # a score is twice a cosine
    np.testing.assert_allclose(own, logits, atol=1e-4)


def opened(item: MediaItem) -> Any:
    from isthmus.media import decode

    return decode(item)


def test_sounds_join_a_model_by_a_hundred_pairs(
    models: dict[str, str], scenes: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of towers with random weights, each sees something; the two do not agree."""
    monkeypatch.setattr("isthmus.selection.select._MAX_DEALS", 1)
    plain = from_pretrained(models["clip"])
    learned = scenes.take(range(LEARNED))
    fix = [IMAGE, TEXT]
    space = from_pretrained(models["clip"], learned, {AUDIO: "mfcc"}, fix=fix, by_group=False)
    assert isinstance(space.report, SpaceReport) and space.report.origin is not None
    assert space.report.origin.models[0].licence == "mit"
    assert space.report.chosen.params["target"] == IMAGE
    chance = 10 / HELD
    error = float(np.sqrt(chance * (1 - chance) / HELD))
    held = scenes.take(range(LEARNED, LEARNED + HELD))
    above = [(found - chance) / error for found in r10(space, held)]
    assert min(above) > 5, above
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(20, space.dim)).astype(np.float32) for _ in range(2))
    before, after = (
        s.score(s.transform(x, TEXT), TEXT, s.transform(y, IMAGE), IMAGE) for s in (plain, space)
    )
    np.testing.assert_allclose(after, before, atol=1e-6)
    again = Space.load(space.save(tmp_path / "joined"))
    item = scenes.records[0].items[AUDIO]
    np.testing.assert_allclose(
        again.embed(item, AUDIO).vectors, space.embed(item, AUDIO).vectors, atol=1e-6
    )


def test_models_that_know_nothing_meet_through_text_and_pairs_refuse_them(
    models: dict[str, str], scenes: Dataset
) -> None:
    """Random towers agree on texts, which differ in their words; pictures and sounds do not."""
    few = scenes.take(range(60))
    space = from_pretrained([models["clip"], models["clap"]], few.select([TEXT]))
    assert space.views == (TEXT, IMAGE, AUDIO)
    with pytest.raises(NoSignalError, match="no better than shuffled"):
        from_pretrained([models["clip"], models["clap"]], few)


def test_a_model_with_one_tower_has_nothing_to_join(models: dict[str, str]) -> None:
    with pytest.raises(InputError, match="reads text only, so there is nothing to join; name two"):
        from_pretrained(models["bert"])
    with pytest.raises(InputError, match="lie in no space"):
        from_pretrained(f"{models['clip']}?layer=1")
    with pytest.raises(InputError, match="reads already"):
        from_pretrained([models["clip"], models["siglip"]])
