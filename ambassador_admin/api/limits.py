"""Requests to `/v1/admin/limits` and `/v1/admin/limit-counters`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.limits import LimitPut
from ambassador_protocol.paths import LIMIT_COUNTERS, LIMITS

_MISSING = "ambassador-admin limit list"


def list_all() -> Request:
    """List the limits."""
    return get(LIMITS)


def show(name: str) -> Request:
    """Show one limit."""
    return get(subpath(LIMITS, name), missing_hint=_MISSING)


def put(name: str, limit: LimitPut) -> Request:
    """Create a limit, or replace the one of this name."""
    return Request(
        method="PUT",
        path=subpath(LIMITS, name),
        body=body_of(limit),
        missing_hint="ambassador-admin user list, group list, key list, mcp list",
        conflict_hint=_MISSING,
    )


def remove(name: str) -> Request:
    """Remove a limit."""
    return Request(method="DELETE", path=subpath(LIMITS, name), missing_hint=_MISSING)


def fullest() -> Request:
    """List the fullest counters of the answering server."""
    return get(LIMIT_COUNTERS)
