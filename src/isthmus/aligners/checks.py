"""What every aligner must do, as checks that anybody can run on an aligner of their own.

They need neither a test framework nor data; a check that fails raises
``AssertionError`` and says what was expected.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import Aligner
from isthmus.aligners.heads import head_from_state
from isthmus.core.errors import (
    DataError,
    InputError,
    IsthmusError,
    NotFittedError,
    VectorError,
)
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors

Factory = Callable[[], Aligner]
Check = Callable[[], None]

_N, _TRAIN = 200, 150
_CHANCE = 1 / (_N - _TRAIN)

_APPLY = """
import json, sys
import numpy as np
from safetensors.numpy import load_file
from isthmus.aligners.heads import head_from_state
folder = sys.argv[1]
kind, document = json.load(open(folder + "/head.json"))
tensors, rows = load_file(folder + "/head.safetensors"), load_file(folder + "/rows.safetensors")
np.testing.assert_array_equal(head_from_state(kind, document, tensors)(rows["x"]), rows["unit"])
heavy = {"scipy", "sklearn", "torch", "pyarrow"} & set(sys.modules)
assert not heavy, f"applying a head imported {sorted(heavy)}"
"""


def check_aligner(factory: Factory) -> None:
    """Run every check on an aligner.

    Args:
        factory: Makes a new, unfitted aligner; a class will do.

    Raises:
        AssertionError: Naming the first check that fails.

    Example:
        >>> from isthmus.aligners import CCA
        >>> check_aligner(CCA)
    """
    for name, check in checks_for(factory):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error


def checks_for(factory: Factory) -> Iterator[tuple[str, Check]]:
    """Every check by name, for a test framework to run one by one.

    Args:
        factory: Makes a new, unfitted aligner; a class will do.
    """
    for check in _CHECKS:
        yield check.__name__, _bound(check, factory)


def _bound(check: Callable[[Factory], None], factory: Factory) -> Check:
    return lambda: check(factory)


def planted(
    n: int = _N, dims: tuple[int, ...] = (12, 9), *, noise: float = 0.3, seed: int = 0
) -> dict[str, F32]:
    """Views ``a``, ``b``, … of ``(n, dim)`` that share a latent of five dimensions."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 5))
    views = {}
    for name, dim in zip("abcdefgh", dims, strict=False):
        x = latent @ rng.normal(size=(5, dim)) + noise * rng.normal(size=(n, dim)) + 0.5
        views[name] = x.astype(np.float32)
    return views


def _cosines(aligner: Aligner, views: dict[str, F32]) -> F32:
    """Cosines of the first two views; unlike coordinates they do not depend on the basis."""
    a, b = list(views)[:2]
    return aligner.transform(views[a], a) @ aligner.transform(views[b], b).T


def _some(views: dict[str, F32], rows: Any) -> dict[str, F32]:
    return {m: x[rows] for m, x in views.items()}


def _close(found: NDArray[Any], expected: NDArray[Any], what: str, atol: float = 1e-4) -> None:
    gap = float(np.abs(found - expected).max(initial=0.0))
    assert gap <= atol, f"{what}: cosines differ by {gap:.1e}, at most {atol:.0e} is allowed"


def _unit(x: F32, n: int, what: str) -> None:
    assert x.dtype == np.float32, f"{what}: dtype {x.dtype}, need float32"
    assert x.ndim == 2, f"{what}: shape {x.shape}, need (n, k)"
    assert len(x) == n, f"{what}: {len(x)} rows of {n}"
    assert x.shape[1] >= 1, f"{what}: a space of no dimension"
    assert np.isfinite(x).all(), f"{what}: not finite"
    gap = float(np.abs(np.linalg.norm(x, axis=1) - 1).max(initial=0.0))
    assert gap < 1e-5, f"{what}: norms differ from 1 by {gap:.1e}"


def _raises(errors: type[IsthmusError], run: Callable[[], Any], *words: str) -> None:
    try:
        run()
    except errors as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"the message {str(error)!r} does not say {missing}"
    else:
        raise AssertionError(f"{errors.__name__} was not raised")


def fit_returns_itself(factory: Factory) -> None:
    """``fit`` returns the aligner, so calls can be chained."""
    aligner = factory()
    assert aligner.fit(planted()) is aligner, "fit must return self"


def has_a_head_for_each_view(factory: Factory) -> None:
    """``heads_`` names every view, with the dimensions of its vectors and of the space."""
    views = planted()
    heads = factory().fit(views).heads_
    assert set(heads) == set(views), f"heads for {sorted(heads)}, need {sorted(views)}"
    for m, x in views.items():
        assert heads[m].input_dim == x.shape[1], f"input_dim of {m} is {heads[m].input_dim}"
    assert len({head.output_dim for head in heads.values()}) == 1, "heads differ in output_dim"


