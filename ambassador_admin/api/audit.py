"""What `/v1/admin/audit` takes."""

from collections.abc import Mapping

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import AUDIT_EVENTS


def newest(filters: Mapping[str, str | None]) -> Request:
    """List the events that match, newest first."""
    return get(AUDIT_EVENTS, query=filters)


def after(filters: Mapping[str, str | None], cursor: str) -> Request:
    """List the events that match and came after the cursor, oldest first."""
    return get(AUDIT_EVENTS, query={**filters, "after": cursor})
