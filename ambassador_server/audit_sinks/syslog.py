"""Sends audit records as RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425)."""

import asyncio
import fcntl
import json
import os
import re
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ambassador_server.audit_sinks.shared.options import TlsOptions
from ambassador_server.domain.audit.events import AuditEvent, AuditRecord, Outcome
from ambassador_server.errors import SinkUnavailableError
from ambassador_server.ports.audit_sink import AuditSink

_FACILITIES = {
    "user": 1,
    "daemon": 3,
    "auth": 4,
    "authpriv": 10,
    "audit": 13,
    **{f"local{number}": 16 + number for number in range(8)},
}
_WARNING, _NOTICE, _INFORMATIONAL = 4, 5, 6
_SEVERITIES = {Outcome.DENIED: _WARNING, Outcome.FAILED: _NOTICE}
_LARGEST_DATAGRAM = 60_000
_HIGHEST_SEQUENCE = 2_147_483_647
_POLL_SECONDS = 0.02
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")


class Options(TlsOptions):
    """Options of the sink `syslog`."""

    type: Annotated[Literal["syslog"], Field(description="`syslog`.")]
    host: Annotated[str, Field(min_length=1, max_length=253, description="Name or address of the receiver.")]
    port: Annotated[
        int | None, Field(ge=1, le=65535, description="Port of the receiver; 6514 with TLS, else 514.")
    ] = None
    protocol: Annotated[
        Literal["tls", "tcp", "udp"],
        Field(description="How to send; only `tls` keeps the audit from others on the way."),
    ] = "tls"
    facility: Annotated[
        Literal[
            "user", "daemon", "auth", "authpriv", "audit",
            "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ],
        Field(description="Facility of the messages."),
    ] = "audit"  # fmt: skip
    app_name: Annotated[
        str, Field(pattern=r"^[\x21-\x7e]{1,48}$", description="APP-NAME of the messages.")
    ] = "mcp-ambassador"
    hostname: Annotated[
        str | None,
        Field(
            pattern=r"^[\x21-\x7e]{1,255}$", description="HOSTNAME of the messages, else this machine's name."
        ),
    ] = None

    @model_validator(mode="after")
    def _check_protocol(self) -> Self:
        if self.protocol != "tls" and (self.ca_file or self.certificate_file):
            raise ValueError("ca_file and certificate_file belong to the protocol tls")
        if self.protocol == "udp" and self.record_bytes > _LARGEST_DATAGRAM:
            if "record_bytes" in self.model_fields_set:
                raise ValueError(f"record_bytes: a datagram holds at most {_LARGEST_DATAGRAM}")
            return self.model_copy(update={"record_bytes": 8192})
        return self


class Syslog:
    """Implements `ports.audit_sink.AuditSink`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._facility = _FACILITIES[options.facility]
        hostname = options.hostname or _NOT_PRINTABLE.sub("", socket.gethostname())[:255] or "-"
        self._origin = f"{hostname} {options.app_name} {os.getpid()}"
        port = options.port or (6514 if options.protocol == "tls" else 514)
        if options.protocol == "udp":
            self._wire: _Datagrams | _Stream = _Datagrams(options.host, port)
        else:
            tls = options.ssl_context() if options.protocol == "tls" else None
            self._wire = _Stream(options.host, port, tls)

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Send the records; a stream also waits until the receiver's machine has acknowledged them."""
        try:
            await self._wire.send([self._message(record) for record in records])
        except OSError as error:
            await self._wire.close()
            raise SinkUnavailableError(_describe(error)) from error
        except BaseException:
            # Part of a frame may have been sent, so no other frame may follow on this connection.
            await self._wire.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        await self._wire.close()

    def _message(self, record: AuditRecord) -> bytes:
        event = record.event
        priority = self._facility * 8 + _severity(event)
        at = event.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        sequence = (record.seq - 1) % _HIGHEST_SEQUENCE + 1
        head = f'<{priority}>1 {at} {self._origin} {event.action} [meta sequenceId="{sequence}"] '
        return head.encode() + self._encoded(record)

    def _encoded(self, record: AuditRecord) -> bytes:
        options, max_bytes = self._options, self._options.record_bytes
        text = _ascii(options.encode(record))
        # Escaped as ASCII, a character may take three times as many bytes.
        return text if len(text) <= max_bytes else _ascii(options.encode(record, max_bytes // 3))


class _Stream:
    """TCP, with or without TLS; each message is preceded by its length."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, messages: Sequence[bytes]) -> None:
        if self._writer is None or self._reader is None or self._has_ended(self._reader):
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, ssl=self._tls, limit=1024
            )
        self._writer.write(b"".join(b"%d %b" % (len(message), message) for message in messages))
        await self._writer.drain()
        await self._wait_until_acknowledged(self._reader, self._writer)

    async def close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()

    def _has_ended(self, reader: asyncio.StreamReader) -> bool:
        return reader.at_eof() or reader.exception() is not None

    async def _wait_until_acknowledged(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Wait until the receiver's machine has all bytes: syslog sends no answers, and a buffer can still be lost."""
        while writer.transport.get_write_buffer_size() or _unacknowledged(writer):
            if self._has_ended(reader):
                raise ConnectionResetError("the receiver closed the connection")
            await asyncio.sleep(_POLL_SECONDS)


class _Datagrams:
    """UDP: a loss on the way goes unnoticed, but a closed port of the receiver is reported as an error."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None
        self._errors = _Errors()

    async def send(self, messages: Sequence[bytes]) -> None:
        if self._transport is None:
            self._errors = _Errors()
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self._errors, remote_addr=(self._host, self._port)
            )
        for message in messages:
            self._transport.sendto(message)
            # Lets the event loop report a refusal, and run other tasks.
            await asyncio.sleep(0)
        await asyncio.sleep(_POLL_SECONDS)
        if self._errors.last is not None:
            raise self._errors.last

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


class _Errors(asyncio.DatagramProtocol):
    last: OSError | None = None

    def error_received(self, exc: Exception) -> None:
        self.last = exc if isinstance(exc, OSError) else OSError(str(exc))


def _unacknowledged(writer: asyncio.StreamWriter) -> int:
    try:
        answer = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])


def _severity(event: AuditEvent) -> int:
    return _SEVERITIES.get(event.outcome, _INFORMATIONAL)


def _ascii(text: bytes) -> bytes:
    # RFC 5424 demands a byte order mark before UTF-8, which JSON parsers refuse; ASCII needs none.
    return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":")).encode()


def _describe(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the receiver's certificate is not trusted: {error.verify_message}"
    return f"the receiver cannot be reached: {error.strerror or error}"


def build(options: Options) -> AuditSink:
    """Return an unconnected sink."""
    return Syslog(options)
