"""Two models that were trained apart, joined through a modality that both read, without pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isthmus.aligners.heads import ChainHead, head_from_state
from isthmus.aligners.onto import Fixed
from isthmus.core.contracts import Head, Progress, untold
from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paths import expanded
from isthmus.core.reading import read_file
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.prepared import prepare
from isthmus.prompts import templates
from isthmus.selection.describe import choice_of, data_facts
from isthmus.selection.landing import land, within
from isthmus.selection.models import Base
from isthmus.selection.parts import SpaceBuilder
from isthmus.space import Space
from isthmus.space.report import Bridge, Origin, PretrainedModel

Texts = str | Path | Sequence[str]
"""A file with a text in each line, or the texts."""
_CENTRED_FROM = 30
"""Items of a view whose mean is used: that of fewer is off by more than a fifth of their spread."""


_MOST_BYTES = 2**26
"""Of a file of texts."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Records of the user's, and the native vectors of one model for them.

    Attributes:
        dataset: The records, with views named as those of the models.
        native: By view ``(n, dim)``.
    """

    dataset: Dataset
    native: dict[str, F32]


@dataclass(frozen=True)
class BridgeSettings:
    """How two models are joined.

    Attributes:
        texts: What both encode; None takes those of the records, else those that are shipped.
        seed: Of splits and shuffles.
        budget: Seconds for the choice of the map; None for as long as it takes.
    """

    texts: Texts | None
    seed: int
    budget: float | None


def bridged(
    base: Base,
    other: Base,
    seen: Seen | None,
    settings: BridgeSettings,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
) -> Base:
    """Map the space of a second model into that of the first one.

    Both encode the same items of a modality that they share. The map is learned from these: they
    are pairs that cost nothing. It is linear, so that it does for the other views of the second
    model, which lie off its texts by a gap that hardly varies (Zhang et al., "Connect, collapse,
    corrupt", ICLR 2024); where items of such a view are at hand beside the texts, their own mean
    is taken off. After Wang et al., "Connecting multi-modal contrastive representations",
    NeurIPS 2023, in closed form. The first model keeps its vectors of the shared view.

    Args:
        base: The first model; its heads stay.
        other: The second model.
        seen: Records of the user's, if there are any.
        settings: How.
        cache: Of native vectors.
        progress: Told as work is done.

    Raises:
        InputError: If they read nothing in common, or the second one nothing else.
        DataError: If there are no items, or too few.
        NoSignalError: If held-out items do not find themselves in the other space.
    """
    new = [v for v, m in other.space.modalities.items() if m not in base.space.modalities.values()]
    a, b = _shared(base, other, new)
    asked = f"{a} of {other.name}"
    source, named = _items(base.space.modalities[a], a, seen, settings.texts)
    records = [replace(each, items={a: each.items[a], asked: each.items[a]}) for each in source]
    encoders = {a: base.space.encoder(a), asked: other.space.encoder(b)}
    ready = prepare(Dataset(named, records), encoders, cache=cache, progress=progress)
    pairs = within(ready.pairs, {a: base.space.heads[a], asked: other.space.heads[b]})
    landed = land(
        pairs,
        Fixed((a,), base.space.fingerprint),
        ready.links,
        name=f"{base.name} and {other.name}, joined through {a}",
        linear=True,
        csls_strength=base.space.csls_strength,
        seed=settings.seed,
        budget=settings.budget,
        progress=progress or untold,
    )
    beside = seen if seen is not None and named == seen.dataset.name else None
    space, centred = _extended(base, other, new, landed.aligner.heads_[asked], beside)
    bridge = Bridge(
        model=other.name,
        through=a,
        items=data_facts(ready, ready.pairs),
        choice=choice_of(landed.chosen),
        estimate=landed.estimate,
        centred=tuple(centred),
    )
    return Base(space, _origin(base, other, tuple(new), bridge))


def _origin(base: Base, other: Base, new: tuple[str, ...], bridge: Bridge) -> Origin:
    """Where the views of both come from."""
    licence = ", ".join(model.licence for model in other.origin.models if model.licence)
    return Origin(
        models=(*base.origin.models, PretrainedModel.of(other.name, new, licence)),
        fixed=(*base.origin.fixed, *new),
        bridges=(*base.origin.bridges, bridge),
    )


def _extended(
    base: Base, other: Base, new: Sequence[str], head: Head, seen: Seen | None
) -> tuple[Space, list[str]]:
    """The first space with new views of the second model, and which of them were centred.

    Args:
        base: The first model.
        other: The second model.
        new: Its views that are joined.
        head: From its space into the first one.
        seen: Records that the head was learned from, if items of these views lie beside them.
    """
    builder, centred = SpaceBuilder.of(base.space), []
    for view in new:
        inner, last = other.space.heads[view], head
        rows = None if seen is None else seen.native.get(view)
        if rows is not None and len(rows) >= _CENTRED_FROM:
            centred.append(view)
            last = _moved(head, inner(rows).mean(axis=0))
        builder.add(view, ChainHead([inner, last]), other.space.encoders[view])
        builder.attach(view, other.space.encoder(view))
    return builder.space(), centred


def _shared(base: Base, other: Base, new: Sequence[str]) -> tuple[str, str]:
    """The view of each that reads what both can read: text if they can.

    Raises:
        InputError: If there is none, or nothing else to join.
    """
    ours = {modality: view for view, modality in base.space.modalities.items()}
    theirs = {modality: view for view, modality in other.space.modalities.items()}
    both = [modality for modality in (TEXT, *ours) if modality in ours and modality in theirs]
    if not both:
        raise InputError(
            f"{base.name} reads {', '.join(ours)}, and {other.name} {', '.join(theirs)}: they "
            "read nothing in common to be joined through; join them with pairs instead: "
            "isthmus align DATA --pretrained FIRST"
        )
    if not new:
        raise InputError(
            f"{other.name} reads {', '.join(theirs)}, all of which {base.name} reads already, so "
            "there is nothing to join; name one of them"
        )
    return ours[both[0]], theirs[both[0]]


def _items(
    modality: str, view: str, seen: Seen | None, texts: Texts | None
) -> tuple[list[Record], str]:
    """What both models encode, with the name of where it comes from.

    Raises:
        DataError: If there is nothing.
    """
    if texts is not None and modality == TEXT:
        return _texts_of(texts, view)
    if seen is not None and view in seen.dataset.views:
        return list(seen.dataset.select([view]).records), seen.dataset.name
    if modality == TEXT:
        return _shipped(view), "the words that come with isthmus"
    raise DataError(
        f"both models read {modality} and no text, so give data that has {modality}: "
        "isthmus align DATA --pretrained FIRST --pretrained SECOND"
    )


def _texts_of(texts: Texts, view: str) -> tuple[list[Record], str]:
    if not isinstance(texts, str | Path):
        return _records(((each, None) for each in texts), view), "your texts"
    path = expanded(texts)
    try:
        lines = read_file(path.resolve(), most=_MOST_BYTES).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8; save it as such, a text in each line") from error
    found = _records(((line.strip(), None) for line in lines), view)
    if not found:
        raise InputError(f"{path} has no text; write one in each line")
    return found, path.name


def _shipped(view: str) -> list[Record]:
    """Every word alone, in a sentence about a picture, and in one about a sound.

    What is said of one word is one group, so that a word that is held out is new.
    """
    known = templates.load()
    sentences = [known.of("en", modality)[1:] for modality in (IMAGE, AUDIO)]
    found: list[tuple[str, str | None]] = []
    for place, word in enumerate(templates.words()):
        said = [some[place % len(some)].replace(templates.PLACE, word) for some in sentences]
        found += [(text, word) for text in (word, *said)]
    return _records(found, view)


def _records(texts: Iterable[tuple[str, str | None]], view: str) -> list[Record]:
    kept = {text: group for text, group in texts if text}
    return [
        Record(f"text {place}", {view: MediaItem.from_text(text)}, group=group)
        for place, (text, group) in enumerate(kept.items())
    ]


def _moved(head: Head, mean: F32) -> Head:
    """The same map of what lies about another mean."""
    document, tensors = head.state()
    return head_from_state(head.kind, document, {**tensors, "mean": mean})
