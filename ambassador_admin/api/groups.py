"""What `/v1/admin/groups` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.groups import GroupPut, NewGroup
from ambassador_protocol.paths import GROUPS, MEMBERSHIPS

MISSING = "ambassador-admin group list"
_EITHER_MISSING = f"{MISSING}, ambassador-admin user list"


def every() -> Request:
    """List the groups."""
    return get(GROUPS)


def one(name: str) -> Request:
    """Read one group."""
    return get(below(GROUPS, name), missing=MISSING)


def memberships() -> Request:
    """List who is in which group, and whose fact that is."""
    return get(MEMBERSHIPS)


def create(group: NewGroup) -> Request:
    """Add a group."""
    return Request(
        method="POST",
        path=GROUPS,
        body=body_of(group),
        taken=f"ambassador-admin group show {shown(group.name)}",
    )


def update(name: str, facts: GroupPut) -> Request:
    """Change what the facts name."""
    return Request(method="PATCH", path=below(GROUPS, name), body=body_of(facts), missing=MISSING)


def remove(name: str) -> Request:
    """Delete a group."""
    return Request(method="DELETE", path=below(GROUPS, name), missing=MISSING)


def add_member(group: str, user: str) -> Request:
    """Put a user into a group."""
    return Request(method="PUT", path=_member(group, user), missing=_EITHER_MISSING)


def remove_member(group: str, user: str) -> Request:
    """Take a user out of a group."""
    return Request(
        method="DELETE", path=_member(group, user), missing=f"ambassador-admin group show {shown(group)}"
    )


def _member(group: str, user: str) -> str:
    return below(GROUPS, group, "members", user)
