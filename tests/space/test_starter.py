from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.aligners.continued import LinearSide
from isthmus.core.view import Direction
from isthmus.datasets import load
from isthmus.encoders import DEFAULTS
from isthmus.metrics import retrieval_report
from isthmus.pipeline import prepare
from isthmus.prompts import Prompt
from isthmus.selection import align
from isthmus.space import Space, StarterReport
from isthmus.space.starter import familiar, folder
from isthmus.store import MemoryBackend
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.options import SearchOptions

GALLERY = 130
ENCODERS = {m: DEFAULTS[m] for m in ("text", "image")}


@pytest.fixture(scope="module")
def space() -> Space:
    return Space.load("starter")


def test_it_is_small_and_complete(space: Space) -> None:
    size = sum(path.stat().st_size for path in folder().iterdir())
    assert size <= 12e6
    assert space.views == ("text", "image", "audio") and space.dim == 512
    # own pairs carry the linear side on
    assert all(LinearSide.of(head) is not None for head in space.heads.values())
    assert len(space.calibration) == 7  # every direction between modalities, and text→text
    for m, names in space.bank_ids.items():
        assert len(names) == len(space.banks[m]) > 500
        assert not any(Path(name).is_absolute() for name in names)
    assert isinstance(space.report, StarterReport)
    assert len(space.report.rows) == 63 and set(space.report.calibration) == set(space.calibration)
    unpaired = [Direction("image", "audio"), Direction("audio", "image")]
    assert set(unpaired) <= set(space.emergent(space.calibration))
    assert Direction("text", "image") not in space.emergent(space.calibration)
    assert "## Where it fails" in (folder() / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_that_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: Space
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Space.load("starter").fingerprint == space.fingerprint
    Space(space.heads, space.banks, space.encoders).save("starter")
    assert Space.load("starter").report is None


@pytest.mark.starter
@pytest.mark.tuxpaint
def test_stamps_that_it_never_saw_are_found_as_often_as_the_card_says(
    starter: None, tuxpaint_root: Path, space: Space
) -> None:
    rows = np.random.default_rng(0).permutation(674)[:GALLERY]
    english = load("tuxpaint", root=tuxpaint_root).take(rows)
    held = {record.id for record in english.records}
    assert not any(name.endswith(f"({each})") for name in space.bank_ids["text"] for each in held)
    ready = prepare(english, ENCODERS, by_group=False).pairs
    image = space.transform(ready.vectors["image"], "image")
    chinese = load("tuxpaint", languages="zh", root=tuxpaint_root).select(["text"])
    place = {name: column for column, name in enumerate(ready.ids)}
    kept = chinese.take([i for i, r in enumerate(chinese.records) if r.id in place])
    zh = prepare(kept, {"text": "universal"}, by_group=False).pairs
    for language, native, columns in (
        ("en", ready.vectors["text"], np.arange(GALLERY)),
        ("zh", zh.vectors["text"], np.array([place[name] for name in zh.ids])),
    ):
        text = space.transform(native, "text")
        scores = space.score(text, "text", image[columns], "image")
        found = retrieval_report(scores, np.arange(len(columns)))
        assert isinstance(space.report, StarterReport)
        said = space.report.row(Direction("text", "image"), language).held_out
        assert said is not None
        assert found.r10 == pytest.approx(said.r10, abs=0.01)
        assert found.r1 == pytest.approx(said.r1, abs=0.01)
        assert found.r10 >= {"en": 0.85, "zh": 0.83}[language]


@pytest.mark.starter
def test_nonsense_is_out_of_distribution_and_what_people_type_is_not(
    starter: None, space: Space
) -> None:
    nothing = MemoryBackend(space.dim, space.views)

    def outside(text: str) -> bool:
        return EncodedQuery.of(
            space, nothing, Prompt.text(text), SearchOptions()
        ).out_of_distribution

    plain = ["a dog", "red car", "一只猫", "ein Haus", "un arbre", "sunset", "strawberry", "ship"]
    sentences = ["two dogs play in the snow", "my cat on the sofa", "海上的日落", "le chien dort"]
    assert sum(map(outside, plain)) <= 1
    assert sum(map(outside, sentences)) <= 1
    # Short random letters are not told by this space: titles of clip art hold such words too.
    odd = ["of the which by 4711 was", "的了是在不有和", "amortization subsidy"]
    assert all(map(outside, odd))


@pytest.mark.starter
def test_what_it_learned_of_an_encoder_serves_other_spaces_with_it(
    starter: None, space: Space
) -> None:
    known = familiar(space.encoders["text"].fingerprint)
    assert known is not None
    np.testing.assert_array_equal(known.bank, space.native_banks["text"])
    assert familiar("of another encoder") is None
    stamps = prepare(load("tuxpaint").take(range(90)), by_group=False)
    own = align(stamps, aligner="cca", params={"ridge": 3.0, "power": 1.0}, nested=False)
    least = own.calibration[Direction("text", "image")].least_native
    assert least is not None and least <= known.least
    np.testing.assert_array_equal(own.native_banks["text"], known.bank)
    assert "image" in own.native_banks
