"""The measures of the source on a package small enough to count by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import structure

FILES = {
    "__init__.py": "from typing import Any\n",
    "one.py": """\
from __future__ import annotations
import typing
from tiny import two

class Thing:
    def seven(self, a, b, c, d, e, f, g, *, h, i): ...
    def eight(self, a: typing.Any, b, c, d, /, e, f, g, h): ...
    @classmethod
    def made(cls, a, b, c, d, e, f, g): ...
""",
    "two.py": """\
from typing import TYPE_CHECKING, Any, cast
if TYPE_CHECKING:
    from tiny.deep.four import leaf
def late(x: dict[str, Any]) -> Any:
    from tiny.one import Thing
    return cast(Any, Thing)
""",
    "three.py": "import tiny.two\nimport json\n" + "def long():\n" + "    pass\n" * 60,
    "deep/__init__.py": "HOME = 'tiny.deep.four:leaf'\n",
    "deep/four.py": "from .. import two\nfrom . import HOME\ndef leaf():\n" + "    pass\n" * 59,
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source") / "tiny"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_worked_values(package: Path) -> None:
    found = structure.measure(package)
    lines = 1 + 9 + 6 + 63 + 1 + 62
    assert {name: found[name] for name in structure.FIGURES} == {
        "max_file": 63,
        "functions_over_60": 1,
        "signatures_over_7": 1,
        "any_per_kloc": round(1000 * 4 / lines, 2),
        "cycles": 1,
    }
    assert (found["lines"], found["modules"]) == (lines, 6)


def test_offenders_are_named(package: Path) -> None:
    found = structure.measure(package)["offenders"]
    assert found["files"] == []
    assert found["functions"] == [{"count": 61, "where": "tiny/three.py:3 long"}]
    assert found["signatures"] == [{"count": 8, "where": "tiny/one.py:7 eight"}]
    assert found["any"] == [
        {"count": 3, "where": "tiny/two.py"},
        {"count": 1, "where": "tiny/one.py"},
    ]
    assert found["cycles"] == [["tiny.one", "tiny.two"]]  # one of its imports is deferred
    checking = [["tiny.deep.four", "tiny.one", "tiny.two"]]
    assert found["cycles_with_type_checking"] == checking
    assert found["cycles_with_names"] == [["tiny.deep", "tiny.deep.four"], ["tiny.one", "tiny.two"]]


def test_cycles_agree_with_grimp(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grimp = pytest.importorskip("grimp", reason="import-linter is not installed")
    monkeypatch.syspath_prepend(str(package.parent))
    modules = structure.read(package)
    names = {module.name for module in modules}
    for without, kind in ((True, "real"), (False, "checking")):
        graph = grimp.build_graph("tiny", exclude_type_checking_imports=without, cache_dir=None)
        for module in modules:
            ours = structure.imports_of(module, names)
            found = ours.real | (ours.checking if kind == "checking" else set())
            assert found == graph.find_modules_directly_imported_by(module.name)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_file_has_the_figures_of_this_tree_and_of_another(
    package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "src" / "tiny"
    shutil.copytree(package, source, ignore=shutil.ignore_patterns("__pycache__"))
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "Begin"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (source / "four.py").write_text("from typing import Any\nX: Any = 1\nY: Any = 2\n")
    monkeypatch.setattr(structure, "ROOT", tmp_path)
    monkeypatch.setattr(structure, "SOURCE", "src/tiny")
    target = tmp_path / "structure.json"

    def run(*options: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["structure.py", "--json", str(target), *options])
        structure.main()
        return json.loads(target.read_text(encoding="utf-8"))

    found = run("--against", "HEAD")
    assert found["any_per_kloc"] == round(1000 * 6 / 145, 2)
    assert found["against"]["any_per_kloc"] == round(1000 * 4 / 142, 2)
    assert (found["modules"], found["against"]["modules"]) == (7, 6)
    assert set(structure.FIGURES) < set(found) and found["machine"]["cores"] >= 1
    assert "any_per_kloc           41.38       28.17" in capsys.readouterr().out
    assert "against" not in run()
    with pytest.raises(SystemExit, match="no revision 'no-such'"):
        run("--against", "no-such")