def transforms_to_unit_vectors(factory: Factory) -> None:
    """float32 unit vectors of one dimension for all views, whatever dtype comes in."""
    views = planted()
    aligner = factory().fit(views)
    widths = set()
    for m, x in views.items():
        unit = aligner.transform(x, m)
        _unit(unit, len(x), m)
        _unit(aligner.transform(x.astype(np.float64), m), len(x), f"{m} from float64")
        _unit(aligner.transform(x.mean(axis=0), m), 1, f"{m} of the mean")
        _unit(aligner.transform(x * np.float32(1e-12), m), len(x), f"{m} of tiny vectors")
        widths.add(unit.shape[1])
    assert len(widths) == 1, f"views end in different dimensions {sorted(widths)}"


def is_deterministic(factory: Factory) -> None:
    """Two fits on the same rows transform alike, to the last bit."""
    views = planted()
    first, second = factory().fit(views), factory().fit(views)
    for m, x in views.items():
        assert np.array_equal(first.transform(x, m), second.transform(x, m)), f"{m} differs"


def fit_starts_anew(factory: Factory) -> None:
    """A second ``fit`` forgets the first."""
    views = planted()
    twice = factory().fit(planted(seed=1)).fit(views)
    _close(_cosines(twice, views), _cosines(factory().fit(views), views), "after another fit")


def leaves_its_inputs_alone(factory: Factory) -> None:
    """Neither ``fit`` nor ``transform`` writes to what it is given."""
    views = planted()
    before = deepcopy(views)
    aligner = factory().fit(views)
    for m, x in views.items():
        aligner.transform(x, m)
        assert np.array_equal(x, before[m]), f"{m} was changed"


def params_make_it_again(factory: Factory) -> None:
    """``type(a)(**a.get_params())`` is the same aligner."""
    aligner, views = factory(), planted()
    again = type(aligner)(**aligner.get_params())
    assert repr(again) == repr(aligner), f"{again!r} is not {aligner!r}"
    again = deepcopy(again).fit(views)
    aligner.fit(views)
    for m, x in views.items():
        assert np.array_equal(again.transform(x, m), aligner.transform(x, m)), f"{m} differs"


def order_of_rows_does_not_matter(factory: Factory) -> None:
    """Shuffled records give the same cosines."""
    views = planted()
    shuffled = _some(views, np.random.default_rng(1).permutation(_N))
    found, expected = factory().fit(shuffled), factory().fit(views)
    _close(_cosines(found, views), _cosines(expected, views), "rows in another order")


def finds_a_planted_signal(factory: Factory) -> None:
    """Held-out rows find their partner at least ten times as often as by chance."""
    views = planted(noise=0.1)
    aligner = factory().fit(_some(views, slice(_TRAIN)))
    scores = _cosines(aligner, _some(views, slice(_TRAIN, None)))
    for direction, table in (("a to b", scores), ("b to a", scores.T)):
        recall = float((table.argmax(axis=1) == np.arange(len(table))).mean())
        assert recall >= 10 * _CHANCE, (
            f"recall@1 {direction} is {recall:.2f} of 50 held-out pairs; chance is {_CHANCE}"
        )


def bears_dull_columns(factory: Factory) -> None:
    """Constant and duplicate columns do no harm."""
    views = planted()
    views["a"] = np.hstack([views["a"], views["a"][:, :3], np.full((_N, 2), 7, np.float32)])
    aligner = factory().fit(views)
    for m, x in views.items():
        _unit(aligner.transform(x, m), _N, m)


def bears_fewer_rows_than_columns(factory: Factory) -> None:
    """More dimensions than records do no harm."""
    views = planted(n=20, dims=(64, 33))
    aligner = factory().fit(views)
    for m, x in views.items():
        _unit(aligner.transform(x, m), 20, m)


def bears_one_dimension(factory: Factory) -> None:
    """A view may have vectors of a single number."""
    for dims in ((6, 1), (1, 6), (1, 1)):
        views = planted(dims=dims)
        aligner = factory().fit(views)
        for m, x in views.items():
            _unit(aligner.transform(x, m), _N, f"{m} of dimensions {dims}")


def bears_large_means_and_scales(factory: Factory) -> None:
    """Neither a mean far from zero nor the unit of measurement changes the cosines much."""
    views = planted(noise=0.1)
    train, held = slice(_TRAIN), slice(_TRAIN, None)
    moved = {"a": views["a"] + np.float32(100), "b": views["b"] * np.float32(1000)}
    aligner = factory().fit(_some(moved, train))
    expected = _cosines(factory().fit(_some(views, train)), _some(views, held))
    _close(_cosines(aligner, _some(moved, held)), expected, "moved and scaled", atol=1e-2)


