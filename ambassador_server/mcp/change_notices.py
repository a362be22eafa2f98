"""The notifications about changes: of lists, and of resources."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ambassador_protocol.mcp import META_SUBSCRIPTION
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.mcp.envelope import notification

LIST_CHANGED: Final = {
    CapabilityKind.TOOL: "notifications/tools/list_changed",
    CapabilityKind.RESOURCE: "notifications/resources/list_changed",
    CapabilityKind.PROMPT: "notifications/prompts/list_changed",
}


def list_changed(kind: CapabilityKind, subscription_id: bytes | None = None) -> bytes:
    """Return the notification that a list has changed; the raw id is that of the request that asked for it."""
    return _tagged(LIST_CHANGED[kind], {}, subscription_id)


def resource_updated(uri: str, subscription_id: bytes | None = None) -> bytes:
    """Return the notification that a resource was updated."""
    return _tagged("notifications/resources/updated", {"uri": uri}, subscription_id)


def acknowledged(honoured: Mapping[str, object], subscription_id: bytes) -> bytes:
    """Return the notification that says what a subscription will be told."""
    params = {"notifications": honoured}
    return _tagged("notifications/subscriptions/acknowledged", params, subscription_id)


def subscription_ended(subscription_id: bytes) -> bytes:
    """Return the result that ends a subscription."""
    return msgspec.json.encode({"resultType": "complete", "_meta": _meta(subscription_id)})


def _tagged(method: str, params: Mapping[str, object], subscription_id: bytes | None) -> bytes:
    if subscription_id is not None:
        params = {**params, "_meta": _meta(subscription_id)}
    return notification(method, msgspec.json.encode(params))


def _meta(subscription_id: bytes) -> dict[str, msgspec.Raw]:
    return {META_SUBSCRIPTION: msgspec.Raw(subscription_id)}
