import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from isthmus.core.errors import ArtifactError, InputError, NotFittedError
from isthmus.core.item import Waveform
from isthmus.encoders.classic import ColorHogEncoder, MfccEncoder, TfidfEncoder

CAPTIONS = [
    "a red kangaroo",
    "a red fox",
    "a blue whale",
    "a blue train",
    "ein roter Fuchs",
    "une baleine bleue",
    "the steam train whistles",
    "a green tree frog",
]


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def tone(hertz, *, level=0.5, rate=22_050, seconds=1.0):
    t = np.arange(int(rate * seconds)) / rate
    return Waveform((level * np.sin(2 * np.pi * hertz * t)).astype(np.float32), rate)


def one(encoder, decoded):
    return encoder.encode([encoder.prepare(decoded)])[0]


def test_tfidf_must_be_fitted_first():
    encoder = TfidfEncoder()
    for call in (lambda: encoder.encode([("a",)]), encoder.state):
        with pytest.raises(NotFittedError, match="call fit"):
            call()
    with pytest.raises(InputError, match="two or more different captions to fit, got 1"):
        encoder.fit(["same", "same", " "])


def test_tfidf_puts_captions_that_share_words_together():
    encoder = TfidfEncoder().fit(CAPTIONS)
    fox, kangaroo, train = encoder.encode([("a red fox",), ("a red kangaroo",), ("the train",)])
    assert cosine(fox, kangaroo) > 0.2
    assert cosine(fox, train) < 0.05
    assert encoder.encode([("a red fox",)]).shape == (1, 128)
    assert cosine(one(encoder, ("blue wale",)), one(encoder, ("a blue whale",))) > 0.7


def test_tfidf_state_goes_through_json_and_gives_the_same_vectors():
    encoder = TfidfEncoder(dim=16).fit(CAPTIONS)
    document, tensors = encoder.state()
    again = TfidfEncoder.from_state(json.loads(json.dumps(document)), tensors)
    batch = [(text,) for text in [*CAPTIONS, "something else"]]
    assert np.array_equal(again.encode(batch), encoder.encode(batch))
    assert again.fingerprint == encoder.fingerprint
    assert encoder.fingerprint != TfidfEncoder(dim=16).fit(CAPTIONS[:5]).fingerprint
    with pytest.raises(ArtifactError, match=r"components: need the shape \(w=212, d\)"):
        TfidfEncoder.from_state(document, {**tensors, "idf": tensors["idf"][:-1]})


def test_tfidf_fits_the_same_twice():
    first, second = TfidfEncoder().fit(CAPTIONS), TfidfEncoder().fit(CAPTIONS)
    assert first.fingerprint == second.fingerprint


def test_tfidf_unknown_captions_are_unit_vectors_that_weigh_nothing_next_to_known_ones():
    encoder = TfidfEncoder().fit(CAPTIONS)
    unknown, other, known, both = encoder.encode(
        [("ξψω",), ("日本",), ("a red fox",), ("a red fox", "ξψω")]
    )
    assert np.array_equal(unknown, other)
    assert np.linalg.norm(unknown) == pytest.approx(1, abs=1e-6)
    assert cosine(both, known) > 0.999


def test_color_hog_tells_colours_apart():
    encoder = ColorHogEncoder()
    red, dark_red, blue = (
        one(encoder, Image.new("RGB", (90, 60), c)) for c in ("red", (230, 0, 0), "blue")
    )
    assert cosine(red, dark_red) == pytest.approx(1)
    assert cosine(red, blue) == pytest.approx(0)


def test_color_hog_tells_edges_apart_where_colours_agree():
    encoder = ColorHogEncoder()

    def stripes(vertical, shift):
        image = Image.new("RGB", (64, 64), "white")
        draw = ImageDraw.Draw(image)
        for start in range(shift, 64, 8):
            box = (start, 0, start + 3, 63) if vertical else (0, start, 63, start + 3)
            draw.rectangle(box, fill="black")
        return one(encoder, image)

    upright, moved, flat = stripes(True, 0), stripes(True, 1), stripes(False, 0)
    assert cosine(upright, moved) > 0.95
    assert cosine(upright, flat) < 0.75
    assert cosine(upright[:128], flat[:128]) > 0.99


@pytest.mark.parametrize("size", [(1, 2), (1, 500), (3000, 2)])
def test_color_hog_of_odd_shapes_is_finite_and_not_zero(size):
    vector = one(ColorHogEncoder(), Image.new("RGB", size, "white"))
    assert vector.shape == (512,)
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) >= 0.99


def test_mfcc_hears_pitch_more_than_loudness():
    encoder = MfccEncoder()
    base = one(encoder, tone(440))
    spread = base.std()
    near = np.linalg.norm(one(encoder, tone(445, level=0.45)) - base) / spread
    far = np.linalg.norm(one(encoder, tone(1760)) - base) / spread
    assert far > 5 * near


def test_mfcc_does_not_depend_on_the_rate_a_clip_was_stored_at():
    encoder = MfccEncoder()
    low, high = (one(encoder, tone(440, rate=rate)) for rate in (16_000, 48_000))
    assert cosine(low, high) > 0.99


def test_mfcc_separates_the_tones_of_a_scale():
    encoder = MfccEncoder()
    pitches = [220 * 2 ** (step / 3) for step in range(9)]
    bank = np.stack([one(encoder, tone(p)) for p in pitches])
    heard = np.stack([one(encoder, tone(p, level=0.4, seconds=0.7)) for p in pitches])
    distance = np.linalg.norm(heard[:, None] - bank[None], axis=2)
    assert distance.argmin(axis=1).tolist() == list(range(9))


@pytest.mark.parametrize("samples", [1, 399, 400, 16_000])
def test_mfcc_of_silence_is_finite_and_not_zero(samples):
    vector = one(MfccEncoder(), Waveform(np.zeros(samples, dtype=np.float32), 16_000))
    assert vector.shape == (60,)
    assert np.isfinite(vector).all()
    assert vector.any()


@pytest.mark.parametrize(
    ("encoder", "made"),
    [
        (
            ColorHogEncoder(),
            [Image.effect_noise((40 + i, 30), 60).convert("RGB") for i in range(5)],
        ),
        (MfccEncoder(), [tone(200 + 90 * i, seconds=0.3 + 0.1 * i) for i in range(5)]),
        (TfidfEncoder().fit(CAPTIONS), [(c,) for c in CAPTIONS]),
    ],
    ids=["color-hog", "mfcc", "tfidf"],
)
def test_one_by_one_equals_a_batch(encoder, made):
    prepared = [encoder.prepare(item) for item in made]
    batch = encoder.encode(prepared)
    single = np.concatenate([encoder.encode([item]) for item in prepared])
    assert batch.dtype == np.float32
    np.testing.assert_allclose(single, batch, atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    ("encoder", "decoded", "says"),
    [
        (ColorHogEncoder(), "text", "reads images, got str"),
        (MfccEncoder(), np.ones(5), "reads sound, got ndarray"),
        (MfccEncoder(), Waveform(np.zeros(0, np.float32), 8000), "mono samples"),
        (MfccEncoder(), Waveform(np.array([0, np.nan], np.float32), 8000), "finite samples"),
        (TfidfEncoder(), (" ", ""), "only blanks"),
        (TfidfEncoder(), 5, "reads text, got int"),
    ],
)
def test_what_cannot_be_encoded_is_refused(encoder, decoded, says):
    with pytest.raises(InputError, match=says):
        encoder.prepare(decoded)
