"""Requests to the session endpoints: register, heartbeat, disconnect, and the list of tools."""

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ambassador_client.errors import BadAnswerError
from ambassador_client.link.http_client import BufferedResponse, HttpClient, HttpRequest
from ambassador_client.link.refusals import refusal
from ambassador_protocol import __version__
from ambassador_protocol.json_text import parse_object
from ambassador_protocol.paths import (
    CLIENT_VERSION_HEADER,
    CONNECTIONS,
    HEARTBEAT,
    MCP,
    ME,
    REGISTER,
    SESSION_TOKEN_HEADER,
    TOOLS,
)
from ambassador_protocol.sessions import RegisterRequest, RegisterResponse

_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,4096}")
_SESSION_ENDED = frozenset({401, 404, 410})


async def register(http: HttpClient, identity: RegisterRequest) -> RegisterResponse:
    """Register a session; raises ServerRefusedError if the key is not accepted, else another LinkError."""
    body = {
        "preshared_key": identity.preshared_key,
        "friendly_name": identity.friendly_name,
        "host_tool": identity.host_tool,
    }
    reply = await http.fetch(HttpRequest("POST", REGISTER, _headers(json=True), json.dumps(body).encode()))
    answer = _read_accepted(http, reply)
    registration = {name: answer.get(name) for name in RegisterResponse.__slots__}
    if not all(isinstance(value, str) for value in registration.values()):
        raise _not_an_ambassador(http)
    if not _HEADER_SAFE.fullmatch(str(registration["session_token"])):
        raise _not_an_ambassador(http)
    return RegisterResponse(**{name: str(value) for name, value in registration.items()})


async def heartbeat(http: HttpClient, token: str) -> bool:
    """Send a heartbeat; return False if the session has ended."""
    reply = await http.fetch(HttpRequest("POST", HEARTBEAT, _headers(token, json=True), b"{}"))
    if reply.status in _SESSION_ENDED:
        return False
    if reply.status != 429:  # sent too soon after the last one, which counted
        _read_accepted(http, reply)
    return True


async def disconnect(http: HttpClient, registration: RegisterResponse) -> None:
    """End the session; a session that has already ended is not an error."""
    path = f"{CONNECTIONS}/{quote(registration.connection_id, safe='')}"
    reply = await http.fetch(HttpRequest("DELETE", path, _headers(registration.session_token)))
    if reply.status not in _SESSION_ENDED:
        _read_accepted(http, reply)


async def who_am_i(http: HttpClient) -> dict[str, Any]:
    """Return the answer about a connection whose client certificate stands alone; raises LinkError."""
    return _read_accepted(http, await http.fetch(HttpRequest("GET", ME, _headers())))


async def end_conversation(http: HttpClient, headers: Sequence[tuple[str, str]]) -> None:
    """End the MCP conversation that the headers name and prove; the server may refuse, which is ignored."""
    await http.fetch(HttpRequest("DELETE", MCP, [*_headers(), *headers]))


async def list_tools(http: HttpClient, token: str) -> list[dict[str, Any]]:
    """Return the tools this session may call, as `GET /v1/tools` describes them."""
    reply = await http.fetch(HttpRequest("GET", TOOLS, _headers(token)))
    tools = _read_accepted(http, reply).get("tools")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _not_an_ambassador(http)
    return tools


def _headers(token: str | None = None, *, json: bool = False) -> list[tuple[str, str]]:
    headers = [("Accept", "application/json"), (CLIENT_VERSION_HEADER, __version__)]
    if token is not None:
        headers.append((SESSION_TOKEN_HEADER, token))
    if json:
        headers.append(("Content-Type", "application/json"))
    return headers


def _read_accepted(http: HttpClient, reply: BufferedResponse) -> dict[str, Any]:
    if not 200 <= reply.status < 300:
        raise refusal(reply.status, reply.body, reply.retry_after)
    try:
        return parse_object(reply.body)
    except ValueError as error:
        raise _not_an_ambassador(http) from error


def _not_an_ambassador(http: HttpClient) -> BadAnswerError:
    return BadAnswerError(
        f"{http.url} does not answer like an MCP Ambassador server",
        "Check the address in MCP_AMBASSADOR_URL.",
    )
