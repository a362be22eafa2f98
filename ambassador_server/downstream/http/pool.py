"""The connections to one downstream: the one used last is used first, idle ones are closed, their number is bounded."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from ambassador_server.downstream.http.connect import Place, dial
from ambassador_server.downstream.http.connection import Connection, NoAnswerError

# Above the calls that may be in flight at once, so that errands and the goodbye find room beside them.
_MOST: Final = 384
# Shorter than the five seconds after which common servers drop an idle connection: a call that
# meets such a closing connection may or may not have run, and is never repeated.
_IDLE_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0


class ConnectionPool:
    """At most `most` connections, none idle for longer than `idle_seconds`; who finds none free waits for one."""

    def __init__(self, place: Place, *, most: int = _MOST, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._loop = asyncio.get_running_loop()
        self._place = place
        self._most = most
        self._idle_seconds = idle_seconds
        self._open: set[Connection] = set()
        self._dialling = 0
        # The longest idle first.
        self._idle: list[Connection] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        self._emptied = asyncio.Event()

    async def acquire(self) -> Connection:
        """Return a connection for one request; it comes back by itself. Raises NoAnswerError."""
        while not self._is_closed:
            connection = self._pop_idle()
            if connection is not None:
                return connection
            if len(self._open) + self._dialling < self._most:
                return await self._dial()
            await self._turn()
        raise NoAnswerError("was stopped")

    async def close(self) -> None:
        """Close every connection; whoever still waits gets NoAnswerError."""
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

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if self._is_fresh(connection) and connection.is_usable:
                return connection
            connection.close()
        return None

    def _is_fresh(self, connection: Connection) -> bool:
        return self._loop.time() - connection.idle_since < self._idle_seconds

    def _sweep(self) -> None:
        while self._idle and not self._is_fresh(self._idle[0]):
            self._idle.pop(0).close()
        self._sweeping = None
        if self._idle:
            due = self._idle[0].idle_since + self._idle_seconds
            self._sweeping = self._loop.call_at(due, self._sweep)

    async def _dial(self) -> Connection:
        self._dialling += 1
        try:
            return await dial(self._place, lambda: Connection(self._loop, self))
        except BaseException:
            self._wake()
            raise
        finally:
            self._dialling -= 1

    async def _turn(self) -> None:
        """Wait until there may be room."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(turn)
            else:
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
