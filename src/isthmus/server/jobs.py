"""Runs that are started over HTTP, one at a time: they index files, give labels, or predict.

This is own code because queues such as Celery and RQ need a broker that runs beside the server.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.paths import expanded
from isthmus.core.wording import count
from isthmus.predictor.predictor import Predictor
from isthmus.store.filters import parse
from isthmus.tasks import IndexReport, SearchOptions, Store, annotate_store
from isthmus.tasks.predict.keep import label_field
from isthmus.tasks.predict.stored import predict_store
from isthmus.tasks.zeroshot.annotate import LEAST
from isthmus.tasks.zeroshot.classes import label_specs

Kind = Literal["index", "label", "predict"]
State = Literal["running", "done", "failed", "cancelled"]
_COUNTED = ("index", "read words", "label items", "predict items")
"""Phases of items, whose end can be told by how long they took so far."""
_UNLABELLED = "labels stay as they were"
_KEPT = 20
_LISTED = 100


class BusyError(IsthmusError):
    """A run is under way, and there is only ever one."""


class _CancelledError(Exception):
    """Leaves a run between two batches."""


@dataclass(eq=False)
class Run:
    """One run; what a reader sees may be a moment old.

    Attributes:
        id: Names it.
        paths: What is indexed.
        views: That the files may belong to; empty for all.
        read: Words to read in files; None for those that the store reads anyway.
        kind: What it does.
        labels: That are given.
        labelled: How many items got one, once it is done.
        removed: How many other labels items lost, once it is done.
        state: How it stands.
        phase: What is being done.
        done: Of the phase.
        total: Of the phase.
        message: Why it failed, or what it did.
        report: What it did, once it is done.
        started: When, on the monotonic clock.
    """

    id: str
    paths: list[str]
    views: list[str] = field(default_factory=list)
    read: Sequence[str] | None = None
    kind: Kind = "index"
    labels: list[str] = field(default_factory=list)
    labelled: int = 0
    removed: int = 0
    state: State = "running"
    phase: str = "look at files"
    done: int = 0
    total: int = 0
    message: str = ""
    report: IndexReport | None = None
    started: float = field(default_factory=time.monotonic)
    phase_started: float = field(default_factory=time.monotonic)
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def eta(self) -> float | None:
        """Seconds that are left, by what the phase took so far; None before it is known."""
        if self.state != "running" or not self.done or self.phase not in _COUNTED:
            return None
        return (time.monotonic() - self.phase_started) / self.done * (self.total - self.done)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Told by the run."""
        if self.cancel.is_set():
            raise _CancelledError
        if phase != self.phase:
            self.phase, self.phase_started = phase, time.monotonic()
        self.done, self.total = done, total


