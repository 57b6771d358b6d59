from collections.abc import Callable

import pytest

from isthmus.aligners import ALIGNERS, CCA, Anchors, Ensemble
from isthmus.aligners.checks import checks_for
from isthmus.graph.aligner import CMGNN


def ensemble() -> Ensemble:
    return Ensemble([CCA(), Anchors()], [1.0, 0.5])


def small_network() -> CMGNN:
    """A few epochs do all that many do."""
    return CMGNN(epochs=5, width=32)


FACTORIES = {name: ALIGNERS.get(name) for name in ALIGNERS} | {
    "ensemble": ensemble,
    "cm-gnn": small_network,
}
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
    assert len({id.id.partition("-")[2] for id in CASES}) >= 30
    assert len(CASES) == len(FACTORIES) * len(list(checks_for(CCA)))
