from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import isthmus

MODULES = {module.name for module in pkgutil.iter_modules(isthmus.__path__)}
PACKAGES = sorted(
    module.name
    for module in pkgutil.walk_packages(isthmus.__path__, "isthmus.")
    if module.ispkg and not any(part.startswith("_") for part in module.name.split("."))
)


def order(name: str) -> tuple[bool, bool, str]:
    """Constants, classes, then functions, as ruff sorts them."""
    return not name.isupper(), not name[0].isupper(), name


def fresh(code: str) -> str:
    """What code prints in an interpreter that has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def test_every_public_name_resolves() -> None:
    assert isthmus.__all__ == sorted(set(isthmus.__all__), key=order)
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None


def test_nothing_leaks_from_the_import() -> None:
    code = "import isthmus, json; print(json.dumps(sorted(vars(isthmus))))"
    public = {name for name in json.loads(fresh(code)) if not name.startswith("_")}
    assert public <= MODULES  # names of __all__ come when they are first used


def test_nothing_leaks_from_the_use() -> None:
    code = (
        "import isthmus, json\n"
        "for name in isthmus.__all__: getattr(isthmus, name)\n"
        "print(json.dumps(sorted(vars(isthmus))))"
    )
    public = {name for name in json.loads(fresh(code)) if not name.startswith("_")}
    assert set(isthmus.__all__) <= public <= {*isthmus.__all__, *MODULES}
    assert set(dir(isthmus)) == {*isthmus.__all__, "__version__"}


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_name_what_they_offer(name: str) -> None:
    package = importlib.import_module(name)
    offered = getattr(package, "__all__", [])
    assert list(offered) == sorted(set(offered), key=order)
    assert [each for each in offered if not hasattr(package, each)] == []
    own = {each for each, value in vars(package).items() if _defined_in(value, name)}
    assert {each for each in own if not each.startswith("_")} <= {*offered}


def _defined_in(value: object, package: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == package


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'allign'"):
        _ = isthmus.allign


def test_import_is_light() -> None:
    fresh("import sys, isthmus; assert not {'numpy', 'torch', 'rich'} & set(sys.modules)")


def test_heads_apply_with_numpy_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from isthmus.aligners.heads import LinearHead\n"
        "LinearHead(np.zeros(3), np.eye(3))(np.ones((2, 3)))\n"
        "assert not {'scipy', 'torch', 'sklearn', 'PIL'} & set(sys.modules)"
    )
    fresh(code)
