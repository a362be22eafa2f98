"""Opens a connection (name resolution, TCP, TLS) and words the errors."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohappyeyeballs import start_connection

from ambassador_server.downstream.http.connection import Connection, NoAnswerError

CONNECT_SECONDS: Final = 10.0
# RFC 8305: the wait for one address before the next is tried in parallel.
_NEXT_ADDRESS_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of a downstream; `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None


async def connect(address: ServerAddress, make: Callable[[], Connection]) -> Connection:
    """Return a connection that `make` builds, ready for a request; raises NoAnswerError."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _connect(address, make)
    except TimeoutError:
        raise NoAnswerError(f"did not accept a connection within {CONNECT_SECONDS:.0f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NoAnswerError(
            f"its certificate is not trusted: {error.verify_message or 'not valid'}"
        ) from None
    except (socket.gaierror, UnicodeError):
        raise NoAnswerError(f"host name {address.host!r} cannot be resolved") from None
    except OSError as error:
        reason = error.strerror or "no connection"
        raise NoAnswerError(f"cannot connect to {address.host}:{address.port}: {reason}") from None


async def _connect(address: ServerAddress, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    resolved = await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    connected = await start_connection(resolved, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, loop=loop)
    _, connection = await loop.create_connection(
        make, sock=connected, ssl=address.tls, server_hostname=address.host if address.tls else None
    )
    return connection
