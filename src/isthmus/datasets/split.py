"""Parts of a data set: held-out records, and records that meet only through text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.record import Dataset, Record
from isthmus.core.view import TEXT


def hold_out(dataset: Dataset, share: float, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Deal records at random into those to learn from and those to test on.

    Args:
        dataset: At least two records.
        share: Of the records that are held out, in 0…1.
        seed: Of the deal.

    Returns:
        The rest, and the held-out part.
    """
    count = round(share * len(dataset))
    if not 0 < count < len(dataset):
        raise DataError(
            f"{dataset.name}: cannot hold out {share:g} of {len(dataset)} records; "
            "both parts need at least one"
        )
    order = np.random.default_rng(seed).permutation(len(dataset))
    return dataset.take(np.sort(order[count:])), dataset.take(np.sort(order[:count]))


def through_text(dataset: Dataset) -> Dataset:
    """Split records so that every other view shares a record with text alone.

    A record of text, image and sound becomes one of text and image and one of text and
    sound. What is learned between image and sound is then learned through text.

    Args:
        dataset: Any records; those of two views or fewer stay as they are.
    """
    records: list[Record] = []
    for record in dataset.records:
        others = [m for m in record.items if m != TEXT]
        if TEXT not in record.items or len(others) < 2:
            records.append(record)
            continue
        for m in others:
            items = {TEXT: record.items[TEXT], m: record.items[m]}
            records.append(replace(record, id=f"{record.id}#{m}", items=items))
    return replace(dataset, records=records)
