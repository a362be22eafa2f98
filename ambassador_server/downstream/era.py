"""The eras of the protocol, what a handshake agrees on, and the interface that each era implements."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.catalog.offers import DownstreamFeatures, read_features
from ambassador_server.downstream.features.watches import ResourceWatches
from ambassador_server.downstream.transport import Transport
from ambassador_server.ports.exchange import NeutralRequest, Reply

_MOST_REMEMBERED: Final = 1000

Exchange = Callable[[NeutralRequest], Awaitable[Reply]]
"""Sends one request over the session and returns its answer."""


class Era(StrEnum):
    """The legacy era has a handshake and sessions; in the modern one every request is independent."""

    LEGACY = "legacy"
    MODERN = "modern"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a handshake; `capabilities` are those of the downstream, and `features` what they offer hosts."""

    era: Era
    version: str
    capabilities: Mapping[str, Any]
    features: DownstreamFeatures = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", read_features(self.capabilities))

    @property
    def announced(self) -> tuple[str, ...]:
        """Return the kinds of lists of whose changes the downstream notifies us."""
        declared = {kind: self.capabilities.get(kind) for kind in ("tools", "resources", "prompts")}
        return tuple(
            kind
            for kind, features in declared.items()
            if isinstance(features, Mapping) and features.get("listChanged") is True
        )


class EraMemory:
    """The eras that connections have proven, by what they connect to; the newest ones only."""

    def __init__(self) -> None:
        self._eras: OrderedDict[tuple[str, bytes], Era] = OrderedDict()

    def keep(self, mcp: Mcp, era: Era | None) -> None:
        """Remember the era of a connection; None tells nothing."""
        if era is None:
            return
        key = _connection_of(mcp)
        self._eras[key] = era
        self._eras.move_to_end(key)
        if len(self._eras) > _MOST_REMEMBERED:
            self._eras.popitem(last=False)

    def era_of(self, mcp: Mcp) -> Era | None:
        """Return the era of the last connection to the same place, if it is known."""
        return self._eras.get(_connection_of(mcp))


def _connection_of(mcp: Mcp) -> tuple[str, bytes]:
    return mcp.transport, msgspec.json.encode(dict(mcp.options), order="sorted")


class EraAdaptor(Protocol):
    """Converts neutral requests to those of one era, for one session."""

    def acknowledged(self) -> None:
        """Take the notification that a subscription has begun."""
        ...

    @property
    def era(self) -> Era:
        """Return the era."""
        ...

    async def prepare(
        self, request: NeutralRequest, progress_token: int | None
    ) -> tuple[bytes, Mapping[str, str] | None]:
        """Return the params and headers to send; raises InvalidInputError for params that are not a JSON object."""
        ...

    async def usable(
        self, tools: tuple[Tool, ...], leave_out: Callable[[str, str], None]
    ) -> tuple[Tool, ...]:
        """Return the tools that can be called in this era, and keep what their calls need.

        `leave_out(name, reason)` is told of every other tool.
        """
        ...

    def wants_fresh_tools(self, reply: Reply) -> bool:
        """Tell whether the request did not run because the tools changed since they were listed."""
        ...

    def is_final(self, reply: Reply) -> bool:
        """Tell whether an answer certainly asks for nothing, so that `finish` would return it unchanged."""
        ...

    async def finish(self, reply: Reply, request: NeutralRequest, send: Exchange) -> Reply:
        """Return the final answer, after asking the host the questions in an answer and retrying the request."""
        ...

    async def listen(
        self, transport: Transport, send: Exchange, kinds: Sequence[str], watches: ResourceWatches | None
    ) -> bool:
        """Listen for what the downstream says unasked until it stops; returns whether to listen again.

        That are changes of these kinds of lists and of the watched resources, and in the legacy era also questions.
        """
        ...
