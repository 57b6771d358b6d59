import json
from dataclasses import fields

import numpy as np
import pytest

from isthmus.core.errors import VectorError
from isthmus.metrics import RetrievalReport, mean_average_precision, retrieval_report


def test_perfect_scores() -> None:
    report = retrieval_report(np.eye(20))
    assert (report.r1, report.r5, report.r10, report.mrr, report.map) == (1, 1, 1, 1, 1)
    assert (report.medr, report.n_queries, report.n_gallery) == (1.0, 20, 20)
    assert report.ndcg10 == pytest.approx(1.0)
    assert report.chance_r1 == pytest.approx(1 / 20)
    assert report.chance_r10 == pytest.approx(10 / 20)


def test_constant_scores_are_at_chance_or_below() -> None:
    report = retrieval_report(np.full((50, 50), 0.2))
    assert report.r1 == report.r5 == report.r10 == 0.0
    assert report.medr == 25.5
    assert report.map == pytest.approx(report.chance_map, rel=1e-12)


def test_random_scores_are_near_the_chance_it_states() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, 400)
    report = retrieval_report(rng.random((400, 400)), groups_query=groups, groups_gallery=groups)
    assert report.r10 == pytest.approx(report.chance_r10, abs=0.03)
    assert report.map == pytest.approx(report.chance_map, abs=0.01)
    assert report.chance_map == pytest.approx(0.26, abs=0.01)


def test_groups_decide_map_and_not_recall() -> None:
    scores = np.array([[0.1, 0.9, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]])
    labels = np.array(["cat", "cat", "owl"])
    report = retrieval_report(scores, groups_query=labels, groups_gallery=labels)
    assert report.r1 == pytest.approx(1 / 3)
    assert report.map == report.ndcg10 == 1.0
    assert report.map > retrieval_report(scores).map


def test_targets_may_be_relevance_of_several_rows() -> None:
    rng = np.random.default_rng(1)
    relevance = np.zeros((200, 12), dtype=bool)
    relevance[:, :3] = True
    report = retrieval_report(rng.random((200, 12)), relevance)
    assert report.chance_r1 == pytest.approx(3 / 12)
    assert report.chance_r10 == pytest.approx(1.0)  # three of twelve: ten draws cannot miss
    assert report.r1 == pytest.approx(0.25, abs=0.1)


def test_chance_of_average_precision_is_that_of_constant_scores() -> None:
    relevance = np.random.default_rng(2).random((30, 17)) < 0.4
    relevance[:, 0] = True
    report = retrieval_report(np.random.default_rng(3).random((30, 17)), relevance)
    constant = mean_average_precision(np.zeros((30, 17)), relevance)
    assert report.chance_map == pytest.approx(constant, rel=1e-12)


def test_small_gallery_caps_chance_at_one() -> None:
    report = retrieval_report(np.eye(4))
    assert report.chance_r10 == 1.0


def test_json_has_every_field() -> None:
    report = retrieval_report(np.eye(3))
    loaded = json.loads(json.dumps(report.to_json()))
    assert set(loaded) == {f.name for f in fields(RetrievalReport)}
    assert RetrievalReport(**loaded) == report


def test_refusals_say_what_is_missing() -> None:
    with pytest.raises(VectorError, match="`targets` must say"):
        retrieval_report(np.zeros((2, 3)))
    with pytest.raises(VectorError, match="got one"):
        retrieval_report(np.eye(2), groups_query=np.array([0, 1]))
    with pytest.raises(VectorError, match="need 2 labels of queries and 2"):
        retrieval_report(np.eye(2), None, np.array([0, 1]), np.array([0]))
