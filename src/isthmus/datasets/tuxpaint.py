"""Tux Paint stamps: pictures, captions in many languages, spoken captions, sound effects.

A stamp ``X`` is ``X.png`` with ``X.txt``, whose first line is the English caption and
whose other lines are ``language.utf8=caption``; ``X_desc_fr.ogg`` speaks the French
caption, ``X_desc.ogg`` the English one, and ``X.ogg`` is a sound effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.errors import DataError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Failure, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.datasets.fetch import locate

PARTS = ("image-text", "image-text-sound", "image-text-speech", "sound-text", "speech-text")

_TAGGED = """
ach af ak am an ar ast be bg ca ca-valencia cs cy da de el en en-AU en-GB eo es eu fa ff fi fr ga
gd gl gu he hi hr hu hy id is it iu ja ka kab km ko ku lt lv mk ml ms nb nl nn nso oc pl pt pt-BR
ro ru shs sk sl son sq sr sr-Latn sv sw ta th tr uk vec vi zh zh-CN zh-TW zu
"""
LANGUAGES = tuple(_TAGGED.split())
"""Every language that some stamp has a caption in, as BCP 47 tags.

``zh`` is ``zh-CN`` where a stamp has it, else ``zh-TW``.
"""

_TAGS = {"ca@valencia": "ca-valencia", "sr@latin": "sr-Latn"}
_CLIP_SUFFIXES = (".ogg", ".wav")
_LICENCE = "public domain"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One stamp.

    Attributes:
        key: Its path below the stamps, without suffix.
        path: Its picture or clip.
        captions: By BCP 47 tag.
    """

    key: str
    path: Path
    captions: dict[str, str]

    @property
    def group(self) -> str:
        """Its category: the folder it lies in."""
        return self.key.rpartition("/")[0]


def load(
    *,
    part: str = "image-text",
    languages: Sequence[str] | str | None = None,
    language: str | None = None,
    limit: int | None = 400,
    pair_all: bool = False,
    root: Path | None = None,
) -> Dataset:
    """Load a part of the stamps.

    ``image-text`` takes the PNG stamps in path order, the first of each distinct English
    caption: 674 records. ``image-text-speech`` and ``image-text-sound`` add for each of
    them that has a clip a record of text and audio, named ``…#speech`` or ``…#sound``, so
    that no picture ever lies in one record with a clip. ``speech-text`` are the spoken
    captions of one language in path order, with that caption; ``sound-text`` the 135
    sound effects that have one.

    Args:
        part: One of :data:`PARTS`.
        languages: The captions to take, as BCP 47 tags, ``"all"``, or tags joined by
            commas; a text item carries every one of them that the stamp has. By default
            ``("en",)``, for ``speech-text`` the language that is spoken.
        language: The language spoken; by default ``"fr"``, which has the most clips.
        limit: How many clips of ``speech-text``, in path order; ``None`` for all.
        pair_all: One record with picture, text and clip instead of two, to evaluate
            pictures against clips.
        root: The stamps folder, where :func:`isthmus.datasets.find` does not find it.

    Returns:
        Records grouped by folder; stamps without a caption in these languages are skipped.

    Raises:
        MissingDataError: If the stamps are not on this machine.
        DataError: If there is no such part or language.
    """
    if part not in PARTS:
        raise DataError(f"tuxpaint has no part {part!r}; it has {', '.join(PARTS)}")
    # French is the language that most stamps are spoken in; English clips are few.
    spoken = normal_tag(language or ("fr" if "speech" in part else "en"))
    captioned = spoken if part == "speech-text" else "en"
    tags = parse_languages(captioned if languages is None else languages)
    stamps = locate("tuxpaint", root)
    builder = _Builder(tags)
    if part == "speech-text":
        for stamp in list(_speech(stamps, spoken))[:limit]:
            builder.add(stamp, {AUDIO: stamp.path}, "#speech")
    elif part == "sound-text":
        for stamp in _sounds(stamps):
            builder.add(stamp, {AUDIO: stamp.path}, "#sound")
    else:
        _add_pictures(builder, stamps, part.rpartition("-")[2], spoken, pair_all=pair_all)
    if not builder.records and not builder.skipped:
        raise DataError(f"{stamps} holds no stamps for {part}; it must be the stamps folder")
    return Dataset(f"tuxpaint {part}", builder.records, builder.skipped, _LICENCE)


def _add_pictures(
    builder: _Builder, stamps: Path, kind: str, spoken: str, *, pair_all: bool
) -> None:
    """A record for every picture, and its clip of a kind in a record of its own, or in the same."""
    for stamp in _pictures(stamps):
        clip = _clip(stamp.path, kind, spoken)
        if pair_all and clip:
            builder.add(stamp, {IMAGE: stamp.path, AUDIO: clip})
            continue
        builder.add(stamp, {IMAGE: stamp.path})
        if clip:
            builder.add(stamp, {AUDIO: clip}, f"#{kind}")


