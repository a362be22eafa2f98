"""The extension of tasks: a tool call is answered with a task, whose state and result the host asks for later.

The id of a task is sealed for its principal together with the tool that made it, so that every request about the task
is decided as a call of that tool, and no other principal can use the id.
"""

from functools import partial
from typing import Final

import msgspec
from msgspec import Raw

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import TASKS
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Principal
from ambassador_server.mcp.caller import Caller, Outcome
from ambassador_server.mcp.envelope import EnvelopeError, Request, error_object, read_members, write_members
from ambassador_server.mcp.methods.governed_request import (
    GovernedRequests,
    Target,
    named_questions,
    text_param,
)
from ambassador_server.mcp.methods.result_uris import map_tool_result
from ambassador_server.mcp.questions.capabilities import extensions_of
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.sealing import Sealer
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.catalog import Catalog

_TASK: Final = b'"task"'
_LONGEST_ID: Final = 8192


class _SealedTask(msgspec.Struct, frozen=True):
    tool: str
    mcp_id: str
    task_id: str


class _Kind(msgspec.Struct, rename="camel"):
    result_type: Raw = Raw()


_kind_decoder = msgspec.json.Decoder(_Kind)
_task_decoder = msgspec.json.Decoder(_SealedTask)


def is_task(reply: Reply) -> bool:
    """Tell whether a tool call was answered with a task."""
    result = reply.result
    if result is None or _TASK not in result:
        return False
    try:
        return bytes(_kind_decoder.decode(result).result_type) == _TASK
    except (msgspec.MsgspecError, RecursionError):
        return False


class TaskMethods:
    """Serves tasks/get, tasks/update and tasks/cancel; the host must have declared the extension."""

    def __init__(self, *, catalog: Catalog, requests: GovernedRequests, sealer: Sealer) -> None:
        self._catalog = catalog
        self._requests = requests
        self._sealer = sealer

    async def manage(self, request: Request, caller: Caller) -> Outcome:
        """Serve any of the methods."""
        if TASKS not in extensions_of(caller.capabilities):
            return _MISSING_EXTENSION
        task = self._open(text_param(request, "taskId", "the id of a task"), caller.principal)
        entry = self._catalog.tool(task.tool)
        if entry is not None and entry.ref.mcp_id != task.mcp_id:
            raise _invalid()
        own = {"taskId": Raw(msgspec.json.encode(task.task_id))}
        renamed = Request(request.id, request.method, request.params | own)
        target = Target(kind=CapabilityKind.TOOL, name=task.tool, sends_name=False)
        answer = await self._requests.call(renamed, caller, target)
        return self.sealed(answer, task.tool, caller) if isinstance(answer, Answered) else answer

    def sealed(self, answer: Answered, tool: str, caller: Caller) -> Reply:
        """Return the state of a task with its sealed id, the name of the MCP in its questions, and published URIs."""
        if answer.reply.result is None:
            return answer.reply
        members = read_members(answer.reply.result)
        if "taskId" in members:
            members["taskId"] = Raw(
                msgspec.json.encode(self._seal(members["taskId"], tool, answer.mcp_id, caller.principal))
            )
        if "inputRequests" in members:
            members["inputRequests"] = named_questions(members["inputRequests"], answer.mcp_name)
        if "result" in members:
            publish = partial(self._catalog.published_uri, answer.mcp_id)
            members["result"] = Raw(map_tool_result(bytes(members["result"]), publish))
        return Reply(result=write_members(members), error=None)

    def _seal(self, raw: Raw, tool: str, mcp_id: str, principal: Principal) -> str:
        try:
            task_id = msgspec.json.decode(raw, type=str)
        except msgspec.MsgspecError:
            raise EnvelopeError(Code.DOWNSTREAM_UNAVAILABLE, "The id of the task is no text") from None
        entry = self._catalog.tool(tool)
        canonical = tool if entry is None else entry.ref.name
        content = msgspec.json.encode(_SealedTask(canonical, mcp_id, task_id))
        sealed = self._sealer.seal(content, _context(principal))
        if len(sealed) > _LONGEST_ID:
            raise EnvelopeError(Code.DOWNSTREAM_UNAVAILABLE, "The id of the task is too long")
        return sealed

    def _open(self, sealed: str, principal: Principal) -> _SealedTask:
        content = self._sealer.open(sealed, _context(principal)) if len(sealed) <= _LONGEST_ID else None
        if content is None:
            raise _invalid()
        try:
            return _task_decoder.decode(content)
        except msgspec.MsgspecError:
            # An earlier version of this server sealed other members.
            raise _invalid() from None


def _invalid() -> EnvelopeError:
    return EnvelopeError(Code.INVALID_PARAMS, "params.taskId is not one that this server gave")


def _context(principal: Principal) -> bytes:
    return f"task\0{principal.user_id}\0{principal.key_id}".encode()


_MISSING_EXTENSION: Final = Reply(
    result=None,
    error=error_object(
        Code.MISSING_CAPABILITY,
        "This method requires the tasks extension, which the host did not declare",
        {"requiredCapabilities": {"extensions": {TASKS: {}}}},
    ),
)
