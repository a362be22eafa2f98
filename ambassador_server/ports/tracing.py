"""Spans of a trace, as a port: what is traced, and the context that goes on to the next server."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol, TypeAlias

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


class SpanKind(StrEnum):
    """What a span is: a request that was received, one that is sent, or work in between."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


class Span(Protocol):
    """A span that has begun; texts are cut where they are too long."""

    @property
    def trace_id(self) -> str:
        """Return the id of the trace in hexadecimal digits."""
        ...

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, error_type: str) -> None:
        """Mark the span as failed, with a word of a closed list."""
        ...

    def carried_by(self, meta: bytes) -> bytes:
        """Return the raw `_meta` object with the context of this span, and without another one.

        What is no object is returned unchanged.
        """
        ...


class Tracer(Protocol):
    """Begins spans; each is the child of the span around it in the same task, unless it is given another parent."""

    def span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        meta: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        """Begin a span that ends with the block; an exception that leaves the block marks it as failed.

        The context in the raw `_meta` object of a request, or in the headers of one, is the parent if it is valid. The
        span around is linked to it then.
        """
        ...

    @property
    def propagates(self) -> bool:
        """Tell whether downstreams get the context."""
        ...
