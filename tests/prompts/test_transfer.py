"""Libraries of sources, ways to start from them, and whether they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import ArtifactError, FingerprintError, InputError, IntegrityError
from isthmus.core.linalg import F64, l2_normalize
from isthmus.prompts.methods import method
from isthmus.prompts.support import Support
from isthmus.prompts.transfer import STARTS, Library, Source, transfer
from isthmus.prompts.transfer.library import KIND
from isthmus.prompts.transfer.starts import Mixture, Nearest, RankOne, attended, shares

DIM, CLASSES = 24, 6
TUNED = [method("text+mean")]
"""One method to fine-tune with, since to choose one takes a second."""


def task(seed: int, *, turn: F64 | None = None, shots: int = 4, noise: float = 0.15) -> Support:
    """Classes whose items are their words turned by a map, with noise."""
    rng = np.random.default_rng(seed)
    words = l2_normalize(rng.standard_normal((CLASSES, DIM)))
    labels = np.repeat(np.arange(CLASSES), shots)
    meant = words if turn is None else l2_normalize(words @ turn)
    items = meant[labels] + noise * rng.standard_normal((len(labels), DIM))
    return Support(words, l2_normalize(items), labels, 8.0)


def library() -> Library:
    """Two sources."""
    sources = tuple(
        Source.learn(f"task {seed}", [f"c{k}" for k in range(CLASSES)], task(seed))
        for seed in (1, 2)
    )
    return Library("f" * 32, "image", DIM, sources)


def same_task(noise: float, shots: int) -> tuple[Support, Source]:
    """A task with words that mislead, and a source that knows where each class lies."""
    rng = np.random.default_rng(5)
    words, lies = (l2_normalize(rng.standard_normal((CLASSES, DIM))) for _ in range(2))

    def draw(n: int, spread: float) -> Support:
        labels = np.repeat(np.arange(CLASSES), n)
        items = lies[labels] + spread * rng.standard_normal((len(labels), DIM))
        return Support(words, l2_normalize(items), labels, 8.0)

    return draw(shots, noise), Source.learn("known", list("abcdef"), draw(40, 0.05))


def test_displacements_are_what_was_learned_minus_words() -> None:
    support = task(3)
    source = Source.learn("s", list("abcdef"), support)
    blended = 4.0 * support.words + support.counts[:, None] * support.means
    np.testing.assert_allclose(
        source.words + source.displacements, l2_normalize(blended), atol=1e-12
    )


def test_classes_without_a_shot_are_no_part_of_a_source() -> None:
    support = task(3)
    known = support.take(support.labels != 2)
    assert Source.learn("s", list("abcdef"), known).classes == ("a", "b", "d", "e", "f")
    with pytest.raises(InputError, match="no class has both"):
        Source.learn("s", list("abcdef"), support.take(np.zeros(0, dtype=np.intp)))


def test_a_library_comes_back_as_it_was(tmp_path: Path) -> None:
    known = library()
    read = Library.load(known.save(tmp_path / "prompts"))
    assert (read.space, read.view, read.dim) == (known.space, known.view, known.dim)
    for a, b in zip(read.sources, known.sources, strict=True):
        assert (a.name, a.classes, a.shots) == (b.name, b.classes, b.shots)
        np.testing.assert_allclose(a.displacements, b.displacements, atol=1e-6)
        np.testing.assert_allclose(a.words, b.words, atol=1e-6)


def test_sources_are_replaced_removed_and_of_one_space() -> None:
    known = library()
    assert [s.name for s in known.with_source(known.sources[0]).sources] == ["task 2", "task 1"]
    assert [s.name for s in known.without("task 1").sources] == ["task 2"]
    with pytest.raises(InputError, match="Did you mean 'task 1'"):
        known.without("task1")
    with pytest.raises(FingerprintError, match="learn its sources again"):
        known.check_space("0" * 32, "image")
    with pytest.raises(InputError, match="of the view 'image'"):
        known.check_space(known.space, "audio")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.update(dim=DIM + 1), "need floats"),
        (lambda d: d["sources"][0].update(classes=["a"]), "1 class, words"),
        (lambda d: d["sources"][0].update(name="task 2"), "one name"),
        (lambda d: d["sources"][0].update(name="x" * 999), "at most 10,000 classes"),
        (lambda d: d["sources"][0].update(shots=-1), "learned from -1"),
        (lambda d: d["sources"].append(d["sources"][0]), "got nothing"),
        (lambda d: d.update(more=1), "unknown"),
    ],
)
def test_a_library_of_a_stranger_is_checked(tmp_path: Path, change, match: str) -> None:
    from isthmus.core.artifact import load_artifact, save_artifact

    folder = library().save(tmp_path / "prompts")
    document, tensors = load_artifact(folder, KIND)
    change(document)
    save_artifact(folder, KIND, document, tensors)
    with pytest.raises(ArtifactError, match=match):
        Library.load(folder)


def test_numbers_that_are_not_finite_and_damage_are_refused(tmp_path: Path) -> None:
    from isthmus.core.artifact import load_artifact, save_artifact

    folder = library().save(tmp_path / "prompts")
    document, tensors = load_artifact(folder, KIND)
    tensors["displacements.0"] = np.full_like(tensors["displacements.0"], np.nan)
    save_artifact(folder, KIND, document, tensors)
    with pytest.raises(ArtifactError, match="not finite"):
        Library.load(folder)
    whole = json.loads((folder / "isthmus.json").read_text())
    whole["document"]["view"] = "audio"
    (folder / "isthmus.json").write_text(json.dumps(whole))
    with pytest.raises(IntegrityError, match="checksum"):
        Library.load(folder)


def test_the_nearest_class_text_gives_its_displacement() -> None:
    support, source = same_task(0.2, 2)
    begun = Nearest().begin(support, [source], {"amount": 1.0}).support
    np.testing.assert_allclose(
        begun.words, l2_normalize(support.words + source.displacements), atol=1e-12
    )


def test_shares_name_the_source_that_the_shots_are_made_of() -> None:
    support, source = same_task(0.05, 4)
    other = Source.learn("other", list("abcdef"), task(9))
    said = np.stack([attended(support.words, each) for each in (other, source)])
    found = shares(support, said)
    assert found[1] > found[0] >= 0
    begun = Mixture().begin(support, [other, source], {"amount": 1.0})
    assert begun.weights == {"other": found[0], "known": found[1]}


def test_without_shots_sources_share_equally() -> None:
    support = task(3).take(np.zeros(0, dtype=np.intp))
    said = np.stack([attended(support.words, each) for each in library().sources])
    np.testing.assert_array_equal(shares(support, said), [0.5, 0.5])


def test_rank_one_moves_along_a_shared_part_and_one_direction() -> None:
    support = task(3)
    begun = RankOne().begin(support, library().sources, {"amount": 1.0}).support
    steps = np.vstack([each.displacements for each in library().sources])
    shared = steps.mean(axis=0)
    along = np.linalg.svd(steps - shared)[2][0]
    basis = np.linalg.qr(np.column_stack([shared, along]))[0]
    for word, moved in zip(support.words, begun.words, strict=True):
        plane = np.column_stack([word, basis])
        left = moved - plane @ np.linalg.lstsq(plane, moved, rcond=None)[0]
        assert np.abs(left).max() < 1e-6


def test_a_transfer_that_helps_is_kept_and_cross_validated() -> None:
    support, source = same_task(0.5, 4)
    done = transfer(support, [source], methods=TUNED)
    assert done.start == "nearest" and done.weights == {"known": 1.0}
    best = done.trials[0]
    assert best.helps and best.gain > 0
    shots, tried = "24 shots that were left out", len(done.trials) - 1
    assert done.reason == (
        f"it helped by more than 2 standard errors on {shots}; the figures of the best of {tried} "
        "are too good"
    )
    assert done.nested is not None and done.nested.gain > 0.05
    assert done.nested.chosen.accuracy > done.nested.words.accuracy


def test_a_transfer_that_hurts_is_reported_and_not_used() -> None:
    support = task(3, noise=0.4)
    step = -2.0 * support.words + 2.0 * np.roll(support.words, 1, axis=0)
    wrong = Source("wrong", tuple("abcdef"), support.words, step, 6)
    done = transfer(support, [wrong], methods=TUNED)
    assert done.start == "none" and done.weights == {}
    assert "nearest" in {each.start for each in done.negative}
    none = next(each for each in done.trials if each.start == "none")
    worst = done.trials[-1]
    assert worst.gain < 0 and worst.figures.accuracy < none.figures.accuracy
    words = done.choice.log_probabilities(support.words)
    assert (words.argmax(axis=1) == np.arange(CLASSES)).all()


def test_random_sources_are_hardly_ever_kept() -> None:
    kept = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        step = rng.standard_normal((CLASSES, DIM)) / np.sqrt(DIM)
        words = l2_normalize(rng.standard_normal((CLASSES, DIM)))
        source = Source("random", tuple("abcdef"), words, step, 6)
        kept += (
            transfer(task(100 + seed, shots=2, noise=0.4), [source], methods=TUNED).start != "none"
        )
    assert kept <= 3


def test_one_shot_a_class_leaves_nothing_to_judge_by() -> None:
    done = transfer(task(3, shots=1), library().sources, methods=TUNED)
    assert done.start == "none" and "no class has two shots" in done.reason
    assert done.trials == () and done.nested is None


def test_sources_are_sorted_by_their_texts_and_cut() -> None:
    support, source = same_task(0.3, 2)
    done = transfer(support, [*library().sources, source], methods=TUNED, most=2)
    assert done.sources[0] == ("known", pytest.approx(1.0))
    assert len(done.sources) == 2


def test_what_cannot_be_transferred_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to transfer from"):
        transfer(task(1), [])
    other = Source("o", ("a",), np.eye(3)[:1], np.eye(3)[:1], 1)
    with pytest.raises(InputError, match="has 3 dimensions"):
        transfer(task(1), [other])
    support = task(1)
    nameless = Support(np.zeros_like(support.words), support.items, support.labels, 8.0)
    with pytest.raises(InputError, match="give the classes of the task names"):
        transfer(nameless, library().sources)


@pytest.mark.parametrize("start", STARTS, ids=lambda each: each.name)
def test_a_start_leaves_shots_and_unnamed_classes_alone(start) -> None:
    support = task(3)
    words = support.words.copy()
    words[0] = 0.0
    bare = Support(words, support.items, support.labels, 8.0)
    for params in start.grid:
        begun = start.begin(bare, library().sources, params).support
        assert not begun.words[0].any()
        np.testing.assert_array_equal(begun.items, bare.items)
