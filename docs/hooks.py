"""Shows Sphinx roles of docstrings, such as ``:func:`load```, as plain code."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):<code>~?")
_DOUBLE_COLON = re.compile(r"::</p>\s*(?=<pre|<div class=\"[^\"]*highlight)")


def on_page_content(html: str, **_: Any) -> str:
    """Called by MkDocs with the body of each page."""
    return _DOUBLE_COLON.sub(":</p>\n", _ROLE.sub("<code>", html))
