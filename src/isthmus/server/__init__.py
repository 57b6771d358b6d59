"""A store behind HTTP: an API, a page, and tools for language models."""

from __future__ import annotations

from isthmus.server.app import create_app
from isthmus.server.run import serve
from isthmus.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
