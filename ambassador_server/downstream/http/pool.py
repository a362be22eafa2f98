"""Pools the HTTP connections to one downstream: bounds their number, closes idle ones, reuses the latest first."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from ambassador_server.downstream.http.connection import Connection, NoAnswerError
from ambassador_server.downstream.http.dial import ServerAddress, connect

# More than the calls that may be in flight, so that notifications and the end of the session have room as well.
_MAX_CONNECTIONS: Final = 384
# Shorter than the five seconds after which common servers close an idle connection: a call on a connection that
# is just being closed may or may not have run, and is never repeated.
_IDLE_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0


class ConnectionPool:
    """At most `max_connections`, none idle for longer than `idle_seconds`; requests beyond that wait for a free one."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        max_connections: int = _MAX_CONNECTIONS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._max_connections = max_connections
        self._idle_seconds = idle_seconds
        self._open: set[Connection] = set()
        self._connecting = 0
        # Ordered by the start of idleness.
        self._idle: list[Connection] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        self._emptied = asyncio.Event()

    async def acquire(self) -> Connection:
        """Return a connection for one request, which returns to the pool by itself; raises NoAnswerError."""
        while not self._is_closed:
            connection = self.take_idle()
            if connection is not None:
                return connection
            if len(self._open) + self._connecting < self._max_connections:
                return await self._connect()
            await self._wait_for_room()
        raise NoAnswerError("was stopped")

    def take_idle(self) -> Connection | None:
        """Return an idle connection for one request, or None if there is none."""
        while self._idle:
            connection = self._idle.pop()
            if self._is_fresh(connection) and connection.is_usable:
                return connection
            connection.close()
        return None

    async def close(self) -> None:
        """Close every connection; requests that still wait raise NoAnswerError."""
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._waiting:
            self._wake()
        for connection in tuple(self._open):
            connection.abort()
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._emptied.wait()

    def opened(self, connection: Connection) -> None:
        """Count a new connection."""
        self._open.add(connection)
        if self._is_closed:
            connection.abort()

    def released(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeping is None and not self._is_closed:
            self._sweeping = self._loop.call_later(self._idle_seconds, self._sweep)
        if self._waiting:
            self._wake()

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._wake()
        if not self._open:
            self._emptied.set()

    def _is_fresh(self, connection: Connection) -> bool:
        return self._loop.time() - connection.idle_since < self._idle_seconds

    def _sweep(self) -> None:
        while self._idle and not self._is_fresh(self._idle[0]):
            self._idle.pop(0).close()
        self._sweeping = None
        if self._idle:
            due = self._idle[0].idle_since + self._idle_seconds
            self._sweeping = self._loop.call_at(due, self._sweep)

    async def _connect(self) -> Connection:
        self._connecting += 1
        try:
            return await connect(self._address, lambda: Connection(self._loop, self))
        except BaseException:
            self._wake()
            raise
        finally:
            self._connecting -= 1

    async def _wait_for_room(self) -> None:
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(waiter)
            else:
                self._wake()
            raise

    def _wake(self) -> None:
        """Let one waiting request look for a connection again."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
