"""Names each kind of object for the audit."""

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.administrators import AdminKey
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant


def user_resource(user: User) -> Resource:
    """Name a user for the audit."""
    return Resource(kind="user", id=user.user_id, name=user.name)


def group_resource(group: Group) -> Resource:
    """Name a group for the audit."""
    return Resource(kind="group", id=group.group_id, name=group.name)


def key_resource(key: ClientKey) -> Resource:
    """Name a key for the audit."""
    return Resource(kind="key", id=key.key_id, name=key.name)


def admin_key_resource(key: AdminKey) -> Resource:
    """Name an admin key for the audit."""
    return Resource(kind="admin_key", id=key.admin_key_id, name=key.name)


def grant_resource(grant: Grant) -> Resource:
    """Name a grant for the audit."""
    return Resource(kind="grant", id=grant.grant_id, name=None)


def mcp_resource(mcp: Mcp) -> Resource:
    """Name an entry for the audit."""
    return Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name)


def session_resource(session: Session) -> Resource:
    """Name a session for the audit."""
    return Resource(kind="session", id=session.session_id, name=session.friendly_name)
