"""What the automatic choice tries, in which order: pinned, since results depend on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import pytest

from isthmus.aligners import (
    ALIGNERS,
    CCA,
    Aligner,
    Condition,
    Growth,
    LinearHead,
    Related,
    Search,
    Setting,
)
from isthmus.aligners.base import Pairs
from isthmus.core.artifact import content_hash
from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors
from isthmus.pipeline import prepare
from isthmus.selection.candidates import (
    Candidate,
    candidates,
    ensembles,
    entering,
    grown,
    learned,
    unentered,
    with_sources,
)
from isthmus.selection.compare import rivals
from isthmus.selection.remember import Remembered
from isthmus.selection.select import select
from isthmus.space.readout import Readout

LINEAR = [
    *(
        f"cca ridge={ridge} power={power}{scale}"
        for scale in ("", " scale=True")
        for ridge in ("3", "1", "10", "5", "0.3")
        for power in ("1", "2", "0.5")
    ),
    "cca ridge=0.3 power=4",
]
KERNELS = [
    f"kernel-cca ridge={ridge} power={power} sharpness={sharpness}"
    for sharpness in ("2", "3")
    for ridge, power in (("1", "1"), ("1", "0.5"), ("0.3", "0.5"), ("0.3", "1"), ("3", "0.5"))
]
ANCHORS = [
    "anchors k=0.2 power=4",
    "anchors k=0.2 power=8",
    "anchors k=0.5 power=4",
    "anchors k=0.5 power=8",
]
RIDGE = ["ridge ridge=0.1", "ridge ridge=1", "ridge ridge=10"]
PROCRUSTES = [
    "procrustes components=50",
    "procrustes components=100",
    "procrustes components=200",
]
PROPAGATION = [
    "propagation restart=0.1 group_weight=4",
    "propagation restart=0.2",
    "propagation restart=0.2 group_weight=4",
    "propagation restart=0.5",
]
INSTANCE = [*KERNELS, *LINEAR, *ANCHORS, *RIDGE, *PROCRUSTES]

BEST = {
    "cca": Candidate("cca", {"ridge": 3.0, "power": 1.0, "scale": False}),
    "ridge": Candidate("ridge", {"ridge": 0.1}),
    "kernel-cca": Candidate("kernel-cca", {"ridge": 1.0, "power": 0.5, "sharpness": 3.0}),
    "contrastive": Candidate("contrastive", {"head": "mlp", "ridge": 1.0, "power": 0.5}),
    "anchors": Candidate("anchors", {"k": 0.2, "power": 4.0}),
}

TOO_FEW = (
    "trained heads are tried from 4,000 records on; with fewer they were never clearly better "
    "than the closed form that they start from"
)
GRAPHS_SMOOTH = (
    "graphs average over similar items; this helps to find things of the same kind (the semantic "
    "read-out), but not single partners"
)
NOT_PAIRED = "these are for records without pairs; to use one, name it"


def labels(found: list[Candidate]) -> list[str]:
    return [candidate.label for candidate in found]


@pytest.mark.parametrize(
    ("readout", "expected", "digest"),
    [
        ("instance", INSTANCE, "72a86a376b920b10716e109f6a75859b"),
        ("semantic", [*INSTANCE, *PROPAGATION], "eaabf127d1f166fd7f2eb14cbfbb576f"),
    ],
)
def test_the_automatic_choice_tries_these_in_this_order(
    readout: Readout, expected: list[str], digest: str
) -> None:
    found = candidates("auto", readout=readout)
    assert labels(found) == expected
    document = json.dumps([candidate.to_json() for candidate in found])
    assert content_hash(document.encode()) == digest


@pytest.mark.parametrize(
    ("aligner", "expected"),
    [
        ("cca", LINEAR),
        ("kernel-cca", KERNELS),
        ("anchors", ANCHORS),
        ("ridge", RIDGE),
        ("procrustes", PROCRUSTES),
        ("propagation", PROPAGATION),
        ("cm-gnn", ["cm-gnn restart=0.1 group_weight=4", "cm-gnn restart=0.2"]),
        ("contrastive", ["contrastive"]),
        ("adversarial", ["adversarial"]),
        ("unpaired", ["unpaired"]),
    ],
)
def test_a_named_aligner_has_its_own_grid(aligner: str, expected: list[str]) -> None:
    assert labels(candidates(aligner)) == expected


def test_hyper_parameters_that_are_given_are_not_searched() -> None:
    assert labels(candidates("anchors", power=2.0)) == [
        "anchors k=0.2 power=2",
        "anchors k=0.5 power=2",
    ]
    with pytest.raises(InputError, match="can be set only for one aligner"):
        candidates("auto", ridge=1.0)


def test_leaders_stand_beside_anchors_then_the_linear_form() -> None:
    cca, kernel, anchors = (f"({BEST[n].label})" for n in ("cca", "kernel-cca", "anchors"))
    assert labels(ensembles(BEST)) == [
        f"1·{leader} + {weight}·{other}"
        for leader, other in ((cca, anchors), (kernel, anchors), (kernel, cca))
        for weight in ("0.1", "0.25", "0.5")
    ]
    contrastive = {"contrastive": BEST["contrastive"], "ridge": BEST["ridge"], "cca": BEST["cca"]}
    assert len(ensembles(contrastive)) == 3  # contrastive + cca; cca has nothing beside it


@pytest.mark.parametrize(
    ("best", "records", "expected"),
    [
        (("cca", "kernel-cca"), 4000, ["contrastive head=linear ridge=3 power=1"]),
        (("anchors", "kernel-cca", "cca"), 4000, ["contrastive head=mlp ridge=1 power=0.5"]),
        (("cca", "kernel-cca"), 3999, []),
        (("anchors", "ridge"), 5000, []),
    ],
)
def test_what_is_trained_starts_from_the_best_that_it_can(
    best: tuple[str, ...], records: int, expected: list[str]
) -> None:
    assert (
        labels(learned({name: BEST[name] for name in best}, Setting(records=records))) == expected
    )


def test_a_graph_network_starts_from_the_propagation_that_leads() -> None:
    graph = Candidate("propagation", {"restart": 0.2, "group_weight": 0.0})
    found = learned({"propagation": graph, "cca": BEST["cca"]}, Setting("semantic", 5000))
    assert [each.to_json() for each in found] == [
        {"aligner": "cm-gnn", "params": {"restart": 0.2, "group_weight": 0.0}}
    ]
    behind = learned({"cca": BEST["cca"], "propagation": graph}, Setting("semantic", 500))
    assert labels(behind) == ["cm-gnn restart=0.2"]


def test_only_kernels_grow_and_only_where_there_are_more_rows_than_centres() -> None:
    assert labels(grown(BEST, Setting(records=1001))) == [
        "kernel-cca ridge=1 power=0.5 sharpness=3 max_centres=2500"
    ]
    assert grown(BEST, Setting(records=1000)) == []


def test_sources_are_added_to_the_closed_form_at_these_weights() -> None:
    assert labels(with_sources(BEST, ["s"])) == [
        f"cca ridge={ridge} power=1 +{weight}·s"
        for weight in ("0.15", "0.5", "1.5", "5")
        for ridge in ("3", "1")
    ]
    assert with_sources({"anchors": BEST["anchors"]}, ["s"]) == []


@pytest.mark.parametrize(
    ("readout", "records", "expected"),
    [
        (
            "instance",
            3999,
            {
                "contrastive": TOO_FEW,
                "propagation, cm-gnn": GRAPHS_SMOOTH,
                "unpaired, adversarial": NOT_PAIRED,
            },
        ),
        (
            "instance",
            4000,
            {"propagation, cm-gnn": GRAPHS_SMOOTH, "unpaired, adversarial": NOT_PAIRED},
        ),
        ("semantic", 3999, {"contrastive": TOO_FEW, "unpaired, adversarial": NOT_PAIRED}),
    ],
)
def test_what_does_not_enter_is_named_with_the_reason(
    readout: Readout, records: int, expected: dict[str, str]
) -> None:
    found = unentered(Setting(readout, records))
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (
            Candidate("cm-gnn", {"group_weight": 4.0, "restart": 0.1, "power": 2.0, "width": 32}),
            [
                "cca ridge=3 power=2",
                "propagation power=2 restart=0.1 group_weight=4",
            ],
        ),
        (Candidate("propagation", {"components": 64}), ["cca ridge=3 power=1 components=64"]),
        (Candidate("contrastive", {"ridge": 0.3}), ["cca ridge=0.3 power=1"]),
        (Candidate("adversarial"), ["cca ridge=3 power=1"]),
        (Candidate("unpaired"), []),
        (BEST["kernel-cca"], []),
    ],
)
def test_what_is_trained_or_smoothed_has_to_beat_these(
    candidate: Candidate, expected: list[str]
) -> None:
    assert labels(rivals(candidate)) == expected


# ---- an aligner of the user's --------------------------------------------------------


class SquaresHead(LinearHead):
    """Looks at the squares of what it is given."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return super().__call__(np.square(x))


