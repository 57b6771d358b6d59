"""Defaults from files: which counts, what may be set where, and what a stranger's cannot do."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st
from tests.cli import running

from isthmus.cli import configuration
from isthmus.cli.main import app
from isthmus.cli.toml_text import edited, line_of

ROOT: Any = typer.main.get_command(app)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own file would be; the working folder is a project in a home of its own."""
    for variable in configuration.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ISTHMUS_CONFIG", str(tmp_path / "own" / "isthmus.toml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "project" / "deep").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "project" / "deep")
    return tmp_path / "own" / "isthmus.toml"


@pytest.fixture
def project(own: Path) -> Path:
    return own.parent.parent / "project" / "isthmus.toml"


def asked(*arguments: str) -> dict[str, Any]:
    """What ``isthmus search`` would search with."""
    root, settings = ROOT, configuration.read(ROOT, configuration.files())
    command = root.commands["search"]
    default = configuration.default_map(root, settings).get("search", {})
    context = command.make_context("search", ["words", *arguments], default_map=default)
    return dict(context.params)


def test_what_is_typed_counts_then_the_environment_the_project_and_the_user(
    own: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked()["k"] == 10 and not asked()["views"]
    own.write_text('[search]\nk = 30\nview = "image"\nwords = false\nmax_megapixels = 7\n')
    assert (asked()["k"], asked()["views"], asked()["words"]) == (30, ["image"], False)
    project.write_text('[search]\nk = 20\nview = ["text", "audio"]\n')
    assert (asked()["k"], asked()["views"], asked()["words"]) == (20, ["text", "audio"], False)
    assert asked("-k", "5", "--words")["k"] == 5 and asked("--words")["words"]
    assert asked()["max_megapixels"] == 7
    monkeypatch.setenv("ISTHMUS_MAX_MEGAPIXELS", "9")
    assert asked()["max_megapixels"] == 9
    assert asked("--max-megapixels", "3")["max_megapixels"] == 3


def test_a_store_of_a_file_gives_way_to_the_environment(
    own: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text('store = "~/mine"\n')
    assert asked()["store"] == Path.home() / "mine"
    project.write_text('store = "theirs"\n')
    assert asked()["store"] == project.parent / "theirs"
    monkeypatch.setenv("ISTHMUS_STORE", "/elsewhere")
    assert asked()["store"] is None  # what reads the variable is asked
    assert asked("--store", "typed")["store"] == Path("typed")


def test_keys_above_all_tables_mean_the_same_option_everywhere(own: Path) -> None:
    own.write_text('store = "s"\nspace = "starter"\ncache = false\nseed = 3\n')
    made = configuration.default_map(ROOT, configuration.read(ROOT, configuration.files()))
    assert made["search"] == {"store": str(own.parent / "s"), "space": "starter"}
    assert made["prompt"]["save"]["store"] == str(own.parent / "s")
    assert made["classify"] == {"space": "starter", "seed": "3", "cache": False}
    assert "store" not in made["annotate"]  # whose --store is what it annotates


def test_the_nearest_file_counts_and_pyproject_has_a_table(own: Path, project: Path) -> None:
    project.write_text("[search]\nk = 20\n")
    deep = Path("isthmus.toml").absolute()
    table = Path("pyproject.toml")
    table.write_text("[project]\nname = 'x'\n")
    assert configuration.project_file(Path.cwd()) == project
    table.write_text("[tool.isthmus.search]\nk = 40\n")
    assert asked()["k"] == 40
    deep.write_text("[search]\nk = 50\n")
    assert asked()["k"] == 50
    deep.write_text("")
    table.write_text("= damaged isthmus")
    deep.unlink()
    assert asked()["k"] == 20  # a damaged file of another tool is its affair
    above_home = own.parent.parent.parent / "isthmus.toml"
    project.unlink()
    above_home.write_text("[search]\nk = 60\n")
    assert asked()["k"] == 10
    above_home.unlink()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[search]\n\nkk = 3\n", "line 3: there is no key 'kk' in [search]; keys:"),
        ("[search]\nk = 'many'\n", "line 2: "),
        ("[search]\nk = 0\n", "line 2: "),
        ("[search]\nk = [1, 2]\n", "line 2: k takes one value"),
        ("[search]\nwords = 'no'\n", "line 2: words is true or false, got 'no'"),
        ("[search]\nview = [['a']]\n", "line 2: view takes a list"),
        ("search.kk = 3\n", "line 1: there is no key 'kk' in [search]"),
        ("[serach]\nk = 3\n", "line 1: there is no command 'serach'; there are demo"),
        ("k = 3\n", "line 1: there is no key 'k' above the tables; keys: "),
        ("[prompt.sve]\n", "there is no command 'sve'; there are save, list"),
        ("[search\n", "is no TOML: "),
        (f"a = {'[' * 50_000}\n", "nest too deep"),
        (f"[search]\nk = {'9' * 5000}\n", "is no TOML: "),
        (f"{'a.' * 40_000}a = 1\n", "line 1 has more than 100 dots"),
    ],
    ids=range(14),
)
def test_mistakes_are_told_with_file_and_line(own: Path, text: str, said: str) -> None:
    own.write_text(text)
    done = running.run("status")
    assert done.returncode == 1 and str(own) in done.stderr and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert "holds no store" in running.run("--no-config", "status").stderr
    assert said in running.run("config").stderr
    assert running.run("config", "path").returncode == 0


