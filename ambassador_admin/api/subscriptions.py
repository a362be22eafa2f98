"""Requests to `/v1/admin/subscriptions`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.subscriptions import SubscriptionPut
from ambassador_protocol.paths import SUBSCRIPTIONS


def list_all() -> Request:
    """List the subscriptions."""
    return get(SUBSCRIPTIONS)


def put(key_id: str, mcp: str, choice: SubscriptionPut) -> Request:
    """Subscribe a client to an MCP, or change the selected tools."""
    return Request(
        method="PUT",
        path=subpath(SUBSCRIPTIONS, key_id, mcp),
        body=body_of(choice),
        missing_hint="ambassador-admin key list, ambassador-admin mcp list",
    )


def remove(key_id: str, mcp: str) -> Request:
    """Remove a subscription."""
    return Request(
        method="DELETE",
        path=subpath(SUBSCRIPTIONS, key_id, mcp),
        missing_hint="ambassador-admin subscription list",
    )
