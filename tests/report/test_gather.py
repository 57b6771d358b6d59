from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.report import examples, map_points, text_queries
from isthmus.report.kit.words import caption_of


def test_examples_cover_every_direction_and_know_the_truth(made) -> None:
    found = examples(made.space, made.held, made.test, per_direction=3, seed=0)
    names = [str(example.direction) for example in found]
    assert len(found) == 6 * 3
    assert set(names) == {
        "text→image", "image→text", "text→audio", "audio→text", "image→audio", "audio→image",
    }  # fmt: skip
    by_item = {item.id: r for r in made.test.records for item in r.items.values()}
    for example in found:
        assert example.direction is not None
        query, gallery = example.direction.query, example.direction.gallery
        partner = by_item[example.query.id].items[gallery].id
        assert [each.true for each in example.found] == [
            each.item.id == partner for each in example.found
        ]
        assert len(example.found) == 5
        scores = [each.score for each in example.found]
        assert scores == sorted(scores, reverse=True)
        rank = int(example.note.split("rank ")[1].split(" of")[0])
        assert (rank <= 5) == any(each.true for each in example.found)
        assert example.note.endswith("of 30.")
        assert (example.caption is None) == (query == "text")


def test_examples_are_drawn_by_seed_and_not_by_outcome(made) -> None:
    def drawn(seed: int) -> list[str]:
        return [e.query.id for e in examples(made.space, made.held, made.test, seed=seed)]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    everything = examples(made.space, made.held, made.test, per_direction=30)
    top = sum(any(each.true for each in e.found) for e in everything)
    assert 0 < top < len(everything)


def test_examples_say_which_pairs_were_trained_on(made) -> None:
    seen = examples(made.space, made.trained, made.train)
    unseen = examples(made.space, made.held, made.test)
    assert all(example.trained for example in seen)
    assert not any(example.trained for example in unseen)


def test_rows_without_a_record_are_refused(made) -> None:
    with pytest.raises(DataError, match="has no record 'scene-0060'"):
        examples(made.space, made.held, made.train)
    with pytest.raises(DataError, match="carry no record ids"):
        examples(made.space, replace(made.held, ids=()), made.test)


def test_words_find_media_of_every_modality_there_is(made) -> None:
    typed = [("en", "a large red star"), ("zh", "左边有一个红色的大圆形")]
    found = text_queries(made.space, typed, made.held, made.test, ["image", "audio", "video"])
    assert [(q.language, str(q.direction)) for q in found] == [
        ("en", "text→image"), ("en", "text→audio"), ("zh", "text→image"), ("zh", "text→audio"),
    ]  # fmt: skip
    assert not any(query.judged for query in found)
    captions = [each.caption or "" for each in found[0].found]
    assert any("red" in caption or "star" in caption for caption in captions)


def test_words_that_cannot_be_used_are_listed_with_the_reason(made) -> None:
    (found,) = text_queries(made.space, [("en", "  ")], made.held, made.test, ["image"])
    assert found.found == () and found.direction is None
    assert "could not be used" in found.note


def test_the_map_draws_partners_together_and_keeps_the_limit(made) -> None:
    points = map_points(made.space, made.held, made.test, limit=10, seed=3)
    assert points.xy.shape == (30, 2)
    assert np.isfinite(points.xy).all()
    assert points.views.count("image") == 10
    assert points.records is not None
    assert len(set(points.records)) == 10
    assert {item.modality for item in points.items} == {"text", "image", "audio"}
    again = map_points(made.space, made.held, made.test, limit=10, seed=3)
    np.testing.assert_array_equal(points.xy, again.xy)


def test_the_map_of_few_points_is_two_principal_axes(made) -> None:
    rows = np.arange(len(made.held)) < 4
    points = map_points(made.space, made.held.take(rows), made.test)
    assert points.method == "PCA"
    axes = np.asarray(points.xy, dtype=float)
    assert abs((axes[:, 0] * axes[:, 1]).sum()) < 1e-4  # principal axes are uncorrelated
    assert axes[:, 0].var() >= axes[:, 1].var()


def test_the_map_says_when_it_is_tsne(made) -> None:
    pytest.importorskip("sklearn")
    assert map_points(made.space, made.held, made.test, limit=15).method == "t-SNE"


def test_a_map_of_nothing_is_refused(made) -> None:
    with pytest.raises(DataError, match="at least 2 points"):
        map_points(made.space, made.held.take(np.arange(1)), Dataset("x", made.test.records))


def test_captions_in_files_are_read(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("a red star\n", encoding="utf-8")
    item = MediaItem.from_path(tmp_path / "a.txt", "text")
    assert caption_of(item) == "a red star"
    (tmp_path / "a.txt").unlink()
    assert caption_of(item) is None
    assert caption_of(MediaItem.from_vector(np.ones(3), source="row 1")) is None
    assert caption_of(MediaItem.from_text(list("abcde"))) == "a · b · c · 2 more"
