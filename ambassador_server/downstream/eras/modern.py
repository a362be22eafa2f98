"""The modern era towards downstreams (2026-07-28): independent requests, and questions inside the answers."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ambassador_protocol.header_values import encode_header_value
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.jsonrpc import error_reply as jsonrpc_error
from ambassador_protocol.mcp import (
    INPUT_REQUIRED,
    META_CLIENT_CAPABILITIES,
    META_CLIENT_INFO,
    META_VERSION,
    METHOD_HEADER,
    MODERN_VERSION,
    NAME_HEADER,
    NAMED_BY,
    QUESTIONS,
    TASK_METHODS,
)
from ambassador_protocol.param_headers import (
    HeaderMap,
    InvalidAnnotationError,
    param_headers,
    read_header_map,
)
from ambassador_server.domain.catalog.mcps import Tool
from ambassador_server.domain.shared.large_documents import LARGE, Turns, off_loop
from ambassador_server.downstream.era import Era, Exchange
from ambassador_server.downstream.features.progress import PROGRESS_TOKEN
from ambassador_server.downstream.features.watches import ResourceWatches
from ambassador_server.downstream.transport import Transport
from ambassador_server.downstream.wire.params import LOG_LEVEL, OWN_CLIENT_INFO, REPLACED_META, read_members
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError
from ambassador_server.mirrored_arguments import mirrored_arguments
from ambassador_server.ports.exchange import Ask, NeutralRequest, Question, Reply

MAX_ROUNDS: Final = 10
"""The maximum number of answers to one request that ask for input."""
MAX_QUESTIONS: Final = 16
"""The maximum number of questions in one answer."""
_ACKNOWLEDGE_SECONDS: Final = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.25

_OWN_VERSION: Final = Raw(msgspec.json.encode(MODERN_VERSION))

_log = logging.getLogger(__name__)


class _Asked(msgspec.Struct):
    method: str
    params: Raw = Raw(b"{}")


class _Key(str):
    """The key of a question, of a type of its own so that the decoder counts the questions."""

    __slots__ = ()


class _Result(msgspec.Struct, rename="camel"):
    result_type: Raw = Raw()
    input_requests: Raw = Raw()
    request_state: Raw = Raw()


class _InputRequired(msgspec.Struct):
    questions: dict[str, _Asked]
    state: Raw
    nulls: list[str]


class _Error(msgspec.Struct):
    code: Raw = Raw()


_result_decoder = msgspec.json.Decoder(_Result)
_error_decoder = msgspec.json.Decoder(_Error)
_HEADER_MISMATCH: Final = b"%d" % Code.HEADER_MISMATCH
_INPUT_REQUIRED: Final = b'"' + INPUT_REQUIRED.encode() + b'"'
_TASK: Final = b'"task"'
_NOT_MCP: Final = "asked for input in a form that is not MCP"
_NULL: Final = b"null"
_UNSET: Final = (b"", _NULL)


class ModernEra:
    """Implements `era.EraAdaptor`; with `mirrors_headers` the transport repeats parts of the params in headers."""

    era = Era.MODERN

    def __init__(self, name: str, *, mirrors_headers: bool) -> None:
        self._name = name
        self._mirrors = mirrors_headers
        self._header_maps: dict[str, HeaderMap] = {}
        self._acknowledged = asyncio.Event()

    async def prepare(
        self, request: NeutralRequest, progress_token: int | None
    ) -> tuple[bytes, Mapping[str, str] | None]:
        """Return the params with our own `_meta`, and the headers that repeat parts of the params."""
        params, members = modern_params(
            request.params, request.capabilities, progress_token, request.log_level
        )
        return params, await self._mirrored(request.method, members) if self._mirrors else None

    async def usable(
        self, tools: tuple[Tool, ...], leave_out: Callable[[str, str], None]
    ) -> tuple[Tool, ...]:
        """Return the tools without those whose `x-mcp-header` annotations are invalid, as the protocol demands."""
        if not self._mirrors:
            return tools
        maps: dict[str, HeaderMap] = {}
        turns = Turns()
        for tool in tools:
            try:
                maps[tool.name] = read_header_map(tool.definition)
            except InvalidAnnotationError as error:
                leave_out(tool.name, f"x-mcp-header: {error}")
            if turns.is_due(len(tool.definition)):
                await asyncio.sleep(0)
        self._header_maps = {name: header_map for name, header_map in maps.items() if header_map}
        return tuple(tool for tool in tools if tool.name in maps)

    def wants_fresh_tools(self, reply: Reply) -> bool:
        """Tell whether the downstream refused the headers, because the tool's definition has changed."""
        return self._mirrors and reply.error is not None and _code_of(reply.error) == _HEADER_MISMATCH

    def is_final(self, reply: Reply) -> bool:
        """Tell whether an answer holds neither questions nor the state of a task that asks some."""
        return reply.result is not None and reply.result.find(b"input") < 0

    async def finish(self, reply: Reply, request: NeutralRequest, send: Exchange) -> Reply:
        """Ask the host the questions in an answer and retry with its answers, until the answer is final.

        With `request.reads_questions`, or without `request.ask`, the host reads the questions in the answer, if it has
        declared that it supports them. An error of the host becomes the final answer.
        """
        if request.ask is None or request.reads_questions:
            if len(reply.result or b"") <= LARGE:
                return _readable_by_host(reply, request)
            return await off_loop(_readable_by_host, reply, request)
        pause = _FIRST_PAUSE
        for _ in range(MAX_ROUNDS):
            asked = _input_required(reply)
            if asked is None:
                return reply
            if not asked.questions:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            answers = await _answers(request.ask, asked.questions)
            if isinstance(answers, Reply):
                return answers
            reply = await send(
                replace(request, params=_params_of_retry(request.params, answers, asked.state))
            )
        raise DownstreamUnavailableError(f"asked for input more than {MAX_ROUNDS} times in one call")

    async def listen(
        self, transport: Transport, send: Exchange, kinds: Sequence[str], watches: ResourceWatches | None
    ) -> bool:
        """Subscribe until the downstream ends the subscription; another one replaces it when the watches change."""
        running: asyncio.Task[Reply] | None = None
        try:
            while True:
                seen = 0 if watches is None else watches.version
                params = _listen_params(kinds, [] if watches is None else watches.uris)
                earlier, running = running, None
                if params is not None:
                    self._acknowledged.clear()
                    running = asyncio.ensure_future(
                        send(NeutralRequest(method="subscriptions/listen", params=params))
                    )
                await self._end(earlier, running)
                if await _ended_or_changed(running, watches, seen) and running is not None:
                    return running.result().result is not None
        finally:
            await self._end(running, None)

    def acknowledged(self) -> None:
        """Take the notification that a subscription has begun."""
        self._acknowledged.set()

    async def _end(
        self, running: "asyncio.Task[Reply] | None", following: "asyncio.Task[Reply] | None"
    ) -> None:
        """End a subscription, once the one that follows it has begun, so that no notification is missed."""
        if running is None:
            return
        if following is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ACKNOWLEDGE_SECONDS):
                    await self._acknowledged.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def _mirrored(self, method: str, members: Mapping[str, Raw]) -> dict[str, str]:
        headers = {METHOD_HEADER: method}
        key = NAMED_BY.get(method)
        if key is None or key not in members:
            return headers
        try:
            name = msgspec.json.decode(members[key], type=str)
            headers[NAME_HEADER] = encode_header_value(name)
            header_map = self._header_maps.get(name)
            if header_map and "arguments" in members:
                arguments = await mirrored_arguments(members["arguments"], header_map)
                headers.update(param_headers(header_map, arguments))
        except (ValueError, RecursionError):
            raise InvalidInputError(
                f"params.{key} or params.arguments cannot be mirrored in headers"
            ) from None
        return headers


