"""Sends audit records to the log intake of Datadog over HTTP, compressed."""

import socket
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, model_validator

from ambassador_protocol import __version__
from ambassador_server.audit_sinks.shared.http import Poster
from ambassador_server.audit_sinks.shared.options import Reference, TlsOptions, Url, resolve
from ambassador_server.domain.audit.events import AuditRecord, Outcome
from ambassador_server.ports.audit_sink import AuditSink

_PATH = "/api/v2/logs"
_MOST_RECORDS = 1000
_LARGEST_BODY = 5_000_000
_LARGEST_RECORD = 900_000
"""Datadog takes 1,000 entries and 5 MB in a request, and 1 MB in an entry; an entry is a record and a little more."""
_LONGEST_NAME = 200
_STATUSES = {Outcome.DENIED: "warning", Outcome.FAILED: "notice"}


class Options(TlsOptions):
    """Options of the sink `datadog`."""

    type: Annotated[Literal["datadog"], Field(description="`datadog`.")]
    api_key: Annotated[Reference, Field(description="API key, by reference.")]
    site: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
            description=f"Site of the organisation; records go to `https://http-intake.logs.SITE{_PATH}`.",
        ),
    ] = "datadoghq.com"
    url: Annotated[
        Url | None,
        Field(
            description=f"Address of a proxy to send to instead, without a path; `{_PATH}` is added to it."
        ),
    ] = None
    service: Annotated[str, Field(min_length=1, max_length=100, description="Service of the entries.")] = (
        "mcp-ambassador"
    )
    tags: Annotated[
        str,
        Field(max_length=1000, description="Tags of the entries, such as `env:prod,team:platform`."),
    ] = ""
    host: Annotated[
        str | None,
        Field(min_length=1, max_length=255, description="Host of the entries, else this machine's name."),
    ] = None

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.record_bytes > _LARGEST_RECORD:
            raise ValueError(f"record_bytes: an entry of Datadog holds at most {_LARGEST_RECORD}")
        return self


class Datadog:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, options: Options) -> None:
        self._encode = options.encode
        self._headers = {
            "Content-Type": "application/json",
            "DD-API-KEY": resolve(options.api_key, options.name),
        }
        about = {
            "ddsource": "mcp-ambassador",
            "service": options.service,
            "hostname": options.host or socket.gethostname(),
            "ddtags": ",".join(filter(None, (options.tags, f"version:{__version__}"))),
        }
        self._about = msgspec.json.encode(about).removesuffix(b"}")
        base = options.url or f"https://http-intake.logs.{options.site}"
        self._poster = Poster(base.rstrip("/") + _PATH, options.ssl_context(), compresses=True)

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """POST the records as entries, in as many requests as the intake demands."""
        for body in _bodies(self._entry(record) for record in records):
            await self._poster.post(body, self._headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()

    def _entry(self, record: AuditRecord) -> bytes:
        # The record is one attribute, because `source`, `host` and others mean something else in an entry.
        own = {
            "timestamp": round(record.event.at.timestamp() * 1000),
            "status": _STATUSES.get(record.event.outcome, "info"),
            "message": _message(record),
        }
        rest = msgspec.json.encode(own)[1:-1]
        return b'%b,%b,"audit":%b}' % (self._about, rest, self._encode(record))


def _message(record: AuditRecord) -> str:
    event = record.event
    words = (event.action, (event.resource.name or event.resource.kind)[:_LONGEST_NAME], event.outcome)
    return " ".join(words)


def _bodies(entries: Iterator[bytes]) -> Iterator[bytes]:
    """Put the entries into arrays within the bounds of a request."""
    waiting: list[bytes] = []
    size = 2
    for entry in entries:
        if waiting and (len(waiting) == _MOST_RECORDS or size + len(entry) + 1 > _LARGEST_BODY):
            yield b"[%b]" % b",".join(waiting)
            waiting, size = [], 2
        waiting.append(entry)
        size += len(entry) + 1
    if waiting:
        yield b"[%b]" % b",".join(waiting)


def build(options: Options) -> AuditSink:
    """Return an unconnected intake."""
    return Datadog(options)
