"""Generated prompts: words of captions, glosses, a language model, and their test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, l2_normalize
from isthmus.prompts.generate import (
    Captions,
    LanguageModel,
    ask_about,
    from_captions,
    from_glosses,
    judge,
    read_glosses,
    telling_words,
)
from isthmus.prompts.support import Support
from isthmus.prompts.templates import load

TEMPLATES = load()
NAMES = ["alpha", "beta", "gamma", "delta"]
DIM = 40


def test_telling_words_are_frequent_here_and_rare_elsewhere() -> None:
    own = ["a red bird with wings", "the bird sings", "a bird on the tree"]
    others = ["a red car", "the car on the road", "a car with wheels", "the tree"]
    assert telling_words(own, others)[0] == "bird"
    assert not {"the", "red", "with"} & set(telling_words(own, others))
    assert telling_words(own, own) == ()


def test_telling_words_of_scripts_without_spaces() -> None:
    assert telling_words(["红色的小鸟", "一只小鸟"], ["红色的汽车", "一辆汽车"])[0] == "小鸟"


def test_phrases_of_an_item_come_from_captions_near_it() -> None:
    eye = np.eye(2)
    texts = ("a small bird", "one more bird", "a bird", "a car", "the car", "my old car")
    captions = Captions(texts, np.vstack([eye[0]] * 3 + [eye[1]] * 3))
    assert captions.near(eye[1:], 2) == ["a car", "the car"]
    assert captions.phrases(eye[0], k=3) == ("bird",)
    with pytest.raises(InputError, match="1 caption and 2 vectors"):
        Captions(("a",), eye)


def test_prompts_of_classes_come_from_captions_near_their_examples() -> None:
    eye = np.eye(2)
    wings = tuple(f"{word} wing" for word in ("a", "my", "the", "one", "old", "new", "big", "red"))
    texts = (*wings, *(text.replace("wing", "wheel") for text in wings))
    captions = Captions(texts, np.repeat(eye, 8, axis=0))
    labels = np.array([0, 1])
    made = from_captions(["bird", "car"], eye, labels, captions, TEMPLATES, "image")
    assert made == {"bird": ("bird, wing",), "car": ("car, wheel",)}
    lone = from_captions(["bird", "car"], eye[:1], labels[:1], captions, TEMPLATES, "image")
    assert lone["car"] == ()


def test_glosses_are_read_and_put_into_sentences(tmp_path: Path) -> None:
    file = tmp_path / "glosses.toml"
    file.write_text('cat = "a small pet"\n"猫" = ["会叫的宠物"]\n', encoding="utf-8")
    glosses = read_glosses(file)
    assert glosses == {"cat": ("a small pet",), "猫": ("会叫的宠物",)}
    made = from_glosses(["cat", "猫", "dog"], glosses, TEMPLATES, "image")
    assert "a picture of cat: a small pet" in made["cat"] and made["dog"] == ()
    assert "一张猫: 会叫的宠物的图片" in made["猫"]


@pytest.mark.parametrize(
    ("text", "match"),
    [("cat = 3", "needs a gloss"), ("cat = []", "needs a gloss"), ("cat", "not TOML"),
     ('cat = " "', "needs a gloss")],
)  # fmt: skip
def test_glosses_that_are_none_are_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "g.toml").write_text(text)
    with pytest.raises(InputError, match=match):
        read_glosses(tmp_path / "g.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_glosses(tmp_path / "missing.toml")
    with pytest.raises(InputError, match="Did you mean 'cat'"):
        from_glosses(["cat"], {"cta": ["a pet"]}, TEMPLATES, "image")


Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


@contextmanager
def server(
    answer: Answer, *, wait: float = 0.0, location: str = "", drip: int = 0
) -> Iterator[tuple[str, list]]:
    """An address that speaks ``/v1/chat/completions``, and what it was asked."""
    seen: list[tuple[str, dict[str, Any], str | None]] = []
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, body, self.headers.get("Authorization")))
            if wait:
                stop.wait(wait)
            code, data = answer(body)
            self.send_response(code)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(data) + 1000 * drip))
            self.end_headers()
            self.wfile.write(data)
            for _ in range(drip):  # a part now and then, and never the end
                self.wfile.write(b" ")
                stop.wait(0.05)

        def log_message(self, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1", seen
    finally:
        stop.set()
        http.shutdown()
        http.server_close()


def says(content: object) -> Answer:
    document = {"choices": [{"message": {"role": "assistant", "content": content}}]}
    return lambda _body: (200, json.dumps(document).encode())


def test_a_language_model_is_asked_as_the_protocol_says() -> None:
    with server(says("1. A cat has whiskers.\n- It purrs when it is happy.\n")) as (address, seen):
        asked = ask_about(["cat"], LanguageModel(address, "tiny", key="k3y"), "image")
    assert asked.prompts == {"cat": ("A cat has whiskers.", "cat: It purrs when it is happy.")}
    assert asked.dropped == ()
    path, body, key = seen[0]
    assert path == "/v1/chat/completions" and key == "Bearer k3y" and len(seen) == 2
    assert body["model"] == "tiny" and body["messages"][0]["role"] == "user"
    assert "cat looks like" in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("I'm sorry, but I cannot help with that.", "a refusal"),
        ("", "answered nothing"),
        (None, "answered nothing"),
        ({"text": "a cat"}, "answered nothing"),
        ("%%% 0x00 11 22 33 44 55 66 {}[]", "no sentence"),
        ("ok", "2 characters"),
        ("a" * 500, "500 characters"),
    ],
)
def test_refusals_and_nonsense_are_dropped_and_told(content: object, why: str) -> None:
    with server(says(content)) as (address, _):
        asked = ask_about(["cat"], LanguageModel(address, "tiny"), "image")
    assert asked.prompts == {"cat": ()}
    assert why in asked.dropped[0].reason and asked.dropped[0].source == "cat"


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (lambda _: (401, b'{"error": "no key"}'), "answers 401.*no key.*check"),
        (lambda _: (200, b"<html>hello"), "does not speak /chat/completions.*hello"),
        (lambda _: (200, b"[]"), "does not speak"),
        (lambda _: (200, b'{"choices": []}'), "does not speak"),
        (lambda _: (200, b'{"choices": "no"}'), "does not speak"),
        (lambda _: (200, b"[" * 100_000), "does not speak"),
        (lambda _: (200, b" " * 2_000_000), "more than 1,000,000 bytes"),
    ],
)
def test_what_is_not_the_protocol_is_an_error(answer: Answer, match: str) -> None:
    with server(answer) as (address, _), pytest.raises(InputError, match=match):
        ask_about(["cat"], LanguageModel(address, "tiny"), "image")


def test_a_key_does_not_follow_a_redirect() -> None:
    moved: Answer = lambda _: (302, b"")  # noqa: E731
    with (
        server(says("A cat has whiskers.")) as (other, stolen),
        server(moved, location=f"{other}/chat/completions") as (address, _),
        pytest.raises(InputError, match="answers 302"),
    ):
        ask_about(["cat"], LanguageModel(address, "tiny", key="secret"), "image")
    assert stolen == []


def test_an_answer_that_is_the_key_is_told_without_it() -> None:
    with (
        server(lambda _: (200, b"Bearer s3cr3t")) as (address, _),
        pytest.raises(InputError, match=r"does not speak.*Bearer …") as caught,
    ):
        LanguageModel(address, "tiny", key="s3cr3t").ask("what?")
    assert "s3cr3t" not in str(caught.value)


def test_a_slow_or_absent_language_model_is_an_error() -> None:
    late = pytest.raises(InputError, match=r"no answer in 0\.2 s")
    with server(says("late"), wait=30) as (address, _), late:
        LanguageModel(address, "tiny", timeout=0.2).ask("?")
    with pytest.raises(InputError, match="cannot be reached"):
        LanguageModel(address, "tiny").ask("?")


@pytest.mark.parametrize("code", [200, 500])
def test_an_answer_that_never_ends_is_given_up(code: int) -> None:
    with server(lambda _body: (code, b" "), drip=400) as (address, _), pytest.raises(InputError):
        LanguageModel(address, "tiny", timeout=0.3).ask("?")


def test_half_characters_of_an_answer_are_replaced() -> None:
    with server(says("A cat \ud800 purrs.")) as (address, _):
        assert LanguageModel(address, "tiny").ask("?") == "A cat ? purrs."


@pytest.mark.parametrize("key", ["sk-“ü”", "a\nb", "a\x00"])
def test_a_key_that_no_header_holds_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="copy it again"):
        LanguageModel("http://h/v1", "m", key=key)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "localhost:11434",
        "ftp://x/v1",
        "",
        "http://[::1",
        "http://h/ü",
        "http://a b",
    ],
)
def test_only_http_addresses_are_asked(address: str) -> None:
    with pytest.raises(InputError, match="no address of a language model"):
        LanguageModel(address, "tiny")


def test_the_key_is_not_shown() -> None:
    assert "s3cret" not in repr(LanguageModel("http://h/v1", "m", key="s3cret"))
    with pytest.raises(InputError, match="copy it again"):
        LanguageModel("http://h/v1", "m", key="a\r\nX: y")


def world(seed: int = 0, shots: int = 6) -> tuple[Support, Callable[[Sequence[str]], F64]]:
    """Names that say nothing, words ``true-NAME`` that say all, and an encoder of words."""
    rng = np.random.default_rng(seed)
    lies = dict(zip(NAMES, l2_normalize(rng.standard_normal((4, DIM))), strict=True))
    known: dict[str, F64] = {}

    def word(text: str) -> F64:
        if text.startswith("true-"):
            return lies[text.removeprefix("true-")]
        return known.setdefault(text, rng.standard_normal(DIM) / np.sqrt(DIM))

    def embed(texts: Sequence[str]) -> F64:
        return np.vstack([
            l2_normalize(np.mean([word(w.strip(",")) for w in text.split()], axis=0, keepdims=True))
            for text in texts
        ])  # fmt: skip

    labels = np.repeat(np.arange(4), shots)
    items = np.vstack([lies[NAMES[k]] for k in labels]) + 0.1 * rng.standard_normal((24, DIM))
    return Support(embed(NAMES), l2_normalize(items), labels, 8.0), embed


def test_prompts_that_say_something_are_kept() -> None:
    support, embed = world()
    made = {name: (f"{name}, true-{name}",) for name in NAMES}
    found = judge(NAMES, support, lambda _: made, embed)
    assert found.kept and "surely beat" in found.reason and "not" not in found.reason
    assert found.generated.accuracy > found.null + 0.2
    assert found.prompts["alpha"] == ("alpha", "alpha, true-alpha")
    assert ((support.items @ found.words.T).argmax(axis=1) == support.labels).mean() > 0.7


def test_prompts_that_say_nothing_are_dropped() -> None:
    support, embed = world(1)
    made = {name: (f"{name}, noise-{name}", f"{name}, more") for name in NAMES}
    found = judge(NAMES, support, lambda _: made, embed)
    assert not found.kept and "8 generated prompts did not surely beat" in found.reason
    assert found.prompts == {name: (name,) for name in NAMES}
    np.testing.assert_allclose(found.words, support.words)


def test_shots_that_are_left_out_are_not_read() -> None:
    support, embed = world(2)
    counts: list[int] = []

    def generate(known: Support) -> dict[str, tuple[str, ...]]:
        counts.append(len(known.items))
        return {}

    found = judge(NAMES, support, generate, embed)
    assert counts == [20] * 6 + [24] and not found.kept
    assert found.gain == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be_judged_is_refused() -> None:
    support, embed = world(3)
    with pytest.raises(InputError, match="two of each class"):
        judge(NAMES, support.take(np.zeros(0, dtype=np.intp)), lambda _: {}, embed)
    with pytest.raises(InputError, match="which is no class"):
        judge(NAMES, support, lambda _: {"omega": ("x",)}, embed)
