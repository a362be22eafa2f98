"""Bodies in and out: strict on the admin API, tolerant of extra members where the original protocol is."""

import asyncio
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from ambassador_server.errors import InvalidInputError

T = TypeVar("T")

_BODY_SECONDS = 60

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def json_response(body: Any, status: int = 200, *, revision: str | None = None) -> web.Response:
    """Encode a wire dataclass, or a list or mapping of them; a revision becomes the entity tag."""
    response = web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
    if revision is not None:
        response.etag = revision
    return response


async def read_body(request: web.Request, *, limit: int | None = None) -> bytes:
    """Read the whole body, at most `limit` bytes where that is less than the server's limit, in bounded time."""
    if limit is not None:
        request = request.clone(client_max_size=limit)
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"The body did not arrive within {_BODY_SECONDS} seconds") from None


async def read_strict(request: web.Request, kind: type[T], *, limit: int | None = None) -> T:
    """Parse an admin body; an unknown, missing or mistyped member is an InvalidInputError that names it."""
    _require_json(request)
    try:
        return adapter(kind).validate_json(await read_body(request, limit=limit))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidInputError(f"{where}: {first['msg']}") from None


async def read_tolerant(request: web.Request, kind: type[T], *, limit: int | None = None) -> T:
    """Parse a body of the original protocol, ignoring members it does not know."""
    _require_json(request)
    body = await read_body(request, limit=limit)
    try:
        # The decoder skips over raw members without looking at their encoding.
        if not body.isascii():
            body.decode()
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"Missing or invalid fields: {error}") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise InvalidInputError("The body is not JSON") from None


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json")


def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return what reads and describes a wire body; there is one for each."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
