from collections.abc import Callable

import numpy as np
import pytest

import isthmus.graph  # noqa: F401  its aligners are checked too
from isthmus.aligners import ALIGNERS, CCA, Aligner, Anchors, Ensemble, Procrustes, check_aligner
from isthmus.aligners.checks import checks_for


def ensemble() -> Ensemble:
    return Ensemble([CCA(), Anchors()], [1.0, 0.5])


FACTORIES = {name: ALIGNERS.get(name) for name in ALIGNERS} | {"ensemble": ensemble}
CASES = [
    pytest.param(check, id=f"{name}-{title}")
    for name, factory in FACTORIES.items()
    for title, check in checks_for(factory)
]


@pytest.mark.parametrize("check", CASES)
def test_contract(check: Callable[[], None]) -> None:
    check()


def test_every_registered_aligner_is_checked() -> None:
    assert set(ALIGNERS.names()) == {
        "adversarial",
        "anchors",
        "cca",
        "cm-gnn",
        "contrastive",
        "kernel-cca",
        "procrustes",
        "propagation",
        "ridge",
        "unpaired",
    }
    assert len({id.id.partition("-")[2] for id in CASES}) >= 20
    assert len(CASES) == len(FACTORIES) * len(list(checks_for(CCA)))


class Lazy(CCA):
    """Passes for an aligner until somebody looks at its vectors."""

    def transform(self, x: np.ndarray, modality: str) -> np.ndarray:
        return super().transform(x, modality) * np.float32(2)


class Random(CCA):
    def transform(self, x: np.ndarray, modality: str) -> np.ndarray:
        unit = super().transform(x, modality)
        return np.roll(unit, len(modality) + ord(modality[0]), axis=0)


class Mutating(Procrustes):
    def fit(self, pairs: object) -> Aligner:
        if isinstance(pairs, dict):
            for x in pairs.values():
                x -= x.mean(axis=0)
        return super().fit(pairs)


@pytest.mark.parametrize(
    ("broken", "title", "message"),
    [
        (Lazy, "transforms_to_unit_vectors", "a: norms differ from 1 by 1.0e"),
        (Random, "finds_a_planted_signal", "recall@1 a to b is 0.0"),
        (Mutating, "leaves_its_inputs_alone", "a was changed"),
    ],
)
def test_a_broken_aligner_is_found_out(broken: type[Aligner], title: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        dict(checks_for(broken))[title]()
    with pytest.raises(AssertionError, match=r"^\w+: "):
        check_aligner(broken)
