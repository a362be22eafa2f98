"""The session endpoints: register, heartbeat, disconnect, and the list of tools."""

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ambassador_client.errors import BadAnswerError
from ambassador_client.link.http_client import Link, Reply, Request
from ambassador_client.link.refusals import refusal
from ambassador_protocol import __version__
from ambassador_protocol.paths import (
    CLIENT_VERSION_HEADER,
    CONNECTIONS,
    HEARTBEAT,
    MCP,
    REGISTER,
    SESSION_TOKEN_HEADER,
    TOOLS,
)
from ambassador_protocol.sessions import RegisterRequest, RegisterResponse

_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,4096}")
_GONE = frozenset({401, 404, 410})


async def register(link: Link, wanted: RegisterRequest) -> RegisterResponse:
    """Open a session; raises ServerRefusedError when the key is not accepted, another LinkError otherwise."""
    body = {
        "preshared_key": wanted.preshared_key,
        "friendly_name": wanted.friendly_name,
        "host_tool": wanted.host_tool,
    }
    reply = await link.fetch(Request("POST", REGISTER, _headers(json=True), json.dumps(body).encode()))
    answer = _accepted(link, reply)
    granted = {name: answer.get(name) for name in RegisterResponse.__slots__}
    if not all(isinstance(value, str) for value in granted.values()):
        raise _not_ours(link)
    if not _HEADER_SAFE.fullmatch(str(granted["session_token"])):
        raise _not_ours(link)
    return RegisterResponse(**{name: str(value) for name, value in granted.items()})


async def heartbeat(link: Link, token: str) -> bool:
    """Tell the server that this client lives; False when the session is no more."""
    reply = await link.fetch(Request("POST", HEARTBEAT, _headers(token, json=True), b"{}"))
    if reply.status in _GONE:
        return False
    if reply.status != 429:  # too soon after the last one, so that one counted
        _accepted(link, reply)
    return True


async def disconnect(link: Link, granted: RegisterResponse) -> None:
    """End the session; one that has ended already is no error."""
    path = f"{CONNECTIONS}/{quote(granted.connection_id, safe='')}"
    reply = await link.fetch(Request("DELETE", path, _headers(granted.session_token)))
    if reply.status not in _GONE:
        _accepted(link, reply)


async def leave(link: Link, token: str, headers: Sequence[tuple[str, str]]) -> None:
    """End the session of the protocol that these headers name; a server may not want to hear of it."""
    await link.fetch(Request("DELETE", MCP, [*_headers(token), *headers]))


async def list_tools(link: Link, token: str) -> list[dict[str, Any]]:
    """Return the tools this session may call, as `GET /v1/tools` describes them."""
    reply = await link.fetch(Request("GET", TOOLS, _headers(token)))
    tools = _accepted(link, reply).get("tools")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _not_ours(link)
    return tools


def _headers(token: str | None = None, *, json: bool = False) -> list[tuple[str, str]]:
    headers = [("Accept", "application/json"), (CLIENT_VERSION_HEADER, __version__)]
    if token is not None:
        headers.append((SESSION_TOKEN_HEADER, token))
    if json:
        headers.append(("Content-Type", "application/json"))
    return headers


def _accepted(link: Link, reply: Reply) -> dict[str, Any]:
    if not 200 <= reply.status < 300:
        raise refusal(reply.status, reply.body, reply.retry_after)
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise _not_ours(link) from error
    if not isinstance(answer, dict):
        raise _not_ours(link)
    return answer


def _not_ours(link: Link) -> BadAnswerError:
    return BadAnswerError(
        f"{link.url} does not answer like an MCP Ambassador server",
        "Check the address in MCP_AMBASSADOR_URL.",
    )
