from __future__ import annotations

import subprocess
import sys
import threading
import time
from threading import Event

import pytest
from tests.waiting import PATIENCE

from isthmus.selection.meter import Meter
from isthmus.selection.parallel import side_by_side

Told = list[tuple[int, int]]


def made() -> tuple[Meter, Told]:
    told: Told = []
    return Meter(lambda _, done, total: told.append((done, total))), told


def test_what_is_left_is_weighed_by_what_fits_of_the_kind_take() -> None:
    meter, told = made()
    meter.expect(["slow", "quick", "quick"], 10, 0, 0.3)
    meter.start()
    meter.done("quick", 1.0)
    assert told == [(10, 300)]  # 29 more of 1 s each, as nothing else is known
    meter.done("slow", 5.0)
    assert told[-1] == (60, 60 + 9 * 50 + 19 * 10)


def test_a_first_fit_says_nothing_of_those_that_share_its_work() -> None:
    meter, told = made()
    meter.expect(["cca"] * 10, 1, 0, 0.3)
    meter.done("cca", 8.0, first=True)
    assert not told
    meter.done("cca", 1.0)
    meter.start()
    meter.done("cca", 1.0)
    assert told == [(100, 170)]


def test_the_bar_never_goes_back() -> None:
    meter, told = made()
    meter.expect(["cca"] * 4, 1, 0, 1.0)
    meter.start()
    meter.done("cca", 1.0)
    meter.done("cca", 1.0)
    meter.expect(["other"] * 40, 1, 0, 1.0)
    meter.done("cca", 1.0)
    shares = [done / total for done, total in told]
    assert shares == [0.25, 0.5, 0.5]
    meter.end()
    assert told[-1] == (30, 30)


def test_those_that_stay_in_the_race_are_counted_once_more() -> None:
    meter, told = made()
    meter.expect(["cca"] * 9, 2, 3, 1 / 3)
    meter.start()
    meter.done("cca", 1.0)
    assert told == [(10, 10 * (9 * 2 + 3 * 3))]


def test_threads_tell_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.selection.parallel.usable_cores", lambda: 4)
    telling = threading.Lock()

    def progress(_phase: str, _done: int, _total: int) -> None:
        assert telling.acquire(blocking=False)
        time.sleep(0.001)  # so that others come meanwhile
        telling.release()

    meter = Meter(progress)
    meter.expect(map(str, range(20)), 1, 0, 1.0)
    meter.start()
    side_by_side(lambda kind: meter.done(str(kind), 0.1), range(20))


def test_results_come_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.selection.parallel.usable_cores", lambda: 2)
    second_is_done = Event()

    def work(item: int) -> int:
        if item:
            second_is_done.set()
        else:
            assert second_is_done.wait(60), "two pieces run at a time"
        return item * item

    assert side_by_side(work, [0, 3]) == [0, 9]


def test_a_failure_tells_the_others_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.selection.parallel.usable_cores", lambda: 2)
    stop, ended = Event(), Event()

    def work(item: int) -> None:
        if item == 0:
            raise KeyboardInterrupt
        stop.wait(60)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(40), stop)
    assert stop.is_set() and ended.wait(60)


PIECES = """
from threading import current_thread, main_thread
from threadpoolctl import threadpool_info
from isthmus.selection.parallel import side_by_side

def threads(_):
    assert current_thread() is not main_thread()
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

assert side_by_side(threads, range(4)) == [{1}] * 4
"""


def test_every_piece_has_one_thread_of_blas() -> None:
    """In a process of its own: threadpoolctl lets only the first thread that asked set limits."""
    subprocess.run([sys.executable, "-c", PIECES], check=True, timeout=PATIENCE)
