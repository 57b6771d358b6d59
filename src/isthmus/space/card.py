"""The model card: what a space is, what it was made from, how good it is, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isthmus.core.record import said_left_out
from isthmus.core.view import ViewPair
from isthmus.core.wording import count
from isthmus.space.evaluate import unmatched
from isthmus.space.report import (
    AnyReport,
    Bridge,
    Estimate,
    Origin,
    PretrainedReport,
    SpaceReport,
    StarterReport,
    StarterRow,
)


def model_card(report: AnyReport | None, views: Sequence[str], fingerprint: str) -> str:
    """Write the card.

    Args:
        report: Of the space; None where it was made by hand.
        views: What the space joins.
        fingerprint: Of the space.

    Returns:
        Markdown.
    """
    lines = [
        f"# An isthmus space: {' + '.join(views)}",
        "",
        f"Fingerprint `{fingerprint}`. Load it with `isthmus.Space.load(folder)`.",
    ]
    for section in _sections(report):
        lines += ["", *section]
    return "\n".join(lines) + "\n"


def _sections(report: AnyReport | None) -> list[list[str]]:
    if isinstance(report, StarterReport):
        return [_starter(report)]
    if report is None:
        return [_quality(None), _limits(None)]
    if isinstance(report, PretrainedReport):
        return [
            [*_origin(report.origin), *_encoders(report)],
            _quality(report.estimate, learned=False),
            [*_limits(report.estimate), *_unmeasured(report)],
        ]
    origin = [] if report.origin is None else [_origin(report.origin)]
    return [
        *origin,
        _made_from(report),
        _head(report),
        _quality(report.estimate),
        _limits(report.estimate),
    ]


def _origin(origin: Origin) -> list[str]:
    """The models, whose heads stay, and how several were joined."""
    lines = ["## Pretrained", ""]
    for model in origin.models:
        licence = model.licence or "not known, see the model"
        lines.append(f"- `{model.name}`: {', '.join(model.views)}. Licence: {licence}")
    lines.append(f"- Heads that are as they were: {', '.join(origin.fixed)}")
    return [*lines, *map(_bridge, origin.bridges)]


def _bridge(bridge: Bridge) -> str:
    r10 = ", ".join(
        f"{way} R@10 {row.instance.r10} (shuffled "
        f"{bridge.estimate.null.shuffled[way].instance.r10})"
        for way, row in bridge.estimate.held_out.directions.items()
    )
    return (
        f"- `{bridge.model}` was joined through {bridge.through} by "
        f"{count(bridge.items.records, 'item')} of {bridge.items.name}, without pairs: "
        f"`{bridge.choice.chosen.label}`. Held-out items: {r10}"
    )


def _encoders(report: PretrainedReport) -> list[str]:
    return [f"- {m}: `{e.id}`, {count(e.dim, 'dimension')}" for m, e in report.encoders.items()]


def _unmeasured(report: PretrainedReport) -> list[str]:
    """What a space says less well than one that was learned from pairs."""
    lines = []
    if not report.calibration:
        lines.append("- It was not calibrated: search shows an order, and no probabilities.")
    if report.origin.bridges and report.estimate is None:
        lines.append("- Directions between views of two models were not measured: no pairs.")
    return lines


def _made_from(report: SpaceReport) -> list[str]:
    data = report.data
    said = f"- Data: {data.name}, {count(data.records, 'record')} ({_pairs(data.pairs)})"
    lines = ["## Made from", "", said]
    lines += [f"- {m}: `{e.id}`, {count(e.dim, 'dimension')}" for m, e in report.encoders.items()]
    if number := said_left_out(failure.what for failure in data.left_out):
        lines.append(f"- Left out: {number} that could not be used")
    return lines


def _pairs(counts: Mapping[ViewPair, int]) -> str:
    return ", ".join(f"{n:,} {pair}" for pair, n in counts.items())


def _head(report: SpaceReport) -> list[str]:
    tried = sum(not row.reason for row in report.choice.tried)
    return ["## Head", "", f"`{report.chosen.label}`, the best of {tried} by cross-validation."]


def _quality(estimate: Estimate | None, *, learned: bool = True) -> list[str]:
    if estimate is None:
        return ["## Quality", "", "Not measured: no pairs were held out."]
    lines = [
        "## Quality on held-out pairs",
        "",
        f"{estimate.over.capitalize()}, `instance` read-out."
        if learned
        else "Nothing was learned from these pairs, so all are held out. `instance` read-out.",
        "",
        "| direction | R@1 | R@10 | median rank | gallery | chance R@1 | chance R@10 "
        "| shuffled R@10 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for direction, readouts in estimate.held_out.directions.items():
        row = readouts.instance
        null = estimate.null.shuffled[direction].instance
        lines.append(
            f"| {_cell(direction)} | {row.r1} | {row.r10} | {row.medr.mean:.1f} "
            f"| {row.n_gallery.mean:.0f} | {row.chance_r1.mean:.3f} | {row.chance_r10.mean:.3f} "
            f"| {null.r10} |"
        )
    return lines


def _cell(value: object) -> str:
    """A name of the user's in a table, whose columns a bar would end."""
    return str(value).replace("|", "\\|")


