from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.selection.joint import Tower, clap, clip, truth_of

from isthmus.aligners import ChainHead, UnitHead, onto
from isthmus.core.contracts import Encoder
from isthmus.core.errors import ArtifactError, DataError, InputError, NoSignalError
from isthmus.core.record import Dataset
from isthmus.core.view import AUDIO, IMAGE, TEXT, Direction, ViewPair
from isthmus.datasets import shapes
from isthmus.pipeline import prepare
from isthmus.selection import align, from_pretrained
from isthmus.space import PretrainedReport, Space, SpaceReport, evaluate

candidates_module = importlib.import_module("isthmus.selection.candidates")
LEARNED, HELD = 120, 80


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Deal the records into folds once and leave kernels out, which saves most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("isthmus.selection.select"), "_MAX_DEALS", 1)
        patch.setattr(candidates_module, "ONTO", onto.LINEAR_ONTO)
        yield


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return shapes.load(n=LEARNED + HELD, seed=3, languages="en")


@pytest.fixture(scope="module")
def truth(scenes: Dataset) -> dict[str, str]:
    return truth_of(scenes)


@pytest.fixture(scope="module")
def learned(scenes: Dataset) -> Dataset:
    return scenes.take(range(LEARNED))


@pytest.fixture(scope="module")
def held(scenes: Dataset) -> Dataset:
    return scenes.take(range(LEARNED, LEARNED + HELD))


def r10(space: Space, held: Dataset, a: str, b: str) -> float:
    """Mean R@10 of both directions."""
    views = {view: space.encoder(view) for view in (a, b)}
    pairs = prepare(held.select(views), views).pairs
    found = evaluate(space.heads, space.banks, pairs, csls_strength=space.csls_strength)
    return sum(row.instance.r10 for row in found.directions.values()) / 2


def above_chance(recall: float, n: int = HELD) -> float:
    """How many standard errors a recall at 10 lies above chance."""
    chance = 10 / n
    return (recall - chance) / float(np.sqrt(chance * (1 - chance) / n))


def test_a_model_is_a_space_at_once_with_its_own_order(truth: dict[str, str]) -> None:
    towers = clip(truth)
    space = from_pretrained(towers)
    assert all(isinstance(head, UnitHead) for head in space.heads.values())
    texts = [f"a large {colour} star in the middle" for colour in shapes.ATTRIBUTES["colour"]]
    x = towers[TEXT].encode([towers[TEXT].prepare((text,)) for text in texts])
    y = towers[TEXT].encode([towers[TEXT].prepare((text + " of it",)) for text in texts])
    unit = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y)]
    logits = towers[TEXT].logit_scale * unit[0] @ unit[1].T + towers[TEXT].logit_bias
    scores = space.score(space.transform(x, TEXT), TEXT, space.transform(y, IMAGE), IMAGE)
    assert np.array_equal(np.argsort(-scores, axis=1), np.argsort(-logits, axis=1))
    report = space.report
    assert isinstance(report, PretrainedReport)
    assert report.origin.models[0].licence == "CC0-1.0" and report.origin.fixed == (TEXT, IMAGE)
    assert report.estimate is None and not report.calibration and not space.calibration
    assert space.emergent([Direction(TEXT, IMAGE)]) == []
    with pytest.raises(DataError, match="was not measured"):
        _ = report.held_out


def test_it_is_saved_without_a_square_matrix_and_read_again(
    truth: dict[str, str], tmp_path: Path
) -> None:
    space = from_pretrained(clip(truth))
    again = Space.load(space.save(tmp_path / "space"))
    assert again.fingerprint == space.fingerprint and again.report == space.report
    assert (tmp_path / "space" / "tensors.safetensors").stat().st_size < 1000
    card = (tmp_path / "space" / "README.md").read_text()
    assert "`clip`: text, image. Licence: CC0-1.0" in card and "no probabilities" in card


