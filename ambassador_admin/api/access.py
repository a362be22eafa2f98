"""Requests to `/v1/admin/access`."""

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import ACCESS

_MISSING = "ambassador-admin user list, ambassador-admin key list --user USER, ambassador-admin mcp tools MCP"


def explain(user: str, tool: str, key: str | None) -> Request:
    """Explain the decision about a tool and a user, with one of the user's keys."""
    return get(f"{ACCESS}/explain", query={"user": user, "tool": tool, "key": key}, missing_hint=_MISSING)


def tools(user: str, key: str | None) -> Request:
    """List the tools that a user may call."""
    return get(f"{ACCESS}/tools", query={"user": user, "key": key}, missing_hint=_MISSING)


def who_can(tool: str) -> Request:
    """List the users who may call a tool, or one that matches a pattern."""
    return get(f"{ACCESS}/who-can", query={"tool": tool}, missing_hint="ambassador-admin mcp tools MCP")