def _limits(estimate: Estimate | None) -> list[str]:
    lines = [
        "## Limits",
        "",
        "- The numbers are valid for data like the data above. Measure your own data with "
        "`isthmus eval`.",
        "- Directions between views that no record has together are not measured here.",
        "- A vector can be turned back into something like its original, at least in part. Protect",
        "  vectors as you protect the originals.",
    ]
    weak = unmatched({} if estimate is None else estimate.p_values)
    lines += [f"- {line}" for line in weak]
    return lines


def _starter(report: StarterReport) -> list[str]:
    """What the shipped space is, how good by direction and language, and where it fails."""
    return [
        "## Made from",
        "",
        "Tux Paint stamps (public domain) and Open Clip Art (CC0), "
        f"{_pairs(report.data.pairs)}, with captions in",
        "the 16 languages of the text encoder. Text and pictures are joined by canonical",
        "correlation, sounds mapped onto their captions by ridge regression. Every head is linear,",
        "with one of Gaussian units beside it.",
        "130 stamps, with their clips, were left out of heads, settings and calibration.",
        "",
        "## Quality",
        "",
        "| direction | R@1 | R@10 | gallery | R@10 on the 130 stamps left out of this space |",
        "|---|---|---|---|---|",
        *map(_starter_row, report.rows),
        "",
        "Mean ± standard deviation of the recipe over five galleries. Pictures and sounds share no",
        "record in training; their directions emerge through captions.",
        "",
        "## Where it fails",
        "",
        "- It has seen drawings and cut-out photographs of animals, plants, food and vehicles.",
        "  It knows hardly any scenes, activities, places and moods.",
        "- For clip art of families that it has not seen, it finds titles among 500 with the R@10",
        "  above. Models trained on the web are far better.",
        "- It knows spoken words (French, Spanish, Russian; few English and Dutch) and sound",
        "  effects. It does not know music or other languages. Its sound encoder works best for",
        "  English.",
        "- The probability of a result is valid if the folder contains an answer and is like the",
        "  data above. In a folder without an answer, wrong results can look possible.",
        "- It recognises most nonsense (letters, function words, mixed words). It also takes about",
        "  one in ten real queries for nonsense.",
        "- A vector can be turned back into something like its original, at least in part. Protect",
        "  vectors as you protect the originals.",
    ]


def _starter_row(row: StarterRow) -> str:
    own = "–" if row.held_out is None else f"{row.held_out.r10:.3f}"
    seeds = row.seeds
    return (
        f"| {row.direction} ({row.kind}) | {seeds.r1} | {seeds.r10} "
        f"| {seeds.gallery.mean:.0f} | {own} |"
    )
