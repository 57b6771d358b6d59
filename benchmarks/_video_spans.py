"""Spans: whether a hit in something long says where, for video, sound and text.

Everything goes the way of a user: files into a store, a query, the top span of the file.

* video: 20 concatenations of 30 films of ``motions``, each asked for by its caption; the space
  learns from other films. Right is a span that has the film in it for the most part.
* sound: 20 concatenations of 30 clips of Tux Paint, effects and spoken captions; each is asked for
  by the same clip as an MP3 of a narrow band, so by nothing that could be equal to the bit.
* text: what functions of installed packages are for, in 20 books of 100 descriptions; each is asked
  for by what somebody remembers, half of the words of a sentence, by meaning alone, which is what
  counts, and as a search does it, by words as well; and by the first line of its documentation,
  which the books do not hold and which often shares no word with what follows.

Beside each figure: a span at random, and the vectors of whole files alone, which say no place, so
that the place is guessed; for text, whether the right book is the first of 20.
"""

from __future__ import annotations

import ast
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, TEXT, VIDEO
from isthmus.datasets import load
from isthmus.encoders import load as load_encoder
from isthmus.encoders.frames import FramesEncoder
from isthmus.encoders.joined import JoinedEncoder
from isthmus.encoders.motion import MotionEncoder
from isthmus.media import decode
from isthmus.media.audio import resample
from isthmus.pipeline import prepare
from isthmus.selection import align
from isthmus.space import Space
from isthmus.store import is_whole
from isthmus.tasks import Store

FILES, CLIPS = 20, 30
PARAGRAPHS = 100
SCENES = 504
WINDOW = 2.0
"""Seconds of a span of video: about what a film lasts."""
TOLERANCE = 0.5
"""Seconds by which the start of a span may be off."""
RATE = 16_000
NARROW = 8_000
"""Samples a second of a clip that is asked for."""
PACKAGES = ("scipy", "sklearn", "networkx", "numpy", "torch")


@dataclass(frozen=True)
class Asked:
    """A query, and where in its file the answer is."""

    query: MediaItem
    start: float
    stop: float


def measure(files: int = FILES, seed: int = 0) -> dict[str, Any]:
    """Share of queries whose top span in the file is the right one, in video, sound and text.

    Returns:
        ``span_top1``: the least of video, sound and text; and the details of each.
    """
    parts = {"video": video(files, seed), "sound": sound(files, seed), "text": text(files, seed)}
    return {"span_top1": min(each["top1"] for each in parts.values()), **parts}


def video(files: int = FILES, seed: int = 0) -> dict[str, Any]:
    """Films of shapes that move, asked for by caption."""
    known = load("shapes-motion", n=SCENES, seed=seed + 1, languages=("en",), audio=False)
    seen = FramesEncoder(load_encoder("color-hog"), window=WINDOW)
    encoders = {VIDEO: JoinedEncoder([seen, MotionEncoder(window=WINDOW)]), TEXT: "universal"}
    space = align(prepare(known, encoders, by_group=False), aligner="cca", nested=False)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        asked = []
        for number in range(files):
            films = load("shapes-motion", n=CLIPS, seed=seed + 100 + number, languages=("en",))
            path = Path(folder) / f"{number}.mp4"
            ends = _one_film([r.items[VIDEO] for r in films.records], path)
            texts = [MediaItem.from_text(r.items[TEXT].captions[0]) for r in films.records]
            asked.append((path, _places(texts, ends)))
        return _told(_indexed(space, [path for path, _ in asked], VIDEO), asked, VIDEO, rng)


def sound(files: int = FILES, seed: int = 0) -> dict[str, Any]:
    """Clips of Tux Paint, effects and spoken captions, asked for as narrow-band MP3."""
    import soundfile

    space = Space.load("starter")
    rng = np.random.default_rng(seed)
    pools = [_clips("sound-text"), _clips("speech-text")]
    with tempfile.TemporaryDirectory() as folder:
        asked = []
        for number in range(files):
            pool = pools[number % 2]
            some = [pool[i] for i in rng.permutation(len(pool))[:CLIPS]]
            path = Path(folder) / f"{number}.flac"
            soundfile.write(path, np.concatenate(some), RATE)
            ends = np.cumsum([0, *map(len, some)]) / RATE
            asked.append((path, _places([_narrow(each) for each in some], ends)))
        told = _told(_indexed(space, [path for path, _ in asked], AUDIO), asked, AUDIO, rng)
    halves = {"effects": told["files"][::2], "speech": told["files"][1::2]}
    return told | {name: float(np.mean(values)) for name, values in halves.items()}


