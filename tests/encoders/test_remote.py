"""Encoders behind an address: dialects, faults, keys, and what is encoded twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.encoders.speaking import DIM, Reply, failing, server, speaks, unit, vector_of

from isthmus import encoders
from isthmus.audit import check_encoder
from isthmus.core.contracts import joint_of
from isthmus.core.errors import (
    InputError,
    IsthmusError,
    PartlyEncodedError,
    RemoteError,
    UntrustedError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.encoders import load, resolve
from isthmus.encoders.remote import RemoteEncoder, asking
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.encode import encode_items
from isthmus.space.encoder_ref import EncoderRef

TEXTS = ["a cat", "a dog that runs", "雨", "http://10.0.0.1/x.png", "/etc/hostname"]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were to be waited; none are."""
    waited: list[float] = []
    made = RemoteEncoder.__init__

    def init(self: RemoteEncoder, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        self._asker.pause, self._asker.share = waited.append, lambda: 1.0

    monkeypatch.setattr(RemoteEncoder, "__init__", init)
    encoders._build_once.cache_clear()
    return waited


def spec(address: str, dialect: str = "openai", **options: object) -> str:
    path = "" if dialect in ("tei", "infinity") else "/v1"
    model = {} if dialect == "tei" else {"model": "tiny"}
    told = "&".join(f"{k}={v}" for k, v in {"dialect": dialect, **model, **options}.items())
    return f"{address}{path}?{told}"


def items(*texts: str) -> list[MediaItem]:
    return [MediaItem.from_text(text) for text in texts]


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("dialect", ["openai", "tei", "infinity", "vllm", "jina"])
def test_every_dialect_carries_texts_in_their_order_and_as_text_only(dialect: str) -> None:
    with server() as (address, log):
        encoder = load(spec(address, dialect), modality="text")
        vectors = encoder.encode([encoder.prepare((text,)) for text in TEXTS])
    np.testing.assert_allclose(vectors, [unit(text) for text in TEXTS], atol=1e-6)
    assert sorted(map(str, log.contents[1:])) == sorted(TEXTS)  # behind the one that finds the dim
    assert encoder.dim == DIM and vectors.dtype == np.float32
    sent = json.dumps([body for _, body, _ in log])
    assert "image" not in sent and "data:" not in sent


@pytest.mark.parametrize("dialect", ["infinity", "vllm", "jina"])
def test_pictures_are_sent_as_the_pixels_that_they_have(dialect: str) -> None:
    pictures = [picture(seed) for seed in range(3)]
    with server() as (address, log):
        encoder = load(spec(address, dialect, modality="image", dim=DIM))
        vectors = encoder.encode([encoder.prepare(each) for each in pictures])
    expected = []
    for each in pictures:
        pixels = np.asarray(each).tolist()
        expected.append(vector_of((pixels,) if dialect == "vllm" else pixels))
    np.testing.assert_array_equal(vectors, np.array(expected, dtype=np.float32))
    assert len(log) == (3 if dialect == "vllm" else 1)


def test_large_pictures_are_shrunk_and_the_size_is_in_the_fingerprint() -> None:
    name = "http://localhost:1?dialect=infinity&model=m&modality=image"
    encoder = load(name, side=64)
    sent = encoder.prepare(picture(size=(200, 100)))
    assert sent.startswith(b"\x89PNG") and encoder.image_side == 128
    import io

    assert Image.open(io.BytesIO(sent)).size == (64, 32)
    assert encoder.fingerprint != load(name, side=65).fingerprint


def test_sound_goes_to_infinity_as_a_wav() -> None:
    samples = np.sin(np.arange(4000) / 20).astype(np.float32) * 0.5
    with server() as (address, log):
        encoder = load(spec(address, "infinity", modality="audio", rate=8000, dim=DIM))
        encoder.encode([encoder.prepare(Waveform(samples, 8000))])
    rate, heard = log.contents[0]  # type: ignore[misc]
    assert rate == 8000 and len(heard) == 4000
    np.testing.assert_allclose(np.array(heard) / 32768, samples, atol=1 / 16384)


def test_prompts_and_dimensions_are_asked_for() -> None:
    with server() as (address, log):
        encoder = load(spec(address, prompt="query: ", dimensions=4))
        assert encoder.dim == 4 and encoder.encode([("cat",)]).shape == (1, 4)
        looking = load(spec(address, "vllm", modality="image", prompt="Describe.", dim=DIM))
        looking.encode([looking.prepare(picture())])
    assert log[0][1]["input"] == ["query: cat"] and log[0][1]["dimensions"] == 4
    assert log[1][1]["messages"][0]["content"][1] == {"type": "text", "text": "Describe."}


def test_several_captions_of_an_item_are_pooled() -> None:
    with server() as (address, _):
        encoder = load(spec(address, dim=DIM))
        (vector,) = encoder.encode([("a cat", "eine Katze")])
    mean = unit("a cat") + unit("eine Katze")
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("http://h/v1?model=m", "needs a dialect.*dialect=openai .http://localhost:8000/v1.*jina"),
        ("http://h/v1?model=m&dialect=opnai", "does not know the dialect 'opnai'"),
        ("http://h/v1?dialect=openai", "model=NAME"),
        ("http://h?dialect=infinity&model=m", "modality=text or modality=image or modality=audio"),
        ("http://h/v1?dialect=openai&model=m&modality=image", "carries text, not image"),
        ("http://h?dialect=tei&dimensions=8", "cannot ask for dimensions"),
        ("http://h/v1?dialect=vllm&model=m&modality=text&batch_size=8", "takes 1 item a request"),
        ("http://h/v1?dialect=jina&model=m&modality=image&prompt=x", "in front of texts"),
        ("http://h/v1?dialect=openai&model=m&batch_size=9999", "batch_size must be 1 to 2048"),
        ("http://h/v1?dialect=openai&model=m&threads=0", "threads must be 1 to 64, got 0"),
        ("http://h/v1?dialect=openai&model=m&timeout=0", "timeout must be a number of seconds"),
        ("http://h/v1?dialect=openai&model=m&dim=5&dimensions=6", "leave out dim"),
        ("http://me:secret@h/v1?dialect=openai&model=m", "holds a name or a password"),
        ("http://[::1/v1?dialect=openai&model=m", "no address of an encoder"),
        ("http://h/v1?dialect=openai&model=m&model_name=x", "its options"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(name: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        load(name)


@pytest.mark.parametrize("key", ["sk-abcdef", "jina_0123456789abcdefXYZ", "sk_live"])
def test_a_key_in_the_place_of_its_name_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InputError, match="NAME of an environment variable") as caught:
        load(f"http://h/v1?dialect=openai&model=m&key={key}")
    assert key not in str(caught.value)


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuses = failing([(401, {"error": "wrong key s3cr3t"}, {})])
    with server(refuses) as (address, log):
        encoder = load(spec(address, key="A_KEY", dim=DIM))
        with pytest.raises(RemoteError, match="export A_KEY="):
            encoder.encode([("cat",)])
        assert log == []
        monkeypatch.setenv("A_KEY", "s3cr3t")
        with pytest.raises(RemoteError, match="401") as caught:
            encoder.encode([("cat",)])
        encoder.encode([("cat",)])
    assert log[0][2]["Authorization"] == "Bearer s3cr3t"
    told = [str(caught.value), repr(vars(encoder)), json.dumps(encoder.options()), encoder.id]
    assert not any("s3cr3t" in each for each in told)


def test_an_answer_that_is_the_key_is_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "s3cr3t")
    for before in ("Bearer ", "x" * 77):
        with (
            server(failing([(200, f"{before}s3cr3t".encode(), {})])) as (address, _),
            pytest.raises(RemoteError, match="does not speak") as caught,
        ):
            load(spec(address, key="A_KEY", dim=DIM)).encode([("cat",)])
        assert "s3c" not in str(caught.value)


def test_a_key_does_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "s3cr3t")
    with server() as (other, stolen):
        moved = failing([(307, b"", {"Location": f"{other}/v1/embeddings"})])
        with (
            server(moved) as (address, log),
            pytest.raises(RemoteError, match=r"answers 307.*is not followed"),
        ):
            load(spec(address, key="A_KEY", dim=DIM)).encode([("cat",)])
    assert stolen == [] and len(log) == 1


