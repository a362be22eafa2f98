"""Streams that tell hosts of changes: of their lists, and of the resources that they watch.

A modern host asks for each stream with `subscriptions/listen`. A legacy host opens the one stream of its conversation
with a GET, and subscribes to resources with requests of their own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    InvalidInputError,
    OverloadedError,
    RateLimitedError,
    ServerStoppingError,
)
from ambassador_server.mcp.caller import Caller
from ambassador_server.mcp.change_notices import (
    acknowledged,
    list_changed,
    resource_updated,
    subscription_ended,
)
from ambassador_server.mcp.conversations import Conversation, Conversations
from ambassador_server.mcp.envelope import EnvelopeError, Request, result_response
from ambassador_server.mcp.methods.governed_request import text_param
from ambassador_server.mcp.methods.refusals import refusal_of
from ambassador_server.mcp.open_streams import OpenStream, OpenStreams
from ambassador_server.mcp.sent_events import SentStream
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.face import Event
from ambassador_server.services.calls.list_changes import ListChanges, ListListener
from ambassador_server.services.calls.resource_updates import ResourceUpdates

MOST_WATCHED: Final = 256
"""How many resources one stream, or one conversation, may watch."""
STREAMLESS_SECONDS: Final = 300.0
"""How long a conversation that watches resources goes on without a stream that could tell of them."""
_NOTHING: Final = Reply(result=b"{}", error=None)
_STOPS_LISTENING: Final = (RateLimitedError, AuditUnavailableError, ServerStoppingError)


class _Filter(msgspec.Struct, rename="camel"):
    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []

    def lists(self) -> dict[str, CapabilityKind]:
        """Return the kinds of the lists that the host asks for, by the members that name them."""
        asked = {
            "toolsListChanged": (self.tools_list_changed, CapabilityKind.TOOL),
            "promptsListChanged": (self.prompts_list_changed, CapabilityKind.PROMPT),
            "resourcesListChanged": (self.resources_list_changed, CapabilityKind.RESOURCE),
        }
        return {name: kind for name, (is_asked, kind) in asked.items() if is_asked}


_filter_decoder = msgspec.json.Decoder(_Filter)


class Subscriptions:
    """Opens the streams of both eras."""

    def __init__(
        self,
        *,
        changes: ListChanges,
        watches: ResourceUpdates,
        streams: OpenStreams,
        conversations: Conversations,
    ) -> None:
        self._changes = changes
        self._watches = watches
        self._streams = streams
        self._conversations = conversations

    async def listen(self, request: Request, caller: Caller) -> OpenStream:
        """Serve subscriptions/listen: what is honoured is told first, then the changes.

        A resource that the principal may not read, or of which no updates are told, is not honoured. Raises
        EnvelopeError for an invalid filter, and AmbassadorError.
        """
        wanted = _filter(request)
        last_message = result_response(request.id, subscription_ended(request.id))
        stream = self._streams.open(caller.principal.key_id, last_message)
        try:
            watched = await self._watch_all(wanted.resource_subscriptions, request.id, caller, stream)
            lists = wanted.lists()
            honoured: dict[str, object] = dict.fromkeys(lists, True)
            if watched:
                honoured["resourceSubscriptions"] = watched
            stream.put_first(Event(acknowledged(honoured, request.id)))
            await self._tell_lists(
                stream,
                ListListener(
                    caller.principal,
                    lists.values(),
                    lambda kind: stream.put(Event(list_changed(kind, request.id))),
                    stream.end,
                ),
            )
        except BaseException:
            stream.close()
            raise
        return stream

    async def open(
        self, conversation: Conversation, principal: Principal, last_id: str | None, *, tells_position: bool
    ) -> OpenStream:
        """Open or resume a stream of a conversation; a new one can begin with an event that tells the position.

        An open stream of no call is replaced: it may be one of which the server does not know yet that it broke.
        Raises InvalidInputError for an id that no stream can go on from, and AmbassadorError.
        """
        found = None if last_id is None else conversation.sent.resume(last_id)
        if last_id is not None and found is None:
            raise InvalidInputError("Last-Event-ID is not the id of an event of this server")
        if found is not None and not found.is_server_stream:
            if found.stream is None or found.missed is None:
                raise InvalidInputError("The events after Last-Event-ID are not kept any more")
            return self._attach(found.stream, found.missed, principal)
        server_stream = conversation.sent.server_stream
        is_gap = found is not None and found.missed is None
        missed = conversation.sent.of_server_stream() if found is None and not conversation.seen else None
        if found is not None:
            missed = found.missed
        stream = self._attach(server_stream, missed or (), principal)
        if found is None and tells_position:
            stream.put(server_stream.position())
        conversation.stream = stream
        stream.when_closed(lambda: self._closed(conversation, principal, stream))
        try:
            if is_gap:
                _tell_everything(conversation)
            await self._listen_for(conversation, principal, stream)
        except BaseException:
            stream.close()
            raise
        return stream

    @asynccontextmanager
    async def attend(self, principal: Principal, refused: Callable[[], None]) -> AsyncIterator[None]:
        """Call `refused` if nothing is permitted to the principal any more while the block runs."""
        listener = ListListener(principal, (), _tell_nothing, refused)
        await self._changes.listen(listener)
        try:
            yield
        finally:
            self._changes.leave(listener)

    async def subscribe(self, request: Request, caller: Caller, conversation: Conversation | None) -> Reply:
        """Serve resources/subscribe; raises EnvelopeError and AmbassadorError."""
        uri = text_param(request, "uri", "the URI of a resource")
        if conversation is None:
            raise EnvelopeError(Code.INVALID_REQUEST, "Only a conversation with a session id can subscribe")
        if uri in conversation.watched:
            return _NOTHING
        if len(conversation.watched) >= MOST_WATCHED:
            raise OverloadedError(f"A conversation may subscribe to {MOST_WATCHED} resources")

        def updated(published: str) -> None:
            conversation.sent.server_stream.add(resource_updated(published))

        watch = await self._watches.watch(caller.principal, caller.origin, uri, updated)
        if isinstance(watch, Deny):
            return refusal_of(watch, CapabilityKind.RESOURCE, uri)
        if conversation.has_ended or uri in conversation.watched:
            watch.close()
            return _NOTHING
        conversation.watched[uri] = watch.close
        if conversation.stream is None:
            self._end_without_stream(conversation, caller.principal)
        return _NOTHING

    def unsubscribe(self, request: Request, conversation: Conversation | None) -> Reply:
        """Serve resources/unsubscribe; raises EnvelopeError."""
        uri = text_param(request, "uri", "the URI of a resource")
        stop = None if conversation is None else conversation.watched.pop(uri, None)
        if stop is not None:
            stop()
        return _NOTHING

    async def _watch_all(
        self, uris: Iterable[str], subscription_id: bytes, caller: Caller, stream: OpenStream
    ) -> list[str]:
        """Watch those of the resources that can be watched, and return them."""

        def updated(published: str) -> None:
            stream.put(Event(resource_updated(published, subscription_id)))

        watched = []
        for uri in dict.fromkeys(uris):
            try:
                watch = await self._watches.watch(caller.principal, caller.origin, uri, updated)
            except _STOPS_LISTENING:
                raise
            except AmbassadorError:
                continue
            if not isinstance(watch, Deny):
                stream.when_closed(watch.close)
                watched.append(uri)
        return watched

    async def _tell_lists(self, stream: OpenStream, listener: ListListener) -> None:
        stream.when_closed(lambda: self._changes.leave(listener))
        await self._changes.listen(listener)

    async def _listen_for(self, conversation: Conversation, principal: Principal, stream: OpenStream) -> None:
        def changed(kind: CapabilityKind) -> None:
            conversation.sent.server_stream.add(list_changed(kind))

        listener = ListListener(principal, tuple(CapabilityKind), changed, stream.end, conversation.seen)
        conversation.seen = listener.seen
        await self._tell_lists(stream, listener)

    def _attach(self, sent: SentStream, missed: Iterable[Event], principal: Principal) -> OpenStream:
        """Open a stream that gets the missed events and those to come, in place of the reader before."""
        stream = self._streams.open(principal.key_id)
        if sent.reader is not None:
            sent.reader.end()
        for event in missed:
            stream.put(event)
        if sent.is_done:
            stream.end()
        else:
            sent.reader = stream
            stream.when_closed(lambda: _detach(sent, stream))
        return stream

    def _closed(self, conversation: Conversation, principal: Principal, stream: OpenStream) -> None:
        if conversation.stream is stream:
            conversation.stream = None
            self._end_without_stream(conversation, principal)

    def _end_without_stream(self, conversation: Conversation, principal: Principal) -> None:
        """End a conversation later that watches resources and could not be told of them for long."""

        def end_if_idle() -> None:
            if not conversation.watched or conversation.stream is not None:
                return
            if conversation.is_idle:
                self._conversations.end_one(principal, conversation)
            else:
                self._end_without_stream(conversation, principal)

        if conversation.expiry is not None:
            conversation.expiry.cancel()
        if conversation.watched and not conversation.has_ended:
            loop = asyncio.get_running_loop()
            conversation.expiry = loop.call_later(STREAMLESS_SECONDS, end_if_idle)


def _tell_nothing(_: CapabilityKind) -> None:
    """Tell of no list."""


def _detach(sent: SentStream, stream: OpenStream) -> None:
    if sent.reader is stream:
        sent.reader = None


def _tell_everything(conversation: Conversation) -> None:
    """Tell the host of everything that may have changed while events were lost."""
    for kind in CapabilityKind:
        conversation.sent.server_stream.add(list_changed(kind))
    for uri in conversation.watched:
        conversation.sent.server_stream.add(resource_updated(uri))


def _filter(request: Request) -> _Filter:
    try:
        wanted = _filter_decoder.decode(request.params["notifications"])
    except (KeyError, msgspec.MsgspecError, RecursionError):
        raise EnvelopeError(
            Code.INVALID_PARAMS, "params.notifications must say which changes are wanted"
        ) from None
    if len(wanted.resource_subscriptions) > MOST_WATCHED:
        raise EnvelopeError(Code.INVALID_PARAMS, f"One stream may watch {MOST_WATCHED} resources")
    return wanted
