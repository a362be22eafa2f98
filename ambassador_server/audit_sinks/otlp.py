"""Sends audit records as log records of OpenTelemetry, over OTLP/HTTP with JSON."""

import socket
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import Field

from ambassador_protocol import __version__
from ambassador_server.audit_sinks.shared.http import Poster
from ambassador_server.audit_sinks.shared.options import Headers, TlsOptions, Url, resolve
from ambassador_server.domain.audit.events import AuditRecord, Outcome
from ambassador_server.errors import SinkRefusedError
from ambassador_server.ports.audit_sink import AuditSink

_PATH = "/v1/logs"
_LONGEST_VALUE = 1024
"""How many characters an attribute has at most; the body has the whole value."""
_INFO, _INFO2, _WARN = (9, "INFO"), (10, "INFO2"), (13, "WARN")
_SEVERITIES = {Outcome.DENIED: _WARN, Outcome.FAILED: _INFO2}

ATTRIBUTES: Final = {
    "log.record.uid": "writer:seq",
    "user.id": "actor.id",
    "user.name": "actor.name",
    "session.id": "session_id",
    "client.address": "source",
    "ambassador.outcome": "outcome",
    "ambassador.reason": "reason",
    "ambassador.request.id": "request_id",
    "ambassador.actor.kind": "actor.kind",
    "ambassador.client_key.id": "actor.key_id",
    "ambassador.client_key.name": "actor.key_name",
    "ambassador.resource.kind": "resource.kind",
    "ambassador.resource.id": "resource.id",
    "ambassador.resource.name": "resource.name",
}
"""The attributes of a log record, and the members of the audit record that they hold."""


class Options(TlsOptions):
    """Options of the sink `otlp`."""

    type: Annotated[Literal["otlp"], Field(description="`otlp`.")]
    url: Annotated[
        Url, Field(description=f"Address of the collector without `{_PATH}`, which is added to it.")
    ]
    headers: Annotated[
        Headers, Field(description="Headers of the requests, such as an API key; values by reference.")
    ] = {}  # noqa: RUF012 - a field of pydantic, which copies it
    service: Annotated[
        str, Field(min_length=1, max_length=100, description="`service.name` of the resource.")
    ] = "mcp-ambassador"
    compression: Annotated[Literal["gzip", "none"], Field(description="Compression of the requests.")] = (
        "gzip"
    )


class Otlp:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, options: Options) -> None:
        self._encode = options.encode
        self._headers = {name: resolve(value, options.name) for name, value in options.headers.items()}
        self._headers["Content-Type"] = "application/json"
        about = {
            "service.name": options.service,
            "service.version": __version__,
            "host.name": socket.gethostname(),
        }
        resource = msgspec.json.encode({"attributes": _attributes(about)})
        scope = msgspec.json.encode({"name": "ambassador.audit", "version": __version__})
        self._begin = b'{"resourceLogs":[{"resource":%b,"scopeLogs":[{"scope":%b,"logRecords":[' % (
            resource,
            scope,
        )
        self._poster = Poster(
            options.url.rstrip("/") + _PATH, options.ssl_context(), compresses=options.compression == "gzip"
        )

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """POST the records as one request."""
        body = self._begin + b",".join(self._log_record(record) for record in records) + b"]}]}]}"
        _check_partial(await self._poster.post(body, self._headers))

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()

    def _log_record(self, record: AuditRecord) -> bytes:
        event = record.event
        number, text = _SEVERITIES.get(event.outcome, _INFO)
        at = str(round(event.at.timestamp() * 1_000_000) * 1000)
        return msgspec.json.encode(
            {
                "timeUnixNano": at,
                "observedTimeUnixNano": at,
                "severityNumber": number,
                "severityText": text,
                "eventName": event.action,
                "body": {"stringValue": self._encode(record).decode()},
                "attributes": _attributes(_values(record)),
            }
        )


def _values(record: AuditRecord) -> dict[str, str | None]:
    event = record.event
    actor, resource = event.actor, event.resource
    values = (
        *(f"{record.writer}:{record.seq}", actor.id, actor.name, event.session_id, event.source),
        *(event.outcome, event.reason, event.request_id, actor.kind, actor.key_id, actor.key_name),
        *(resource.kind, resource.id, resource.name),
    )
    return dict(zip(ATTRIBUTES, values, strict=True))


def _attributes(values: Mapping[str, str | None]) -> list[dict[str, Any]]:
    return [
        {"key": name, "value": {"stringValue": value[:_LONGEST_VALUE]}}
        for name, value in values.items()
        if value is not None
    ]


class _Partial(msgspec.Struct, rename="camel"):
    rejected_log_records: int | str = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial = msgspec.field(default_factory=_Partial)


def _check_partial(answer: bytes) -> None:
    """Raise SinkRefusedError if the collector has taken the request but not all of its records."""
    try:
        partial = msgspec.json.decode(answer, type=_Answer).partial_success
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return  # An answer without a body, or in another form, reports nothing.
    if str(partial.rejected_log_records) not in ("0", ""):
        raise SinkRefusedError(f"the collector rejects records: {partial.error_message}")


def build(options: Options) -> AuditSink:
    """Return an unconnected collector."""
    return Otlp(options)
