"""A space names encoders; nothing of it is imported or run unless the caller trusts it."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.cli.running import run
from tests.space.forging import forge, made

import isthmus as ist
from isthmus import encoders
from isthmus.aligners import make
from isthmus.core.errors import ArtifactError, InputError, IsthmusError, UntrustedError
from isthmus.encoders import Recipe
from isthmus.encoders.base import OFFLINE
from isthmus.pipeline import _decode_child
from isthmus.space import EncoderRef, Space
from isthmus.tasks import Store

OPTIONS = {
    "command": "touch {}", "cmd": "touch {}", "args": "touch {}", "path": "{}", "name": "planted",
    "file": "{}", "source": "open('{}', 'w')", "filename": "{}", "spec": "os:system",
    "encoder": "os:system",
}  # fmt: skip
NAMES = [
    *(f"{name}?{option}" if option else name for name, option in [
        ("os:system", "command=touch {}"), ("subprocess:getoutput", "cmd=touch {}"),
        ("subprocess:run", "args=touch {}"), ("subprocess:Popen", "args=touch {}"),
        ("subprocess:call", ""), ("subprocess:check_output", ""), ("os:popen", "cmd=touch {}"),
        ("builtins:eval", "source=open('{}','w')"), ("builtins:exec", ""), ("builtins:open", ""),
        ("builtins:__import__", "name=planted"), ("importlib:import_module", "name=planted"),
        ("runpy:run_path", "path={}"), ("runpy:run_module", ""), ("pathlib:Path", ""),
        ("shutil:rmtree", "path={}"), ("os:mkdir", "path={}"), ("os:mkfifo", "path={}"),
        ("planted:Encoder", ""), ("planted:anything", ""), ("planted:__name__", ""),
        ("planted.deeper:Encoder", ""), ("ctypes:CDLL", "name={}"), ("pickle:loads", ""),
        ("socket:create_connection", ""), ("urllib.request:urlopen", "url=http://127.0.0.1:9"),
        ("isthmus.cli.main:run", ""), ("isthmus.encoders.export:_run_child", ""),
        ("isthmus.encoders.classic:ColorHogEncoder", ""),
        ("isthmus.encoders:load", "spec=os:system"),
        ("isthmus.encoders:resolve", "spec=os:system"), ("isthmus.aligners:make", "name=os:system"),
        ("_posixsubprocess:fork_exec", ""), ("os:execv", ""),
    ]),
    "mfcc+os:system?command=touch {}", "os:system?command=touch {}+mfcc",
    "mfcc+mfcc+planted:Encoder", "mfcc?x=1+planted:Encoder", "planted:Encoder+planted:Encoder",
    "tfidf+subprocess:getoutput?cmd=touch {}", "hf:planted/model", "st:planted",
    "onnx:planted.onnx",
    "http://127.0.0.1:9/v1", "planted", "../planted:Encoder", "planted.Encoder", ":system", "os:",
]  # fmt: skip

SAYS = r"/\d: (encoder|unknown encoder|the space sends) |^(hf|st|onnx):"
NOTHING = re.compile("nothing was (imported or run|sent|loaded)")
LOADERS = {encoders.SCHEMES.describe()[each].partition(":")[0] for each in encoders.SCHEMES}
"""Modules of our own that the name of a model may import."""


class Letters:
    """An encoder as a user would write it."""

    id, modality, dim, languages = "letters", "text", 26, ()
    fingerprint = "letters-1"
    calls: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.calls.append("made")

    def prepare(self, decoded: tuple[str, ...]) -> str:
        return decoded[0]

    def encode(self, batch: list[str]) -> np.ndarray:
        rows = [[1 + t.lower().count(chr(97 + i)) for i in range(26)] for t in batch]
        return np.array(rows, dtype=np.float32)


class Half:
    """Lacks most of an encoder."""

    id, modality = "half", "text"

    def __init__(self) -> None:
        raise AssertionError("it was called")

    def encode(self, batch: list[str]) -> np.ndarray:
        raise AssertionError


def letters() -> Letters:
    """A function that declares what it makes."""
    return Letters()


def unsaid():  # type: ignore[no-untyped-def]
    """A function that does not."""
    raise AssertionError("it was called")


@pytest.fixture
def sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that exists once anything ran, and a module that makes it."""
    path = tmp_path / "it-ran"
    own = tmp_path / "modules"
    own.mkdir()
    (own / "planted.py").write_text(f"open({str(path)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(own))
    yield path
    assert not path.exists()
    assert "planted" not in sys.modules


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were imported by name."""
    asked: list[str] = []
    original = importlib.import_module

    def record(name: str, package: str | None = None) -> Any:
        asked.append(name)
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", record)
    return asked


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made().save(tmp_path_factory.mktemp("made") / "space")


def forged(saved: Path, folder: Path, spec: str, /, **options: Any) -> Path:
    """The space with another encoder of texts."""
    shutil.copytree(saved, folder)

    def change(document: Any) -> None:
        document["views"][0]["encoder"] |= {"spec": spec, "options": options, "state": None}

    forge(folder, change)
    return folder


@pytest.mark.parametrize("spec", NAMES)
def test_a_name_in_a_document_runs_nothing(
    spec: str,
    saved: Path,
    tmp_path: Path,
    sentinel: Path,
    imports: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    spec = spec.replace("{}", str(sentinel))
    options = {name: text.format(sentinel) for name, text in OPTIONS.items()}
    for number, chosen in enumerate(({}, options, {"parts": [spec], "of": {"spec": spec}})):
        loaded = Space.load(forged(saved, tmp_path / f"{number}", spec, **chosen))
        with pytest.raises(IsthmusError, match=SAYS) as caught:
            loaded.encoder("text")
        if isinstance(caught.value, UntrustedError):
            assert NOTHING.search(str(caught.value))
            assert "trust=[" in str(caught.value) and "attach" in str(caught.value)
        with pytest.raises((IsthmusError, _decode_child._UnpreparedError)):
            _decode_child._encoder(Recipe(spec, json.dumps(chosen), ()), "")
    assert [each for each in imports if each not in LOADERS] == []


def test_there_are_forty_names() -> None:
    assert len(set(NAMES)) >= 40


@pytest.mark.parametrize("spec", ["os:system", "subprocess:Popen", "pathlib:Path", "builtins:eval"])
@pytest.mark.parametrize("trust", [None, ("os", "subprocess", "pathlib", "builtins")])
def test_what_a_user_types_or_trusts_is_checked_before_it_is_called(
    spec: str, trust: tuple[str, ...] | None, sentinel: Path
) -> None:
    options = {"command": f"touch {sentinel}"}
    with pytest.raises(InputError, match="was not called"):
        encoders.resolve(spec, options, trust=trust)
    if trust is None:
        with pytest.raises(InputError, match="was not called"):
            encoders.load(f"{spec}?command=touch {sentinel}")
        with pytest.raises(InputError, match=r"was not called|lacks the base class Aligner"):
            make(spec, **options)


def test_an_aligner_that_a_user_names_is_one(sentinel: Path) -> None:
    done = run("align", "shapes", "--aligner", "os:system", "-d", "n=12", "--out", "nowhere")
    assert done.returncode == 1 and "was not called" in done.stderr


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of this file as a package of the user's."""
    monkeypatch.setitem(sys.modules, "users_own", sys.modules[__name__])
    Letters.calls.clear()
    return "users_own"


def _own_space(folder: Path, spec: str) -> Path:
    """A space whose texts the user's own encoder reads, as it is saved."""
    space = made()
    space.encoders["text"] = EncoderRef.of(encoders.load(spec), spec)
    space.heads["text"] = type(space.heads["text"])(np.zeros(26), np.eye(26)[:, :4])
    del space.native_banks["text"]
    return space.save(folder)


def test_ones_own_class_is_loaded_where_its_package_is_trusted(own: str, tmp_path: Path) -> None:
    folder = _own_space(tmp_path / "s", f"{own}:Letters")
    encoders._build_once.cache_clear()
    Letters.calls.clear()
    loaded = Space.load(folder)
    says = r"package 'users_own'.*trust=\['users_own'\].*space\.attach"
    with pytest.raises(UntrustedError, match=says):
        loaded.embed(["abc"], "text")
    with pytest.raises(UntrustedError, match="users_own"):
        Space.load(folder, trust=["users", "users_own_too", "own"]).encoder("text")
    assert not Letters.calls
    for trust in (own, [own]):
        assert Space.load(folder, trust=trust).embed(["abc"], "text").ok.all()
    assert Letters.calls == ["made"]
    loaded.attach(Letters())
    assert loaded.embed(["abc"], "text").ok.all()
    with pytest.raises(InputError, match="name of a package to trust"):
        Space.load(folder, trust=["../x"])


def test_ones_own_function_is_for_those_who_type_it(own: str) -> None:
    assert encoders.load(f"{own}:letters").id == "letters"
    for name in ("letters", "unsaid"):
        with pytest.raises(InputError, match="is a function and was not called"):
            encoders.resolve(f"{own}:{name}", {}, trust=[own])
    with pytest.raises(InputError, match="function annotated to return an Encoder"):
        encoders.load(f"{own}:unsaid")
    for trust in (None, [own]):
        with pytest.raises(InputError, match="not called, because Half lacks dim, fingerprint"):
            encoders.resolve(f"{own}:Half", {}, trust=trust)
    with pytest.raises(InputError, match="is abstract"):
        encoders.load("isthmus.core.contracts:Encoder")


def test_options_of_another_type_are_refused(saved: Path, tmp_path: Path) -> None:
    for number, (spec, options) in enumerate([
        ("efficientnet-lite0", {"size": [224]}), ("efficientnet-lite0", {"mirror": "yes"}),
        ("efficientnet-lite0", {"threads": 10**9}), ("universal", {"threads": "4"}),
        ("whisper-tiny", {"window": {}}), ("vectors", {"dim": 2**40, "name": "x"}),
        ("vectors", {"dim": "3", "name": "x"}), ("tfidf", {"dim": 2**60}), ("tfidf", {"dim": None}),
        ("mfcc", {"spec": "os:system"}), ("mfcc", {"trust": ["os"]}), ("+".join(["mfcc"] * 99), {}),
    ]):  # fmt: skip
        loaded = Space.load(forged(saved, tmp_path / f"{number}", spec, **options))
        with pytest.raises(ArtifactError, match=r"/\d+: (encoder|tfidf|vectors|efficientnet)"):
            loaded.encoder("text")


def test_commands_refuse_and_run_nothing(saved: Path, tmp_path: Path, sentinel: Path) -> None:
    Store.open(tmp_path / "store", made()).close()
    forge(tmp_path / "store/space", lambda d: d["views"][0]["encoder"].update(
        spec="os:system", options={"command": f"touch {sentinel}"}, state=None))  # fmt: skip
    space = Space.load(tmp_path / "store/space")
    path = tmp_path / "store/store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "space": space.fingerprint}))
    (tmp_path / "a.txt").write_text("a fox")
    (tmp_path / "pairs.csv").write_text("text,audio\nfox,x.wav\n")
    store, folder = ("--store", tmp_path / "store"), tmp_path / "store/space"
    for arguments in [
        ("search", "fox", *store), ("search", "fox", *store, "--trust", "mine"),
        ("search", "fox", *store, "--trust", "os"), ("index", tmp_path / "a.txt", *store),
        ("serve", "--port", "0", *store), ("embed", folder, "fox", "--view", "text", "--json"),
        ("explain", "fox", "cat", "--as", "text", "--item-view", "text", "--space", folder),
    ]:  # fmt: skip
        done = run(*arguments)
        assert done.returncode == 1, done
        assert "os:system" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    for arguments in (("status", *store), ("doctor", *store), ("doctor", "--deep", *store)):
        assert run(*arguments).returncode == 0  # they need no encoder


def test_the_public_name_takes_trust() -> None:
    with pytest.raises(ArtifactError, match="nowhere does not exist"):
        ist.Space.load("nowhere", trust="my_package")
    with pytest.raises(ArtifactError, match="holds no store"):
        ist.Store.open("nowhere", trust=["my_package"])