def test_options_make_the_same_encoder_again() -> None:
    with server() as (address, log):
        first = load(spec(address, "jina"), modality="text", prompt="q: ", threads=2, timeout=9)
        options = first.options()
        assert options["dim"] == DIM and options["threads"] == 2 and options["timeout"] == 9
        asked = len(log)
        again = load(spec(address, "jina"), **options)
        assert again.fingerprint == first.fingerprint and again.dim == DIM
        assert again.options() == options and len(log) == asked


def test_fingerprints_tell_what_is_asked_and_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    base = "http://nobody.invalid/v1?dialect=jina&model=m&modality=text&key=NOT_SET"
    others = ["&revision=2", "&prompt=q: ", "&dimensions=8"]
    prints = {load(base + other).fingerprint for other in ["", *others]}
    prints.add(load(base.replace("model=m", "model=n")).fingerprint)
    prints.add(load(base.replace("modality=text", "modality=image")).fingerprint)
    assert len(prints) == 6
    same = [load(base + other).fingerprint for other in ("&dim=4", "&threads=1", "&retries=0")]
    assert set(same) == {load(base).fingerprint}


def test_towers_of_one_server_lie_in_one_space() -> None:
    base = "http://h/v1?dialect=jina&model=m&modality="
    text, image = load(base + "text"), load(base + "image&side=100")
    assert joint_of(text) == joint_of(image) != ""
    assert joint_of(load(base.replace("=m&", "=n&") + "text")) != joint_of(text)
    assert joint_of(load("http://h/v1?dialect=openai&model=m")) == ""
    assert encoders.modalities("http://h/v1?dialect=jina&model=m") == ("text", "image")
    assert encoders.modalities("http://h/v1?dialect=openai&model=m") == ("text",)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again_with_growing_pauses(
    status: int, pauses: list[float]
) -> None:
    with server(failing([(status, b"busy", {})] * 3)) as (address, log):
        vectors = load(spec(address, dim=DIM)).encode([("cat",)])
    np.testing.assert_allclose(vectors[0], unit("cat"), atol=1e-6)
    assert len(log) == 4 and pauses == [0.5, 1.0, 2.0]


