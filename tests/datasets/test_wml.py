import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError
from isthmus.datasets import _wml
from isthmus.datasets._wesnoth_frames import chosen, layers_of, run_of, sounds_of, spread
from isthmus.datasets._wml import Macros, Tag, parse


def read(text: str) -> Tag:
    return Macros().read(text)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("key=plain text  # said why", "plain text"),
        ('key="# no comment, no [tag]"', "# no comment, no [tag]"),
        ('key= _ "to be translated"', "to be translated"),
        ('key="says ""hush"" twice"', 'says "hush" twice'),
        ('key="two\nlines"', "two\nlines"),
        ('key="one " + \n  "and two"', "one and two"),
        ('key= _ "one " + _ "and two"', "one and two"),
        ('key="a.png":1,"b.png":250', "a.png:1,b.png:250"),
        ("key=<<raw {X} # text>>", "raw {X} # text"),
        ("key=", ""),
    ],
)
def test_values(written: str, value: str) -> None:
    assert read(f"[tag]\n{written}\n[/tag]").tags[0].get("key") == value


def test_tags() -> None:
    tree = read("[a]\nx,y=1,2,3\n[b]\nz=1\n[/b]\n[+b]\nw=2\n[/b]\n[b]\n[/b]\n[/a]\n[c]\n")
    assert [tag.name for tag in tree.tags] == ["a", "c"]
    a = tree.tags[0]
    assert a.values == {"x": "1", "y": "2,3"}
    assert [tag.values for tag in a.all("b")] == [{"z": "1", "w": "2"}, {}]
    crossed = read("[a]\n[b]\n[/a]\nkey=1\n[/x]\n[d]\n[/d]")
    assert [tag.name for tag in crossed.tags] == ["a", "d"]
    assert crossed.get("key") == "1"


def test_macros_take_arguments_in_brackets_quotes_and_macros() -> None:
    macros = Macros()
    macros.expand("#define ONE A B C\n{A}|{B}|{C} #enddef\n#define TWO\ninner one#enddef")
    assert macros.expand('{ONE (a b) "c d" {TWO}}') == 'a b|"c d"|inner one'
    assert macros.expand("{ONE () x\n y}") == "|x|y"
    assert macros.expand("{ONE a b c}{ONE a b}") == "a|b|ca|b|"
    assert macros.unknown == {"C"}
    assert macros.expand("[{NOBODY 1 2}]") == "[]"
    assert macros.unknown == {"C", "NOBODY"}


def test_a_macro_may_have_a_default() -> None:
    macros = Macros()
    macros.expand("#define M A\n#arg B\nhalf of {A}#endarg\n{A} and {B}#enddef")
    assert macros.expand("{M x}").strip() == "x and half of x"
    assert macros.expand("{M x B=y}").strip() == "x and y"


def test_a_macro_is_known_until_it_is_not() -> None:
    macros = Macros()
    text = "{A}\n#define A\n1#enddef\n{A}\n#define A\n2#enddef\n{A}\n#undef A\n{A}"
    assert macros.expand(text).split() == ["1", "2"]


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("#ifdef KNOWN", "yes"),
        ("#ifndef KNOWN", "no"),
        ("#ifdef OTHER", "no"),
        ("#ifver VERSION >= 1", "no"),
        ("#ifhave file", "no"),
    ],
)
def test_conditions(condition: str, taken: str) -> None:
    macros = Macros()
    macros.expand("#define KNOWN\n#enddef")
    inner = "#ifdef OTHER\nnever\n#else\nalways\n#endif"
    text = f"{condition}\nyes\n{inner}\n#else\nno\n{inner}\n#endif\nend"
    assert macros.expand(text).split() == [taken, "always", "end"]


def test_macros_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    macros = Macros()
    macros.expand("#define A\n{B}#enddef\n#define B\n{A}#enddef")
    with pytest.raises(DataError, match="more than 60 deep"):
        macros.expand("{A}")
    monkeypatch.setattr(_wml, "_MAX_CHARACTERS", 5_000)
    bomb = Macros()
    bomb.expand("#define B0\nha#enddef")
    for level in range(30):
        bomb.expand(f"#define B{level + 1}\n{{B{level}}}{{B{level}}}#enddef")
    with pytest.raises(DataError, match="expands to more than 5,000 characters"):
        bomb.expand("{B30}")


def test_tags_without_end_are_refused() -> None:
    with pytest.raises(DataError, match="more than 100 deep"):
        parse("[a]\n" * 200_000)


