"""What was tried and what won: in words, as a picture, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.words import count

_TOP = 10
_MIDDLE = 16
_SCORE = {
    "instance": "mean reciprocal rank of the true partner",
    "semantic": "mean average precision by group",
}
_KINDS = {
    "cca": "linear (CCA)",
    "kernel-cca": "kernels (kernel CCA)",
    "anchors": "anchors",
    "ridge": "ridge regression",
    "procrustes": "Procrustes",
    "contrastive": "trained head (contrastive)",
    "propagation": "graph, not trained (propagation)",
    "cm-gnn": "graph network (CM-GNN)",
    "adversarial": "adversarial",
    "unpaired": "unpaired",
}


def selection(report: Mapping[str, Any]) -> Markup | None:
    """What won and by how much, what lost, what was not tried, and every score."""
    trials: Sequence[Mapping[str, Any]] = report.get("tried") or []
    if not trials:
        return None
    standings: Sequence[Mapping[str, Any]] = report.get("standings") or []
    return el(
        "section",
        el("h2", "What was tried and what won", id="tried"),
        *(el("p", line) for line in _verdict(report, standings)),
        _picture(standings, report.get("readout", "instance")) if len(standings) > 1 else None,
        *(el("p", line) for line in _against(report)),
        _not_tried(report),
        _trials(trials, report),
        aria_labelledby="tried",
    )


def kinds(family: str) -> str:
    """A family of candidates in words: ``"kernels (kernel CCA) + anchors"``."""
    return " + ".join(_KINDS.get(name, name) for name in family.split(" + "))


def _verdict(
    report: Mapping[str, Any], standings: Sequence[Mapping[str, Any]]
) -> Iterable[Markup | str]:
    score = _SCORE[report.get("readout", "instance")]
    if standings:
        won = standings[0]
        yield join(
            (
                el("strong", _sentence_case(kinds(won["family"]))),
                f" won, with a {score} of {won['score']:.3f} on held-out records. ",
                _runner_up(standings[1:]),
            )
        )
    yield (
        "These scores were used to choose, so they are not an estimate of quality: the figures "
        "above come from records that the choice never saw."
    )
    sources = report.get("sources") or []
    if sources:
        used = _used_sources(report.get("chosen") or {})
        yield " ".join(
            f"{name} was added, and counts for {used[name]:g} times as much as the records here."
            if name in used
            else f"{name} was weighted away: at no weight did it help on held-out records."
            for name in sources
        )


def _used_sources(chosen: Mapping[str, Any]) -> dict[str, float]:
    parts = chosen.get("members") or [chosen]
    return {name: weight for part in parts for name, weight in part.get("sources", {}).items()}


def _runner_up(others: Sequence[Mapping[str, Any]]) -> str:
    known = [row for row in others if row["ahead"] and row["ahead"]["low"] is not None]
    close = [row for row in known if not row["ahead"]["clear"]]
    if not known:
        return ""
    if not close:
        nearest = known[0]
        return f"It is clearly ahead of every other kind; next is {_gap_words(nearest)}."
    names = _listed([kinds(row["family"]) for row in close])
    return (
        f"That is no clear lead over {names}: the 95 % {_plural('interval', close)} of the "
        f"{_plural('difference', close)} hold zero."
    )


def _plural(word: str, rows: Sequence[object]) -> str:
    return word if len(rows) == 1 else f"{word}s"


def _gap_words(row: Mapping[str, Any]) -> str:
    gap = row["ahead"]
    return (
        f"{kinds(row['family'])}, {gap['mean']:.3f} behind "
        f"(95 % interval {gap['low']:.3f} to {gap['high']:.3f})"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:]


def _picture(standings: Sequence[Mapping[str, Any]], readout: str) -> Markup:
    """How far the best of each kind is behind the winner, with intervals."""
    gaps = [row["ahead"] for row in standings[1:] if row["ahead"]]
    ends = [0.0, *(end for gap in gaps for end in (gap["mean"], gap["low"], gap["high"]) if end)]
    low, high = -max(ends), -min(ends)
    room = 0.06 * (high - low or 1.0)

    def x(value: float) -> str:
        return f"{100 * (value - low + room) / (high - low + 2 * room):.2f}%"

    rows = []
    for row in standings:
        gap = row["ahead"] or {"mean": 0.0, "low": None, "high": None, "splits": row["splits"]}
        marks = [el("line", x1=x(0), x2=x(0), y1=0, y2=2 * _MIDDLE, class_="chance")]
        if gap["low"] is not None:
            ends_of = {"x1": x(-gap["high"]), "x2": x(-gap["low"])}
            marks.append(el("line", **ends_of, y1=_MIDDLE, y2=_MIDDLE, class_="interval"))
        marks.append(el("circle", cx=x(-gap["mean"]), cy=_MIDDLE, r=5, class_="dot"))
        value = f"{row['score']:.3f}" if row is standings[0] else f"{-gap['mean']:+.3f}"
        spoken = f"{kinds(row['family'])}: {value}"
        svg = el("svg", el("title", spoken), *marks, role="img", width="100%", height=2 * _MIDDLE)
        rows.append(
            join(
                (
                    el("div", kinds(row["family"]), class_="name"),
                    el("div", svg, class_="strip"),
                    el("div", value.replace("-", "−"), class_="value"),
                )
            )
        )
    caption = (
        f"The best of each kind against the winner (dashed line), by {_SCORE[readout]}; "
        "bars are 95 % intervals of the difference over the held-out folds, widened since their "
        "training sets overlap."
    )
    return el("figure", el("div", *rows, class_="plot kinds"), el("figcaption", caption))


def _against(report: Mapping[str, Any]) -> Iterable[str]:
    """Whether what was trained, or smoothed, is better than what it came from."""
    for row in report.get("against") or []:
        said = []
        for name, gap in row.items():
            if name == "rival" or gap is None:
                continue
            word = "does not differ clearly from it"
            if gap["clear"]:
                word = "beats it" if gap["mean"] > 0 else "loses to it"
            between = ""
            if gap["low"] is not None:
                between = f", 95 % interval {gap['low']:+.3f} to {gap['high']:+.3f}"
            said.append(f"{word} in {name} ({gap['mean']:+.3f}{between})".replace("-", "−"))
        if said:
            yield f"Against {row['rival']}, what was chosen {' and '.join(said)}."


def _not_tried(report: Mapping[str, Any]) -> Markup | None:
    """Kinds that never entered, with reasons."""
    reasons: Mapping[str, str] = report.get("not_tried") or {}
    if not reasons:
        return None
    rows = [el("li", el("code", name), " ", why) for name, why in reasons.items()]
    return el("details", el("summary", "What was not tried, and why"), el("ul", *rows))


def _trials(trials: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> Markup:
    """The candidates with their scores: the best, and the rest folded away."""
    ran = [t for t in trials if not t["reason"]]
    failed = [t for t in trials if t["reason"]]
    rows = [_trial(t, report.get("chosen", {}).get("label")) for t in [*ran, *failed]]
    rest = rows[_TOP:]
    return el(
        "details",
        el("summary", f"All scores: {count(len(ran), 'candidate')}, {len(failed)} not run"),
        el(
            "p",
            f"The {_SCORE[report.get('readout', 'instance')]}, over both directions of every "
            "pair of views. Those far behind on the first splits were not run on the others.",
        ),
        _trial_table(rows[:_TOP], "The best candidates"),
        _trial_table(rest, "The other candidates") if rest else None,
    )


def _trial(trial: Mapping[str, Any], chosen: str | None) -> Markup:
    won = trial["candidate"] == chosen and not trial["reason"]
    label = el(
        "th", el("code", trial["candidate"]), el("span", "chosen", class_="tag") if won else None,
        scope="row",
    )  # fmt: skip
    if trial["reason"]:
        score = el("td", trial["reason"], class_="words")
    else:
        sd = trial.get("sd")
        of = None if trial.get("complete", True) else f", {count(trial['splits'], 'split')} only"
        score = el(
            "td",
            f"{trial['score']:.3f}",
            " ",
            el("small", f"± {sd:.3f}", of) if sd is not None else None,
        )
    return el("tr", label, score, class_="main" if won else None)


def _trial_table(rows: Sequence[Markup], caption: str) -> Markup:
    head = el(
        "thead", el("tr", el("th", "Candidate", scope="col"), el("th", "Score ± sd", scope="col"))
    )
    table = el("table", el("caption", caption), head, el("tbody", *rows), class_="trials")
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)
