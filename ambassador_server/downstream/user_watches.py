"""The resources that users watch over connections of their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.features.watches import ResourceListener
from ambassador_server.errors import OverloadedError
from ambassador_server.ports.credentials import Credential

Pair = tuple[str, str, str]
"""The ids of an MCP and of a user, and the holder of the credential if the user has several."""


@dataclass(slots=True, eq=False)
class UserWatch:
    """One resource that a user watches; `end` ends it on the connection that it has now, if `is_attached`."""

    mcp: Mcp
    user_id: str
    uri: str
    listener: ResourceListener
    credential: Credential | None
    holder: str = ""
    is_attached: bool = False
    end: Callable[[], None] = lambda: None

    def detach(self) -> None:
        """End it on its connection."""
        if self.is_attached:
            self.is_attached = False
            self.end()


class UserWatches:
    """Moves the watches of a user to the connection that takes the place of another.

    `attach` begins a watch on a connection of its user, which it may open, and returns what ends it there; None without
    a connection and a credential to open one. It raises OverloadedError.
    """

    def __init__(self, attach: Callable[[UserWatch], Callable[[], None] | None]) -> None:
        self._attach = attach
        self._by_pair: dict[Pair, set[UserWatch]] = {}

    def add(self, watch: UserWatch) -> Callable[[], None]:
        """Begin a watch; returns what ends it. Raises OverloadedError."""
        self._begin(watch)
        self._by_pair.setdefault(_pair(watch), set()).add(watch)

        def end() -> None:
            self._forget(watch)
            watch.detach()

        return end

    def begin_again(self, mcp: Mcp) -> None:
        """Watch the resources of an entry again after its connections were stopped.

        A credential that was lent for another address, or another place, opens no connection to the changed entry.
        """
        for watch in [each for each in self._all() if each.mcp.mcp_id == mcp.mcp_id]:
            watch.detach()
            if not watch.mcp.has_same_connection(mcp):
                watch.credential = None
            watch.mcp = mcp
            self._begin_if_possible(watch)

    def connected(self, pair: Pair, credential: Credential | None) -> None:
        """Watch over a new connection of a user what lost its connection."""
        for watch in [each for each in self._by_pair.get(pair, ()) if not each.is_attached]:
            watch.credential = credential
            self._begin_if_possible(watch)

    def lost_credential(self, pair: Pair) -> None:
        """Wait for the next connection of a user, because the credential is not valid any more."""
        for watch in self._by_pair.get(pair, ()):
            watch.detach()
            watch.credential = None

    def retain(self, wanted: Callable[[str], bool]) -> None:
        """Forget the watches of every user for whose id `wanted` is false."""
        self._by_pair = {pair: watches for pair, watches in self._by_pair.items() if wanted(pair[1])}

    def _begin_if_possible(self, watch: UserWatch) -> None:
        try:
            self._begin(watch)
        except OverloadedError:
            self._forget(watch)

    def _begin(self, watch: UserWatch) -> None:
        # First, because the connection that is opened for it looks for watches to begin.
        watch.is_attached = True
        end = None
        try:
            end = self._attach(watch)
        finally:
            watch.is_attached = end is not None
        if end is not None:
            watch.end = end

    def _forget(self, watch: UserWatch) -> None:
        of_pair = self._by_pair.get(_pair(watch), set())
        of_pair.discard(watch)
        if not of_pair:
            self._by_pair.pop(_pair(watch), None)

    def _all(self) -> Iterator[UserWatch]:
        return (watch for watches in self._by_pair.values() for watch in watches)


def _pair(watch: UserWatch) -> Pair:
    return watch.mcp.mcp_id, watch.user_id, watch.holder