def test_an_unknown_key_has_a_hint(own: Path) -> None:
    own.write_text("[index]\nexlude = ['*.tmp']\n")
    assert "Did you mean 'exclude'?" in running.run("status").stderr


HOSTILE = [
    ("search", "trust", '["os"]'),
    ("align", "trust", '["evil"]'),
    ("classify", "llm", '"http://evil.example/v1"'),
    ("classify", "out", '"../../.bashrc"'),
    ("classify", "report", '"x.html"'),
    ("classify", "captions", '"x"'),
    ("classify", "store", '"x"'),
    ("align", "encoder", '["text=evil.module:Class"]'),
    ("align", "pretrained", '["http://evil.example/v1"]'),
    ("align", "overwrite", "true"),
    ("align", "out", '"x"'),
    ("serve", "host", '"0.0.0.0"'),
    ("serve", "allow", '["/"]'),
    ("serve", "open", "true"),
    ("serve", "allow-labels", "true"),
    ("index", "watch", "true"),
    ("search", "open", "true"),
    ("search", "csv", '"x.csv"'),
    ("search", "contact-sheet", '"x.html"'),
    ("forget", "view", '["image"]'),
    ("doctor", "repair", "true"),
    ("demo", "out", '"x"'),
    ("embed", "out", '"x"'),
    ("search", "avoid", '["/etc/hostname"]'),
    ("explain", "style", '"/etc/hostname"'),
]


@pytest.mark.parametrize(("command", "key", "value"), HOSTILE)
def test_a_project_may_not_set_what_runs_trusts_sends_or_writes(
    project: Path, command: str, key: str, value: str
) -> None:
    project.write_text(f"[{command}]\n{key} = {value}\n")
    done = running.run("status")
    assert done.returncode == 1
    assert f"line 2: {key} may not be set by the file of a project" in done.stderr


@pytest.mark.parametrize("value", ["/etc", "..", "../other", "~/x", "deep/../../x", "link/x"])
def test_paths_of_a_project_do_not_lead_out_of_it(project: Path, value: str) -> None:
    (project.parent / "link").symlink_to("/tmp")
    for key in ("store", "space"):
        project.write_text(f"{key} = {json.dumps(value)}\n")
        done = running.run("status")
        assert done.returncode == 1 and "leads out of the folder of the project" in done.stderr


def test_every_key_of_a_project_is_an_option_and_none_of_the_known_dangers() -> None:
    known = {
        ".".join(path): configuration.options_of(c) for path, c in configuration.commands(ROOT)
    }
    shared = {key for options in known.values() for key in options} | {configuration.OFFLINE}
    assert configuration.PROJECT[""] <= shared
    dangers = {"trust", "llm", "llm-model", "host", "port", "allow", "encoder", "pretrained", "out"}
    dangers |= {"report", "overwrite", "open", "csv", "contact-sheet", "repair", "watch", "id"}
    for command, keys in configuration.PROJECT.items():
        assert not keys & dangers
        if command:
            assert keys <= known[command].keys(), command


