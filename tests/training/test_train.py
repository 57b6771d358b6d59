import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.waiting import PATIENCE

from isthmus.core.artifact import DOCUMENT, TENSORS, load_artifact
from isthmus.core.errors import (
    FingerprintError,
    InputError,
    IntegrityError,
)
from isthmus.training import Checkpoint, Log, Phase, Schedule, Trainee, single_threaded, train
from isthmus.training.adamw import SLOTS, AdamW

torch = pytest.importorskip("torch")

ROWS = 60


class Line(Trainee):
    """Least squares with noise drawn while training, so that order and draws matter."""

    def __init__(self, rows: int = ROWS, scores: list[float] | None = None) -> None:
        rng = np.random.default_rng(0)
        self.x = torch.tensor(rng.normal(size=(rows, 4)), dtype=torch.float32)
        self.truth = torch.tensor(rng.normal(size=(4, 2)), dtype=torch.float32)
        self.w = torch.zeros(4, 2, requires_grad=True)
        self.scores = scores
        self.seen: list[list[int]] = []

    def phases(self):
        return [Phase("fit", {"w": self.w}, self.loss)]

    def loss(self, rows, generator):
        self.seen.append(rows.tolist())
        noise = 0.1 * torch.randn(len(rows), 2, generator=generator)
        return (self.x[rows] @ (self.w - self.truth) + noise).square().mean()

    def validate(self) -> float:
        if self.scores is not None:
            return self.scores.pop(0)
        return -float((self.w - self.truth).square().mean())


class Duel(Trainee):
    """Two players: one moves towards the other, who flees; and a state of its own."""

    def __init__(self) -> None:
        self.a = torch.tensor([1.0], requires_grad=True)
        self.b = torch.tensor([0.0], requires_grad=True)
        self.drift = torch.zeros(1)
        self.starts: list[int] = []

    def phases(self):
        return [
            Phase("hunt", {"a": self.a}, lambda rows, generator: self.gap(generator)),
            Phase("flee", {"b": self.b}, lambda rows, generator: -self.gap(generator), rate=0.1),
        ]

    def gap(self, generator):
        return (self.a - self.b + self.drift * torch.rand(1, generator=generator)).square().sum()

    def start_epoch(self, epoch: int) -> None:
        self.starts.append(epoch)
        if epoch % 2 == 0:
            self.drift = self.a.detach().clone() / 10

    def state(self):
        return {"drift": self.drift}

    def load_state(self, tensors) -> None:
        self.drift = tensors["drift"]

    def validate(self) -> float:
        return -float(self.a.detach().abs())


PLAN = Schedule(epochs=12, batch_size=25, learning_rate=0.05, patience=20, seed=7)


def test_training_finds_the_truth() -> None:
    line = Line()
    log = train(line, ROWS, Schedule(epochs=150, batch_size=25, learning_rate=0.02))
    assert float((line.w - line.truth).detach().abs().max()) < 0.05
    assert log.best_score > -0.001
    assert log.losses[-1]["fit"] < 0.05 < log.losses[0]["fit"]


def test_one_step_is_that_of_adamw_worked_by_hand() -> None:
    class Point(Line):
        def loss(self, rows, generator):
            return (3 * self.w).sum()

    point = Point()
    with torch.no_grad():
        point.w.fill_(2.0)
    train(point, 5, Schedule(epochs=1, learning_rate=0.1, weight_decay=0.5, patience=None))
    # Decay: 2 (1 − 0.1·0.5) = 1.9; the first Adam step is the rate itself: 1.8.
    assert torch.allclose(point.w, torch.full((4, 2), 1.8))


def test_batches_cover_every_row_once_and_are_of_nearly_equal_size() -> None:
    line = Line()
    train(line, ROWS, PLAN)
    assert [len(batch) for batch in line.seen[:3]] == [20, 20, 20]
    for epoch in range(12):
        rows = [row for batch in line.seen[3 * epoch : 3 * epoch + 3] for row in batch]
        assert sorted(rows) == list(range(ROWS))
    assert line.seen[:3] != line.seen[3:6]
    odd = Line(rows=7)
    train(odd, 7, Schedule(epochs=1, batch_size=3))
    assert [len(batch) for batch in odd.seen] == [3, 2, 2]


def test_the_best_weights_are_kept() -> None:
    weights = []

    class Watched(Line):
        def validate(self) -> float:
            weights.append(self.w.detach().clone())
            return super().validate()

    line = Watched(scores=[0.1, 0.5, 0.4, 0.5, 0.3, 0.2])
    log = train(line, ROWS, Schedule(epochs=99, patience=4, learning_rate=0.1))
    assert log.scores == [(0, 0.1), (1, 0.5), (2, 0.4), (3, 0.5), (4, 0.3), (5, 0.2)]
    assert (log.best_epoch, log.best_score, log.stopped) == (1, 0.5, "patience")
    assert torch.equal(line.w, weights[1])


