"""What `/v1/admin/enrolments` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.enrolments import NewEnrolment
from ambassador_protocol.paths import ENROLMENTS

_MISSING = "ambassador-admin enrolment list"


def every(*, user: str | None) -> Request:
    """List the codes that can still be exchanged, of everyone or of one user."""
    return get(ENROLMENTS, query={"user": user}, missing="ambassador-admin user list")


def cancel(enrolment_id: str) -> Request:
    """Make a code worthless."""
    return Request(method="DELETE", path=below(ENROLMENTS, enrolment_id), missing=_MISSING, taken=_MISSING)


def issue(enrolment: NewEnrolment) -> Request:
    """Make a one-time code for a client key; the answer holds it."""
    return Request(
        method="POST",
        path=ENROLMENTS,
        body=body_of(enrolment),
        missing="ambassador-admin user list",
        taken=f"ambassador-admin user show {shown(enrolment.user)}",
    )
