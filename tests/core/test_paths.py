"""Where things are, and why nothing is there."""

import pytest

from isthmus.core.paths import expanded, why_missing


@pytest.mark.parametrize("path", ["a\0b/c", "\ud800/x"])
def test_paths_that_no_system_has_are_missing_without_a_reason(path: str) -> None:
    assert why_missing(path) == ""


def test_the_home_of_nobody_stays_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(expanded("~/a")) == "/home/somebody/a"
    assert str(expanded("~no-such-user-here/a")) == "~no-such-user-here/a"
