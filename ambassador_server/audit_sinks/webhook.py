"""Sends audit records by HTTPS POST, signed with HMAC-SHA-256 over time and body."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ambassador_server.audit_sinks.shared.http import Poster
from ambassador_server.audit_sinks.shared.options import Reference, TlsOptions, Url, resolve
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.audit_sink import AuditSink

TIMESTAMP_HEADER = "X-Ambassador-Timestamp"
SIGNATURE_HEADER = "X-Ambassador-Signature"


class Options(TlsOptions):
    """Options of the sink `webhook`."""

    type: Annotated[Literal["webhook"], Field(description="`webhook`.")]
    url: Annotated[Url, Field(description="Where to POST; https, or http on a loopback address.")]
    secret: Annotated[Reference, Field(description="Key of the signature, by reference.")]
    token: Annotated[
        Reference | None, Field(description="Sent as `Authorization: Bearer`, by reference.")
    ] = None


class Webhook:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, options: Options) -> None:
        self._encode = options.encode
        self._secret = resolve(options.secret, options.name).encode()
        self._headers = {"Content-Type": "application/json"}
        if options.token is not None:
            self._headers["Authorization"] = f"Bearer {resolve(options.token, options.name)}"
        self._poster = Poster(options.url, options.ssl_context())

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """POST the records as `{"records": [...]}`."""
        body = b'{"records":[%b]}' % b",".join(self._encode(record) for record in records)
        at = str(int(time.time()))
        signature = signature_of(self._secret, at, body)
        headers = {**self._headers, TIMESTAMP_HEADER: at, SIGNATURE_HEADER: f"sha256={signature}"}
        await self._poster.post(body, headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()


def signature_of(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return HMAC-SHA-256 in hex over the timestamp, a full stop and the body."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def build(options: Options) -> AuditSink:
    """Return an unconnected webhook."""
    return Webhook(options)
