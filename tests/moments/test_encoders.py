"""Moments know which encoders made their vectors, and never add up those of two."""

import numpy as np
import pytest

from isthmus.aligners import CCA
from isthmus.core.artifact import load_artifact, save_artifact
from isthmus.core.encoded import EncodedBy
from isthmus.core.errors import ArtifactError, DataError, FingerprintError
from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.encoders.classic import TfidfEncoder
from isthmus.fusion import Target, make
from isthmus.moments import Moments, of_rest, of_rows
from isthmus.moments.selected import SelectedMoments
from isthmus.pipeline import prepare

ONE, OTHER = EncodedBy("hog", "1" * 64), EncodedBy("clip", "2" * 64)
WORDS = ["a red kite", "two blue boats", "the old mill", "rain at sea", "a cat asleep", "no snow"]


def rows(seed: int = 0, n: int = 12, **encoders: EncodedBy) -> PairedVectors:
    rng = np.random.default_rng(seed)
    vectors = {"photo": rng.normal(size=(n, 4)), "caption": rng.normal(size=(n, 3))}
    return PairedVectors(vectors, encoders=encoders)


def written(name: str, words: list[str]) -> Dataset:
    question = [MediaItem.from_text(text) for text in words]
    answer = [MediaItem.from_text(text[::-1]) for text in words]
    pairs = enumerate(zip(question, answer, strict=True))
    return Dataset(name, [Record(str(i), {"question": q, "answer": a}) for i, (q, a) in pairs])


def test_vectors_of_two_encoders_are_not_combined() -> None:
    first, second = Moments.of(rows(photo=ONE)), Moments.of(rows(1, photo=OTHER))
    before = first.fingerprint
    said = (
        r"photo: cannot combine vectors of hog \(fingerprint 111111111111\) with vectors of clip "
        r"\(fingerprint 222222222222\); encode both with the same encoder"
    )
    for combine in (
        lambda: first + second,
        lambda: first - second,
        lambda: sum([first, second]),
        lambda: first.update(rows(1, photo=OTHER)),
        lambda: first + 0.5 * second,
        lambda: CCA().fit(rows(photo=ONE)).partial_fit(rows(1, photo=OTHER)),
    ):
        with pytest.raises(FingerprintError, match=said):
            combine()
    assert (first.fingerprint, first.encoders) == (before, {"photo": ONE})


def test_an_unknown_encoder_beside_a_known_one_keeps_the_known() -> None:
    known, unknown = Moments.of(rows(photo=ONE)), Moments.of(rows(1))
    both = {"photo": ONE, "caption": OTHER}
    assert (known + unknown).encoders == (unknown + known).encoders == {"photo": ONE}
    assert (known + Moments.of(rows(1, caption=OTHER))).encoders == both
    assert Moments({"photo": 4}).update(rows(**both)).encoders == {"photo": ONE}
    for same in (known * 0.5, (known + unknown) - unknown, known.moved({"photo": np.ones(4)})):
        assert same.encoders == {"photo": ONE}
    scaled = known.mapped({"photo": (np.zeros(4), np.eye(4)), "caption": (np.zeros(3), np.eye(3))})
    assert scaled.encoders == {}  # no longer what the encoder said


def test_rows_keep_their_encoders() -> None:
    pairs = rows(photo=ONE, caption=OTHER)
    assert pairs.take(np.arange(3)).encoders == {"photo": ONE, "caption": OTHER}
    assert pairs.select(["caption"]).encoders == {"caption": OTHER}
    assert of_rows(pairs.take(np.arange(2))).encoders == pairs.encoders
    out = np.arange(12) < 4
    assert of_rest(of_rows(pairs), pairs, out).encoders == pairs.encoders
    assert SelectedMoments(Moments.of(pairs), ["photo"]).encoders == {"photo": ONE}
    encoder = TfidfEncoder(dim=4).fit(WORDS)
    assert rows(photo=encoder).encoders == {"photo": EncodedBy("tfidf", encoder.fingerprint)}
    with pytest.raises(DataError, match="there are encoders for sound, but no vectors"):
        rows(sound=ONE)


def test_encoders_survive_an_artifact_and_old_files_load(tmp_path) -> None:
    moments = Moments.of(rows(photo=ONE))
    save_artifact(tmp_path / "m", "moments", *moments.state())
    document, tensors = load_artifact(tmp_path / "m", "moments")
    again = Moments.from_state(document, tensors)
    assert again.encoders == {"photo": ONE}
    with pytest.raises(FingerprintError, match="photo"):
        again + Moments.of(rows(photo=OTHER))
    with pytest.raises(ArtifactError, match="an encoder of 'smell', but no such view"):
        wrong = {**document, "encoders": {"smell": document["encoders"]["photo"]}}
        Moments.from_state(wrong, tensors)
    del document["encoders"]
    old = Moments.from_state(document, tensors)
    assert (old.encoders, old.fingerprint) == ({}, moments.fingerprint)


def test_what_is_encoded_knows_its_encoders() -> None:
    """One id fitted on two sets of texts is two encoders."""
    apart = [
        prepare(written(name, words), {"question": "tfidf", "answer": "tfidf"})
        for name, words in (("monday", WORDS), ("tuesday", [*WORDS[::-1], "a green hill"]))
    ]
    assert apart[0].pairs.encoders["question"].fingerprint == (
        apart[0].encoders["question"].fingerprint
    )
    with pytest.raises(FingerprintError, match=r"tfidf .* with vectors of tfidf .* only once"):
        Moments.of(apart[0].pairs) + Moments.of(apart[1].pairs)
    fitted = apart[0].encoders
    again = prepare(written("tuesday", WORDS[::-1]), fitted)
    assert (Moments.of(apart[0].pairs) + Moments.of(again.pairs)).count("question") == 12


def test_vectors_of_ones_own_have_no_known_encoder() -> None:
    """Files of one model differ in name, which makes no other model of it."""
    days = [prepare(rows(seed)).pairs for seed in range(2)]
    assert days[0].encoders == {}
    assert (Moments.of(days[0]) + Moments.of(days[1])).count("photo") == 24


def test_a_predictor_takes_no_rows_of_another_encoder() -> None:
    target = Target("classes", np.arange(12) % 2, ("a", "b"))
    fusion = make("late", inner="moments").fit(rows(photo=ONE), target)
    with pytest.raises(FingerprintError, match="photo: cannot combine vectors of hog"):
        fusion.partial_fit(rows(1, photo=OTHER), target)
    fusion.partial_fit(rows(1, photo=ONE), target)