def _listen_params(kinds: Sequence[str], uris: Sequence[str]) -> bytes | None:
    """Return the params of a subscription; None if there is nothing to subscribe to."""
    wanted: dict[str, Any] = {f"{kind}ListChanged": True for kind in kinds}
    if uris:
        wanted["resourceSubscriptions"] = uris
    return msgspec.json.encode({"notifications": wanted}) if wanted else None


async def _ended_or_changed(
    running: "asyncio.Task[Reply] | None", watches: ResourceWatches | None, seen: int
) -> bool:
    """Wait until the subscription ends or the watches change; tell whether it has ended."""
    waiting: set[asyncio.Task[Any]] = set() if running is None else {running}
    changed = None if watches is None else asyncio.ensure_future(watches.next_change(seen))
    if changed is not None:
        waiting.add(changed)
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if changed is not None:
            changed.cancel()
    return running is not None and running.done()


def modern_params(
    params: bytes,
    capabilities: bytes = b"{}",
    progress_token: int | None = None,
    log_level: str | None = None,
) -> tuple[bytes, dict[str, Raw]]:
    """Return params with the `_meta` that every modern request needs, and their members.

    The host's client information is passed on; the version is that of our connection to the downstream.
    """
    fields = read_members(params, "params")
    meta = read_members(fields["_meta"], "params._meta") if "_meta" in fields else {}
    for key in REPLACED_META:
        meta.pop(key, None)
    meta.setdefault(META_CLIENT_INFO, OWN_CLIENT_INFO)
    meta[META_VERSION] = _OWN_VERSION
    meta[META_CLIENT_CAPABILITIES] = Raw(capabilities)
    if progress_token is not None:
        meta[PROGRESS_TOKEN] = Raw(b"%d" % progress_token)
    if log_level is not None:
        meta[LOG_LEVEL] = Raw(msgspec.json.encode(log_level))
    fields["_meta"] = Raw(msgspec.json.encode(meta))
    return msgspec.json.encode(fields), fields


