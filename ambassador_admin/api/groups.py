"""Requests to `/v1/admin/groups` and `/v1/admin/memberships`."""

from ambassador_admin.api.request import Request, body_of, get, quoted, subpath
from ambassador_protocol.admin.groups import GroupPut, NewGroup
from ambassador_protocol.paths import GROUPS, MEMBERSHIPS

MISSING = "ambassador-admin group list"
_EITHER_MISSING = f"{MISSING}, ambassador-admin user list"


def list_all() -> Request:
    """List the groups."""
    return get(GROUPS)


def show(name: str) -> Request:
    """Show one group."""
    return get(subpath(GROUPS, name), missing_hint=MISSING)


def memberships() -> Request:
    """List the memberships with their owners."""
    return get(MEMBERSHIPS)


def create(group: NewGroup) -> Request:
    """Create a group."""
    return Request(
        method="POST",
        path=GROUPS,
        body=body_of(group),
        conflict_hint=f"ambassador-admin group show {quoted(group.name)}",
    )


def update(name: str, changes: GroupPut) -> Request:
    """Change the attributes that are set."""
    return Request(method="PATCH", path=subpath(GROUPS, name), body=body_of(changes), missing_hint=MISSING)


def remove(name: str) -> Request:
    """Delete a group."""
    return Request(method="DELETE", path=subpath(GROUPS, name), missing_hint=MISSING)


def add_member(group: str, user: str) -> Request:
    """Add a user to a group."""
    return Request(method="PUT", path=_member(group, user), missing_hint=_EITHER_MISSING)


def remove_member(group: str, user: str) -> Request:
    """Remove a user from a group."""
    return Request(
        method="DELETE",
        path=_member(group, user),
        missing_hint=f"ambassador-admin group show {quoted(group)}",
    )


def _member(group: str, user: str) -> str:
    return subpath(GROUPS, group, "members", user)
