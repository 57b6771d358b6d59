"""What was tried and what won: in words, as a picture, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isthmus.core.wording import count
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.parts import folded, section, table
from isthmus.report.kit.plot import dot, figure, interval, row, strip_svg, upright
from isthmus.report.kit.words import listed, signed_share
from isthmus.space import Readout
from isthmus.space.report import Choice, Difference, SpaceReport, Standing, Tried

_TOP = 10
_SCORE: dict[Readout, str] = {
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
    "ridge-onto": "ridge regression into the fixed space",
    "procrustes-onto": "Procrustes into the fixed space",
    "kernel-onto": "kernel ridge regression into the fixed space",
    "starter": "the starter space as it is",
    "starter-updated": "the starter space carried on with your pairs",
}


def selection(report: SpaceReport) -> Markup:
    """What won and by how much, what lost, what was not tried, and every score."""
    choice, score = report.choice, _SCORE[report.settings.readout]
    return section(
        "What was tried and what won",
        "tried",
        *(el("p", line) for line in _verdict(report, score)),
        _picture(choice.standings, score) if len(choice.standings) > 1 else None,
        *(el("p", line) for line in _rivalries(choice)),
        _not_tried(choice),
        _trials(choice, score),
    )


def kinds(family: Sequence[str]) -> str:
    """A family of candidates in words: ``"kernels (kernel CCA) + anchors"``."""
    return " + ".join(_KINDS.get(name, name) for name in family)


def _verdict(report: SpaceReport, score: str) -> Iterable[Markup | str]:
    if report.choice.standings:
        won, *others = report.choice.standings
        yield join(
            (
                el("strong", _sentence_case(kinds(won.family))),
                f" won. Its {score} on held-out records is {won.score:.3f}. ",
                _runner_up(others),
            )
        )
    yield (
        "These scores were used to choose, so they are too good. The numbers above come from "
        "records that the choice did not use."
    )
    if report.settings.sources:
        used = report.chosen.source_weights
        yield " ".join(
            f"{name} was added. It counts {used[name]:g} times as much as the records of this "
            "data set."
            if name in used
            else f"{name} was not used, because no weight improved the results on held-out records."
            for name in report.settings.sources
        )


def _runner_up(others: Sequence[Standing]) -> str:
    known = [(each, each.ahead) for each in others if each.ahead and each.ahead.low is not None]
    close = [each for each, ahead in known if not (ahead.clear and ahead.mean > 0)]
    if not known:
        return ""
    if not close:
        return (
            f"It is clearly better than every other kind. The next one is {_gap_words(*known[0])}."
        )
    names = listed([kinds(each.family) for each in close])
    return (
        f"It is not clearly better than {names}: the 95 % {_plural('interval', close)} of the "
        f"{_plural('difference', close)} contain{'s' if len(close) == 1 else ''} zero."
    )


def _plural(word: str, rows: Sequence[object]) -> str:
    return word if len(rows) == 1 else f"{word}s"


def _gap_words(other: Standing, gap: Difference) -> str:
    return (
        f"{kinds(other.family)}, {gap.mean:.3f} behind "
        f"(95 % interval {gap.low:.3f} to {gap.high:.3f})"
    )


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:]


def _picture(standings: Sequence[Standing], score: str) -> Markup:
    """How far the best of each kind is behind the winner, with intervals."""
    gaps = [each.ahead for each in standings if each.ahead]
    ends = [0.0, *(end for gap in gaps for end in (gap.mean, gap.low, gap.high) if end)]
    low, high = -max(ends), -min(ends)
    room = 0.06 * (high - low or 1.0)

    def x(value: float) -> float:
        return 100 * (value - low + room) / (high - low + 2 * room)

    rows = []
    for standing in standings:
        gap = standing.ahead or Difference(0.0, None, None, standing.splits)
        value = f"{standing.score:.3f}" if standing is standings[0] else signed_share(-gap.mean, 3)
        marks = [
            upright(x(0), "chance"),
            None if gap.low is None or gap.high is None else interval(x(-gap.high), x(-gap.low)),
            dot(x(-gap.mean)),
        ]
        name = kinds(standing.family)
        rows.append(row(name, strip_svg(f"{name}: {value}", marks), value))
    caption = (
        f"The best method of each kind, compared with the winner (dashed line), by {score}. "
        "Bars are 95 % intervals of the difference over the held-out folds. They are wider "
        "because the training sets of the folds overlap."
    )
    return figure(el("div", *rows, class_="plot kinds"), caption)


def _rivalries(choice: Choice) -> Iterable[str]:
    """Whether what was trained, or smoothed, is better than what it came from."""
    for rivalry in choice.rivalries:
        known = [(name, gap) for name, gap in rivalry.ahead.items() if gap is not None]
        said = [_against(name, gap) for name, gap in known]
        if said:
            yield f"Compared with {rivalry.rival}, the winner {' and '.join(said)}."


def _against(measure: str, gap: Difference) -> str:
    word = "is not clearly different"
    if gap.clear:
        word = "is better" if gap.mean > 0 else "is worse"
    between = ""
    if gap.low is not None and gap.high is not None:
        between = f", 95 % interval {signed_share(gap.low, 3)} to {signed_share(gap.high, 3)}"
    return f"{word} in {measure} ({signed_share(gap.mean, 3)}{between})"


def _not_tried(choice: Choice) -> Markup | None:
    """Kinds that never entered, with reasons."""
    if not choice.not_tried:
        return None
    rows = [el("li", el("code", name), " ", why) for name, why in choice.not_tried.items()]
    return folded("What was not tried, and why", el("ul", *rows))


def _trials(choice: Choice, score: str) -> Markup:
    """The candidates with their scores: the best, and the rest folded away."""
    ran = [tried for tried in choice.tried if not tried.reason]
    failed = [tried for tried in choice.tried if tried.reason]
    rows = [_trial(tried, choice.chosen.label) for tried in [*ran, *failed]]
    return folded(
        f"All scores: {count(len(ran), 'candidate')}, {len(failed)} not run",
        el(
            "p",
            f"The {score}, over both directions of every pair of views. Candidates that were far "
            "behind on the first splits were not run on the others.",
        ),
        _trial_table(rows[:_TOP], "The best candidates"),
        _trial_table(rows[_TOP:], "The other candidates") if len(rows) > _TOP else None,
    )


def _trial(tried: Tried, chosen: str) -> Markup:
    won = tried.candidate == chosen and not tried.reason
    label = el(
        "th", el("code", tried.candidate), el("span", "chosen", class_="tag") if won else None,
        scope="row",
    )  # fmt: skip
    score = el("td", tried.reason, class_="words") if tried.reason else _score(tried)
    return el("tr", label, score, class_="main" if won else None)


def _score(tried: Tried) -> Markup:
    if tried.score is None or tried.sd is None:
        return el("td", "–")
    of = None if tried.complete else f", {count(tried.splits, 'split')} only"
    return el("td", f"{tried.score:.3f}", " ", el("small", f"± {tried.sd:.3f}", of))


def _trial_table(rows: Sequence[Markup], caption: str) -> Markup:
    return table(caption, ("Candidate", "Score ± sd"), el("tbody", *rows), class_="trials")
