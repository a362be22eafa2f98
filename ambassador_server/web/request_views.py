"""Converts requests that another person decides to wire bodies."""

from datetime import UTC, datetime
from typing import Any

from ambassador_protocol.approvals import RequestDetail, RequestView
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind
from ambassador_server.services.administration.access_requests import AccessTarget
from ambassador_server.services.administration.names import Names
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def request_view(request: ApprovalRequest, names: Names) -> RequestView:
    """Convert a request, without what is decided about."""
    return RequestView(**_members(request, names))


def request_detail(
    request: ApprovalRequest, names: Names, target: AccessTarget | None = None
) -> RequestDetail:
    """Convert a request with what is decided about; `target` is what a request for access is about now."""
    content = dict(request.content)
    if target is not None:
        content |= {"mcp_exists": target.mcp is not None, "tool_exists": target.has_tool}
    return RequestDetail(**_members(request, names), content=content)


def _members(request: ApprovalRequest, names: Names) -> dict[str, Any]:
    approvers = request.approvers
    return {
        "id": request.request_id,
        "kind": request.kind,
        "status": request.status_at(datetime.now(UTC)),
        "user": names.user(request.user_id) or request.user_id,
        "key": None if request.key_id is None else names.key(request.key_id),
        "mcp": None if request.mcp_id is None else names.mcp(request.mcp_id) or request.mcp_id,
        "capability_kind": request.capability_kind,
        "capability": request.capability,
        "approvers": None if approvers is None else names.group(approvers) or approvers,
        "grant": request.grant_id,
        "call_sha256": request.digest if request.kind is RequestKind.CALL else None,
        "valid_seconds": request.valid_seconds,
        "reason": request.reason,
        "created_at": timestamp(request.created_at),
        "expires_at": optional_timestamp(request.expires_at),
        "access_until": optional_timestamp(names.end_of_access(request)),
        "decided_at": optional_timestamp(request.decided_at),
        "decided_by": request.decided_by,
        "decision_reason": request.decision_reason,
        "used_at": optional_timestamp(request.used_at),
    }
