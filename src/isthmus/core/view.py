"""Modalities, views, and ordered and unordered pairs of views."""

from __future__ import annotations

TEXT = "text"
IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
MEDIA_MODALITIES = (TEXT, IMAGE, AUDIO, VIDEO)
"""The modalities with media of their own; any other name means vectors a user brings."""