def test_where_no_epoch_helps_the_start_is_kept() -> None:
    line = Line(scores=[0.9, 0.5, math.nan, 0.4])
    log = train(line, ROWS, Schedule(epochs=99, patience=3))
    assert (log.best_epoch, log.best_score) == (0, 0.9)
    assert torch.equal(line.w, torch.zeros(4, 2))


def test_checks_may_be_rare_or_left_out() -> None:
    rare = Line()
    log = train(rare, ROWS, Schedule(epochs=7, check_every=3))
    assert [epoch for epoch, _ in log.scores] == [0, 3, 6, 7]
    last = Line(scores=[])
    log = train(last, ROWS, Schedule(epochs=7, patience=None))
    assert (log.scores, log.best_epoch, log.stopped) == ([], 7, "epochs")
    assert math.isnan(log.best_score)
    assert float(last.w.detach().abs().max()) > 0


def test_a_loss_that_is_not_finite_ends_it_before_the_step() -> None:
    class Cliff(Line):
        def loss(self, rows, generator):
            loss = super().loss(rows, generator)
            return loss * math.inf if len(self.seen) > 4 else loss

    cliff = Cliff()
    log = train(cliff, ROWS, PLAN)
    assert log.stopped == "diverged"
    assert log.best_epoch == 1
    assert torch.isfinite(cliff.w).all()


def test_each_optimiser_moves_only_its_own_parameters() -> None:
    duel = Duel()
    log = train(duel, 1, Schedule(epochs=1, learning_rate=0.01, patience=None))
    assert float(duel.a.detach()) == pytest.approx(0.99)
    assert float(duel.b.detach()) == pytest.approx(-0.001)
    assert set(log.losses[0]) == {"hunt", "flee"}


def test_equal_runs_are_equal_to_the_bit_and_the_global_generator_is_left_alone() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second, other = Line(), Line(), Line()
    train(first, ROWS, PLAN)
    torch.rand(3)
    torch.set_rng_state(before)
    train(second, ROWS, PLAN)
    train(other, ROWS, Schedule(epochs=12, batch_size=25, learning_rate=0.05, seed=8))
    assert torch.equal(first.w, second.w)
    assert not torch.equal(first.w, other.w)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_threads_are_restored_on_every_thread() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        inside, outside, entered, leave = [], [], threading.Event(), threading.Event()

        def work() -> None:
            with single_threaded():
                inside.append(torch.get_num_threads())
                entered.set()
                leave.wait(PATIENCE)
            outside.append(torch.get_num_threads())

        other = threading.Thread(target=work)
        with single_threaded():
            other.start()
            entered.wait(PATIENCE)
            inside.append(torch.get_num_threads())
        here = torch.get_num_threads()
        leave.set()
        other.join()
        assert (inside, outside, here, torch.get_num_threads()) == ([1, 1], [2], 2, 2)
    finally:
        torch.set_num_threads(before)


def test_progress_is_told() -> None:
    told = []
    train(Line(), ROWS, PLAN, progress=lambda *what: told.append(what))
    assert told == [("train", epoch, 12) for epoch in range(13)]


@pytest.mark.parametrize("make", [Line, Duel])
def test_training_in_pieces_gives_the_same_bits(make, tmp_path: Path) -> None:
    whole = make()
    expected = train(whole, ROWS, PLAN)
    pieces = 0
    while True:
        part = make()
        point = Checkpoint(tmp_path / "it", "data", seconds=0)
        steps = 0

        def stop(phase: str, done: int, total: int) -> None:
            nonlocal steps
            steps += 1
            if steps > 2:
                raise KeyboardInterrupt

        try:
            log = train(part, ROWS, PLAN, checkpoint=point, progress=stop)
            break
        except KeyboardInterrupt:
            pieces += 1
    assert pieces >= 5
    assert log == expected
    for name, tensor in whole.phases()[0].parameters.items():
        assert torch.equal(part.phases()[0].parameters[name], tensor)


def test_the_state_of_the_trainee_is_kept(tmp_path: Path) -> None:
    whole, part = Duel(), Duel()
    train(whole, 10, Schedule(epochs=5, batch_size=2, learning_rate=0.1))
    point = Checkpoint(tmp_path, seconds=0)
    plan = Schedule(epochs=5, batch_size=2, learning_rate=0.1)
    with pytest.raises(RuntimeError):
        part.gap = lambda generator: (_ for _ in ()).throw(RuntimeError)  # before any step
        train(part, 10, plan, checkpoint=point)
    saves = []

    class Counted(Duel):
        def gap(self, generator):
            saves.append(1)
            if len(saves) == 20:  # in the middle of the second epoch
                raise RuntimeError
            return super().gap(generator)

    with pytest.raises(RuntimeError):
        train(Counted(), 10, plan, checkpoint=point)
    again = Duel()
    train(again, 10, plan, checkpoint=point)
    assert again.starts[0] == 2, "an epoch that was under way does not start anew"
    assert torch.equal(again.a, whole.a)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first, again = Line(), Line()
    log = train(first, ROWS, PLAN, checkpoint=Checkpoint(tmp_path))
    assert train(again, ROWS, PLAN, checkpoint=Checkpoint(tmp_path)) == log
    assert again.seen == []
    assert torch.equal(first.w, again.w)