@pytest.mark.parametrize("text", [" ", "\n", "a ", "{", "[a", '"" ', "#else\n", "[/a]\n", "{M "])
def test_odd_texts_take_no_longer_than_they_are_long(text: str) -> None:
    assert read(text * 100_000).tags == []


@given(st.text(alphabet='[]/+ab="#{}()<>\n ,_~^', max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    assert isinstance(read(text), Tag)
    assert isinstance(read(f"#define M a\n{text}#enddef\n{{M {text}}}"), Tag)
    assert len(parse(text).values) <= text.count("=") * 80


def test_inheriting_merges_tags_in_order() -> None:
    base = read("x=1\ny=1\n[anim]\na=1\n[f]\nn=1\n[/f]\n[/anim]\n[anim]\na=2\n[/anim]")
    over = read(
        "y=2\n[anim]\n[f]\nn=3\n[/f]\n[f]\nn=4\n[/f]\n[/anim]\n[anim]\n__remove=yes\n[/anim]"
    )
    whole = base.merged(over)
    assert whole.values == {"x": "1", "y": "2"}
    assert [anim.get("a") for anim in whole.all("anim")] == ["1"]
    assert [f.get("n") for f in whole.tags[0].tags] == ["3", "4"]
    assert [f.get("n") for f in base.tags[0].tags] == ["1"]  # what is merged stays as it was


@pytest.mark.parametrize(
    ("written", "items"),
    [
        ("a-[1~3].png:100", ["a-1.png:100", "a-2.png:100", "a-3.png:100"]),
        ("a[3~1].png", ["a3.png", "a2.png", "a1.png"]),
        ("a[08~10].png", ["a08.png", "a09.png", "a10.png"]),
        ("a[1~2,1].png:[75*2,50]", ["a1.png:75", "a2.png:75", "a1.png:50"]),
        ("f-[n,n-2].png:[1,2],g.png", ["f-n.png:1", "f-n-2.png:2", "g.png"]),
        ("a.png~SCALE(60,60):40,b", ["a.png~SCALE(60,60):40", "b"]),
        ("0.0~0.1:100,0.1", ["0.0~0.1:100", "0.1"]),
        ("", []),
    ],
)
def test_lists(written: str, items: list[str]) -> None:
    assert spread(written) == items


def test_lists_without_end_are_refused() -> None:
    for text in (
        "a[1~999999999].png",
        "a[1*99999].png",
        f"a[{'1~9*9,' * 90}].png",
        ",".join(["a"] * 600),
    ):
        with pytest.raises(DataError, match="more than 500 items"):
            spread(text)


def test_times_that_are_not_said_are_shared() -> None:
    assert run_of("a.png~FL():50,b.png,c.png", total=90) == (
        ("a.png", 50),
        ("b.png", 20),
        ("c.png", 20),
    )


def test_one_branch_of_each_condition() -> None:
    tag = read(
        "[anim]\n[if]\nhits=no\nt=1\n[/if]\n[else]\nhits=yes\nt=2\n[f]\n[/f]\n[/else]\n"
        "[else]\nt=3\n[/else]\n[if]\ndirection=n\nd=1\n[/if]\n[/anim]"
    ).tags[0]
    flat = chosen(tag)
    assert flat is not None
    assert flat.get("t") == "2" and "d" not in flat.values
    assert [inner.name for inner in flat.tags] == ["f"]
    assert chosen(read("[anim]\nhits=no\n[/anim]").tags[0]) is None
    assert chosen(read("[anim]\ndirection=n,sw\n[/anim]").tags[0]) is None


def test_layers() -> None:
    tag = read(
        "[anim]\nstart_time=-100\n[missile_frame]\nimage=m.png:50\n[/missile_frame]\n"
        "[frame]\nimage=a.png\nhalo=h[1~2].png:30\n[/frame]\n[frame]\nimage=b.png:40\n[/frame]\n"
        "[attack_sound_frame]\nsound=bow.ogg\n[/attack_sound_frame]\n"
        "[x_frame]\nsound=a.ogg\n[/x_frame]\n[/anim]"
    ).tags[0]
    unit, missile = layers_of(tag)
    assert (unit.start, unit.end) == (-100, 0)  # the halo says how long the first frame is
    assert unit.frames[0].image == (("a.png", 60),)
    assert unit.values["offset"] == (("0", 100),)
    assert (missile.start, missile.end) == (0, 50)
    assert missile.values["offset"] == (("0~0.8", 50),)
    assert not missile.frames[0].upright and unit.frames[0].upright
    assert sounds_of(tag) == ["bow.ogg", "a.ogg"]
