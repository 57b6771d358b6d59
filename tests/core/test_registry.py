from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from isthmus.core.errors import InputError
from isthmus.core.registry import Registry


@pytest.fixture
def registry() -> Registry[Any]:
    out: Registry[Any] = Registry("shape")
    out.add("ordered", "collections:OrderedDict")
    out.add("list", "builtins:list")
    out.add("gone", "no.such.module:Thing")
    out.add("nameless", "collections:Nothing")
    return out


def test_short_ids_and_targets_of_the_users_own(registry: Registry[Any]) -> None:
    assert registry.get("ordered") is OrderedDict
    assert registry.get("pathlib:Path") is Path
    assert list(registry) == registry.names() == ["gone", "list", "nameless", "ordered"]
    assert "list" in registry
    assert "pathlib:Path" not in registry
    assert registry.describe()["list"] == "builtins:list"


def test_nothing_is_imported_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry[Any]
) -> None:
    marker = tmp_path / "imported"
    (tmp_path / "lazy_shape.py").write_text(f"open({str(marker)!r}, 'w').close()\nThing = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.add("lazy", "lazy_shape:Thing")
    assert registry.describe()
    assert not marker.exists()
    assert registry.get("lazy") == 3
    assert marker.exists()


def test_an_unknown_name_suggests_a_near_one(registry: Registry[Any]) -> None:
    with pytest.raises(
        InputError, match=r"^unknown shape 'orderd'\. Did you mean 'ordered'\? Known"
    ):
        registry.get("orderd")
    with pytest.raises(
        InputError, match=r"^unknown shape 'zzz'\. Known: gone, list, nameless, ord"
    ):
        registry.get("zzz")


@pytest.mark.parametrize("name", ["", ":", ":list", ".os:path", "a..b:c", "os path:join", "3:x"])
def test_what_is_no_target_is_an_unknown_name(registry: Registry[Any], name: str) -> None:
    with pytest.raises(InputError, match=r"^unknown shape "):
        registry.get(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "^shape 'gone': there is no module 'no'; install the package"),
        ("collections.nope:Thing", "there is no module 'collections.nope'"),
        ("nameless", "^shape 'nameless': collections has no 'Nothing'$"),
        ("collections:", "collections has no ''"),
    ],
)
def test_targets_that_are_not_there(registry: Registry[Any], name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        registry.get(name)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import not_installed_thing", ModuleNotFoundError),
        ("import math; math.no_such_function", AttributeError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_a_broken_module_shows_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], source, error
) -> None:
    (tmp_path / "broken_shape.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(error) as caught:
        registry.get("broken_shape:Thing")
    assert not isinstance(caught.value, InputError)
