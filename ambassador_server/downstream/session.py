"""One MCP conversation with one downstream, from the handshake to the goodbye."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw

from ambassador_protocol.header_values import encode_header_value
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import METHOD_HEADER, NAME_HEADER, NAME_PARAMS
from ambassador_protocol.param_headers import (
    HeaderMap,
    InvalidAnnotationError,
    param_headers,
    read_header_map,
)
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.downstream.envelope import legacy_params, modern_params
from ambassador_server.downstream.features.progress import ProgressTokens
from ambassador_server.downstream.features.tools import list_tools
from ambassador_server.downstream.handshake import Agreement, Era, agree, initialize
from ambassador_server.downstream.transport import Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.transports import build_transport
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError, InvalidInputError
from ambassador_server.ports.downstream import ProgressHandler, Reply

_LISTEN: Final = b'{"notifications":{"toolsListChanged":true}}'
_CHANGED: Final = "notifications/tools/list_changed"
_PROGRESS: Final = "notifications/progress"

_log = logging.getLogger(__name__)


class DownstreamSession:
    """A downstream that talks, or is about to; `changed` is set when its tools changed or when it ended."""

    def __init__(self, mcp: Mcp, mask: Callable[[str], str]) -> None:
        self.changed = asyncio.Event()
        self._name = mcp.name
        self._transport = build_transport(
            mcp.transport, mcp.options, Hooks(notified=self._notified, mask=mask)
        )
        self._transport.ended.add_done_callback(lambda _: self.changed.set())
        self._agreement: Agreement
        self._mirrors = False
        self._header_maps: dict[str, HeaderMap] = {}
        self._progress = ProgressTokens()
        self._renewing = asyncio.Lock()
        self._renewed: str | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds why the downstream is gone; pending while it is not."""
        return self._transport.ended

    @property
    def era(self) -> Era:
        """Return the era that was agreed on."""
        return self._agreement.era

    async def open(self, remembered: Era | None, timeout: float) -> tuple[Tool, ...]:
        """Reach the downstream, agree on an era and return its tools; whoever opens it closes it, come what may.

        Raises DownstreamUnavailableError, and DownstreamTimeoutError after `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._transport.open()
                self._agreement = await agree(self._transport, remembered)
                self._mirrors = self.era is Era.MODERN and self._transport.mirrors_headers
                return await self.list_tools()
        except TimeoutError:
            raise DownstreamTimeoutError(f"did not get ready within {timeout:g} s") from None

    async def list_tools(self) -> tuple[Tool, ...]:
        """Return every tool; raises DownstreamUnavailableError."""
        if not self._agreement.has_tools:
            return ()
        tools = await list_tools(self._exchange)
        return self._keep_mirrorable(tools) if self._mirrors else tools

    async def request(self, method: str, params: bytes, progress: ProgressHandler | None = None) -> Reply:
        """Send one request, exactly once as far as the downstream may have acted on it.

        Raises DownstreamUnavailableError, and InvalidInputError for params that are no JSON object.
        """
        self._in_flight += 1
        self._idle.clear()
        token = None if progress is None else self._progress.give(progress)
        try:
            reply = await self._exchange(method, params, token)
            if self._mirrors and reply.error is not None and _is_header_mismatch(reply.error):
                # The tool wants other headers than it did: it did not run, and a fresh list says which.
                await self.list_tools()
                self.changed.set()
                reply = await self._exchange(method, params, token)
            return reply
        finally:
            if token is not None:
                self._progress.take_back(token)
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def listen(self, pause: float) -> None:
        """Hear of changed tools for as long as the downstream offers to tell, `pause` seconds between attempts."""
        if not self._agreement.announces_tools:
            return
        while await self._hear():
            await asyncio.sleep(pause)
            # Whatever changed while nobody listened.
            self.changed.set()

    def last_words(self) -> str:
        """Return what the downstream complained of last, masked; for administrators, never for callers."""
        return self._transport.last_words()

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines that were not MCP, masked."""
        return self._transport.recent_output()

    async def retire(self, patience: float) -> None:
        """Close as soon as nothing is in flight, at the latest after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("%s: closed with %d calls in flight", self._name, self._in_flight)
        finally:
            await self.close()

    async def close(self) -> None:
        """End the conversation; whoever still waits gets DownstreamUnavailableError."""
        await self._transport.close()

    def _notified(self, method: str, params: bytes) -> None:
        if method == _CHANGED:
            self.changed.set()
        elif method == _PROGRESS:
            self._progress.notified(params)

    async def _exchange(self, method: str, params: bytes, token: int | None = None) -> Reply:
        prepared, headers = self._prepare(method, params, token)
        try:
            return await self._transport.request(method, prepared, headers)
        except SessionLostError as lost:
            await self._renew(lost.session_id)
        except RejectedError:
            # The call, or the whole conversation? Listing the tools again will tell.
            self.changed.set()
            raise
        try:
            return await self._transport.request(method, prepared, headers)
        except SessionLostError:
            raise DownstreamUnavailableError("forgets a session as soon as it has opened it") from None

    async def _renew(self, session_id: str) -> None:
        # Every call in flight notices the loss; the first one opens the new session for all.
        async with self._renewing:
            if self._renewed != session_id:
                await initialize(self._transport)
                self._renewed = session_id

    def _prepare(
        self, method: str, params: bytes, token: int | None
    ) -> tuple[bytes, Mapping[str, str] | None]:
        if self._agreement.era is Era.LEGACY:
            return legacy_params(params, token), None
        prepared, members = modern_params(params, token)
        return prepared, self._mirrored(method, members) if self._mirrors else None

    def _mirrored(self, method: str, members: Mapping[str, Raw]) -> dict[str, str]:
        headers = {METHOD_HEADER: method}
        key = NAME_PARAMS.get(method)
        if key is None or key not in members:
            return headers
        try:
            name = msgspec.json.decode(members[key], type=str)
            headers[NAME_HEADER] = encode_header_value(name)
            header_map = self._header_maps.get(name)
            if header_map and "arguments" in members:
                headers.update(param_headers(header_map, msgspec.json.decode(members["arguments"])))
        except (ValueError, RecursionError):
            raise InvalidInputError(
                f"params.{key} or params.arguments cannot be mirrored in headers"
            ) from None
        return headers

    def _keep_mirrorable(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        maps: dict[str, HeaderMap] = {}
        for tool in tools:
            try:
                maps[tool.name] = read_header_map(tool.definition)
            except InvalidAnnotationError as error:
                _log.warning("%s: tool %r is left out, x-mcp-header: %s", self._name, tool.name, error)
        self._header_maps = {name: header_map for name, header_map in maps.items() if header_map}
        return tuple(tool for tool in tools if tool.name in maps)

    async def _hear(self) -> bool:
        """Listen once; returns whether to listen again."""
        try:
            if self.era is Era.LEGACY:
                return await self._transport.listen()
            return (await self._exchange("subscriptions/listen", _LISTEN)).result is not None
        except SessionLostError as lost:
            with suppress(DownstreamUnavailableError):
                await self._renew(lost.session_id)
        except DownstreamUnavailableError as error:
            _log.info("%s: no news of its tools: %s", self._name, error.message)
        return not self.ended.done()


def _is_header_mismatch(error: bytes) -> bool:
    try:
        code = msgspec.json.decode(error, type=dict[str, Any]).get("code")
    except msgspec.DecodeError:
        return False
    return bool(code == Code.HEADER_MISMATCH)
