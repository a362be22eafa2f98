"""Requests to `/v1/admin/credentials`."""

from ambassador_admin.api.request import Request, body_of, get
from ambassador_protocol.admin.credentials import CredentialRevocation
from ambassador_protocol.paths import CREDENTIALS


def list_all() -> Request:
    """List what users have given for MCPs."""
    return get(CREDENTIALS)


def states(*, mcp: str | None) -> Request:
    """List how far the users of each MCP are, or of one."""
    return get(f"{CREDENTIALS}/status", query={"mcp": mcp}, missing_hint="ambassador-admin mcp list")


def revoke(revocation: CredentialRevocation) -> Request:
    """Remove credentials of a user, for an MCP, or both."""
    return Request(
        method="POST",
        path=f"{CREDENTIALS}/revoke",
        body=body_of(revocation),
        missing_hint="ambassador-admin credential list",
    )
