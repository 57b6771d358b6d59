from isthmus.core.view import Direction
from isthmus.report.kit.markup import Markup, el, join, text
from isthmus.report.kit.views import Views
from isthmus.report.kit.words import caption_of, hundredths, language_of
from isthmus.report.pages.space.figures import direction_figures
from isthmus.space.report import Null, Quality, Readouts, RetrievalFigures, Spread


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


def figures(**more: object) -> RetrievalFigures:
    known = {"r1": 0.3, "r5": 0.5, "r10": 0.6, "medr": 4.0, "mrr": 0.4, "n_queries": 130}
    rest = {"n_gallery": 130, "chance_r1": 1 / 130, "chance_r10": 10 / 130}
    return RetrievalFigures(**{**known, **rest, **more})


def both(cells: RetrievalFigures) -> Readouts:
    return Readouts(cells, cells)


def test_figures_of_one_evaluation_have_wilson_intervals() -> None:
    measured = Quality({Direction("image", "text"): both(figures())}, {})
    (found,) = direction_figures(measured, Views())
    assert (round(found.found.r1.low or 0, 3), round(found.found.r1.high or 0, 3)) == (0.228, 0.384)
    assert found.found.map is None
    assert found.chance.label == "pure chance"
    assert found.chance.medr.value == 65.5


def test_figures_over_folds_have_a_standard_deviation_and_nulls() -> None:
    def cells(r10: float, sd: float | None) -> RetrievalFigures:
        names = ("r1", "r5", "medr", "mrr", "map", "n_queries", "n_gallery", "chance_r1")
        others = {name: Spread(0.5, None, 5) for name in names}
        return RetrievalFigures(
            r10=Spread(r10, sd, 5),
            chance_r10=Spread(0.08, 0.0, 5),
            chance_map=others["map"],
            **others,
        )

    way = Direction("image", "text")
    null = Null(shuffled={way: both(cells(0.09, 0.02))}, random={})
    (found,) = direction_figures(
        Quality({way: both(cells(0.95, 0.1))}, {}), Views(), "instance", null
    )
    assert (found.found.r10.low, found.found.r10.high) == (0.85, 1.0)
    assert [row.label for row in found.rows] == ["this space", "shuffled pairs", "pure chance"]
    shuffled = found.null("shuffled pairs")
    assert shuffled is not None
    assert shuffled.r10.value == 0.09
    assert found.null("random encoders") is None
    assert found.found.r1.low is None


def test_directions_from_text_come_first() -> None:
    ways = [
        Direction("photo", "caption"),
        Direction("audio", "photo"),
        Direction("caption", "audio"),
    ]
    measured = Quality({way: both(figures()) for way in ways}, {})
    found = direction_figures(measured, Views({"caption": "text", "photo": "image"}))
    assert [each.direction for each in found] == [ways[2], ways[0], ways[1]]


def test_views_are_named_and_drawn_by_their_modality() -> None:
    views = Views({"EEG–left → 1": "vector", "answer": "text", "image": "image"})
    drawn = views.direction(Direction("EEG–left → 1", "answer"))
    assert "EEG–left → 1</span>" in drawn and "answer</span>" in drawn
    assert "#g-other" in drawn and "#g-text" in drawn
    assert [views.a_thing(m) for m in ("image", "answer", "EEG–left → 1")] == [
        "a picture", "an item of answer", "a row of EEG–left → 1",
    ]  # fmt: skip
