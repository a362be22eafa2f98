"""How a connection comes about: resolve, connect, TLS; and what went wrong in words."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohappyeyeballs import start_connection

from ambassador_server.downstream.http.connection import Connection, NoAnswerError

CONNECT_SECONDS: Final = 10.0
# RFC 8305: how long one address is waited for before the next is tried beside it.
_NEXT_ADDRESS_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Place:
    """Where a downstream listens; `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None


async def dial(place: Place, make: Callable[[], Connection]) -> Connection:
    """Return a connection that is ready for a request; raises NoAnswerError."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _connect(place, make)
    except TimeoutError:
        raise NoAnswerError(f"did not accept a connection within {CONNECT_SECONDS:.0f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NoAnswerError(
            f"its certificate is not trusted: {error.verify_message or 'not valid'}"
        ) from None
    except (socket.gaierror, UnicodeError):
        raise NoAnswerError(f"host name {place.host!r} cannot be resolved") from None
    except OSError as error:
        reason = error.strerror or "no connection"
        raise NoAnswerError(f"cannot connect to {place.host}:{place.port}: {reason}") from None


async def _connect(place: Place, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(
        place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    connected = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, loop=loop)
    _, connection = await loop.create_connection(
        make, sock=connected, ssl=place.tls, server_hostname=place.host if place.tls else None
    )
    return connection
