"""A table of reviews with a text, two numbers and a category, whose answer is known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

WORDS = {"bad": ("awful", "broken"), "fine": ("decent", "plain"), "good": ("lovely", "great")}
COLUMNS = ("id", "review", "price", "weight", "colour", "shop", "mood")


def write_reviews(path: Path, n: int = 90, *, seed: int = 0, gaps: bool = True) -> Path:
    """A CSV with ``n`` rows; text and numbers each tell part of the mood."""
    rng = np.random.default_rng(seed)
    moods = list(WORDS)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for row in range(n):
            code = row % 3
            word = WORDS[moods[code if rng.random() < 0.8 else rng.integers(3)]][row % 2]
            review = f"I think that this {word} thing number {row} came on a {row % 7}th day"
            price: object = round(5 + 2.0 * code + rng.normal(), 2)
            weight: object = round(rng.normal(), 2)
            colour = ("red", "blue", "green")[code if rng.random() < 0.6 else rng.integers(3)]
            if gaps and row % 9 == 4:
                review = ""
            if gaps and row % 7 == 3:
                price = ""
            out.writerow([f"r{row}", review, price, weight, colour, f"s{row // 2}", moods[code]])
    return path
