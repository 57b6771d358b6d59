"""How the source is built: long files and functions, wide signatures, ``Any``, import cycles.

python benchmarks/structure.py --json FILE [--against REVISION]

The source is parsed, never imported. Imports inside functions count towards cycles. Imports for
type checkers alone, and modules that are named by a string, are counted apart.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

import _machine
from _needs import need

ROOT = Path(__file__).parents[1]
SOURCE = "src/isthmus"
FILE_LINES, FUNCTION_LINES, PARAMETERS = 400, 60, 7
"""More than these is an offence; from the layers page of the design."""
SHOWN = 20
FIGURES = ("max_file", "functions_over_60", "signatures_over_7", "any_per_kloc", "cycles")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of a package.

    Attributes:
        name: Dotted.
        path: Relative to the folder that holds the package.
        lines: Of the file.
        nodes: Of its syntax tree, all of them.
        package: Whether it is an ``__init__.py``.
    """

    name: str
    path: str
    lines: int
    nodes: Sequence[ast.AST]
    package: bool


@dataclass
class Imports:
    """Modules of the package that one of its modules names, by the way in which it does.

    Attributes:
        real: In an import statement, deferred ones included.
        checking: Under ``if TYPE_CHECKING``.
        named: In a string, such as ``"package.module:Class"``.
    """

    real: set[str] = field(default_factory=set)
    checking: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def read(package: Path) -> list[Module]:
    """Every module below a folder that is a package."""
    modules = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(package.parent).with_suffix("").parts
        inner = parts[-1] == "__init__"
        modules.append(
            Module(
                ".".join(parts[:-1] if inner else parts),
                str(path.relative_to(package.parent)),
                len(text.splitlines()),
                tuple(ast.walk(ast.parse(text))),
                inner,
            )
        )
    if not modules:
        raise SystemExit(f"{package} has no Python files")
    return modules


def measure(package: Path) -> dict[str, Any]:
    """The five figures, and who is behind them.

    Args:
        package: The folder with the top ``__init__.py``.
    """
    modules = read(package)
    imports = {module.name: imports_of(module, {m.name for m in modules}) for module in modules}
    real = {name: found.real for name, found in imports.items()}
    checking = {name: found.real | found.checking for name, found in imports.items()}
    named = {name: found.real | found.named for name, found in imports.items()}
    functions, signatures, anys = [], [], []
    for module in modules:
        for function in (node for node in module.nodes if isinstance(node, Function)):
            place = f"{module.path}:{function.lineno} {function.name}"
            functions.append((_length(function), place))
            signatures.append((_parameters(function), place))
        anys.append((_anys(module.nodes), module.path))
    total = sum(module.lines for module in modules)
    cycles = cycles_of(real)
    offenders = {
        "files": _over([(m.lines, m.path) for m in modules], FILE_LINES),
        "functions": _over(functions, FUNCTION_LINES),
        "signatures": _over(signatures, PARAMETERS),
        "any": _over(anys, 0),
        "cycles": cycles,
        "cycles_with_type_checking": cycles_of(checking),
        "cycles_with_names": cycles_of(named),
    }
    return {
        "max_file": max(module.lines for module in modules),
        "functions_over_60": len(offenders["functions"]),
        "signatures_over_7": len(offenders["signatures"]),
        "any_per_kloc": round(1000 * sum(count for count, _ in anys) / total, 2),
        "cycles": len(cycles),
        "lines": total,
        "modules": len(modules),
        "offenders": offenders,
    }


def imports_of(module: Module, known: set[str]) -> Imports:
    """What a module imports or names of the package's own modules, not counting itself."""
    found = Imports()
    checking = {
        id(inner)
        for node in module.nodes
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in module.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            into = found.checking if id(node) in checking else found.real
            into.update(_targets(node, module, known))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if re.fullmatch(r"\w+(\.\w+)+", name) and name in known:
                found.named.add(name)
    for names in (found.real, found.checking, found.named):
        names.discard(module.name)
    return found


def _targets(node: ast.Import | ast.ImportFrom, module: Module, known: set[str]) -> Iterator[str]:
    """Modules of the package that a statement imports; of ``a.b``, not ``a`` as well."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
        return
    base = node.module or ""
    if node.level:
        here = module.name if module.package else module.name.rpartition(".")[0]
        base = importlib.util.resolve_name("." * node.level + base, here)
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        if inner in known:
            yield inner
        elif base in known:
            yield base


def cycles_of(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Sets of modules that reach one another: the strong components of more than one module."""
    names = sorted(imports)
    place = {name: row for row, name in enumerate(names)}
    edges = np.zeros((len(names), len(names)), dtype=bool)
    for name, others in imports.items():
        edges[place[name], [place[other] for other in others]] = True
    _, labels = connected_components(edges, directed=True, connection="strong")
    members: dict[int, list[str]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        members.setdefault(label, []).append(name)
    return sorted(group for group in members.values() if len(group) > 1)


def _length(function: Function) -> int:
    """Lines from ``def`` to the end, the docstring included, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _parameters(function: Function) -> int:
    """Parameters that can be given by position, without ``self`` and ``cls``."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _anys(nodes: Iterable[ast.AST]) -> int:
    """Uses of ``Any``, by itself or as ``typing.Any``; not its import."""
    names = (node for node in nodes if isinstance(node, ast.Name | ast.Attribute))
    return sum(_last_name(node) == "Any" for node in names)


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _over(counts: Sequence[tuple[int, str]], most: int) -> list[dict[str, Any]]:
    """Those past a limit, the worst first."""
    past = sorted((each for each in counts if each[0] > most), key=lambda each: (-each[0], each[1]))
    return [{"count": count, "where": where} for count, where in past]


def at_revision(revision: str) -> dict[str, Any]:
    """The same figures of another commit, from an archive of it in a temporary folder."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", f"{revision}^{{commit}}"]
    named = subprocess.run(command, capture_output=True, text=True)
    if named.returncode:
        raise SystemExit(f"git knows no revision {revision!r} here: {named.stderr.strip()}")
    commit = named.stdout.strip()
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", commit, SOURCE]
    packed = subprocess.run(command, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="isthmus-structure-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        return {"revision": commit, **measure(Path(folder) / SOURCE)}


def show(found: Mapping[str, Any], against: Mapping[str, Any] | None) -> None:
    """Print the figures, beside those of the other revision, and who is behind them."""
    head = f"{'':20}{'now':>8}" + (f"{against['revision']:>12}" if against else "")
    print(head)
    for name in (*FIGURES, "lines", "modules"):
        print(f"{name:20}{found[name]:>8}" + (f"{against[name]:>12}" if against else ""))
    for kind, rows in found["offenders"].items():
        print(f"\n{kind}: {len(rows)}")
        for row in rows[:SHOWN]:
            line = " ⇄ ".join(row) if isinstance(row, list) else f"{row['count']:5}  {row['where']}"
            print(f"  {line}")
        if len(rows) > SHOWN:
            print(f"  … and {len(rows) - SHOWN} more")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--against", metavar="REVISION", help="of git, measured beside this tree")
    arguments = parser.parse_args()
    need()
    found = measure(ROOT / SOURCE)
    against = at_revision(arguments.against) if arguments.against else None
    show(found, against)
    if arguments.json:
        _machine.write(arguments.json, {**found, **({"against": against} if against else {})})


if __name__ == "__main__":
    main()
