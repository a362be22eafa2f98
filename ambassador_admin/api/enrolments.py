"""What `/v1/admin/enrolments` takes."""

from ambassador_admin.api.request import Request, body_of, shown
from ambassador_protocol.admin.enrolments import NewEnrolment
from ambassador_protocol.paths import ENROLMENTS


def issue(enrolment: NewEnrolment) -> Request:
    """Make a one-time code for a client key; the answer holds it."""
    return Request(
        method="POST",
        path=ENROLMENTS,
        body=body_of(enrolment),
        missing="ambassador-admin user list",
        taken=f"ambassador-admin user show {shown(enrolment.user)}",
    )