def normal_tag(tag: str) -> str:
    """The BCP 47 tag for a locale name: ``"pt_BR"`` becomes ``"pt-BR"``.

    Examples:
        >>> normal_tag("sr@latin")
        'sr-Latn'
    """
    return _TAGS.get(tag, tag.replace("_", "-"))


def parse_languages(languages: Sequence[str] | str) -> tuple[str, ...]:
    """Tags from a list, ``"all"``, or tags joined by commas.

    Raises:
        DataError: If there is none, or one that no stamp has.
    """
    if languages == "all":
        return tuple(tag for tag in LANGUAGES if tag != "zh")  # it repeats zh-CN or zh-TW
    given = languages.split(",") if isinstance(languages, str) else languages
    tags = tuple(dict.fromkeys(normal_tag(tag.strip()) for tag in given if tag.strip()))
    unknown = [tag for tag in tags if tag not in LANGUAGES]
    if unknown or not tags:
        what = f"no language {unknown[0]!r}" if unknown else "no captions without a language"
        raise DataError(f"tuxpaint has {what}; it has {', '.join(LANGUAGES)}")
    return tags


def read_captions(path: Path) -> dict[str, str]:
    """The captions of a stamp by BCP 47 tag; ``en`` is the first line."""
    first, *rest = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    captions = {"en": first.strip()}
    for line in rest:
        locale, equals, caption = line.partition("=")
        if equals and locale.endswith(".utf8"):
            captions[normal_tag(locale.removesuffix(".utf8"))] = caption.strip()
    chinese = captions.get("zh-CN") or captions.get("zh-TW")
    if chinese:
        captions["zh"] = chinese
    return {tag: caption for tag, caption in captions.items() if caption}


class _Builder:
    """Collects records and what had to be left out."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._tags = tags
        self.records: list[Record] = []
        self.skipped: list[Failure] = []

    def add(self, stamp: Stamp, media: dict[str, Path], suffix: str = "") -> None:
        found = [stamp.captions[tag] for tag in self._tags if tag in stamp.captions]
        captions = tuple(dict.fromkeys(found))
        if not captions:
            reason = f"has no caption in {', '.join(self._tags)}"
            self.skipped.append(Failure(str(stamp.path), reason))
            return
        try:
            items = {m: MediaItem.from_path(path, m) for m, path in media.items()}
        except MediaError as error:
            self.skipped.append(Failure(error.source, error.reason))
            return
        items[TEXT] = MediaItem.from_text(captions, source=f"{stamp.key}.txt")
        language = self._tags[0] if len(self._tags) == 1 else None
        record = Record(stamp.key + suffix, items, group=stamp.group, language=language)
        self.records.append(record)


def _pictures(stamps: Path) -> Iterator[Stamp]:
    seen: set[str] = set()
    for path in sorted(stamps.rglob("*.png")):
        stamp = _stamp(stamps, path, path.stem)
        if stamp is None or "en" not in stamp.captions or stamp.captions["en"] in seen:
            continue
        seen.add(stamp.captions["en"])
        yield stamp


def _speech(stamps: Path, spoken: str) -> Iterator[Stamp]:
    ending = _ending(spoken)
    clips = [p for suffix in _CLIP_SUFFIXES for p in stamps.rglob(f"*{ending}{suffix}")]
    for path in sorted(clips):
        stamp = _stamp(stamps, path, path.stem.removesuffix(ending))
        if stamp is not None and spoken in stamp.captions:
            yield stamp


def _sounds(stamps: Path) -> Iterator[Stamp]:
    for path in sorted(stamps.rglob("*.ogg")):
        if "_desc" not in path.stem:
            stamp = _stamp(stamps, path, path.stem)
            if stamp is not None and "en" in stamp.captions:
                yield stamp


def _stamp(stamps: Path, path: Path, stem: str) -> Stamp | None:
    captions = path.with_name(f"{stem}.txt")
    if not captions.is_file():
        return None
    key = path.with_name(stem).relative_to(stamps).as_posix()
    return Stamp(key, path, read_captions(captions))


def _clip(picture: Path, kind: str, spoken: str) -> Path | None:
    if kind not in ("speech", "sound"):
        return None
    ending = _ending(spoken) if kind == "speech" else ""
    names = [f"{picture.stem}{ending}{suffix}" for suffix in _CLIP_SUFFIXES]
    return next((p for name in names if (p := picture.with_name(name)).is_file()), None)


def _ending(spoken: str) -> str:
    return "_desc" if spoken == "en" else f"_desc_{spoken.replace('-', '_')}"
