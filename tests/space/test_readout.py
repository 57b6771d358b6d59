from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.linalg import l2_normalize
from isthmus.space.readout import NEIGHBOURS, score


def unit(n: int, d: int, seed: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def test_semantic_is_the_cosine() -> None:
    q, g = unit(3, 5, 0), unit(4, 5, 1)
    found = score(q, g, readout="semantic", query_bank=q, gallery_bank=g)
    np.testing.assert_allclose(found, q @ g.T, atol=1e-6)


def test_instance_is_csls_written_out() -> None:
    q, g, bank_q, bank_g = unit(3, 5, 0), unit(4, 5, 1), unit(30, 5, 2), unit(40, 5, 3)
    found = score(q, g, readout="instance", query_bank=bank_q, gallery_bank=bank_g)
    for i in range(3):
        for j in range(4):
            from_query = np.sort(bank_g @ q[i])[-NEIGHBOURS:].mean()
            from_gallery = np.sort(bank_q @ g[j])[-NEIGHBOURS:].mean()
            expected = 2 * q[i] @ g[j] - from_query - from_gallery
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("hubs", [0.0, 0.5, 1.0])
def test_the_correction_is_as_strong_as_asked(hubs: float) -> None:
    q, g, banks = (
        unit(3, 5, 0),
        unit(4, 5, 1),
        {"query_bank": unit(30, 5, 2), "gallery_bank": unit(40, 5, 3)},
    )
    full = score(q, g, readout="instance", **banks)
    none = 2 * (q @ g.T)
    found = score(q, g, readout="instance", csls_strength=hubs, **banks)
    np.testing.assert_allclose(found, none + hubs * (full - none), atol=1e-5)
    cosine = score(q, g, readout="semantic", csls_strength=hubs, **banks)
    np.testing.assert_allclose(cosine, q @ g.T, atol=1e-6)


def test_a_hub_loses_its_lead() -> None:
    """A gallery row near all queries of the bank wins by cosine, not by the instance score."""
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    hub, true = [0.9, 0.436], [0.88, -0.475]
    gallery = l2_normalize(np.array([hub, true], dtype=np.float32))
    bank = np.repeat(gallery[:1], 20, axis=0)  # other queries crowd around the hub
    cosine = score(query, gallery, readout="semantic", query_bank=bank, gallery_bank=gallery)
    instance = score(query, gallery, readout="instance", query_bank=bank, gallery_bank=gallery)
    assert cosine[0, 0] > cosine[0, 1]
    assert instance[0, 1] > instance[0, 0]


def test_unknown_readout_is_named() -> None:
    with pytest.raises(InputError, match="instance, semantic"):
        score(
            unit(1, 3, 0),
            unit(1, 3, 1),
            readout="best",
            query_bank=unit(1, 3, 0),
            gallery_bank=unit(1, 3, 0),
        )  # type: ignore[arg-type]


@pytest.mark.parametrize("readout", ["instance", "semantic"])
def test_an_item_that_could_not_be_used_is_never_found(readout: str) -> None:
    gallery = unit(5, 4, 1)
    gallery[2] = 0
    bank = unit(20, 4, 2)
    found = score(unit(3, 4, 0), gallery, readout=readout, query_bank=bank, gallery_bank=bank)  # type: ignore[arg-type]
    assert (found[:, 2] == -np.inf).all() and np.isfinite(np.delete(found, 2, axis=1)).all()
