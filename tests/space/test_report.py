from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzzing import EXAMPLES, mutated

from isthmus.core.errors import ArtifactError, DataError
from isthmus.core.paired import PairedVectors
from isthmus.core.reading import parse_json
from isthmus.core.view import Direction
from isthmus.selection import align
from isthmus.space import Space, SpaceReport
from isthmus.space.card import model_card
from isthmus.space.report import (
    Geometry,
    Quality,
    Readouts,
    RetrievalFigures,
    Spread,
    read_report,
    summarise,
    write_report,
)


def signal(n: int = 60) -> PairedVectors:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 6))
    return PairedVectors(
        {m: z @ rng.normal(size=(6, d)) for m, d in {"image": 9, "text": 8}.items()}
    )


WAY, BACK = Direction("text", "image"), Direction("image", "text")


@pytest.fixture(scope="module")
def space() -> Space:
    return align(signal(), aligner="ridge")


def figures(r1: float, **more: float) -> RetrievalFigures[float]:
    names = ("r5", "r10", "medr", "mrr", "n_queries", "n_gallery", "chance_r1", "chance_r10")
    return RetrievalFigures(r1=r1, **dict.fromkeys(names, 1.0), **more)


def test_a_summary_says_over_how_many_folds_each_figure_is() -> None:
    geometry = {WAY.pair: Geometry(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}
    first = Quality({WAY: Readouts(figures(0.2, map=0.5), figures(0.1))}, geometry)
    second = Quality({WAY: Readouts(figures(0.4), figures(0.1)), BACK: first[WAY]}, {})
    found = summarise([first, second])
    assert found[WAY].instance.r1 == Spread(pytest.approx(0.3), pytest.approx(0.1 * 2**0.5), 2)
    assert found[WAY].instance.map == Spread(0.5, None, 1)
    assert found[WAY].semantic.map is None
    assert found[BACK].instance.r1 == Spread(0.2, None, 1)
    assert found.geometry[WAY.reverse.pair].foscttm == Spread(0.6, None, 1)


def test_a_report_survives_json(space: Space) -> None:
    document = json.loads(json.dumps(write_report(space.report)))
    assert read_report(document) == space.report
    assert read_report(write_report(None)) is None
    starter = Space.load("starter").report
    assert read_report(json.loads(json.dumps(write_report(starter)))) == starter


def test_a_report_that_does_not_fit_names_the_key(space: Space) -> None:
    assert isinstance(space.report, SpaceReport)
    document = json.loads(json.dumps(space.report.to_json()))
    document["settings"]["sed"] = 1
    with pytest.raises(ArtifactError, match=r"report\.settings: the key 'sed' is unknown"):
        SpaceReport.from_json(document)
    del document["settings"]
    with pytest.raises(ArtifactError, match="report: the key 'settings' is missing"):
        SpaceReport.from_json(document)
    with pytest.raises(ArtifactError, match="there are aligned, pretrained, starter"):
        read_report({"kind": "other", "report": {}})


def test_a_direction_without_its_null_is_refused(space: Space) -> None:
    document = json.loads(json.dumps(write_report(space.report)))
    del document["report"]["estimate"]["null"]["shuffled"][0]
    with pytest.raises(ArtifactError, match=r"estimate: .* not with partners dealt at random"):
        read_report(document)


def test_held_out_quality_that_was_not_estimated_says_how_to_get_it() -> None:
    report = align(signal(), aligner="ridge", nested=False).report
    assert isinstance(report, SpaceReport) and report.estimate is None
    with pytest.raises(DataError, match="nested=True"):
        _ = report.held_out


@settings(max_examples=EXAMPLES // 6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_fuzzed_reports(space: Space, data: st.DataObject) -> None:
    document = json.loads(json.dumps(write_report(space.report)))
    text = json.dumps(mutated(data.draw, document)).encode()
    with suppress(ArtifactError):
        model_card(read_report(parse_json(text, "it")), space.views, "0")