def test_pairs_calibrate_a_model_and_change_no_score(
    truth: dict[str, str], learned: Dataset
) -> None:
    towers = clip(truth)
    plain = from_pretrained(towers)
    space = from_pretrained(towers, learned.select([TEXT, IMAGE]))
    report = space.report
    assert isinstance(report, PretrainedReport)
    assert set(space.calibration) == {Direction(TEXT, IMAGE), Direction(IMAGE, TEXT)}
    row = report.held_out[Direction(TEXT, IMAGE)].instance
    assert row.n_gallery.mean == LEARNED and row.r10.mean > 0.8
    assert report.estimate is not None
    null = report.estimate.null.shuffled[Direction(TEXT, IMAGE)].instance
    assert null.r10.mean < 0.25
    assert space.fingerprint == plain.fingerprint
    x = np.random.default_rng(0).normal(size=(20, towers[TEXT].dim)).astype(np.float32)
    both = [
        s.score(s.transform(x, TEXT), TEXT, s.transform(x, IMAGE), IMAGE) for s in (plain, space)
    ]
    np.testing.assert_array_equal(*both)


def test_pairs_that_a_model_does_not_know_are_refused(
    truth: dict[str, str], learned: Dataset
) -> None:
    texts = [record.items[TEXT] for record in learned.records]
    turned = [
        replace(record, items={**record.items, TEXT: texts[(row + 37) % LEARNED]})
        for row, record in enumerate(learned.records)
    ]
    with pytest.raises(NoSignalError, match="no better than shuffled"):
        from_pretrained(
            clip(truth),
            replace(learned.select([TEXT, IMAGE]), records=turned).select([TEXT, IMAGE]),
        )


@pytest.fixture(scope="module")
def joined(truth: dict[str, str], learned: Dataset) -> Space:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates_module, "ONTO", onto.ONTO)
        return from_pretrained(
            clip(truth), learned, {AUDIO: "mfcc"}, fix=[TEXT, IMAGE], by_group=False
        )


def test_sound_is_joined_by_few_pairs_and_nothing_else_moves(
    joined: Space, truth: dict[str, str], held: Dataset
) -> None:
    plain = from_pretrained(clip(truth))
    assert joined.views == (TEXT, IMAGE, AUDIO)
    x = np.random.default_rng(0).normal(size=(30, joined.dim)).astype(np.float32)
    before, after = (
        s.score(s.transform(x, TEXT), TEXT, s.transform(x, IMAGE), IMAGE) for s in (plain, joined)
    )
    np.testing.assert_allclose(after, before, atol=1e-6)
    for view in (IMAGE, TEXT):
        assert above_chance(r10(joined, held, AUDIO, view)) > 5


def test_the_report_says_which_heads_stayed_and_how_the_new_one_was_chosen(joined: Space) -> None:
    report = joined.report
    assert isinstance(report, SpaceReport) and report.origin is not None
    assert report.origin.fixed == (TEXT, IMAGE)
    assert report.chosen.aligner in ("ridge-onto", "procrustes-onto", "kernel-onto")
    assert {row.candidate.split()[0] for row in report.choice.tried} == {
        "ridge-onto",
        "procrustes-onto",
        "kernel-onto",
    }
    assert report.estimate is not None and report.estimate.folds == 5
    way = Direction(AUDIO, IMAGE)
    found, null = report.held_out[way].instance, report.estimate.null.shuffled[way].instance
    assert found.r10.mean > null.r10.mean + 0.1
    assert ViewPair(TEXT, IMAGE) in report.paired and way in joined.calibration


def test_a_saved_space_is_as_good_as_a_model(
    scenes: Dataset, learned: Dataset, held: Dataset, tmp_path: Path
) -> None:
    own = align(
        learned.select([TEXT, IMAGE]),
        {TEXT: "tfidf", IMAGE: "color-hog"},
        aligner="cca",
        by_group=False,
        nested=False,
    )
    folder = own.save(tmp_path / "own")
    space = from_pretrained(folder, learned, {AUDIO: "mfcc"}, by_group=False)
    assert space.csls_strength == own.csls_strength and space.views == (*own.views, AUDIO)
    native = prepare(held.select(own.views), {v: own.encoder(v) for v in own.views}).pairs
    before, after = (
        s.score(
            s.transform(native.vectors[TEXT], TEXT),
            TEXT,
            s.transform(native.vectors[IMAGE], IMAGE),
            IMAGE,
        )
        for s in (own, space)
    )
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert space.calibration[Direction(TEXT, IMAGE)] is not None
    again = Space.load(space.save(tmp_path / "joined"))
    assert again.encoder(TEXT).fingerprint == own.encoder(TEXT).fingerprint
    assert above_chance(r10(again, held, AUDIO, IMAGE)) > 5


