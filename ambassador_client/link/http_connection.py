"""One HTTP/1.1 connection to the server: connects, sends a request, reads the response."""

import asyncio
import contextlib
import os
import re
import select
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import h11

from ambassador_client.errors import (
    MAY_HAVE_RUN,
    TRY_AGAIN,
    BadAnswerError,
    CertificateRefusedError,
    ClientError,
    TooLargeError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.tls_alerts import NEXT_STEP, refusal_in_handshake

_READ_BYTES = 1 << 16
_WRITE_AT_ONCE_BYTES = 1 << 16
_HTTP = b"HTTP/1."

# asyncio allocates a buffer of this size per connection; its default is four times _READ_BYTES.
SSLProtocol.max_size = _READ_BYTES

_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 70_000}


Dial = Callable[[float], socket.socket]
"""Opens a socket to the server through a proxy within so many seconds; may block."""


class ServerAddress(NamedTuple):
    """The address of the server; `url` is its base address with the path prefix and no slash at the end."""

    url: str
    host: str
    port: int
    authority: str
    prefix: str
    tls: ssl.SSLContext | None
    dial: Dial | None = None

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None, dial: Dial | None = None) -> "ServerAddress":
        """Parse a base address that the settings have validated."""
        parts = urlsplit(url)
        tls = tls if parts.scheme == "https" else None
        port = parts.port or DEFAULT_CLIENT_PORT
        return cls(url, parts.hostname or "", port, parts.netloc, parts.path, tls, dial)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the connection uses TLS."""
        return self.url.startswith("https:")

    @property
    def _certificate_name(self) -> Any:
        """Return the name the certificate must have; bytes, because text would import the IDNA tables."""
        return self.host.encode() if self.host.isascii() else self.host

    async def connect(self, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a stream, directly or with `dial`; raises OSError or ClientError."""
        if self.is_encrypted and self.tls is None:
            raise RuntimeError("an https address needs a TLS context")
        name = self._certificate_name if self.tls else None
        if self.dial is None:
            return await asyncio.open_connection(
                self.host, self.port, ssl=self.tls, server_hostname=name, happy_eyeballs_delay=0.25
            )
        sock = await asyncio.to_thread(self.dial, seconds)
        return await asyncio.open_connection(sock=sock, ssl=self.tls, server_hostname=name)


class StaleConnectionError(UnreachableError):
    """A reused connection broke before the first byte of the response; the request may have run."""


