"""The page of a classification: what was said, and what that is worth."""

from __future__ import annotations

from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.wording import count, way
from isthmus.prompts.curve import ShotCurve
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.curve import CurvePoint, curve_figure
from isthmus.report.kit.document import CARDS, document, static
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.matrix import Typical, matrix, mixed_up
from isthmus.report.kit.parts import (
    facts,
    folded,
    headline_card,
    how_to_read,
    left_out,
    section,
)
from isthmus.report.kit.plot import Strip, share_plot
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths, listed, short_source, signed
from isthmus.report.pages.classification import tables
from isthmus.report.pages.classification.items import groups
from isthmus.report.pages.classification.words import (
    READ,
    as_figure,
    between,
    called,
    gap,
    lede,
    source_of,
    title,
    verdict,
)
from isthmus.tasks.zeroshot.options import Prompts
from isthmus.tasks.zeroshot.reporting.model import ClassificationReport, Rivals, Skipped

_PUT: dict[Prompts, str] = {
    "templates": "sentences of their language",
    "name": "nothing",
    "random": "random words",
}
_CLASSES = 60
"""Names of classes that are listed."""


def write_classification(path: str | Path, report: ClassificationReport) -> Path:
    """Write the report of a classification as one HTML file, whole or not at all.

    It needs no network and no script.

    Args:
        path: Of the file; one that is there is replaced.
        report: What :func:`isthmus.tasks.classification_report` returned.

    Returns:
        The path.
    """
    return write_atomically(Path(path), render(report).encode())


def render(report: ClassificationReport) -> str:
    """The page as one string."""
    page = _Page(report)
    # Cards come before the matrix, so that their pictures are the larger ones.
    items = page.items()
    confused = page.confusions()
    body = join(
        (
            page.header(),
            page.quality(),
            confused,
            items,
            page.rivals(),
            page.curve(),
            page.stability(),
            page.prompts(),
            page.methods(),
            page.settings(),
            how_to_read(READ),
        )
    )
    return document(title(report), body, page.assets, style=CARDS + static(__package__, "page.css"))


