"""What the name of an encoder may ask for where it stands in an artefact."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from isthmus.core.errors import UntrustedError
from isthmus.core.registry import check_trust
from isthmus.core.wording import way


def check_scheme(scheme: str, name: str, options: str, trust: Sequence[str]) -> None:
    """Refuse what a name from an artefact may not ask for: a stranger's code or server.

    Args:
        scheme: Of the encoder.
        name: Behind it; an address is its own name.
        options: As ``a=b&c=d``.
        trust: Packages and servers that the user trusts.

    Raises:
        UntrustedError: If it asks for either.
    """
    if "trust_remote_code" in options.replace("-", "_"):
        raise UntrustedError(
            f"encoder '{scheme}:{name:.80}' asks to run code that comes with the model, so nothing "
            "was loaded. If you know the model, make the encoder yourself: space.attach(encoder)"
        )
    if scheme in ("http", "https"):
        parts = urlsplit(name)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in check_trust(trust):
            keys = [f"${each[4:]:.40}" for each in options.split("&") if each.startswith("key=")]
            named = " and ".join(dict.fromkeys(keys))
            secret = f", and what {named} holds," if keys else ""
            raise UntrustedError(
                f"the space sends what it encodes{secret} to {origin}, which you have not trusted, "
                "so nothing was sent. If you know that server, say so: "
                + way(python=f"trust=[{origin!r}]", shell=f"--trust {origin}")
            )
