"""Sends audit records to the HTTP Event Collector of Splunk."""

import json
import socket
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from ambassador_server.audit_sinks.shared.http import Poster
from ambassador_server.audit_sinks.shared.options import Reference, TlsOptions, Url, resolve
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.audit_sink import AuditSink

_PATH = "/services/collector/event"
_CODES_ABOUT_EVENTS = frozenset({5, 6, 12, 13, 15})
"""Splunk's codes for no data, invalid data format, event missing, event blank, error in indexed fields."""


class Options(TlsOptions):
    """Options of the sink `splunk_hec`."""

    type: Annotated[Literal["splunk_hec"], Field(description="`splunk_hec`.")]
    url: Annotated[
        Url, Field(description=f"Address of the collector without a path; `{_PATH}` is added to it.")
    ]
    token: Annotated[Reference, Field(description="Token of the collector, by reference.")]
    index: Annotated[
        str | None, Field(min_length=1, max_length=80, description="Index to write to, else the token's own.")
    ] = None
    source: Annotated[str, Field(min_length=1, max_length=200, description="Source of the events.")] = (
        "mcp-ambassador"
    )
    sourcetype: Annotated[
        str, Field(min_length=1, max_length=200, description="Source type of the events.")
    ] = "mcp:ambassador:audit"
    host: Annotated[
        str | None,
        Field(min_length=1, max_length=255, description="Host of the events, else this machine's name."),
    ] = None


class SplunkHec:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, options: Options) -> None:
        self._encode = options.encode
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"Splunk {resolve(options.token, options.name)}",
        }
        about = {
            "host": options.host or socket.gethostname(),
            "source": options.source,
            "sourcetype": options.sourcetype,
            **({} if options.index is None else {"index": options.index}),
        }
        self._about = json.dumps(about).removeprefix("{").encode()
        self._poster = Poster(
            options.url.rstrip("/") + _PATH, options.ssl_context(), is_about_records=_is_about_events
        )

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """POST the records as events, one after the other."""
        await self._poster.post(b"\n".join(self._event(record) for record in records), self._headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()

    def _event(self, record: AuditRecord) -> bytes:
        whole = self._encode(record)
        return b'{"event":%b,"time":%.6f,%b' % (whole, record.event.at.timestamp(), self._about)


def _is_about_events(status: int, answer: bytes) -> bool:
    if status == 413:
        return True
    try:
        return status == 400 and msgspec.json.decode(answer)["code"] in _CODES_ABOUT_EVENTS
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return False


def build(options: Options) -> AuditSink:
    """Return an unconnected collector."""
    return SplunkHec(options)
