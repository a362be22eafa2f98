"""Requests to `/v1/admin/enrolments`."""

from ambassador_admin.api.request import Request, body_of, get, quoted, subpath
from ambassador_protocol.admin.enrolments import NewEnrolment
from ambassador_protocol.paths import ENROLMENTS

_MISSING = "ambassador-admin enrolment list"


def list_all(*, user: str | None) -> Request:
    """List the enrolments whose code can still be exchanged, of all users or of one."""
    return get(ENROLMENTS, query={"user": user}, missing_hint="ambassador-admin user list")


def cancel(enrolment_id: str) -> Request:
    """Cancel an enrolment; its code can no longer be exchanged."""
    return Request(
        method="DELETE", path=subpath(ENROLMENTS, enrolment_id), missing_hint=_MISSING, conflict_hint=_MISSING
    )


def issue(enrolment: NewEnrolment) -> Request:
    """Issue a one-time code for a client key; the answer holds the code."""
    return Request(
        method="POST",
        path=ENROLMENTS,
        body=body_of(enrolment),
        missing_hint="ambassador-admin user list",
        conflict_hint=f"ambassador-admin user show {quoted(enrolment.user)}",
    )
