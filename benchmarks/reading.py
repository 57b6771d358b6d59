"""Words read in pictures and heard in recordings: how many are found, and how many are made up.

Run ``python benchmarks/reading.py --json FILE``. Two words each are drawn below 200 Tux Paint
pictures, in the fonts and sizes of :data:`FONTS` and :data:`SIZES`, in dark colours, turned by up
to 6°; an index is made with ``read="text"``, and each word is looked for. ``found`` asks that the
first hit is the picture and says that the word was read from it. Beside it stand the same search
without reading, and pictures on which nothing was drawn, in which any word is made up. Spoken
English captions are heard likewise, and words that are heard in sound effects are made up, too.

The fonts are those of DejaVu (Debian ``fonts-dejavu-core``) and, for Chinese, Noto CJK.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import _machine
from _needs import STARTER, need
from isthmus.core.item import MediaItem
from isthmus.datasets import tuxpaint
from isthmus.datasets.fetch import locate
from isthmus.encoders.readers import SPEECH, TEXT, reader
from isthmus.media.source import item_from_path
from isthmus.pipeline import WORKERS
from isthmus.pipeline.reading import default_passages, read
from isthmus.space import Space
from isthmus.tasks import Store

FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/opentype/noto")
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
CHINESE = "NotoSansCJK-Regular.ttc"
SIZES = (14, 18, 24, 36)
COLOURS = ("black", "navy", "darkred", "darkgreen", "purple")
TURN = 6.0
PICTURES, SHOWN_CHINESE = 200, 40
SYLLABLES = ("ba", "do", "fi", "ga", "lu", "me", "no", "pe", "ri", "so", "ta", "vi", "ke", "za")
SIGNS = "山水火木金土日月風雨雪雲花草鳥魚馬牛羊虎龍門車船書画茶米田川"
DEVELOPMENT, LEFT_OUT = 0, 40
"""Seed and number of the sound effects on which thresholds of speech were chosen."""


@dataclass(frozen=True)
class Sign:
    """A picture with words on it."""

    path: Path
    words: tuple[str, str]
    font: str
    size: int


def invented(rng: random.Random, *, chinese: bool) -> tuple[str, str]:
    """Two words that no caption has, so that only reading can find them."""
    if chinese:
        signs = rng.sample(SIGNS, 6)
        return "".join(signs[:3]), "".join(signs[3:])
    one, other = ("".join(rng.choice(SYLLABLES) for _ in range(4)) for _ in range(2))
    return one, other


def font_file(name: str) -> Path | None:
    """Where a font is; None where it is not installed."""
    return next((path for folder in FOLDERS if (path := Path(folder) / name).is_file()), None)


def draw(item: MediaItem, path: Path, words: Sequence[str], name: str, rng: random.Random) -> int:
    """Write a picture with words below it; says how tall the letters are, in pixels."""
    picture, size = WORKERS.small(item, 400), rng.choice(SIZES)
    font = ImageFont.truetype(str(font_file(name)), size)
    text = " ".join(words)
    box = font.getbbox(text)
    label = Image.new("RGBA", (int(box[2]) + 8, int(box[3]) + 8), (255, 255, 255, 0))
    ImageDraw.Draw(label).text((4, 4), text, font=font, fill=rng.choice(COLOURS))
    label = label.rotate(rng.uniform(-TURN, TURN), expand=True, resample=Image.Resampling.BICUBIC)
    wide, tall = max(picture.width, label.width) + 8, picture.height + label.height + 8
    page = Image.new("RGB", (wide, tall), "white")
    page.paste(picture, ((wide - picture.width) // 2, 0))
    page.paste(label, (rng.randint(0, wide - label.width), picture.height + 4), label)
    page.save(path)
    return size


def signs(folder: Path, seed: int) -> tuple[list[Sign], list[Path]]:
    """Pictures with words, and as many others without."""
    rng = random.Random(seed)
    records = tuxpaint.load().records
    order = rng.sample(range(len(records)), 2 * PICTURES)
    made = []
    for place, row in enumerate(order[:PICTURES]):
        chinese = place < SHOWN_CHINESE and font_file(CHINESE) is not None
        words = invented(rng, chinese=chinese)
        name = CHINESE if chinese else rng.choice(FONTS)
        path = folder / f"{place:03}.png"
        size = draw(records[row].items["image"], path, words, name, rng)
        made.append(Sign(path, words, name, size))
    bare = []
    for place, row in enumerate(order[PICTURES:], PICTURES):
        bare.append(folder / f"{place:03}.png")
        WORKERS.small(records[row].items["image"], 400).save(bare[-1])
    return made, bare


def found_by_word(store: Store, signs: Sequence[Sign]) -> list[bool]:
    """Whether both words of each picture find it first, told as read from it."""
    out = []
    for sign in signs:
        hits = [store.search(word, k=1).hits[:1] for word in sign.words]
        right = [each and Path(each[0].source) == sign.path.resolve() for each in hits]
        out.append(all(right) and all(each[0].origin == "ocr" for each in hits))
    return out


def pictures(space: Space, seed: int) -> dict[str, Any]:
    """Words in pictures."""
    with tempfile.TemporaryDirectory() as place:
        drawn, bare = signs(Path(place), seed)
        store = Store.in_memory(space)
        store.add(place)
        by_chance = [
            Path(hits[0].source) == sign.path.resolve()
            for sign in drawn[:50]
            if (hits := store.search(sign.words[0], k=1).hits)
        ]
        started = time.perf_counter()
        store.add(place, read=TEXT)
        seconds = time.perf_counter() - started
        found = np.array(found_by_word(store, drawn))
        cache = default_passages()
        made_up = [read(item_from_path(path), TEXT, cache=cache) for path in bare]
    latin = np.array([sign.font != CHINESE for sign in drawn])
    return {
        "found": float(found.mean()),
        "english": float(found[latin].mean()),
        "chinese": float(found[~latin].mean()) if (~latin).any() else None,
        "by_size": {
            str(size): float(found[latin & [s.size == size for s in drawn]].mean())
            for size in SIZES
        },
        "null_without_reading": float(np.mean(by_chance)) if by_chance else 0.0,
        "pictures": len(drawn),
        "made_up": float(np.mean([bool(each) for each in made_up])),
        "made_up_words": [line.text for each in made_up for line in each],
        "bare": len(bare),
        "seconds_a_picture": seconds / (len(drawn) + len(bare)),
    }


def spoken_words(text: str) -> list[str]:
    """Words as they are compared: small letters, no signs."""
    return re.sub(r"[^a-z0-9 ]", "", text.lower().replace("-", " ")).split()


def edits(want: Sequence[str], got: Sequence[str]) -> int:
    """Words that must be changed, put in or taken out; Levenshtein's distance."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(want, 1):
        before, row = row, [i]
        for j, other in enumerate(got, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def recordings() -> dict[str, Any]:
    """Words in recordings: spoken captions, and sound effects in which nobody speaks."""
    root, cache = locate("tuxpaint"), default_passages()
    spoken = tuxpaint.load(part="speech-text", language="en").records
    wrong = total = found = empty = 0
    said: list[tuple[str, list[str]]] = []
    length = len(spoken)
    for record in spoken:
        want = spoken_words(record.items["text"].captions[0])
        heard = read(record.items["audio"], SPEECH, cache=cache)
        got = spoken_words(" ".join(each.text for each in heard))
        wrong, total = wrong + edits(want, got), total + len(want)
        found, empty = found + (want[-1] in got), empty + (not got)
        said.append((want[-1], got))
    effects = [
        path
        for path in sorted(root.rglob("*.ogg"))
        if "_desc" not in path.name and "symbols" not in path.parts
    ]
    seen = set(random.Random(DEVELOPMENT).sample(effects, LEFT_OUT))
    left = [path for path in effects if path not in seen]
    noise = {path: read(item_from_path(path), SPEECH, cache=cache) for path in left}
    return {
        "model": getattr(reader(SPEECH), "model", ""),
        "found": found / length,
        "null_in_another": float(
            np.mean([word in said[place - 1][1] for place, (word, _) in enumerate(said)])
        ),
        "word_errors": wrong / total,
        "nothing_heard": empty / length,
        "captions": length,
        "made_up": float(np.mean([bool(each) for each in noise.values()])),
        "made_up_words": [
            f"{path.stem}: {' '.join(p.text for p in each)}" for path, each in noise.items() if each
        ],
        "effects": len(noise),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("pictures", "speech"), help="keeps the other figures")
    given = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER, packages=("rapidocr",), space=True)
    results = json.loads(given.json.read_text("utf-8")) if given.only else {}
    if given.only != "speech":
        results["pictures"] = pictures(Space.load("starter"), given.seed)
    if given.only != "pictures":
        results["speech"] = recordings()
    _machine.write(given.json, {name: results[name] for name in ("pictures", "speech")})


if __name__ == "__main__":
    main()
