"""What `/v1/admin/subscriptions` takes."""

from ambassador_admin.api.request import Request, below, body_of, get
from ambassador_protocol.admin.subscriptions import SubscriptionPut
from ambassador_protocol.paths import SUBSCRIPTIONS


def every() -> Request:
    """List the subscriptions."""
    return get(SUBSCRIPTIONS)


def put(key_id: str, mcp: str, choice: SubscriptionPut) -> Request:
    """Subscribe a client, or change what it selects."""
    return Request(
        method="PUT",
        path=below(SUBSCRIPTIONS, key_id, mcp),
        body=body_of(choice),
        missing="ambassador-admin key list, ambassador-admin mcp list",
    )


def remove(key_id: str, mcp: str) -> Request:
    """Take a client's choice back."""
    return Request(
        method="DELETE", path=below(SUBSCRIPTIONS, key_id, mcp), missing="ambassador-admin subscription list"
    )
