"""The page of a diagnosis: what fits, what more pairs would bring, what ails them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.audit import Duplicates, EncoderFit, Hubs, LearningCurve, Suspect, Suspects, Twin
from isthmus.core.artifact import write_atomically
from isthmus.core.view import TEXT, Direction
from isthmus.core.wording import count
from isthmus.report.kit.assets import Assets
from isthmus.report.kit.document import document, static
from isthmus.report.kit.glyphs import kind
from isthmus.report.kit.markup import Markup, el, join
from isthmus.report.kit.media import shown
from isthmus.report.kit.parts import facts, headline_card, how_to_read, left_out, section
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import hundredths, language_of, listed, record_caption
from isthmus.report.pages.audit.plot import curve_plot, race_plot, strips
from isthmus.report.pages.audit.tables import (
    cost_table,
    fit_table,
    gap_table,
    hub_table,
    kinds_table,
)
from isthmus.report.pages.audit.words import (
    called,
    elsewhere,
    findings,
    found_among,
    is_choice,
    points,
)

if TYPE_CHECKING:
    from isthmus.audit import Diagnosis

_KINDS = 10
_TWINS = 6
_CARDS = 40
_OPEN = 6


def write_diagnosis(path: str | Path, diagnosis: Diagnosis) -> Path:
    """Write a diagnosis as one HTML file without a network, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        diagnosis: What :func:`isthmus.audit.diagnose` returned.

    Returns:
        The path.
    """
    return write_atomically(Path(path), render(diagnosis).encode())


def render(diagnosis: Diagnosis) -> str:
    """The page as one string."""
    page = _Page(diagnosis)
    # The suspects come first, so that they get the pictures and clips that fit.
    mismatched = page.mismatches()
    body = join(
        (
            page.header(),
            page.encoders(),
            page.pairs(),
            page.hubs(),
            mismatched,
            page.duplicates(),
            page.settings(),
            how_to_read(_READ),
        )
    )
    return document(page.title, body, page.assets, style=static(__package__, "page.css"))


class _Page:
    """One diagnosis with the media that its page embeds."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        self.encoded = diagnosis.encoded
        self.said = findings(diagnosis)
        self.assets = Assets()
        self.title = f"Diagnosis of {diagnosis.name}"
        encoders = self.encoded.ready.encoders
        self.views = Views({view: encoder.modality for view, encoder in encoders.items()})

    def header(self) -> Markup:
        found = self.diagnosis
        views = self.encoded.pairs.views
        splits = "keep groups together" if found.by_group else "ignore groups"
        records, total = len(self.encoded.pairs), self.encoded.total
        drawn = f", drawn from {total:,}," if records < total else ""
        lede = (
            f"{count(records, 'record')}{drawn} of {listed(views)}, checked before making "
            f"a space. Splits {splits}. All numbers come from pairs that the fit did not use."
        )
        return el(
            "header",
            el("h1", self.title),
            el("p", lede, class_="lede"),
            el("ul", *self._cards(), class_="headline"),
        )

    def _cards(self) -> list[Markup]:
        found = self.diagnosis
        cards = []
        best = found.fits[0]
        share, of = best.recall, "held-out pairs"
        if found.recommended:
            choice = found.recommended[0]
            best = next(fit for fit in found.fits if is_choice(fit, choice))
            # The recall of what won is lucky: it won on these pairs.
            share = choice.chosen
            of = "pairs that the choice was not made with" if choice.compared > 1 else of
        if share is not None:
            says = f"{of} {found_among(best.k, best.gallery)}, by {called(best)}."
            cards.append(
                headline_card("Encoders to take", hundredths(share.value), " of 100", says)
            )
        if found.curves and (gain := found.curves[0].recall_gain):
            says = (
                f"of 100 more found, with {gain.more:,} more pairs like these (95 %: "
                f"{points(gain.low)} to {points(gain.high)})."
            )
            cards.append(headline_card("More pairs", points(gain.value), "", says))
        if found.suspects:
            checked = sum(each.checked for each in found.suspects)
            flagged = sum(each.flagged for each in found.suspects)
            says = f"of {count(checked, 'pair')} may be wrong."
            cards.append(headline_card("Mismatches", f"{flagged:,}", "", says))
        if found.duplicates:
            most = max(found.duplicates, key=lambda each: each.near + each.copies)
            says = (
                f"of {most.items:,} {self.views.things(most.view)} have a near-duplicate in "
                f"{elsewhere(found)}."
            )
            cards.append(headline_card("Near-duplicates", f"{most.near + most.copies:,}", "", says))
        return cards

    def encoders(self) -> Markup:
        parts: list[Markup] = []
        for (a, b), some in groupby(self.diagnosis.fits, key=lambda fit: (fit.a, fit.b)):
            fits = list(some)
            if len(self.encoded.pairs.views) > 2:
                parts.append(el("h3", self.views.label(a), " with ", self.views.label(b)))
            if any(fit.recall for fit in fits):
                parts.append(self._measured(fits))
            parts.append(fit_table(fits, f"{a} and {b}, every combination"))
        if self.encoded.costs:
            parts.append(cost_table(self.encoded.costs, self.views))
        explained = (
            "CKA and mutual k-NN compare two encoders without a fit. Beside them are their values "
            "for shuffled partners, and the result of a fast fit."
        )
        title = "Which encoders fit together"
        return _section(title, "encoders", self.said["encoders"], explained, *parts)

    def _measured(self, fits: Sequence[EncoderFit]) -> Markup:
        """Quality against speed, or quality alone where no encoder was timed."""
        best = fits[0]
        what = (
            f"R@{best.k} of held-out pairs, both directions: how many of 100 queries have their "
            f"partner {found_among(best.k, best.gallery)}. Bars: 95 % intervals."
        )
        recommended = self.diagnosis.recommended
        taken = next((each for each in recommended if (each.a, each.b) == (best.a, best.b)), None)
        against = (
            f"{what} Dashed: chance. Filled and joined: no other finds as much and is as fast. "
            "Ring: recommended. The numbers are those of the table."
        )
        drawn = race_plot(fits, taken, against)
        return drawn or strips(fits, self.views, f"{what} After one fast fit.")

    def pairs(self) -> Markup | None:
        if not self.diagnosis.curves and not self.diagnosis.kinds:
            return None
        plots = [self._curve(curve) for curve in self.diagnosis.curves]
        tables = [kinds_table(each) for each in self.diagnosis.kinds]
        says = [*self.said["pairs"], *self.said["kinds"]]
        return _section("What more pairs would bring", "pairs", says, None, *plots, *tables)

    def _curve(self, curve: LearningCurve) -> Markup:
        chance = min(1.0, curve.k / curve.gallery)
        caption = (
            f"R@{curve.k} by the number of training pairs, {curve.a} and {curve.b}: means over "
            f"{curve.folds} folds with 95 % intervals. Dashed: the prediction, with its 95 % "
            f"band. Dotted: chance, {hundredths(chance)} of 100."
        )
        return curve_plot(curve, chance, caption)

    def hubs(self) -> Markup | None:
        found = self.diagnosis
        if not found.hubs:
            return None
        tops = [
            el(
                "details",
                el(
                    "summary",
                    "Items that come up most: ",
                    self.views.direction(Direction(h.query, h.gallery)),
                ),
                el("ul", *(self._hub(h, i) for i in range(len(h.top))), class_="top-hubs"),
            )
            for h in found.hubs
        ]
        return _section(
            "Hubness and the modality gap", "hubs", self.said["hubs"], None,
            hub_table(found.hubs, self.views), gap_table(found.gaps, self.views), *tops,
        )  # fmt: skip

    def _hub(self, hubs: Hubs, place: int) -> Markup:
        hub = hubs.top[place]
        says = f"{hundredths(hub.share)} of 100 queries; {hundredths(hub.corrected)} with CSLS"
        return el("li", self._shown(hub.row, hubs.gallery), el("p", says, class_="small"))

    def mismatches(self) -> Markup | None:
        found = [each for each in self.diagnosis.suspects if each.listed]
        if not found:
            return None
        parts: list[Markup] = []
        for each in found:
            if len(found) > 1:
                parts.append(el("h3", self.views.label(each.a), " with ", self.views.label(each.b)))
            flagged = [one for one in each.listed if one.flagged][:_CARDS]
            rest = [one for one in each.listed if not one.flagged]
            first, folded = (flagged, rest) if flagged else (rest[:_OPEN], rest[_OPEN:])
            parts += [self._suspect(each, one) for one in first]
            if folded:
                words = "The most suspicious of the rest" if flagged else f"The next {len(folded)}"
                cards = [self._suspect(each, one) for one in folded]
                parts.append(el("details", el("summary", words), *cards))
        explained = (
            "Each pair was judged by fits that did not use it. Beside it you see what fits better. "
            "Look before you delete: a rare thing or an unusual caption can look like a wrong pair."
        )
        says = self.said["mismatches"]
        return _section("Pairs that may be wrong", "mismatches", says, explained, *parts)

    def _suspect(self, suspects: Suspects, one: Suspect) -> Markup:
        flag = el("span", "flagged", class_="tag") if one.flagged else None
        pair = el(
            "div",
            el("div", "Pair", flag, class_="kicker"),
            el(
                "div",
                self._shown(one.row, suspects.a, captioned=False),
                self._shown(one.row, suspects.b, captioned=False),
                class_="pair-up",
            ),
            el("p", f"p = {one.p_value:.2g}", class_="small"),
            class_="query",
        )
        better = [
            self._better(one.better_b, suspects.b, suspects.a),
            self._better(one.better_a, suspects.a, suspects.b),
        ]
        return el("article", pair, el("div", *better, class_="better"), class_="card example")

    def _better(self, rows: Sequence[int], view: str, other: str) -> Markup:
        head = el("div", f"Fits the {self.views.thing(other)} better", class_="kicker")
        if not rows:
            return el(
                "div", head, el("p", f"No {self.views.thing(view)} fits better.", class_="small")
            )
        hits = [el("li", self._shown(row, view), class_="hit") for row in rows]
        return el("div", head, el("ol", *hits, class_=f"hits of-{kind(self.views.modality(view))}"))

    def duplicates(self) -> Markup | None:
        found = self.diagnosis.duplicates
        if not found:
            return None
        explained = (
            "If almost the same item is on both sides of a split, the numbers are too good. Give "
            "such records one group. The limit comes from the data: three standard deviations "
            "nearer than the usual distance of an item to its nearest."
        )
        lists = [
            el(
                "details",
                el("summary", f"The closest of {each.view}"),
                el("ul", *(self._twin(each, twin) for twin in each.twins[:_TWINS]), class_="twins"),
                open=True,
            )
            for each in found
            if each.twins
        ]
        title = f"Near-duplicates in {elsewhere(self.diagnosis)}"
        return _section(title, "duplicates", self.said["duplicates"], explained, *lists)

    def _twin(self, found: Duplicates, twin: Twin) -> Markup:
        says = "copies" if twin.copy else f"cosine {twin.cosine:.3f}"
        both = [
            el("div", self._shown(row, found.view), self._group(row))
            for row in (twin.row, twin.other)
        ]
        return el(
            "li",
            el("div", *both, class_="both"),
            el("p", says, class_="small"),
            class_="card",
        )

    def _group(self, row: int) -> Markup | None:
        """Which group a record is of; long paths may break behind a slash."""
        groups = self.encoded.pairs.groups
        if groups is None or groups[row] is None:
            return None
        return el("p", str(groups[row]).replace("/", "/\u200b"), class_="small group")

    def settings(self) -> Markup:
        found = self.diagnosis
        rows: list[tuple[object, object]] = [
            ("Closed form", "CCA, ridge 3, power 1, on up to 256 principal components"),
            ("Seed", found.seed),
            ("Took", f"{found.seconds:,.0f} s"),
        ]
        rows += [
            (f"Encoders of {m}", ", ".join(self.encoded.encoders(m)))
            for m in self.encoded.pairs.views
        ]
        return section("Settings", "settings", facts(rows), left_out(found.failures))

    def _shown(self, row: int, view: str, *, captioned: bool = True) -> Markup:
        """The item itself where it can be shown, else its name."""
        record = self.encoded.record(row)
        item = self.encoded.item(row, view)
        if record is None or item is None:
            return el("div", el("span", self.encoded.name(row)), class_="media text")
        worded = captioned and item.modality != TEXT
        caption = record_caption(record) if worded else None
        return shown(item, caption, language_of(caption or "", record.language), self.assets)


def _section(
    title: str, name: str, says: Sequence[str], explained: str | None, *parts: object
) -> Markup:
    small = el("p", explained, class_="small") if explained else None
    return section(title, name, *(el("p", words) for words in says), small, *parts)


_READ = (
    (
        "CKA",
        "Linear centred kernel alignment, debiased: how similarly two encoders arrange the same "
        "items. 1 means equal; unrelated encoders are near 0.",
    ),
    (
        "Mutual k-NN",
        "Share of the nearest neighbours of an item that both encoders have in common.",
    ),
    (
        "R@10, R@1, MRR",
        "For held-out pairs: how often the partner is among the first ten, or first; and the mean "
        "of 1 / rank.",
    ),
    (
        "95 %",
        "For means over folds: plus or minus two standard errors. For predictions: the interval "
        "covers the folds, the shape of the curve, and the draw of the new pairs.",
    ),
    (
        "Skew",
        "Skewness of how often items are among the first ten. Above about 1, a few items come up "
        "for very many queries.",
    ),
    (
        "p of a pair",
        "How probable it is that a correct pair has a partner that is as unlikely as this one. A "
        "small p means that the pair may be wrong.",
    ),
)
