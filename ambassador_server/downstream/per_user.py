"""Connections of single users: a call starts one, and an idle one is stopped."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.features.calls_in_flight import can_be_asked
from ambassador_server.downstream.features.watches import ResourceListener
from ambassador_server.downstream.session import SessionOwner
from ambassador_server.downstream.supervisor import Supervisor
from ambassador_server.downstream.user_watches import Pair, UserWatch, UserWatches
from ambassador_server.errors import OverloadedError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import NeutralRequest, Reply

T = TypeVar("T")


class Key(NamedTuple):
    """What connections are kept apart by: the entry, the user, and the capabilities of the user's host.

    Then a number, the generation of the credential, which is empty without one, and its holder.
    """

    mcp_id: str
    user_id: str
    capabilities: bytes
    slot: int = 0
    generation: str = ""
    holder: str = ""

    @property
    def pair(self) -> Pair:
        """Return the entry, the user, and the holder."""
        return self.mcp_id, self.user_id, self.holder


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """The maximum number of connections per user and in total, and the idle seconds after which one is stopped.

    A session over HTTP costs far less than a process, so there may be more of them. A connection whose credential was
    replaced or removed is stopped when its calls have ended, at the latest after `retire` seconds.
    """

    idle: float = 600.0
    retire: float = 60.0
    per_user: int = 8
    total: int = 128
    sessions_per_user: int = 256
    sessions_in_total: int = 4096


class _UserConnection:
    """One user's connection to one entry; `timer` checks whether it is idle.

    `asking` counts the calls in flight whose host can be asked, `watched` the resources that are watched. One that
    `is_retiring` has a credential that is not valid any more, and only ends its calls in flight.
    """

    __slots__ = (
        "asking",
        "in_flight",
        "is_program",
        "is_retiring",
        "key",
        "supervisor",
        "timer",
        "used_at",
        "watched",
    )

    def __init__(self, key: Key, supervisor: Supervisor, *, is_program: bool) -> None:
        self.key = key
        self.supervisor = supervisor
        self.is_program = is_program
        self.in_flight = 0
        self.asking = 0
        self.watched = 0
        self.is_retiring = False
        self.used_at = 0.0
        self.timer: asyncio.TimerHandle


class UserConnections:
    """The connections of all users; each has its own supervisor, so no user waits for the start of another's.

    `build` returns a supervisor that is not started; `stop` stops one and returns the task that does so. `is_program`
    tells whether the connections to an entry are processes.
    """

    def __init__(
        self,
        limits: UserLimits,
        *,
        build: Callable[[Mcp, SessionOwner, Credential | None], Supervisor],
        stop: Callable[[Supervisor], asyncio.Task[None]],
        is_program: Callable[[Mcp], bool],
    ) -> None:
        self._limits = limits
        self._build = build
        self._stop = stop
        self._is_program = is_program
        self._connections: dict[Key, _UserConnection] = {}
        self._of_entry: dict[str, dict[Key, _UserConnection]] = {}
        self._of_pair: dict[Pair, dict[Key, _UserConnection]] = {}
        # A new process waits for the old one of the same user and entry, because both could use the same files.
        self._stopping: dict[Key, asyncio.Task[None]] = {}
        self._watches = UserWatches(self._attach)

    async def call(
        self, mcp: Mcp, key: Key, request: NeutralRequest, timeout: float, *, alone: bool = False
    ) -> Reply:
        """Send one request over the user's own connection, which the first call starts.

        With `alone` a call whose host can be asked gets a connection that no other such call uses meanwhile. `key`
        names the generation of the credential; opening a connection retires those of another one. Raises
        OverloadedError when a limit is reached and every connection is busy, and the errors of a supervisor.
        """
        asking, credential = can_be_asked(request), request.credential
        find = self._free if alone and asking else self._connection
        connection = find(mcp, key, credential)
        supervisor = connection.supervisor
        if credential is not None and not supervisor.lent.is_current(credential):
            supervisor.use_credential(credential)
        connection.in_flight += 1
        connection.asking += asking
        try:
            return await supervisor.call(request, key.user_id, timeout)
        finally:
            connection.in_flight -= 1
            connection.asking -= asking
            connection.used_at = asyncio.get_running_loop().time()
            if connection.is_retiring and not connection.in_flight:
                self._close_if_open(connection)

    def connect(self, mcp: Mcp, user_id: str, credential: Credential) -> None:
        """Open a connection of a user unless there is one with this credential. Raises OverloadedError."""
        key = _key_without_host(mcp, user_id, credential)
        self._retire_earlier(key)
        if self._of_user(key.pair) is None:
            _ = self._open(mcp, key, credential)

    def watch(
        self, mcp: Mcp, user_id: str, uri: str, listener: ResourceListener, credential: Credential | None
    ) -> Callable[[], None]:
        """Watch a resource over a connection of the user; returns what ends this. Raises OverloadedError."""
        if credential is not None:
            self._retire_earlier(_key_without_host(mcp, user_id, credential))
        holder = "" if credential is None else credential.holder
        return self._watches.add(UserWatch(mcp, user_id, uri, listener, credential, holder))

    def watch_again(self, mcp: Mcp) -> None:
        """Watch the resources of an entry again after its connections were stopped."""
        self._watches.begin_again(mcp)

    def retire(self, changed: Callable[[str, str], bool]) -> None:
        """Retire the connections for whose entry and user the credential has `changed`."""
        for pair in [each for each in self._of_pair if changed(each[0], each[1])]:
            self._watches.lost_credential(pair)
            for connection in list(self._of_pair.get(pair, {}).values()):
                self._retire(connection)

    def of_entry(self, mcp_id: str) -> Iterator[tuple[str, Supervisor]]:
        """Yield the id and the supervisor of each user's connections to this entry."""
        for key, connection in self._of_entry.get(mcp_id, {}).items():
            yield key.user_id, connection.supervisor

    def stop_entry(self, mcp_id: str) -> None:
        """Stop every user's connection to this entry."""
        for connection in list(self._of_entry.get(mcp_id, {}).values()):
            _ = self._close(connection)

    def retain(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id `wanted` is false."""
        self._watches.retain(wanted)
        for connection in [each for key, each in self._connections.items() if not wanted(key.user_id)]:
            _ = self._close(connection)

    def _connection(self, mcp: Mcp, key: Key, credential: Credential | None) -> _UserConnection:
        return self._connections.get(key) or self._open(mcp, key, credential)

    def _free(self, mcp: Mcp, key: Key, credential: Credential | None) -> _UserConnection:
        """Return the first connection whose calls in flight cannot be asked."""
        for slot in itertools.count():
            connection = self._connection(mcp, key._replace(slot=slot), credential)
            if not connection.asking:
                return connection
        raise AssertionError("there is a number for every connection")

    def _attach(self, watch: UserWatch) -> Callable[[], None] | None:
        """Watch over a connection that the user has, or over a new one; return what ends this.

        None if there is neither a connection nor the credential that one needs.
        """
        key = _key_without_host(watch.mcp, watch.user_id, watch.credential)
        connection = self._of_user(key._replace(holder=watch.holder).pair)
        if connection is None and watch.credential is None and watch.mcp.credentials.is_per_user:
            return None
        connection = connection or self._open(watch.mcp, key, watch.credential)
        end = connection.supervisor.watches.add(watch.uri, watch.listener, watch.user_id)
        connection.watched += 1

        def release() -> None:
            end()
            connection.watched -= 1

        return release

    def _of_user(self, pair: Pair) -> _UserConnection | None:
        """Return a connection of a user that serves more than its calls in flight."""
        own = (each for each in self._of_pair.get(pair, {}).values() if not each.is_retiring)
        return next(own, None)

    def _retire_earlier(self, key: Key) -> None:
        """Retire the user's connections with a credential of another generation than that of the key."""
        of_pair = self._of_pair.get(key.pair)
        if of_pair is None:
            return
        earlier = [
            each
            for each in of_pair.values()
            if each.key.generation != key.generation and not each.is_retiring
        ]
        if earlier:
            self._watches.lost_credential(key.pair)
        for connection in earlier:
            self._retire(connection)

    def _retire(self, connection: _UserConnection) -> None:
        """Stop a connection when its calls in flight have ended; it opens no session any more."""
        if not connection.in_flight:
            _ = self._close(connection)
        elif not connection.is_retiring:
            connection.is_retiring = True
            connection.supervisor.retire()
            connection.timer.cancel()
            loop = asyncio.get_running_loop()
            connection.timer = loop.call_later(self._limits.retire, self._close_if_open, connection)

    def _open(self, mcp: Mcp, key: Key, credential: Credential | None) -> _UserConnection:
        """Open a connection and retire those with a credential of another generation, so that all have the same."""
        if credential is not None:
            self._retire_earlier(key)
        is_program = self._is_program(mcp)
        # It starts when the one that made room for it has stopped, so that there are never more than the limits allow.
        room = self._make_room(mcp, key.user_id, is_program=is_program)
        same = key._replace(generation="")
        earlier = [task for each, task in self._stopping.items() if each._replace(generation="") == same]
        before = [task for task in (room, *earlier) if task]
        owner = SessionOwner(key.user_id, key.capabilities, lists_all=mcp.credentials.is_listed_by_users)
        supervisor = self._build(mcp, owner, credential)
        connection = self._connections[key] = _UserConnection(key, supervisor, is_program=is_program)
        self._of_entry.setdefault(key.mcp_id, {})[key] = connection
        self._of_pair.setdefault(key.pair, {})[key] = connection
        connection.supervisor.start(*before)
        self._check_after(self._limits.idle, connection)
        self._watches.connected(key.pair, credential)
        return connection

    def _make_room(self, mcp: Mcp, user_id: str, *, is_program: bool) -> asyncio.Task[None] | None:
        """Stop the connection that has been idle for longest, if a limit is reached."""
        limits = self._limits
        per_user, total = (
            (limits.per_user, limits.total)
            if is_program
            else (limits.sessions_per_user, limits.sessions_in_total)
        )
        of_kind = [each for each in self._connections.values() if each.is_program is is_program]
        of_user = [each for each in of_kind if each.key.user_id == user_id]
        if len(of_user) >= per_user:
            candidates, whose = of_user, "of this user"
        elif len(of_kind) >= total:
            candidates, whose = of_kind, "of all users"
        else:
            return None
        idle = [each for each in candidates if not each.in_flight and not each.watched]
        if not idle:
            raise OverloadedError(f"{mcp.name}: every connection {whose} is busy, and there may be no more")
        return self._close(min(idle, key=lambda each: each.used_at))

    def _check_after(self, seconds: float, connection: _UserConnection) -> None:
        connection.timer = asyncio.get_running_loop().call_later(seconds, self._stop_if_idle, connection)

    def _stop_if_idle(self, connection: _UserConnection) -> None:
        remaining = self._limits.idle
        if not connection.in_flight and not connection.watched:
            remaining -= asyncio.get_running_loop().time() - connection.used_at
        if remaining > 0:
            self._check_after(remaining, connection)
        else:
            _ = self._close(connection)

    def _close_if_open(self, connection: _UserConnection) -> None:
        if self._connections.get(connection.key) is connection:
            _ = self._close(connection)

    def _close(self, connection: _UserConnection) -> asyncio.Task[None]:
        key = connection.key
        del self._connections[key]
        _remove(self._of_entry, key.mcp_id, key)
        _remove(self._of_pair, key.pair, key)
        connection.timer.cancel()
        task = self._stopping[key] = self._stop(connection.supervisor)
        task.add_done_callback(lambda done: self._forget_stopped(key, done))
        return task

    def _forget_stopped(self, key: Key, done: asyncio.Task[None]) -> None:
        if self._stopping.get(key) is done:
            del self._stopping[key]


def key_of(mcp_id: str, user_id: str, capabilities: bytes, credential: Credential | None) -> Key:
    """Return the key of a connection with this credential."""
    if credential is None:
        return Key(mcp_id, user_id, capabilities)
    return Key(mcp_id, user_id, capabilities, generation=credential.generation, holder=credential.holder)


def _key_without_host(mcp: Mcp, user_id: str, credential: Credential | None) -> Key:
    """Return the key of a connection that no call of a host opens."""
    return key_of(mcp.mcp_id, user_id, b"{}", credential)


def _remove(index: dict[T, dict[Key, _UserConnection]], name: T, key: Key) -> None:
    del index[name][key]
    if not index[name]:
        del index[name]
