import re
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import IsthmusError, MissingExtraError
from isthmus.core.extras import require


def test_what_is_installed_is_imported() -> None:
    assert require("numpy", extra="starter", purpose="Nothing") is np
    assert require("numpy.linalg", extra="starter", purpose="Nothing") is np.linalg


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part.of_it"])
def test_a_missing_package_is_named_with_the_way_to_get_it(module: str) -> None:
    expected = (
        "Reading Parquet needs the package 'no_such_package', which is not installed. "
        "Run: pip install 'isthmus[tables]'"
    )
    with pytest.raises(MissingExtraError, match=f"^{re.escape(expected)}$") as caught:
        require(module, extra="tables", purpose="Reading Parquet")
    assert isinstance(caught.value, IsthmusError)
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import missing_thing_of_it", "No module named 'missing_thing_of_it'"),
        ("raise ImportError('libfoo.so: cannot open')", "libfoo.so: cannot open"),
        ("from math import no_such_function", "cannot import name 'no_such_function'"),
    ],
)
def test_an_installed_package_that_is_broken_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, error: str
) -> None:
    (tmp_path / "broken_extra.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match=error) as caught:
        require("broken_extra", extra="starter", purpose="It")
    assert not isinstance(caught.value, MissingExtraError)