def test_a_time_limit_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    whole, part = Line(), Line()
    expected = train(whole, ROWS, PLAN)
    log = train(part, ROWS, PLAN, checkpoint=Checkpoint(tmp_path), time_limit=0)
    assert (log.stopped, part.seen) == ("time", [])
    log = train(part, ROWS, PLAN, checkpoint=Checkpoint(tmp_path))
    assert log == expected
    assert torch.equal(part.w, whole.w)


@pytest.mark.parametrize(
    ("rows", "plan", "name", "message"),
    [
        (ROWS, Schedule(epochs=13), "data", r"schedule.epochs is 12, not 13"),
        (ROWS, PLAN, "other", r"fingerprint is 'data', not 'other'"),
        (ROWS - 1, PLAN, "data", r"rows is 60, not 59"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(rows, plan, name, message, tmp_path) -> None:
    train(Line(), ROWS, PLAN, checkpoint=Checkpoint(tmp_path, "data"))
    with pytest.raises(FingerprintError, match=f"another training: its {message}; choose another"):
        train(Line(), rows, plan, checkpoint=Checkpoint(tmp_path, name))


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    train(Line(), ROWS, PLAN, checkpoint=Checkpoint(tmp_path))
    path = tmp_path / "training" / TENSORS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="checksum"):
        train(Line(), ROWS, PLAN, checkpoint=Checkpoint(tmp_path))
    (tmp_path / "training" / DOCUMENT).write_text("{")
    with pytest.raises(IntegrityError, match="damaged"):
        train(Line(), ROWS, PLAN, checkpoint=Checkpoint(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"check_every": None}, "check_every must be a whole number"),
        ({"learning_rate": -1.0}, "learning_rate must be positive, got -1"),
        ({"weight_decay": math.nan}, "weight_decay must not be negative"),
    ],
)
def test_what_is_no_schedule(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Schedule(**wrong)
    with pytest.raises(InputError, match="no rows"):
        train(Line(), 0, PLAN)


KILLS = int(os.environ.get("ISTHMUS_KILLS", "12"))
DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parents[1])]
from test_train import ROWS, Line
from isthmus.training import Checkpoint, Schedule, train
from isthmus.core.artifact import load_artifact

folder, kills = Path(sys.argv[2]), int(sys.argv[3])
plan = Schedule(epochs=800, batch_size=25, learning_rate=0.01, patience=2000, seed=3)
whole = Line()
train(whole, ROWS, plan)
moments = random.Random(0)
state = folder / "training" / "isthmus.json"

def written():
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:  # not yet, or just being replaced
        return None

places = [(0, 0)]
for _ in range(kills):
    before = written()
    child = os.fork()
    if not child:
        train(Line(), ROWS, plan, checkpoint=Checkpoint(folder, "data", seconds=0))
        os._exit(0)
    while written() in (None, before):  # so every life gets at least one step further
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), "the training was over before it was killed"
    found = load_artifact(folder / "training", "checkpoint")[0]
    places.append((found["epoch"], found["step"]))
assert all(a < b for a, b in zip(places, places[1:])), places
last = Line()
train(last, ROWS, plan, checkpoint=Checkpoint(folder, "data", seconds=60))
assert last.seen and len(last.seen) <= 800 * 3 - 3 * places[-1][0]
assert torch.equal(last.w, whole.w), (last.w, whole.w)
left = sorted(path.name for path in folder.iterdir())
assert left == ["training"], left
print(3 * places[-1][0] + places[-1][1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_training_killed_at_many_moments_ends_in_the_same_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRIVER, str(Path(__file__).parent), str(tmp_path), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= KILLS, "one step at least between any two kills"
    assert load_artifact(tmp_path / "training", "checkpoint")[0]["stopped"] == "epochs"


def test_an_empty_log_has_no_score() -> None:
    assert math.isnan(Log().best_score)


def test_steps_are_those_of_torch_to_the_bit() -> None:
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    idle = torch.ones(2, requires_grad=True)
    own = AdamW([idle, ours], learning_rate=0.05, weight_decay=0.1)
    other = torch.optim.AdamW([theirs], lr=0.05, weight_decay=0.1)
    for step in range(20):
        slope = torch.sin(start * step)
        ours.grad, theirs.grad = slope.clone(), slope.clone()
        own.step()
        other.step()
    assert torch.equal(ours, theirs)
    assert list(own.state) == [1]  # what has no slope stays and has no state
    assert torch.equal(idle.detach(), torch.ones(2))
    assert all(torch.equal(own.state[1][slot], other.state[theirs][slot]) for slot in SLOTS)


def test_training_does_not_import_the_compiler_of_torch() -> None:
    code = (
        "import sys, numpy as np; from isthmus.aligners import make;"
        "x = np.random.default_rng(0).normal(size=(120, 6)).astype('float32');"
        "made = make('contrastive', epochs=1).fit({'a': x, 'b': x[:, :4]});"
        "assert made.log_.choice.losses;"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
