"""Prompts as they are typed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import MediaItem
from isthmus.media.source import item_from_path
from isthmus.media.text import clean
from isthmus.prompts import PromptParts
from isthmus.prompts.prompt import Prompt
from isthmus.prompts.term import AVOID, Term, usual_weight
from isthmus.prompts.typed import GUIDES, PARTS, parts


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("sunset", [("“sunset”", 1)]),
        ("  a black-and-white photo ", [("“a black-and-white photo”", 1)]),
        (
            '"red kangaroo" + 2*sea - night',
            [("“red kangaroo”", 1), ("“sea”", 2), ("“night”", AVOID)],
        ),
        ("红色的车 - 卡通", [("“红色的车”", 1), ("“卡通”", AVOID)]),
        ("“日落” + 0.5*海", [("“日落”", 1), ("“海”", 0.5)]),
        ('a - 0.7*"b + c"', [("“a”", 1), ("“b + c”", -0.7)]),
        ("C++ book", [("“C++ book”", 1)]),
        ("1 + 1", [("“1”", 1), ("“1”", 1)]),
        ("cat +", [("“cat +”", 1)]),
        ("cat\n+\ndog\n", [("“cat”", 1), ("“dog”", 1)]),
        ('a 5" pipe - "b', [('“a 5" pipe”', 1), ('“"b”', AVOID)]),
        ('"5"" pipe"', [('“5" pipe”', 1)]),
        ('"a"|"b" + c', [("“a”", 1), ("“c”", 1)]),
        ("2* + x", [("“2*”", 1), ("“x”", 1)]),
        ('said:"hello"', [('“said:"hello"”', 1)]),
    ],
)
def test_parts_and_weights(typed: str, terms: list[tuple[str, float]]) -> None:
    found = Prompt.parse(typed).terms
    assert [(t.item.source, t.weight) for t in found if t.item is not None] == terms


def test_files_and_stored_items(tmp_path: Path) -> None:
    picture = tmp_path / "一只 红袋鼠.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    first, second, third = Prompt.parse(f"{picture} + id:abc123 - dark").terms
    assert first.item is not None and first.item.modality == "image"
    assert (second.item, second.stored) == (None, "abc123")
    assert third.weight == AVOID


@pytest.mark.parametrize(
    "name", ["cat + dog.png", "cat - dog.png", "- cat.png", "2*cat.png", "style:cat.png"]
)
def test_the_path_of_a_file_is_no_formula(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for typed in (name, str(tmp_path / name)):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
        (term,) = Prompt.parse(f" {typed} ").terms
        assert term.item is not None and term.item.modality == "image"
        assert (term.weight, term.part) == (1.0, "content")
        (style,) = PromptParts(style=typed).beside()
        assert style == term.as_part("style")
        (words,) = Prompt.parse(f'"{typed}"').terms  # in quotes
        assert words.item is not None and words.item.captions == (typed,)
        (tmp_path / name).unlink()
    assert [each.said for each in Prompt.parse("cat + dog").terms] == ['"cat"', '"dog"']


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is empty"),
        ("\u200b ", "is empty"),
        ("- cat", "not only what to avoid"),
        ('""', "holds no words"),
        ("0.0001*cat", "largest weight is 0.0001"),
        ("9" * 400 + "*cat", "a weight lies between"),
        ("cat - 1001*dog", "a weight lies between"),
        ('file:"nowhere"', "nowhere"),
        ("nowhere/kangaroo.jpg", "no file 'nowhere/kangaroo.jpg'"),
        ("./missing", "no file"),
    ],
)
def test_what_cannot_be_searched(typed: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Prompt.parse(typed)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(InputError, match=r"empty\.png: has zero bytes"):
        Prompt.parse(str(empty))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        query = Prompt.parse(text)
    except IsthmusError:
        return
    assert any(term.weight > 0 for term in query.terms)


NAMES = ("question", "a→b", "photo – of a dog", "id", 'say "x"', "file", "style", "only")
words = st.text(min_size=1, max_size=12).filter(clean)
weights = st.none() | st.floats(1e-3, 1e3, allow_subnormal=False)


@st.composite
def terms(draw: st.DrawFn, files: tuple[Path, ...]) -> Term:
    """A part as a program makes it, of any kind, weight and view."""
    part = draw(st.sampled_from(PARTS))
    weight = None if part in GUIDES else draw(weights)
    sign = 1.0 if part in GUIDES else draw(st.sampled_from([1.0, -1.0]))
    weight = usual_weight(avoided=sign < 0) if weight is None else sign * weight
    view = draw(st.none() | st.sampled_from(NAMES))
    kind = draw(st.sampled_from(["words", "wordings", "stored", "file", "saved"]))
    if kind == "stored":
        return Term(None, draw(words), weight, part=part)
    if kind == "saved":
        name = draw(st.from_regex(r"[\w.-]{1,20}", fullmatch=True))
        return Term(None, weight=weight, part=part, saved=name)
    if kind == "file":
        item = item_from_path(draw(st.sampled_from(files)))
        return Term(item, weight=weight, view=view, part=part)
    texts = draw(words) if kind == "words" else draw(st.lists(words, min_size=2, max_size=3))
    return Term(MediaItem.from_text(texts), weight=weight, view=view, part=part)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("named")
    names = ("a b.png", 'a "b" + c.png', "一只 - 红袋鼠.png", "2*x.png", "id: b.png")
    for number, name in enumerate(names):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(folder / name)
    return tuple(folder / name for name in names)


@given(data=st.data())
def test_a_query_prints_in_the_form_in_which_it_is_parsed(
    data: st.DataObject, files: tuple[Path, ...]
) -> None:
    made = data.draw(st.lists(terms(files), min_size=1, max_size=4))
    if max((term.weight for term in made if not term.guides), default=0) < 1e-3:
        with pytest.raises(InputError):
            Prompt(made)
        return
    query = Prompt(made)
    assert Prompt.parse(str(query), views=NAMES) == query


PIECES = [*'ab+-*|:"“” \n.25@', "style:", "ignore:", " + ", " - "]


@given(st.lists(st.sampled_from(PIECES) | st.characters(), max_size=40).map("".join))
def test_whatever_is_typed_prints_as_what_was_read(text: str) -> None:
    try:
        query = Prompt.parse(text, files=False, views=NAMES)
    except InputError:
        return
    assert Prompt.parse(str(query), files=False, views=NAMES) == query


def test_ids_are_printed_whole() -> None:
    name = "0123456789abcdef0123456789abcdef~photo%20a"
    assert str(Prompt.parse(f"id:{name} - dark")) == f'id:"{name}" - "dark"'


def test_queries_are_equal_by_what_they_look_for(files: tuple[Path, ...]) -> None:
    assert Prompt.parse("cat + 2*dog") == Prompt.parse('"cat" + 2.0*"dog"')
    assert Prompt.parse("cat") != Prompt.parse("2*cat") and Prompt.parse("cat") != Prompt.parse(
        "dog"
    )
    assert Prompt.text("cat", view="question") != Prompt.text("cat")
    assert hash(Prompt.file(files[0])) == hash(Prompt.file(str(files[0])))
    assert Prompt.file(files[0]) != Prompt.file(files[1])


def test_a_part_may_name_its_view(files: tuple[Path, ...]) -> None:
    typed = f'question:"how many" - "a→b":file:{files[0]}'
    first, second = Prompt.parse(typed, views=NAMES).terms
    assert (first.view, first.item and first.item.captions) == ("question", ("how many",))
    assert (second.view, second.weight) == ("a→b", AVOID)
    assert second.item is not None and second.item.modality == "image"
    (words,) = Prompt.parse('question:how many - "question":x', files=False, views=NAMES).terms[:1]
    assert words.view is None and words.item is not None
    assert words.item.captions == ("question:how many",)
    assert Prompt.parse('id:"x"', views=NAMES).terms[0].stored == "x"
    assert Prompt.parse('"id":"x"', views=NAMES).terms[0].view == "id"


@pytest.mark.parametrize(
    "typed",
    [
        " " * n + "a" + " " * n + "a\nb" if isinstance(n, int) else n
        for n in (3_000, "a + " * 2_500, '"a + ' * 2_000, "“a + " * 2_500 + "”x", "1 " * 5_000)
    ],
    ids=["blanks", "operators", "quotes", "curly", "numbers"],
)
def test_four_times_the_text_takes_about_four_times_the_steps(typed: str) -> None:
    """Linear, counted in lines that the interpreter runs rather than in time."""

    def steps(text: str) -> int:
        count = 0

        def step(*_: object) -> object:
            nonlocal count
            count += 1
            return step

        before = sys.gettrace()
        sys.settrace(step)
        try:
            list(parts(text, files=False, views=NAMES))
        finally:
            sys.settrace(before)
        return count

    assert steps(typed * 4) <= 4.5 * steps(typed) + 200


def test_bytes_of_the_shell_are_letters_again() -> None:
    typed = "猫".encode().decode("ascii", "surrogateescape")
    assert str(Prompt.parse(typed)) == '"猫"'
    assert str(Prompt.parse("a\ud800b")) == '"ab"'


@pytest.mark.parametrize("name", ["a\ud800", "a\0b", "~nobody-of-that-name/a", "x" * 5000])
def test_what_cannot_be_a_file_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        Prompt.parse(f'file:"{name}"')
    with pytest.raises(InputError):
        Prompt.file(name)


def test_parts_and_wordings_are_counted() -> None:
    assert len(Prompt.parse(" + ".join(["a"] * 64)).terms) == 64
    for text in (" + ".join(["a"] * 65), "|".join(['"a"'] * 65)):
        with pytest.raises(InputError, match=r"has 64 (parts|wordings) at most"):
            Prompt.parse(text)


def test_what_is_made_and_what_is_typed_are_the_same(files: tuple[Path, ...]) -> None:
    made = Prompt(
        ["a garden", "花园"],
        style={"watercolour": 0.7, "@ink": 1},
        context="in winter",
        avoid=["people", files[0]],
        ignore=["red", "blue"],
        only=Prompt.text(["leaf", "leaves"]),
    )
    typed = (
        '"a garden" + "花园" + style:0.7*"watercolour" + style:@ink + context:"in winter" '
        f'- "people" - file:"{files[0]}" + ignore:"red" + ignore:"blue" + only:"leaf"|"leaves"'
    )
    assert str(made) == typed.replace('style:0.7*"watercolour"', '0.7*style:"watercolour"')
    assert Prompt.parse(str(made)) == made
    bare = "a garden + 花园 + 0.7*style:watercolour + style:@ink + context:in winter - people"
    assert Prompt.parse(bare).terms == made.terms[:6]
    beside = PromptParts(style=["0.7*watercolour", "@ink"], context="in winter", avoid="people")
    assert beside.prompt("a garden + 花园") == Prompt.parse(bare)


@pytest.mark.parametrize(
    ("made", "weights"),
    [
        (Prompt("a", style="b", context="c", avoid="d"), [1, 1, 1, AVOID]),
        (Prompt({"a": 2}, style={"b": 1.0}, avoid={"d": 1.0}), [2, 1, -1]),
        (Prompt.parse("a + 1*style:b - 1*d"), [1, 1, -1]),
        (PromptParts(style="1*b", avoid="1*d").prompt("a"), [1, 1, -1]),
        (Prompt("a", style=Prompt.parse("2*b + c")), [1, 2, 1]),
        (Prompt("a", avoid=Prompt.parse("2*b + style:c")), [1, -2, AVOID]),
        (Prompt.parse("a - style:b - 2*context:c"), [1, AVOID, -2]),
        (Prompt("a") + Prompt("b", style="c"), [1, 1, 1]),
    ],
)
def test_weights_are_usual_unless_they_are_given(made: Prompt, weights: list[float]) -> None:
    assert [term.weight for term in made.terms] == weights
    assert Prompt.parse(str(made)) == made


def test_texts_are_words_save_names_of_saved_prompts() -> None:
    saved, mail, sign, typed = Prompt(["@ink", "a@b", "@two words", "dog + cat"]).terms
    assert (saved.saved, saved.item) == ("ink", None)
    said = [term.item.captions for term in (mail, sign, typed) if term.item is not None]
    assert said == [("a@b",), ("@two words",), ("dog + cat",)]
    assert Prompt.parse('"@ink"').terms[0].saved == ""


def test_pictures_and_paths_are_things_of_any_part(files: tuple[Path, ...]) -> None:
    picture = Image.open(files[0])
    made = Prompt(picture, style=files[1], avoid=[picture, item_from_path(files[2])])
    assert [term.item and term.item.modality for term in made.terms] == ["image"] * 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Prompt(), "needs something to look for"),
        (lambda: Prompt(style=[]), "needs something to look for"),
        (lambda: Prompt("a", style=""), "style is empty; give it words, or leave it out"),
        (lambda: Prompt("a", avoid=["b", " "]), "avoid is empty"),
        (lambda: Prompt("a", context=5), "context: need words, a Path"),
        (lambda: Prompt(avoid="b"), "not only what to avoid"),
        (lambda: Prompt(ignore="b"), "needs something to look for"),
        (lambda: Prompt("a", ignore={"b": 2}), "ignore takes no weight"),
        (lambda: Prompt({"a": float("inf")}), "a weight lies between"),
        (lambda: Prompt("a", avoid=Prompt.parse("b - c")), "cannot be avoided"),
        (lambda: Prompt("a", style=Prompt.parse("a + only:b")), "cannot be a part of style"),
        (lambda: Prompt("a", style=Path("nowhere.png")), "nowhere.png"),
        (lambda: Prompt.parse("a - ignore:b"), "takes no weight and no minus"),
        (lambda: Prompt.parse("ignore:b"), "needs something to look for"),
        (lambda: PromptParts(style=3), "style: need texts, got an int"),
        (lambda: PromptParts(style=[3]), "style: need texts, got an int"),
        (lambda: PromptParts(style="").prompt("a"), "style is empty; give words"),
    ],
)
def test_prompts_that_say_nothing(make: Callable[[], object], says: str) -> None:
    with pytest.raises(IsthmusError, match=says):
        make()


def test_a_name_is_the_same_however_its_letters_are_written() -> None:
    """macOS hands over an accent behind its letter, other systems one letter."""
    apart, one = "@cafe\u0301", "@caf\u00e9"
    assert Prompt.parse(apart) == Prompt.parse(one) == Prompt(apart)
    assert Prompt.parse(apart).terms[0].saved == "caf\u00e9"