class Squares(Aligner):
    """Finds partners by squares, which no linear form can do."""

    name = "squares"
    search = Search(
        grid=({"ridge": 3.0}, {"ridge": 0.01}),
        conditions=(Condition("squares need 100 records", records=100),),
    )

    def __init__(self, ridge: float = 1.0) -> None:
        self.ridge = ridge

    def fit(self, pairs: Pairs) -> Self:
        rows = self.admit(pairs)
        squared = {m: np.square(x) for m, x in rows.vectors.items()}
        heads = CCA(ridge=self.ridge).fit(squared).heads_
        self.heads_ = {m: SquaresHead(h.mean, h.weight) for m, h in heads.items()}
        return self


class Trained(Squares):
    name = "trained"
    search = Search(
        trained=True,
        cost=9.0,
        starts=(Related("squares", {"ridge": 2.0}, taken=()),),
        rivals=(Related("squares"),),
        conditions=(Condition("trained heads need groups", groups=True),),
        leads=True,
        grows=Growth(above=10, params={"ridge": 0.5}),
    )


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of them, registered as users do it, until the end of a test."""
    module = ModuleType("my_package")
    vars(module).update(Squares=Squares, Trained=Trained)
    monkeypatch.setitem(sys.modules, "my_package", module)
    monkeypatch.setattr(ALIGNERS, "_targets", dict(ALIGNERS._targets))
    ALIGNERS.add("squares", "my_package:Squares")
    ALIGNERS.add("trained", "my_package:Trained")


@pytest.mark.usefixtures("own")
def test_a_registered_aligner_enters_the_automatic_choice_and_can_win() -> None:
    entered = labels(candidates("auto"))
    assert entered == [*INSTANCE, "squares ridge=3", "squares ridge=0.01"]
    rng = np.random.default_rng(0)
    z = rng.normal(size=(240, 6))
    lengths = np.square(z) @ rng.normal(size=(6, 6)) + 0.01 * rng.normal(size=(240, 6))
    pairs = PairedVectors({"a": z, "b": np.sqrt(lengths - lengths.min() + 0.1)})
    some = [each for each in candidates("auto") if each.aligner in ("cca", "squares")]
    chosen = select(pairs, some, np.arange(240), auto=True, nested=False)
    assert chosen.best.aligner == "squares"
    ran = {trial.candidate.fitted for trial in chosen.trials if trial.complete}
    assert {"squares ridge=0.01", "cca ridge=3 power=1"} <= ran
    assert chosen.not_tried["trained"] == "trained heads need groups"


class Kept:
    """Stands for a space, and notes where it is saved."""

    def save(self, folder: Path) -> None:
        self.folder = folder


@pytest.mark.usefixtures("own")
def test_a_space_is_not_remembered_across_a_change_of_a_registered_aligner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    ready = prepare(PairedVectors({m: rng.normal(size=(12, 3)) for m in "ab"}))

    def kept() -> Path:
        space = Kept()
        Remembered(tmp_path, ready).keep(space)  # type: ignore[arg-type]
        return space.folder

    first = kept()
    assert kept() == first
    monkeypatch.setattr(sys.modules["my_package"], "Squares", Trained)  # its code has changed
    assert kept() != first
    monkeypatch.setattr(ALIGNERS, "_targets", {"cca": "isthmus.aligners.closed.cca:CCA"})
    assert kept() != first


@pytest.mark.usefixtures("own")
def test_a_registered_aligner_says_itself_when_it_enters() -> None:
    few, many = Setting(records=99), Setting(records=100)
    choices = candidates("squares")
    assert entering(choices, few) == [] and entering(choices, many) == choices
    assert unentered(few)["squares"] == "squares need 100 records"
    best = {"cca": BEST["cca"], "squares": choices[0]}
    ungrouped, grouped = (Setting(records=500, grouped=each) for each in (False, True))
    assert learned(best, ungrouped) == []
    assert learned(best, grouped) == [Candidate("trained", {"ridge": 2.0})]


@pytest.mark.usefixtures("own")
def test_a_registered_aligner_says_itself_what_may_be_made_of_it() -> None:
    trained = Candidate("trained", {"ridge": 2.0})
    best = {"trained": trained, "cca": BEST["cca"]}
    assert labels(ensembles(best))[0] == "1·(trained ridge=2) + 0.1·(cca ridge=3 power=1)"
    assert labels(grown(best, Setting(records=11))) == ["trained ridge=0.5"]
    assert labels(rivals(trained)) == ["squares ridge=2"]
    assert (trained.cost, trained.trained) == (9.0, True)
    assert ensembles(best)[0].cost == 9.0
