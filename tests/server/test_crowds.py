"""Crowds: explanations beside searches, streams of events, and how much room requests take."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import asked
from tests.tasks.conftest import picture
from tests.waiting import PATIENCE, until

from isthmus.server import Settings, events
from isthmus.server.admission import CrowdedError, Room, Work, work_of
from isthmus.server.events import Events
from isthmus.server.explanations import Explanations, LeftError, Searches
from isthmus.server.jobs import Run
from isthmus.server.micro_batcher import MicroBatcher
from isthmus.space import Space
from isthmus.tasks import Store


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread: a browser test of this process may have left its event loop running here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


# ---- explanations


def explanations(**settings: Any) -> Explanations:
    return Explanations(Settings(**settings), Searches())


def endless(told: Callable[[str, int, int], None]) -> None:
    while True:
        told("weigh parts", 0, 1)
        threading.Event().wait(0.001)


def test_an_explanation_ends_when_its_caller_leaves() -> None:
    place = explanations()
    ended = threading.Event()

    def work(told: Any) -> None:
        try:
            endless(told)
        finally:
            ended.set()

    async def leave_soon() -> None:
        await asyncio.sleep(0.05)

    async def ask() -> None:
        with pytest.raises(LeftError):
            await place.run(work, leave_soon)

    run(ask())
    assert ended.wait(PATIENCE)
    until(lambda: place._admitted == 0)
    assert run(place.run(lambda told: 7)) == 7
    place.close()


def test_who_leaves_while_waiting_is_never_begun() -> None:
    place, begun = explanations(), []

    async def ask() -> None:
        release, working = threading.Event(), threading.Event()

        def work(told: Any) -> bool:
            working.set()
            return release.wait(PATIENCE)

        first = asyncio.create_task(place.run(work))
        while not working.is_set():
            await asyncio.sleep(0.001)

        async def gone() -> None:
            """At once."""

        with pytest.raises(LeftError):
            await place.run(lambda told: begun.append(1), gone)
        release.set()
        assert await first

    run(ask())
    assert begun == [] and place._admitted == 0
    place.close()


def test_one_explanation_at_a_time_and_few_wait() -> None:
    place = explanations(explanations_waiting=2)
    working: list[int] = []
    most: list[int] = []

    def work(told: Any) -> None:
        working.append(1)
        most.append(len(working))
        threading.Event().wait(0.02)
        working.pop()

    async def ask() -> None:
        asking = [asyncio.create_task(place.run(work)) for _ in range(10)]
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert [isinstance(each, CrowdedError) for each in done] == [False] * 3 + [True] * 7

    run(ask())
    assert most == [1, 1, 1]
    place.close()


def test_an_explanation_that_takes_too_long_says_so() -> None:
    place = explanations(explanation_seconds=0.01)
    with pytest.raises(CrowdedError, match=r"more than 0\.01 s; try again later, or ask with"):
        run(place.run(endless))
    place.close()


def test_an_explanation_rests_while_searches_are_about(monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.server import explanations as module

    searches, rests = Searches(), []
    turn = module._Turn(60.0, searches, threading.Event())
    monkeypatch.setattr(turn.left, "wait", lambda seconds: rests.append(seconds))
    now = iter([10.0, 10.0, 11.0, 11.1])  # it works from 10 to 11
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now, 11.2))
    turn.progress("weigh parts", 0, 2)
    with searches:
        turn.progress("weigh parts", 1, 2)
    assert rests == [1.0]  # four times a second, but no more than one
    monkeypatch.setattr(module.time, "monotonic", lambda: 99.0)
    rests.clear()
    turn._started = turn._resumed = 98.99
    turn.progress("weigh parts", 1, 2)
    assert rests == []  # nobody has searched for a while
    with searches:
        turn._resumed = 98.9
        turn.progress("weigh parts", 1, 2)
    assert rests == [pytest.approx(0.4)]


def test_the_route_of_explanations_ends_with_its_connection(space: Space, tmp_path: Path) -> None:
    store = Store.in_memory(space)
    store.add(picture(tmp_path.resolve() / "a.png", seed=1))
    (entry,) = store.backend.entries()
    with asked(store) as client:
        service = client.app.state.service
        steps: list[str] = []
        service.store.explain = lambda *_, progress, **__: endless(
            lambda *step: (steps.append(step[0]), progress(*step))
        )
        status = run(_leaving(client, {"query": "red", "item": entry.id}))
        assert status == 499 and steps
        until(lambda: service.explanations._admitted == 0)


async def _leaving(client: TestClient, body: object) -> int:
    """The status that is counted for a caller who leaves as soon as the work is begun."""
    sent: list[Any] = []
    data = json.dumps(body).encode()
    messages = iter([{"type": "http.request", "body": data, "more_body": False}])

    async def receive() -> Any:
        if message := next(messages, None):
            return message
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": "127.0.0.1", "content-type": "application/json"}
    headers["content-length"] = str(len(data))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/explain",
        "raw_path": b"/api/explain",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }
    await client.app(scope, receive, send)
    return int(sent[0]["status"])


def test_explanations_take_no_place_of_searches(space: Space) -> None:
    with asked(Store.in_memory(space), at_once=1) as client:
        service = client.app.state.service
        release = threading.Event()
        busy = threading.Thread(
            target=lambda: run(service.explanations.run(lambda told: release.wait(PATIENCE)))
        )
        busy.start()
        until(lambda: service.explanations._admitted)
        assert client.post("/api/search", json={"query": "red"}).status_code == 200
        service.explanations._admitted += service.settings.explanations_waiting
        body = {"query": "red", "item": "none"}
        refused = client.post("/api/explain", json=body)
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
        assert "9 explanations are being made" in refused.json()["message"]
        service.explanations._admitted -= service.settings.explanations_waiting
        release.set()
        busy.join()


# ---- streams of events


def test_one_look_at_a_run_serves_all_who_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PERIOD", 0.001)
    monkeypatch.setattr(events, "_PAUSE", 0.0)
    looks: list[int] = []
    described = events.described

    def counted(run: Run) -> Any:
        looks.append(run.done)
        return described(run)

    monkeypatch.setattr(events, "described", counted)
    job = Run("a", ["/x"])

    async def follow(stream: Any) -> list[dict[str, Any]]:
        return [json.loads(text.removeprefix("data: ")) async for text in stream]

    async def many() -> list[list[dict[str, Any]]]:
        told = Events(400, lambda: False)
        following = [asyncio.create_task(follow(told.follow(job))) for _ in range(400)]
        await asyncio.sleep(0)
        assert told._open == 400 and len(told._told) == 1
        with pytest.raises(CrowdedError, match="400 streams of events are open"):
            told.follow(job)
        for done in range(1, 6):
            job.done = done
            await asyncio.sleep(0.02)
        job.state = "done"
        found = await asyncio.gather(*following)
        assert told._open == 0 and told._told == {}
        return list(found)

    streams = run(many())
    assert {stream[0]["done"] for stream in streams} == {0}
    assert {(stream[-1]["state"], stream[-1]["done"]) for stream in streams} == {("done", 5)}
    assert all(len(stream) <= 7 for stream in streams)  # each state once
    assert len(looks) < 400  # by time, not by stream


def test_a_stream_that_is_left_is_forgotten_and_a_stop_ends_all() -> None:
    job, stopping = Run("a", ["/x"]), threading.Event()

    async def follow() -> int:
        told = Events(2, stopping.is_set)
        first, second = told.follow(job), told.follow(job)
        assert "running" in await anext(first) and "running" in await anext(second)
        await first.aclose()
        assert told._open == 1
        task = told._told["a"]._task
        stopping.set()
        assert [text async for text in second] != []  # the last one says how it stands
        await asyncio.wait([task])
        assert told._open == 0 and told._told == {}
        return len([text async for text in told.follow(Run("b", [], state="done"))])

    assert run(follow()) == 1


# ---- room


def test_work_is_counted_by_its_kind() -> None:
    room = Room(Settings(at_once=16))
    search, drawn, upload = (
        work_of({"method": method, "path": path})
        for method, path in (("POST", "/api/search"), ("GET", "/api/map"), ("POST", "/api/uploads"))
    )
    room.take("a", drawn)
    room.take("b", upload)
    with pytest.raises(CrowdedError):  # 12 of 16 is all that others than searches get
        room.take("c", Work(1))
    for _ in range(4):
        room.take("c", search)
    with pytest.raises(CrowdedError):
        room.take("c", search)
    room.leave("a", drawn)
    for _ in range(8):
        room.take("c", search)


def test_what_is_larger_than_the_room_is_let_in_alone() -> None:
    room = Room(Settings(at_once=2))
    large = Work(8)
    room.take("a", large)
    for work in (large, Work(1), Work(1, search=True)):
        with pytest.raises(CrowdedError):
            room.take("b", work)
    room.leave("a", large)
    room.take("b", Work(1, search=True))


class Slow:
    """An encoder that waits in its first batch until it is released."""

    def __init__(self) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def encode(self, batch: list[int]) -> Any:
        import numpy as np

        self.batches.append(list(batch))
        if len(self.batches) == 1:
            self.begun.set()
            assert self.release.wait(PATIENCE)
        return np.array([[float(each)] for each in batch], dtype=np.float32)


def test_who_was_served_by_another_waits_for_no_further_batch() -> None:
    """The second caller's text is encoded with the third's while the first encodes nothing."""
    slow = Slow()
    batcher = MicroBatcher(slow)  # type: ignore[arg-type]
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batcher.encode, [0])
        assert slow.begun.wait(PATIENCE)
        others = [pool.submit(batcher.encode, [n, n]) for n in range(1, 9)]
        until(lambda: len(batcher._waiting) == 8)
        slow.release.set()
        assert [each.result()[0, 0] for each in (first, *others)] == list(range(9))
    assert [len(batch) for batch in slow.batches] == [1, 16]


def test_a_question_waits_for_a_piece_of_a_large_batch_and_not_for_all_of_it() -> None:
    slow = Slow()
    batcher = MicroBatcher(slow)  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(batcher.encode, list(range(100)))
        assert slow.begun.wait(PATIENCE)
        question = pool.submit(batcher.encode, [-1])
        until(lambda: len(batcher._waiting) == 1)
        slow.release.set()
        assert question.result()[:, 0].tolist() == [-1]
        assert large.result()[:, 0].tolist() == list(range(100))
    assert -1 in slow.batches[1] and len(slow.batches[1]) <= 17
    assert sum(map(len, slow.batches)) == 101


class Reading(Slow):
    """The same for texts: a vector is the length of one."""

    def encode(self, batch: list[Any]) -> Any:
        texts = [each[0] for each in batch]
        return super().encode([len(text) for text in texts])


def test_a_short_question_is_encoded_before_long_ones_and_few_of_these_at_a_time() -> None:
    slow = Reading()
    batcher = MicroBatcher(slow)  # type: ignore[arg-type]
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batcher.encode, [("first",)])
        assert slow.begun.wait(PATIENCE)
        lengths = [1900, 1500, 1800, 900, 900, 1700]
        long = [pool.submit(batcher.encode, [("x" * n,)]) for n in lengths]
        until(lambda: len(batcher._waiting) == len(long))
        short = pool.submit(batcher.encode, [("dog",)])
        until(lambda: len(batcher._waiting) == len(long) + 1)
        slow.release.set()
        done = [each.result()[0, 0] for each in (first, *long, short)]
    assert done == [5, *lengths, 3]
    assert 3 in slow.batches[1]
    assert all(sum(batch) <= 2_000 for batch in slow.batches)
