"""Checks the headers and the `_meta` of a request before it is served; the first failure is reported.

Source: specification 2026-07-28, basic/transports/streamable-http, server validation.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.header_values import decode_header_value
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    META_CLIENT_CAPABILITIES,
    META_VERSION,
    METHOD_HEADER,
    MODERN_VERSIONS,
    NAME_HEADER,
    NAMED_BY,
    VERSION_HEADER,
)
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_members
from ambassador_server.ports.face import Headers

_ROUTING = (VERSION_HEADER, METHOD_HEADER, NAME_HEADER)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, and the HTTP status of the refusal."""

    status: int
    code: Code
    message: str
    data: dict[str, Any] | None = None


def check_media_types(headers: Headers) -> Refusal | None:
    """Return why the media types of a POST are refused, or None."""
    content_type = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return Refusal(415, Code.INVALID_REQUEST, "Content-Type must be application/json")
    accept = (headers.get("Accept") or "").lower()
    if "*/*" not in accept and not ("application/json" in accept and EVENT_STREAM in accept):
        return Refusal(406, Code.INVALID_REQUEST, f"Accept must list application/json and {EVENT_STREAM}")
    return None


def carries_modern_version(message: Request) -> bool:
    """Tell whether `_meta` names a modern version, so that the request must not be served as legacy."""
    if "_meta" not in message.params:
        return False
    try:
        return META_VERSION in read_members(message.params["_meta"])
    except EnvelopeError:
        return False


def check_modern(message: Request, headers: Headers) -> Refusal | dict[str, msgspec.Raw]:
    """Return why a request of the modern era is refused, or else the members of its `_meta`."""
    meta = _meta(message)
    version = None if meta is None else _meta_version(meta)
    if meta is None or version is None:
        return Refusal(
            400, Code.INVALID_PARAMS, f"_meta must carry {META_VERSION} and {META_CLIENT_CAPABILITIES}"
        )
    mismatch = _header_mismatch(message, headers, version)
    if mismatch is not None:
        return Refusal(400, Code.HEADER_MISMATCH, mismatch)
    if version not in MODERN_VERSIONS:
        data = {"supported": list(MODERN_VERSIONS), "requested": version}
        return Refusal(400, Code.UNSUPPORTED_VERSION, f"Protocol version {version} is not served", data)
    return meta


def _meta(message: Request) -> dict[str, msgspec.Raw] | None:
    try:
        return read_members(message.params["_meta"])
    except (KeyError, EnvelopeError):
        return None


def _meta_version(meta: dict[str, msgspec.Raw]) -> str | None:
    try:
        version = msgspec.json.decode(meta[META_VERSION])
        capabilities = msgspec.json.decode(meta[META_CLIENT_CAPABILITIES])
    except (KeyError, msgspec.MsgspecError, RecursionError):
        return None
    return version if isinstance(version, str) and isinstance(capabilities, dict) else None


def _header_mismatch(message: Request, headers: Headers, version: str) -> str | None:
    for name in _ROUTING:
        if len(headers.getall(name, ())) > 1:
            return f"{name} was sent more than once"
    if headers.get(VERSION_HEADER) != version:
        return f"{VERSION_HEADER} does not equal the version in _meta"
    if headers.get(METHOD_HEADER) != message.method:
        return f"{METHOD_HEADER} does not equal the method"
    parameter = NAMED_BY.get(message.method)
    if parameter is not None and _decoded(headers.get(NAME_HEADER)) != _text(message.params.get(parameter)):
        return f"{NAME_HEADER} does not equal params.{parameter}"
    return None


def _decoded(value: str | None) -> str | None:
    return None if value is None else decode_header_value(value)


def _text(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.MsgspecError:
        return None