def test_the_file_of_another_user_is_not_read(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write_text("[search]\nk = 20\n")
    monkeypatch.setattr(os, "getuid", lambda: project.stat().st_uid + 1)
    if project.stat().st_uid == 0:
        os.chown(project, 4321, -1)
    assert asked()["k"] == 10
    assert "belongs to another user" in capsys.readouterr().err


def test_a_huge_file_or_a_pipe_is_refused_or_passed_over(own: Path, project: Path) -> None:
    own.write_text("#" * (configuration.MOST_BYTES + 1))
    done = running.run("status")
    assert done.returncode == 1 and "bytes" in done.stderr
    own.unlink()
    os.mkfifo(project)
    assert configuration.files() == []


def said(*arguments: str) -> Any:
    done = running.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_counts_is_shown_with_where_it_comes_from(
    own: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing is set" in running.run("config").stdout
    own.write_text('store = "s"\n[search]\nk = 30\n')
    project.write_text("# ours\n[search]\nk = 20\n")
    found = said("config")
    assert found["files"] == [str(own), str(project)]
    assert found["settings"] == [
        {"key": "store", "value": str(own.parent / "s"), "from": str(own), "line": 1},
        {"key": "search.k", "value": 20, "from": str(project), "line": 3},
    ]
    monkeypatch.setenv("ISTHMUS_STORE", "/e")
    assert {"key": "store", "value": "/e", "from": "ISTHMUS_STORE", "line": None} in said("config")[
        "settings"
    ]
    assert f"search.k = 20  {project}, line 3" in running.run("config", COLUMNS="300").stdout
    assert said("config", "path") == {"own": str(own), "project": str(project)}


def test_setting_keeps_the_rest_of_the_file(own: Path) -> None:
    own.write_text("# mine\n[search]  # asks\nk = 5  # few\n\n[index]\nretry = true\n")
    for arguments in (
        ("search.k", "20"),
        ("search.where", "taken>2025"),
        ("index.exclude", "*.tmp", "a b"),
        ("space", "starter"),
        ("classify.least", ".5"),
        ("index.view", "image"),
    ):
        done = running.run("config", "set", *arguments)
        assert done.returncode == 0, done.stderr
    text = own.read_text()
    assert "# mine\n[search]  # asks\n" in text
    assert tomllib.loads(text) == {
        "space": "starter",
        "search": {"k": 20, "where": "taken>2025"},
        "index": {"retry": True, "exclude": ["*.tmp", "a b"], "view": "image"},
        "classify": {"least": ".5"},
    }
    assert asked()["k"] == 20 and asked()["where"] == "taken>2025"


def test_setting_what_cannot_be_set_writes_nothing(own: Path, project: Path) -> None:
    for arguments, why in (
        (("search.kk", "3"), "Did you mean 'k'?"),
        (("search.k", "many"), "'-k'"),
        (("trust", "x"), "no key 'trust' above the tables"),
        (("search.a\nb", "3"), "is no key"),
        (("--project", "search.trust", "x"), "may not be set by the file of a project"),
        (("--project", "store", "/etc"), "leads out of the folder"),
    ):
        done = running.run("config", "set", *arguments)
        assert done.returncode == 1 and why in done.stderr, done.stderr
    assert not own.exists() and not project.exists()
    assert running.run("config", "set", "--project", "search.k", "3").returncode == 0
    assert Path("isthmus.toml").read_text() == "\n[search]\nk = 3\n".lstrip()


def test_offline_may_be_set(own: Path) -> None:
    own.write_text("offline = true\n")
    settings = configuration.read(ROOT, configuration.files())
    assert configuration.is_offline(settings)
    own.write_text("offline = 'yes'\n")
    assert "line 1: offline is true or false" in running.run("status").stderr


KEYS = st.sampled_from(["k", "max-megapixels", "a_b"])


@given(
    st.dictionaries(
        st.sampled_from(["search", "index", "prompt.save"]), st.dictionaries(KEYS, st.integers())
    ),
    st.sampled_from(
        [("k",), ("search", "k"), ("prompt", "save", "a-b"), ("index", "max_megapixels")]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
def test_an_edited_text_says_what_it_said_and_what_is_new(
    before: dict[str, dict[str, int]], names: tuple[str, ...], value: str
) -> None:
    text = "# first\n" + "".join(
        f"[{table}] # {table}\n" + "".join(f"{k} = {v}\n" for k, v in rows.items())
        for table, rows in before.items()
    )
    made = edited(text, names, json.dumps(value, ensure_ascii=False))
    assert made is not None and "# first" in made
    at: Any = tomllib.loads(made)
    for name in names:
        at = at[name]
    assert at == value
    place = line_of(made, names)
    assert place is not None and value in json.loads(made.splitlines()[place - 1].partition("=")[2])


def test_what_stands_on_several_lines_is_not_edited() -> None:
    assert edited("[index]\nexclude = [\n 'a',\n]\n", ("index", "exclude"), '"b"') is None
