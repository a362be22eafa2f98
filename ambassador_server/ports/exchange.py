"""One request between a face and a downstream, in a neutral form that belongs to no era of the protocol."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: exactly one of the two is set, each raw JSON, byte for byte."""

    result: bytes | None
    error: bytes | None


def error_reply(message: str, code: int = -32603) -> Reply:
    """Return an answer that is an error of ours; the code is that of an internal error unless another is given."""
    return Reply(result=None, error=json.dumps({"code": code, "message": message}).encode())


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification about the running request, such as its progress; `params` is a raw JSON object."""

    method: str
    params: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """A request that a downstream makes of the host while it works on one; `params` is a raw JSON object.

    `asked_by` is the name of the MCP, so that the host can show whose question it is.
    """

    method: str
    params: bytes
    asked_by: str = ""


Tell = Callable[[Notice], None]
"""Takes a notice about the running request; returns at once and never raises."""

Ask = Callable[[Question], Awaitable[Reply]]
"""Puts a question to the host of the running request and returns the answer.

A host that cannot be asked answers with an error. Cancelled together with the request.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralRequest:
    """A request for a downstream: `params` and `capabilities` are raw JSON objects.

    `capabilities` is what the host can be asked. `tell` is None where nobody takes notices, and `ask` where the
    caller's era carries questions in the answer itself.
    """

    method: str
    params: bytes
    capabilities: bytes = b"{}"
    tell: Tell | None = None
    ask: Ask | None = None
