"""Finds out which era a downstream speaks, and opens a session in it."""

import asyncio
from typing import Any, Final, TypeVar

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    METHOD_HEADER,
    MODERN_VERSION,
    VERSION_HEADER,
)
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.downstream.era import Agreement, Era
from ambassador_server.downstream.eras.modern import modern_params
from ambassador_server.downstream.transport import CredentialsRefusedError, RejectedError, Transport
from ambassador_server.downstream.wire.params import CLIENT_INFO, RELAYED
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

HEDGE_SECONDS: Final = 1.0
"""The seconds without an answer to `server/discover` after which `initialize` is sent as well."""

T = TypeVar("T")

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


async def agree(transport: Transport, remembered: Era | None, capabilities: bytes = RELAYED) -> Agreement:
    """Open a session in the era of the downstream; raises DownstreamUnavailableError.

    The modern request is sent first. A legacy server may ignore it, so after HEDGE_SECONDS the legacy handshake is
    sent as well, and the first answer decides. A server that starts slowly reads both in order, so one that speaks
    both eras still answers the modern request first. Refused credentials, certificates and names that lead nowhere say
    nothing of the era, so no other handshake follows them. `capabilities` are those that a legacy session declares.
    """
    if remembered is Era.LEGACY or not transport.carries_modern_era:
        return await initialize(transport, capabilities)
    tasks = [asyncio.create_task(_discover(transport))]
    try:
        agreement = await _race(transport, tasks, capabilities)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    transport.use_version(agreement.version)
    return agreement


async def initialize(transport: Transport, capabilities: bytes = RELAYED) -> Agreement:
    """Open a session with the legacy handshake; raises DownstreamUnavailableError."""
    params = {
        "protocolVersion": LATEST_LEGACY,
        "capabilities": msgspec.Raw(capabilities),
        "clientInfo": CLIENT_INFO,
    }
    reply = await transport.request("initialize", msgspec.json.encode(params))
    if reply.result is None:
        raise RejectedError(f"refused the handshake (error {_error_of(reply).code})")
    try:
        answer = _read(reply.result, _Initialized)
    except msgspec.DecodeError:
        raise DownstreamUnavailableError("answered the handshake with something that is not MCP") from None
    if answer.protocol_version not in LEGACY_VERSIONS:
        raise DownstreamUnavailableError(
            f"speaks an unknown protocol version: {answer.protocol_version[:40]!r}"
        )
    transport.use_version(answer.protocol_version)
    await transport.notify("notifications/initialized", b"{}")
    return Agreement(Era.LEGACY, answer.protocol_version, answer.capabilities)


async def _race(transport: Transport, tasks: "list[asyncio.Task[Any]]", capabilities: bytes) -> Agreement:
    discovering: asyncio.Task[Agreement | None] = tasks[0]
    await asyncio.wait({discovering}, timeout=HEDGE_SECONDS)
    if discovering.done():
        return await discovering or await initialize(transport, capabilities)
    initializing = asyncio.create_task(initialize(transport, capabilities))
    tasks.append(initializing)
    await asyncio.wait({discovering, initializing}, return_when=asyncio.FIRST_COMPLETED)
    if not discovering.done() and initializing.exception() is None:
        return await initializing
    return await discovering or await initializing


async def _discover(transport: Transport) -> Agreement | None:
    """Return the agreement with a modern downstream, or None for one that needs the legacy handshake."""
    params, _ = modern_params(b"{}")
    try:
        reply = await transport.request("server/discover", params, _DISCOVER_HEADERS)
    except CredentialsRefusedError:
        raise
    except RejectedError:
        return None
    if reply.result is None:
        _check_refusal(_error_of(reply))
        return None
    try:
        answer = _read(reply.result, _Discovered)
    except msgspec.DecodeError:
        return None
    if MODERN_VERSION in answer.supported_versions:
        return Agreement(Era.MODERN, MODERN_VERSION, answer.capabilities)
    _demand_legacy(answer.supported_versions)
    return None


def _check_refusal(error: "_Error") -> None:
    """Raise DownstreamUnavailableError for an error that only a modern server gives."""
    if error.code == Code.UNSUPPORTED_VERSION and error.supported:
        _demand_legacy(error.supported)
    elif error.code in (Code.HEADER_MISMATCH, Code.MISSING_CAPABILITY):
        raise DownstreamUnavailableError(f"refused server/discover (error {error.code})")


def _demand_legacy(versions: list[str]) -> None:
    if not any(version in LEGACY_VERSIONS for version in versions):
        raise DownstreamUnavailableError(
            f"speaks only unknown protocol versions: {', '.join(versions)[:80]!r}"
        )


def _read(raw: bytes, kind: type[T]) -> T:
    """Decode an answer; raises DownstreamUnavailableError if decoding it would stop the event loop."""
    if len(raw) > LARGE:
        raise DownstreamUnavailableError(f"answered the handshake with more than {LARGE} bytes")
    return msgspec.json.decode(raw, type=kind)


def _error_of(reply: Reply) -> "_Error":
    try:
        return _read(reply.error or b"{}", _Error)
    except msgspec.DecodeError:
        return _Error()
