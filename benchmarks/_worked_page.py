"""The tables and printed answers of the worked pages, from what benchmarks/worked.py found.

On a page, ``<!-- KIND: SETS -->`` and ``<!-- end -->`` stand around what is written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _fusion_page import OWN, Row, headline, short

PRINTED = "<!-- printed -->"
END = "<!-- end -->"
CONCAT = "concat + logistic regression"
LATE_ALONE = f"{OWN}, late only"
_BLOCK = re.compile(rf"<!-- (\w+): ([^>]*) -->\n.*?{END}", re.DOTALL)
_COMMANDS = re.compile(
    rf"^(```sh\n((?:isthmus [^\n]*\n)+)```\n\n){PRINTED}\n.*?{END}", re.MULTILINE | re.DOTALL
)
_PLAIN = {
    "concat": "all views side by side, in closed form",
    CONCAT: "all views side by side, logistic regression (scikit-learn)",
    f"{CONCAT}, labels shuffled": "the same, answers shuffled",
    "views shuffled": "isthmus, views of different records together",
    "majority": "the most frequent answer",
    "chance": "chance",
}
_CLINICAL = (
    "AUC at horizon",
    "AUC of the diagnosis",
    "calibration in the large",
    "sensitivity at specificity 0.8",
    "sensitivity at specificity 0.9",
    "sensitivity at specificity 0.95",
)
_NAMED = {
    "AUC at horizon": "AUC at five years, mean of the folds",
    "AUC of the diagnosis": "AUC, all folds together",
}
_THRESHOLDS = ("10%", "20%", "30%", "50%")
_ANSWERED = ("100%", "80%", "50%")
_SHARES = ("0%", "25%", "50%", "75%", "100%")
_ASKED = {"speech": "heard", "text": "text alone", "image + text": "text and picture"}


def commands(page: str) -> list[str]:
    """Those whose answer a page shows."""
    shown = (line for match in _COMMANDS.finditer(page) for line in match[2].splitlines())
    return [line for line in shown if " data get " not in line]


def renew(path: Path, held: Mapping[str, Any]) -> None:
    """Write tables and answers anew between the marks of a page."""
    text = path.read_text(encoding="utf-8")
    path.write_text(renewed(text, held), encoding="utf-8")


def renewed(text: str, held: Mapping[str, Any]) -> str:
    """A page with its tables and answers as they were found.

    Args:
        text: Of the page.
        held: What the JSON holds: ``rows``, and ``printed`` by command.

    Raises:
        SystemExit: If the page asks for what was not measured.
    """

    def table(match: re.Match[str]) -> str:
        kind, names = match[1], [name.strip() for name in match[2].split(",")]
        if kind not in _TABLES:
            raise SystemExit(f"{match[0].splitlines()[0]}: no table {kind!r}")
        made = _TABLES[kind](held["rows"], names)
        return f"<!-- {kind}: {match[2]} -->\n\n{made}\n\n{END}"

    def answer(match: re.Match[str]) -> str:
        said = [held["printed"].get(line, "") for line in match[2].splitlines()]
        shown = "\n\n".join(filter(None, said))
        return f"{match[1]}{PRINTED}\n\n```text\n{shown}\n```\n\n{END}"

    return _COMMANDS.sub(answer, _BLOCK.sub(table, text))


def _figures(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Methods down, sets across, by the headline of each set."""
    known = {name: [row for row in rows if row["dataset"] == name] for name in names}
    if gone := [name for name, mine in known.items() if not mine]:
        raise SystemExit(f"nothing was measured of {gone[0]!r}")
    metric = {name: headline(mine, name) for name, mine in known.items()}
    views = dict.fromkeys(
        row["method"] for name in names for row in known[name] if row["method"].startswith("view: ")
    )
    title = {OWN: "**isthmus**", **{each: f"only {each[6:]}" for each in views}, **_PLAIN}
    head = ["method", *(f"{name}<br>{metric[name]}" for name in names)]
    lines = []
    for method, shown in title.items():
        cells = [_cell(known[name], method, metric[name]) for name in names]
        if any(cells):
            lines.append([shown, *cells])
    return _table([head, *lines])


