"""Where things are, and why nothing is there."""

from pathlib import Path

import pytest

from isthmus.core.paths import exists, expanded, is_folder, why_missing


@pytest.mark.parametrize("path", ["a\0b/c", "\ud800/x"])
def test_paths_that_no_system_has_are_missing_without_a_reason(path: str) -> None:
    assert why_missing(path) == ""


def test_the_home_of_nobody_stays_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(expanded("~/a")) == "/home/somebody/a"
    assert str(expanded("~no-such-user-here/a")) == "~no-such-user-here/a"


def test_what_cannot_be_a_path_is_words(tmp_path: Path) -> None:
    for words in ("dog " * 70, "dog " * 2_000, "a\0b", "\ud800"):
        assert not exists(words)
        assert not is_folder(words)
    assert exists(tmp_path)
    assert is_folder(tmp_path)
    assert not is_folder(__file__)
