"""Aligners that are wrong in one way each, and the check that finds them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pytest

from isthmus.aligners import (
    CCA,
    Abilities,
    Aligner,
    Anchors,
    Contrastive,
    Ensemble,
    LinearHead,
    Procrustes,
    Related,
    Search,
    check_aligner,
)
from isthmus.aligners.checks import checks_for
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors, Pairs, as_pairs

MOMENTS = {"missing_rows": True, "many_views": True, "incremental": True}


def without(ability: str) -> Abilities:
    return Abilities(**{**MOMENTS, ability: False})  # type: ignore[arg-type]


# ---- fit and transform ---------------------------------------------------------------


class Long(CCA):
    def transform(self, x: np.ndarray, view: str) -> np.ndarray:
        return super().transform(x, view) * np.float32(2)


class Random(CCA):
    def transform(self, x: np.ndarray, view: str) -> np.ndarray:
        return np.roll(super().transform(x, view), 1 + ord(view[0]), axis=0)


class Mutating(Procrustes):
    def fit(self, pairs: Pairs) -> Self:
        if isinstance(pairs, dict):
            for x in pairs.values():
                x -= x.mean(axis=0)
        return super().fit(pairs)


class SubtractsTheBatch(CCA):
    def transform(self, x: np.ndarray, view: str) -> np.ndarray:
        return super().transform(x - x.mean(axis=0) if len(x) > 1 else x, view)


class DrawsGlobally(CCA):
    def fit(self, pairs: Pairs) -> Self:
        np.random.normal()
        return super().fit(pairs)


class ForgetsFirst(CCA):
    def fit(self, pairs: Pairs) -> Self:
        self.heads_ = {}
        return super().fit(pairs)


class AddsUp(CCA):
    def fit(self, pairs: Pairs) -> Self:
        return self.partial_fit(pairs) if hasattr(self, "moments_") else super().fit(pairs)


class FirstRows(CCA):
    def fit(self, pairs: Pairs) -> Self:
        return super().fit(as_pairs(pairs).take(np.arange(100)))


class CrossesViews(CCA):
    def fit(self, pairs: Pairs) -> Self:
        super().fit(pairs)
        self.heads_ = dict(zip(sorted(self.heads_), self.heads_.values(), strict=True))
        return self


class TakesNamesApart(CCA):
    def fit(self, pairs: Pairs) -> Self:
        if any("|" in m for m in as_pairs(pairs).views):
            raise InputError("no bars, please")
        return super().fit(pairs)


class CutsAndPads(CCA):
    def transform(self, x: np.ndarray, view: str) -> np.ndarray:
        if x.ndim == 2:
            x = np.pad(x, ((0, 0), (0, self.heads_[view].input_dim - x.shape[1])), mode="edge")
        return super().transform(x, view)


class MindsTheLayout(CCA):
    def transform(self, x: np.ndarray, view: str) -> np.ndarray:
        return super().transform(x if x.flags.c_contiguous or len(x) < 9 else x[::-1], view)


# ---- hyper-parameters ----------------------------------------------------------------


class Tunes(CCA):
    def fit(self, pairs: Pairs) -> Self:
        super().fit(pairs)
        self.ridge = 3.0
        return self


class TakesAnyName(CCA):
    def set_params(self, **params: Any) -> Self:
        vars(self).update(params)
        return self


class ClonesWhatItKnows(CCA):
    def clone(self) -> Self:
        new = super().clone()
        vars(new).update(vars(self))
        return new


class GridOfAnother(CCA):
    search = Search(grid=({"sharpness": 2.0},))


class StartsWithout(CCA):
    search = Search(starts=(Related("ridge", taken=("pivot",)),))


class ShrinksWithoutMoments(Anchors):
    search = Search(shrinks="power")


# ---- abilities -----------------------------------------------------------------------


class TakesAbsentForZero(CCA):
    def fit(self, pairs: Pairs) -> Self:
        rows = as_pairs(pairs)
        return super().fit({m: x + np.float32(1e-6) for m, x in rows.vectors.items()})


class RefusesMissing(CCA):
    def fit(self, pairs: Pairs) -> Self:
        rows = as_pairs(pairs)
        if not all(here.all() for here in rows.present.values()):
            raise DataError("no missing rows, please")
        return super().fit(rows)


class AdmitsAll(CCA):
    """Does more than it declares, and its users cannot know that."""

    def admit(self, pairs: Pairs) -> PairedVectors:
        return as_pairs(pairs)


class MissingUndeclared(AdmitsAll):
    abilities = without("missing_rows")


class ThirdAtRandom(CCA):
    def fit(self, pairs: Pairs) -> Self:
        rows = as_pairs(pairs)
        super().fit(rows.select(rows.views[:2]))
        rng = np.random.default_rng(0)
        for m in rows.views[2:]:
            d, k = rows.vectors[m].shape[1], self.heads_[rows.views[0]].output_dim
            self.heads_[m] = LinearHead(np.zeros(d), rng.normal(size=(d, k)))
        return self


class DropsTheThird(CCA):
    abilities = without("many_views")

    def fit(self, pairs: Pairs) -> Self:
        rows = as_pairs(pairs)
        return super().fit(rows.select(rows.views[:2]))


class ForgetsBeforeAdding(CCA):
    def partial_fit(self, pairs: Pairs) -> Self:
        return self.fit(pairs)


class NeverForgets(CCA):
    def forget(self, pairs: Pairs) -> Self:
        return self


class PromisesToAdd(Anchors):
    abilities = Abilities(**MOMENTS)  # type: ignore[arg-type]


class HidesThatItAdds(CCA):
    abilities = without("incremental")


class Guesses(CCA):
    abilities = Abilities(**MOMENTS, unpaired={"free": True})  # type: ignore[arg-type]

    def __init__(self, ridge: float = 1.0, free: bool = False) -> None:
        super().__init__(ridge)
        self.free = free

    def without_pairs(self, rows: PairedVectors) -> Mapping[str, np.ndarray]:
        rng = np.random.default_rng(0)
        return {m: rng.permutation(x[rows.present[m]]) for m, x in rows.vectors.items()}

    def fit(self, pairs: Pairs) -> Self:
        rows = as_pairs(pairs)
        if self.free and not len(rows.rows(*rows.views)):
            return super().fit(self.without_pairs(rows))
        return super().fit(rows)


class Peeks(Guesses):
    """Rows that stand in the same place happen to be partners; complete records tell it too."""

    def without_pairs(self, rows: PairedVectors) -> Mapping[str, np.ndarray]:
        return {m: x[rows.present[m]] for m, x in rows.vectors.items()}


# ---- saving --------------------------------------------------------------------------


class Half(LinearHead):
    def state(self) -> Any:
        return {}, {"mean": np.zeros_like(self.mean), "weight": self.weight}


class LosesTheMean(CCA):
    def fit(self, pairs: Pairs) -> Self:
        super().fit(pairs)
        self.heads_ = {m: Half(head.mean, head.weight) for m, head in self.heads_.items()}  # type: ignore[attr-defined]
        return self


@pytest.mark.parametrize(
    ("broken", "title", "message"),
    [
        (Long, "transforms_to_unit_vectors", "a: norms differ from 1 by 1.0e"),
        (Random, "finds_a_planted_signal", "recall@1 a to b is 0.0"),
        (Mutating, "leaves_its_inputs_alone", "a was changed"),
        (SubtractsTheBatch, "transforms_each_row_by_itself", "a: rows one by one: cosines"),
        (DrawsGlobally, "is_deterministic", "numpy's global generator"),
        (ForgetsFirst, "a_failed_fit_changes_nothing", "no head for 'a'"),
        (AddsUp, "fit_starts_anew", "after another fit: cosines differ"),
        (FirstRows, "order_of_rows_does_not_matter", "rows in another order: cosines differ"),
        (CrossesViews, "order_of_views_does_not_matter", "input_dim of b is 12, need 9"),
        (TakesNamesApart, "any_text_names_a_view", "no bars, please"),
        (CutsAndPads, "refuses_vectors_of_another_shape", "VectorError was not raised"),
        (MindsTheLayout, "takes_any_array", "the layout of an array changes"),
        (Tunes, "keeps_params_as_they_are_given", r"ridge was given as 1.0 and is 3.0"),
        (TakesAnyName, "set_params_changes_what_it_names", "InputError was not raised"),
        (
            ClonesWhatItKnows,
            "clones_have_learned_nothing",
            "clone of a fitted aligner has .*heads_",
        ),
        (GridOfAnother, "declares_a_search_that_can_be_made", "has no 'sharpness'"),
        (StartsWithout, "declares_a_search_that_can_be_made", r"take over \['pivot'\]"),
        (ShrinksWithoutMoments, "declares_a_search_that_can_be_made", "only a MomentsAligner"),
        (TakesAbsentForZero, "records_without_items_change_nothing", "cosines differ"),
        (RefusesMissing, "handles_missing_rows_as_declared", "no missing rows, please"),
        (MissingUndeclared, "handles_missing_rows_as_declared", "missing_rows is not declared"),
        (ThirdAtRandom, "handles_three_views_as_declared", "recall@1 a to c"),
        (DropsTheThird, "handles_three_views_as_declared", "many_views is not declared"),
        (ForgetsBeforeAdding, "adds_and_forgets_rows_as_declared", "after partial_fit: cosines"),
        (NeverForgets, "adds_and_forgets_rows_as_declared", "after forget: cosines"),
        (PromisesToAdd, "adds_and_forgets_rows_as_declared", "has no partial_fit and forget"),
        (HidesThatItAdds, "adds_and_forgets_rows_as_declared", "does not declare incremental"),
        (Guesses, "aligns_without_pairs_as_declared", "recall@1 a to b is 0.0"),
        (Peeks, "aligns_without_pairs_as_declared", "of which no pair may be used"),
        (LosesTheMean, "heads_survive_saving", "a: the head that came back differs"),
    ],
)
def test_a_broken_aligner_is_found_out(broken: type[Aligner], title: str, message: str) -> None:
    with pytest.raises((AssertionError, InputError), match=message):
        dict(checks_for(broken))[title]()
    with pytest.raises(AssertionError, match=r"^\w+: "):
        check_aligner(broken)


class Modest(CCA):
    """Joins two views of complete records, and says so."""

    abilities = Abilities(incremental=True)


def test_what_is_not_declared_may_be_refused() -> None:
    check_aligner(Modest)


def test_admit_says_what_came_what_is_needed_and_the_way_out() -> None:
    x = np.ones((4, 2), dtype=np.float32)
    gone = {"b": np.array([True, False, True, False])}
    with pytest.raises(
        DataError,
        match=r"Modest needs every view of every record, but of 4 records 2 lack b; .* use CCA",
    ):
        Modest().admit(PairedVectors({"a": x, "b": x}, gone))
    with pytest.raises(DataError, match=r"joins exactly 2 views, got 3 \(a, b, c\); use CCA"):
        Modest().admit({"a": x, "b": x, "c": x})
    with pytest.raises(DataError, match="Modest joins at least 2 views, got a"):
        Modest().admit({"a": x})
    assert CCA().admit(PairedVectors({"a": x, "b": x, "c": x}, gone)).views == ("a", "b", "c")


@pytest.mark.parametrize(
    "made",
    [
        CCA(ridge={"a": 1.0, "b": 2.0}, components=1),
        Ensemble([CCA(ridge=2.0), Anchors()], (1.0, 0.5)),
        Ensemble([CCA(), Anchors()]),
        Contrastive(loss="info_nce+.5*kl"),
    ],
    ids=repr,
)
def test_scikit_learn_clones_aligners(made: Aligner) -> None:
    from sklearn.base import clone

    rng = np.random.default_rng(0)
    made.fit({m: rng.normal(size=(20, 3)) for m in "ab"})
    again = clone(made)
    assert repr(again) == repr(made) and not hasattr(again, "heads_")
