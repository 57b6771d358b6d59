from isthmus.report.kit.figures import directions
from isthmus.report.kit.markup import Markup, el, join, text
from isthmus.report.kit.words import caption_of, hundredths, language_of


def test_text_and_attributes_are_escaped() -> None:
    made = el("p", "<b>&\"'", title='"><script>')
    assert made == '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;&quot;&#x27;</p>'


def test_markup_is_not_escaped_twice() -> None:
    assert el("div", el("b", "1 < 2")) == "<div><b>1 &lt; 2</b></div>"
    assert join(("a<", None, Markup("<br>"))) == "a&lt;<br>"


def test_control_characters_and_lone_surrogates_cannot_reach_the_file() -> None:
    assert text("a\x00b\x1bc\ud800d\n") == "a b c d\n"
    text("a\ud800").encode("utf-8")


def test_attributes_that_are_false_or_none_are_left_out() -> None:
    made = el("audio", hidden=True, id=None, loop=False, data_same="x", class_="c")
    assert made == '<audio hidden data-same="x" class="c"></audio>'


def test_shares_are_said_with_no_more_digits_than_they_have() -> None:
    assert [hundredths(s) for s in (0.0, 0.0074, 0.0199, 0.02, 0.425, 1.0)] == [
        "0", "0.7", "2.0", "2", "42", "100",
    ]  # fmt: skip


def test_language_is_known_or_read_from_the_script() -> None:
    assert language_of("bonjour", "fr") == "fr"
    assert language_of("赤いカンガルー") == "ja"
    assert language_of("红色的袋鼠") == "zh"
    assert language_of("빨간 캥거루") == "ko"
    assert language_of("a red star 红") is None
    assert caption_of(None) is None


def test_figures_of_one_evaluation_have_wilson_intervals() -> None:
    cells = {
        "r1": 0.3, "r5": 0.5, "r10": 0.6, "medr": 4.0, "mrr": 0.4, "n_queries": 130,
        "n_gallery": 130, "chance_r1": 1 / 130, "chance_r10": 10 / 130,
    }  # fmt: skip
    (found,) = directions({"directions": {"image→text": {"instance": cells}}})
    assert (round(found.found.r1.low or 0, 3), round(found.found.r1.high or 0, 3)) == (0.228, 0.384)
    assert found.found.map is None
    assert found.chance.label == "pure chance"
    assert found.chance.medr.value == 65.5


def test_figures_over_folds_have_a_standard_deviation_and_nulls() -> None:
    def over(mean: float, sd: float | None) -> dict[str, float | int | None]:
        return {"mean": mean, "sd": sd, "n": 5}

    def cells(r10: float, sd: float | None) -> dict[str, object]:
        names = ("r1", "medr", "map", "n_queries", "n_gallery", "chance_r1", "chance_map")
        return {
            "r10": over(r10, sd),
            "chance_r10": over(0.08, 0.0),
            **{n: over(0.5, None) for n in names},
        }

    measured = {"directions": {"image→text": {"instance": cells(0.95, 0.1)}}}
    nulls = {"shuffled": {"image→text": {"instance": cells(0.09, 0.02)}}, "random": {}}
    (found,) = directions(measured, "instance", nulls)
    assert (found.found.r10.low, found.found.r10.high) == (0.85, 1.0)
    assert [row.label for row in found.rows] == ["this space", "shuffled pairs", "pure chance"]
    shuffled = found.null("shuffled pairs")
    assert shuffled is not None
    assert shuffled.r10.value == 0.09
    assert found.null("random encoders") is None
    assert found.found.r1.low is None


def test_directions_from_text_come_first() -> None:
    cells = dict.fromkeys(
        ("r1", "r10", "medr", "n_queries", "n_gallery", "chance_r1", "chance_r10"), 1.0
    )
    measured = {n: {"instance": cells} for n in ("image→text", "audio→image", "text→audio")}
    found = [d.name for d in directions({"directions": measured})]
    assert found == ["text→audio", "image→text", "audio→image"]
