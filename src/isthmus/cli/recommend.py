"""``isthmus recommend``: more like these, from a store and from what others took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    err,
    out,
    print_json,
    progress_bar,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.cli.options import with_recommend_options
from isthmus.cli.search import EXIT_NOTHING
from isthmus.core.errors import InputError
from isthmus.core.wording import count
from isthmus.tasks import RecommendOptions

if TYPE_CHECKING:
    from isthmus.tasks import HistoryReport, Recommendation, Recommendations, Store

_UNKNOWN_SHOWN = 3
_WORDS_SHOWN = 4
_SHOWN = 0.005
_STORE = typer.Argument(None, metavar="[STORE]", help="Folder of the store, the same as --store.")
_LIKE = typer.Option(
    None,
    "--like",
    metavar="THING",
    help="Id, path or name of a file, or words that you like. Repeatable.",
)
_DISLIKE = typer.Option(
    None,
    "--dislike",
    "--unlike",
    metavar="THING",
    help="Id, path or name of a file, or words that you dislike. Repeatable.",
)
_HISTORY = typer.Option(
    None,
    metavar="FILE",
    help="Table with the columns user and item, perhaps rating and time: learn what is taken "
    "together, and keep it in the store.",
)
_LEAST = typer.Option(
    None, metavar="RATING", help="Rating in --history from which an item counts as liked."
)
_FORGET_USER = typer.Option(
    None, metavar="USER", help="With --history: forget this user. Repeatable."
)
_FORGET_HISTORY = typer.Option(
    False, "--forget-history", help="Remove what was learned with --history."
)


@with_recommend_options
def command(
    store: Path | None = _STORE,
    *,
    context: typer.Context,
    chosen: Path | None = STORE_OPTION,
    like: list[str] = _LIKE,
    dislike: list[str] = _DISLIKE,
    options: RecommendOptions,
    history: Path | None = _HISTORY,
    least: float | None = _LEAST,
    forget_user: list[str] = _FORGET_USER,
    forget_history: bool = _FORGET_HISTORY,
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Recommend items: more like those that you like, and what others took with them.

    Each result says what it is recommended for. If there is nothing, the command ends with exit
    code 5.
    """
    _check(like, history, forget_user, forget=forget_history)
    if forget_user and least is not None:
        raise InputError(
            "--forget-user goes by the rating that the history was learned with; leave --least out"
        )
    allow_megapixels(max_megapixels)
    made: dict[str, object] = {}
    found: Recommendations | None = None
    with open_store(_one(context, store, chosen), trust=trust) as opened:
        if forget_history:
            _forget(opened, made)
        if history is not None and forget_user:
            _leave(opened, history, forget_user, made)
        elif history is not None:
            with progress_bar(quiet=as_json) as progress:
                from isthmus.tasks.recommend.history import learn_history

                report = learn_history(opened, history, least=least, progress=progress)
            made["history"] = report.to_json()
            _say_history(report)
        if like:
            found = opened.recommend(like, dislike or (), options)
    if as_json:
        print_json({**made, **({} if found is None else found.to_json())})
    elif found is not None:
        _say(found)
    if found is not None and not found.items:
        raise typer.Exit(EXIT_NOTHING)


def _one(context: typer.Context, store: Path | None, chosen: Path | None) -> Path | None:
    """The store that is named beside the command or by the option; a file may set the latter."""
    if store is None:
        return chosen
    source = context.get_parameter_source("chosen")
    if source is not None and source.name == "COMMANDLINE":
        raise InputError(f"the store is named twice, {store} and --store {chosen}; give one")
    return store


def _check(
    like: list[str] | None, history: Path | None, users: list[str] | None, *, forget: bool
) -> None:
    if users and history is None:
        raise InputError("--forget-user needs --history FILE with all that the user took")
    if forget and history is not None:
        raise InputError("--forget-history and --history exclude each other; give one")
    if not like and history is None and not forget:
        raise InputError("nothing is liked; name one thing at least: --like ID, PATH or WORDS")


def _forget(store: Store, made: dict[str, object]) -> None:
    from isthmus.tasks.recommend.history import forget_history

    there = forget_history(store)
    made["forgotten"] = there
    err().print("The history is removed." if there else "There was no history.")


def _leave(store: Store, history: Path, users: list[str], made: dict[str, object]) -> None:
    """Forget users exactly."""
    import numpy as np

    from isthmus.datasets.interactions import Interactions
    from isthmus.tasks.recommend.history import forget_user

    taken = Interactions.read(history)
    places = {int(taken.of_user(name).user[0]) for name in users}
    left = forget_user(store, taken.take(np.isin(taken.user, sorted(places))))
    made["forgotten_users"], made["users"] = list(users), left.users
    err().print(f"Forgotten: {shown(', '.join(users))}. {count(left.users, 'user')} left.")


def _say_history(report: HistoryReport) -> None:
    settings, console = report.model.settings, err()
    console.print(
        f"Learned from {count(report.used, 'interaction')} of {count(report.model.users, 'user')} "
        f"with {count(len(report.model.items), 'item')}. Content counts "
        f"{settings.share:.0%}, what others took {1 - settings.share:.0%}."
    )
    both, alone = report.best("blend"), report.best("taken")
    if both is not None and alone is not None:
        console.print(
            f"[dim]nDCG@10 on held-out interactions of {count(report.judged, 'user')}: {both:.3f}; "
            f"what others took alone: {alone:.3f}.[/]"
        )
    elif report.judged:
        console.print(
            f"[dim]No nDCG@10 is given: these settings were chosen on held-out interactions of "
            f"{count(report.judged, 'user')}, which are too few to tell how good they are.[/]"
        )
    if report.unknown:
        some = ", ".join(report.unknown[:_UNKNOWN_SHOWN])
        console.print(
            f"Left out, since the store does not hold them: "
            f"{count(len(report.unknown), 'item')} such as {shown(some)}."
        )
    if report.rare:
        console.print(f"{count(report.rare, 'rare item')} are recommended by content alone.")


def _say(found: Recommendations) -> None:
    console = out()
    if not found.items:
        console.print(shown(f"{found.reason[:1].upper()}{found.reason[1:]}."))
    for rank, each in enumerate(found.items, 1):
        new = ", new" if each.new and found.share < 1 else ""
        gone = ", file is gone" if each.hit.gone else ""
        said = f"{each.said}{new}{gone}"
        console.print(f"{rank:3} {shown(each.hit.source)}  [dim]{shown(said)}[/]")
        console.print(f"      [dim]{shown(_sum(each))}[/]")
        for words in filter(None, map(_words, each.reasons)):
            console.print(f"      [dim]{shown(words)}[/]")


def _sum(each: Recommendation) -> str:
    """A score as a sum, on one line."""
    parts = [(p.value, p.name if p.liked else f"unlike {p.name}") for p in each.reasons]
    if abs(each.rest) >= _SHOWN:
        parts.append((each.rest, "its many parts"))
    sums = " ".join(f"{'−' if value < 0 else '+'} {abs(value):.2f} {name}" for value, name in parts)
    return f"{each.score:.2f} = {sums.removeprefix('+ ')}".replace("= -", "= −")


def _words(part: object) -> str:
    from isthmus.report.kit.words import signed_share
    from isthmus.tasks.recommend.results import Because

    assert isinstance(part, Because)
    some = " ".join(f"{word.word} {signed_share(word.value)}" for word in part.words[:_WORDS_SHOWN])
    return f"words, with {part.name}: {some}" if some else ""
