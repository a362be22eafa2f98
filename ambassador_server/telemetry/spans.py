"""Spans of OpenTelemetry, behind the port of the services."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace import Span as LibrarySpan
from opentelemetry.trace import SpanKind as LibraryKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ambassador_server.ports.tracing import Attributes, SpanKind
from ambassador_server.telemetry.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    context_in,
    valid_context,
    with_context,
)

_KINDS: Final = {
    SpanKind.SERVER: LibraryKind.SERVER,
    SpanKind.CLIENT: LibraryKind.CLIENT,
    SpanKind.INTERNAL: LibraryKind.INTERNAL,
}
_LONGEST_NAME: Final = 160
_propagator = TraceContextTextMapPropagator()


class OtelTracer:
    """Implements `ports.tracing.Tracer`."""

    def __init__(self, tracer: SdkTracer, *, propagates: bool) -> None:
        self._tracer = tracer
        self.propagates = propagates

    def span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        meta: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> "OtelSpan":
        """Return a span that begins and ends with its block."""
        found = context_in(meta) if meta else {}
        if not found and headers is not None:
            found = valid_context(
                {each: headers[each] for each in (TRACEPARENT, TRACESTATE) if each in headers}
            )
        around = get_current_span().get_span_context()
        parent = _propagator.extract(found, Context()) if found else None
        links = [Link(around)] if parent is not None and around.is_valid else None
        return OtelSpan(
            self._tracer.start_span(
                name[:_LONGEST_NAME],
                parent,
                kind=_KINDS[kind],
                attributes=attributes,
                links=links,
                record_exception=False,
                set_status_on_exception=False,
            )
        )


class OtelSpan:
    """Implements `ports.tracing.Span`, and is its own block."""

    __slots__ = ("_failed", "_span", "_token")

    def __init__(self, span: LibrarySpan) -> None:
        self._span = span
        self._failed = False
        self._token = contexts.attach(set_span_in_context(span))

    def __enter__(self) -> "OtelSpan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        contexts.detach(self._token)
        if kind is not None and not self._failed:
            # The name of a class is ours; the message may hold what a downstream or a caller said.
            self.fail("cancelled" if issubclass(kind, asyncio.CancelledError) else kind.__name__)
        self._span.end()

    @property
    def trace_id(self) -> str:
        """Return the id of the trace."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def fail(self, error_type: str) -> None:
        """Mark the span as failed."""
        self._failed = True
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    def carried_by(self, meta: bytes) -> bytes:
        """Return the `_meta` object with the context of this span."""
        return with_context(meta, _context_of(self._span.get_span_context()))


def _context_of(span: SpanContext) -> dict[str, str]:
    found = {TRACEPARENT: f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"}
    state = span.trace_state.to_header()
    return found | ({TRACESTATE: state} if state else {})
