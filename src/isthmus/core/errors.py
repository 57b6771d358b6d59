"""The errors isthmus raises.

Every error derives from :class:`IsthmusError`, so ``except isthmus.IsthmusError``
catches all of them and nothing else::

    IsthmusError
    ├── InputError (ValueError)        what was handed in cannot be used
    │   ├── MediaError                 one file, blob or caption
    │   │   ├── UnsupportedMediaError  not a kind that isthmus reads
    │   │   ├── CorruptMediaError      truncated, damaged, undecodable
    │   │   ├── EmptyMediaError        zero bytes, blank caption
    │   │   │   └── SilentMediaError   a recording in which nothing is heard
    │   │   └── MediaTooLargeError     past a cap on pixels, seconds, characters
    │   ├── DataError                  a data set: columns, rows, ids, pairs
    │   └── VectorError                an array: shape, dtype, NaN, zero rows
    ├── PartlyEncodedError              some items of a batch have vectors, then it stopped
    ├── NotFittedError                 an aligner used before ``fit``
    ├── NoSignalError                  the pairs do not carry an alignment
    ├── MissingExtraError (ImportError)  an optional dependency is not installed
    ├── MissingDataError (LookupError)   a data set or model file is not there
    ├── RemoteError                     a server that was named does not do what it is asked
    └── ArtifactError                  a saved folder cannot be read
        ├── FormatVersionError         written by another format version
        ├── IntegrityError             checksum does not match
        ├── FingerprintError           belongs to another encoder or space
        └── UntrustedError             names code that the caller does not trust
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: a library that is stopped half imported raises its own.

    Args:
        error: With what it was raised from, and while what was handled.
    """
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop()
        if isinstance(each, KeyboardInterrupt):
            return True
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            left += [each.__cause__, each.__context__]
    return False


class IsthmusError(Exception):
    """Base of every error that isthmus raises on purpose."""


class InputError(IsthmusError, ValueError):
    """Something the caller handed in cannot be used as it is."""


class MediaError(InputError):
    """One item of media cannot be used.

    Args:
        source: What the user knows the item by: a path, a row, a quoted caption.
        reason: What is wrong with it, as the end of a sentence.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, str]]:
        """Survive the way back from a worker process."""
        return type(self), (self.source, self.reason)


class UnsupportedMediaError(MediaError):
    """The content is of no kind that isthmus reads."""


class CorruptMediaError(MediaError):
    """The content is truncated, damaged or cannot be decoded."""


class EmptyMediaError(MediaError):
    """There is nothing in it: zero bytes, silence, a blank caption."""


class SilentMediaError(EmptyMediaError):
    """A recording, or the span of it that is asked for, is silent from beginning to end."""


class MediaTooLargeError(MediaError):
    """The content passes a cap on bytes, pixels, seconds or characters."""


class DataError(InputError):
    """A data set cannot be used: columns, rows, ids or pairs."""


class VectorError(InputError):
    """An array of vectors cannot be used: shape, dtype, NaN, zero rows."""


class PartlyEncodedError(IsthmusError):
    """An encoder has vectors of some items of a batch only; those need not be made again.

    Args:
        message: Why it has no others.
        vectors: ``(n, dim)`` float32 in the order of the batch; rows that are missing are NaN.
        cause: What stopped it: an :class:`InputError` where other items may go on.
    """

    def __init__(
        self,
        message: str,
        *,
        vectors: NDArray[np.float32] | None = None,
        cause: IsthmusError | None = None,
    ) -> None:
        super().__init__(message)
        self.vectors = vectors
        self.cause = cause


class NotFittedError(IsthmusError):
    """An aligner was asked for its result before ``fit``."""


class NoSignalError(IsthmusError):
    """The pairs carry no alignment: held-out pairs do no better than shuffled ones."""


class MissingExtraError(IsthmusError, ImportError):
    """An optional dependency is not installed."""


class MissingDataError(IsthmusError, LookupError):
    """A data set or a model file is not on this machine."""


class RemoteError(IsthmusError):
    """A server that the user named cannot be reached, refuses, or does not speak the protocol.

    Args:
        message: What happened, and what to do.
        status: Of its answer; None where there was none.
        wait: Seconds after which it may be asked again, where it says so.
    """

    def __init__(
        self, message: str, *, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


class ArtifactError(IsthmusError):
    """A saved folder cannot be read."""


class FormatVersionError(ArtifactError):
    """The folder was written in a format version that this release does not read."""


class IntegrityError(ArtifactError):
    """A checksum does not match: the file was damaged or changed by hand."""


class FingerprintError(ArtifactError):
    """Two things that must belong together do not."""


class UntrustedError(ArtifactError):
    """An artefact names code of a package that the caller does not trust; nothing was run."""