def _worth(rows: Sequence[Row], names: Sequence[str]) -> str:
    """What answers are worth."""
    asked = {
        "mean error of probabilities": "ECE",
        "sets for 90 % hold": "coverage of 90% sets",
        "answers in such a set": "size of 90% sets",
        **{f"wrong, {each} answered": f"risk where {each} are answered" for each in _ANSWERED},
    }
    lines = [["set", *asked, "shuffled answers refused"]]
    for name in names:
        mine = [row for row in rows if row["dataset"] == name]
        cells = [_cell(mine, OWN, metric) for metric in asked.values()]
        lines.append([name, *cells, _cell(mine, "labels shuffled", "refused")])
    return _table(lines)


def _clinical(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Figures of a diagnosis down, sets across."""
    known = {name: [row for row in rows if row["dataset"] == name] for name in names}
    asked = dict.fromkeys(_CLINICAL)
    asked |= dict.fromkeys(
        row["metric"]
        for mine in known.values()
        for row in mine
        if row["method"] == OWN and re.fullmatch(r"AUC at [\d.]+", row["metric"])
    )
    lines = [
        [_NAMED.get(each, each), *(_cell(mine, OWN, each) for mine in known.values())]
        for each in asked
    ]
    return _table([["on held-out records", *names], *lines])


def _benefit(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Net benefit of acting from a probability on, beside acting on everyone."""
    head = ["act from a probability of", *_THRESHOLDS]
    lines = [[each.replace("%", " %") for each in head]]
    for name in names:
        mine = [row for row in rows if row["dataset"] == name]
        for what, shown in (("net benefit", "isthmus"), ("treat all", "act on everyone")):
            cells = [_cell(mine, OWN, f"{what} from {each} on") for each in _THRESHOLDS]
            lines.append([f"{name}: {shown}", *cells])
    return _table(lines)


def _missing(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The headline as more and more records lack a view."""
    lines = [["without", *(each.replace("%", " %") for each in _SHARES), "who never knew it"]]
    for name in names:
        mine = [row for row in rows if row["dataset"] == name]
        metric = headline(mine, name)
        views = dict.fromkeys(
            row["method"][6:] for row in mine if row["method"].startswith("view: ")
        )
        for view in views:
            named = [f"{OWN}, {share} without {view}" for share in _SHARES]
            cells = [_cell(mine, each, metric) for each in named]
            never = _cell(mine, f"{named[-1]}, by what never knew it", metric)
            if any(cells):
                lines.append([f"{name}: {view}", *cells, never])
    return _table(lines)


def _languages(rows: Sequence[Row], names: Sequence[str]) -> str:
    """What was learned in English, asked in other languages: languages across."""
    parts = []
    for name in names:
        mine = [r for r in rows if r["dataset"] == name and r["unit"] == "languages"]
        told = {(*row["method"].split(": ", 1),): row for row in mine}
        codes = dict.fromkeys(what for _, what in told if "," not in what)
        lines = [[name, *codes]]
        for asked, shown in _ASKED.items():
            for more, named in (
                ("", ""),
                (", in English", ", in English"),
                (", texts shuffled", ", texts dealt anew"),
            ):
                values = [
                    _cell(mine, told[key]["method"], told[key]["metric"])
                    if (key := (asked, f"{code}{more}")) in told
                    else ""
                    for code in codes
                ]
                if any(values):
                    lines.append([f"{shown}{named}", *values])
        parts.append(_table(lines))
    return "\n\n".join(parts)


_TABLES: Mapping[str, Callable[[Sequence[Row], Sequence[str]], str]] = {
    "benefit": _benefit,
    "clinical": _clinical,
    "figures": _figures,
    "languages": _languages,
    "missing": _missing,
    "worth": _worth,
}


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rest])


def _cell(rows: Sequence[Row], method: str, metric: str) -> str:
    """Mean and standard deviation over seeds."""
    names = (method, LATE_ALONE if method == OWN else method)
    if method.startswith(f"{OWN}, "):
        names = (method, method.replace(OWN, LATE_ALONE, 1))
    found = {
        row["seed"]: row["value"]
        for row in rows
        if row["method"] in names and row["metric"] == metric
    }
    if not found:
        return ""
    values = np.array(list(found.values()))
    spread = f" ± {short(values.std(ddof=1))}" if len(values) > 1 else ""
    return f"{short(values.mean())}{spread}"