def handles_missing_rows(factory: Factory) -> None:
    """Rows without one view are used or left out, and a ``DataError`` says so otherwise."""
    views, mask = planted(), np.ones(_N, dtype=bool)
    mask[::3] = False
    junk = {**views, "b": np.where(mask[:, None], views["b"], np.nan)}
    try:
        aligner = factory().fit(PairedVectors(junk, {"b": mask}))
    except DataError:
        return
    for m, x in views.items():
        _unit(aligner.transform(x, m), _N, m)


def handles_three_views(factory: Factory) -> None:
    """Three views share a space, or a ``DataError`` says that they cannot."""
    views = planted(dims=(12, 9, 7))
    try:
        aligner = factory().fit(views)
    except DataError:
        return
    units = [aligner.transform(x, m) for m, x in views.items()]
    for unit in units:
        _unit(unit, _N, "one of three")
    assert len({unit.shape[1] for unit in units}) == 1, "three views, several dimensions"


def needs_two_modalities_and_some_pairs(factory: Factory) -> None:
    """One view, or records that never meet, are refused with a ``DataError``."""
    views = planted()
    _raises(DataError, lambda: factory().fit({"a": views["a"]}))
    half = np.arange(_N) < _N // 2
    apart = PairedVectors(views, {"a": half, "b": ~half})
    _raises(DataError, lambda: factory().fit(apart))


def names_bad_rows(factory: Factory) -> None:
    """NaN, infinity and rows of zeros are refused by row, in ``fit`` and ``transform``."""
    views = planted()
    aligner = factory().fit(views)
    for bad in (np.nan, np.inf, 0.0):
        broken = deepcopy(views)
        broken["b"][[3, 7]] = bad
        _raises(VectorError, lambda broken=broken: factory().fit(broken), "b", "3", "7")  # type: ignore[misc]
        _raises(VectorError, lambda x=broken["b"]: aligner.transform(x, "b"), "3", "7")  # type: ignore[misc]
    narrow = views["b"][:, :-1]
    _raises(VectorError, lambda: aligner.transform(narrow, "b"), str(narrow.shape[1]))


def refuses_unequal_rows(factory: Factory) -> None:
    """Row i of every view is one record, so the numbers of rows must agree."""
    views = planted()
    _raises(DataError, lambda: factory().fit({**views, "b": views["b"][:-1]}), "200", "199")


def refuses_to_transform_before_fit(factory: Factory) -> None:
    """``NotFittedError`` before ``fit``."""
    _raises(NotFittedError, lambda: factory().transform(planted()["a"], "a"), "fit")


def refuses_unknown_views(factory: Factory) -> None:
    """``InputError`` for a view that was not part of ``fit``, naming those that were."""
    views = planted()
    aligner = factory().fit(views)
    _raises(InputError, lambda: aligner.transform(views["a"], "smell"), "smell", "a", "b")


def heads_survive_saving(factory: Factory) -> None:
    """State to JSON and safetensors and back gives the same output to the last bit."""
    import json

    from safetensors.numpy import load, save

    views = planted()
    aligner = factory().fit(views)
    for m, x in views.items():
        head = aligner.heads_[m]
        document, tensors = head.state()
        again = head_from_state(head.kind, json.loads(json.dumps(document)), load(save(tensors)))
        assert np.array_equal(again(x), head(x)), f"{m}: the head that came back differs"


def heads_need_only_numpy(factory: Factory) -> None:
    """A new process applies a saved head and has imported no heavy library."""
    import json

    from safetensors.numpy import save_file

    views = planted()
    head = factory().fit(views).heads_["a"]
    document, tensors = head.state()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "head.json").write_text(json.dumps([head.kind, document]), encoding="utf-8")
        save_file(tensors, folder / "head.safetensors")
        save_file({"x": views["a"], "unit": head(views["a"])}, folder / "rows.safetensors")
        done = subprocess.run(
            [sys.executable, "-c", _APPLY, name], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr.strip().rpartition("\n")[2]


_CHECKS: tuple[Callable[[Factory], None], ...] = (
    fit_returns_itself,
    has_a_head_for_each_view,
    transforms_to_unit_vectors,
    is_deterministic,
    fit_starts_anew,
    leaves_its_inputs_alone,
    params_make_it_again,
    order_of_rows_does_not_matter,
    finds_a_planted_signal,
    bears_dull_columns,
    bears_fewer_rows_than_columns,
    bears_one_dimension,
    bears_large_means_and_scales,
    handles_missing_rows,
    handles_three_views,
    needs_two_modalities_and_some_pairs,
    names_bad_rows,
    refuses_unequal_rows,
    refuses_to_transform_before_fit,
    refuses_unknown_views,
    heads_survive_saving,
    heads_need_only_numpy,
)
