"""Bounds the connections of a listener: how many there are, and how much a client leaves unread, and for how long."""

import asyncio
import ipaddress
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ambassador_server.web.rare_warnings import RareWarnings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

OUTLIVE_SECONDS: Final = 60.0
"""How long a request may go on that its client can still ask the answer of after its connection was lost."""
MOST_OUTLIVING: Final = 1024
_CHECKS_PER_TIMEOUT: Final = 4
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBounds:
    """The bounds of one listener; connections from `proxies` are not counted per address.

    A client must read something within `unread_seconds`. All clients together may leave `unread_bytes` unread.
    """

    total: int
    per_address: int
    proxies: tuple[Network, ...] = ()
    unread_seconds: float = 30.0
    unread_bytes: int = 256 * 1024 * 1024


@dataclass(slots=True)
class ConnectionCounts:
    """Counts of one listener since its start.

    `cut_off` are the connections of clients that did not read, or did not finish the TLS handshake in time.
    """

    refused: int = 0
    cut_off: int = 0


Api: TypeAlias = Literal["client", "admin", "gateway"]
ConnectionsByApi: TypeAlias = Mapping[Api, ConnectionCounts]


def no_connections(*, gateway: bool = False) -> ConnectionsByApi:
    """Return the counts of a server that starts, with those of the listener of an API gateway if it has one."""
    counts: dict[Api, ConnectionCounts] = {"client": ConnectionCounts(), "admin": ConnectionCounts()}
    return {**counts, "gateway": ConnectionCounts()} if gateway else counts


@dataclass(slots=True)
class _Unread:
    """What a client had left unread when it was last seen to read, and the checks since then."""

    size: int
    checks: int = 0


class Connections:
    """The open connections of one listener."""

    def __init__(self, bounds: ConnectionBounds, counts: ConnectionCounts) -> None:
        self.bounds = bounds
        self.counts = counts
        self._open = 0
        self._per_address: Counter[str] = Counter()
        self._transports: set[asyncio.Transport] = set()
        self._unread: dict[asyncio.Transport, _Unread] = {}
        self._outliving: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._warnings = RareWarnings(_log)

    @property
    def open(self) -> int:
        """Return the number of connections, with those that still negotiate TLS."""
        return self._open

    @property
    def unread_bytes(self) -> int:
        """Return how many bytes wait in memory for clients to read them."""
        return sum(transport.get_write_buffer_size() for transport in self._transports)

    def admits(self, address: str) -> bool:
        """Tell whether another connection from this address is within the bounds; count it as refused if not."""
        is_admitted = self._open < self.bounds.total and (
            self._per_address[address] < self.bounds.per_address or self._is_proxy(address)
        )
        if not is_admitted:
            self.counts.refused += 1
        return is_admitted

    @contextmanager
    def count(self, address: str) -> Iterator[None]:
        """Count one connection while the block runs."""
        self._open += 1
        self._per_address[address] += 1
        try:
            yield
        finally:
            self._open -= 1
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def opened(self, transport: asyncio.Transport) -> None:
        """Watch what the client of this connection leaves unread."""
        self._transports.add(transport)
        if self._timer is None:
            self._schedule()

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._transports.discard(transport)
        self._unread.pop(transport, None)

    def keep(self, task: "asyncio.Task[None]") -> bool:
        """Let the task of a lost connection go on for a while; return False if too many do already."""
        if len(self._outliving) >= MOST_OUTLIVING:
            return False
        self._outliving.add(task)
        timer = asyncio.get_running_loop().call_later(OUTLIVE_SECONDS, task.cancel)

        def ended(_: object) -> None:
            timer.cancel()
            self._outliving.discard(task)

        task.add_done_callback(ended)
        return True

    def check_bytes(self) -> None:
        """Cut off the clients that have not read for the longest time while too much is unread."""
        unread = {each: each.get_write_buffer_size() for each in self._transports}
        excess = sum(unread.values()) - self.bounds.unread_bytes
        if excess <= 0:
            return
        # Among those that were checked equally often, the one that leaves the most unread goes first.
        for transport in sorted(unread, key=lambda each: (self._checks(each), unread[each]), reverse=True):
            if excess <= 0:
                return
            excess -= unread[transport]
            self._cut_off(transport)

    def stop(self) -> None:
        """Stop watching, and cancel the requests whose clients are gone."""
        for task in tuple(self._outliving):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.bounds.proxies)

    def _schedule(self) -> None:
        pause = self.bounds.unread_seconds / _CHECKS_PER_TIMEOUT
        self._timer = asyncio.get_running_loop().call_later(pause, self._check_progress)

    def _check_progress(self) -> None:
        """Cut off every client that has read nothing since the last checks."""
        for transport in tuple(self._transports):
            size = transport.get_write_buffer_size()
            seen = self._unread.get(transport)
            if not size:
                self._unread.pop(transport, None)
            elif seen is None or size < seen.size:
                self._unread[transport] = _Unread(size)
            else:
                seen.checks += 1
                if seen.checks >= _CHECKS_PER_TIMEOUT:
                    self._cut_off(transport)
        self._timer = None
        if self._transports:
            self._schedule()

    def _checks(self, transport: asyncio.Transport) -> int:
        seen = self._unread.get(transport)
        return 0 if seen is None else seen.checks

    def _cut_off(self, transport: asyncio.Transport) -> None:
        self.counts.cut_off += 1
        self._unread.pop(transport, None)
        reset(transport)
        self._warnings.warn("cut off a client that does not read its answers; %d so far", self.counts.cut_off)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection at once, without sending what the kernel still holds for the client."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
