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
        _check_server(name, options, check_trust(trust))


def _check_server(address: str, options: str, trusted: Sequence[str]) -> None:
    """Refuse a server that is not trusted, or not with the keys that it would get."""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc}"
    given = [each.partition("=") for each in options.split("&")]
    keys = dict.fromkeys(value.strip() for option, _, value in given if option.strip() == "key")
    need = [f"{origin}?key={key}" for key in keys if key] or [origin]
    if all(each in trusted for each in need):
        return
    if need == [origin] and any(each.startswith(f"{origin}?key=") for each in trusted):
        return  # who may have a key may have the items, too
    named = " and ".join(f"${key:.80}" for key in keys if key)
    secret = f", and the key that {named} holds," if named else ""
    which = (
        "with which you have not trusted it" if origin in trusted else "which you have not trusted"
    )
    raise UntrustedError(
        f"the space sends what it encodes{secret} to {origin}, {which}, so nothing was sent. If "
        "you know that server, say so: "
        + way(
            python=f"trust={need!r}",
            shell=" ".join(
                f"--trust '{each}'" if "?" in each else f"--trust {each}" for each in need
            ),
        )
    )
