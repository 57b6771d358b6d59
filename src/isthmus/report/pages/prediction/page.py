"""The page of a predictor: what it says from which views, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.errors import InputError
from isthmus.core.record import Record
from isthmus.core.wording import count, way
from isthmus.predictor.card import MEDICAL
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.report import PredictorReport
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import CARDS, document, static
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.matrix import matrix, mixed_up
from isthmus.report.kit.parts import facts, headline_card, how_to_read, section
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths
from isthmus.report.pages.prediction import plots, tables
from isthmus.report.pages.prediction.items import counts_of, groups, typical
from isthmus.report.pages.prediction.words import (
    CLINICAL,
    NO_DEVICE,
    READ,
    best_view,
    between,
    gap,
    lede,
    number,
    rival,
    shuffled_labels,
    shuffled_views,
    title,
)

COLUMNS = "columns"


def write_prediction(
    path: str | Path, predictor: Predictor, *, records: Sequence[Record] = ()
) -> Path:
    """Write the report of a predictor as one HTML file, whole or not at all.

    It needs no network and no script.

    Args:
        path: Of the file; one that is there is replaced.
        predictor: With its report.
        records: It learned from, so that examples can be seen; default: their ids.

    Returns:
        The path.

    Raises:
        InputError: If the predictor has no report.
    """
    return write_atomically(Path(path), prediction_page(predictor, records=records).encode())


def prediction_page(predictor: Predictor, *, records: Sequence[Record] = ()) -> str:
    """The page as one string; arguments as of :func:`write_prediction`."""
    if predictor.report is None:
        raise InputError(
            "the predictor has no report; make one with "
            + way(python="isthmus.predict.fit(…)", shell="isthmus predict fit")
        )
    page = _Page(predictor, predictor.report, {record.id: record for record in records})
    examples = page.examples()  # first, so that their pictures are the larger ones
    body = join(
        (
            page.header(),
            page.quality(),
            page.views(),
            page.missing(),
            page.worth(),
            page.confusions(),
            examples,
            page.clinical(),
            page.fusions(),
            page.settings(),
            how_to_read((*READ, *(CLINICAL if page.report.clinical else ()))),
        )
    )
    style = CARDS + static(__package__, "page.css")
    return document(title(predictor), body, page.assets, style=style)


class _Page:
    """One report with the media that its page embeds."""

    def __init__(
        self, predictor: Predictor, report: PredictorReport, records: dict[str, Record]
    ) -> None:
        self.predictor, self.report, self.records = predictor, report, records
        self.assets = Assets()
        refs = predictor.sources.encoders
        plain = dict.fromkeys(predictor.sources.columns, COLUMNS)
        self.shapes = Views({**{v: ref.modality for v, ref in refs.items()}, **plain})

    def header(self) -> Markup:
        notes = self.predictor.asked.notes
        medical = self.predictor.asked.card == MEDICAL
        return el(
            "header",
            el("h1", title(self.predictor)),
            el("p", lede(self.report), class_="lede"),
            el("p", NO_DEVICE, class_="notice") if medical else None,
            el("ul", *self._cards(), class_="headline"),
            el("ul", *(el("li", note) for note in notes), class_="notes") if notes else None,
        )

    def _cards(self) -> list[Markup]:
        report = self.report
        main = report.estimate.figures[0]
        luck = plots.chance_of(report)
        says = (
            f"on held-out records ({between(main)})." if between(main) else "on held-out records."
        )
        says += "" if luck is None else f" Chance: {number(luck)}."
        cards = [headline_card(_upper(main.metric), number(main.value), "", says)]
        single = best_view(report)
        if single is not None and len(report.data.views) > 1:
            gained = gap(main.value - single.figure.value)
            says = f"is the best single view: {number(single.figure.value)}. All views: {gained}."
            cards.append(headline_card("Best view", str(single.view), "", says))
        if report.reliability is not None:
            error = report.reliability.error
            says = "is the mean distance of a probability from the truth."
            cards.append(headline_card("Calibration error", number(error), "", says))
        null = report.null
        says = f"of {null.permutations:,} tries with shuffled answers score as well."
        cards.append(headline_card("Shuffled answers", f"{100 * null.p:.1f} %", "", says))
        return cards

    def quality(self) -> Markup:
        report = self.report
        rows = [plots.Row("this predictor", report.estimate.figures[0], main=True)]
        rows += [
            plots.Row(rival(each), each.figure)
            for each in report.baselines
            if each.kind != "chance"
        ]
        luck = plots.chance_of(report)
        caption = f"{_upper(report.estimate.headline)} on the same held-out records, with 95 % "
        caption += "intervals."
        caption += "" if luck is None else f" Dashed: chance, {number(luck)}."
        said = [*shuffled_views(report), shuffled_labels(report)]
        return section(
            "How good it is",
            "quality",
            tables.figures(report),
            el("h3", "Beside plainer ways and luck"),
            plots.figures_plot(rows, luck, caption),
            *(el("p", each) for each in said),
        )

    def views(self) -> Markup:
        return section("What each view brings", "views", tables.views(self.report, self.shapes))

    def missing(self) -> Markup | None:
        curves = self.report.missing
        if not curves:
            return None
        says = (
            "A record may lack views. Each plot takes one view from more and more held-out "
            "records. The thin line is a predictor that never knew that view, on those records."
        )
        low, high = plots.missing_range(curves)
        metric = self.report.estimate.headline
        drawn = (plots.missing_plot(each, metric, low, high) for each in curves)
        return section(
            "With views missing",
            "missing",
            el("p", says),
            el("div", *drawn, class_="pair-of-plots"),
        )

    def worth(self) -> Markup:
        report = self.report
        kind, unit = report.target.kind, report.target.unit
        made: list[Markup] = []
        says = []
        if report.reliability is not None:
            made.append(plots.reliability_plot(report.reliability, event=kind == "survival"))
            says.append(
                "Probabilities are off by "
                f"{hundredths(report.reliability.error)} hundredths on average."
            )
        if report.risk_coverage.coverage:
            wrong = kind not in ("number", "survival")
            made.append(plots.risk_plot(report.risk_coverage, wrong=wrong, unit=unit))
        return section(
            "What an answer is worth",
            "worth",
            *(el("p", each) for each in says),
            el("div", *made, class_="pair-of-plots") if made else None,
            tables.coverage(report.coverage, kind=kind, unit=unit) if report.coverage else None,
        )

    def confusions(self) -> Markup | None:
        found = self.report.confusion
        if found is None:
            return None
        counts = counts_of(found)
        worst = mixed_up(counts, found.names, noun="record")
        says = f"Most often: {'; '.join(worst)}." if worst else "No class was taken for another."
        seen = typical(found, self.report.examples.cells, self.records)
        drawn = matrix(counts, seen, found.names, self.assets, noun="held-out record")
        small = "Each cell shows its surest record." if self.records else None
        return section(
            "What is taken for what",
            "confusions",
            el("p", says),
            el("p", small, class_="small") if small else None,
            drawn,
        )

    def examples(self) -> Markup | None:
        parts = groups(self.report, self.records, self.predictor.asked.kinds, self.assets)
        return section("Sure, unsure, wrong", "examples", *parts) if parts else None

    def clinical(self) -> Markup | None:
        made = self.report.clinical
        if made is None:
            return None
        large = (
            f"AUC {number(made.auc)}. Calibration in the large {gap(made.in_the_large)}: the share "
            f"of {made.positive} less the mean probability."
        )
        drawn = [plots.benefit_plot(made)] if made.benefit.x else []
        over_time = plots.auc_plot(made)
        drawn += [] if over_time is None else [over_time]
        return section(
            f"As a test for {made.positive}",
            "clinical",
            el("p", large),
            el("div", *drawn, class_="pair-of-plots") if drawn else None,
            tables.sensitivity(made) if made.sensitivity.x else None,
        )

    def fusions(self) -> Markup:
        report = self.report
        return section(
            "What was tried",
            "fusions",
            el("p", el("code", report.chosen.label), f": {report.chosen.why.rstrip('.')}."),
            tables.standings(report) if report.standings else None,
            *tables.tried(report.tried, report.chosen_by, report.not_tried),
        )

    def settings(self) -> Markup:
        report, asked = self.report, self.predictor.asked
        rows: list[tuple[object, object]] = [
            ("Data", asked.data),
            ("Target", f"{asked.target} ({'date' if asked.dates else asked.kind})"),
            ("Chosen by", report.chosen_by),
            ("Predictor", el("code", self.predictor.fingerprint[:12])),
        ]
        rows += [
            (self.shapes.label(view), el("code", ref.spec))
            for view, ref in self.predictor.sources.encoders.items()
        ]
        rows += [
            (self.shapes.label(view), count(len(each.names), "plain column"))
            for view, each in self.predictor.sources.columns.items()
        ]
        rows += [
            ("Folds", report.estimate.folds),
            ("Seed", report.estimate.seed),
            ("Took", f"{report.seconds:,.0f} s"),
        ]
        return section("Settings", "settings", facts(rows))


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]
