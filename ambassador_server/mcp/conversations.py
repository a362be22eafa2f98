"""Conversations: the MCP sessions of legacy hosts with this server, and what is open in each."""

import asyncio
import re
import secrets
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Principal
from ambassador_server.mcp.open_streams import OpenStream
from ambassador_server.mcp.sent_events import KeptEvents, SentEvents
from ambassador_server.ports.exchange import Reply

MOST_PER_KEY: Final = 200
"""How many conversations of one client key are kept; beyond that, the least recently used idle one is dropped."""
MOST_ENDED: Final = 10_000
"""How many ended conversations are remembered, so that requests that still name them are refused."""
MOST_OPEN_QUESTIONS: Final = 32
"""How many questions of one conversation may be unanswered at a time."""
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


class Conversation:
    """One conversation; `capabilities` are the questions that its host supports, as a raw JSON object.

    `log_level` is that of the log messages that the host wants; None until it says so. `sent` are the events that its
    streams can be resumed with, and `stream` is the open one that belongs to no call. `seen` is what its host has seen
    of each list, and `watched` has the resources that it watches, each with the function that ends that. At `expiry` it
    ends if it watches resources without a stream. One that `was_opened` not stands for an unknown one.
    """

    def __init__(self, capabilities: bytes, kept: KeptEvents, *, was_opened: bool = True) -> None:
        self.capabilities = capabilities
        self.was_opened = was_opened
        self.log_level: str | None = None
        self.sent = SentEvents(kept)
        self.stream: OpenStream | None = None
        self.seen: dict[CapabilityKind, int] = {}
        self.watched: dict[str, Callable[[], None]] = {}
        self.expiry: asyncio.TimerHandle | None = None
        self.has_ended = False
        self._running: dict[bytes, asyncio.Task[object]] = {}
        self._cancelled: set[asyncio.Task[object]] = set()
        self._questions: dict[bytes, asyncio.Future[Reply]] = {}

    def track(self, request_id: bytes) -> "_TrackedRequest":
        """Let the current task be cancelled by the id of its request while a `with` block runs."""
        return _TrackedRequest(self._running, request_id)

    def cancel(self, request_id: bytes) -> None:
        """Cancel the running request with this id, if there is one."""
        task = self._running.get(request_id)
        if task is not None and task not in self._cancelled:
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)
            task.cancel()

    def was_cancelled(self) -> bool:
        """Tell whether the host cancelled the current task's request; if so, let the task continue."""
        task = asyncio.current_task()
        if task is None or task not in self._cancelled:
            return False
        self._cancelled.discard(task)
        task.uncancel()
        return True

    def question(self) -> tuple[str, asyncio.Future[Reply]] | None:
        """Return the id of a new question and the future of its answer; None if too many questions are open."""
        if len(self._questions) >= MOST_OPEN_QUESTIONS:
            return None
        question_id = secrets.token_urlsafe(16)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._questions[b'"' + question_id.encode() + b'"'] = answer
        return question_id, answer

    def withdraw(self, question_id: str) -> None:
        """Close a question; a later answer to it is ignored."""
        self._questions.pop(b'"' + question_id.encode() + b'"', None)

    def answer(self, question_id: bytes, reply: Reply) -> bool:
        """Pass the host's answer to the waiting question; return False if no such question is open."""
        waiting = self._questions.pop(question_id, None)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(reply)
        return True

    def end(self) -> None:
        """Cancel every request that is running, end the streams, and watch nothing."""
        for request_id in tuple(self._running):
            self.cancel(request_id)
        self.let_go()

    def let_go(self) -> None:
        """End the streams and watch nothing; running requests go on."""
        self.has_ended = True
        if self.expiry is not None:
            self.expiry.cancel()
        self.sent.forget()
        watched, self.watched = self.watched, {}
        for stop in watched.values():
            stop()

    @property
    def is_idle(self) -> bool:
        """Tell whether no request is running and no stream is open."""
        return not self._running and self.stream is None


