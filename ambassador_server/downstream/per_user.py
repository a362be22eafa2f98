"""Connections of single users, for MCPs with isolation `per_user`: a call starts one, and an idle one is stopped."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.supervisor import Supervisor
from ambassador_server.errors import OverloadedError
from ambassador_server.ports.exchange import NeutralRequest, Reply

Key = tuple[str, str]
"""The ids of an entry and of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """The maximum number of connections per user and in total, and the idle seconds after which one is stopped."""

    idle: float = 600.0
    per_user: int = 8
    total: int = 128


class _UserConnection:
    """One user's connection to one entry; `timer` checks whether it is idle."""

    __slots__ = ("in_flight", "key", "supervisor", "timer", "used_at")

    def __init__(self, key: Key, supervisor: Supervisor) -> None:
        self.key = key
        self.supervisor = supervisor
        self.in_flight = 0
        self.used_at = 0.0
        self.timer: asyncio.TimerHandle


class UserConnections:
    """The connections of all users; each has its own supervisor, so no user waits for the start of another's.

    `build` returns a supervisor that is not started; `stop` stops one and returns the task that does so.
    """

    def __init__(
        self,
        limits: UserLimits,
        *,
        build: Callable[[Mcp], Supervisor],
        stop: Callable[[Supervisor], asyncio.Task[None]],
    ) -> None:
        self._limits = limits
        self._build = build
        self._stop = stop
        self._connections: dict[Key, _UserConnection] = {}
        # A new process waits for the old one of the same user and entry, because both could use the same files.
        self._stopping: dict[Key, asyncio.Task[None]] = {}

    async def call(self, mcp: Mcp, user_id: str, request: NeutralRequest, timeout: float) -> Reply:
        """Send one request over the user's own connection, which the first call starts.

        Raises OverloadedError when a limit is reached and every connection is busy, and the errors of a supervisor.
        """
        connection = self._connections.get((mcp.mcp_id, user_id)) or self._open(mcp, user_id)
        connection.in_flight += 1
        try:
            return await connection.supervisor.call(request, timeout)
        finally:
            connection.in_flight -= 1
            connection.used_at = asyncio.get_running_loop().time()

    def of_entry(self, mcp_id: str) -> Iterator[tuple[str, Supervisor]]:
        """Yield the id and the supervisor of each user who has a connection to this entry."""
        for (entry, user_id), connection in self._connections.items():
            if entry == mcp_id:
                yield user_id, connection.supervisor

    def stop_entry(self, mcp_id: str) -> None:
        """Stop every user's connection to this entry."""
        for connection in [each for key, each in self._connections.items() if key[0] == mcp_id]:
            _ = self._close(connection)

    def retain(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id `wanted` is false."""
        for connection in [each for key, each in self._connections.items() if not wanted(key[1])]:
            _ = self._close(connection)

    def _open(self, mcp: Mcp, user_id: str) -> _UserConnection:
        key = (mcp.mcp_id, user_id)
        # It starts when the one that made room for it has stopped, so that there are never more than the limits allow.
        before = [task for task in (self._make_room(mcp, user_id), self._stopping.get(key)) if task]
        connection = self._connections[key] = _UserConnection(key, self._build(mcp))
        connection.supervisor.start(*before)
        self._check_after(self._limits.idle, connection)
        return connection

    def _make_room(self, mcp: Mcp, user_id: str) -> asyncio.Task[None] | None:
        """Stop the connection that has been idle for longest, if a limit is reached."""
        of_user = [each for key, each in self._connections.items() if key[1] == user_id]
        if len(of_user) >= self._limits.per_user:
            candidates, whose = of_user, "of this user"
        elif len(self._connections) >= self._limits.total:
            candidates, whose = list(self._connections.values()), "of all users"
        else:
            return None
        idle = [each for each in candidates if not each.in_flight]
        if not idle:
            raise OverloadedError(f"{mcp.name}: every connection {whose} is busy, and there may be no more")
        return self._close(min(idle, key=lambda each: each.used_at))

    def _check_after(self, seconds: float, connection: _UserConnection) -> None:
        connection.timer = asyncio.get_running_loop().call_later(seconds, self._stop_if_idle, connection)

    def _stop_if_idle(self, connection: _UserConnection) -> None:
        remaining = self._limits.idle
        if not connection.in_flight:
            remaining -= asyncio.get_running_loop().time() - connection.used_at
        if remaining > 0:
            self._check_after(remaining, connection)
        else:
            _ = self._close(connection)

    def _close(self, connection: _UserConnection) -> asyncio.Task[None]:
        del self._connections[connection.key]
        connection.timer.cancel()
        task = self._stopping[connection.key] = self._stop(connection.supervisor)
        task.add_done_callback(lambda done: self._forget_stopped(connection.key, done))
        return task

    def _forget_stopped(self, key: Key, done: asyncio.Task[None]) -> None:
        if self._stopping.get(key) is done:
            del self._stopping[key]
