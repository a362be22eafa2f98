"""The connections that belong to one user each: started by a call, kept apart, stopped when idle or in the way."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.supervisor import Supervisor
from ambassador_server.errors import OverloadedError
from ambassador_server.ports.downstream import ProgressHandler, Reply

Key = tuple[str, str]
"""The ids of an entry and of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """How many connections there may be, for one user and for all, and after how many idle seconds one is stopped."""

    idle: float = 600.0
    per_user: int = 8
    total: int = 128


class _Seat:
    """One user's place at one entry; `timer` looks now and then whether it is still used."""

    __slots__ = ("in_flight", "key", "supervisor", "timer", "used_at")

    def __init__(self, key: Key, supervisor: Supervisor) -> None:
        self.key = key
        self.supervisor = supervisor
        self.in_flight = 0
        self.used_at = 0.0
        self.timer: asyncio.TimerHandle


class UserConnections:
    """Every connection of every user; each has a supervisor of its own, so nobody waits for another's start.

    `build` makes a supervisor that is not started, `dismiss` stops one and returns the task that does.
    """

    def __init__(
        self,
        limits: UserLimits,
        *,
        build: Callable[[Mcp], Supervisor],
        dismiss: Callable[[Supervisor], asyncio.Task[None]],
    ) -> None:
        self._limits = limits
        self._build = build
        self._dismiss = dismiss
        self._seats: dict[Key, _Seat] = {}
        # What is being stopped: two processes of one user at one entry could meet in the same files.
        self._leaving: dict[Key, asyncio.Task[None]] = {}

    async def call(
        self,
        mcp: Mcp,
        user_id: str,
        method: str,
        params: bytes,
        timeout: float,
        progress: ProgressHandler | None,
    ) -> Reply:
        """Send one request over the user's own connection, which the first call starts.

        Raises OverloadedError when the limits are reached and every connection is busy, and what a supervisor raises.
        """
        seat = self._seats.get((mcp.mcp_id, user_id)) or self._open(mcp, user_id)
        seat.in_flight += 1
        try:
            return await seat.supervisor.call(method, params, timeout, progress)
        finally:
            seat.in_flight -= 1
            seat.used_at = asyncio.get_running_loop().time()

    def of(self, mcp_id: str) -> Iterator[tuple[str, Supervisor]]:
        """Return each user who has a connection to this entry, and the one who keeps it up."""
        for (entry, user_id), seat in self._seats.items():
            if entry == mcp_id:
                yield user_id, seat.supervisor

    def stop_entry(self, mcp_id: str) -> None:
        """Stop every user's connection to this entry."""
        for seat in [seat for key, seat in self._seats.items() if key[0] == mcp_id]:
            _ = self._close(seat)

    def retain(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id this is false."""
        for seat in [seat for key, seat in self._seats.items() if not wanted(key[1])]:
            _ = self._close(seat)

    def _open(self, mcp: Mcp, user_id: str) -> _Seat:
        key = (mcp.mcp_id, user_id)
        # It starts when what made room for it is gone, or there would be more processes than the limits say.
        before = [task for task in (self._make_room(mcp, user_id), self._leaving.get(key)) if task]
        seat = self._seats[key] = _Seat(key, self._build(mcp))
        seat.supervisor.start(*before)
        self._look_after(seat, self._limits.idle)
        return seat

    def _make_room(self, mcp: Mcp, user_id: str) -> asyncio.Task[None] | None:
        """Stop the idle connection that was used longest ago, if the limits ask for one to go."""
        own = [seat for key, seat in self._seats.items() if key[1] == user_id]
        if len(own) >= self._limits.per_user:
            rivals, whose = own, "of this user"
        elif len(self._seats) >= self._limits.total:
            rivals, whose = list(self._seats.values()), "of all users"
        else:
            return None
        idle = [seat for seat in rivals if not seat.in_flight]
        if not idle:
            raise OverloadedError(f"{mcp.name}: every connection {whose} is busy, and there may be no more")
        return self._close(min(idle, key=lambda seat: seat.used_at))

    def _look_after(self, seat: _Seat, seconds: float) -> None:
        seat.timer = asyncio.get_running_loop().call_later(seconds, self._stop_if_idle, seat)

    def _stop_if_idle(self, seat: _Seat) -> None:
        rest = self._limits.idle
        if not seat.in_flight:
            rest -= asyncio.get_running_loop().time() - seat.used_at
        if rest > 0:
            self._look_after(seat, rest)
        else:
            _ = self._close(seat)

    def _close(self, seat: _Seat) -> asyncio.Task[None]:
        del self._seats[seat.key]
        seat.timer.cancel()
        task = self._leaving[seat.key] = self._dismiss(seat.supervisor)
        task.add_done_callback(lambda done: self._left(seat.key, done))
        return task

    def _left(self, key: Key, done: asyncio.Task[None]) -> None:
        if self._leaving.get(key) is done:
            del self._leaving[key]
