"""Reads request bodies and writes JSON responses; only bodies of the original protocol may have unknown members."""

import asyncio
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from ambassador_protocol.nesting import MAX_NESTING, is_too_deep
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.errors import InvalidInputError
from ambassador_server.member_names import MemberNames

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

_BODY_SECONDS = 60
_LARGEST_STRICT: Final = 2 * 1024 * 1024
"""The largest body, in bytes, whose every value is checked; that takes time, and no administrator sends more."""

BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)
"""The body of a request that had to be read before the request could be believed."""

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def json_response(body: Any, status: int = 200, *, revision: str | None = None) -> web.Response:
    """Encode a wire dataclass, or a list or mapping of them; `revision` becomes the entity tag."""
    response = web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
    if revision is not None:
        response.etag = revision
    return response


def extended(kind: type[T], view: "DataclassInstance", **more: Any) -> T:
    """Return a view of a kind that has the members of another view, and more."""
    return kind(**{field.name: getattr(view, field.name) for field in fields(view)}, **more)


def optional_list(texts: Iterable[str] | None) -> list[str] | None:
    """Return the texts as a list; None stays None."""
    return None if texts is None else list(texts)


async def read_body(request: web.Request, *, limit: int | None = None) -> bytes:
    """Read the whole body in bounded time; `limit` replaces the server's limit of its bytes."""
    if limit is not None:
        if BODY in request:
            return _within(request[BODY], limit)
        request = request.clone(client_max_size=limit)
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except web.RequestPayloadError:
        # The parser names the fault in words about its own code.
        raise InvalidInputError(
            "The body cannot be decoded: its encoding or its chunks are not valid"
        ) from None
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"The body did not arrive within {_BODY_SECONDS} seconds") from None


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=len(body))
    return body


async def read_strict(request: web.Request, kind: type[T], *, limit: int | None = None) -> T:
    """Parse a body; an unknown, missing or mistyped member is an InvalidInputError that names it."""
    _require_json(request)
    body = await read_body(request, limit=limit or min(_LARGEST_STRICT, request.client_max_size))
    _check_nesting(body)
    try:
        return adapter(kind).validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidInputError(f"{where}: {first['msg']}") from None


async def read_tolerant(
    request: web.Request, kind: type[T], *, limit: int | None = None, names: MemberNames | None = None
) -> T:
    """Parse a body of the original protocol, ignoring unknown members, but for other spellings of `names`."""
    _require_json(request)
    body = await read_body(request, limit=limit)
    if len(body) <= LARGE:
        return _parse_tolerant(body, kind, names)
    return await off_loop(_parse_tolerant, body, kind, names)


def _parse_tolerant(body: bytes, kind: type[T], names: MemberNames | None) -> T:
    """Parse what `read_tolerant` reads."""
    _check_nesting(body)
    try:
        # The decoder does not check the encoding of raw members.
        if not body.isascii():
            body.decode()
        parsed = msgspec.json.decode(body, type=kind)
        fault = None if names is None else names.fault(_members_decoder.decode(body), body)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"Missing or invalid fields: {error}") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise InvalidInputError("The body is not JSON") from None
    if fault is not None:
        raise InvalidInputError(f"The body {fault}")
    return parsed


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Content-Type must be application/json")


def _check_nesting(body: bytes) -> None:
    if is_too_deep(body):
        raise InvalidInputError(f"The body is nested deeper than {MAX_NESTING} levels")


def adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the adapter that parses a wire body and describes its schema; it is created once per type."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