def test_pauses_are_as_long_as_the_server_asks(pauses: list[float]) -> None:
    with server(failing([(429, b"", {"Retry-After": "7"})])) as (address, _):
        load(spec(address, dim=DIM)).encode([("cat",)])
    assert pauses == [7.0]
    ages = failing([(503, b"", {"Retry-After": "3600"})])
    with server(ages) as (address, log), pytest.raises(RemoteError, match="come back in 3,600 s"):
        load(spec(address, dim=DIM)).encode([("cat",)])
    assert len(log) == 1


def test_a_date_to_come_back_is_read() -> None:
    from isthmus.core.web import _seconds

    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert _seconds("Fri, 31 Dec 9999 23:59:59 GMT") > asking.LONGEST_WAIT  # type: ignore[operator]
    for far in ("Fri, 31 Dec 2027 23:59:59 +99999999999999", "Mon, 01 Jan 0001 00:00:00 +2359"):
        assert _seconds(far) in (None, 0.0)
    assert _seconds("9" * 400) == 1e9
    assert _seconds("soon") is None and _seconds(None) is None and _seconds("12") == 12.0


def test_a_server_that_is_not_there_ends_the_run_after_the_retries(pauses: list[float]) -> None:
    with server() as (address, _):
        pass
    with pytest.raises(RemoteError, match="cannot be reached"):
        load(spec(address, dim=DIM, retries=2)).encode([("cat",)])
    assert len(pauses) == 2


def reply(document: object) -> Reply:
    return 200, document, {}


