"""What of moments is saved as JSON, and what it must be when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from isthmus.core.artifact import Tensors
from isthmus.core.document import from_document
from isthmus.core.encoded import EncodedBy
from isthmus.core.errors import ArtifactError
from isthmus.moments.spectra import Products
from isthmus.moments.sums import check_sum


@dataclass(frozen=True)
class Document:
    """All but the sums."""

    views: tuple[str, ...]
    dims: tuple[int, ...]
    products: Products
    encoders: Mapping[str, EncodedBy] = field(default_factory=dict)


def read_document(document: Mapping[str, Any], tensors: Tensors) -> Document:
    """A document, if the arrays beside it are as large as it says.

    Raises:
        ArtifactError: If it is none, or they are not.
    """
    read = from_document(Document, dict(document), "moments")
    if len(read.views) != len(read.dims) or len(set(read.views)) != len(read.views):
        raise ArtifactError("moments: need a dimension for each view")
    if unknown := [m for m in read.encoders if m not in read.views]:
        raise ArtifactError(f"moments: there is an encoder of {unknown[0]!r}, but no such view")
    for place, d in enumerate(read.dims):  # before anything of that size is made
        check_sum(tensors, f"{place}.second", (d, d))
    return read