def text(files: int = FILES, seed: int = 0) -> dict[str, Any]:
    """What functions are for, asked for by half of a sentence, and by the line before them."""
    space = Space.load("starter")
    rng = np.random.default_rng(seed)
    pairs = described()
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[: files * PARAGRAPHS]]
    with tempfile.TemporaryDirectory() as folder:
        remembered, described_by = [], []
        for number in range(files):
            some = chosen[number * PARAGRAPHS : (number + 1) * PARAGRAPHS]
            path = Path(folder) / f"book {number}.txt"
            path.write_text("\n\n".join(body for _, body in some))
            ends = np.cumsum([0, *(len(body) + 2 for _, body in some)]).astype(float)
            halves = [MediaItem.from_text(_half(body, rng)) for _, body in some]
            remembered.append((path, _places(halves, ends)))
            lines = [MediaItem.from_text(line) for line, _ in some]
            described_by.append((path, _places(lines, ends)))
        store = _indexed(space, [path for path, _ in remembered], TEXT)
        found = {
            name + (", by words too" if words else ""): _told(store, asked, TEXT, rng, words=words)
            for name, asked in (("remembered", remembered), ("first line", described_by))
            for words in (False, True)
        }
        return {"top1": found["remembered"]["top1"], **found}


def _half(body: str, rng: Any) -> str:
    """Half of the words of the longest sentence, in their order."""
    words = max(body.split(". "), key=len).split()
    kept = np.sort(rng.permutation(len(words))[: max(len(words) // 2, 1)])
    return " ".join(words[i] for i in kept)


def described(least: int = 150, most: int = 600) -> list[tuple[str, str]]:
    """First lines of the documentation of functions, and the paragraphs that follow."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            continue
        for path in sorted(Path(spec.submodule_search_locations[0]).rglob("*.py")):
            if "test" in str(path) or path.stat().st_size > 400_000:
                continue
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    _add_described(ast.get_docstring(node) or "", found, least, most)
    unique = {body: line for line, body in found.items()}
    return [(line, body) for body, line in unique.items()]


def _add_described(document: str, found: dict[str, str], least: int, most: int) -> None:
    line, _, rest = document.partition("\n\n")
    body = rest.partition("\nParameters\n")[0].partition("\nExamples\n")[0].partition("\nArgs:")[0]
    blocks = [" ".join(block.split()) for block in body.split("\n\n")]
    plain = " ".join(block for block in blocks if block and not block.startswith((">", ".", "-")))
    line = " ".join(line.split())
    whole = least <= len(plain) <= most and "----" not in plain
    if 25 <= len(line) <= 160 and whole and line not in found:
        found[line] = plain


def _clips(part: str) -> list[Any]:
    """Clips of Tux Paint as samples, each content once, without silent ones."""
    kept: dict[str, Any] = {}
    for record in load("tuxpaint", part=part, limit=None).records:
        item = record.items[AUDIO]
        try:
            wave = resample(decode(item), RATE)
        except MediaError:
            continue
        if item.id not in kept and 0.3 <= wave.seconds <= 12:
            kept[item.id] = wave.samples
    return list(kept.values())


def _narrow(samples: Any) -> MediaItem:
    """A clip as MP3 of a narrow band."""
    import io

    import soundfile

    from isthmus.core.item import Waveform

    out = io.BytesIO()
    less = resample(Waveform(samples, RATE), NARROW).samples
    soundfile.write(out, less, NARROW, format="MP3", subtype="MPEG_LAYER_III")
    return MediaItem.from_bytes(out.getvalue(), AUDIO, source="query.mp3")


def _one_film(items: Sequence[MediaItem], path: Path) -> Any:
    """Films one behind the other as one file; when each begins, and the end of the last."""
    import io

    import av

    ends, count, rate = [0.0], 0, None
    with av.open(str(path), "w") as out:
        stream = None
        for item in items:
            with av.open(io.BytesIO(item.read())) as film:
                for frame in film.decode(video=0):
                    if stream is None:
                        rate = film.streams.video[0].average_rate
                        stream = out.add_stream("mpeg4", rate=rate)
                        stream.width, stream.height = frame.width, frame.height
                        stream.bit_rate = 2_000_000
                    picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))
                    picture.pts = count
                    count += 1
                    out.mux(stream.encode(picture))
            ends.append(count / float(rate))
        out.mux(stream.encode())
    return np.asarray(ends)


def _places(queries: Sequence[MediaItem], ends: Any) -> list[Asked]:
    return [
        Asked(query, float(start), float(stop))
        for query, start, stop in zip(queries, ends[:-1], ends[1:], strict=True)
    ]


def _indexed(space: Space, paths: Sequence[Path], modality: str) -> Store:
    store = Store.in_memory(space)
    report = store.add(list(paths), views=modality)
    assert not report.broken, report.broken[:3]
    return store


def _told(
    store: Store,
    asked: Sequence[tuple[Path, Sequence[Asked]]],
    modality: str,
    rng: Any,
    words: bool = False,
) -> dict[str, Any]:
    """Ask, and see where the top span is."""
    spans = {
        path: [e.span for e in store.backend.entries() if e.source == str(path) and e.span]
        for path, _ in asked
    }
    right: list[list[bool]] = []
    near: list[bool] = []
    first: list[bool] = []
    chance: list[float] = []
    for path, queries in asked:
        right.append([])
        for each in queries:
            options = {"views": modality, "words": words}
            hit = store.search(each.query, within=path, k=1, **options).hits[0]
            assert hit.span is not None and not is_whole(hit.id)
            right[-1].append(_holds(hit.span, each))
            near.append(right[-1][-1] and abs(hit.span[0] - each.start) <= TOLERANCE)
            chance.append(float(np.mean([_holds(span, each) for span in spans[path]])))
            best = store.search(each.query, k=1, **options).hits[0]
            first.append(best.source == str(path) and _holds(best.span, each))
    flat = [each for some in right for each in some]
    told: dict[str, Any] = {
        "top1": float(np.mean(flat)),
        "queries": len(flat),
        "of_all_files": float(np.mean(first)),
        "random_span": float(np.mean(chance)),
        "whole_files_only": _by_whole(store, asked, modality, rng),
        "spans": sum(map(len, spans.values())),
        "files": [float(np.mean(some)) for some in right],
    }
    if modality != TEXT:
        told["start_within_half_a_second"] = float(np.mean(near))
    return told


def _by_whole(
    store: Store, asked: Sequence[tuple[Path, Sequence[Asked]]], modality: str, rng: Any
) -> float:
    """The best that vectors of whole files do: the right file, and a place in it at random."""
    wholes = [entry for entry in store.backend.entries() if is_whole(entry.id)]
    x = store.backend.vectors([entry.id for entry in wholes])
    rows = np.stack([x[entry.id] for entry in wholes])
    right = []
    for path, queries in asked:
        view = queries[0].query.modality
        done = store.space.embed([each.query for each in queries], view)
        best = (done.vectors @ rows.T).argmax(axis=1)
        for each, row in zip(queries, best.tolist(), strict=True):
            guess = queries[int(rng.integers(len(queries)))]
            right.append(wholes[row].source == str(path) and guess is each)
    return float(np.mean(right))


def _holds(span: tuple[float, float] | None, asked: Asked) -> bool:
    """Whether a span and the answer are the same place for the most part of either."""
    if span is None:
        return False
    common = min(span[1], asked.stop) - max(span[0], asked.start)
    return common >= 0.5 * min(span[1] - span[0], asked.stop - asked.start)


if __name__ == "__main__":
    import json

    print(json.dumps(measure(), indent=1))
