"""Tells of which MCPs a user's calls are refused for lack of a credential, from the policy alone."""

from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.services.calls.downstream_calls import denial_without
from ambassador_server.services.credentials.completeness import lacking


def denial_for_lack(snapshot: Snapshot, user_id: str, mcp: Mcp | None) -> Deny | None:
    """Return the denial of calls that are permitted otherwise; None if the user has given what the MCP needs."""
    if mcp is None or mcp.credentials is NO_CREDENTIALS:
        return None
    missing = lacking(mcp.credentials, snapshot.credentials.get((user_id, mcp.mcp_id)))
    return None if missing is None else denial_without(mcp, missing)
