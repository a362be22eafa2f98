"""One MCP session with one downstream: handshake, requests, notifications and close."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from ambassador_server.domain.catalog.mcps import Mcp, Tool, ToolListReport
from ambassador_server.downstream.era import Agreement, Era, EraAdaptor
from ambassador_server.downstream.eras.legacy import LegacyEra
from ambassador_server.downstream.eras.modern import ModernEra
from ambassador_server.downstream.features.list_faults import ListFaults
from ambassador_server.downstream.features.progress import PROGRESS, ProgressTokens
from ambassador_server.downstream.features.session_lists import Lists, SessionLists
from ambassador_server.downstream.handshake import agree, initialize
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.transports import build_transport
from ambassador_server.downstream.wire.messages import check_whole
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from ambassador_server.ports.exchange import NeutralRequest, Reply

_log = logging.getLogger(__name__)


class DownstreamSession:
    """A session over one transport; `changed` is set when a list may have changed and when the session ended.

    `notifications` counts what the downstream has said without being asked, which shows that it is alive. With
    `only_tools` the session reads no other list.
    """

    def __init__(
        self, mcp: Mcp, mask: Callable[[str], str], programs: ProgramSettings, *, only_tools: bool = False
    ) -> None:
        self.notifications = 0
        self._name = mcp.name
        self._transport = build_transport(
            mcp.transport, mcp.options, Hooks(notified=self._notified, mask=mask, programs=programs)
        )
        self._lists = SessionLists(mcp.name, self._send, self._usable, only_tools=only_tools)
        self.changed = self._lists.changed
        self._transport.ended.add_done_callback(lambda _: self.changed.set())
        self._agreement: Agreement
        self._era: EraAdaptor = LegacyEra()
        self._progress = ProgressTokens()
        self._renewing = asyncio.Lock()
        self._renewed: str | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds why the session ended; pending while it has not."""
        return self._transport.ended

    @property
    def era(self) -> Era:
        """Return the era that was agreed on."""
        return self._era.era

    @property
    def report(self) -> ToolListReport:
        """Return what is wrong with the last lists."""
        return self._lists.report

    async def open(self, remembered: Era | None, timeout: float) -> Lists:
        """Connect, agree on an era and return the lists; the caller has to close the session even after an error.

        Raises DownstreamUnavailableError, and DownstreamTimeoutError after `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._transport.open()
                self._agreement = await agree(self._transport, remembered)
                self._era = self._adaptor(self._agreement.era)
                return await self._lists.open(self._agreement.features)
        except TimeoutError:
            raise DownstreamTimeoutError(f"did not get ready within {timeout:g} s") from None

    async def read_changed_lists(self, seconds: float) -> Lists:
        """Return the lists that may have changed; raises DownstreamUnavailableError, and TimeoutError after `seconds`.

        A list besides the first one of the downstream may be missing instead.
        """
        return await self._lists.read_due(self._agreement.features, seconds)

    def suspect_all_lists(self) -> None:
        """Take every list for one that may have changed."""
        self._lists.all_changed()

    async def request(self, request: NeutralRequest) -> Reply:
        """Send one request and return its answer; a request that may have run is never repeated.

        Raises DownstreamUnavailableError, InvalidInputError for params that are not a JSON object, and
        DefinitionChangedError before the request is sent.
        """
        self._lists.check_definition(request)
        self._in_flight += 1
        self._idle.clear()
        token = None if request.tell is None else self._progress.issue(request.tell)
        try:
            reply = await self._exchange(request, token)
            if self._era.wants_fresh_tools(reply):
                await self._lists.read_tools()
                self.suspect_all_lists()
                self._lists.check_definition(request)
                reply = await self._exchange(request, token)
            final = await self._era.finish(reply, request, lambda again: self._exchange(again, token))
            return check_whole(final)
        finally:
            if token is not None:
                self._progress.withdraw(token)
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def listen(self, pause: float) -> None:
        """Listen for the changes that the downstream announces, with `pause` seconds between attempts."""
        if not self._agreement.announced:
            return
        while await self._listen_once():
            await asyncio.sleep(pause)
            # A change during the pause was not announced to us.
            self.suspect_all_lists()

    def last_error_line(self) -> str:
        """Return the last line that an ended process wrote besides MCP, masked; for administrators, not for callers."""
        return self._transport.last_error_line()

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines that were not MCP, masked."""
        return self._transport.recent_output()

    async def retire(self, patience: float) -> None:
        """Close as soon as no request is in flight, at the latest after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("%s: closed with %d calls in flight", self._name, self._in_flight)
        finally:
            await self.close()

    async def close(self) -> None:
        """End the session; requests that still wait raise DownstreamUnavailableError."""
        await self._transport.close()

    def _notified(self, method: str, params: bytes) -> None:
        self.notifications += 1
        if method == PROGRESS:
            self._progress.notified(params)
        else:
            self._lists.notified(method)

    async def _usable(self, tools: tuple[Tool, ...], faults: ListFaults) -> tuple[Tool, ...]:
        return await self._era.usable(tools, faults.leave_out)

    async def _send(self, method: str, params: bytes) -> Reply:
        return await self._exchange(NeutralRequest(method=method, params=params))

    async def _exchange(self, request: NeutralRequest, token: int | None = None) -> Reply:
        method, ask = request.method, request.ask
        prepared, headers = await self._era.prepare(request, token)
        try:
            try:
                return await self._transport.request(method, prepared, headers, ask=ask)
            except SessionLostError as lost:
                await self._renew(lost.session_id)
                if lost.may_have_run:
                    raise DownstreamUnavailableError(
                        "lost the session of the call, which may have run, so it is not repeated"
                    ) from None
        except RejectedError:
            # Listing again shows whether the downstream refused only this request or the whole session.
            self.suspect_all_lists()
            raise
        try:
            return await self._transport.request(method, prepared, headers, ask=ask)
        except SessionLostError:
            raise DownstreamUnavailableError("forgets a session as soon as it has opened it") from None

    async def _renew(self, session_id: str) -> None:
        # All requests in flight notice the loss, and the first opens the new session for all.
        async with self._renewing:
            if self._renewed != session_id:
                self._agreement = await initialize(self._transport)
                self._renewed = session_id
                # The downstream has probably been restarted, and may offer something else now.
                self.suspect_all_lists()

    def _adaptor(self, era: Era) -> EraAdaptor:
        if era is Era.LEGACY:
            return LegacyEra()
        return ModernEra(self._name, mirrors_headers=self._transport.mirrors_headers)

    async def _listen_once(self) -> bool:
        """Listen until the downstream stops; returns whether to listen again."""
        try:
            return await self._era.listen(self._transport, self._exchange, self._agreement.announced)
        except SessionLostError as lost:
            with suppress(DownstreamUnavailableError):
                await self._renew(lost.session_id)
        except DownstreamUnavailableError as error:
            _log.info("%s: changes of what it offers are not announced: %s", self._name, error.message)
        return not self.ended.done()