def rows(*vectors: object, first: int = 0) -> Reply:
    data = [{"index": first + i, "embedding": vector} for i, vector in enumerate(vectors)]
    return reply({"data": data})


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (reply(b"<html>hello"), "does not speak the dialect 'openai'.*hello"),
        (reply(b'{"data": [{"index": 0, "emb'), "does not speak"),
        (reply(b"[" * 100_000), "nested too deeply"),
        (reply([]), "no data with index"),
        (reply({"data": [{"index": 0}]}), "no data with index and embedding"),
        (reply({"data": {"index": 0}}), "no data with index"),
        (rows([1.0] * DIM, first=5), "an index is missing"),
        (reply(b'{"data": [{"index": Infinity, "embedding": [1]}]}'), "index is no whole number"),
        (reply(b'{"data": [{"index": 1e400, "embedding": [1]}]}'), "index is no whole number"),
        (reply(b'{"data": [{"index": 0.9, "embedding": [1]}]}'), "index is no whole number"),
        (reply(b'{"data": [{"index": "0", "embedding": [1]}]}'), "index is no whole number"),
        (reply(b'{"data": [{"index": false, "embedding": [1]}]}'), "index is no whole number"),
        (rows("AAAA"), "no list of numbers"),
        (rows([True] * DIM), "no list of numbers"),
        (rows(["1"] * DIM), "no list of numbers"),
        (rows([10**400] * DIM), "too large|Exceeds"),
        (rows([1.0] * (DIM + 1)), f"a vector of {DIM + 1} numbers, need {DIM}.*another model"),
        ((404, b"no such model", {}), "answers 404.*no such model.*check the address"),
        ((200, b" " * (65 * 2**20), {}), "answers more than 67,108,864 bytes"),
    ],
)
def test_what_is_not_the_dialect_ends_the_run_with_one_line(answer: Reply, match: str) -> None:
    with (
        server(lambda *_: answer) as (address, log),
        pytest.raises(RemoteError, match=match) as caught,
    ):
        load(spec(address, dim=DIM)).encode([("cat",)])
    assert len(log) == 1 and "\n" not in str(caught.value)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    short = (200, b'{"data": [', {"Content-Length": "500"})
    with server(failing([short])) as (address, log):
        vectors = load(spec(address, dim=DIM, timeout=5)).encode([("cat",)])
    assert len(log) == 2
    np.testing.assert_allclose(vectors[0], unit("cat"), atol=1e-6)


def without(bad: str, status: int = 400) -> Any:
    """A server that refuses a request in which something stands."""

    def answer(path: str, body: dict[str, Any]) -> Reply:
        if bad in json.dumps(body):
            return status, {"error": "too long"}, {}
        return speaks(path, body)

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_item_that_is_refused_fails_alone(status: int) -> None:
    texts = [f"text {i}" for i in range(16)]
    texts[11] = "BAD"
    with server(without("BAD", status)) as (address, log):
        encoder = load(spec(address, dim=DIM, batch_size=16, threads=1))
        done = encode_items(items(*texts), encoder)
    assert done.ok.tolist() == [text != "BAD" for text in texts]
    assert f"answers {status}" in done.failures[0].reason and len(done.failures) == 1
    assert len(log) <= 11  # 16 → 8 + 8 → …, and not one by one


