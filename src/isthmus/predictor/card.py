"""The card of a predictor: what it predicts, from what, how well, and where it fails."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.wording import count
from isthmus.predictor.asked import Asked
from isthmus.predictor.report import Baseline, Figure, PredictorReport

MEDICAL = "medical"
"""What a card is asked to say, too: that the predictor is no medical device."""
CARDS = (MEDICAL,)
_NO_DEVICE = (
    "**This is no medical device.** It was not tested on patients to come, by nobody certified, "
    "and must not decide on anybody's diagnosis or treatment. It shows what the data can say."
)


def predictor_card(
    asked: Asked, report: PredictorReport | None, views: Sequence[str], fingerprint: str
) -> str:
    """Write the card.

    Args:
        asked: What is predicted, and from what.
        report: How good it is; None where it was made by hand.
        views: What it fuses.
        fingerprint: Of the predictor.

    Returns:
        Markdown.
    """
    head = [
        f"# An isthmus predictor: {_cell(asked.target)} from {' + '.join(map(_cell, views))}",
        "",
        f"Fingerprint `{fingerprint}`. Load it with `isthmus.predict.load(folder)`.",
    ]
    sections = [] if asked.card != MEDICAL else [[_NO_DEVICE]]
    if report is None:
        sections.append(["## Quality", "", "Not measured."])
    else:
        sections += [_made_from(asked, report), _quality(report), _clinical(report)]
    sections.append(_limits(asked))
    return "\n".join([*head, *(line for each in sections if each for line in ("", *each))]) + "\n"


def _made_from(asked: Asked, report: PredictorReport) -> list[str]:
    data, target = report.data, report.target
    lines = [
        "## Made from",
        "",
        f"- Data: {_cell(asked.data)}, {count(data.records, 'record')} in "
        f"{count(data.groups, 'group')} that never straddle a split",
    ]
    lines += [
        f"- View {_cell(v.name)}: {count(v.dim, 'number')}, {count(v.records, 'record')} have it"
        for v in data.views
    ]
    counts = [f"{_cell(n)} {c:,}" for n, c in zip(target.names, target.counts, strict=False)]
    if target.kind == "survival":
        counts = [count(n, "event") for n in target.counts]
    kind = "date" if target.unit else target.kind
    lines.append(f"- Target: {kind}{f' ({_listed(counts)})' if counts else ''}")
    if target.horizon is not None:
        lines.append(f"- An event is predicted by the time {target.horizon:g}")
    return [*lines, f"- Fusion: `{report.chosen.label}`. {report.chosen.why}"]


def _quality(report: PredictorReport) -> list[str]:
    estimate = report.estimate
    rows = [f"| {each.metric} | {_figure(each)} |" for each in estimate.figures]
    rivals = [f"| {_rival(each)} | {_figure(each.figure)} |" for each in report.baselines]
    lines = [
        "## Quality on held-out records",
        "",
        f"{count(estimate.records, 'record')}, each held out once in {estimate.folds} folds that "
        "took no part in the choice. Brackets: 95 % interval.",
        "",
        "| figure | value |",
        "|---|---|",
        *rows,
        "",
        f"Plain rivals on the same folds, by {estimate.headline}:",
        "",
        "| rival | value |",
        "|---|---|",
        *rivals,
        "",
        f"Labels dealt anew fit the held-out scores as well in {report.null.p:.1%} of "
        f"{report.null.permutations} tries; above {report.null.level:.0%} no predictor is made.",
    ]
    if report.reliability is not None:
        lines.append(f"Probabilities are off by {report.reliability.error:.3f} on average (ECE).")
    for each in report.coverage:
        what = "Intervals" if report.target.kind == "number" else "Sets"
        lines.append(
            f"{what} that shall hold the truth of {each.wished:.0%} hold it of {each.covered:.1%}."
        )
    return lines


def _clinical(report: PredictorReport) -> list[str]:
    made = report.clinical
    if made is None:
        return []
    return [
        "## By what a diagnosis is judged",
        "",
        f"- Looked for: {_cell(made.positive)}. AUC {made.auc:.3f}",
        f"- Calibration in the large: {made.in_the_large:+.3f} (share of true ones less the mean "
        "probability)",
        *(
            f"- Sensitivity at a specificity of {x:.0%}: {y:.2f}"
            for x, y in zip(made.sensitivity.x, made.sensitivity.y, strict=True)
        ),
    ]


def _limits(asked: Asked) -> list[str]:
    return [
        "## Limits",
        "",
        "- The figures are valid for records like those above. Measure yours with "
        "`isthmus predict eval`.",
        "- Encoders that learn from texts, and medians and categories of plain columns, saw all "
        "records, without their targets.",
        "- It keeps vectors of some training records. A vector can be turned back into something "
        "like its original: protect the folder as you protect them.",
        *(f"- {note}" for note in asked.notes),
    ]


def _rival(each: Baseline) -> str:
    view = "" if each.view is None else f" {_cell(each.view)}"
    return f"{each.kind}{view}"


def _figure(each: Figure) -> str:
    value = f"{each.value:.3f}{f' {each.unit}' if each.unit else ''}"
    if each.low is None or each.high is None:
        return value
    return f"{value} [{each.low:.3f}, {each.high:.3f}]"


def _listed(names: Sequence[str], *, show: int = 12) -> str:
    more = f" and {len(names) - show} more" if len(names) > show else ""
    return ", ".join(names[:show]) + more


def _cell(name: str) -> str:
    """A name of the user's in Markdown."""
    return " ".join(str(name).split()).replace("|", "\\|").replace("`", "'")[:80]
