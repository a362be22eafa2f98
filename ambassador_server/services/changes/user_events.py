"""How changes of users are recorded, by administrators and for access tokens."""

from collections.abc import Mapping
from typing import Any, Final

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import user_resource
from ambassador_server.domain.people.users import User
from ambassador_server.services.changes.writing import EventTemplate


def _details(user: User) -> Mapping[str, Any]:
    return {
        "display_name": user.display_name,
        "email": user.email,
        "status": user.status,
        "roles": list(user.roles),
        "source": user.source,
        "owner": user.owner,
        "meta_tools": user.meta_tools,
        "issuer": user.issuer,
        "subject": user.subject,
        "provisioner": user.provisioner,
        "held": user.held,
    }


USER_EVENTS: Final = EventTemplate(
    created=AuditAction.USER_CREATE,
    updated=AuditAction.USER_UPDATE,
    resource=user_resource,
    details=_details,
)
