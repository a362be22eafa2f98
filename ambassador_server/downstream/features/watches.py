"""Updates of resources: who watches which, and the subscriptions of a legacy session for them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NoReturn

import msgspec

from ambassador_server.downstream.features.pages import Request
from ambassador_server.errors import AmbassadorError, OverloadedError

UPDATED: Final = "notifications/resources/updated"
MOST_WATCHED: Final = 5000
"""How many resources may be watched over one connection."""
_LARGEST_UPDATE: Final = 64 * 1024
_SUBSCRIBE_SECONDS: Final = 10.0

ResourceListener = Callable[[bytes], None]


class _Updated(msgspec.Struct):
    uri: str


_decoder = msgspec.json.Decoder(_Updated)


class ResourceWatches:
    """The listeners to the resources of one connection, by URI; they stay when its session is lost.

    `version` grows with every change of the watched URIs. `user_ids` are those of everybody who has watched one.
    """

    def __init__(self) -> None:
        self.version = 0
        self.user_ids: set[str] = set()
        self._listeners: dict[str, dict[object, ResourceListener]] = {}
        self._bell = asyncio.Event()

    @property
    def uris(self) -> list[str]:
        """Return the URIs that are watched."""
        return list(self._listeners)

    def add(self, uri: str, listener: ResourceListener, user_id: str) -> Callable[[], None]:
        """Tell a user's listener of updates from now on; returns what ends this. Raises OverloadedError."""
        if uri not in self._listeners:
            if len(self._listeners) >= MOST_WATCHED:
                raise OverloadedError(f"More than {MOST_WATCHED} resources of one MCP are watched")
            self._listeners[uri] = {}
            self.touch()
        self.user_ids.add(user_id)
        token = object()
        self._listeners[uri][token] = listener
        return lambda: self._remove(uri, token)

    def touch(self) -> None:
        """Let those that follow the watches look at them again."""
        self.version += 1
        self._bell.set()
        self._bell = asyncio.Event()

    async def next_change(self, seen: int) -> None:
        """Return when the version is another than the one that was seen."""
        while self.version == seen:
            await self._bell.wait()

    def updated(self, params: bytes) -> None:
        """Tell the listeners of one update; one that is malformed or of no watched resource is dropped."""
        if not self._listeners or len(params) > _LARGEST_UPDATE:
            return
        try:
            uri = _decoder.decode(params).uri
        except (msgspec.DecodeError, RecursionError):
            return
        for listeners in self._listeners_of(uri):
            for listener in list(listeners.values()):
                listener(params)

    def _listeners_of(self, uri: str) -> Iterator[dict[object, ResourceListener]]:
        exact = self._listeners.get(uri)
        if exact is not None:
            return iter([exact])
        # The update may be of a resource below the one that is watched.
        return iter(
            [each for above, each in self._listeners.items() if uri.startswith(f"{above.rstrip('/')}/")]
        )

    def _remove(self, uri: str, token: object) -> None:
        listeners = self._listeners.get(uri, {})
        if listeners.pop(token, None) is not None and not listeners:
            del self._listeners[uri]
            self.touch()


class LegacySubscriptions:
    """Subscribes a legacy session once to each resource that is watched."""

    def __init__(self, watches: ResourceWatches, request: Request) -> None:
        self._watches = watches
        self._request = request
        self._subscribed: set[str] = set()

    def forget(self) -> None:
        """Subscribe again, because the session is a new one."""
        if self._subscribed:
            self._subscribed.clear()
            self._watches.touch()

    async def keep(self) -> NoReturn:
        """Follow the watches until cancelled."""
        while True:
            seen = self._watches.version
            wanted = set(self._watches.uris)
            for uri in self._subscribed - wanted:
                await self._send("resources/unsubscribe", uri)
                self._subscribed.discard(uri)
            for uri in wanted - self._subscribed:
                self._subscribed.add(uri)
                await self._send("resources/subscribe", uri)
            await self._watches.next_change(seen)

    async def _send(self, method: str, uri: str) -> None:
        # A refusal is no fault of ours, and an outage ends the session.
        with suppress(AmbassadorError, TimeoutError):
            async with asyncio.timeout(_SUBSCRIBE_SECONDS):
                await self._request(method, msgspec.json.encode({"uri": uri}))
