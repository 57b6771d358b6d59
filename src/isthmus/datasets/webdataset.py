"""WebDataset archives: a tar whose members share a key; nothing is ever unpacked.

This is own code because the webdataset library decodes some members with pickle.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.core.view import TEXT
from isthmus.core.wording import way
from isthmus.datasets._rows import Collector, bytes_item, text_item
from isthmus.datasets.plain import PlainColumns, Wanted
from isthmus.media.limits import DEFAULT

_FIELDS = ("group", "split", "language")
_HIDDEN = "._"
"""How macOS begins the names of files that hold no content."""
_CAPTIONS = ("caption", "captions", "text")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
"""How files begin that gzip, bzip2 and xz have compressed."""
_MOST_RATIO = 200
"""Times that media and captions can expand; only what is made for it expands more."""
_LEAST_EXPANDED = 64 * 2**20
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error)


def load(
    path: Path,
    *,
    max_member_bytes: int = DEFAULT.max_file_bytes,
    max_total_bytes: int = 2 * 2**30,
    fields: Wanted = False,
) -> Dataset:
    """Load an archive: members whose names agree up to the first dot are one record.

    ``a/cat.jpg``, ``a/cat.txt`` and ``a/cat.json`` make the record ``a/cat``. Modalities
    are told from the bytes; ``a/cat.front.jpg`` is of the view ``front``. ``.json`` gives a
    caption where there is no text, and ``group``, ``split`` and ``language``; ``.cls`` is the
    group. Items lie in memory.

    Args:
        path: A tar, plain or compressed.
        max_member_bytes: Larger members are skipped.
        max_total_bytes: Larger archives are refused.
        fields: As in :func:`isthmus.datasets.table.load`: keys of ``.json`` to keep as plain
            columns.

    Returns:
        Records in the order of their first members, wherever the others lie. Of a truncated
        archive the whole members are kept.

    Raises:
        DataError: If nothing in it can be used, or it is too large.
    """
    path = Path(path)
    collector = Collector(str(path))
    groups: dict[str, dict[str, bytes]] = {}
    total = 0
    for name, data in _members(path, max_member_bytes, collector):
        total += len(data)
        if total > max_total_bytes:
            raise DataError(
                f"{path} contains more than {max_total_bytes:,} bytes, and they must fit into "
                "memory; split the file, unpack it into a folder, or give "
                + way(python="max_total_bytes=…", shell="--data-option max_total_bytes=NUMBER")
            )
        key, ending = _split_name(name)
        parts = groups.setdefault(key, {})
        if ending in parts:
            collector.skip(name, "is there twice; the first one is kept")
        else:
            parts[ending] = data
    plain = PlainColumns(path, fields, collector)
    for key, parts in groups.items():
        _add(key, parts, collector, plain)
    collector.check_filled("members that share a key, such as cat.jpg and cat.txt")
    records = plain.filled(collector.records)
    return Dataset(
        path.name,
        records,
        collector.skipped,
        notes=plain.notes,
        kinds=plain.kinds,
        left_out=plain.left_out,
    )


def _members(path: Path, cap: int, collector: Collector) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the members that can be used, up to where the archive breaks.

    What is left out is read past, too, so a member that cannot lie in the file ends it.
    """
    last = "its beginning"
    most = _expanded(path)
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = member.name
                if not member.issparse() and member.offset_data + member.size > most:
                    raise EOFError(f"{name} declares {member.size:,} bytes, too many for this file")
                if PurePosixPath(name).name.startswith(_HIDDEN):
                    continue
                if reason := _why_not(member, cap):
                    if not member.isdir():
                        collector.skip(name, reason)
                    continue
                handle = archive.extractfile(member)
                data = handle.read() if handle is not None else b""
                if len(data) < member.size:
                    raise EOFError(f"{name} has {len(data):,} of {member.size:,} bytes")
                last = name
                yield name, data
    except _DAMAGE as error:
        collector.skip(str(path), f"is truncated or damaged after {last} ({error})")


def _expanded(path: Path) -> int:
    """How many bytes an archive may hold; a compressed one more than its file."""
    size = path.stat().st_size
    with path.open("rb") as handle:
        packed = handle.read(6).startswith(_PACKED)
    return _LEAST_EXPANDED + _MOST_RATIO * size if packed else size


def _why_not(member: tarfile.TarInfo, cap: int) -> str | None:
    name = PurePosixPath(member.name)
    if not member.isfile() or member.issparse():
        return "is not a regular file"
    if name.is_absolute() or ".." in name.parts:
        return "its name leads out of the archive"
    if member.size > cap:
        return f"has {member.size:,} bytes, the limit is {cap:,}"
    try:
        member.name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return None


def _split_name(name: str) -> tuple[str, str]:
    """Key and ending: ``"a/cat.seg.png"`` is ``("a/cat", "seg.png")``."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, _, ending = base.partition(".")
    return folder + slash + stem, ending.lower()


def _add(key: str, parts: dict[str, bytes], collector: Collector, plain: PlainColumns) -> None:
    items: dict[str, MediaItem] = {}
    fields: dict[str, Any] = {}
    for ending, data in parts.items():
        name = f"{key}.{ending}"
        try:
            if ending == "json":
                fields |= _metadata(data)
                continue
            if ending == "cls":
                fields.setdefault("group", data.decode("utf-8", "replace").strip())
                continue
            item = bytes_item(data, None, name)
        except InputError as error:
            collector.skip(name, getattr(error, "reason", str(error)))
            continue
        view = ending.rpartition(".")[0] or item.modality
        if view in items:
            collector.skip(name, f"is another {view} of {key}; the first one is kept")
        else:
            items[view] = item
    if TEXT not in items and (text := text_item(_captions(fields), f"{key}.json")):
        items[TEXT] = text
    others = [
        (name, value)
        for name, value in fields.items()
        if name not in (*_FIELDS, *_CAPTIONS) and plain.takes(name) and value is not None
    ]
    if items or others:
        plain.add(key, key, others)
        known: dict[str, Any] = {
            name: str(fields[name]) for name in _FIELDS if fields.get(name) is not None
        }
        collector.add(Record(key, items, **known), f"the members of {key}")


def _metadata(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise DataError("is not a JSON object")
    return fields


def _captions(fields: dict[str, Any]) -> list[str]:
    for name in _CAPTIONS:
        value = fields.get(name)
        parts = value if isinstance(value, list) else [value]
        if found := [part for part in parts if isinstance(part, str)]:
            return found
    return []
