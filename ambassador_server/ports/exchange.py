"""Requests, replies, notices and questions between faces and downstreams, in a form that does not depend on an era."""

import json
from collections.abc import Awaitable, Callable

from msgspec import Struct

from ambassador_server.domain.catalog.mcps import Tool
from ambassador_server.ports.credentials import Credential


class Reply(Struct, frozen=True):
    """The answer to one request: either `result` or `error` is set, as the unchanged raw JSON."""

    result: bytes | None
    error: bytes | None


def error_reply(message: str, code: int = -32603) -> Reply:
    """Return a reply with an error of this server; the default code is that of an internal error."""
    return Reply(result=None, error=json.dumps({"code": code, "message": message}).encode())


class Notice(Struct, frozen=True):
    """A notification about the running request, such as its progress; `params` is a raw JSON object."""

    method: str
    params: bytes


class Question(Struct, frozen=True):
    """A request of a downstream to the host during a running request; `params` is a raw JSON object.

    `asked_by` is the name of the MCP, so that the host can show it with the question.
    """

    method: str
    params: bytes
    asked_by: str = ""


Tell = Callable[[Notice], None]
"""Takes a notice about the running request; returns at once and never raises."""

Ask = Callable[[Question], Awaitable[Reply]]
"""Asks the host of the running request a question and returns its answer.

If the host does not support the question, the answer is an error. Cancelling the request cancels the question.
"""


class NeutralRequest(Struct, frozen=True, kw_only=True):
    """A request for a downstream: `params` and `capabilities` are raw JSON objects.

    `capabilities` are the capabilities that the host declared, which tell which questions it supports. `tell` is None
    if the caller accepts no notices. `ask` is None if the host cannot be asked. With `reads_questions` the host reads
    questions in results, and `ask` is only for a downstream that cannot put them there. `log_level` is that of the log
    messages that the host wants of this request. `tool` is the tool by which the request was decided: it is not sent to
    a downstream that offers another definition of the tool, or, if the tool is not `pinned`, one of another class.
    `credential` is what the user was lent for it.
    """

    method: str
    params: bytes
    capabilities: bytes = b"{}"
    tell: Tell | None = None
    ask: Ask | None = None
    reads_questions: bool = False
    log_level: str | None = None
    tool: Tool | None = None
    pinned: bool = True
    credential: Credential | None = None
