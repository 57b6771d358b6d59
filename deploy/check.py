"""Whether an installation works: index a folder, search it, serve it.

PREFIX/bin/python deploy/check.py [--files N] [--broken N]

Draws and writes its own files, some of them broken on purpose, in a folder that it removes.
The command line is used as people use it; the server is asked as from another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import soundfile
from PIL import Image, ImageDraw

from isthmus.datasets import load
from isthmus.media import decode

ISTHMUS = Path(sys.executable).with_name("isthmus")
SENTENCES = {
    "a red kangaroo jumps over the grass": "一只红袋鼠在草地上跳",
    "a fire engine on its way to a fire": "消防车去救火",
    "a bowl of strawberries": "一碗草莓",
    "an owl sleeps on a branch": "猫头鹰在树枝上睡觉",
}
_PATIENCE = 60


def write(folder: Path, files: int, broken: int) -> list[str]:
    """Pictures, sounds and texts, no two alike; gives the names of those that are broken."""
    rng = random.Random(0)
    folder.mkdir()
    for number, sentence in enumerate(SENTENCES):
        (folder / f"句{number}.txt").write_text(sentence, encoding="utf-8")
    sounds = [decode(record.items["audio"]) for record in load("shapes", n=8).records]
    for number in range(files - broken - len(SENTENCES)):
        kind = number % 5
        if kind < 3:
            picture = Image.new("RGB", (160, 120), _colour(rng))
            pen = ImageDraw.Draw(picture)
            for _ in range(5):
                left, top = rng.randrange(130), rng.randrange(90)
                pen.ellipse((left, top, left + 30, top + 30), fill=_colour(rng))
            picture.save(folder / f"图 {number}.{('png', 'jpg', 'webp')[kind]}")
        elif kind == 3:
            text = f"note {number}: {' '.join(rng.sample(_WORDS, 5))}"
            (folder / f"{number}.txt").write_text(text, encoding="utf-8")
        else:
            sound = sounds[number % len(sounds)]
            samples = sound.samples * rng.uniform(0.3, 1)
            soundfile.write(folder / f"声{number}.wav", samples, sound.rate)
    names = []
    for number in range(broken):
        name, content = _broken(number)
        (folder / name).write_bytes(content)
        names.append(name)
    return names


_WORDS = ("boat", "tree", "house", "sea", "night", "song", "letter", "bridge", "winter", "lamp")


def _colour(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _broken(number: int) -> tuple[str, bytes]:
    """A file whose beginning says what it is and whose rest is not that, or a text in Latin-1."""
    if number % 5 == 4:
        return f"坏{number}.txt", f"caf\xe9 au lait et cr\xe8me, {number} fois".encode("latin-1")
    noise = random.Random(number).randbytes(400)
    kinds = (
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        ("wav", b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0"),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'><g>"),
    )
    ending, start = kinds[number % 5]
    return f"坏{number}.{ending}", start + noise


def isthmus(*arguments: str, ends: int = 0) -> Any:
    """Run a command with ``--json``; it must end as told."""
    done = subprocess.run([ISTHMUS, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == ends, f"isthmus {arguments[0]}: {done.returncode}\n{done.stderr}"
    return json.loads(done.stdout)


def check_search(media: Path, store: str) -> None:
    """The right text comes first, in two languages; a picture finds itself."""
    for number, (english, chinese) in enumerate(SENTENCES.items()):
        for asked in (english, chinese):
            options = ("--view", "text", "--no-words", "--nearest", "--store", store)
            hits = isthmus("search", asked, *options)["hits"]
            assert Path(hits[0]["source"]).name == f"句{number}.txt", (asked, hits[0])
    picture = next(media.glob("图*.png"))
    hits = isthmus("search", str(picture), "--view", "image", "--store", store)["hits"]
    assert Path(hits[0]["source"]).name == picture.name, hits[0]


def check_server(store: str) -> None:
    """It answers who shows the token, nobody else, and stops when it is told to."""
    token = secrets.token_urlsafe()
    command = [ISTHMUS, "serve", "--host", "0.0.0.0", "--name", "localhost", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--store", store],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ISTHMUS_TOKEN": token, "COLUMNS": "200"},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        port = line.rstrip().rstrip("/").rpartition(":")[2]
        assert port.isdigit(), line
        address = f"http://localhost:{port}"
        body = json.dumps({"query": next(iter(SENTENCES.values())), "k": 3}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/api/search", body, headers)
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            assert json.load(answer)["hits"]
        try:
            urllib.request.urlopen(f"{address}/api/health", timeout=_PATIENCE)
            raise AssertionError("it answered without the token")
        except urllib.error.HTTPError as error:
            assert error.code == 401, error
        process.send_signal(signal.SIGTERM)
        assert process.wait(_PATIENCE) == 0
    finally:
        process.kill()


def main() -> None:
    """Write, index, search, serve; say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--broken", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isthmus-check-") as root:
        media, store = Path(root) / "媒体", str(Path(root) / "store")
        names = write(media, options.files, options.broken)
        started = time.monotonic()
        report = isthmus("index", str(media), "--store", store, ends=4 if names else 0)
        told = sorted(Path(each["source"]).name for each in report["broken"])
        assert told == sorted(names), (told, sorted(names))
        print(f"indexed {report['added']} items in {time.monotonic() - started:.0f} s,")
        print(f"named the {len(told)} files that are broken,")
        again = isthmus("index", str(media), "--store", store, ends=4 if names else 0)
        assert not again["added"] and again["unchanged"] == options.files, again
        check_search(media, store)
        print(f"found texts in English and Chinese, {time.monotonic() - started:.0f} s in all,")
        check_server(store)
        print("and served them to those who show the token. All is well.")


if __name__ == "__main__":
    main()
