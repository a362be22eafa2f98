"""Finding out once which era a downstream speaks, and opening the conversation in it."""

import asyncio
from typing import Any, Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    METHOD_HEADER,
    MODERN_VERSION,
    VERSION_HEADER,
)
from ambassador_server.downstream.era import Agreement, Era
from ambassador_server.downstream.eras.modern import modern_params
from ambassador_server.downstream.transport import RejectedError, Transport
from ambassador_server.downstream.wire.params import CLIENT_INFO
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

HEDGE_SECONDS: Final = 1.0
"""How long a downstream may stay silent about `server/discover` before it is offered `initialize` as well."""

_INITIALIZE: Final = msgspec.json.encode(
    {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": CLIENT_INFO}
)


_DISCOVER_HEADERS: Final = {VERSION_HEADER: MODERN_VERSION, METHOD_HEADER: "server/discover"}


class _Discovered(msgspec.Struct, rename="camel"):
    supported_versions: list[str]
    capabilities: dict[str, Any]


class _Initialized(msgspec.Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any] = {}


class _Versions(msgspec.Struct):
    supported: list[str] = []


class _Error(msgspec.Struct):
    code: int = 0
    data: Any = None

    @property
    def supported(self) -> list[str]:
        try:
            return msgspec.convert(self.data, _Versions).supported
        except msgspec.ValidationError:
            return []


async def agree(transport: Transport, remembered: Era | None) -> Agreement:
    """Open the conversation in the era of the downstream; raises DownstreamUnavailableError.

    The modern question goes first. A legacy server that ignores what it does not know would cost a whole
    timeout, so after a short silence the legacy handshake is offered beside it: whichever is answered counts.
    A slow starter reads both from its pipe in order, so a server of both eras still chooses the modern one.
    """
    if remembered is Era.LEGACY:
        return await initialize(transport)
    tasks = [asyncio.create_task(_discover(transport))]
    try:
        agreement = await _race(transport, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    transport.adopt(agreement.version)
    return agreement


async def initialize(transport: Transport) -> Agreement:
    """Open a session by the legacy handshake; raises DownstreamUnavailableError."""
    reply = await transport.request("initialize", _INITIALIZE)
    if reply.result is None:
        raise RejectedError(f"refused the handshake (error {_error_of(reply).code})")
    try:
        answer = msgspec.json.decode(reply.result, type=_Initialized)
    except msgspec.DecodeError:
        raise DownstreamUnavailableError("answered the handshake with something that is not MCP") from None
    if answer.protocol_version not in LEGACY_VERSIONS:
        raise DownstreamUnavailableError(
            f"speaks an unknown protocol version: {answer.protocol_version[:40]!r}"
        )
    transport.adopt(answer.protocol_version)
    await transport.notify("notifications/initialized", b"{}")
    return Agreement(Era.LEGACY, answer.protocol_version, answer.capabilities)


async def _race(transport: Transport, tasks: "list[asyncio.Task[Any]]") -> Agreement:
    discovering: asyncio.Task[Agreement | None] = tasks[0]
    await asyncio.wait({discovering}, timeout=HEDGE_SECONDS)
    if discovering.done():
        return await discovering or await initialize(transport)
    initializing = asyncio.create_task(initialize(transport))
    tasks.append(initializing)
    await asyncio.wait({discovering, initializing}, return_when=asyncio.FIRST_COMPLETED)
    if not discovering.done() and initializing.exception() is None:
        return await initializing
    return await discovering or await initializing


async def _discover(transport: Transport) -> Agreement | None:
    """Return what a modern downstream says of itself, or None for one that has to be initialized."""
    params, _ = modern_params(b"{}")
    try:
        reply = await transport.request("server/discover", params, _DISCOVER_HEADERS)
    except RejectedError:
        return None
    if reply.result is None:
        _check_refusal(_error_of(reply))
        return None
    try:
        answer = msgspec.json.decode(reply.result, type=_Discovered)
    except msgspec.DecodeError:
        return None
    if MODERN_VERSION in answer.supported_versions:
        return Agreement(Era.MODERN, MODERN_VERSION, answer.capabilities)
    _demand_legacy(answer.supported_versions)
    return None


def _check_refusal(error: "_Error") -> None:
    """Raise for a refusal that only a modern server knows: the legacy handshake would not help."""
    if error.code == Code.UNSUPPORTED_VERSION and error.supported:
        _demand_legacy(error.supported)
    elif error.code in (Code.HEADER_MISMATCH, Code.MISSING_CAPABILITY):
        raise DownstreamUnavailableError(f"refused server/discover (error {error.code})")


def _demand_legacy(versions: list[str]) -> None:
    if not any(version in LEGACY_VERSIONS for version in versions):
        raise DownstreamUnavailableError(
            f"speaks only unknown protocol versions: {', '.join(versions)[:80]!r}"
        )


def _error_of(reply: Reply) -> "_Error":
    try:
        return msgspec.json.decode(reply.error or b"{}", type=_Error)
    except msgspec.DecodeError:
        return _Error()
