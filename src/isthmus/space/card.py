"""The model card: what a space is, what it was made from, how good it is, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.space.evaluate import LEVEL


def model_card(report: Mapping[str, Any], views: Sequence[str], fingerprint: str) -> str:
    """Write the card from the report of ``align``.

    Args:
        report: ``space.report``; missing parts are left out.
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
    parts = (_starter,) if report.get("starter") else (_made_from, _chosen, _quality, _limits)
    for part in parts:
        section = part(report)
        if section:
            lines += ["", *section]
    return "\n".join(lines) + "\n"


def _made_from(report: Mapping[str, Any]) -> list[str]:
    data, encoders = report.get("data"), report.get("encoders")
    if not data or not encoders:
        return []
    pairs = ", ".join(f"{n} {name}" for name, n in data["pairs"].items())
    lines = ["## Made from", "", f"- Data: {data['name']}, {data['records']} records ({pairs})"]
    lines += [f"- {m}: `{e['id']}`, {e['dim']} dimensions" for m, e in encoders.items()]
    if data["left_out"]:
        lines.append(f"- Left out: {len(data['left_out'])} items that could not be used")
    return lines


def _chosen(report: Mapping[str, Any]) -> list[str]:
    if "chosen" not in report:
        return []
    tried = sum(not row["reason"] for row in report["tried"])
    return [
        "## Head",
        "",
        f"`{report['chosen']['label']}`, the best of {tried} by cross-validation.",
    ]


def _quality(report: Mapping[str, Any]) -> list[str]:
    if "held_out" not in report:
        return ["## Quality", "", "Not estimated: no pairs were held out."]
    lines = [
        "## Quality on held-out pairs",
        "",
        f"Mean ± standard deviation over {report['folds']} outer folds, `instance` read-out.",
        "",
        "| direction | R@1 | R@10 | median rank | gallery | chance R@10 | shuffled R@10 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, readouts in report["held_out"]["directions"].items():
        row = readouts["instance"]
        null = report["null"]["shuffled"][name]["instance"]["r10"]
        lines.append(
            f"| {name} | {spread(row['r1'])} | {spread(row['r10'])} | {row['medr']['mean']:.1f} "
            f"| {row['n_gallery']['mean']:.0f} | {row['chance_r10']['mean']:.3f} "
            f"| {spread(null)} |"
        )
    return lines


def _limits(report: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Limits",
        "",
        "- Figures hold for data like the data above; measure yours with `isthmus eval`.",
        "- Directions between views that no record has together are not measured here.",
        "- Vectors can be inverted to some degree: treat them as you would the originals.",
    ]
    weak = [name for name, p in report.get("p_values", {}).items() if p > LEVEL]
    lines += [f"- {name}: no better than shuffled pairs; do not use it." for name in weak]
    return lines


def _starter(report: Mapping[str, Any]) -> list[str]:
    """What the shipped space is, how good by direction and language, and where it fails."""
    pairs = ", ".join(f"{n:,} {name}" for name, n in report["data"]["pairs"].items())
    lines = [
        "## Made from",
        "",
        f"Tux Paint stamps (public domain) and Open Clip Art (CC0), {pairs}, with captions in",
        "the 16 languages of the text encoder. Text and pictures are joined by canonical",
        "correlation, sounds mapped onto their captions by ridge regression; every head is linear.",
        "130 stamps, with their clips, were left out of heads, settings and calibration.",
        "",
        "## Quality",
        "",
        "| direction | R@1 | R@10 | gallery | R@10 on the 130 stamps left out of this space |",
        "|---|---|---|---|---|",
    ]
    for name, row in report["five_seeds"].items():
        own = report["held_out_gallery"].get(name)
        lines.append(
            f"| {name} | {spread(row['r1'])} | {spread(row['r10'])} | {row['gallery']['mean']:.0f} "
            f"| {'–' if own is None else format(own['r10'], '.3f')} |"
        )
    return [
        *lines,
        "",
        "Mean ± standard deviation of the recipe over five galleries. Pictures and sounds share no",
        "record in training; their directions emerge through captions.",
        "",
        "## Where it fails",
        "",
        "- It has seen drawings and cut-out photographs of animals, plants, food and vehicles.",
        "  Scenes, people doing things, places and moods are mostly beyond it.",
        "- Titles of clip art of families it has not seen are found among 500 with the R@10 above:",
        "  far from what a model trained on the web does.",
        "- Sound means spoken words (French, Spanish, Russian; few English and Dutch) and effects:",
        "  music and other languages are unknown to it. The sound encoder hears English best.",
        "- The probability of a hit assumes that one of the things seen belongs and that they are",
        "  like the data above: a folder without an answer gets hits that look possible.",
        "- Texts that ask for nothing (letters, function words, mixed words) are mostly told",
        "  apart from questions, of which about one in ten is taken for nonsense, too.",
        "- Vectors can be inverted to some degree: treat them as you would the originals.",
    ]


def spread(cell: Mapping[str, Any]) -> str:
    """``0.31 ± 0.04``, or without the spread where there is one value."""
    if cell["sd"] is None:
        return f"{cell['mean']:.3f}"
    return f"{cell['mean']:.3f} ± {cell['sd']:.3f}"
