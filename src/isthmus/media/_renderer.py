"""The child process that draws SVG."""

from __future__ import annotations

import atexit
import os
import struct

from isthmus.core.errors import CorruptMediaError
from isthmus.media.child import ChildLostError, ChildProcess

_CHILD = ["-m", "isthmus.media._render_child"]
_SIDE = struct.Struct("<I")


class Renderer:
    """Draws in a child that starts with the first drawing and is replaced when it is lost."""

    def __init__(self) -> None:
        self._process = ChildProcess(_CHILD)

    def draw(self, markup: str, *, side: int, seconds: float, source: str) -> bytes:
        """Draw cleaned markup.

        Args:
            markup: SVG without references to anything outside.
            side: Length of the longer side, in pixels.
            seconds: After this time the child is killed.
            source: What the user knows it by, for messages.

        Returns:
            A PNG on white.

        Raises:
            CorruptMediaError: If drawing fails, crashes or takes too long.
        """
        request = _SIDE.pack(side) + markup.encode("utf-8", "replace")
        try:
            status, reply = self._process.ask(request, seconds=seconds)
        except ChildLostError as error:
            what = f"took longer than {seconds:g} s" if error.late else "crashed"
            raise CorruptMediaError(source, f"drawing it {what}") from error
        if status:
            reason = reply.decode("utf-8", "replace")
            raise CorruptMediaError(source, f"cannot be drawn ({reason})")
        return reply

    def close(self) -> None:
        """End the child, if this process started one."""
        self._process.close()

    def forget(self) -> None:
        """Start over in a forked process."""
        self._process.forget()


RENDERER = Renderer()
"""The one that this process uses."""

atexit.register(RENDERER.close)
os.register_at_fork(after_in_child=RENDERER.forget)
