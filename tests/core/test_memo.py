from __future__ import annotations

from isthmus.core.memo import Memo


def test_a_key_is_computed_once_and_again_after_clearing() -> None:
    memo, calls = Memo(), []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert [memo.get("a", compute), memo.get("a", compute), memo.get("b", compute)] == [1, 1, 2]
    memo.clear()
    assert memo.get("a", compute) == 3


def test_a_slot_keeps_only_what_was_asked_for_last() -> None:
    memo, calls = Memo(), []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert [memo.latest("slot", key, compute) for key in "aabba"] == [1, 1, 2, 2, 3]
    assert memo.latest("other", "a", compute) == 4
    assert memo.latest("slot", "a", compute) == 3


def test_nothing_is_a_value_too() -> None:
    memo, calls = Memo(), []
    assert memo.get("a", lambda: calls.append(1)) is None
    assert memo.get("a", lambda: calls.append(1)) is None
    assert len(calls) == 1
