"""Caps past which an item is refused before it costs memory or time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one item may cost.

    Attributes:
        max_file_bytes: Size of the file or blob.
        max_pixels: Width times height that an image may declare; 50 megapixels decode
            into 150 MB. A JPEG may declare eight times as many and is read smaller.
        max_seconds: Duration of a recording.
        max_long_seconds: Duration of a recording or a video that is taken in by span, of which each
            costs what one item costs.
        max_samples: Samples of a recording over all channels, whatever its rate; two
            channels at 48 kHz for ten minutes stay below.
        max_channels: Channels of a recording.
        max_video_bytes: Size of the file of a video, which is read as a stream.
        max_frame_pixels: Width times height that frames of a video may declare; 8192×4320 is
            below. Frames that are kept together stay below ``max_pixels``: they come smaller.
        max_video_frames: Frames of a video; six hours of 90 a second stay below.
        max_animation_pixels: Width times height times frames of a picture that moves. Each frame is
            decoded to learn how long it is shown: about 50 megapixels of PNG or WebP a second, 120
            of GIF. Two minutes of 1280×720 at 25 a second stay below.
        max_characters: Length of one caption.
        max_long_characters: Length of a text that is taken in by span.
        max_svg_bytes: Size of an SVG, after decompression.
        svg_seconds: Time that drawing an SVG may take.
    """

    max_file_bytes: int = 256 * 2**20
    max_pixels: int = 50_000_000
    max_seconds: float = 600.0
    max_long_seconds: float = 21_600.0
    max_samples: int = 60_000_000
    max_channels: int = 16
    max_video_bytes: int = 16 * 2**30
    max_frame_pixels: int = 36_000_000
    max_video_frames: int = 2_000_000
    max_animation_pixels: int = 3_000_000_000
    max_characters: int = 20_000
    max_long_characters: int = 5_000_000
    max_svg_bytes: int = 16 * 2**20
    svg_seconds: float = 10.0


DEFAULT = Limits()
"""The caps that everything uses unless told otherwise."""