class Jobs:
    """Runs of one store.

    Args:
        store: Where to.
        roots: Folders that may be indexed, nothing outside of them.
    """

    def __init__(self, store: Store, roots: Sequence[Path]) -> None:
        self._store = store
        self._roots = [expanded(root).resolve() for root in roots]
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def roots(self) -> list[str]:
        """Folders that may be indexed."""
        return [str(root) for root in self._roots]

    def start(
        self, paths: Sequence[str], views: Sequence[str] = (), read: Sequence[str] | None = None
    ) -> Run:
        """Begin to index.

        Args:
            paths: Files and folders.
            views: Views that the files may belong to; default: all of the space.
            read: Words to read in files, as of :meth:`isthmus.Store.add`.

        Raises:
            InputError: If a path does not exist or lies outside of the roots, or the space has
                no view of a name.
            BusyError: If one is under way.
        """
        SearchOptions(views=views).check_views(self._store.space.views)
        run = Run(_name(), [str(self._inside(path)) for path in paths], list(views), read=read)
        return self._begin(run, lambda: self._index(run))

    def label(
        self, labels: Sequence[str], *, where: str = "", least: float = LEAST, replace: bool = False
    ) -> Run:
        """Begin to give labels; arguments as of :func:`isthmus.annotate_store`.

        Raises:
            InputError: If a label or the filter cannot be used.
            BusyError: If a run is under way.
        """
        label_specs(labels)
        if where.strip():
            parse(where)
        run = Run(_name(), [], kind="label", labels=list(labels), phase="read labels")

        def work() -> None:
            done = annotate_store(
                self._store,
                labels,
                where=where,
                least=least,
                replace=replace,
                progress=run.progress,
            )
            run.labelled, run.removed = done.labelled, done.removed or 0
            run.message = "; ".join([done.said, *done.notes])

        return self._begin(run, work)

    def predict(
        self, predictor: Predictor, *, where: str = "", field: str = "", least: float = LEAST
    ) -> Run:
        """Begin to predict items; arguments as of :func:`isthmus.tasks.predict.predict_store`.

        Raises:
            InputError: If no label can hold the answers or has such a field, or the filter cannot
                be used.
            BusyError: If a run is under way.
        """
        name = label_field(predictor, field)
        if where.strip():
            parse(where)
        run = Run(_name(), [], kind="predict", phase="predict items")
        run.labels = [name]

        def work() -> None:
            done = predict_store(
                self._store,
                predictor,
                where=where,
                field=field,
                least=least,
                progress=run.progress,
            )
            run.labelled = done.kept.labelled
            records = count(len(done.answers), "record")
            run.message = f"{records} predicted; {count(run.labelled, 'item')} got a label"
            if done.failures:
                run.message += f"; {len(done.failures)} could not be used"

        return self._begin(run, work)

    def get(self, name: str) -> Run | None:
        """A run by its id."""
        return self._runs.get(name)

    def listed(self) -> list[Run]:
        """The last runs, oldest first."""
        return list(self._runs.values())

    def close(self) -> None:
        """Cancel what is under way and wait for the end of its batch."""
        for run in self._runs.values():
            run.cancel.set()
        if self._thread is not None:
            self._thread.join()

    def _inside(self, path: str) -> Path:
        try:
            real = expanded(path).resolve()
            there = real.exists()
        except (OSError, ValueError, RuntimeError):
            there, real = False, Path()
        if there and any(real.is_relative_to(root) for root in self._roots):
            return real
        allowed = ", ".join(self.roots) or "none; allow one with: isthmus serve --allow FOLDER"
        raise InputError(
            f"{path!r} does not exist, or is outside of the folders that can be indexed: {allowed}"
        )

    def _begin(self, run: Run, work: Callable[[], None]) -> Run:
        with self._lock:
            if any(each.state == "running" for each in self._runs.values()):
                raise BusyError("a run is in progress; wait until it ends, or cancel it")
            self._runs[run.id] = run
            while len(self._runs) > _KEPT:
                self._runs.pop(next(iter(self._runs)))
            self._thread = threading.Thread(
                target=_work, args=(run, work), name=f"isthmus-{run.kind}"
            )
            self._thread.start()
        return run

    def _index(self, run: Run) -> None:
        run.report = self._store.add(
            run.paths, views=run.views, read=run.read, progress=run.progress
        )
        added, broken = len(run.report.added), len(run.report.broken)
        run.message = (
            f"{count(added, 'item')} added, {count(run.report.unchanged, 'file')} unchanged"
        )
        run.message += f", {broken} could not be used" if broken else ""


def _name() -> str:
    return secrets.token_hex(8)


def _work(run: Run, work: Callable[[], None]) -> None:
    """Do it, and say how it ended."""
    try:
        work()
        run.state = "done"
    except _CancelledError:
        stays = {"index": "what was added stays", "label": _UNLABELLED, "predict": _UNLABELLED}
        run.message, run.state = f"cancelled; {stays[run.kind]}", "cancelled"
    except (IsthmusError, OSError) as error:
        run.message, run.state = str(error), "failed"
    except Exception:
        run.message, run.state = "failed; the log of the server says why", "failed"
        raise


def problems(run: Run) -> list[tuple[str, str]]:
    """Files that a run could not use, with reasons, at most a hundred."""
    broken = run.report.broken if run.report else []
    return [(each.source, each.reason) for each in broken[:_LISTED]]