def test_a_view_that_is_not_fixed_is_learned_anew(
    truth: dict[str, str], learned: Dataset, held: Dataset
) -> None:
    towers = clip(truth)
    space = from_pretrained(
        towers, learned.select([TEXT, IMAGE]), {TEXT: "tfidf"}, fix=IMAGE, by_group=False
    )
    assert space.heads[IMAGE].kind == "unit" and space.heads[TEXT].kind != "unit"
    assert space.encoders[TEXT].spec == "tfidf"
    assert space.report is not None and space.report.origin.fixed == (IMAGE,)  # type: ignore[union-attr]
    assert above_chance(r10(space, held, TEXT, IMAGE)) > 5


def test_a_new_view_without_signal_is_refused_though_fixed_views_match(
    truth: dict[str, str], learned: Dataset
) -> None:
    sounds = [record.items[AUDIO] for record in learned.records]
    turned = [
        replace(record, items={**record.items, AUDIO: sounds[(row + 37) % LEARNED]})
        for row, record in enumerate(learned.records)
    ]
    with pytest.raises(NoSignalError, match="audio"):
        from_pretrained(
            clip(truth), replace(learned, records=turned), {AUDIO: "mfcc"}, by_group=False
        )


def test_several_views_are_joined_at_once_and_columns_have_names_of_their_own(
    truth: dict[str, str], learned: Dataset
) -> None:
    renamed = replace(
        learned,
        records=[
            replace(
                record,
                items={
                    "caption": record.items[TEXT],
                    "photo": record.items[IMAGE],
                    "sound": record.items[AUDIO],
                    "thumbnail": record.items[IMAGE],
                },
            )
            for record in learned.records
        ],
    )
    space = from_pretrained(
        clip(truth), renamed, {"sound": "mfcc", "thumbnail": "color-hog"}, by_group=False
    )
    assert space.views == (TEXT, IMAGE, "thumbnail", "sound")
    report = space.report
    assert isinstance(report, SpaceReport) and report.origin is not None
    assert report.origin.fixed == (TEXT, IMAGE)


def test_two_models_meet_through_text_without_a_pair(
    truth: dict[str, str], learned: Dataset, held: Dataset, tmp_path: Path
) -> None:
    """Image and sound never meet in training, nor in the texts that join the two models."""
    texts = learned.select([TEXT])
    space = from_pretrained([clip(truth), clap(truth)], texts)
    assert space.views == (TEXT, IMAGE, AUDIO) and isinstance(space.heads[AUDIO], ChainHead)
    report = space.report
    assert isinstance(report, PretrainedReport)
    (bridge,) = report.origin.bridges
    assert (bridge.model, bridge.through, bridge.items.records) == ("clap", TEXT, LEARNED)
    way = Direction(TEXT, "text of clap")
    assert bridge.estimate.held_out[way].instance.r10.mean > 0.9
    assert bridge.estimate.null.shuffled[way].instance.r10.mean < 0.6
    assert report.estimate is None and bridge.centred == ()
    assert space.emergent([Direction(AUDIO, IMAGE)]) == [Direction(AUDIO, IMAGE)]
    for view in (IMAGE, TEXT):
        assert above_chance(r10(space, held, AUDIO, view)) > 5
    plain = from_pretrained(clip(truth))
    assert r10(space, held, TEXT, IMAGE) == r10(plain, held, TEXT, IMAGE)
    again = Space.load(space.save(tmp_path / "bridge"))
    assert again.fingerprint == space.fingerprint and again.report == report


def test_the_gap_between_views_is_taken_off_where_items_without_pairs_are_at_hand(
    truth: dict[str, str], learned: Dataset, held: Dataset
) -> None:
    alone = [
        replace(record, id=f"{record.id} {view}", items={view: record.items[view]})
        for record in learned.records
        for view in (TEXT, AUDIO)
    ]
    models = [clip(truth), clap(truth)]
    space = from_pretrained(models, replace(learned, records=alone))
    plain = from_pretrained(models, learned.select([TEXT]))
    assert isinstance(space.report, PretrainedReport)
    assert space.report.origin.bridges[0].centred == (AUDIO,)
    assert r10(space, held, AUDIO, IMAGE) > r10(plain, held, AUDIO, IMAGE) - 0.02
    assert above_chance(r10(space, held, AUDIO, IMAGE)) > 5