class _TrackedRequest:
    """The current task's request, in the table of its conversation while the block runs."""

    __slots__ = ("_request_id", "_running", "_task")

    def __init__(self, running: dict[bytes, asyncio.Task[object]], request_id: bytes) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("requests are served in a task")
        self._running = running
        self._request_id = request_id
        self._task = task

    def __enter__(self) -> None:
        self._running[self._request_id] = self._task

    def __exit__(self, *_: object) -> None:
        # If a host uses one id for two concurrent requests, it can cancel only the later one.
        if self._running.get(self._request_id) is self._task:
            del self._running[self._request_id]


class Conversations:
    """The conversations of each principal by id; an id is valid only for the principal that it was issued to.

    A principal with a session token is one client process, so its requests without a conversation id belong to one
    conversation of its session. For an unknown id, as after a restart or on another replica, a new conversation is
    opened: its calls work, but its host has no stream and cannot be asked questions until it initializes again.
    """

    def __init__(self) -> None:
        self._kept = KeptEvents()
        self._of_key: dict[str, OrderedDict[tuple[str | None, str], Conversation]] = {}
        self._ended: OrderedDict[tuple[str, str | None, str], None] = OrderedDict()

    def open(self, principal: Principal, capabilities: bytes) -> str:
        """Open a conversation and return its id."""
        conversation_id = uuid.uuid4().hex
        self._put(principal, conversation_id, Conversation(capabilities, self._kept))
        return conversation_id

    def known(self, principal: Principal, conversation_id: str) -> Conversation | None:
        """Return the conversation with this id; None if it was not opened for the principal, or has ended."""
        of_key = self._of_key.get(principal.key_id)
        known = None if of_key is None else of_key.get((principal.session_id, conversation_id))
        return known if known is not None and known.was_opened else None

    def of(self, principal: Principal, conversation_id: str | None) -> Conversation | None:
        """Return the conversation that a request belongs to; None if it names neither conversation nor session."""
        if conversation_id is None and principal.session_id is None:
            return None
        if conversation_id is not None and _ID.fullmatch(conversation_id) is None:
            return None
        key, known = (principal.session_id, conversation_id or ""), self._of_key.get(principal.key_id)
        found = None if known is None else known.get(key)
        if known is not None and found is not None:
            known.move_to_end(key)
            return found
        conversation = Conversation(b"{}", self._kept, was_opened=False)
        self._put(principal, conversation_id or "", conversation)
        return conversation

    def end(self, principal: Principal, conversation_id: str) -> bool:
        """Remove a conversation and cancel its running requests; return False if it is unknown."""
        known = self._of_key.get(principal.key_id, OrderedDict())
        conversation = known.pop((principal.session_id, conversation_id), None)
        if not known:
            self._of_key.pop(principal.key_id, None)
        if conversation is None:
            return False
        conversation.end()
        self._ended[principal.key_id, principal.session_id, conversation_id] = None
        if len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)
        return True

    def has_ended(self, principal: Principal, conversation_id: str) -> bool:
        """Tell whether this was the id of a conversation that was ended."""
        return (principal.key_id, principal.session_id, conversation_id) in self._ended

    def end_one(self, principal: Principal, conversation: Conversation) -> None:
        """Remove a conversation of the principal, and end it."""
        for (session_id, conversation_id), known in self._of_key.get(principal.key_id, {}).items():
            if known is conversation and session_id == principal.session_id:
                self.end(principal, conversation_id)
                return

    def _put(self, principal: Principal, conversation_id: str, conversation: Conversation) -> None:
        known = self._of_key.setdefault(principal.key_id, OrderedDict())
        known[principal.session_id, conversation_id] = conversation
        if len(known) > MOST_PER_KEY:
            idle = next((key for key, each in known.items() if each.is_idle), next(iter(known)))
            known.pop(idle).let_go()
