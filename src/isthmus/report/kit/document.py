"""A whole page: one HTML file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from string import Template

from isthmus.report.kit.assets import Assets
from isthmus.report.kit.glyphs import defs
from isthmus.report.kit.markup import Markup, join, text


def document(title: str, body: Markup, assets: Assets, *, style: str = "") -> str:
    """Head, policy, style and script around a body.

    Args:
        title: Of the page.
        body: What it says.
        assets: Media that the body shows.
        style: A further style sheet.
    """
    sheets = static("isthmus.report.kit", "static/report.css") + style
    script = static("isthmus.report.kit", "static/report.js")
    return Template(static("isthmus.report.kit", "static/page.html")).substitute(
        title=text(title),
        policy=_policy(sheets, script),
        style=sheets,
        script=script,
        store=join((defs(), assets.sprite())),
        body=body,
    )


def static(package: str, path: str) -> str:
    """A text file that lies beside the modules of a package."""
    return resources.files(package).joinpath(path).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, and only our own style and script may run, by their hashes."""
    return (
        "default-src 'none'; img-src data:; media-src data:; "
        f"style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


CARDS = static("isthmus.report.kit", "static/cards.css")
"""Style of items as cards and of matrices."""