def test_a_bridge_is_measured_by_pairs_of_its_ends_and_refused_by_them(
    truth: dict[str, str], learned: Dataset
) -> None:
    space = from_pretrained([clip(truth), clap(truth)], learned)
    assert isinstance(space.report, PretrainedReport)
    row = space.report.held_out[Direction(AUDIO, IMAGE)].instance
    assert row.r10.mean > row.chance_r10.mean + 0.1
    assert Direction(AUDIO, IMAGE) in space.calibration
    deaf = clap({})  # sounds say nothing, so that texts and sounds of this model do not match
    with pytest.raises(NoSignalError, match="audio"):
        from_pretrained([clip(truth), deaf], learned)


def test_texts_of_a_file_and_those_that_come_with_the_package(
    truth: dict[str, str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    words = [list(table) for table in shapes.ATTRIBUTES.values()]
    lines = [" ".join(str(rng.choice(some)) for some in words) for _ in range(150)]
    (tmp_path / "texts.txt").write_text("\n".join([*lines, ""]))
    space = from_pretrained([clip(truth), clap(truth)], texts=tmp_path / "texts.txt")
    assert isinstance(space.report, PretrainedReport)
    items = space.report.origin.bridges[0].items
    assert (items.name, items.records) == ("texts.txt", len(set(lines)))
    with pytest.raises(InputError, match="cannot be read"):
        from_pretrained([clip(truth), clap(truth)], texts=tmp_path / "none.txt")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtifactError, match="pipe"):
        from_pretrained([clip(truth), clap(truth)], texts=tmp_path / "pipe")
    (tmp_path / "blank.txt").write_text("\n  \n")
    with pytest.raises(InputError, match=r"blank\.txt has no text"):
        from_pretrained([clip(truth), clap(truth)], texts=tmp_path / "blank.txt")
    # Words of the list say nothing to towers that know but scenes.
    with pytest.raises(NoSignalError, match="joined through text"):
        from_pretrained([clip(truth), clap(truth)])


def test_vectors_will_do_for_records(truth: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    towers = clip(truth)
    z = rng.normal(size=(90, 8))
    vectors = {
        TEXT: z @ rng.normal(size=(8, 40)) + 0.2 * rng.normal(size=(90, 40)),
        "sensor": z @ rng.normal(size=(8, 12)) + 0.2 * rng.normal(size=(90, 12)),
    }
    space = from_pretrained(towers, vectors)
    assert space.views == (TEXT, IMAGE, "sensor")
    with pytest.raises(InputError, match="gives 40 numbers, got 12"):
        from_pretrained(towers, {TEXT: vectors["sensor"], "sensor": vectors[TEXT]})


def mixed(truth: dict[str, str]) -> dict[str, Encoder]:
    return {TEXT: Tower(TEXT, "clip", truth), IMAGE: Tower(IMAGE, "siglip", truth)}


def test_mistakes_say_what_to_do(truth: dict[str, str], learned: Dataset) -> None:
    towers = clip(truth)
    for models, data, options, said in (
        (
            "color-hog",
            None,
            {},
            "color-hog reads image only, so there is nothing to join; name two",
        ),
        (mixed(truth), None, {}, "different spaces"),
        ({TEXT: Tower(TEXT, "x", {}, joint=""), IMAGE: towers[IMAGE]}, None, {}, "text lie in no"),
        (towers, learned, {"fix": ["video"]}, "no view 'video'; its views are text, image"),
        (towers, None, {"fix": [TEXT]}, "no data from which other heads could be learned"),
        (towers, learned.select([TEXT, IMAGE]), {"fix": [TEXT, IMAGE]}, "nothing to learn"),
        (towers, learned, {"encoders": {TEXT: "tfidf"}}, "the head of text stays"),
        ([towers, {m: clap(truth)[m] for m in (TEXT,)}], None, {}, "reads text only"),
        ([towers, towers], None, {}, "reads already"),
        ([], None, {}, "need a pretrained model"),
        (towers, None, {"texts": ["a", "b"]}, "texts join two models, and there is one"),
        (3, None, {}, "need its id, or the folder of a space, got an int"),
    ):
        with pytest.raises(InputError, match=said):
            from_pretrained(models, data, **options)  # type: ignore[arg-type]
    video = {"video": Tower("video", "other", {}), AUDIO: Tower(AUDIO, "other", {})}
    with pytest.raises(InputError, match="read nothing in common"):
        from_pretrained([towers, video])
    lone = learned.select([AUDIO])
    with pytest.raises(DataError, match="no record has two views"):
        from_pretrained(towers, lone, {AUDIO: "mfcc"})
