"""What the page of a classification says, in sentences."""

from __future__ import annotations

from isthmus.core.wording import count
from isthmus.metrics import Interval
from isthmus.prompts.stability import StabilityRow
from isthmus.report.kit.plot import Figure
from isthmus.report.kit.words import hundredths, language_name, listed, true_minus
from isthmus.tasks.zeroshot.reporting.model import (
    ClassificationReport,
    Evaluated,
    Rival,
    RivalKind,
    Rivals,
)

_NAMED = 3
_RIVALS: dict[RivalKind, str] = {
    "words": "words without the examples",
    "names": "bare names",
    "sentences": "sentences",
    "random-words": "random words",
    "shuffled": "shuffled labels",
    "majority": "the most frequent class",
}


def title(report: ClassificationReport) -> str:
    """``"Classification: cat, dog and 5 more"``."""
    names = report.said.classes
    more = len(names) - _NAMED
    shown = [*names[:_NAMED], f"{more} more"] if more > 0 else list(names)
    return f"Classification: {listed(shown)}"


def lede(report: ClassificationReport) -> str:
    """What was asked of what, and how it was learned."""
    said = report.said
    items = f"{count(len(said), 'item')} of {listed(list(report.encoders))}"
    learned = next(each for each in said.learned if each.view == report.view)
    how = "by their words alone"
    if learned.shots:
        examples = count(learned.shots, "example")
        how = f"by {'words and ' if report.prompts else ''}{examples} ({learned.method})"
    return f"{items}, each one of {count(len(said.classes), 'class', 'classes')}, {how}."


def source_of(found: Evaluated, *, left_out: bool) -> str:
    """Where figures come from: ``"of 80 items with known classes"``."""
    items = found.figures.items
    if left_out:
        return f"of {count(items, 'left-out example')}"
    return f"of {count(items, 'item')} with known classes"


def between(found: Interval) -> str:
    """``"95 %: 70 to 87"``, in hundredths, with a space that does not break."""
    return f"95\u00a0%: {_hundredths(found.low)} to {_hundredths(found.high)}"


def cell(found: Interval) -> tuple[str, str]:
    """A share in hundredths, and its interval."""
    return hundredths(found.value), f"{_hundredths(found.low)}–{_hundredths(found.high)}"


def gap(found: Interval) -> tuple[str, str]:
    """A difference in hundredths with its sign, and its interval."""
    return _signed(found.value), f"{_signed(found.low)} to {_signed(found.high)}"


def as_figure(found: Interval) -> Figure:
    """An interval for a plot of shares."""
    return Figure(found.value, max(found.low, 0.0), min(found.high, 1.0))


def called(rival: Rival) -> str:
    """What a rival is called."""
    return _RIVALS[rival.kind]


def verdict(found: Rivals) -> str:
    """Which rivals are surely beaten, and which are not."""
    beaten = [called(each) for each in found.rows if each.beaten]
    rest = [called(each) for each in found.rows if not each.beaten]
    parts = []
    if beaten:
        parts.append(f"Surely better than {listed(beaten)}.")
    if rest:
        parts.append(f"Not surely better than {listed(rest)}.")
    return " ".join(parts)


def change(row: StabilityRow) -> str:
    """What was changed, in words."""
    names = {
        "paraphrase": f"one sentence in place of all ({row.variants} tried)",
        "language": f"names in {language_name(row.how)}",
        "synonyms": f"other words ({row.variants} tried)",
        "noise": f"noise on the vectors, length {row.how}",
        "item": row.how,
        "order": f"another order of the classes ({row.variants} tried)",
    }
    return names[row.change]


def _hundredths(share: float) -> str:
    return hundredths(min(max(share, 0.0), 1.0))


def _signed(share: float) -> str:
    return true_minus(f"{round(100 * share):+d}") if round(100 * share) else "0"


READ = (
    (
        "Accuracy, recall, F1",
        "Accuracy: how many of 100 items are right. Macro recall: the mean over classes of how "
        "many of 100 items of a class are right. Macro F1 also counts what was wrongly said to be "
        "of the class.",
    ),
    (
        "Calibration error",
        "How far the probability of the answer is from how often such answers are right, in "
        "hundredths (ECE). With few items it is above 0 by luck alone, so the page shows what "
        "perfect probabilities would get.",
    ),
    (
        "95 %",
        "Accuracy: Wilson's interval. Recall and F1: leaving out items within each class "
        "(jackknife), but no narrower than that of the accuracy. Calibration error: 1,000 "
        "resamples of the items. Differences: paired, item by item. Curve: over draws, corrected "
        "for shared examples.",
    ),
    (
        "Left out",
        "An example is judged by a classifier that was chosen and learned without it, so from "
        "fewer examples than you gave: with two a class, from one. Compare it with the macro "
        "recall of new items, not with their accuracy.",
    ),
    (
        "Likely",
        "A set that holds the true class for the share of new items that was asked for (a "
        "conformal set).",
    ),
    (
        "Random words",
        "The names beside random words and characters instead of sentences. Sentences are worth "
        "something only if they beat that.",
    ),
    (
        "Shuffled labels",
        "The same procedure on examples with shuffled classes. The words keep their meaning, so it "
        "can be better than chance. Without examples: the answers, shuffled.",
    ),
)