def test_half_a_batch_or_vectors_of_two_lengths_cost_only_the_items_concerned() -> None:
    def halves(path: str, body: dict[str, Any]) -> Reply:
        status, document, headers = speaks(path, body)
        if len(body["input"]) > 2:
            document["data"] = document["data"][::-1][: len(body["input"]) // 2]
        if "odd" in body["input"]:
            for each in document["data"]:
                if each["index"] == body["input"].index("odd"):
                    each["embedding"].append(1.0)
        return status, document, headers

    texts = ["a", "b", "c", "odd", "d", "e"]
    with server(halves) as (address, _):
        done = encode_items(items(*texts), load(spec(address)))
    assert done.ok.tolist() == [text != "odd" for text in texts]
    np.testing.assert_allclose(done.vectors[0], unit("a"), atol=1e-6)


@pytest.mark.parametrize("hole", ["NaN", "null", "1e999"])
def test_nan_costs_the_item_and_is_not_kept(hole: str, tmp_path: Any) -> None:
    def holes(path: str, body: dict[str, Any]) -> Reply:
        status, document, headers = speaks(path, body)
        for each in document["data"]:
            if body["input"][each["index"]] == "hole":
                each["embedding"][2] = 123456.5
        return status, json.dumps(document).replace("123456.5", hole).encode(), headers

    cache = VectorCache(tmp_path / "vectors.sqlite")
    with server(holes) as (address, log):
        done = encode_items(items("a", "hole", "b"), load(spec(address, dim=DIM)), cache=cache)
        again = encode_items(items("a", "hole", "b"), load(spec(address, dim=DIM)), cache=cache)
    assert done.ok.tolist() == [True, False, True] == again.ok.tolist()
    assert "NaN or infinity" in done.failures[0].reason
    assert sorted(map(str, log.contents)) == ["a", "b", "hole", "hole"]


@pytest.mark.parametrize(
    ("number", "said"),
    [*((each, "NaN or infinity") for each in ("NaN", "1e39", "null")), ("0", "only zeros")],
)
def test_vectors_that_cannot_be_compared_are_refused(number: str, said: str) -> None:
    def useless(path: str, body: dict[str, Any]) -> Reply:
        status, document, headers = speaks(path, body)
        for each in document["data"]:
            if not str(body["input"][each["index"]]).startswith("good"):
                each["embedding"] = [123456.5] * DIM
        return status, json.dumps(document).replace("123456.5", number).encode(), headers

    with server(useless) as (address, _):
        encoder = load(spec(address, dim=DIM))
        with pytest.raises(InputError, match=f"gave {said}"):
            encoder.encode([("a",), ("b",)])
        with pytest.raises(PartlyEncodedError, match=f"gave {said}") as partly:
            encoder.encode([("good",), ("b",)])
        assert np.isfinite(partly.value.vectors).all(axis=1).tolist() == [True, False]
        with pytest.raises(RemoteError, match=f"gave {said}"):
            _ = load(spec(address)).dim
        with pytest.raises(IsthmusError, match=f"gave {said}"):
            check_encoder(spec(address, dim=DIM), seconds=0)


def test_requests_that_are_too_large_become_smaller_and_stay_so() -> None:
    def small(path: str, body: dict[str, Any]) -> Reply:
        return speaks(path, body) if len(body["input"]) <= 4 else (413, b"too large", {})

    texts = [f"text {i}" for i in range(32)]
    with server(small) as (address, log):
        encoder = load(spec(address, dim=DIM, batch_size=16, threads=1))
        done = encode_items(items(*texts), encoder)
    assert done.ok.all()
    assert [len(body["input"]) for _, body, _ in log] == [16, 8] + [4] * 8


def test_refusals_without_end_stop_the_run() -> None:
    texts = [f"text {i}" for i in range(200)]
    with (
        server(lambda *_: (400, b"the model is not there", {})) as (address, log),
        pytest.raises(RemoteError, match=r"the model is not there.*24 refusals one after another"),
    ):
        encode_items(items(*texts), load(spec(address, dim=DIM, threads=1)))
    assert len(log) == 24


@pytest.mark.parametrize(("dialect", "threads"), [("openai", 1), ("openai", 3), ("vllm", 4)])
def test_nothing_is_encoded_twice_after_a_server_died(
    dialect: str, threads: int, tmp_path: Any
) -> None:
    texts = [f"text {i}" for i in range(40)]
    size = {} if dialect == "vllm" else {"batch_size": 4}
    answered: list[object] = []

    def dying(path: str, body: dict[str, Any]) -> Reply:
        if len(answered) >= 22:
            return 503, b"gone", {}
        found = speaks(path, body)
        answered.extend([None] * len(found[1]["data"]))  # type: ignore[index]
        return found

    cache = VectorCache(tmp_path / "vectors.sqlite")
    options = {"dim": DIM, "threads": threads, "retries": 1, "modality": "text", **size}
    with server(dying) as (address, first):
        name = spec(address, dialect, **options)
        with pytest.raises(RemoteError, match="503"):
            encode_items(items(*texts), load(name), cache=cache)
        answered.clear()  # it is there again
        before = len(first)
        done = encode_items(items(*texts), load(name), cache=cache)
    assert done.ok.all()
    np.testing.assert_allclose(done.vectors, [unit(text) for text in texts], atol=1e-6)
    second = [each for path, body, _ in first[before:] for each in body_texts(body)]
    assert len(second) == len(set(second))
    known = 40 - len(second)
    assert known >= 22  # all that was answered before it died


def body_texts(body: dict[str, Any]) -> list[str]:
    if "messages" in body:
        return [body["messages"][0]["content"][0]["text"]]
    return list(body["input"])


def test_what_a_batch_has_before_it_stops_comes_with_the_error() -> None:
    with server(without("BAD", 403)) as (address, _):
        encoder = load(spec(address, dim=DIM, batch_size=2, threads=1))
        with pytest.raises(PartlyEncodedError, match="403") as caught:
            encoder.encode([("a",), ("b",), ("BAD",), ("c",), ("d",)])
    vectors = caught.value.vectors
    assert vectors is not None and isinstance(caught.value.cause, RemoteError)
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, True, False, False, False]


def test_batches_and_threads_do_not_change_vectors() -> None:
    texts = [(f"text {i}",) for i in range(70)]
    with server() as (address, _):
        alone = load(spec(address, dim=DIM, batch_size=1, threads=1)).encode(texts[:8])
        many = load(spec(address, dim=DIM, batch_size=8, threads=4)).encode(texts)
    np.testing.assert_array_equal(alone, many[:8])