def _readable_by_host(reply: Reply, request: NeutralRequest) -> Reply:
    """Return the answer for a host that reads questions in answers; an error if it does not support one of them."""
    asked = _input_required(reply) or _asked_by_task(reply, request.method)
    if asked is None or reply.result is None:
        return reply
    declared = read_members(request.capabilities, "capabilities")
    needed = {QUESTIONS[each.method] for each in asked.questions.values()}
    missing: dict[str, dict[str, Any]] = {name: {} for name in sorted(needed - declared.keys())}
    if missing:
        text = f"The MCP asks for input, but the host did not declare: {', '.join(missing)}"
        error = jsonrpc_error(None, Code.MISSING_CAPABILITY, text, {"requiredCapabilities": missing})["error"]
        return Reply(result=None, error=msgspec.json.encode(error))
    if not asked.nulls:
        return reply
    members = read_members(reply.result, "result")
    for name in asked.nulls:
        del members[name]
    return Reply(result=msgspec.json.encode(members), error=None)


def _input_required(reply: Reply) -> _InputRequired | None:
    """Return the input an answer asks for, None for a final answer; raises DownstreamUnavailableError if malformed."""
    if reply.result is None or b"input_required" not in reply.result:
        return None
    try:
        result = _result_decoder.decode(reply.result)
        if bytes(result.result_type) != _INPUT_REQUIRED:
            return None
        asked, state = bytes(result.input_requests), bytes(result.request_state)
        questions = {} if asked in _UNSET else _questions(asked)
    except (msgspec.DecodeError, RecursionError):
        raise DownstreamUnavailableError(_NOT_MCP) from None
    if state not in _UNSET and not state.startswith(b'"'):
        raise DownstreamUnavailableError("asked for input with a state that is no text")
    if not questions and state in _UNSET:
        raise DownstreamUnavailableError("asked for input without saying which")
    nulls = [name for name, raw in (("inputRequests", asked), ("requestState", state)) if raw == _NULL]
    return _InputRequired(questions, Raw() if state in _UNSET else result.request_state, nulls)


def _asked_by_task(reply: Reply, method: str) -> _InputRequired | None:
    """Return the questions in the state of a task; raises DownstreamUnavailableError if they are malformed."""
    if reply.result is None or b'"inputRequests"' not in reply.result:
        return None
    try:
        result = _result_decoder.decode(reply.result)
        if method not in TASK_METHODS and bytes(result.result_type) != _TASK:
            return None
        asked = bytes(result.input_requests)
        questions = {} if asked in _UNSET else _questions(asked)
    except (msgspec.DecodeError, RecursionError):
        raise DownstreamUnavailableError(_NOT_MCP) from None
    return _InputRequired(questions, Raw(), ["inputRequests"] if asked == _NULL else [])


def _questions(raw: bytes) -> dict[str, _Asked]:
    """Return the questions by their keys; raises DownstreamUnavailableError if one is unknown or they are too many."""
    numbers = itertools.count(1)

    def key(_: type[_Key], text: str) -> _Key:
        # Refused here, because decoding a large number of questions would stop the event loop.
        if next(numbers) > MAX_QUESTIONS:
            raise DownstreamUnavailableError(f"asked more than {MAX_QUESTIONS} questions at once")
        return _Key(text)

    questions = msgspec.json.decode(raw, type=dict[_Key, _Asked], dec_hook=key)
    if not all(bytes(each.params).startswith(b"{") for each in questions.values()):
        raise DownstreamUnavailableError(_NOT_MCP)
    if any(each.method not in QUESTIONS for each in questions.values()):
        raise DownstreamUnavailableError("asked for something that the protocol does not know")
    return {str(name): asked for name, asked in questions.items()}


async def _answers(ask: Ask, asked: Mapping[str, _Asked]) -> dict[str, Raw] | Reply:
    """Return the result of each question by its key, or the first error the host answered with."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            key: group.create_task(_ask_host(ask, Question(each.method, bytes(each.params))))
            for key, each in asked.items()
        }
    answers: dict[str, Raw] = {}
    for key, task in tasks.items():
        reply = task.result()
        if reply.result is None:
            return reply
        answers[key] = Raw(reply.result)
    return answers


async def _ask_host(ask: Ask, question: Question) -> Reply:
    return await ask(question)


def _params_of_retry(params: bytes, answers: Mapping[str, Raw], state: Raw) -> bytes:
    fields = read_members(params, "params")
    fields.pop("requestState", None)
    fields["inputResponses"] = Raw(msgspec.json.encode(answers))
    if bytes(state):
        fields["requestState"] = state
    return msgspec.json.encode(fields)


def _code_of(error: bytes) -> bytes:
    try:
        return bytes(_error_decoder.decode(error).code)
    except msgspec.DecodeError:
        return b""
