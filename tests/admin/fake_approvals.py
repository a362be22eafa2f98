"""Requests that another person decides, on the fake server."""

from typing import Any

from tests.admin.fake_state import AT, FakeState, Item


def add_access_request(
    state: FakeState, request_id: str, *, user: str, capability: str, reason: str, **members: Any
) -> Item:
    """Add a request for access to what does not exist."""
    nothing = dict.fromkeys(("key", "mcp", "grant", "call_sha256"))
    content = {"mcp_exists": False, "tool_exists": None}
    return add_approval(
        state,
        request_id,
        user=user,
        capability=capability,
        kind="access",
        reason=reason,
        content=content,
        **nothing,
        **members,
    )


def add_approval(state: FakeState, request_id: str, *, user: str, capability: str, **members: Any) -> Item:
    """Add a request for a call."""
    state.approvals[request_id] = {
        "id": request_id,
        "kind": "call",
        "status": "pending",
        "user": user,
        "key": "laptop",
        "mcp": "git",
        "capability_kind": "tool",
        "capability": capability,
        "approvers": None,
        "grant": "grant-1",
        "call_sha256": "0" * 64,
        "valid_seconds": 600,
        "reason": None,
        "created_at": AT,
        "expires_at": "2026-05-04T14:00:00.000Z",
        "access_until": None,
        "decided_at": None,
        "decided_by": None,
        "decision_reason": None,
        "used_at": None,
        "content": {"method": "tools/call", "arguments": {"branch": "main"}, "arguments_bytes": 17},
    } | members
    return state.approvals[request_id]
