"""Passes of a graph, side by side or one on all threads."""

import threading
from pathlib import Path
from typing import Any

import pytest

from isthmus.encoders import passes
from isthmus.encoders.passes import MOST, PICTURES, Passes, light


def opened(threads: int) -> str:
    return f"on {threads}"


def test_several_run_at_a_time_and_come_in_order() -> None:
    both = threading.Barrier(2, timeout=600)  # a pass that is alone would wait for ever

    def run(session: str, part: int) -> tuple[str, int]:
        both.wait()
        return session, part

    found = list(Passes(opened, 2).each(run, [3, 1, 2, 4]))
    assert found == [("on 1", 3), ("on 1", 1), ("on 1", 2), ("on 1", 4)]


@pytest.mark.parametrize(
    ("parts", "threads", "apart", "session"),
    [([7], 4, True, "on 4"), ([7, 8], 4, False, "on 4"), ([7, 8], 1, True, "on 1")],
)
def test_one_alone_works_on_all_threads(
    parts: list[int], threads: int, apart: bool, session: str
) -> None:
    def run(session: str, part: int) -> tuple[str, int, int]:
        return session, part, threading.get_ident()

    me = threading.get_ident()
    found = list(Passes(opened, threads, apart=apart).each(run, parts))
    assert found == [(session, part, me) for part in parts]


def test_a_graph_is_opened_once_for_each_number_of_threads() -> None:
    seen: list[int] = []
    kept = Passes(lambda threads: seen.append(threads) or object(), 3)
    for parts in ([1], [1, 2, 3], [1], [1, 2]):
        list(kept.each(lambda session, part: part, parts))
    assert seen == [3, 1]


def test_an_error_of_a_pass_is_that_of_all() -> None:
    def run(session: Any, part: int) -> int:
        if part == 2:
            raise ValueError("of 2")
        return part

    with pytest.raises(ValueError, match="of 2"):
        list(Passes(opened, 2).each(run, [1, 2, 3]))


def test_a_heavy_graph_is_in_memory_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "graph"
    file.write_bytes(bytes(10))
    monkeypatch.setattr(passes, "_LIGHT", 20)
    assert light([file, file])
    assert not light([file] * 3)
    assert Passes(opened, 4, apart=False).share(1000, PICTURES) == MOST
