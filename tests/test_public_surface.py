from __future__ import annotations

import subprocess
import sys

import pytest

import isthmus


def test_every_public_name_resolves() -> None:
    assert len(isthmus.__all__) == len(set(isthmus.__all__))
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None


def test_nothing_else_leaks() -> None:
    assert set(dir(isthmus)) == {*isthmus.__all__, "__version__"}


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'allign'"):
        _ = isthmus.allign


def test_import_is_light() -> None:
    code = "import sys, isthmus; assert not {'numpy', 'torch', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_heads_apply_with_numpy_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from isthmus.aligners.heads import LinearHead\n"
        "LinearHead(np.zeros(3), np.eye(3))(np.ones((2, 3)))\n"
        "assert not {'scipy', 'torch', 'sklearn', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
