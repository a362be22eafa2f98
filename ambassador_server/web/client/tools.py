"""`/v1/tools` and `/v1/tools/invoke`: the REST face of the original protocol, over the pipeline that `/mcp` uses."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from ambassador_protocol.paths import INVOKE, TOOLS
from ambassador_protocol.tools import ToolCatalog, ToolDescriptor, ToolOutcome
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.published_names import META_TOOL_NAMES
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.shared.large_documents import LARGE, Turns, off_loop
from ambassador_server.errors import (
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
    RateLimitedError,
    ServerStoppingError,
)
from ambassador_server.host_definitions import host_definition
from ambassador_server.member_names import MemberNames
from ambassador_server.meta_tools.answers import MetaTools
from ambassador_server.meta_tools.arguments import RealCall
from ambassador_server.ports.exchange import Question, Reply, error_reply
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog_index import ToolEntry
from ambassador_server.tool_results import (
    INVALID_RESULT_TEXT,
    unfinished_kind,
    unfinished_text,
    valid_result,
)
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import json_response, read_tolerant
from ambassador_server.web.client.app_keys import CALLS
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.timestamps import timestamp
from ambassador_server.wording.refusals import refusal_text

_NAMES: Final = MemberNames(("tool", "arguments"))
_OWN: Final = {"mcp_server": "mcp-ambassador"}
"""The metadata of the tools of this server."""


class _Invocation(msgspec.Struct):
    tool: str
    arguments: msgspec.Raw


class _Result(msgspec.Struct):
    content: msgspec.Raw
    isError: bool = False


class _Error(msgspec.Struct):
    message: str = "The tool failed"


async def list_tools(request: web.Request) -> web.Response:
    """List the tools that the principal may call."""
    calls, now = request.app[CALLS], timestamp(datetime.now(UTC))
    catalog, meta = calls.catalog, MetaTools(calls.search)
    if meta.is_used_by(request[PRINCIPAL]):
        own = [_own_descriptor(each) for each in meta.listed(request[PRINCIPAL])]
        return json_response(ToolCatalog(tools=own, timestamp=now))
    entries = [*catalog.visible(request[PRINCIPAL]), *catalog.own_tools(request[PRINCIPAL])]
    turns = Turns()
    tools = []
    for entry in entries:
        tools.append(_descriptor(entry))
        if turns.is_due(len(entry.tool.definition)):
            await asyncio.sleep(0)
    return json_response(ToolCatalog(tools=tools, timestamp=now))


async def invoke(request: web.Request) -> web.Response:
    """Call a tool; failures of the call are returned as text, because the original client shows nothing else."""
    body = await read_tolerant(request, _Invocation, names=_NAMES)
    arguments = bytes(body.arguments)
    if not body.tool or not arguments.startswith((b"{", b"[")):
        raise InvalidInputError('Missing or invalid "tool" or "arguments" field')
    if arguments.startswith(b"["):
        raise InvalidInputError('"arguments" must be an object')
    if body.tool in META_TOOL_NAMES:
        meta = MetaTools(request.app[CALLS].search)
        if meta.is_used_by(request[PRINCIPAL]):
            return await _call_meta_tool(request, body.tool, arguments, meta)
    return await _call(request, body.tool, arguments)


async def _call_meta_tool(request: web.Request, name: str, arguments: bytes, meta: MetaTools) -> web.Response:
    """Answer a search or a description, or call the tool that `call_tool` stands for."""
    principal = request[PRINCIPAL]
    real = await meta.answer(name, arguments, principal, request[ORIGIN], _definition)
    if isinstance(real, RealCall):
        return await _call(request, real.name, real.arguments, meta)
    return _own_answer(request, real)


async def _call(
    request: web.Request, name: str, arguments: bytes, meta: MetaTools | None = None
) -> web.Response:
    """Call a tool; `meta` names those that an unknown name may stand for."""
    call = CapabilityCall(
        principal=request[PRINCIPAL],
        origin=request[ORIGIN],
        kind=CapabilityKind.TOOL,
        method="tools/call",
        name=name,
        members={"arguments": arguments},
        ask=_refuse_question,
    )
    try:
        answer = await request.app[CALLS].pipeline.call(call)
    except (
        DownstreamUnavailableError,
        DownstreamTimeoutError,
        OverloadedError,
        ServerStoppingError,
    ) as error:
        return _outcome(request, _text(error.message), {"is_error": True})
    if isinstance(answer, Deny):
        if meta is not None and not answer.disclosed:
            return _own_answer(request, await meta.unknown(name, request[PRINCIPAL]))
        if answer.limit is not None and answer.limit.wait_seconds is not None:
            raise RateLimitedError(refusal_text(answer, name), retry_after=answer.limit.wait_seconds)
        return _outcome(request, _text(refusal_text(answer, name)), {"is_error": True})
    reply = await valid_result(answer.reply)
    if len(reply.result or b"") > LARGE:
        return await off_loop(_answered, request, answer, reply)
    return _answered(request, answer, reply)


def _own_answer(request: web.Request, reply: Reply) -> web.Response:
    content, failed = _content(reply)
    return _outcome(request, content, _OWN | ({"is_error": True} if failed else {}))


def _answered(request: web.Request, answer: Answered, reply: Reply) -> web.Response:
    content, failed = _content(reply)
    metadata = {"duration_ms": round(answer.seconds * 1000, 3), "mcp_server": answer.mcp_name}
    return _outcome(request, content, metadata | ({"is_error": True} if failed else {}))


async def _refuse_question(question: Question) -> Reply:
    """Answer a question of a downstream with an error, because this face cannot ask the host."""
    return error_reply(f"This client cannot be asked: it does not support {question.method}")


def _descriptor(entry: ToolEntry) -> ToolDescriptor:
    # The original client passes it on to legacy hosts.
    definition = host_definition(entry.tool.definition, modern=False)
    return ToolDescriptor(
        name=entry.published,
        description=entry.tool.description,
        input_schema=definition.members["inputSchema"],
        metadata={"mcp_server": entry.mcp_name},
    )


def _definition(entry: ToolEntry) -> bytes:
    """Return the definition of a tool with its published name."""
    name = {"name": msgspec.Raw(msgspec.json.encode(entry.published))}
    return msgspec.json.encode(host_definition(entry.tool.definition, modern=False).members | name)


def _own_descriptor(definition: Mapping[str, Any]) -> ToolDescriptor:
    return ToolDescriptor(
        name=definition["name"],
        description=definition["description"],
        input_schema=definition["inputSchema"],
        metadata=_OWN,
    )


def _content(reply: Reply) -> tuple[Any, bool]:
    """Return the content blocks and whether the call failed; a result that is not final is a failure."""
    try:
        if reply.result is None:
            return _text(msgspec.json.decode(reply.error or b"{}", type=_Error).message), True
        kind = unfinished_kind(reply.result)
        if kind is not None:
            return _text(unfinished_text(kind)), True
        result = msgspec.json.decode(reply.result, type=_Result)
    except (msgspec.MsgspecError, RecursionError):
        return _text(INVALID_RESULT_TEXT), True
    return result.content, result.isError


def _text(message: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": message}]


def _outcome(request: web.Request, content: Any, metadata: dict[str, Any]) -> web.Response:
    return json_response(
        ToolOutcome(
            result=content,
            request_id=request[ORIGIN].request_id,
            timestamp=timestamp(datetime.now(UTC)),
            metadata=metadata,
        )
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.get(TOOLS, authenticated(list_tools)), web.post(INVOKE, authenticated(invoke))]
