"""The formats that isthmus reads: one table that everything else about formats follows from."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO

EXTRA = "formats"
"""The extra that brings the packages for formats that the core does not read."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Attributes:
        name: As :func:`isthmus.media.sniff.container` tells it.
        title: As people call it.
        modality: What it holds.
        suffixes: Names of such files end so.
        media_type: Where a browser shows or plays it as it is, else ``None``.
        pillow: Name of Pillow's decoder, for a picture that Pillow opens.
        module: Package that reads it, beyond those that isthmus always needs.
        read: False where isthmus knows the kind and does not read it.
        fixed: Whether every such file begins with the same bytes, so that one is damaged which
            begins otherwise.
    """

    name: str
    title: str
    modality: str
    suffixes: tuple[str, ...] = ()
    media_type: str | None = None
    pillow: str | None = None
    module: str | None = None
    read: bool = True
    fixed: bool = False

    @property
    def available(self) -> bool:
        """Whether what reads it is installed; the package is looked up, not imported."""
        if self.pillow == "AVIF":
            from PIL import features

            return bool(features.check("avif"))
        installed = self.module is None or importlib.util.find_spec(self.module) is not None
        return self.read and installed

    @property
    def missing(self) -> str:
        """What is missing and the way out, as the end of a message."""
        if self.module is None:
            return f"is {self.title}, which this build of Pillow does not read; upgrade Pillow"
        return (
            f"is {self.title}, which needs the package {self.module!r}; "
            f"run: pip install 'isthmus[{EXTRA}]', then index with --retry"
        )


_RAW = (
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".rw2"),
    *(".orf", ".pef", ".srw"),
)
_FORMATS = (
    Format("png", "PNG", IMAGE, (".png",), "image/png", "PNG", fixed=True),
    Format("jpeg", "JPEG", IMAGE, (".jpg", ".jpeg"), "image/jpeg", "JPEG"),
    Format("webp", "WebP", IMAGE, (".webp",), "image/webp", "WEBP", fixed=True),
    Format("gif", "GIF", IMAGE, (".gif",), "image/gif", "GIF", fixed=True),
    Format("bmp", "BMP", IMAGE, (".bmp",), "image/bmp", "BMP"),
    Format("tiff", "TIFF", IMAGE, (".tif", ".tiff"), None, "TIFF"),
    Format("avif", "AVIF", IMAGE, (".avif",), "image/avif", "AVIF"),
    Format("heic", "HEIC", IMAGE, (".heic", ".heif", ".hif"), None, "HEIF", "pillow_heif"),
    Format("jxl", "JPEG XL", IMAGE, (".jxl",), None, "JXL", "pillow_jxl"),
    Format("raw", "camera RAW", IMAGE, _RAW, None, None, "rawpy"),
    Format("svg", "SVG", IMAGE, (".svg",), "image/svg+xml"),
    Format("svgz", "SVGZ", IMAGE, (".svgz",)),
    Format("wav", "WAV", AUDIO, (".wav",), "audio/wav"),
    Format("ogg", "Ogg", AUDIO, (".ogg", ".oga", ".opus"), "audio/ogg", fixed=True),
    Format("flac", "FLAC", AUDIO, (".flac",), "audio/flac", fixed=True),
    Format("mp3", "MP3", AUDIO, (".mp3",), "audio/mpeg"),
    Format("aiff", "AIFF", AUDIO, (".aif", ".aiff", ".aifc")),
    Format("m4a", "M4A", AUDIO, (".m4a", ".m4b"), "audio/mp4", module="av"),
    Format("aac", "AAC", AUDIO, (".aac",), "audio/aac", module="av"),
    Format("wma", "WMA", AUDIO, (".wma",), module="av"),
    Format("mka", "Matroska sound", AUDIO, (".mka", ".weba"), "audio/webm", None, "av", fixed=True),
    Format("text", "text", TEXT, (), "text/plain; charset=utf-8"),
    Format("mp4", "MP4", VIDEO, (".mp4", ".m4v", ".mov"), "video/mp4", module="av"),
    Format("matroska", "Matroska", VIDEO, (".mkv", ".webm"), "video/webm", None, "av", fixed=True),
    Format("avi", "AVI", VIDEO, (".avi",), module="av"),
    Format("theora", "Theora", VIDEO, (".ogv",), "video/ogg", None, "av", fixed=True),
    Format("mpegts", "MPEG-TS", VIDEO, (".ts", ".mts", ".m2ts"), module="av"),
    Format("mpeg", "MPEG-PS", VIDEO, (".mpg", ".mpeg", ".vob"), module="av"),
    Format("wmv", "WMV", VIDEO, (".wmv",), module="av"),
)
FORMATS = {each.name: each for each in _FORMATS}
"""Every kind of file that is told apart and has a modality, by name."""
MEDIA_TYPES = {each.name: each.media_type for each in _FORMATS if each.media_type is not None}
"""Media types by container, of those that a browser shows or plays as they are."""
MODALITIES = {suffix: each.modality for each in _FORMATS for suffix in each.suffixes}
"""What files hold by the end of their names, in lower case."""
SUFFIXES = frozenset(MODALITIES)
"""Ends of the names of pictures, recordings and videos, in lower case."""
TEXT_SUFFIXES = frozenset({".txt", ".md", ".rst"})
"""Ends of the names of plain texts, in lower case; others are told by their content."""


def named_format(name: str) -> Format | None:
    """The kind of file that a name is of by its end; None where that is of none.

    Examples:
        >>> named_format("bird.OGG").title, named_format("notes.txt")
        ('Ogg', None)
    """
    suffix = PurePath(name).suffix.lower()
    return next((each for each in _FORMATS if suffix and suffix in each.suffixes), None)


def unavailable() -> list[Format]:
    """Formats that isthmus reads as soon as something is installed."""
    return [each for each in _FORMATS if each.read and not each.available]


def listed(formats: Iterable[Format] = _FORMATS) -> str:
    """The titles of those formats that isthmus reads, as a sentence names them.

    Examples:
        >>> listed([FORMATS["png"], FORMATS["wav"], FORMATS["mp4"], FORMATS["text"]])
        'PNG, WAV, MP4 and text'
    """
    *first, last = [each.title for each in formats if each.read]
    return f"{', '.join(first)} and {last}" if first else last
