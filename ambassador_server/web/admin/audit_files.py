"""`/v1/admin/audit/files`: lists the files of the audit log and sends them, for a verification without the server."""

import asyncio
from contextlib import aclosing
from typing import Final

from aiohttp import hdrs, web

from ambassador_protocol.admin.audit import AuditFileView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_FILES
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import AmbassadorError
from ambassador_server.services.audit.file_copies import FileCopy
from ambassador_server.web.admin.app_keys import AUDIT
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import CURSOR, LIMIT, Endpoint, Parameter
from ambassador_server.web.requests import number, requester

_MEDIA_TYPE: Final = "application/octet-stream"
_PATIENCE_SECONDS: Final = 60.0
"""How long a receiver may take for one piece before the answer is ended."""


async def files(request: web.Request) -> web.Response:
    """List the files that a verification reads, each with its size."""
    found = await request.app[AUDIT].copies.list()
    views = [
        AuditFileView(writer=file.writer, name=file.name, size=file.size, closed=file.is_closed)
        for file in found
    ]
    return json_response(Page(items=views, next_cursor=None))


async def content(request: web.Request) -> web.StreamResponse:
    """Send one file of the log, or the part of it from `offset` to `end`; this is an event."""
    writer, name = request.match_info["writer"], request.match_info["name"]
    offset = number(request, "offset", 0)
    end = number(request, "end", 0) if "end" in request.query else None
    copies = request.app[AUDIT].copies
    async with copies.open(requester(request), writer=writer, name=name, offset=offset, end=end) as copy:
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: _MEDIA_TYPE, hdrs.CONTENT_LENGTH: str(copy.length)}
        )
        await response.prepare(request)
        await _send(request, response, copy)
    return response


async def _send(request: web.Request, response: web.StreamResponse, copy: FileCopy) -> None:
    try:
        async with aclosing(copy.pieces) as pieces:
            async for piece in pieces:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await response.write(piece)
    except (AmbassadorError, TimeoutError, ConnectionError):
        # The answer has begun, so it can only end early; the receiver sees that it is shorter than announced.
        if request.transport is not None:
            request.transport.abort()


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    read = Right.AUDIT_READ
    offset = Parameter(name="offset", description="The byte to start at. Default: 0.", kind="integer")
    end = Parameter(
        name="end",
        description="The byte to end before. Default: the end of the last whole line.",
        kind="integer",
    )
    return [
        Endpoint(
            method="GET",
            path=AUDIT_FILES,
            right=read,
            handler=files,
            response_type=Page[AuditFileView],
            query=(LIMIT, CURSOR),
        ),
        Endpoint(
            method="GET",
            path=f"{AUDIT_FILES}/{{writer}}/{{name}}",
            right=read,
            handler=content,
            response_type=_MEDIA_TYPE,
            query=(offset, end),
        ),
    ]