class _Page:
    """One report with the media that its page embeds."""

    def __init__(self, report: ClassificationReport) -> None:
        self.report = report
        self.assets = Assets()
        self.views = Views(report.modalities)

    def header(self) -> Markup:
        notes = [*self.report.said.notes, *self.report.notes]
        return el(
            "header",
            el("h1", title(self.report)),
            el("p", lede(self.report), class_="lede"),
            el("ul", *self._cards(), class_="headline"),
            el("ul", *(el("li", note) for note in notes), class_="notes") if notes else None,
        )

    def _cards(self) -> list[Markup]:
        report, judged = self.report, self.report.judged
        refused = sum(each.label is None for each in report.said.items)
        if judged is None:
            says = f"said to be none of the {count(len(report.said.classes), 'class', 'classes')}."
            return [
                headline_card("Items", f"{len(report.said):,}", "", "got a class each, or none."),
                headline_card("None of these", f"{refused:,}", "", says),
            ]
        found = judged.figures
        where = source_of(judged, left_out=report.evaluated is None)
        says = f"{where} are right ({between(found.accuracy)}). Chance: {hundredths(found.chance)}."
        cards = [headline_card("Accuracy", hundredths(found.accuracy.value), " of 100", says)]
        if isinstance(report.rivals, Rivals):
            for each in report.rivals.rows:
                if each.kind in ("random-words", "words"):
                    lead, interval = gap(each.lead)
                    says = f"of 100 more are right (95\u00a0%: {interval})."
                    cards.append(headline_card(f"Ahead of {called(each)}", lead, "", says))
        says = (
            f"of 100: how far probabilities are from the share that is right. True probabilities "
            f"would get {hundredths(found.ece_null)}."
        )
        cards.append(headline_card("Calibration error", hundredths(found.ece.value), "", says))
        return cards[:4]

    def quality(self) -> Markup:
        report, name = self.report, "How good it is"
        columns = [
            (label, each)
            for label, each in (
                ("Items with known classes", report.evaluated),
                ("Examples, left out", report.left_out),
            )
            if each is not None
        ]
        if not columns:
            ways = way(
                python="truth='folders' or truth='truth.csv'",
                shell="--truth folders or --truth truth.csv",
            )
            says = (
                "Nobody knows yet: no true classes were given, and there are not two examples of "
                f"a class. Say them with {ways}, or give examples."
            )
            return section(name, "quality", el("p", says))
        return section(
            name, "quality", *(el("p", says) for says in self._sets()), tables.figures(columns)
        )

    def _sets(self) -> list[str]:
        """What sets and refusals are worth, and what makes figures too good."""
        report, said = self.report, []
        found, strange = report.evaluated, report.strangers
        if report.left_out is not None:
            said.append(
                "Each example is judged by what was learned from fewer of them, so new items often "
                "do better; all classes count about the same."
            )
        if report.left_out is not None and report.left_out.seen:
            said.append(
                f"The space has learned from {count(report.left_out.seen, 'example')}, so the "
                "figures of examples are too good."
            )
        if found is not None and found.covered is not None:
            said.append(
                "The sets of likely classes hold the true one for "
                f"{hundredths(found.covered.value)} of 100 items ({between(found.covered)}; "
                f"{hundredths(report.options.coverage)} were asked for), with "
                f"{found.set_size:.1f} classes on average."
            )
        if found is not None and found.refused:
            rest = found.answered
            right = f"; of the others, {hundredths(rest.value)} of 100 are right" if rest else ""
            said.append(f"{count(found.refused, 'item')} got no class{right}.")
        if strange is not None:
            names = listed([*strange.names[:3], *(["others"] if len(strange.names) > 3 else [])])
            said.append(
                f"{count(strange.items, 'item')} are of no class that was asked about ({names}): "
                f"{hundredths(strange.refused.value)} of 100 got no class."
            )
        return said

    def confusions(self) -> Markup | None:
        judged, classes = self.report.judged, self.report.said.classes
        if judged is None:
            return None
        worst = mixed_up(judged.confusion.counts, classes)
        says = f"Most often: {'; '.join(worst)}." if worst else "No class was taken for another."
        where = source_of(judged, left_out=self.report.evaluated is None)
        explained = f"{where[0].upper()}{where[1:]}. Each cell shows the surest item of its kind."
        typical = {
            cell: Typical(each.item, short_source(each.item), each.probability)
            for cell, each in judged.confusion.examples.items()
        }
        drawn = matrix(judged.confusion.counts, typical, classes, self.assets)
        small = el("p", explained, class_="small")
        return section("What is taken for what", "confusions", el("p", says), small, drawn)

    def items(self) -> Markup:
        return section("Sure, unsure, refused", "items", *groups(self.report, self.assets))

    def rivals(self) -> Markup:
        found, name = self.report.rivals, "Beside plainer ways and luck"
        if isinstance(found, Skipped):
            return self._skipped(name, "rivals", found)
        glyph = self.report.modalities[found.view]
        own = el("span", "this classifier")
        strips = [Strip(own, "this classifier", as_figure(found.accuracy), found.chance,
                        modality=glyph)]  # fmt: skip
        strips += [
            Strip(el("span", called(row)), called(row), as_figure(row.accuracy), found.chance)
            for row in found.rows
        ]
        where = "examples, each left out once" if found.left_out else f"items of {found.view}"
        caption = f"Accuracy on {found.items:,} {where}: of 100. Bars: 95 % intervals."
        return section(
            name,
            "rivals",
            el("p", verdict(found)),
            share_plot(strips, caption),
            tables.rivals(found),
        )

    def curve(self) -> Markup:
        found, name = self.report.curve, "What more examples bring"
        if isinstance(found, Skipped):
            return self._skipped(name, "curve", found)
        last = len(found.shots) - 1
        points = [
            CurvePoint(place / last, as_figure(share), _shots(shots, place == last))
            for place, (shots, share) in enumerate(zip(found.shots, found.accuracy, strict=True))
        ]
        first, end = found.accuracy[0], found.accuracy[-1]
        begin = "by words alone" if found.shots[0] == 0 else "with one example a class"
        says = (
            f"{hundredths(first.value)} of 100 left-out examples are right {begin}, and "
            f"{hundredths(end.value)} with {found.shots[-1]} a class."
        )
        caption = (
            f"Accuracy on {found.asked:,} examples that were left out, mean of "
            f"{count(found.draws, 'draw')}, with 95 % intervals. Dashed: chance, "
            f"{hundredths(found.chance)} of 100. No item that was asked about has a part in it."
        )
        drawn = curve_figure(points, found.chance, self._spoken(found), caption)
        return section(name, "curve", el("p", says), drawn)

    def _spoken(self, found: ShotCurve) -> str:
        both = zip(found.shots, found.accuracy, strict=True)
        said = ", ".join(f"{shots} examples {hundredths(share.value)}" for shots, share in both)
        return f"Accuracy in hundredths by examples a class: {said}"

    def stability(self) -> Markup:
        found, name = self.report.stability, "Whether answers stay the same"
        if isinstance(found, Skipped):
            return self._skipped(name, "stability", found)
        says = (
            "Each line changes something that should not matter, and counts the answers that stay. "
            f"Without a change, {hundredths(found.accuracy)} of 100 are right; chance "
            f"{hundredths(found.chance)}."
        )
        halves = (
            " Every second example was learned from, and the others were asked about."
            if isinstance(self.report.rivals, Rivals) and self.report.rivals.left_out
            else ""
        )
        return section(name, "stability", el("p", says, halves), tables.stability(found))

    def prompts(self) -> Markup | None:
        report = self.report
        if not report.prompts:
            return None
        parts = [
            el(
                "p",
                "Each name is put into sentences. The score of a class is the cosine with their "
                "mean, so each sentence has an exact share of it.",
            )
        ]
        if report.margin is not None:
            made = report.margin
            parts.append(
                el(
                    "p",
                    "Where an answer is ahead of the next class, the words add "
                    f"{signed(made.words)} and the examples {signed(made.examples)} (log-odds, "
                    "mean over the items).",
                )
            )
        return section("Sentences and their shares", "prompts", *parts,
                       *tables.prompts(report.prompts))  # fmt: skip

    def methods(self) -> Markup | None:
        parts: list[Markup] = []
        for each in self.report.said.learned:
            says = f": {each.method}; {each.reason}."
            parts.append(el("p", self.views.label(each.view), says))
            if drawn := tables.tried(each):
                parts.append(drawn)
            if each.not_tried:
                rows = [el("li", el("code", n), " ", why) for n, why in each.not_tried.items()]
                parts.append(folded("What was not tried, and why", el("ul", *rows)))
        return section("How it was learned", "methods", *parts)

    def settings(self) -> Markup:
        report, options = self.report, self.report.options
        names = list(report.said.classes[:_CLASSES])
        more = len(report.said.classes) - len(names)
        rows: list[tuple[object, object]] = [
            ("Classes", ", ".join([*names, *([f"{more:,} more"] if more > 0 else [])])),
            ("Names are put into", _PUT[options.prompts]),
            ("Method", options.method),
            ("Coverage asked for", f"{hundredths(options.coverage)} %"),
            ("Space", el("code", report.fingerprint[:12])),
        ]
        rows += [
            (self.views.label(view), el("code", name)) for view, name in report.encoders.items()
        ]
        rows += [("Seed", report.seed), ("Took", f"{report.seconds:,.0f} s")]
        return section("Settings", "settings", facts(rows), left_out(report.said.failures))

    def _skipped(self, name: str, anchor: str, found: Skipped) -> Markup:
        return section(name, anchor, el("p", f"Not measured: {found.reason}."))


def _shots(shots: int, last: bool) -> str:
    if shots == 0:
        return "words alone"
    return f"{shots} a class" if last else str(shots)
