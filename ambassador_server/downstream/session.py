"""One MCP session with one downstream: handshake, requests, notifications and close."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.catalog.mcps import Mcp, Tool, ToolListReport
from ambassador_server.downstream.era import Agreement, Era, EraAdaptor
from ambassador_server.downstream.eras.legacy import LegacyEra
from ambassador_server.downstream.eras.modern import ModernEra
from ambassador_server.downstream.features.calls_in_flight import CallsInFlight, OpenCall
from ambassador_server.downstream.features.list_faults import ListFaults
from ambassador_server.downstream.features.log_messages import LOG_MESSAGE, SessionLogLevel
from ambassador_server.downstream.features.progress import PROGRESS, ProgressTokens
from ambassador_server.downstream.features.questions import CANCELLED
from ambassador_server.downstream.features.session_lists import Lists, SessionLists
from ambassador_server.downstream.features.url_elicitation import COMPLETE, UrlElicitations
from ambassador_server.downstream.features.watches import UPDATED, LegacySubscriptions, ResourceWatches
from ambassador_server.downstream.handshake import agree, initialize
from ambassador_server.downstream.lent_credential import LentCredential
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.transports import build_transport
from ambassador_server.downstream.wire.messages import check_whole
from ambassador_server.downstream.wire.params import NO_CAPABILITIES, RELAYED, declared_by
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from ambassador_server.ports.exchange import NeutralRequest, Reply

ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionOwner:
    """The user whose session one is, and the capabilities of that user's host, a raw JSON object.

    A session that `lists_all` shows what the downstream offers, because the entry has no connection of its own.
    """

    user_id: str
    capabilities: bytes
    lists_all: bool = False


class DownstreamSession:
    """A session over one transport; `changed` is set when a list may have changed and when the session ended.

    `notifications` counts what the downstream says unasked, which shows that it is alive; `idle` is set while no call
    is in flight. With an `owner` it declares the capabilities of the owner's host and reads no list but that of tools.
    `ambiguous` is called for a question that cannot be attributed to one of several calls. `lent` has the credential.
    """

    def __init__(
        self,
        mcp: Mcp,
        lent: LentCredential,
        programs: ProgramSettings,
        *,
        owner: SessionOwner | None = None,
        watches: ResourceWatches | None = None,
        ambiguous: Callable[[], None] = lambda: None,
    ) -> None:
        self.notifications = 0
        self._name, self._owner = mcp.name, owner
        self._capabilities = RELAYED if owner is None else declared_by(owner.capabilities)
        self._watches = watches or ResourceWatches()
        self._calls = CallsInFlight(ambiguous, self._watches.user_ids)
        self.idle = self._calls.idle
        hooks = Hooks(self._notified, self._calls.asked, lent.mask, programs, lent.current)
        self._transport = build_transport(mcp.transport, mcp.options, hooks)
        lent.follow(self._transport.use_credential)
        only_tools = owner is not None and not owner.lists_all
        self._lists = SessionLists(mcp.name, self._send, self._usable, only_tools=only_tools, secrets=lent)
        self.changed = self._lists.changed
        self._transport.ended.add_done_callback(lambda _: self.changed.set())
        self._agreement: Agreement
        self._urls = UrlElicitations()
        self._era: EraAdaptor = LegacyEra(self._urls)
        self._progress = ProgressTokens()
        self._log_level = SessionLogLevel(self._send)
        self._sets_level = False
        self._subscriptions = LegacySubscriptions(self._watches, self._send)
        self._handlers: dict[str, Callable[[bytes], None]] = {
            PROGRESS: self._progress.notified,
            LOG_MESSAGE: self._calls.logged,
            CANCELLED: self._calls.cancelled,
            UPDATED: self._watches.updated,
            COMPLETE: self._urls.completed,
            ACKNOWLEDGED: lambda _: self._era.acknowledged(),
        }
        self._renewing = asyncio.Lock()
        self._renewed: str | None = None

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds why the session ended; pending while it has not."""
        return self._transport.ended

    @property
    def era(self) -> Era:
        """Return the era that was agreed on."""
        return self._era.era

    async def ping(self) -> Reply:
        """Ask for any answer; the modern era has no ping."""
        return await self._send("ping" if self._era.era is Era.LEGACY else "server/discover", b"{}")

    @property
    def keeps_sessions(self) -> bool:
        """Tell whether the downstream keeps a legacy session that it could keep for each user instead."""
        return self._era.era is Era.LEGACY and self._transport.keeps_sessions

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
                self._agreement = await agree(self._transport, remembered, self._capabilities)
                self._era = self._adaptor(self._agreement.era)
                features = self._agreement.features
                self._sets_level = features.logging and self._era.era is Era.LEGACY
                return await self._lists.open(features)
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

    async def request(self, request: NeutralRequest, user_id: str) -> Reply:
        """Send one request of a user and return its answer; a request that may have run is never repeated.

        Raises DownstreamUnavailableError, InvalidInputError for params that are not a JSON object, and
        DefinitionChangedError before the request is sent.
        """
        self._lists.check_definition(request)
        call = self._calls.begin(request, user_id)
        token = None if request.tell is None else self._progress.issue(request.tell)
        level = None if call is None or call.tell is None or not self._sets_level else request.log_level
        try:
            if level is not None:
                await self._log_level.begin(level)
            reply = await self._exchange(request, token, call)
            if self._era.wants_fresh_tools(reply):
                await self._lists.read_tools()
                self.suspect_all_lists()
                self._lists.check_definition(request)
                reply = await self._exchange(request, token, call)
            if not self._era.is_final(reply):
                reply = await self._era.finish(
                    reply, request, lambda again: self._exchange(again, token, call)
                )
            return check_whole(reply)
        finally:
            if token is not None:
                self._progress.withdraw(token)
            if level is not None:
                self._log_level.end(level)
            self._calls.end(call)

    async def listen(self, pause: float) -> None:
        """Listen for all that the downstream says unasked, with `pause` seconds between attempts; until cancelled."""
        is_legacy = self._era.era is Era.LEGACY
        features = self._agreement.features
        if not (is_legacy or self._agreement.announced or features.resource_subscriptions):
            return
        is_for_lists = self._owner is None or self._owner.lists_all
        if is_legacy and self._capabilities == NO_CAPABILITIES and not is_for_lists:
            # No question comes, and the list of tools is that of the entry, so only updates are worth a stream.
            await self._watches.next_change(0)
        subscribing = None
        if is_legacy and features.resource_subscriptions:
            subscribing = asyncio.ensure_future(self._subscriptions.keep())
        try:
            while await self._listen_once():
                await asyncio.sleep(pause)
                # A change during the pause was not announced to us.
                self.suspect_all_lists()
            if subscribing is not None:
                await subscribing
        finally:
            if subscribing is not None:
                subscribing.cancel()

    async def until_listening(self, seconds: float) -> None:
        """Return when no question outside the stream of a request is missed any more, or after `seconds`."""
        if self._era.era is Era.LEGACY and self._capabilities != NO_CAPABILITIES:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._transport.until_listening()

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
                await self._calls.idle.wait()
        except TimeoutError:
            _log.warning("%s: closed with %d calls in flight", self._name, self._calls.count)
        finally:
            await self.close()

    async def close(self) -> None:
        """End the session; requests that still wait raise DownstreamUnavailableError."""
        self._calls.close()
        await self._transport.close()

    def _notified(self, method: str, params: bytes) -> None:
        self.notifications += 1
        handler = self._handlers.get(method)
        if handler is None:
            self._lists.notified(method)
        else:
            handler(params)

    async def _usable(self, tools: tuple[Tool, ...], faults: ListFaults) -> tuple[Tool, ...]:
        return await self._era.usable(tools, faults.leave_out)

    async def _send(self, method: str, params: bytes) -> Reply:
        return await self._exchange(NeutralRequest(method=method, params=params, capabilities=RELAYED))

    async def _exchange(
        self, request: NeutralRequest, token: int | None = None, call: OpenCall | None = None
    ) -> Reply:
        method = request.method
        ask, tell = (None, None) if call is None else (call.ask, call.tell)
        prepared, headers = await self._era.prepare(request, token)
        try:
            try:
                return await self._transport.request(method, prepared, headers, ask=ask, tell=tell)
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
            return await self._transport.request(method, prepared, headers, ask=ask, tell=tell)
        except SessionLostError:
            raise DownstreamUnavailableError("forgets a session as soon as it has opened it") from None

    async def _renew(self, session_id: str) -> None:
        # All requests in flight notice the loss, and the first opens the new session for all.
        async with self._renewing:
            if self._renewed != session_id:
                self._agreement = await initialize(self._transport, self._capabilities)
                self._renewed = session_id
                self._log_level.forget()
                self._subscriptions.forget()
                # The downstream has probably been restarted, and may offer something else now.
                self.suspect_all_lists()

    def _adaptor(self, era: Era) -> EraAdaptor:
        if era is Era.LEGACY:
            return LegacyEra(self._urls)
        return ModernEra(self._name, mirrors_headers=self._transport.mirrors_headers)

    async def _listen_once(self) -> bool:
        """Listen until the downstream stops; returns whether to listen again."""
        try:
            watches = self._watches if self._agreement.features.resource_subscriptions else None
            return await self._era.listen(self._transport, self._exchange, self._agreement.announced, watches)
        except SessionLostError as lost:
            with suppress(DownstreamUnavailableError):
                await self._renew(lost.session_id)
        except DownstreamUnavailableError as error:
            _log.info("%s: changes of what it offers are not announced: %s", self._name, error.message)
        return not self.ended.done()