class HttpConnection:
    """A connection for one request at a time; after an error or a cancelled exchange it can only be aborted."""

    def __init__(
        self, address: ServerAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._address = address
        self._reader = reader
        self._writer = writer
        self._descriptor: int = writer.get_extra_info("socket").fileno()
        self._http = h11.Connection(h11.CLIENT)
        self._may_have_run = False
        self._used = False
        # The first bytes of the response, enough to see that it is HTTP.
        self._begun = b""
        self._head_seen = False

    @classmethod
    async def open(cls, address: ServerAddress, seconds: float) -> "HttpConnection":
        """Connect within so many seconds; raises UnreachableError or UntrustedCertificateError."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await address.connect(seconds)
        except OSError as error:
            raise _connect_error(address, error) from error
        _keep_alive(writer.get_extra_info("socket"))
        return cls(address, reader, writer)

    async def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout: float,
        replayable: bool,
    ) -> h11.Response:
        """Send one request and return the head of its response, which must arrive within `timeout` seconds.

        Raises StaleConnectionError if a reused connection broke before the first byte, UnreachableError if it broke
        later or timed out, and BadAnswerError or TooLargeError. All say of a request that is not replayable that it
        may have run.
        """
        self._may_have_run = not replayable
        lines = [("Host", self._address.authority), *headers]
        if body or method == "POST":
            lines.append(("Content-Length", str(len(body))))
        head = self._http.send(h11.Request(method=method, target=self._address.prefix + path, headers=lines))
        data = self._http.send(h11.Data(body)) if body else b""
        self._http.send(h11.EndOfMessage())
        # Not drained: the server may refuse the request before it has read a large body.
        if len(body) <= _WRITE_AT_ONCE_BYTES:
            self._writer.write((head or b"") + (data or b""))
        else:
            self._writer.write(head or b"")
            self._writer.write(data or b"")
        event = await self._next_event(timeout)
        while isinstance(event, h11.InformationalResponse):
            event = await self._next_event(timeout)
        if not isinstance(event, h11.Response):
            raise self._broken_error()
        self._used = self._head_seen = True
        return event

    async def receive(self, timeout: float | None) -> bytes | None:
        """Return the next piece of the body, or None at its end; `timeout` is the longest wait for it, in seconds."""
        event = await self._next_event(timeout)
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return None
        raise self._broken_error()

    def reset_for_reuse(self) -> bool:
        """Prepare for another request; return False if the connection cannot be reused."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._begun, self._head_seen = b"", False
        return self.is_open()

    def is_open(self) -> bool:
        """Tell whether the server has neither closed the connection nor sent unexpected bytes."""
        return not (self._reader.at_eof() or self._writer.is_closing() or _is_readable(self._descriptor))

    def abort(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()

    async def _next_event(self, timeout: float | None) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._read(timeout))
        except h11.RemoteProtocolError as error:
            # A head of HTTP that ends early comes from a broken connection, not from another kind of server.
            is_cut = self._reader.at_eof() and _HTTP.startswith(self._begun)
            if self._head_seen or is_cut:
                raise self._broken_error() from error
            raise _not_http(self._address, error, self._may_have_run) from error
        return event

    async def _read(self, timeout: float | None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                data = await self._reader.read(_READ_BYTES)
        except TimeoutError as error:
            cause = f"{self._address.url} gave no answer within {timeout:g} s"
            raise UnreachableError(cause, self._next_step) from error
        except OSError as error:
            raise _refused_certificate(self._address, error) or self._broken_error() from error
        if len(self._begun) < len(_HTTP):
            self._begun = (self._begun + data)[: len(_HTTP)]
        return data

    def _broken_error(self) -> UnreachableError:
        cause = f"the connection to {self._address.url} broke before the answer was complete"
        kind = StaleConnectionError if self._used and not self._begun else UnreachableError
        return kind(cause, self._next_step)

    @property
    def _next_step(self) -> str:
        return MAY_HAVE_RUN if self._may_have_run else TRY_AGAIN


def _is_readable(descriptor: int) -> bool:
    # Asks the kernel: the loop may not have noticed a closed connection yet, and a call must not be sent twice.
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)  # type: ignore[attr-defined, unused-ignore]
    return bool(poll.poll(0))


def _keep_alive(sock: socket.socket) -> None:
    # A response may take minutes; TCP keep-alive tells a slow server from a dead one.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _not_http(address: ServerAddress, error: h11.RemoteProtocolError, may_have_run: bool) -> ClientError:
    kind: type[ClientError] = BadAnswerError
    cause, next_step = "does not answer in HTTP", "Check the address: is it https://, and is the port right?"
    if getattr(error, "error_status_hint", 400) == 431:
        kind, cause, next_step = TooLargeError, "sent an answer with too long a head", "Check the address."
    return kind(f"{address.url} {cause}", MAY_HAVE_RUN if may_have_run else next_step)


def _connect_error(address: ServerAddress, error: OSError) -> ClientError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UntrustedCertificateError(
            f"the certificate of {address.url} is not trusted: {error.verify_message}",
            "Put the server's CA certificate into a file and name it in MCP_AMBASSADOR_CA_FILE.",
        )
    if (refused := _refused_certificate(address, error)) is not None:
        return refused
    return UnreachableError(
        f"cannot reach {address.url} : {_reason(error)}",
        "Is the server running? Check MCP_AMBASSADOR_URL and the network, then run: ambassador-client status",
    )


def _refused_certificate(address: ServerAddress, error: OSError) -> CertificateRefusedError | None:
    refused = refusal_in_handshake(error)
    return (
        None if refused is None else CertificateRefusedError(f"{address.url} refuses: {refused}", NEXT_STEP)
    )


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "the connection timed out"
    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'handshake'})"
    number = error.errno
    if number is None and (found := re.search(r"\[Errno (\d+)]", str(error))):
        # Several addresses failed; asyncio joins their errors in one text.
        number = int(found[1])
    return os.strerror(number).lower() if number else str(error)
