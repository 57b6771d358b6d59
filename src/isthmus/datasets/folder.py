"""Folders whose files share a stem, and Hugging Face style folders with ``metadata.csv``."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO, meant
from isthmus.datasets import table
from isthmus.datasets._rows import Collector, text_file_item
from isthmus.datasets.plain import Wanted
from isthmus.media.arrays import NPY, apart, is_arrays_folder
from isthmus.media.source import item_from_path, walk

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_SPLITS = {"train": "train", "test": "test", "validation": "validation", "valid": "validation"}
_VIEWS = (TEXT, IMAGE, AUDIO, VIDEO)
_NEED = "files with the same name before the dot, such as cat.png and cat.txt"


def load(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    fields: Wanted = False,
) -> Dataset:
    """Load a folder.

    Files of one sub-folder that share a stem (``cat.png``, ``cat.txt``, ``cat.ogg``) are
    one record; the sub-folder is its group. A file without partner is a record of one
    modality. Where the folder or its sub-folders hold ``metadata.csv``, ``.jsonl`` or
    ``.parquet`` with a column ``file_name``, those tables are read instead; a sub-folder
    named ``train``, ``validation`` or ``test`` is then the split. A folder of nothing but ``.npy``
    files is a table, of which each file is a column.

    Args:
        path: The folder.
        columns: As in :func:`isthmus.datasets.table.load`, for metadata tables.
        fields: Likewise; files have none.

    Returns:
        Records in path order; files that cannot be used are listed under ``skipped``.

    Raises:
        DataError: If nothing in it can be used.

    """
    root = Path(path)
    if is_arrays_folder(root):
        return replace(table.load(root, columns=columns, fields=fields), name=root.resolve().name)
    collector = Collector(str(root))
    files = list(walk(root, skipped=collector.skipped))
    tables = [file for file in files if file.name in _METADATA]
    if tables:
        return _load_metadata(root, tables, columns or {}, fields, collector)
    if columns:
        raise DataError(
            f"{root} has no {' or '.join(_METADATA)}, so it has no columns; "
            f"its files are the views text, image, audio and video."
            f"{meant(next(iter(columns)), _VIEWS)}"
        )
    stems: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        stems[_stem(root, file)].append(file)
    single = [each[0] for each in stems.values() if len(each) == 1]
    alone = [file.name for file in single if file.suffix.lower() == NPY]
    for key, members in stems.items():
        items = _items(members, collector)
        if items:
            group = key.rpartition("/")[0] or None
            collector.add(Record(key, items, group=group), str(members[0]))
    collector.check_filled(_NEED)
    notes = [apart(alone)] if len(alone) > 1 else []
    return Dataset(root.resolve().name, collector.records, collector.skipped, notes=notes)


def _items(members: list[Path], collector: Collector) -> dict[str, MediaItem]:
    items: dict[str, MediaItem] = {}
    for file in members:
        try:
            item = item_from_path(file)
            if item.modality not in items and item.modality == TEXT:
                item = text_file_item(item)
        except InputError as error:
            collector.skip(str(file), getattr(error, "reason", str(error)))
            continue
        if item.modality in items:
            first = Path(items[item.modality].source).name
            reason = f"is a second {item.modality} beside {first}; give it another name"
            collector.skip(str(file), reason)
        else:
            items[item.modality] = item
    return items


def _stem(root: Path, file: Path) -> str:
    """Path below the root without suffix; composed, as some systems store accents apart."""
    return unicodedata.normalize("NFC", file.relative_to(root).with_suffix("").as_posix())


def _load_metadata(
    root: Path,
    tables: list[Path],
    columns: Mapping[str, str],
    fields: Wanted,
    collector: Collector,
) -> Dataset:
    notes: dict[str, None] = {}
    kinds: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for file in tables:
        below = file.parent.relative_to(root)
        prefix = "" if below == Path() else f"{below.as_posix()}/"
        split = _SPLITS.get(below.parts[0]) if below.parts else None
        part = table.load(
            file, columns=columns, fields=fields, root=root, id_prefix=prefix, split=split
        )
        notes.update(dict.fromkeys(part.notes))
        kinds |= part.kinds
        left_out |= part.left_out
        for record in part.records:
            collector.add(record, f"{file}: {record.id.rpartition('/')[2]}")
        for failure in part.skipped:
            collector.skip(f"{file}, {failure.source}", failure.reason)
    collector.check_filled("rows whose file_name exists")
    return Dataset(
        root.resolve().name,
        collector.records,
        collector.skipped,
        notes=list(notes),
        kinds=kinds,
        left_out=left_out,
    )
