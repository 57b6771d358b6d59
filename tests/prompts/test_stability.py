"""What changes that do not matter do to answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, l2_normalize
from isthmus.prompts.methods import method
from isthmus.prompts.stability import NOISE, Trials, stability
from isthmus.prompts.support import Labels, Scorer, Support
from isthmus.prompts.templates import load

NAMES = ["cat", "dog", "bird"]
RNG = np.random.default_rng(0)
MEANT = dict(zip(NAMES, l2_normalize(RNG.standard_normal((3, 64))), strict=True))
ALIAS = {"猫": "cat", "狗": "dog", "鸟": "bird", "kitty": "cat", "hound": "cat", "fowl": "cat"}


def embed(texts: Sequence[str]) -> F64:
    """Every sentence means the name that is in it."""
    out = []
    for text in texts:
        known = [MEANT[ALIAS.get(word, word)] for word in (*NAMES, *ALIAS) if word in text]
        out.append(known[0])
    return np.vstack(out)


def zero(words: F64, _order: Labels) -> Scorer:
    return lambda x: x @ words.T


def trials(**more: object) -> Trials:
    labels = np.repeat(np.arange(3), 10)
    items = np.vstack([MEANT[NAMES[k]] for k in labels])
    items = l2_normalize(items + 0.05 * np.random.default_rng(1).standard_normal(items.shape))
    given = {"languages": {}, **more}
    return Trials(NAMES, items, labels, **given)  # type: ignore[arg-type]


def test_each_change_has_its_row() -> None:
    asked = trials(languages={"zh": ["猫", "狗", "鸟"]}, synonyms=[["kitty", "hound", "fowl"]])
    found = stability(asked, zero, embed, load(), modality="image")
    rows = {(row.change, row.how): row for row in found.rows}
    assert found.accuracy == 1.0 and found.chance == pytest.approx(1 / 3) and found.items == 30
    assert rows["paraphrase", ""].variants == 7 and rows["paraphrase", ""].accuracy == 1.0
    assert rows["language", "zh"].agreement == 1.0
    # All three synonyms were read as a cat, so ties go to the first class.
    assert rows["synonyms", ""].accuracy == pytest.approx(1 / 3)
    assert rows["synonyms", ""].agreement == pytest.approx(1 / 3)
    assert rows["order", ""].agreement == 1.0 and rows["order", ""].variants == 5
    assert [row.how for row in found.rows if row.change == "noise"] == [f"{n:g}" for n in NOISE]


def test_more_noise_never_helps_here_and_other_items_change_all() -> None:
    asked = trials()
    turned = Trials(NAMES, asked.items, asked.labels, {}, versions={"turned": -asked.items})
    found = stability(turned, zero, embed, load(), modality="image", seed=3)
    rows = {(row.change, row.how): row for row in found.rows}
    assert rows["item", "turned"].accuracy == 0.0 and rows["item", "turned"].agreement == 0.0
    accuracies = [rows["noise", f"{n:g}"].accuracy for n in NOISE]
    assert accuracies == sorted(accuracies, reverse=True)


def test_a_learner_with_shots_is_told_the_order() -> None:
    asked = trials()
    support = Support(embed(NAMES), asked.items[::5], asked.labels[::5], 8.0)
    tuned = method("text+mean")

    def learn(words: F64, order: Labels) -> Scorer:
        labels = np.argsort(order)[support.labels]
        return tuned.fit(Support(words, support.items, labels, 8.0), tuned.prior)

    rows = {row.change: row for row in stability(asked, learn, embed, load(), modality="text").rows}
    assert rows["order"].agreement == 1.0 and rows["order"].worst == 1.0


def test_what_does_not_fit_is_refused() -> None:
    asked = trials()
    with pytest.raises(InputError, match="zh: 2 names of 3 classes"):
        trials(languages={"zh": ["猫", "狗"]})
    with pytest.raises(InputError, match="synonyms: 1 names"):
        trials(synonyms=[["kitty"]])
    with pytest.raises(InputError, match="needs items with labels"):
        Trials(NAMES, asked.items[:0], asked.labels[:0], {})
    with pytest.raises(InputError, match="turned: vectors"):
        trials(versions={"turned": asked.items[:2]})
