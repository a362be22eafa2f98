"""Requests, answers, notices and questions between faces and downstreams, in a form that belongs to no era."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: either `result` or `error` is set, as raw JSON, byte for byte."""

    result: bytes | None
    error: bytes | None


def error_reply(message: str, code: int = -32603) -> Reply:
    """Return an answer with an error of this server; by default with the code of an internal error."""
    return Reply(result=None, error=json.dumps({"code": code, "message": message}).encode())


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification about the running request, such as its progress; `params` is a raw JSON object."""

    method: str
    params: bytes


@dataclass(frozen=True, slots=True)
class Question:
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

The answer of a host that cannot be asked is an error. Cancelling the request cancels the question.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralRequest:
    """A request for a downstream: `params` and `capabilities` are raw JSON objects.

    `capabilities` are those of the host and say what it can be asked. `tell` is None if the caller takes no notices,
    and `ask` if the caller's era carries questions in the answer.
    """

    method: str
    params: bytes
    capabilities: bytes = b"{}"
    tell: Tell | None = None
    ask: Ask | None = None
