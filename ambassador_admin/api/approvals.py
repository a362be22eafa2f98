"""Requests to `/v1/admin/approvals`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.approvals import RequestDecision
from ambassador_protocol.paths import APPROVALS

_MISSING = "ambassador-admin approval list"


def list_all() -> Request:
    """List the requests, newest first."""
    return get(APPROVALS)


def pending() -> Request:
    """List the requests that wait for a decision, newest first."""
    return get(APPROVALS, query={"filter": "status=pending"})


def show(request_id: str) -> Request:
    """Show a request with what it asks for."""
    return get(subpath(APPROVALS, request_id), missing_hint=_MISSING)


def decide(request_id: str, how: str, decision: RequestDecision) -> Request:
    """Approve or deny a request, as `how` says."""
    return Request(
        method="POST",
        path=subpath(APPROVALS, request_id, how),
        body=body_of(decision),
        missing_hint=_MISSING,
        conflict_hint=_MISSING,
    )
