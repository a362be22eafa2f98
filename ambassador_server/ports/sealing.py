"""Seals small values that hosts keep and send back, so that they can neither read nor change them."""

from typing import Protocol


class Sealer(Protocol):
    """Seals bytes for one context; what was sealed for another context cannot be opened."""

    def seal(self, content: bytes, context: bytes) -> str:
        """Return the sealed content as text."""
        ...

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """Return the content, or None for a text that was not sealed for this context, or was changed."""
        ...
