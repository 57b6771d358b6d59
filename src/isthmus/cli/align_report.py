"""What ``isthmus align`` says of the space that it made."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from isthmus.cli.console import err, list_left_out, out, print_json, rows_of, shown
from isthmus.core.errors import IsthmusError
from isthmus.core.wording import count
from isthmus.prompts.typed import SAVED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from isthmus.space import PretrainedReport, Space, SpaceReport
    from isthmus.space.report import Bridge, Estimate, Origin

Again: TypeAlias = "Callable[[str], str]"
_MORE = 600
"""Seconds of time limit that are offered where it was shorter."""
_DIFFERS = 0.05
"""R@10 that is worth a sentence."""


def print_made_json(made: Space, folder: Path, lost: Sequence[str]) -> None:
    """The report of a space, as one JSON document, with the names of prompts that it lost."""
    document = {} if made.report is None else made.report.to_json()
    said = {"space": str(folder), "fingerprint": made.fingerprint, "lost_prompts": list(lost)}
    print_json({**said, **document})


def save_over(made: Space, folder: Path) -> list[str]:
    """Save a space with the saved prompts of the one that it replaces, if they are the same space.

    Returns:
        Names of the prompts that are lost.
    """
    from isthmus import space as spaces
    from isthmus.space.prompts import carried

    lost: list[str] = []
    with suppress(IsthmusError, OSError):  # there is none, or a damaged one
        earlier = spaces.Space.load(folder)
        same = earlier.fingerprint == made.fingerprint
        made.prompts, lost = carried(earlier.prompts, made.prompts, same=same)
    made.save(folder)
    return lost


def say_lost_prompts(lost: Sequence[str], folder: Path) -> None:
    """Name the saved prompts that went with the space that was replaced, and the way to new ones.

    Args:
        lost: Their names.
        folder: Of the space.
    """
    if not lost:
        return
    named, place = ", ".join(f"{SAVED}{name}" for name in lost), shlex.quote(str(folder))
    err().print(
        f"[yellow]Note:[/] The space that was replaced held saved prompts: {shown(named)}. They "
        "were learned in that space and say nothing in this one, so they are gone. Learn them "
        f"anew: isthmus prompt save {shown(lost[0])} --like FILES --space {shown(place)}"
    )


def print_made(space: Space, saved: str, again: Again) -> None:
    """What was chosen, how good it is, and where it is saved.

    Args:
        space: What was made.
        saved: Where, in words.
        again: The command with another time limit, as it is typed.
    """
    from isthmus.cli.tables import directions_table, note
    from isthmus.space import PretrainedReport, SpaceReport

    console, report = out(), space.report
    if isinstance(report, PretrainedReport):
        _print_pretrained(report)
    if not isinstance(report, SpaceReport):
        console.print(saved)
        return
    if report.origin is not None:
        _print_origin(report.origin)
    _print_late(report, again)
    console.print(f"Chosen: [bold]{report.chosen.label}[/]")
    if lead := _lead(report):
        console.print(lead)
    found = report.estimate
    if found is not None:
        title = f"Held-out pairs, {found.over}"
        console.print(directions_table(title, found.held_out, found.null.shuffled))
        console.print(note(shuffled=True))
        _print_weak(found)
        _print_groups(found)
    else:
        console.print("The quality was not measured: this needs records of at least three groups.")
    list_left_out(rows_of(report.data.left_out))
    console.print(saved)


def _print_pretrained(report: PretrainedReport) -> None:
    """What the models join, how well they find the user's pairs, and what is missing."""
    from isthmus.cli.tables import directions_table, note

    _print_origin(report.origin)
    found, data = report.estimate, report.data
    if found is not None and data is not None:
        title = f"Pairs of {data.name}, none of which was learned from"
        out().print(directions_table(title, found.held_out, found.null.shuffled))
        out().print(note(shuffled=True))
        _print_weak(found)
        list_left_out(rows_of(data.left_out))
    elif report.origin.bridges:
        out().print(
            "Directions between views of different models were not measured: there are no pairs. "
            "To measure them, give DATA that has some."
        )
    if not report.calibration:
        out().print(
            "There are no probabilities: search shows an order. To get them, give DATA with pairs."
        )


def _print_weak(found: Estimate) -> None:
    """Pairs of views that nobody should search between."""
    from isthmus.space.evaluate import unmatched

    for line in unmatched(found.p_values):
        out().print(shown(line))


def _print_origin(origin: Origin) -> None:
    """The models, and which heads stay as they were."""
    for model in origin.models:
        licence = f"licence: {model.licence}" if model.licence else "licence: not known"
        out().print(shown(f"Pretrained: {model.name} ({', '.join(model.views)}; {licence})"))
    out().print(shown(f"Heads that stay as they were: {', '.join(origin.fixed)}"))
    for bridge in origin.bridges:
        _print_bridge(bridge)


def _print_bridge(bridge: Bridge) -> None:
    from isthmus.cli.tables import directions_table, note

    items = count(bridge.items.records, "item")
    title = (
        f"{bridge.model} joined through {bridge.through}, without pairs: {items} of "
        f"{bridge.items.name}, by {bridge.choice.chosen.label}"
    )
    found = bridge.estimate
    out().print(directions_table(title, found.held_out, found.null.shuffled))
    out().print(note(shuffled=True))


def _lead(report: SpaceReport) -> str:
    """By how much what was chosen leads before the best of another kind."""
    from isthmus.report.kit.words import signed

    behind = [each for each in report.choice.standings if each.ahead is not None]
    if not behind:
        return ""
    following = behind[0]
    lead = following.ahead
    assert lead is not None
    known = lead.low is not None and lead.high is not None
    ends = [signed(end) for end in (lead.low, lead.high) if end is not None]
    spread = f" (95 % interval {' to '.join(ends)})" if known else ""
    semantic = report.settings.readout == "semantic"
    measure = "mean average precision" if semantic else "mean reciprocal rank"
    if lead.mean < 0:
        return (
            f"{following.candidate} scored higher by {signed(-lead.mean)} in {measure}, but not "
            "surely enough to be chosen: see 'How the methods compete' in docs/choosing.md."
        )
    return (
        f"Next best: {following.candidate}. What was chosen leads by {signed(lead.mean)} in "
        f"{measure}{spread}."
    )


def _print_groups(found: Estimate) -> None:
    """What keeping groups whole costs, where it costs much."""
    from isthmus.space.report import mean_recall

    plain = found.ungrouped
    if plain is not None and abs(plain.r10 - (kept := mean_recall(found.held_out)[1])) >= _DIFFERS:
        out().print(
            shown(
                f"Your {plain} were held out whole: R@10 {kept:.2f}. If they are not kept whole, "
                f"it is {plain.r10:.2f}. If new things come from the same groups, add --no-groups."
            )
        )


def _print_late(report: SpaceReport, again: Again) -> None:
    """What a time budget left no room for."""
    from isthmus.selection.race import LATE

    late = sum(row.reason == LATE for row in report.choice.tried)
    found, budget = report.estimate, report.settings.budget
    left_out = [f"{count(late, 'candidate was', 'candidates were')} not tried"] if late else []
    if found is not None and found.folds < found.planned:
        left_out.append(f"{found.folds} of {found.planned} outer folds were run")
    if budget is None or not left_out:
        return
    out().print(
        shown(
            f"The time limit of {budget:g} s was too short for a sure choice: "
            f"{', and '.join(left_out)}. "
            f"With more time: {again('10m' if budget < _MORE else 'none')}"
        )
    )