def test_offline_only_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    with server() as (address, _):
        assert load(spec(address, dim=DIM)).encode([("cat",)]).shape == (1, DIM)
    with pytest.raises(RemoteError, match="nothing may leave this one"):
        load("http://192.0.2.1/v1?dialect=openai&model=m&dim=4").encode([("cat",)])


def test_a_proxy_does_not_see_what_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with server() as (address, _):
        assert load(spec(address, dim=DIM, timeout=5)).encode([("cat",)]).shape == (1, DIM)


def test_a_server_in_an_artefact_has_to_be_trusted_by_its_origin() -> None:
    name = "http://h:8080/v1?dialect=openai&model=m&key=AWS_SECRET"
    with pytest.raises(UntrustedError, match=r"that \$AWS_SECRET holds, to http://h:8080, which"):
        resolve(name, {}, trust=())
    with pytest.raises(UntrustedError, match=r"that \$OTHER holds"):
        resolve(name.partition("&key")[0], {"key": "OTHER"}, trust=("http://h",))
    for trusted in ("http://h:8081", "https://h:8080", "h"):
        with pytest.raises(UntrustedError, match="nothing was sent"):
            resolve(name, {}, trust=(trusted,))
    assert resolve(name.partition("&key")[0], {}, trust=("http://h:8080",)).modality == "text"
    with pytest.raises(UntrustedError, match="nothing was sent"):
        resolve(name.replace("//h", "//h:8080@evil"), {}, trust=("http://h:8080",))


def test_a_server_in_an_artefact_gets_only_the_key_with_which_it_is_trusted() -> None:
    bare = "http://h:8080/v1?dialect=openai&model=m"
    name, whole = f"{bare}&key=AWS_SECRET", ("http://h:8080?key=AWS_SECRET",)
    told = r"holds, to http://h:8080, with which .*'http://h:8080\?key=AWS_SECRET'"
    with pytest.raises(UntrustedError, match=told):
        resolve(name, {}, trust=("http://h:8080",))
    with pytest.raises(UntrustedError, match="with which you have not"):
        resolve(bare, {"key": "AWS_SECRET"}, trust=("http://h:8080",))
    for other in ("http://h:8080?key=AWS_SECRET2", "http://g?key=AWS_SECRET", "AWS_SECRET"):
        with pytest.raises(UntrustedError, match=r"\$AWS_SECRET holds"):
            resolve(name, {}, trust=("http://h:8080", other))
    with pytest.raises(UntrustedError, match=r"\$AWS_SECRET and \$OTHER"):
        resolve(name, {"key": "OTHER"}, trust=whole)
    for good in (name, bare):
        assert resolve(good, {}, trust=whole).modality == "text"
    with pytest.raises(InputError, match="to trust"):
        resolve(name, {}, trust=("http://h:8080?key=sk-1",))


def test_pictures_are_prepared_in_children_that_ask_nobody(tmp_path: Any) -> None:
    paths = []
    for seed in range(3):
        paths.append(tmp_path / f"{seed}.png")
        picture(seed).save(paths[-1])
    with server() as (address, log):
        encoder = load(spec(address, "infinity", modality="image"))
        found = encode_items([MediaItem.from_path(path, "image") for path in paths], encoder)
    assert found.ok.all() and len(log) == 2  # one for the length, one for the pictures
    expected = [vector_of(np.asarray(picture(seed)).tolist()) for seed in range(3)]
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-6)


def test_a_space_keeps_what_names_its_server_and_must_be_trusted_with_it(tmp_path: Path) -> None:
    with server() as (address, log):
        name = spec(address, "jina", key="A_KEY")
        encoder = load(name, modality="text", dim=DIM, threads=2)
        document = json.loads(json.dumps(EncoderRef.of(encoder, name).to_json()))
        fields = {part: document[part] for part in ("spec", "modality", "fingerprint", "dim")}
        saved = EncoderRef(**fields, options=document["options"], folder=tmp_path)
        with pytest.raises(UntrustedError, match=r"that \$A_KEY holds"):
            saved.load()
        again = replace(saved, trust=(f"{address}?key=A_KEY",)).load()
    assert again.fingerprint == encoder.fingerprint and again.dim == DIM
    assert isinstance(again, RemoteEncoder) and again.settings == encoder.settings
    assert log == []
