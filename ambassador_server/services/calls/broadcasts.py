"""Broadcasts: one call of ours becomes a call of the same tool of several MCPs at once.

Each of them goes through the pipeline alone, and what one is refused, or how it fails, is no matter to the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import AmbassadorError, failure_reason
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.exchange import Question, Reply, error_reply
from ambassador_server.services.calls.broadcast_index import PREFIX, BroadcastIndex, BroadcastTool, Offer
from ambassador_server.services.calls.broadcast_results import (
    UNREADABLE,
    TargetAnswer,
    broadcast_result,
    failed_text,
    kept_answer,
)
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.services.calls.own_tools import FEWEST_TARGETS, UNKNOWN_TOOL, Run, View

_GRACE_SECONDS: Final = 1.0
"""How long after the deadline a call may take to end by itself, with the error of its own deadline."""
_KEPT: Final = ("content", "structuredContent")
_TRUE: Final = b"true"


class BroadcastBounds(Struct, frozen=True, kw_only=True):
    """How many tools are called together, how many of them at once, how long, and how large the answer may be."""

    targets: int = 32
    at_once: int = 16
    target_seconds: float = 20.0
    seconds: float = 30.0
    result_bytes: int = 512 * 1024


class Wording(Struct, frozen=True, kw_only=True):
    """How faces put answers: a denial of a tool in words, a valid result, why a result is not final, published URIs."""

    refusal: Callable[[Deny, str], str]
    reason: Callable[[Deny], str]
    valid_result: Callable[[Reply], Awaitable[Reply]]
    unfinished: Callable[[bytes], str | None]
    mapped: Callable[[bytes, Callable[[str], str]], bytes]


class _Request(Struct, forbid_unknown_fields=True):
    arguments: Raw = Raw(b"{}")
    servers: list[str] | None = None
    tool_name: str | None = None


class _Targets(Struct, frozen=True):
    offer: Offer
    entries: Sequence[ToolEntry]


class _Invalid(Exception):
    """The arguments of the broadcast are not valid; the text says why."""


class _Error(Struct):
    message: str = "The tool failed"


_request_decoder = msgspec.json.Decoder(_Request)
_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_error_decoder = msgspec.json.Decoder(_Error)


class Broadcasts:
    """The tools of our own that call several tools at once."""

    def __init__(self, *, separator: str, bounds: BroadcastBounds, wording: Wording, clock: Clock) -> None:
        self._separator = separator
        self._bounds = bounds
        self._wording = wording
        self._clock = clock
        self._known: BroadcastIndex | None = None

    def listed(self, view: View) -> Sequence[ToolEntry]:
        """Return the broadcasts that the principal may use."""
        return self.index(view.index).listed(view)

    def has(self, index: CatalogIndex, name: str) -> bool:
        """Tell whether there is a broadcast of this name."""
        return self.index(index).find(name) is not None

    def index(self, index: CatalogIndex) -> BroadcastIndex:
        """Return the broadcasts of a catalog."""
        if self._known is None or self._known.index is not index:
            self._known = BroadcastIndex(index, self._separator, self._bounds.targets)
        return self._known

    async def serve(self, call: CapabilityCall, view: View, run: Run) -> Answered | Deny:
        """Call the tools and return their answers side by side; what hides them from the principal hides this, too."""
        known, broadcast = self.index(view.index), self.index(view.index).find(call.name)
        reachable = {} if broadcast is None else self._reachable(known, broadcast, view)
        if broadcast is None or not reachable:
            return UNKNOWN_TOOL
        if view.policy.denial is not None:
            return view.policy.denial
        raw = call.members.get("arguments", b"{}")
        started = self._clock.monotonic()
        try:
            request = await _read(raw, broadcast)
            tool = _tool(request, broadcast, list(reachable))
            entries = _targets(request, reachable[tool].entries)
            await _check_arguments(request, reachable[tool].offer)
        except _Invalid as invalid:
            return self._answered(_invalid(str(invalid)), started)
        answers = await self._run(call, bytes(request.arguments), entries, view, run)
        milliseconds = round((self._clock.monotonic() - started) * 1000)
        build = partial(broadcast_result, tool, answers, milliseconds, self._bounds.result_bytes)
        result = build() if sum(each.size for each in answers) <= LARGE else await off_loop(build)
        return self._answered(result, started)

    def _reachable(self, known: BroadcastIndex, broadcast: BroadcastTool, view: View) -> dict[str, _Targets]:
        """Return the targets by the name of the tool, where there are enough: also those that the user is told of."""
        found: dict[str, _Targets] = {}
        for tool, entries in broadcast.by_tool.items():
            decided = view.decide(entries)
            offer = known.offer(tool, [entry for entry, decision in decided if isinstance(decision, Permit)])
            refused = [entry for entry, decision in decided if isinstance(decision, Deny)]
            targets = [*offer.entries, *refused][: self._bounds.targets]
            if len(targets) >= FEWEST_TARGETS:
                found[tool] = _Targets(offer, targets)
        return found

    async def _run(
        self, call: CapabilityCall, arguments: bytes, entries: Sequence[ToolEntry], view: View, run: Run
    ) -> list[TargetAnswer]:
        """Call every target and return their answers in the order of the entries; none outlives this call."""
        slots = asyncio.Semaphore(self._bounds.at_once)
        ends = self._clock.monotonic() + self._bounds.seconds

        async def one(entry: ToolEntry) -> TargetAnswer:
            async with slots:
                left = max(ends - self._clock.monotonic(), 0.01)
                target = _target_call(call, entry, arguments, min(left, self._bounds.target_seconds))
                return await self._answer(entry, target, view, run)

        tasks = [asyncio.create_task(one(entry)) for entry in entries]
        try:
            await asyncio.wait(tasks, timeout=self._bounds.seconds + _GRACE_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        answers = []
        for entry, outcome in zip(entries, ended, strict=True):
            if isinstance(outcome, TargetAnswer):
                answers.append(outcome)
            elif isinstance(outcome, asyncio.CancelledError):
                answers.append(self._late(entry))
            else:
                raise outcome
        return answers

    async def _answer(self, entry: ToolEntry, call: CapabilityCall, view: View, run: Run) -> TargetAnswer:
        if not _is_as_offered(entry, view.latest()):
            return _failed(entry, f"{entry.published} has changed meanwhile: call again", "failed")
        try:
            # Nothing can change between here and the decision.
            answer = await run(call)
        except AmbassadorError as error:
            return _failed(entry, error.message, failure_reason(error))
        if isinstance(answer, Deny):
            text = self._wording.refusal(answer, entry.published)
            return _failed(entry, text, self._wording.reason(answer))
        reply = await self._wording.valid_result(answer.reply)
        size = len(reply.result or reply.error or b"")
        if size <= LARGE:
            return self._read_answer(entry, reply, view)
        return await off_loop(self._read_answer, entry, reply, view)

    def _read_answer(self, entry: ToolEntry, reply: Reply, view: View) -> TargetAnswer:
        """Return what a target answered, with published URIs; a result that is an error has failed."""
        if reply.result is None:
            return _failed(entry, _message(reply.error or b"{}"), "failed")
        try:
            unfinished = self._wording.unfinished(reply.result)
            if unfinished is not None:
                text = f"{unfinished}. It cannot ask during a broadcast: call {entry.published}"
                return _failed(entry, text, "failed")
            mcp = view.index.mcps[entry.ref.mcp_id]
            published = self._wording.mapped(reply.result, lambda uri: view.index.published_uri(mcp, uri))
            members = _members_decoder.decode(published)
            if bytes(members.get("isError", Raw())) == _TRUE:
                return _failed(entry, failed_text(bytes(members.get("content", Raw(b"[]")))), "failed")
            kept: dict[str, Raw] = {name: members[name] for name in _KEPT if name in members}
            return kept_answer(entry.mcp_name, kept, len(reply.result), self._bounds.result_bytes)
        except UNREADABLE:
            return _failed(entry, "The answer of the MCP cannot be read", "failed")

    def _late(self, entry: ToolEntry) -> TargetAnswer:
        text = f"{entry.published} did not answer in the {self._bounds.seconds:g} s of the broadcast"
        return _failed(entry, text, "downstream_timeout")

    def _answered(self, result: bytes, started: float) -> Answered:
        return Answered(Reply(result, None), "", PREFIX, self._clock.monotonic() - started)


async def _read(raw: bytes, broadcast: BroadcastTool) -> _Request:
    try:
        decode = _request_decoder.decode
        request = decode(raw) if len(raw) <= LARGE else await off_loop(decode, raw)
    except UNREADABLE as error:
        raise _Invalid(f"The arguments of the broadcast are not valid: {error}") from None
    if not bytes(request.arguments).startswith(b"{"):
        raise _Invalid("`arguments` must be an object: the arguments of the tool")
    if broadcast.tag is None and request.tool_name is not None:
        raise _Invalid("`tool_name` belongs to broadcasts by tag: this one has one tool")
    return request


def _tool(request: _Request, broadcast: BroadcastTool, tools: Sequence[str]) -> str:
    if broadcast.tag is None:
        return tools[0]
    if request.tool_name is None:
        raise _Invalid(f"`tool_name` is missing: one of {', '.join(tools)}")
    if request.tool_name not in tools:
        name = request.tool_name[:100]
        raise _Invalid(
            f"There is no tool {name!r} to broadcast{near(name, tools)}; tools: {', '.join(tools)}"
        )
    return request.tool_name


def _targets(request: _Request, entries: Sequence[ToolEntry]) -> list[ToolEntry]:
    by_server = {entry.mcp_name: entry for entry in sorted(entries, key=lambda entry: entry.mcp_name)}
    if request.servers is None:
        return list(by_server.values())
    if not request.servers:
        raise _Invalid("`servers` is empty: leave it out to call all")
    for name in request.servers:
        if name not in by_server:
            raise _Invalid(
                f"{name[:100]!r} is no target of this broadcast{near(name[:100], by_server)}; targets: "
                f"{', '.join(by_server)}"
            )
    return [entry for server, entry in by_server.items() if server in request.servers]


async def _check_arguments(request: _Request, offer: Offer) -> None:
    """Refuse arguments that only some of the targets take: the others would take them for something else."""
    if offer.common is None or not offer.common.partial:
        return
    raw = bytes(request.arguments)
    try:
        decode = _members_decoder.decode
        given = decode(raw) if len(raw) <= LARGE else await off_loop(decode, raw)
    except UNREADABLE:
        raise _Invalid("`arguments` cannot be read") from None
    partial = sorted(offer.common.partial.intersection(given))
    if partial:
        raise _Invalid(f"Not all targets take the argument {partial[0]!r} alike: call the tools one by one")


def _target_call(call: CapabilityCall, entry: ToolEntry, arguments: bytes, seconds: float) -> CapabilityCall:
    """Return the call of one target, during which nobody can be asked and nothing is told."""
    return replace(
        call,
        name=entry.ref.name,
        members={"arguments": arguments},
        capabilities=b"{}",
        tell=None,
        ask=_refuse_question,
        reads_questions=False,
        log_level=None,
        answered=(),
        seconds=seconds,
        approval=None,
    )


async def _refuse_question(question: Question) -> Reply:
    return error_reply(f"This call is part of a broadcast, during which {question.method} is not possible")


def _is_as_offered(entry: ToolEntry, index: CatalogIndex) -> bool:
    """Tell whether a tool still takes part in broadcasts, with the same definition, when its turn comes."""
    found = index.by_name[CapabilityKind.TOOL].get(entry.ref.name)
    if found is entry:
        return True
    mcp = index.mcps.get(entry.ref.mcp_id)
    if found is None or mcp is None or found.ref != entry.ref:
        return False
    return mcp.broadcasts(entry.tool.tool_class)


def _failed(entry: ToolEntry, text: str, reason: str) -> TargetAnswer:
    return TargetAnswer(server=entry.mcp_name, error=text, reason=reason)


def _message(error: bytes) -> str:
    try:
        return _error_decoder.decode(error).message
    except UNREADABLE:
        return "The tool failed"


def _invalid(text: str) -> bytes:
    return msgspec.json.encode({"content": [{"type": "text", "text": text}], "isError": True})
